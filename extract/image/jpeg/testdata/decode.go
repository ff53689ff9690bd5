//go:build ignore

// decode answers, for each file on its input (4 bytes of length, little-endian,
// and the file), with the size and the digest of the pixels, or the error.
package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"image"
	"io"
	"os"

	"github.com/headstart-ml/headstart/extract/image/jpeg"
)

func main() {
	in := bufio.NewReader(os.Stdin)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	var d jpeg.Decoder
	for {
		var n uint32
		if binary.Read(in, binary.LittleEndian, &n) != nil {
			return
		}
		b := make([]byte, n)
		if _, err := io.ReadFull(in, b); err != nil {
			panic(err)
		}
		fmt.Fprintln(out, answer(&d, b))
	}
}

// answer decodes a file as a whole, and a part of it with d.
func answer(d *jpeg.Decoder, b []byte) (line string) {
	defer func() {
		if r := recover(); r != nil {
			line = fmt.Sprint("PANIC ", r)
		}
	}()
	m, err := jpeg.Decode(b)
	if err != nil {
		return "ERR " + err.Error()
	}
	w, h := m.Width, m.Height
	part := image.Rect(w/3, h/4, w-w/5, h-h/3)
	if _, err := d.Open(b, part); err != nil {
		return "PANIC part: " + err.Error()
	}
	if part.Empty() {
		part = image.Rect(0, 0, w, h)
	}
	row := make([]byte, 3*part.Dx())
	for y := part.Min.Y; y < part.Max.Y; y++ {
		if err := d.Row(row); err != nil {
			return "PANIC part: " + err.Error()
		}
		if string(row) != string(m.Pix[3*(y*w+part.Min.X):][:len(row)]) {
			return fmt.Sprintf("PANIC row %d of the part differs", y)
		}
	}
	if err := d.Close(); err != nil {
		return "PANIC part: " + err.Error()
	}
	return fmt.Sprintf("OK %dx%d %x", w, h, sha256.Sum256(m.Pix))
}

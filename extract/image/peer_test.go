//go:build !windows

package image

import (
	"archive/zip"
	"bufio"
	"bytes"
	"fmt"
	"image"
	stdjpeg "image/jpeg"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/headstart-ml/headstart/extract/image/jpeg"
)

// TestPeer is our side of bench/images.py, which starts it: each line that it
// reads is a task, a photograph of jpeg/testdata/bench.zip and how often; it
// answers with the CPU seconds of one time.
func TestPeer(t *testing.T) {
	if os.Getenv("HEADSTART_PEER") == "" {
		return
	}
	p := mustNew(t, plain())
	w, h := p.Size()
	crop := make([]byte, 3*w*h)
	var d jpeg.Decoder
	var row []byte
	pictures, s := make(map[string]picture), new(scratch) // of decoded images
	tasks := map[string]func(content []byte) error{
		"decode": func(content []byte) error {
			h, err := d.Open(content, image.Rectangle{})
			row = grow(row, 3*h.Width)
			for y := 0; err == nil && y < h.Height; y++ {
				err = d.Row(row)
			}
			if err != nil {
				return err
			}
			return d.Close()
		},
		"decode-go": func(content []byte) error {
			_, err := stdjpeg.Decode(bytes.NewReader(content))
			return err
		},
		"crop": func(content []byte) error {
			_, err := p.CropTo(crop, content)
			return err
		},
		"resize": func(content []byte) error {
			pic := pictures[string(content)]
			w, h := p.resized(pic.w, pic.h)
			return p.fit(crop, &pic, w, h, s)
		},
	}
	z, err := zip.OpenReader("jpeg/testdata/bench.zip")
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	fmt.Println("ready")
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var task, name string
		var times int
		if _, err := fmt.Fscan(strings.NewReader(lines.Text()), &task, &name, &times); err != nil {
			t.Fatal(err)
		}
		f, err := z.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(f)
		if err != nil {
			t.Fatal(err)
		}
		if task == "resize" && pictures[string(content)].w == 0 {
			pictures[string(content)] = decoded(t, p, content)
		}
		before := processor(t)
		for range times {
			if err := tasks[task](content); err != nil {
				t.Fatal(err)
			}
		}
		fmt.Println((processor(t) - before) / float64(times))
	}
}

// processor returns the CPU seconds of this process.
func processor(t *testing.T) float64 {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		t.Fatal(err)
	}
	return float64(r.Utime.Nano()+r.Stime.Nano()) / 1e9
}

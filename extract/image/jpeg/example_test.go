package jpeg_test

import (
	"bytes"
	"fmt"
	"image"
	stdjpeg "image/jpeg"

	"github.com/headstart-ml/headstart/extract/image/jpeg"
)

func Example() {
	var file bytes.Buffer
	if err := stdjpeg.Encode(&file, image.NewGray(image.Rect(0, 0, 40, 20)), nil); err != nil {
		fmt.Println(err)
		return
	}
	h, err := jpeg.ReadHeader(file.Bytes())
	if err != nil {
		fmt.Println(err)
		return
	}
	// The square in the middle, row by row.
	square := image.Rect(10, 0, 30, 20)
	var d jpeg.Decoder
	if _, err := d.Open(file.Bytes(), square); err != nil {
		fmt.Println(err)
		return
	}
	row := make([]byte, 3*square.Dx())
	for range square.Dy() {
		if err := d.Row(row); err != nil {
			fmt.Println(err)
			return
		}
	}
	if err := d.Close(); err != nil { // the file is damaged below the square
		fmt.Println(err)
		return
	}
	fmt.Println(h.Width, h.Height, row[:3])
	// Output: 40 20 [0 0 0]
}

package source_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/extract/source"
)

// idxOf makes an IDX file of that type.
func idxOf(kind byte, dims []uint32, values string) string {
	b := []byte{0, 0, kind, byte(len(dims))}
	for _, d := range dims {
		b = binary.BigEndian.AppendUint32(b, d)
	}
	return string(b) + values
}

// The images of IDX files are samples, with the labels of the file beside them
// and the split that the name says.
func TestIDX(t *testing.T) {
	images, labels := idxOf(8, []uint32{3, 2, 2}, "abcdefghijkl"), idxOf(8, []uint32{3}, "\x07\x00\x09")
	train := []string{
		"train-images-idx3-ubyte#1|7|train|||P5\n2 2\n255\nabcd", "train-images-idx3-ubyte#2|0|train|||P5\n2 2\n255\nefgh", "train-images-idx3-ubyte#3|9|train|||P5\n2 2\n255\nijkl",
	}
	for _, zipped := range []string{"", ".gz", "both"} {
		dir, imagesName, labelsName := t.TempDir(), "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
		i, l := images, labels
		if zipped != "" {
			l, labelsName = string(gzipped([]byte(l))), labelsName+".gz"
		}
		if zipped == "both" {
			i, imagesName = string(gzipped([]byte(i))), imagesName+".gz"
		}
		for name, content := range map[string]string{imagesName: i, labelsName: l} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		samples, err := read(t, nil, filepath.Join(dir, imagesName))
		if err != nil {
			t.Fatal(err)
		}
		check(t, samples, train...)
		_, err = read(t, nil, filepath.Join(dir, labelsName))
		fails(t, err, "an IDX file of labels", "give that one")
	}
	samples, err := read(t, nil, file(t, "t10k-images-idx3-ubyte", images))
	if err != nil {
		t.Fatal(err)
	}
	check(t, samples[:1], "t10k-images-idx3-ubyte#1||test|||P5\n2 2\n255\nabcd")
	samples, err = read(t, &source.Options{Stdin: strings.NewReader(idxOf(8, []uint32{1, 1, 2, 3}, "abcdef"))}, "-")
	if err != nil {
		t.Fatal(err)
	}
	check(t, samples, "stdin#1|||||P6\n2 1\n255\nabcdef")
}

func TestIDXThatIsNone(t *testing.T) {
	for content, says := range map[string]string{
		idxOf(8, []uint32{3, 2, 2}, "abcdefghijk"):                      "its header says 3×2×2, which take 28 bytes; the file has 27",
		idxOf(8, []uint32{3, 2, 2}, "abcdefghijklm"):                    "the file has 29",
		idxOf(8, []uint32{1 << 31, 1 << 15, 1 << 15}, ""):               "larger than the limit",
		idxOf(8, []uint32{1, 1<<32 - 1, 1<<32 - 1}, ""):                 "larger than the limit",
		idxOf(8, []uint32{1<<32 - 1, 28, 28}, ""):                       "which take",
		idxOf(8, []uint32{2, 0, 2}, ""):                                 "no pixels",
		idxOf(13, []uint32{1, 1, 1}, "abcd"):                            "an IDX file of 32-bit floats",
		idxOf(8, []uint32{1, 1, 1, 4}, "abcd"):                          "1×1×1×4",
		idxOf(8, []uint32{1, 4}, "abcd"):                                "two dimensions",
		idxOf(8, []uint32{0, 2, 2}, ""):                                 "no records",
		string(gzipped([]byte(idxOf(8, []uint32{2, 2, 2}, "abcdefg")))): "ends after 1 of the 2 images",
		string(gzipped([]byte(idxOf(8, []uint32{1, 2, 2}, "abcdefg")))): "something follows its 1 images",
	} {
		_, err := read(t, nil, file(t, "x-images-idx3-ubyte", content))
		fails(t, err, "x-images-idx3-ubyte", says)
	}
	dir := t.TempDir()
	for name, content := range map[string]string{"images": idxOf(8, []uint32{2, 1, 1}, "ab"), "labels": idxOf(8, []uint32{3}, "abc")} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	_, err := read(t, nil, filepath.Join(dir, "images"))
	fails(t, err, "labels: 3 of unsigned bytes, where 2 labels are wanted")
}

// Whatever an IDX file holds, its samples are as many bytes of it.
func FuzzIDX(f *testing.F) {
	f.Add([]byte(idxOf(8, []uint32{3, 2, 2}, "abcdefghijkl")))
	f.Add([]byte(idxOf(8, []uint32{1, 1, 1, 3}, "abc")))
	f.Add([]byte(idxOf(8, []uint32{1 << 31, 1 << 15, 1 << 15}, "a")))
	f.Fuzz(func(t *testing.T, content []byte) {
		samples, err := read(t, &source.Options{Format: "idx", Stdin: bytes.NewReader(content)}, "-")
		if err != nil || bytes.HasPrefix(content, []byte("\x1f\x8b")) {
			return
		}
		var all []byte
		for _, s := range samples {
			pnm, err := s.Read(source.MaxContent)
			if err != nil {
				t.Fatal(err)
			}
			var w, h, most int
			var kind byte
			if _, err := fmt.Sscanf(string(pnm[:min(len(pnm), 40)]), "P%c\n%d %d\n%d\n", &kind, &w, &h, &most); err != nil {
				t.Fatalf("%.40q: %v", pnm, err)
			}
			n := w * h
			if kind == '6' {
				n *= 3
			}
			all = append(all, pnm[len(pnm)-n:]...)
		}
		if !bytes.HasSuffix(content, all) {
			t.Fatalf("%d bytes of samples are not those of the file", len(all))
		}
	})
}

package extract_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"fmt"
	"image"
	"image/png"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// smallPicture returns a PNG file like no other number's.
func smallPicture(t testing.TB, number int) []byte {
	t.Helper()
	img := image.NewGray(image.Rect(0, 0, 16, 16))
	for i := range img.Pix {
		img.Pix[i] = byte(number>>(i%4*8) + i)
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// photo returns a PPM file of 12 MB like no other number's.
func photo(t testing.TB, number int) []byte {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, uint64(number)))
	tile := make([]byte, 30_000)
	for i := range tile {
		tile[i] = byte(rng.Uint32())
	}
	return append([]byte("P6 2000 2000 255\n"), bytes.Repeat(tile, 12_000_000/len(tile))...)
}

// packed writes an archive of n pictures, of the kind that its name says.
func packed(t testing.TB, name string, n int, picture func(t testing.TB, number int) []byte, ending string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), name)
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	add := addTo(t, f, filepath.Ext(path))
	for i := range n {
		add(fmt.Sprintf("class%d/%06d.%s", i%10, i, ending), picture(t, i))
	}
	add("", nil)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// Archives go through in the same memory, however many pictures are in them and
// whether or not they are compressed.
func TestMemoryDoesNotGrowWithAnArchive(t *testing.T) {
	for _, tc := range []struct {
		name    string
		n       int
		picture func(t testing.TB, number int) []byte
		ending  string
	}{
		{"small.tar", 5_000, smallPicture, "png"},
		{"small.zip", 5_000, smallPicture, "png"},
		{"photos.tar", 24, photo, "ppm"},
		{"photos.tar.gz", 24, photo, "ppm"},
	} {
		path := packed(t, tc.name, tc.n, tc.picture, tc.ending)
		rows, maxrss := most(t, childCommand(filepath.Join(t.TempDir(), "cache"), path, 0))
		t.Logf("%s: %d rows, at most %d MiB", tc.name, rows, maxrss>>20)
		if rows != int64(tc.n) {
			t.Errorf("%s: %d rows of %d pictures", tc.name, rows, tc.n)
		}
		if maxrss > 300<<20 {
			t.Errorf("%s: %d MiB of memory, more than 300", tc.name, maxrss>>20)
		}
	}
}

// A tar file of 100,000 small pictures: the most memory.
func BenchmarkTarOfSmallPictures(b *testing.B) {
	const n = 100_000
	path := packed(b, "small.tar", n, smallPicture, "png")
	var worst int64
	for b.Loop() {
		rows, maxrss := most(b, childCommand(filepath.Join(b.TempDir(), "cache"), path, 0))
		if rows != n {
			b.Fatalf("%d rows of %d pictures", rows, n)
		}
		worst = max(worst, maxrss)
	}
	b.ReportMetric(float64(worst)/(1<<20), "MiB")
}

// addTo returns what adds a member to an archive in f, and closes the archive
// when it is called without a name.
func addTo(t testing.TB, f io.Writer, ending string) func(name string, content []byte) {
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	if ending == ".zip" {
		w := zip.NewWriter(f)
		return func(name string, content []byte) {
			if name == "" {
				check(w.Close())
				return
			}
			m, err := w.Create(name)
			check(err)
			_, err = m.Write(content)
			check(err)
		}
	}
	closers := []io.Closer{}
	if ending == ".gz" {
		z, err := gzip.NewWriterLevel(f, gzip.BestSpeed)
		check(err)
		f, closers = z, append(closers, z)
	}
	w := tar.NewWriter(f)
	closers = append([]io.Closer{w}, closers...)
	return func(name string, content []byte) {
		if name == "" {
			for _, c := range closers {
				check(c.Close())
			}
			return
		}
		check(w.WriteHeader(&tar.Header{Name: name, Size: int64(len(content)), Mode: 0o644}))
		_, err := w.Write(content)
		check(err)
	}
}

package source_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/headstart-ml/headstart/extract/source"
	"github.com/headstart-ml/headstart/models"
)

// zipOf packs members.
func zipOf(t testing.TB, files ...packedFile) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, f := range files {
		m, err := w.Create(f.name)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(m, f.content)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// A ZIP file is read as the folder that it was made from.
func TestZIPOfAFolder(t *testing.T) {
	path := file(t, "photos.zip", string(zipOf(t,
		packedFile{"photos/", ""}, packedFile{"photos/dog/2.png", strings.Repeat("two", 1000)}, packedFile{"photos/cat/1.png", "one"}, packedFile{"photos/cat/1.txt", "a caption"},
		packedFile{"photos/cat/odd", pngHead}, packedFile{"__MACOSX/photos/cat/._1.png", "x"}, packedFile{"photos/.DS_Store", "x"}, packedFile{"photos/cat/broken.jpg", ""}, packedFile{"photos/README", "x"},
	)))
	src, err := source.Open([]string{path}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	if n, exact := src.Total(t.Context()); n != 4 || !exact || src.Modality() != models.Image {
		t.Errorf("%d samples in all, %v", n, exact)
	}
	samples, err := read(t, nil, path)
	if err != nil {
		t.Fatal(err)
	}
	check(t, samples,
		"photos/photos/cat/1.png|cat||||one", "photos/photos/cat/broken.jpg|cat||||", "photos/photos/cat/odd|cat||||"+pngHead,
		"photos/photos/dog/2.png|dog||||"+strings.Repeat("two", 1000))
	for range 2 { // side by side
		var all sync.WaitGroup
		for _, s := range samples {
			all.Go(func() {
				if _, err := s.Read(1 << 20); err != nil || s.Held() != 0 {
					t.Errorf("%s: %v, %d bytes are held", s.ID, err, s.Held())
				}
			})
		}
		all.Wait()
	}
	samples, err = read(t, nil, file(t, "s.zip", string(zipOf(t, packedFile{"train/cat/1.png", "one"}, packedFile{`val\dog\2.png`, "two"}))))
	if err != nil {
		t.Fatal(err)
	}
	check(t, samples, "s/train/cat/1.png|cat|train|||one", "s/val/dog/2.png|dog|validation|||two")
	samples, err = read(t, nil, file(t, "t.zip", string(zipOf(t, packedFile{"cat/1.txt", "\xef\xbb\xbfone"}, packedFile{"dog/2.txt", "caf\xe9"}))))
	if err != nil {
		t.Fatal(err)
	}
	if len(samples) != 2 || describe(samples[0]) != "t/cat/1.txt|cat||||one" || !strings.Contains(describe(samples[1]), "BAD") {
		t.Errorf("%v %v", describe(samples[0]), describe(samples[1]))
	}
	_, err = read(t, nil, file(t, "n.zip", string(zipOf(t, packedFile{"a.csv", "x"}))))
	fails(t, err, "no pictures in ", "1 .csv")
	_, err = read(t, &source.Options{Stdin: bytes.NewReader(zipOf(t, packedFile{"1.png", ""}))}, "-")
	fails(t, err, "standard input", "must be a file of its own")
}

// Members that cannot be read are bad samples that say why; no more memory is
// taken than a member may have.
func TestZIPMembersThatCannotBeRead(t *testing.T) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	add := func(h *zip.FileHeader, content []byte) {
		m, err := w.CreateRaw(h)
		if err != nil {
			t.Fatal(err)
		}
		m.Write(content)
	}
	plain := func(name string) *zip.FileHeader {
		return &zip.FileHeader{Name: name, Method: zip.Store, CRC32: 0x7a6a66f1, CompressedSize64: 3, UncompressedSize64: 3}
	}
	add(plain("a/crc.png"), []byte("one"))
	h := plain("a/encrypted.png")
	h.Flags = 1
	add(h, []byte("one"))
	for method, name := range map[uint16]string{12: "a/bzip2.png", 77: "a/new.png"} {
		h = plain(name)
		h.Method = method
		add(h, []byte("one"))
	}
	h = plain("a/large.png")
	h.UncompressedSize64 = 65 << 20
	add(h, []byte("one"))
	h = plain("a/lying.png")
	h.Method, h.UncompressedSize64 = zip.Deflate, 63<<20
	add(h, []byte("\x03\x00\x00"))
	h = plain("a/link.png")
	h.SetMode(fs.ModeSymlink | 0o777)
	add(h, []byte("one"))
	add(plain("../up.png"), []byte("one"))
	add(plain("/abs.png"), []byte("one"))
	// Of 60 MiB of zeros that say that they are three bytes.
	bomb, err := w.CreateHeader(&zip.FileHeader{Name: "a/bomb.png", Method: zip.Deflate})
	if err != nil {
		t.Fatal(err)
	}
	bomb.Write(make([]byte, 60<<20))
	w.Close()
	content := b.Bytes()
	at := bytes.LastIndex(content, []byte("a/bomb.png")) // in the list at the end
	binary.LittleEndian.PutUint32(content[at-46+24:], 3)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	samples, err := read(t, nil, file(t, "p.zip", string(content)))
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]string)
	for _, s := range samples {
		_, err := s.Read(source.MaxContent)
		got[s.ID] = fmt.Sprint(err)
	}
	runtime.ReadMemStats(&after)
	for id, says := range map[string]string{
		"p/a/crc.png": "checksum", "p/a/encrypted.png": "encrypted", "p/a/bzip2.png": "a method that is not read (12, bzip2)", "p/a/new.png": "(77, unknown)",
		"p/a/large.png": "over the limit", "p/a/lying.png": "another size", "p/a/link.png": "a symbolic link", "p/../up.png": `".."`, "p//abs.png": "absolute", "p/a/bomb.png": "damaged",
	} {
		if !strings.Contains(got[id], says) {
			t.Errorf("%s: %q does not say %q", id, got[id], says)
		}
	}
	if n := (after.TotalAlloc - before.TotalAlloc) >> 20; n > 16 {
		t.Errorf("%d MiB were allocated", n)
	}
}

// A list whose members share their bytes, or that is too long, is not followed.
func TestZIPWhoseListLies(t *testing.T) {
	whole := zipOf(t, packedFile{"1.png", "one"}, packedFile{"2.png", "two"}, packedFile{"3.png", "three"})
	list := bytes.Index(whole, []byte("PK\x01\x02"))
	second := list + 46 + len("1.png")
	overlap := bytes.Clone(whole)
	binary.LittleEndian.PutUint32(overlap[second+42:], 0) // the place of the second is that of the first
	samples, err := read(t, nil, file(t, "p.zip", string(overlap)))
	if err != nil {
		t.Fatal(err)
	}
	bad := "BAD its bytes in the archive are those of another member, too, so that it is damaged, or made to do harm"
	check(t, samples, "p/1.png|||||"+bad, "p/2.png|||||"+bad, "p/3.png|||||three")

	beyond := bytes.Clone(whole)
	binary.LittleEndian.PutUint32(beyond[second+42:], 1<<30)
	samples, err = read(t, nil, file(t, "p.zip", string(beyond)))
	if err != nil || len(samples) != 3 || !strings.Contains(describe(samples[1]), "BAD its place in the archive cannot be read") {
		t.Errorf("%v, %v", samples, err)
	}
	long := bytes.Clone(whole)
	binary.LittleEndian.PutUint32(long[len(long)-22+12:], 1<<30)
	_, err = read(t, nil, file(t, "p.zip", string(long)))
	fails(t, err, "its list of members has 1073741824 bytes", "unpack it into a folder")
	_, err = read(t, nil, file(t, "p.zip", string(whole[:len(whole)/2])))
	fails(t, err, "missing or damaged")
	twice := zipOf(t, packedFile{"1.png", "one"}, packedFile{"1.png", "two"})
	_, err = read(t, nil, file(t, "p.zip", string(twice)))
	fails(t, err, `id "p/1.png" is there twice`)
}

// Files of formats that are no data sets here are named as what they are, not
// as the archives that they are technically.
func TestFormatsThatAreNamed(t *testing.T) {
	types := packedFile{"[Content_Types].xml", ""}
	for want, content := range map[string]string{
		"Excel": string(zipOf(t, types, packedFile{"xl/workbook.xml", ""})), "Word": string(zipOf(t, types, packedFile{"word/document.xml", ""})),
		"OpenDocument": string(zipOf(t, packedFile{"mimetype", ""}, packedFile{"META-INF/manifest.xml", ""})),
		"PyTorch":      string(zipOf(t, packedFile{"m/data.pkl", ""})),
		"MP3":          "ID3\x04\x00", "7-Zip": "7z\xbc\xaf\x27\x1c", "xz": "\xfd7zXZ\x00", "WAV": "RIFF____WAVE",
	} {
		path := file(t, "x", content)
		_, err := read(t, nil, path)
		fails(t, err, path, want+" files: not read by this version")
		var f *source.FormatError
		if !errors.As(err, &f) || f.Format != want || f.Source != path {
			t.Errorf("%+v", f)
		}
	}
}

package source_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/extract/source"
	"github.com/headstart-ml/headstart/models"
)

// packedFile is a member of an archive of a test.
type packedFile struct {
	name, content string
}

// tarOf packs members.
func tarOf(t testing.TB, files ...packedFile) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		h := &tar.Header{Name: f.name, Size: int64(len(f.content)), Mode: 0o644, Typeflag: tar.TypeReg}
		if strings.HasSuffix(f.name, "/") {
			h.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, f.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gzipped(content []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write(content)
	z.Close()
	return b.Bytes()
}

// eachWay reads an archive as a file, as a compressed file, and from the
// standard input; the samples must be the same.
func eachWay(t *testing.T, opts source.Options, content []byte, base string, want ...string) {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string][]byte{base + ".tar": content, base + ".tar.gz": gzipped(content), base + ".tgz": gzipped(content)} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o666); err != nil {
			t.Fatal(err)
		}
		o := opts
		samples, err := read(t, &o, path)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		check(t, samples, want...)
		src, err := source.Open([]string{path}, &o)
		if err != nil {
			t.Fatal(err)
		}
		defer src.Close()
		for _, err = src.Next(); err == nil; _, err = src.Next() {
		}
		if n, exact := src.Total(t.Context()); n != len(want) || !exact {
			t.Errorf("%s: %d samples in all, %v; want %d", name, n, exact, len(want))
		}
	}
	for i := range want {
		want[i] = "stdin" + strings.TrimPrefix(want[i], base)
	}
	for _, content := range [][]byte{content, gzipped(content)} {
		o := opts
		o.Stdin = bytes.NewReader(content)
		samples, err := read(t, &o, "-")
		if err != nil {
			t.Fatal(err)
		}
		check(t, samples, want...)
	}
}

// A folder that was packed has the labels and splits of the folder, whether it
// was packed from inside or from outside.
func TestTarOfAFolder(t *testing.T) {
	eachWay(t, source.Options{}, tarOf(t,
		packedFile{"./", ""}, packedFile{"./cat/", ""}, packedFile{"./cat/1.png", "one"}, packedFile{"./cat/1.5kg.png", "more"}, packedFile{"./cat/deep/2.png", "two"},
		packedFile{"./README", "x"}, packedFile{"./cat/labels.csv", "x"}, packedFile{"./dog/odd", pngHead}, packedFile{"./.git/3.png", "hidden"}, packedFile{"top.png", "top"},
	), "p", "p/cat/1.png|cat||||one", "p/cat/1.5kg.png|cat||||more", "p/cat/deep/2.png|cat||||two", "p/dog/odd|dog||||"+pngHead, "p/top.png|||||top")

	eachWay(t, source.Options{}, tarOf(t,
		packedFile{"photos/train/cat/1.png", "one"}, packedFile{"photos/val/dog/2.png", "two"}, packedFile{"photos/train/dog/3.png", "three"},
	), "p", "p/photos/train/cat/1.png|cat|train|||one", "p/photos/val/dog/2.png|dog|validation|||two", "p/photos/train/dog/3.png|dog|train|||three")

	eachWay(t, source.Options{}, tarOf(t, packedFile{"train/cat/1.png", "one"}), "p", "p/train/cat/1.png|cat|train|||one")
	eachWay(t, source.Options{}, tarOf(t, packedFile{"cat/1.png", "one"}, packedFile{"cat/2.png", "two"}), "p", "p/cat/1.png|cat||||one", "p/cat/2.png|cat||||two")
	eachWay(t, source.Options{}, tarOf(t, packedFile{"cat/1.txt", "one"}, packedFile{"dog/2.txt", "two\n"}, packedFile{"README", "x"}), "p",
		"p/cat/1.txt|cat||||one", "p/dog/2.txt|dog||||two\n")

	src, err := source.Open([]string{file(t, "x.tar", string(tarOf(t, packedFile{"a.csv", ""}, packedFile{"b.csv", ""}, packedFile{"1.png", "x"}, packedFile{"c.md", ""})))}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	for _, err := src.Next(); err == nil; _, err = src.Next() {
	}
	if got, want := src.Skipped(), []source.Kind{{Name: ".csv", Count: 2, First: "x/a.csv"}, {Name: ".md", Count: 1, First: "x/c.md"}}; !reflect.DeepEqual(got, want) {
		t.Errorf("skipped %v, want %v", got, want)
	}
	_, err = read(t, nil, file(t, "x.tar", string(tarOf(t, packedFile{"a.csv", ""}, packedFile{"b.wav", ""}))))
	fails(t, err, "no pictures in ", "1 .csv, 1 .wav")
	_, err = read(t, nil, file(t, "x.tar", string(tarOf(t))))
	fails(t, err, "no pictures in ")
}

// What lies in one folder at first and elsewhere later has the labels of where
// it lies; where that cannot be looked up before, it is said.
func TestTarWhoseLayoutShowsLate(t *testing.T) {
	var files []packedFile
	var want []string
	for i := range 40 {
		files = append(files, packedFile{fmt.Sprintf("cat/young/%d.png", i), "x"})
		want = append(want, fmt.Sprintf("p/cat/young/%d.png|cat||||x", i))
	}
	files, want = append(files, packedFile{"dog/1.png", "y"}), append(want, "p/dog/1.png|dog||||y")
	content := tarOf(t, files...)
	for _, name := range []string{"p.tar", "p.tgz"} {
		c := content
		if name == "p.tgz" {
			c = gzipped(c)
		}
		samples, err := read(t, nil, file(t, name, string(c)))
		if err != nil {
			t.Fatal(err)
		}
		check(t, samples, want...)
	}
	_, err := read(t, &source.Options{Stdin: bytes.NewReader(content)}, "-")
	fails(t, err, "standard input", `"dog/1.png"`, `"cat/"`, "unpack")
}

func TestWebDataset(t *testing.T) {
	content := tarOf(t,
		packedFile{"000/a.jpg", "pa"}, packedFile{"000/a.cls", "3\n"}, packedFile{"000/a.seg.png", "sa"}, packedFile{"000/a.json", `{"w": 2, "name": "an a", "tags": ["x","y"], "split": "train"}`},
		packedFile{"000/b.PNG", "pb"}, packedFile{"000/b.cls", "0"}, packedFile{"000/b.json", `{"w": 0.5, "split": "val", "name": null}`},
		packedFile{"000/c.jpg", "pc"}, packedFile{"000/c.json", `{"w": `},
		packedFile{"000/d.cls", "1"}, packedFile{"000/d.json", `{}`},
		packedFile{"index.csv", "x"},
	)
	eachWay(t, source.Options{Weight: "w"}, content, "s",
		"s/000/a|3|train||2|pa", "s/000/b|0|validation||0.5|pb",
		"s/000/c|||||BAD 000/c.json: no JSON object: it ends too early",
		"s/000/d|||||BAD the sample is missing: there is only d.cls, d.json")
	eachWay(t, source.Options{Image: "seg.png", Label: "name"}, content, "s",
		"s/000/a|an a|train|||sa", "s/000/b|||||BAD the sample is missing: there is only b.PNG, b.cls, b.json",
		"s/000/c|||||BAD 000/c.json: no JSON object: it ends too early",
		"s/000/d|||||BAD the sample is missing: there is only d.cls, d.json")

	captions := tarOf(t, packedFile{"1.jpg", "pa"}, packedFile{"1.txt", "a cat\n"}, packedFile{"2.jpg", "pb"}, packedFile{"2.txt", "a dog"})
	_, err := read(t, nil, file(t, "c.tar", string(captions)))
	fails(t, err, "a column image and a column text")
	eachWay(t, source.Options{Text: "txt"}, captions, "c", "c/1|||||a cat\n", "c/2|||||a dog")
	eachWay(t, source.Options{Image: "jpg", Label: "txt"}, captions, "c", "c/1|a cat||||pa", "c/2|a dog||||pb")
	_, err = read(t, &source.Options{Image: "jpeg"}, file(t, "c.tar", string(captions)))
	fails(t, err, `no column "jpeg"`, `is it "jpg"?`, `"jpg", "txt"`)

	texts := tarOf(t, packedFile{"1.json", `{"text": "a cat", "label": "c", "id": "x"}`}, packedFile{"2.json", `{"text": "a dog", "label": 7, "id": "y"}`})
	samples, err := read(t, &source.Options{Text: "text"}, file(t, "j.tar", string(texts)))
	if err != nil {
		t.Fatal(err)
	}
	check(t, samples, "x|c||||a cat", "y|7||||a dog")
	src, err := source.Open([]string{file(t, "j.tar", string(captions))}, &source.Options{Text: "txt", With: []string{"text"}})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	if s, err := src.Next(); err != nil || src.Modality() != models.Text || !reflect.DeepEqual(s.With, []string{"a cat"}) || src.Describe()["text"] != "txt" {
		t.Errorf("%+v, %v, %v", s, err, src.Describe())
	}
}

// What a source says of how it was read reads it in the same way again.
func TestArchivesAreReadAgain(t *testing.T) {
	jsons := []packedFile{{"1.json", `{"text": "a cat"}`}, {"2.json", `{"text": "a dog"}`}}
	for _, files := range [][]packedFile{
		{{"meta.json", "{}"}, {"cat/1.png", "one"}, {"cat/2.png", "two"}},
		{{"1.png", "one"}, {"1.cls", "3"}, {"2.png", "two"}, {"2.cls", "4"}},
		{{"a/1.txt", "one"}, {"a/2.txt", "two"}},
		jsons,
	} {
		for name, content := range map[string][]byte{"x.tar": tarOf(t, files...), "x.zip": zipOf(t, files...)} {
			if name == "x.zip" && len(files) == len(jsons) {
				continue // no WebDataset
			}
			path := file(t, name, string(content))
			src, err := source.Open([]string{path}, nil)
			if err != nil {
				t.Fatalf("%v: %v", files, err)
			}
			d := src.Describe()
			src.Close()
			first, err := read(t, nil, path)
			if err != nil {
				t.Fatal(err)
			}
			again, err := read(t, &source.Options{Image: d["image"], Text: d["text"], Recorded: true}, path)
			if err != nil {
				t.Fatal(err)
			}
			var want []string
			for _, s := range first {
				want = append(want, describe(s))
			}
			check(t, again, want...)
		}
	}
}

// Members that are no files of their own are bad samples that say so.
func TestTarMembersThatAreNoFiles(t *testing.T) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range []tar.Header{
		{Name: "a/1.png", Typeflag: tar.TypeReg, Size: 3},
		{Name: "a/hard.png", Typeflag: tar.TypeLink, Linkname: "a/1.png"},
		{Name: "a/soft.png", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"},
		{Name: "a/other.txt", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"},
		{Name: "a/null.png", Typeflag: tar.TypeChar, Devmajor: 1, Devminor: 3},
		{Name: "a/disk", Typeflag: tar.TypeBlock},
		{Name: "a/pipe.png", Typeflag: tar.TypeFifo},
		{Name: "../up.png", Typeflag: tar.TypeReg, Size: 3},
		{Name: "a/../../up.png", Typeflag: tar.TypeReg, Size: 3},
		{Name: "a/../fine.png", Typeflag: tar.TypeReg, Size: 3},
		{Name: "/etc/abs.png", Typeflag: tar.TypeReg, Size: 3},
		{Name: "a/" + strings.Repeat("x", 5000) + ".png", Typeflag: tar.TypeReg, Size: 3},
		{Name: "a/ä\n.png", Typeflag: tar.TypeReg, Size: 3},
	} {
		h.Mode = 0o644
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		w.Write(make([]byte, h.Size))
	}
	w.Close()
	const three = "\x00\x00\x00"
	eachWay(t, source.Options{}, b.Bytes(), "p",
		"p/a/1.png|a||||"+three,
		`p/a/hard.png|||||BAD a hard link in an archive, to "a/1.png"`,
		`p/a/soft.png|||||BAD a symbolic link in an archive, to "/etc/passwd"`,
		"p/a/null.png|||||BAD a device in an archive",
		"p/a/disk|||||BAD a device in an archive",
		"p/a/pipe.png|||||BAD a named pipe in an archive",
		`p/../up.png|||||BAD its path in the archive has ".." in it`,
		`p/a/../../up.png|||||BAD its path in the archive has ".." in it`,
		`p/a/../fine.png|||||BAD its path in the archive has ".." in it`,
		"p//etc/abs.png|||||BAD its path in the archive is absolute",
		"p#11|||||BAD its name has 5006 bytes, over the limit of 4096",
		"p/a/ä\n.png|a||||"+three,
	)
}

// Damage that bounds nothing ends the reading; what came before counts.
func TestTarThatIsDamaged(t *testing.T) {
	whole := tarOf(t, packedFile{"a/1.png", "one"}, packedFile{"a/2.png", strings.Repeat("two", 1000)}, packedFile{"a/3.png", "three"})
	cut := whole[:512+512+512+1000]
	for _, content := range [][]byte{cut, gzipped(cut)} {
		samples, err := read(t, &source.Options{Format: "tar"}, file(t, "p.tar", string(content)))
		if len(content) == len(cut) {
			fails(t, err, "p.tar", "cut short")
		} else {
			fails(t, err, "p.tar", "cut short")
		}
		if len(samples) > 2 {
			t.Errorf("%d samples", len(samples))
		}
	}
	damaged := bytes.Clone(whole)
	copy(damaged[512+512:], "garbage garbage")
	_, err := read(t, nil, file(t, "p.tar", string(damaged)))
	fails(t, err, "p.tar", `after the member "a/1.png"`, "no tar header")

	twice := tarOf(t, packedFile{"a/1.png", "one"}, packedFile{"a/1.png", "two"})
	_, err = read(t, nil, file(t, "p.tar", string(twice)))
	fails(t, err, `id "p/a/1.png" is there twice`, "p.tar member a/1.png")

	// A size that the file does not have is not allocated.
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	w.WriteHeader(&tar.Header{Name: "huge.png", Size: 1 << 40, Mode: 0o644, Format: tar.FormatGNU})
	w.WriteHeader(&tar.Header{Name: "lying.png", Size: 60 << 20, Mode: 0o644})
	samples, err := read(t, nil, file(t, "p.tar", b.String()))
	if err == nil || len(samples) > 1 {
		t.Errorf("%d samples, %v", len(samples), err)
	}
}

package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract/features"
	"github.com/headstart-ml/headstart/extract/source"
)

// gz compresses content.
func gz(content []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write(content)
	z.Close()
	return b.Bytes()
}

// TestTheSameSamplesHaveTheSameKeys extracts 500 pictures from each kind of
// source: they have the same keys and labels, and only the first run computes
// something.
func TestTheSameSamplesHaveTheSameKeys(t *testing.T) {
	const n = 500
	p := newPlace(t)
	p.small("vit")
	type picture struct {
		name, label string
		content     []byte
	}
	var pictures []picture
	seen := make(map[cache.Key]bool)
	for _, r := range slices.Concat(p.samples(0, 220, "symbols"), p.samples(0, 120, "food-and-drink"), p.samples(0, 180, "people-and-body")) {
		content := p.read(filepath.Join(p.emoji, r[0]))
		if key := cache.KeyOf("image", content); seen[key] || len(pictures) == n {
			continue
		} else {
			seen[key] = true
		}
		pictures = append(pictures, picture{path.Base(r[0]), r[2], content})
	}
	if len(pictures) != n {
		t.Fatalf("%d different pictures, want %d", len(pictures), n)
	}

	var comma, semicolon, lines, packed, zipped bytes.Buffer
	type file struct {
		Bytes []byte `parquet:"bytes"`
		Path  string `parquet:"path"`
	}
	type row struct {
		Image file   `parquet:"image"`
		Label string `parquet:"label"`
	}
	var rows []row
	comma.WriteString("image,label\n")
	semicolon.WriteString("image;label\n")
	tarred, zipper := tar.NewWriter(&packed), zip.NewWriter(&zipped)
	for _, x := range pictures {
		at := "photos/" + x.label + "/" + x.name
		p.put(at, x.content)
		fmt.Fprintf(&comma, "%s,%s\n", at, x.label)
		fmt.Fprintf(&semicolon, "%s;%s\n", at, x.label)
		object, err := json.Marshal(map[string]string{"image": at, "label": x.label})
		if err != nil {
			t.Fatal(err)
		}
		lines.Write(append(object, '\n'))
		rows = append(rows, row{file{x.content, x.name}, x.label})
		if err := tarred.WriteHeader(&tar.Header{Name: at, Size: int64(len(x.content)), Mode: 0o644}); err != nil {
			t.Fatal(err)
		}
		tarred.Write(x.content)
		m, err := zipper.Create(at)
		if err != nil {
			t.Fatal(err)
		}
		m.Write(x.content)
	}
	tarred.Close()
	zipper.Close()
	var columns bytes.Buffer
	if err := parquet.Write(&columns, rows); err != nil {
		t.Fatal(err)
	}
	sources := []string{"photos", "c.csv", "s.tsv", "j.jsonl", "z.jsonl.gz", "p.parquet", "a.tar", "b.tar.gz", "d.zip"}
	for name, content := range map[string][]byte{
		"c.csv": comma.Bytes(), "s.tsv": semicolon.Bytes(), "j.jsonl": lines.Bytes(), "z.jsonl.gz": gz(lines.Bytes()), "p.parquet": columns.Bytes(),
		"a.tar": packed.Bytes(), "b.tar.gz": gz(packed.Bytes()), "d.zip": zipped.Bytes(),
	} {
		p.put(name, content)
	}

	var want map[string]cache.Key
	var labels map[string]string
	for i, name := range sources {
		if format := strings.TrimPrefix(path.Ext(strings.TrimSuffix(name, ".gz")), "."); (format == "jsonl" || format == "parquet") && !slices.Contains(source.Formats, format) {
			continue
		}
		sum := p.one(t, "extract --backbone ./vit --max-bad 0 --out "+name+".features "+name)
		computed := 0.0
		if i == 0 {
			computed = n
		}
		sum.wantNumbers(t, map[string]float64{"samples": n, "bad": 0, "computed": computed, "cached": n - computed, "backbone_rows": computed, "duplicates": 0})
		set, err := features.Read(name + ".features")
		if err != nil {
			t.Fatal(err)
		}
		keys, classes := make(map[string]cache.Key), make(map[string]string)
		for k, id := range set.IDs {
			// The records of tables are in the order of the pictures.
			at := path.Base(id)
			if strings.Contains(id, "#") {
				at = pictures[k].name
			}
			keys[at] = set.Keys[k]
			classes[at] = set.Labels[k]
		}
		if i == 0 {
			want, labels = keys, classes
			continue
		}
		equal := 0
		for at, key := range keys {
			if want[at] == key && labels[at] == classes[at] {
				equal++
			}
		}
		if equal != n {
			t.Errorf("%s: %d of %d keys and labels are those of the folder", name, equal, n)
		}
	}
}

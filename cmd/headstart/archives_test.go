package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// tarOf packs members, name after content.
func tarOf(t *testing.T, members ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i := 0; i < len(members); i += 2 {
		if err := w.WriteHeader(&tar.Header{Name: members[i], Size: int64(len(members[i+1])), Mode: 0o644}); err != nil {
			t.Fatal(err)
		}
		w.Write([]byte(members[i+1]))
	}
	w.Close()
	return b.Bytes()
}

// TestArchivesAreSources trains on the shards of a WebDataset, whose samples
// are read again for the report and for comparison, and predicts others.
func TestArchivesAreSources(t *testing.T) {
	p := newPlace(t)
	p.small("vit")
	var shards [2][]string
	for i, r := range p.samples(0, 8, "food-and-drink", "symbols") {
		name := fmt.Sprintf("%03d", i)
		picture := string(p.read(filepath.Join(p.emoji, r[0])))
		shards[i%2] = append(shards[i%2], name+".png", picture, name+".cls", r[2]+"\n", name+".json", fmt.Sprintf(`{"caption": %q, "n": %d}`, r[1], i))
	}
	p.put("s-00.tar", tarOf(t, shards[0]...))
	p.put("s-01.tar", tarOf(t, shards[1]...))
	p.put("all.tar.gz", gz(tarOf(t, append(shards[0], shards[1]...)...)))
	p.one(t, "extract --backbone ./vit --out s.features 's-{00..01}.tar'").wantNumbers(t, map[string]float64{"samples": 16, "computed": 16, "bad": 0})
	p.one(t, "extract --backbone ./vit all.tar.gz").wantNumbers(t, map[string]float64{"samples": 16, "computed": 0, "bad": 0})
	p.one(t, "inspect s.features").wantNumbers(t, map[string]float64{"rows": 16, "classes.symbols": 8})
	p.do(t, "train-head s.features --l2 1 --cv 2 --report r.html")
	if page := string(p.read("r.html")); strings.Count(page, "data:image/png") < 2 {
		t.Error("the report has no pictures of an archive")
	}
	for _, set := range []string{"s.features", "all.features"} {
		p.do(t, "cache verify --recompute 4 "+set)
	}
	if rows := rows(t, p.do(t, "predict s.head.onnx all.tar.gz")); len(rows) != 17 || rows[1][0] != "all/000" {
		t.Errorf("%d rows, the first %v", len(rows), rows[1])
	}
	// They have moved.
	if err := os.MkdirAll("moved", 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"s-00.tar", "s-01.tar"} {
		if err := os.Rename(name, "moved/"+name); err != nil {
			t.Fatal(err)
		}
	}
	p.do(t, "cache verify --recompute 4 --root moved s.features")
}

// TestBombsAreBounded extracts small files that expand to gigabytes.
func TestBombsAreBounded(t *testing.T) {
	p := newPlace(t)
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write(make([]byte, 64<<20))
	z.Close()
	zeros := bytes.Repeat(b.Bytes(), 24) // 1.5 GiB
	var huge bytes.Buffer
	if err := tar.NewWriter(&huge).WriteHeader(&tar.Header{Name: "a/huge.png", Size: 1 << 33, Mode: 0o644}); err != nil {
		t.Fatal(err)
	}
	p.put("b.csv.gz", append(gz([]byte("text,label\na,b\n"+strings.Repeat("c,d\n", 1000))), zeros...))
	p.put("b.tar.gz", append(gz(huge.Bytes()), zeros...))
	p.put("b.lines.gz", append(gz([]byte(strings.Repeat("a text\n", 1000))), zeros...))
	p.put("c.lines.gz", zeros)
	for name, says := range map[string]string{
		"b.csv.gz": "", "b.tar.gz": "expands more than 500 times", "b.lines.gz": "expands more than 500 times", "c.lines.gz": "zero bytes",
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		p.fails(t, "extract "+name, exitFailed, name, says)
		runtime.ReadMemStats(&after)
		if n := (after.TotalAlloc - before.TotalAlloc) >> 20; n > 200 {
			t.Errorf("%s: %d MiB were allocated", name, n)
		}
	}
}

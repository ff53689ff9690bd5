package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestFoldersOfOtherFilesToo extracts a real folder: pictures among files that
// are none.
func TestFoldersOfOtherFilesToo(t *testing.T) {
	p := newPlace(t)
	p.small("vit")
	for i, r := range p.samples(0, 3, "food-and-drink", "symbols") {
		name := "photos/" + r[2] + "/" + filepath.Base(r[0])
		p.put(name, p.read(filepath.Join(p.emoji, r[0])))
		p.put(name+".txt", []byte("a caption"))
		if i == 0 {
			p.put("photos/labels.csv", []byte("image,label\n"))
			p.put("photos/Thumbs.db", []byte{0})
			p.put("photos/broken.heic", []byte("\x00\x00\x00\x18ftypheic"))
		}
	}
	code, stdout, stderr := p.try(t, "extract --backbone ./vit --json --max-bad 1 photos")
	if code != exitDone || !strings.Contains(stderr, "8 files that are no pictures were skipped: 6 .txt, 1 .csv, 1 .db; the first is photos/food-and-drink/") {
		t.Errorf("exit %d: %s", code, stderr)
	}
	sum := objects(t, stdout)[0]
	sum.wantNumbers(t, map[string]float64{"samples": 7, "computed": 6, "bad": 1})
	if skipped, _ := sum["skipped"].([]any); len(skipped) != 3 || object(skipped[1].(map[string]any))["first"] != "photos/labels.csv" {
		t.Errorf("skipped: %v", sum["skipped"])
	}
	if q := string(p.read("photos.quarantine.jsonl")); !strings.Contains(q, "broken.heic") || !strings.Contains(q, "HEIC") {
		t.Errorf("%s", q)
	}

	p.put("tables/a.csv", []byte("text\na\n"))
	p.put("tables/b.wav", nil)
	p.fails(t, "extract tables", exitFailed, "no pictures in tables: 1 .csv, 1 .wav", "is it tables/a.csv that you mean?")
	p.fails(t, "extract song.mp3", exitFailed, "song.mp3 is not there")
	for name, c := range map[string]struct{ content, says string }{
		"song.mp3": {"ID3\x04\x00", "MP3 files: not read by this version; folders of images, "},
		"x.tar.xz": {"\xfd7zXZ\x00", "xz -dc x.tar.xz | headstart"},
		"s.xls":    {"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old Microsoft Office"},
		"t.xlsx":   {"", `python -c "import pandas; pandas.read_excel('t.xlsx').to_csv('t.csv', index=False)"`},
		"v.mp4":    {"\x00\x00\x00\x20ftypisom", "ffmpeg -i v.mp4"},
		"a.npy":    {"\x93NUMPY\x01", "it ends in the first bytes of its header"},
	} {
		p.put(name, []byte(c.content))
		p.fails(t, "extract "+name, exitFailed, name, c.says)
	}
	p.put("mixed/a.svg", nil)
	p.put("mixed/b.txt", []byte("a text"))
	p.fails(t, "extract mixed", exitFailed, "no pictures in mixed: 1 .svg, 1 .txt", "--format texts")
}

// TestFoldersOfTexts trains on what scikit-learn's load_files reads, and reads
// it again.
func TestFoldersOfTexts(t *testing.T) {
	p := newPlace(t)
	p.small("distilbert")
	for i, r := range p.samples(0, 8, "food-and-drink", "symbols") {
		p.put("news/"+r[2]+"/"+strings.Repeat("x", 1+i)+".txt", []byte(r[1]))
	}
	p.one(t, "extract --backbone ./distilbert news").wantNumbers(t, map[string]float64{"samples": 16, "bad": 0})
	p.do(t, "train-head --l2 1 --cv 2 news.features")
	p.one(t, "cache verify news.features --recompute 4")
}

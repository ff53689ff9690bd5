package preprocess_test

import (
	"archive/zip"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/extract"
	"github.com/headstart-ml/headstart/extract/preprocess"
	"github.com/headstart-ml/headstart/extract/source"
	"github.com/headstart-ml/headstart/models"
)

// list is a source of samples.
type list struct {
	samples []*source.Sample
	err     error // in the end; nil: io.EOF
}

func (l *list) Next() (*source.Sample, error) {
	if len(l.samples) == 0 {
		if l.err != nil {
			return nil, l.err
		}
		return nil, io.EOF
	}
	s := l.samples[0]
	l.samples = l.samples[1:]
	return s, nil
}

// images is a backbone with a contract for images.
func images(c *models.ImageSpec) *models.Spec {
	return &models.Spec{Name: "x", Modality: models.Image, Contract: c, Inputs: []models.Input{{Name: "pixel_values", DType: "f32", Role: "pixels"}}}
}

// texts is MiniLM, with the inputs of these roles.
func texts(t *testing.T, roles ...string) *models.Spec {
	t.Helper()
	tokenizer, err := os.ReadFile("../../models/builtin/all-minilm-l6-v2/tokenizer.json")
	if err != nil {
		t.Fatal(err)
	}
	s := &models.Spec{Name: "y", Modality: models.Text, Contract: &models.TextSpec{Tokenizer: tokenizer, MaxLen: 256, Truncation: "right"}}
	for _, r := range roles {
		s.Inputs = append(s.Inputs, models.Input{Name: "input_" + r, DType: "i64", Role: r})
	}
	return s
}

// contract is one of extract/image's manifest.
type contract struct {
	EXIF, Alpha, Grey16 string
	Resize              struct {
		Mode, Filter, Order string
		W, H, Longest       int
	}
	Crop *struct {
		W, H   int
		Offset string
		Fill   [3]uint8
	}
}

func (c *contract) spec() *models.ImageSpec {
	r := c.Resize
	s := &models.ImageSpec{
		Policies: models.Policies{EXIF: c.EXIF, Alpha: c.Alpha, Grey16: c.Grey16}, Convert: "rgb",
		Resize:  models.Resize{Engine: "pillow/1", Order: r.Order, Mode: r.Mode, Width: r.W, Height: r.H, Longest: r.Longest, Filter: r.Filter},
		Rescale: 0.00392156862745098, Mean: [3]float64{0.5, 0.5, 0.5}, Std: [3]float64{0.5, 0.5, 0.5},
		Layout: "nchw",
	}
	if c.Crop != nil {
		s.Crop = models.Crop{Width: c.Crop.W, Height: c.Crop.H, Offset: c.Crop.Offset, Fill: c.Crop.Fill}
	}
	return s
}

// member returns the bytes of NAME.npy in an npz file without the header.
func member(t *testing.T, path, name string, header string) []byte {
	t.Helper()
	z, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	f, err := z.Open(name + ".npy")
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(content[:128]), header) {
		t.Errorf("%s: %q, want %s", path, content[:128], header)
	}
	return content[128:]
}

// Pixels are those of Pillow, in every contract of extract/image's goldens, and
// values those that NumPy computes of them.
func TestImagesAreThoseOfTheReference(t *testing.T) {
	const at = "../image/testdata"
	var m struct {
		Specs map[string]contract
		Cases []struct{ File, Spec, SHA256 string }
	}
	content, err := os.ReadFile(at + "/manifest.json")
	if err == nil {
		err = json.Unmarshal(content, &m)
	}
	if err != nil {
		t.Fatal(err)
	}
	levels := member(t, at+"/goldens.npz", "levels0", "(3, 256)")
	compared := 0
	for name, c := range m.Specs {
		src, want := new(list), make(map[string]string)
		for i, g := range m.Cases {
			if g.Spec != name || i%7 > 0 {
				continue
			}
			path := filepath.Join(at, g.File)
			if strings.HasPrefix(g.File, "emoji/") {
				path = "../../testdata/emoji/images/" + filepath.Base(g.File)
			}
			s := source.File(path)
			s.ID = g.File
			src.samples, want[g.File] = append(src.samples, s), g.SHA256
		}
		spec, dir := images(c.spec()), filepath.Join(t.TempDir(), "seen")
		if _, err := preprocess.Write(context.Background(), spec, src, nil, &preprocess.Settings{Dir: dir, Threads: 2}); err != nil {
			t.Fatal(err)
		}
		for id, sum := range want {
			pixels := pixelsOf(t, filepath.Join(dir, id+".png"))
			if got := fmt.Sprintf("%x", sha256.Sum256(pixels.levels)); got != sum {
				t.Errorf("%s, %s: the pixels are not Pillow's", id, name)
			}
			values := member(t, filepath.Join(dir, id+".npz"), "pixel_values", fmt.Sprintf("'shape': (1, 3, %d, %d)", pixels.h, pixels.w))
			n := pixels.w * pixels.h
			for i, level := range pixels.levels {
				v, l := 4*(i%3*n+i/3), 4*(i%3*256+int(level))
				if !bytes.Equal(values[v:v+4], levels[l:l+4]) {
					t.Fatalf("%s, %s: value %d is not that of level %d", id, name, i, level)
				}
			}
			compared++
		}
	}
	if compared < 100 {
		t.Errorf("only %d crops were compared", compared)
	}
	t.Logf("%d crops compared", compared)
}

type pixels struct {
	w, h   int
	levels []byte
}

func pixelsOf(t *testing.T, path string) *pixels {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	img, err := png.Decode(f)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	rgba := img.(*image.RGBA)
	p := &pixels{w: rgba.Rect.Dx(), h: rgba.Rect.Dy()}
	for i := 0; i < len(rgba.Pix); i += 4 {
		p.levels = append(p.levels, rgba.Pix[i:i+3]...)
	}
	return p
}

// Token ids are those of Hugging Face tokenizers, in the order of the source,
// without padding.
func TestTextsAreThoseOfTheReference(t *testing.T) {
	f, err := os.Open("../text/testdata/golden.jsonl.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	type line struct {
		ID  string
		IDs []int32
		// Type and mask ids.
		TypeIDs       []int64 `json:"type_ids"`
		AttentionMask []int64 `json:"attention_mask"`
	}
	src, want := new(list), [][]int32{}
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var g struct {
			Text  string
			Bytes []byte
			IDs   []int32
		}
		if err := json.Unmarshal(lines.Bytes(), &g); err != nil {
			t.Fatal(err)
		}
		if g.Bytes != nil {
			g.Text = string(g.Bytes)
		}
		if g.Text == "" {
			continue // such a sample is bad
		}
		src.samples = append(src.samples, source.Bytes(fmt.Sprint("t/../", len(want)), []byte(g.Text)))
		want = append(want, g.IDs)
	}
	var out bytes.Buffer
	dir := filepath.Join(t.TempDir(), "none")
	stats := new(extract.Stats)
	if _, err := preprocess.Write(context.Background(), texts(t, "ids", "mask", "types"), src, stats, &preprocess.Settings{Dir: dir, Lines: &out, Threads: 3}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("there is a folder for nothing: %v", err)
	}
	d := json.NewDecoder(&out)
	for i, ids := range want {
		var l line
		if err := d.Decode(&l); err != nil {
			t.Fatal(err)
		}
		if l.ID != fmt.Sprint("t/../", i) || !slices.Equal(l.IDs, ids) || len(l.TypeIDs) != len(ids) || !slices.Equal(l.AttentionMask, slices.Repeat([]int64{1}, len(ids))) {
			t.Fatalf("line %d: %+v, want %v", i, l, ids)
		}
	}
	if d.More() || len(want) < 3000 || stats.Computed.Load() != int64(len(want)) {
		t.Errorf("%d texts, %d prepared", len(want), stats.Computed.Load())
	}
}

// A line has what the graph has an input for.
func TestALineHasTheInputsOfTheGraph(t *testing.T) {
	for roles, want := range map[string]string{
		"ids":            `{"id":"<a>","ids":[101,7592,102]}`,
		"ids mask":       `{"id":"<a>","ids":[101,7592,102],"attention_mask":[1,1,1]}`,
		"ids mask types": `{"id":"<a>","ids":[101,7592,102],"type_ids":[0,0,0],"attention_mask":[1,1,1]}`,
	} {
		for _, dtype := range []string{"i64", "i32"} {
			spec := texts(t, strings.Fields(roles)...)
			for i := range spec.Inputs {
				spec.Inputs[i].DType = dtype
			}
			var out bytes.Buffer
			if _, err := preprocess.Write(context.Background(), spec, &list{samples: []*source.Sample{source.Bytes("<a>", []byte("hello"))}}, nil, &preprocess.Settings{Dir: filepath.Join(t.TempDir(), "x"), Lines: &out}); err != nil {
				t.Fatal(err)
			}
			if out.String() != want+"\n" {
				t.Errorf("%s, %s: %s, want %s", roles, dtype, out.String(), want)
			}
		}
	}
}

// below lists the files below a folder.
func below(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := make(map[string]string)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		all[filepath.ToSlash(name)] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// small is a contract of 8×8 pixels.
func small() *models.Spec {
	c := contract{EXIF: "apply", Alpha: "drop", Grey16: "clip"}
	c.Resize.Mode, c.Resize.Filter, c.Resize.Order, c.Resize.W, c.Resize.H = "exact", "bilinear", "hv", 8, 8
	return images(c.spec())
}

func picture(t *testing.T) []byte {
	t.Helper()
	content, err := os.ReadFile("../image/testdata/images/rgb-480x360.png")
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// Files of hostile ids are below the folder, each sample's its own on every
// file system, in folders where an id has slashes; what is called otherwise is
// listed. The order of the threads does not matter.
func TestHostileIDs(t *testing.T) {
	ids := []string{
		"cat/1.jpg", "é", "deep/er/x", // as they are
		"../x", "/etc/passwd", "x/../../y", "a//b", ".", "..", "", "a/.", "CON", "nul.txt/a", "com1 .x", "new\nline", "\x1b[1m", `C:\x`, "dot./a", "\xff",
		"A", "a", "CAT/1.JPG", "e\u0301", "ß", "SS", "ss",
		"a.npz/b", "quarantine.jsonl/x", "Names.jsonl/x", "b/c", "b.png", "b",
		strings.Repeat("l", 300), strings.Repeat("ü", 150), strings.Repeat("d/", 100) + "x", strings.Repeat("e/", 600) + "x",
		"a/b.png", "a/b",
	}
	var before map[string]string
	for _, threads := range []int{1, 5, 5} {
		src := new(list)
		for _, id := range ids {
			src.samples = append(src.samples, source.Bytes(id, picture(t)))
		}
		root := t.TempDir()
		dir := filepath.Join(root, "a", "seen")
		r, err := preprocess.Write(context.Background(), small(), src, nil, &preprocess.Settings{Dir: dir, Threads: threads})
		if err != nil {
			t.Fatal(err)
		}
		all := below(t, root)
		if n := 2*len(ids) + 1; len(all) != n {
			t.Errorf("%d files, want %d", len(all), n)
		}
		if before != nil {
			for name, content := range all {
				if before[name] != content {
					t.Errorf("%s is another one with %d threads", name, threads)
				}
			}
		}
		before = all
		names := make(map[string]string)
		d := json.NewDecoder(strings.NewReader(all["a/seen/names.jsonl"]))
		for d.More() {
			var l struct{ ID, Name string }
			if err := d.Decode(&l); err != nil {
				t.Fatal(err)
			}
			names[l.ID] = l.Name
		}
		if r.Renamed != len(names) || r.First.ID != "../x" || r.Names != filepath.Join(dir, "names.jsonl") {
			t.Errorf("%+v, and %d are listed", r, len(names))
		}
		folded := make(map[string]bool)
		for _, id := range ids {
			name := id
			if other, ok := names[strings.ToValidUTF8(id, "\ufffd")]; ok {
				name = other
			}
			for _, ending := range []string{".npz", ".png"} {
				at := "a/seen/" + name + ending
				if _, ok := all[at]; !ok {
					t.Errorf("%q has no file %s", id, at)
				}
				if key := strings.ToLower(strings.ToUpper(at)); folded[key] {
					t.Errorf("%s is twice where case does not matter", at)
				} else {
					folded[key] = true
				}
			}
		}
		for _, id := range ids[:3] {
			if names[id] != "" {
				t.Errorf("%s is called %s", id, names[id])
			}
		}
		for id, want := range map[string]string{"../x": "%2E%2E/x", "/etc/passwd": "%2F/etc/passwd", "CON": "%43ON", `C:\x`: "C%3A%5Cx", "new\nline": "new%0Aline", "dot./a": "dot%2E/a"} {
			if names[id] != want {
				t.Errorf("%q is called %q, want %q", id, names[id], want)
			}
		}
	}
}

// Bad samples are listed, and what an earlier run has left of them is gone;
// files of others are not touched, neither through links.
func TestBadSamplesAndFilesThatAreThere(t *testing.T) {
	good, dir := picture(t), t.TempDir()
	run := func(content ...string) *preprocess.Result {
		t.Helper()
		src := new(list)
		for i, c := range content {
			src.samples = append(src.samples, source.Bytes(fmt.Sprint("s", i), []byte(c)))
		}
		r, err := preprocess.Write(context.Background(), small(), src, nil, &preprocess.Settings{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	elsewhere := filepath.Join(t.TempDir(), "mine.png")
	for _, path := range []string{elsewhere, dir + "/s1.png"} {
		if err := os.WriteFile(path, good, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(elsewhere, dir+"/s2.npz"); err != nil {
		t.Fatal(err)
	}
	r := run(string(good), string(good), string(good), "", "no image")
	if got := below(t, dir); len(got) != 5 || got["s1.png"] != string(good) || r.Quarantine != filepath.Join(dir, "quarantine.jsonl") {
		t.Errorf("%d files, %+v", len(got), r)
	}
	var kinds []string
	for _, reason := range r.Reasons.List() {
		kinds = append(kinds, fmt.Sprint(reason.Count, reason.Kind))
	}
	if !slices.Equal(kinds, []string{"2taken", "1empty", "1no-image"}) {
		t.Errorf("%q", kinds)
	}
	list, err := os.ReadFile(r.Quarantine)
	if err != nil || strings.Count(string(list), "\n") != 4 || !strings.Contains(string(list), `{"id":"s3","path":"s3","reason":"empty"}`) {
		t.Errorf("%s, %v", list, err)
	}
	if content, err := os.ReadFile(elsewhere); err != nil || string(content) != string(good) {
		t.Errorf("a file behind a link was written: %v", err)
	}
	// Again, with another first sample.
	for _, name := range []string{"s1.png", "s2.npz"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if r := run("no image", string(good)); r.Reasons.Bad() != 1 {
		t.Errorf("%+v", r)
	}
	got := below(t, dir)
	for name, want := range map[string]bool{"s0.npz": false, "s0.png": false, "s1.npz": true, "s1.png": true} {
		if (got[name] != "") != want {
			t.Errorf("%s is there: %v", name, !want)
		}
	}
	if r := run(string(good), string(good)); r.Quarantine != "" || below(t, dir)["quarantine.jsonl"] != "" {
		t.Errorf("the list of an earlier run is there: %+v", r)
	}
}

// What comes before an error of the source is written, and a run that is
// cancelled ends.
func TestRunsThatEndEarly(t *testing.T) {
	var all []*source.Sample
	for i := range 100 {
		all = append(all, source.Bytes(fmt.Sprint(i), []byte("hello")))
	}
	var out bytes.Buffer
	broken := errors.New("it is broken")
	o := &preprocess.Settings{Dir: t.TempDir(), Lines: &out, Threads: 2}
	if _, err := preprocess.Write(context.Background(), texts(t, "ids"), &list{all, broken}, nil, o); !errors.Is(err, broken) || strings.Count(out.String(), "\n") != 100 {
		t.Errorf("%v: %d lines", err, strings.Count(out.String(), "\n"))
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := preprocess.Write(ctx, texts(t, "ids"), &list{all, nil}, nil, o); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	o.Lines = full{}
	if _, err := preprocess.Write(context.Background(), texts(t, "ids"), &list{all, nil}, nil, o); !errors.Is(err, errFull) {
		t.Error(err)
	}
	if _, err := preprocess.Write(context.Background(), &models.Spec{Modality: "sound"}, &list{all, nil}, nil, o); err == nil {
		t.Error("sounds are written")
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := preprocess.Write(context.Background(), small(), &list{[]*source.Sample{source.Bytes("a", picture(t))}, nil}, nil, &preprocess.Settings{Dir: file}); err == nil || !strings.Contains(err.Error(), "not a directory") {
		t.Errorf("into a file: %v", err)
	}
}

var errFull = errors.New("it is full")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }

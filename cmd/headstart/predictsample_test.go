package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
)

// answered runs a command whose standard output is a terminal.
func answered(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	e, out, errs := testEnv()
	e.stdoutIsTerminal = true
	code = run(t.Context(), program(e), args, e)
	return code, out.String(), errs.String()
}

// withHeads is a place with a head for texts and one for pictures.
func withHeads(t *testing.T) *place {
	t.Helper()
	p := newPlace(t)
	p.table("emoji.csv", "image,name,label,group", p.samples(0, 10, "animals-and-nature", "food-and-drink"))
	p.do(t, "extract --text name --out names.features emoji.csv")
	p.do(t, "train-head names.features --by none --l2 0.01 --calibrate none --split train=1")
	p.small("vit")
	for name, content := range map[string][]byte{
		"wide/1.png": glyph(t, 4, 4, 40, 6), "wide/2.png": glyph(t, 4, 20, 40, 6), "tall/1.png": glyph(t, 4, 4, 6, 40), "tall/2.png": glyph(t, 20, 4, 6, 40),
	} {
		p.put("glyphs/"+name, content)
	}
	p.do(t, "extract --backbone vit --alpha white glyphs")
	p.do(t, "train-head glyphs.features --by none --l2 0.01 --calibrate none --split train=1")
	return p
}

// A text on the command line is answered at once: in words at a terminal, as
// the other results elsewhere.
func TestPredictSample(t *testing.T) {
	p := withHeads(t)
	ask := func(args ...string) []string { return append([]string{"predict", "names.head.onnx"}, args...) }
	code, stdout, stderr := answered(t, ask("--sample", "dog face", "--sample", "a slice of\nbread")...)
	var first, second float64
	if n, err := fmt.Sscanf(stdout, "dog face: animals-and-nature (%f)\na slice of bread: food-and-drink (%f)\n", &first, &second); code != exitDone || n != 2 || !(first > 0.5 && second > 0.5) {
		t.Errorf("exit %d, %v: %s%s", code, err, stdout, stderr)
	}
	if stderr != "" {
		t.Errorf("beside the answer: %s", stderr)
	}
	if _, stdout, _ = answered(t, ask("--sample", "dog face", "--top", "2")...); !strings.HasPrefix(stdout, "dog face:\n  1.000  animals-and-nature\n  0.") || strings.Count(stdout, "\n") != 3 || !strings.Contains(stdout, "  food-and-drink\n") {
		t.Errorf("two classes: %s", stdout)
	}
	if code, stdout, stderr = answered(t, ask("--sample", "")...); code != exitBadSamples || stdout != "sample#1: no answer: empty\n" || !strings.Contains(stderr, "its answer says why") {
		t.Errorf("an empty text, exit %d: %s%s", code, stdout, stderr)
	}
	code, stdout, stderr = headstart(t, ask("--sample", "dog face", "--with", "text")...)
	if got := rows(t, stdout); code != exitDone || len(got) != 2 || strings.Join(got[0], ",") != "id,label,probability,error,text" || got[1][0] != "sample#1" || got[1][1] != "animals-and-nature" || got[1][4] != "dog face" {
		t.Errorf("exit %d: %v %s", code, got, stderr)
	}
	// It is the answer that a file gets, and is in the same cache.
	p.put("one.txt", []byte("dog face\n"))
	fromFile := objects(t, p.do(t, "predict names.head.onnx one.txt --json"))[0]
	code, stdout, stderr = headstart(t, ask("--sample", "dog face", "--json")...)
	got := objects(t, stdout)[0]
	if code != exitDone || got["probability"] != fromFile["probability"] || !strings.Contains(stderr, `"cached":1`) {
		t.Errorf("%v, of a file %v: %s", got, fromFile, stderr)
	}
	for _, c := range []struct{ args, want []string }{
		{[]string{"predict", "glyphs.head.onnx", "--sample", "dog face"}, []string{"takes images", "headstart predict glyphs.head.onnx photo.jpg"}},
		{ask("--sample", "dog face", "emoji.csv"), []string{"either --sample or a source"}},
		{ask("--sample", "dog face", "--text", "name"), []string{"--text says how a source is read"}},
		{ask("--sample", "dog face", "--with", "label"), []string{`no column "label"`, "text"}},
		{ask(), []string{"the source is missing"}},
	} {
		code, _, stderr := headstart(t, c.args...)
		if code == exitDone {
			t.Errorf("%v: no error", c.args)
		}
		for _, part := range c.want {
			if !strings.Contains(stderr, part) {
				t.Errorf("%v: %q does not say %q", c.args, stderr, part)
			}
		}
	}
	if _, _, stderr := headstart(t, ask("what a nice day")...); !strings.Contains(stderr, "no such file or folder") || !strings.Contains(stderr, "headstart predict names.head.onnx --sample 'what a nice day'") {
		t.Errorf("a text in the place of a source: %s", stderr)
	}
}

// Pictures on the command line are answered at once, also those of one name.
func TestPredictPhotos(t *testing.T) {
	p := withHeads(t)
	code, stdout, stderr := answered(t, words("predict --backbone vit glyphs.head.onnx glyphs/wide/1.png")...)
	if code != exitDone || !strings.HasPrefix(stdout, "1.png: wide (") || stderr != "" {
		t.Errorf("exit %d: %s%s", code, stdout, stderr)
	}
	code, stdout, stderr = answered(t, words("predict --backbone vit glyphs.head.onnx glyphs/wide/1.png glyphs/tall/1.png glyphs/tall/2.png")...)
	if code != exitDone || strings.Count(stdout, "\n") != 3 || !strings.Contains(stdout, "wide/1.png: wide (") || !strings.Contains(stdout, "tall/1.png: tall (") || !strings.Contains(stdout, "\n2.png: tall (") {
		t.Errorf("exit %d: %s%s", code, stdout, stderr)
	}
	// A folder is no single picture: its result is a table.
	if _, stdout, _ = answered(t, words("predict --quiet --backbone vit glyphs.head.onnx glyphs")...); !strings.HasPrefix(stdout, "id,label,probability,error\n") {
		t.Errorf("a folder: %s", stdout)
	}
	got := rows(t, p.do(t, "predict --backbone vit glyphs.head.onnx glyphs --with label"))
	if len(got) != 5 || strings.Join(got[0], ",") != "id,label,probability,error,input:label" || got[1][4] != "tall" || got[4][4] != "wide" {
		t.Errorf("with the folders' labels: %v", got)
	}
}

// --with carries columns of the input along, in every format of the result.
func TestPredictWith(t *testing.T) {
	p := withHeads(t)
	p.put("notes.tsv", []byte("name\tlabel\tnote, with a comma\ndog face\tx\t\"a \"\"note\"\"\"\n\ty\tempty\nbread\tz\t\n"))
	const line = "predict names.head.onnx --max-bad 1 --text name notes.tsv --probabilities --with name --with label --quiet"
	args := append(words(line), "--with", "note, with a comma")
	code, stdout, stderr := headstart(t, args...)
	got := rows(t, stdout)
	const header = "id|label|probability|p:animals-and-nature|p:food-and-drink|error|name|input:label|note, with a comma"
	if code != exitDone || len(got) != 4 || strings.Join(got[0], "|") != header {
		t.Fatalf("exit %d: %v %s", code, got, stderr)
	}
	for i, want := range []string{"dog face|x|a \"note\"", "|y|empty", "bread|z|"} {
		if along := strings.Join(got[i+1][6:], "|"); along != want {
			t.Errorf("row %d has %q, want %q", i+1, along, want)
		}
	}
	if got[2][1] != "" || got[2][5] != "empty" {
		t.Errorf("a bad sample: %v", got[2])
	}
	_, stdout, _ = headstart(t, append(args, "--json")...)
	lines := objects(t, stdout)
	if o := lines[0]; o["name"] != "dog face" || o["input:label"] != "x" || o["note, with a comma"] != `a "note"` || o["label"] != "animals-and-nature" {
		t.Errorf("as JSON: %v", o)
	}
	if o := lines[1]; o["name"] != "" || o["note, with a comma"] != "empty" || o["error"] != "empty" {
		t.Errorf("a bad sample as JSON: %v", o)
	}

	if code, _, stderr = headstart(t, append(args, "--out", "result.parquet")...); code != exitDone {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	table := readParquet(t, "result.parquet")
	if strings.Join(table[0], "|") != header {
		t.Errorf("columns of the Parquet file: %v", table[0])
	}
	for i, want := range []string{"dog face|x|a \"note\"", "null|y|empty", "bread|z|null"} {
		if along := strings.Join(table[i+1][6:], "|"); along != want {
			t.Errorf("row %d of the Parquet file has %q, want %q", i+1, along, want)
		}
	}
	if row := strings.Join(table[2][:6], "|"); row != "notes#2|null|null|null|null|empty" {
		t.Errorf("a bad sample in the Parquet file: %s", row)
	}
	if number, want := table[1][2], fmt.Sprint(lines[0]["probability"]); table[1][1] != "animals-and-nature" || number != want || table[1][5] != "null" {
		t.Errorf("in the Parquet file %v, want the probability %s", table[1], want)
	}

	// Lines have their text; feature sets have what they keep of a sample.
	p.put("lines.txt", []byte("dog face\nbread\n"))
	if got := rows(t, p.do(t, "predict names.head.onnx lines.txt --with text")); got[2][len(got[2])-1] != "bread" {
		t.Errorf("lines: %v", got)
	}
	got = rows(t, p.do(t, "predict names.head.onnx names.features --with label --with group --with weight --with split --with key"))
	if strings.Join(got[0], ",") != "id,label,probability,input:label,group,weight,split,key" || got[1][3] != "animals-and-nature" || got[1][4] == "" || got[1][5] != "" || len(got[1][7]) != 64 {
		t.Errorf("features: %v", got[:2])
	}
	p.fails(t, "predict names.head.onnx names.features --with name", exitUsage, "--with name", "label, split, group, weight and key")
	p.fails(t, "predict names.head.onnx --text name notes.tsv --with nmae", exitFailed, `no column "nmae"`, `is it "name"?`)
	p.fails(t, "predict names.head.onnx --text name notes.tsv --with name --with name", exitUsage, "--with name", "given twice")
}

// What the result calls its own is another name there.
func TestColumnsOfOneNameStayApart(t *testing.T) {
	for column, want := range map[string]string{
		"id": "input:id", "label": "input:label", "probability": "input:probability", "error": "input:error", "unsure": "input:unsure", "top": "input:top",
		"label_2": "input:label_2", "probability_10": "input:probability_10", "p:cat": "input:p:cat",
		"text": "text", "label_": "label_", "label_x": "label_x", "Label": "Label", "p": "p", "": "",
	} {
		if got, err := carried([]string{column}); err != nil || got[0] != want {
			t.Errorf("%q becomes %v, %v; want %q", column, got, err, want)
		}
	}
	if _, err := carried([]string{"label", "input:label"}); err == nil {
		t.Error("two columns of the result have one name")
	}
}

// A Parquet file is written a row group at a time, and whole or not at all.
func TestPredictParquet(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "p.parquet")
	classes := []string{"a", "b"}
	text := strings.Repeat("a text of some length; ", 2000)
	begin := func() *predictions {
		t.Helper()
		table, err := newPredictions(formatOf("", path), &layout{classes: classes, top: 2, bad: true, with: []string{"text"}}, path, nil)
		if err != nil {
			t.Fatal(err)
		}
		return table
	}
	table := begin()
	const n = 2000 // of 44 KB each
	for i := range n {
		if err := table.add([]string{fmt.Sprint(i)}, []float64{0.25, 0.75}, [][]string{{text}}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Lstat(path); err == nil {
		t.Error("the file is there before it is whole")
	}
	if err := table.close(); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, _ := f.Stat()
	file, err := parquet.OpenFile(f, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	if file.NumRows() != n {
		t.Errorf("%d rows, want %d", file.NumRows(), n)
	}
	for i, g := range file.RowGroups() {
		if most := int64(groupBytes/len(text) + 1); g.NumRows() > most {
			t.Errorf("row group %d has %d rows, more than %d", i, g.NumRows(), most)
		}
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	given := begin()
	if err := given.addBad("x", "\xff", nil); err != nil {
		t.Fatal(err)
	}
	given.abort()
	after, err := os.ReadFile(path)
	if left, _ := os.ReadDir(dir); err != nil || string(after) != string(before) || len(left) != 1 {
		t.Errorf("a result that was given up changed the file or left another: %v, %v", left, err)
	}
	if code, _, stderr := answered(t, "predict", "x.head.onnx", "y.csv", "--to", "parquet"); code != exitUsage || !strings.Contains(stderr, "--out FILE.parquet") {
		t.Errorf("Parquet on a terminal, exit %d: %s", code, stderr)
	}
}

// readParquet reads the columns' names and the rows of a Parquet file.
func readParquet(t *testing.T, path string) [][]string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	file, err := parquet.OpenFile(f, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range file.Root().Columns() {
		names = append(names, c.Name())
	}
	table := [][]string{names}
	reader := parquet.NewReader(file)
	defer reader.Close()
	buffer := make([]parquet.Row, 16)
	for {
		n, err := reader.ReadRows(buffer)
		for _, row := range buffer[:n] {
			cells := make([]string, len(names))
			for _, v := range row {
				switch {
				case v.IsNull():
					cells[v.Column()] = "null"
				case v.Kind() == parquet.Double:
					cells[v.Column()] = fmt.Sprint(v.Double())
				default:
					cells[v.Column()] = string(v.ByteArray())
				}
			}
			table = append(table, cells)
		}
		if err == io.EOF {
			return slices.Clip(table)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

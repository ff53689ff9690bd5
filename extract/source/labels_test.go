package source_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/headstart-ml/headstart/extract/source"
)

// A cell holds several labels where they are asked for, and one where not.
func TestSeveralLabels(t *testing.T) {
	for _, c := range []struct {
		cell string
		want []string
	}{
		{"a;b", []string{"a", "b"}}, {"a", []string{"a"}}, {"b; a ;b;", []string{"b", "a"}}, {";", []string{}}, {"", nil},
		{`"[""a"", ""b;c"", ""a""]"`, []string{"a", "b;c"}}, {"[]", []string{}}, {" [] ", []string{}},
	} {
		path := file(t, "t.csv", "text,label\nx,"+c.cell+"\n")
		samples, err := read(t, &source.Options{MultiLabel: true}, path)
		if err != nil {
			t.Fatalf("%s: %v", c.cell, err)
		}
		if s := samples[0]; !slices.Equal(s.Labels, c.want) || (s.Labels == nil) != (c.want == nil) || s.Label != "" {
			t.Errorf("%s: labels %#v and %q, want %#v", c.cell, s.Labels, s.Label, c.want)
		}
		if samples, err = read(t, nil, path); err != nil {
			t.Fatal(err)
		}
		if s := samples[0]; s.Labels != nil || s.Label != strings.ReplaceAll(strings.Trim(c.cell, `"`), `""`, `"`) {
			t.Errorf("%s: one label %q and %q", c.cell, s.Label, s.Labels)
		}
	}
}

// The values of columns go along with the samples, in the order asked for.
func TestColumnsThatGoAlong(t *testing.T) {
	table := file(t, "t.csv", "id,name,label,n\na,fox,x,07\nb,,,\n")
	samples, err := read(t, &source.Options{Text: "name", With: []string{"n", "name", "n", "label"}}, table)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"07,fox,07,x", ",,,"} {
		if got := strings.Join(samples[i].With, ","); got != want {
			t.Errorf("sample %d: %q, want %q", i, got, want)
		}
	}
	_, err = read(t, &source.Options{Text: "name", With: []string{"nmae"}}, table)
	fails(t, err, table, `no column "nmae"; is it "name"?`)

	lines := file(t, "t.txt", "one\ntwo\n")
	if samples, err = read(t, &source.Options{With: []string{"text"}}, lines); err != nil {
		t.Fatal(err)
	}
	if got := samples[1].With; !slices.Equal(got, []string{"two"}) {
		t.Errorf("of a line: %q", got)
	}
	_, err = read(t, &source.Options{With: []string{"label"}}, lines)
	fails(t, err, lines, `no table, so it has no column "label"`)
	folder := tree(t, map[string]string{"1.png": ""})
	_, err = read(t, &source.Options{With: []string{"text"}}, folder)
	fails(t, err, folder, `no table, so it has no column "text"; of its samples it says label, split, group, weight`)
	classes := tree(t, map[string]string{"train/fox/1.png": "", "test/owl/2.png": ""})
	if samples, err = read(t, &source.Options{With: []string{"split", "label", "weight"}}, classes); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"test,owl,", "train,fox,"} {
		if got := strings.Join(samples[i].With, ","); got != want {
			t.Errorf("of file %d: %q, want %q", i, got, want)
		}
	}
}

// Too many labels, and empty ones in a list, are bad; the same one many times
// is one, in a time that goes by the length of the cell.
func TestVeryManyLabels(t *testing.T) {
	var many, same strings.Builder
	for i := range source.MaxLabels + 1 {
		fmt.Fprintf(&many, "%d;", i)
	}
	most := strings.TrimSuffix(many.String(), fmt.Sprintf("%d;", source.MaxLabels))
	for range 1 << 17 {
		same.WriteString("1000;")
	}
	table := file(t, "t.csv", "text,label\na,"+many.String()+"\nb,"+most+same.String()+"\nc,\"[\"\"x\"\",\"\"\"\"]\"\n")
	samples, err := read(t, &source.Options{MultiLabel: true}, table)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(samples[1].Labels); n != source.MaxLabels {
		t.Errorf("%d labels: %.300s", n, describe(samples[1]))
	}
	samples[1] = samples[0]
	bad := `t#1|||||BAD more than 1024 labels in column "label", the limit`
	check(t, samples, bad, bad, `t#3|||||BAD an empty label in the list in column "label"`)
}

// A folder's samples have one label each, in a list where lists are asked for.
func TestFolderOfSeveralLabels(t *testing.T) {
	samples, err := read(t, &source.Options{MultiLabel: true, With: []string{"label"}}, tree(t, map[string]string{"fox/1.png": ""}))
	if err != nil {
		t.Fatal(err)
	}
	if s := samples[0]; !slices.Equal(s.Labels, []string{"fox"}) || s.Label != "" || s.With[0] != "fox" {
		t.Errorf("%+v", s)
	}
}

// Where labels are optional, a sample is good whatever its label is.
func TestOptionalLabels(t *testing.T) {
	lines := `{"text": "1", "label": ["a", "b"]}
{"text": "2", "label": {"a": 1}}
{"text": "3", "label": "x"}
{"text": "4", "label": "` + strings.Repeat("y", 5000) + `"}
`
	samples, err := read(t, &source.Options{OptionalLabels: true, With: []string{"label"}}, file(t, "t.jsonl", lines))
	if err != nil {
		t.Fatal(err)
	}
	check(t, samples, "t#1|||||1", "t#2|||||2", "t#3|x||||3", "t#4|||||4")
	if got := samples[0].With[0]; got != `["a","b"]` {
		t.Errorf("along goes %s", got)
	}
	if samples, err = read(t, nil, file(t, "t.jsonl", lines)); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"a list", "an object", "", "5000 bytes"} {
		_, err := samples[i].Read(1)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("record %d: %v, want %q", i+1, err, want)
		}
	}
	// A column of a kind that is not read is none that is needed.
	type box struct{ X, Y int64 }
	var b bytes.Buffer
	if err := parquet.Write(&b, []struct {
		Text  string `parquet:"text"`
		Label []box  `parquet:"label,list"`
	}{{"a", []box{{1, 2}}}}); err != nil {
		t.Fatal(err)
	}
	path := file(t, "t.parquet", b.String())
	_, err = read(t, nil, path)
	fails(t, err, path, `column "label": it holds lists of groups`)
	if samples, err = read(t, &source.Options{OptionalLabels: true}, path); err != nil {
		t.Fatal(err)
	}
	check(t, samples, "t#1|||||a")
	_, err = read(t, &source.Options{OptionalLabels: true, Label: "label"}, path)
	fails(t, err, path, `column "label": it holds lists of groups`)
}

// A member of a WebDataset has several labels: in its JSON, or in a text.
func TestSeveralLabelsOfArchives(t *testing.T) {
	path := file(t, "s.tar", string(tarOf(t,
		packedFile{"1.txt", "a"}, packedFile{"1.cls", "x;y"}, packedFile{"1.json", `{"tags": ["p", "q"]}`},
		packedFile{"2.txt", "b"}, packedFile{"2.cls", "7"}, packedFile{"2.json", `{"tags": []}`},
	)))
	for label, want := range map[string]string{"cls": `["x" "y"] ["7"]`, "tags": `["p" "q"] []`} {
		samples, err := read(t, &source.Options{Text: "txt", Label: label, MultiLabel: true}, path)
		if err != nil || len(samples) != 2 {
			t.Fatal(err)
		}
		if got := fmt.Sprintf("%q %q", samples[0].Labels, samples[1].Labels); got != want || samples[1].Labels == nil {
			t.Errorf("%s: %s, want %s", label, got, want)
		}
	}
}

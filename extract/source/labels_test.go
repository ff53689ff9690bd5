package source_test

import (
	"slices"
	"strings"
	"testing"

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

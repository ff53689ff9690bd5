package features_test

import (
	"bytes"
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract/features"
)

var update = flag.Bool("update", false, "write testdata/lists.features anew")

// several makes a set with several labels a sample: null, none, one, several.
func several(t testing.TB) *features.Set {
	s := small(t)
	s.Meta.FormatVersion, s.Meta.MultiLabel = 2, true
	s.Meta.Reading["multi-label"] = "true"
	s.Labels, s.LabelLists = nil, [][]string{{"b", "a"}, nil, {}, {"a;b"}, {"b", "a"}}
	return s
}

// A set keeps lists of labels, and one without says so in no byte.
func TestSeveralLabels(t *testing.T) {
	bare := several(t)
	bare.LabelLists = nil
	for name, want := range map[string]*features.Set{"lists": several(t), "no list": bare} {
		path := write(t, want)
		got, err := features.Read(path)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !same(got, want) {
			t.Errorf("%s: read\n%#v\nwant\n%#v", name, got.LabelLists, want.LabelLists)
		}
		again, err := os.ReadFile(write(t, got))
		if err != nil {
			t.Fatal(err)
		}
		if content, _ := os.ReadFile(path); !bytes.Equal(content, again) {
			t.Errorf("%s: written again it has other bytes", name)
		}
	}
	content, err := os.ReadFile(write(t, small(t)))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(content, []byte("multi")) || !bytes.Contains(content, []byte(`"format_version":1`)) {
		t.Error("a set of one label a sample says something of several")
	}
}

// A set that an earlier headstart wrote stays what it is.
func TestListsOfBefore(t *testing.T) {
	const path = "testdata/lists.features"
	if *update {
		if err := features.Write(path, several(t)); err != nil {
			t.Fatal(err)
		}
	}
	got, err := features.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if want := several(t); !same(got, want) {
		t.Errorf("read\n%v\nwant\n%v", got, want)
	}
}

// Many rows of many labels, in several row groups, go through a Writer and
// back.
func TestManyLists(t *testing.T) {
	const n = 300_000 // more than a row group
	words := make([]string, 100)
	for i := range words {
		words[i] = fmt.Sprint("label ", i)
	}
	meta := several(t).Meta
	path := filepath.Join(t.TempDir(), "x.features")
	w, err := features.NewWriter(path, &meta)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	labels := func(i int) []string { return words[i%len(words) : min(len(words), i%len(words)+i%11)] }
	for i := range n {
		id := fmt.Sprint(i)
		if err := w.Append(features.Row{ID: id, Key: key(id), Labels: labels(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := features.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	for i, got := range s.LabelLists {
		if !slices.Equal(got, labels(i)) || got == nil {
			t.Fatalf("row %d: %q, want %q", i, got, labels(i))
		}
	}
	if s.N() != n {
		t.Errorf("%d rows", s.N())
	}
}

// A sample has its labels once each, not empty, and not too many.
func TestLabelsThatAreNone(t *testing.T) {
	many := make([]string, features.MaxLabels+1)
	for i := range many {
		many[i] = strings.Repeat("x", i+1)
	}
	for says, labels := range map[string][]string{
		"row 1: an empty label in a list":      {"a", ""},
		`row 1: label "a" twice in a list`:     {"a", "b", "a"},
		`row 1: label "\xff": not UTF-8`:       {"\xff"},
		"row 1: 1025 labels, over the limit":   many,
		"column label":                         nil, // another length
		"several labels a sample in a set of ": {},
	} {
		s := several(t)
		s.LabelLists[0] = labels
		switch {
		case labels == nil:
			s.LabelLists = s.LabelLists[:3]
		case len(labels) == 0:
			s.Meta.MultiLabel = false
		}
		fails(t, features.Write(filepath.Join(t.TempDir(), "x.features"), s), says)
	}
	s := several(t)
	s.Labels = make([]string, 5)
	fails(t, features.Write(filepath.Join(t.TempDir(), "x.features"), s), "one label a sample in a set of several")

	meta := several(t).Meta
	w, err := features.NewWriter(filepath.Join(t.TempDir(), "x.features"), &meta)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	fails(t, w.Append(features.Row{ID: "a", Label: "x"}), `row 1: label "x" alone, in a set of several`)
	meta.MultiLabel = false
	if w, err = features.NewWriter(filepath.Join(t.TempDir(), "x.features"), &meta); err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	fails(t, w.Append(features.Row{ID: "a", Labels: []string{"x"}}), `row 1: labels "x", in a set of one label a sample`)
}

// Sets of several labels join where they agree, whatever the order of labels,
// and are told by who needs one.
func TestJoinSeveralLabels(t *testing.T) {
	join := func(a, b *features.Set) (*features.Table, error) {
		return features.Join([]*features.Set{a, b}, []string{"a.features", "b.features"})
	}
	a, b := several(t), several(t)
	a.Views, b.Views = nil, nil
	b.LabelLists = [][]string{{"a", "b"}, {"c"}, nil, {"a;b"}, {"b", "a"}}
	table, err := join(a, b)
	if err != nil {
		t.Fatal(err)
	}
	if want := [][]string{{"b", "a"}, {"c"}, {}, {"a;b"}, {"b", "a"}}; !reflect.DeepEqual(table.LabelLists, want) || a.LabelLists[1] != nil {
		t.Errorf("joined %#v", table.LabelLists)
	}
	fails(t, table.OneLabel(), "a.features, b.features hold several labels a sample, where one is needed")
	b.LabelLists[3] = []string{"a", "b"}
	_, err = join(a, b)
	fails(t, err, `id "names#4": its label is "[\"a;b\"]" in a.features and "a;b" in b.features`)
	one := small(t)
	one.Views = nil
	_, err = join(a, one)
	fails(t, err, "b.features has one label a sample and a.features several")
	one.Labels = nil
	if table, err = join(one, a); err != nil || !reflect.DeepEqual(table.LabelLists, a.LabelLists) {
		t.Errorf("beside none: %v, %v", table, err)
	}
	if table, err = features.Join([]*features.Set{one}, []string{"x"}); err != nil || table.OneLabel() != nil {
		t.Errorf("one label: %v, %v", err, table.OneLabel())
	}
}

// What stands in a cell says the labels again.
func TestJoinLabels(t *testing.T) {
	for cell, labels := range map[string][]string{
		"": nil, "[]": {}, "a": {"a"}, "a;b": {"a", "b"}, `["a;b","c"]`: {"a;b", "c"}, `[" a"]`: {" a"},
		`["[x"]`: {"[x"}, `["\n\"<é>"]`: {"\n\"<é>"}, "a b;ä": {"a b", "ä"},
	} {
		if got := features.JoinLabels(labels); got != cell {
			t.Errorf("%q: %s, want %s", labels, got, cell)
		}
	}
}

// Files of other programs that are no sets of several labels.
func TestForeignLists(t *testing.T) {
	type good struct {
		ID     string    `parquet:"id"`
		Key    cache.Key `parquet:"key"`
		Labels []string  `parquet:"label,list"`
		Split  string    `parquet:"split,optional"`
		Group  string    `parquet:"group,optional"`
		Weight *float64  `parquet:"weight,optional"`
		View   int32     `parquet:"view"`
	}
	type nulls struct {
		ID     string    `parquet:"id"`
		Key    cache.Key `parquet:"key"`
		Labels []string  `parquet:"label,list" parquet-element:",optional"`
	}
	type one struct {
		ID    string    `parquet:"id"`
		Key   cache.Key `parquet:"key"`
		Label string    `parquet:"label"`
	}
	type numbers struct {
		ID     string    `parquet:"id"`
		Key    cache.Key `parquet:"key"`
		Labels []int64   `parquet:"label,list"`
	}
	type nested struct {
		ID     string     `parquet:"id"`
		Key    cache.Key  `parquet:"key"`
		Labels [][]string `parquet:"label,list"`
	}
	meta := strings.Replace(goodMeta, `:1,`, `:2,"multi_label":true,`, 1)
	many := make([]string, features.MaxLabels+1)
	for i := range many {
		many[i] = strings.Repeat("x", i+1)
	}
	// Every row has as many labels as it may, in a few bytes in all.
	full := make([]good, 65_000)
	for i := range full {
		full[i] = good{ID: "x", Labels: many[:features.MaxLabels/8]}
	}
	for name, test := range map[string]struct{ path, says string }{
		"good":         {parquetFile(t, meta, []good{{ID: "a", Labels: []string{"x", "y"}}, {ID: "b"}}), ""},
		"old version":  {parquetFile(t, strings.Replace(meta, ":2", ":1", 1), []good{{ID: "a"}}), "metadata: format version 1 with several labels a sample, which came with 2"},
		"newer":        {parquetFile(t, strings.Replace(meta, ":2", ":3", 1), []good{{ID: "a"}}), "format version 3, written by a newer headstart; this one reads up to 2"},
		"one label":    {parquetFile(t, meta, []one{{ID: "a"}}), "column label: it is of type REQUIRED BYTE_ARRAY, where a list of BYTE_ARRAY is needed"},
		"numbers":      {parquetFile(t, meta, []numbers{{ID: "a"}}), "column label: it is of type REQUIRED group, where a list of BYTE_ARRAY is needed"},
		"lists of ":    {parquetFile(t, meta, []nested{{ID: "a"}}), "column label: it is of type REQUIRED group, where a list"},
		"null":         {parquetFile(t, meta, []nulls{{ID: "a"}, {ID: "b", Labels: []string{""}}}), "column label: row 2: a null in a list"},
		"empty":        {parquetFile(t, meta, []good{{ID: "a"}, {ID: "b", Labels: []string{"x", ""}}}), "column label: row 2: an empty label in a list"},
		"twice":        {parquetFile(t, meta, []good{{ID: "a", Labels: []string{"x", "y", "x"}}}), `column label: row 1: label "x" twice`},
		"no UTF-8":     {parquetFile(t, meta, []good{{ID: "a", Labels: []string{"\xff"}}}), `column label: row 1: label "\xff": not UTF-8`},
		"many":         {parquetFile(t, meta, []good{{ID: "a", Labels: many}}), "column label: row 1: over 1024 labels, the limit"},
		"lists in one": {parquetFile(t, goodMeta, []good{{ID: "a"}}), "column label: it holds lists"},
		"full lists in few bytes": {parquetFile(t, meta, full, parquet.Compression(&parquet.Zstd)),
			"it would hold far more than its size"},
	} {
		t.Run(name, func(t *testing.T) {
			bounded(t, name, func() {
				_, err := features.Read(test.path)
				if test.says == "" && err != nil {
					t.Error(err)
				}
				if test.says != "" {
					fails(t, err, test.path, test.says)
				}
			})
		})
	}
}

// Lists that say other lengths than they have are errors, in little memory,
// and so is damage at any byte, unless the set is what it was.
func TestListsThatLie(t *testing.T) {
	want := several(t)
	content, err := os.ReadFile(write(t, want))
	if err != nil {
		t.Fatal(err)
	}
	run := func(n int, level byte) []byte { return append(binary.AppendUvarint(nil, uint64(n)<<1), level) }
	levels := func(runs ...[]byte) []byte {
		all := slices.Concat(runs...)
		return append(binary.LittleEndian.AppendUint32(nil, uint32(len(all))), all...)
	}
	labels := func(values int, parts ...[]byte) []byte {
		body := slices.Concat(parts...)
		pages := page(t, values, body, len(body), nil)
		return forgedFrom(t, content, pages, func(m *format.FileMetaData, at int64) {
			c := chunk(m, "label")
			c.Codec, c.DataPageOffset, c.DictionaryPageOffset = format.Uncompressed, at, 0
			c.TotalCompressedSize, c.NumValues = int64(len(pages)), int64(values)
		})
	}
	// The levels of a value: 0 no list, 1 an empty one, 2 a label.
	many := ids(slices.Repeat([]string{"a"}, 5000)...)
	for name, c := range map[string]struct {
		file []byte
		says string
	}{
		"as it should be": {labels(6, levels(run(2, 0), run(1, 1), run(3, 0)), levels(run(3, 2), run(1, 0), run(2, 1)), ids("a", "b", "c")), ""},
		"2^40 labels": {forgedFrom(t, content, nil, func(m *format.FileMetaData, _ int64) { chunk(m, "label").NumValues = 1 << 40 }),
			"1099511627776 values in 5 rows"},
		"5,000 labels":      {labels(5004, levels(run(1, 0), run(4999, 1), run(4, 0)), levels(run(5000, 2), run(4, 0)), many), "column label: row 1: over 1024 labels, the limit"},
		"labels of no list": {labels(7, levels(run(1, 0), run(2, 1), run(4, 0)), levels(run(7, 0))), "row 1: it is damaged or cut off: a list without labels goes on"},
		"labels of an empty one": {labels(6, levels(run(2, 0), run(1, 1), run(3, 0)), levels(run(2, 1), run(1, 2), run(3, 0)), ids("a")),
			"row 2: it is damaged or cut off: a list without labels goes on"},
		"a label too few":      {labels(5, levels(run(5, 0)), levels(run(5, 2)), ids("a", "b", "c", "d")), "damaged"},
		"a row too few":        {labels(5, levels(run(4, 0), run(1, 1)), levels(run(5, 2)), ids("a", "b", "c", "d", "e")), "damaged"},
		"a row too many":       {labels(6, levels(run(6, 0)), levels(run(6, 0))), "damaged"},
		"a label before a row": {labels(5, levels(run(5, 1)), levels(run(5, 2)), ids("a", "b", "c", "d", "e")), "damaged"},
		"levels of 255 bits":   {labels(5, levels(run(5, 255)), levels(run(5, 255))), "damaged"},
	} {
		bounded(t, name, func() {
			_, err := features.Read(save(t, c.file))
			switch {
			case c.says != "":
				fails(t, err, c.says)
			case err != nil:
				t.Errorf("%s: %v", name, err)
			}
		})
	}
	for i := range content {
		for _, b := range []byte{content[i] ^ 1<<(i%8), 0, 0xff} {
			damaged := bytes.Clone(content)
			damaged[i] = b
			bounded(t, "damage", func() {
				if got := readAll(t, damaged); got != nil {
					if got.Meta = want.Meta; !same(got, want) {
						t.Errorf("byte %d is %#x: read\n%v\nwant\n%v", i, b, got, want)
					}
				}
			})
		}
	}
}

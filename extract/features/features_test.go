package features_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract/features"
)

// space makes a space of dimension dim; model is all that it has beside.
func space(t testing.TB, model string, dim int) *cache.Space {
	t.Helper()
	s, err := cache.NewSpace(map[string]any{
		"model": map[string]any{"sha256": model}, "dim": dim, "dtype": "f32",
		"prep": map[string]any{"alpha": "drop", "odd": "<&>\u2028"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func key(s string) cache.Key { return cache.KeyOf("text", []byte(s)) }

// small makes a set with all columns, nulls in each that may have them.
func small(t testing.TB) *features.Set {
	return &features.Set{
		Meta: features.Meta{
			FormatVersion: 1, Spaces: []json.RawMessage{space(t, "a", 3).JSON(), space(t, "b", 2).JSON()},
			Backbone: "all-minilm-l6-v2", Modality: "text", Source: []string{"na<mes.csv"},
			Reading: map[string]string{"text": "name"},
			Counts:  features.Counts{Samples: 5, Bad: 2, Duplicates: 1},
			Tool:    "headstart 0.1", Created: "2020-02-03T04:05:06Z",
		},
		IDs:     []string{"z", "a", "ä\n", "names#4", "5"},
		Keys:    []cache.Key{key("z"), key("a"), key("a"), {}, key("5")},
		Labels:  []string{"cat", "", "dog", "cat", " "},
		Splits:  []string{"train", "validation", "test", "", "train"},
		Groups:  []string{"", "", "g", "h", "g"},
		Weights: []float64{0, 1, math.NaN(), 0.25, 1e300},
		Views:   []int32{0, 1, 2, 0, math.MaxInt32},
	}
}

// same compares sets; NaN weights are equal.
func same(a, b *features.Set) bool {
	plain := func(s *features.Set) *features.Set {
		c := *s
		c.Weights = nil
		for _, w := range s.Weights {
			if math.IsNaN(w) {
				w = -1
			}
			c.Weights = append(c.Weights, w)
		}
		return &c
	}
	return reflect.DeepEqual(plain(a), plain(b))
}

func write(t testing.TB, s *features.Set) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.features")
	if err := features.Write(path, s); err != nil {
		t.Fatal(err)
	}
	return path
}

// fails asserts that err says all of parts.
func fails(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error; want one that says %q", parts)
	}
	for _, p := range append(parts, "features: ") {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("error %q does not say %q", err, p)
		}
	}
}

func TestWriteRead(t *testing.T) {
	bare := small(t)
	bare.Labels, bare.Splits, bare.Groups, bare.Weights, bare.Views = nil, nil, nil, nil, nil
	empty := &features.Set{Meta: small(t).Meta, IDs: []string{}, Keys: []cache.Key{}}
	empty.Meta.Counts.Samples = 0
	for name, want := range map[string]*features.Set{"all": small(t), "bare": bare, "empty": empty} {
		path := write(t, want)
		got, err := features.Read(path)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !same(got, want) {
			t.Errorf("%s: read\n%+v\nwant\n%+v", name, got, want)
		}
		meta, err := features.ReadMeta(path)
		if err != nil || !reflect.DeepEqual(*meta, want.Meta) {
			t.Errorf("%s: metadata %+v, %v", name, meta, err)
		}
	}
}

// Columns that hold nothing are nil when read, whatever was written.
func TestEmptyColumnsAreNil(t *testing.T) {
	s := small(t)
	s.Labels, s.Splits, s.Groups = make([]string, 5), make([]string, 5), make([]string, 5)
	s.Weights, s.Views = []float64{math.NaN(), math.NaN(), math.NaN(), math.NaN(), math.NaN()}, make([]int32, 5)
	got, err := features.Read(write(t, s))
	if err != nil {
		t.Fatal(err)
	}
	if got.Labels != nil || got.Splits != nil || got.Groups != nil || got.Weights != nil || got.Views != nil {
		t.Errorf("%+v", got)
	}
}

// big makes a set of several row groups, with a group a row: more distinct
// strings than a dictionary takes.
func big(t testing.TB, n int) *features.Set {
	s := &features.Set{Meta: small(t).Meta}
	s.Meta.Counts.Samples = n
	for i := range n {
		id := fmt.Sprintf("class%d/%07d.png", i%7, i)
		s.IDs, s.Keys = append(s.IDs, id), append(s.Keys, key(id))
		s.Labels = append(s.Labels, fmt.Sprintf("class%d", i%7))
		s.Groups = append(s.Groups, "group "+id)
		s.Weights = append(s.Weights, float64(i))
	}
	return s
}

func TestSeveralRowGroups(t *testing.T) {
	want := big(t, 300_000)
	got, err := features.Read(write(t, want))
	if err != nil {
		t.Fatal(err)
	}
	if !same(got, want) {
		t.Error("other rows were read than were written")
	}
}

func TestSameBytes(t *testing.T) {
	read := func(path string) []byte {
		t.Helper()
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	s := small(t)
	one, two := read(write(t, s)), read(write(t, s))
	if !bytes.Equal(one, two) {
		t.Error("two files of one set differ")
	}
	// The same rows in other portions.
	path := filepath.Join(t.TempDir(), "x.features")
	w, err := features.NewWriter(path, &s.Meta)
	if err != nil {
		t.Fatal(err)
	}
	for i := range s.N() {
		r := features.Row{ID: s.IDs[i], Key: s.Keys[i], Label: s.Labels[i], Split: s.Splits[i], Group: s.Groups[i], View: s.Views[i]}
		if !math.IsNaN(s.Weights[i]) {
			r.Weight, r.Weighted = s.Weights[i], true
		}
		if err := w.Append(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if three := read(path); !bytes.Equal(one, three) {
		t.Error("the file of a writer differs")
	}
	// Without a date of its own it has the one that the environment sets.
	s.Meta.Created = ""
	t.Setenv("SOURCE_DATE_EPOCH", "1580702706")
	if four := read(write(t, s)); !bytes.Equal(one, four) {
		t.Error("the file of SOURCE_DATE_EPOCH differs")
	}
	t.Setenv("SOURCE_DATE_EPOCH", "yesterday")
	fails(t, features.Write(path, s), path, "SOURCE_DATE_EPOCH", "yesterday")
	if three := read(path); !bytes.Equal(one, three) {
		t.Error("a failed write changed the file that was there")
	}
}

// What pandas, DuckDB and others see.
func TestSchema(t *testing.T) {
	content, err := os.ReadFile(write(t, small(t)))
	if err != nil {
		t.Fatal(err)
	}
	f, err := parquet.OpenFile(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		t.Fatal(err)
	}
	const want = `message record {
	required binary id (STRING);
	required fixed_len_byte_array(32) key;
	optional binary label (STRING);
	optional binary split (STRING);
	optional binary group (STRING);
	optional double weight;
	required int32 view (INT(32,true));
}`
	if got := f.Schema().String(); got != want {
		t.Errorf("schema\n%s\nwant\n%s", got, want)
	}
	text, _ := f.Lookup("headstart")
	var meta struct {
		Spaces  []json.RawMessage
		Created string
	}
	if err := json.Unmarshal([]byte(text), &meta); err != nil {
		t.Fatal(err)
	}
	if want := space(t, "a", 3).JSON(); string(meta.Spaces[0]) != string(want) || !bytes.Contains([]byte(text), want) {
		t.Errorf("the first space is %s, want %s", meta.Spaces[0], want)
	}
}

func TestBadRows(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.features")
	for _, test := range []struct {
		change func(*features.Set)
		says   string
	}{
		{func(s *features.Set) { s.IDs[1] = "" }, "row 2: an empty id"},
		{func(s *features.Set) { s.IDs[1] = "\xff" }, `row 2: id "\xff": not UTF-8`},
		{func(s *features.Set) { s.IDs[1] = strings.Repeat("x", 4097) }, "4097 bytes, over the limit of 4096"},
		{func(s *features.Set) { s.Labels[2] = "\xff" }, `row 3: label "\xff": not UTF-8`},
		{func(s *features.Set) { s.Groups[2] = "\xff" }, `row 3: group "\xff": not UTF-8`},
		{func(s *features.Set) { s.Splits[0] = "val" }, `row 1: split "val"`},
		{func(s *features.Set) { s.Weights[0] = -1 }, "row 1: weight -1"},
		{func(s *features.Set) { s.Weights[0] = math.Inf(1) }, "row 1: weight +Inf"},
		{func(s *features.Set) { s.Views[4] = -1 }, "row 5: view -1"},
		{func(s *features.Set) { s.Keys = s.Keys[:4] }, "5 ids and 4 values in column key"},
		{func(s *features.Set) { s.Labels = s.Labels[:4] }, "5 ids and 4 values in column label"},
		{func(s *features.Set) { s.Meta.Spaces = nil }, "0 spaces"},
		{func(s *features.Set) { s.Meta.Spaces[0] = json.RawMessage("{}") }, "space 1: cache: space: dim"},
	} {
		s := small(t)
		test.change(s)
		fails(t, features.Write(path, s), path, test.says)
	}
	if files, _ := os.ReadDir(filepath.Dir(path)); len(files) != 0 {
		t.Errorf("failed writes left %v", files)
	}
}

// A feature set is there whole or not at all.
func TestWriterWholeOrNotAtAll(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x.features")
	files := func() (names []string) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			names = append(names, e.Name())
		}
		return names
	}
	meta := small(t).Meta
	begin := func() *features.Writer {
		t.Helper()
		w, err := features.NewWriter(path, &meta)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Append(features.Row{ID: "a"}); err != nil {
			t.Fatal(err)
		}
		return w
	}
	w := begin()
	if got := files(); len(got) != 1 || got[0] == "x.features" || !strings.HasPrefix(got[0], ".") {
		t.Errorf("while it is written there is %q", got)
	}
	w.Abort()
	if got := files(); len(got) != 0 {
		t.Errorf("after Abort there is %q", got)
	}
	if err := w.Append(features.Row{ID: "b"}); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Append after Abort: %v", err)
	}
	if err := w.Close(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Close after Abort: %v", err)
	}

	w = begin()
	bad := w.Append(features.Row{ID: "b"}, features.Row{})
	fails(t, bad, "row 3: an empty id")
	if err := w.Append(features.Row{ID: "c"}); err != bad {
		t.Errorf("Append after an error: %v", err)
	}
	if err := w.Close(); err != bad {
		t.Errorf("Close after an error: %v", err)
	}
	if got := files(); len(got) != 0 {
		t.Errorf("after an error there is %q", got)
	}

	w = begin()
	meta.Counts.Bad = 7 // filled in meanwhile
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	w.Abort()
	if got := files(); len(got) != 1 || got[0] != "x.features" {
		t.Errorf("after Close there is %q", got)
	}
	got, err := features.ReadMeta(path)
	if err != nil || got.Counts != (features.Counts{Samples: 1, Bad: 7, Duplicates: 1}) {
		t.Errorf("counts %+v, %v", got.Counts, err)
	}

	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o777); err != nil {
		t.Fatal(err)
	}
	fails(t, features.Write(filepath.Join(dir, "folder"), small(t)), "folder")
	fails(t, features.Write(filepath.Join(dir, "none", "x"), small(t)), "none/x", "no such file")
	if got := files(); len(got) != 2 {
		t.Errorf("failed writes left %q", got)
	}
}

func TestCheckReplace(t *testing.T) {
	s := small(t)
	path := write(t, s)
	if err := features.CheckReplace(path, &s.Meta); err != nil {
		t.Error(err)
	}
	if err := features.CheckReplace(path+"new", &s.Meta); err != nil {
		t.Error(err)
	}
	harmless := s.Meta
	harmless.Source, harmless.Counts, harmless.Created, harmless.Tool = []string{"./na<mes.csv"}, features.Counts{}, "", "headstart 9"
	harmless.Reading = map[string]string{"text": "name", "label": "other"}
	if err := features.CheckReplace(path, &harmless); err != nil {
		t.Error(err)
	}
	for what, change := range map[string]func(*features.Meta){
		"source":           func(m *features.Meta) { m.Source = []string{"other.csv"} },
		"text column":      func(m *features.Meta) { m.Reading = map[string]string{"text": "title"} },
		"image column":     func(m *features.Meta) { m.Reading = map[string]string{"text": "name", "image": "path"} },
		"model.sha256":     func(m *features.Meta) { m.Spaces = []json.RawMessage{space(t, "c", 3).JSON(), s.Meta.Spaces[1]} },
		"dim":              func(m *features.Meta) { m.Spaces = []json.RawMessage{s.Meta.Spaces[0], space(t, "b", 4).JSON()} },
		"number of spaces": func(m *features.Meta) { m.Spaces = m.Spaces[:1] },
		"order of spaces":  func(m *features.Meta) { m.Spaces = []json.RawMessage{m.Spaces[1], m.Spaces[0]} },
	} {
		m := s.Meta
		change(&m)
		err := features.CheckReplace(path, &m)
		other, ok := errors.AsType[*features.OtherError](err)
		if !ok || other.What != what || other.Path != path || other.Have == other.Want {
			t.Errorf("%s: %#v", what, err)
			continue
		}
		fails(t, err, path, "its "+what+" is")
	}
	for _, content := range []string{"", "a,b\n"} {
		foreign := filepath.Join(t.TempDir(), "x.features")
		if err := os.WriteFile(foreign, []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
		err := features.CheckReplace(foreign, &s.Meta)
		if _, ok := errors.AsType[*features.OtherError](err); !ok {
			t.Errorf("a file that is no feature set: %v", err)
		}
		fails(t, err, foreign, "no feature set")
	}
}

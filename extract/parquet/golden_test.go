package parquet_test

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/headstart-ml/headstart/extract/parquet"
)

// open opens the file at path for the length of a test.
func open(t testing.TB, path string, limits *parquet.Limits) (*parquet.File, error) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	return parquet.Open(f, info.Size(), limits)
}

// leaves calls visit with each column of f, with the list that it is in, nil if
// it is in none, and its name with dots.
func leaves(nodes []*parquet.Node, prefix string, visit func(name string, n, list *parquet.Node)) {
	for _, n := range nodes {
		element := n.List()
		switch {
		case element != nil && !element.Group():
			visit(prefix+n.Name, element, n)
		case n.Group():
			leaves(n.Children, prefix+n.Name+".", visit)
		default:
			visit(prefix+n.Name, n, nil)
		}
	}
}

// texts reads a column as texts, lists of texts and nulls.
func texts(t testing.TB, f *parquet.File, n, list *parquet.Node) []any {
	t.Helper()
	text, err := n.Text()
	if err != nil {
		t.Fatalf("%s: %v", n.Name, err)
	}
	c := f.Column(n)
	defer c.Close()
	of := func(v []byte) any {
		if v == nil {
			return nil
		}
		if b, ok := text(nil, v); ok {
			return string(b)
		}
		return nil
	}
	var all []any
	for {
		if list == nil {
			v, err := c.Next()
			if err == io.EOF {
				return all
			}
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, of(v))
			continue
		}
		var row any
		err := c.Row(func(v parquet.Value) error {
			switch {
			case v.Definition < list.Definition: // the list is null
			case v.Definition == list.Definition && n != list:
				row = []any{}
			default:
				have, _ := row.([]any)
				row = append(have, of(v.Bytes))
			}
			return nil
		})
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, row)
	}
}

// What pyarrow writes, with each compression, encoding and version of pages, is
// read as pyarrow reads it.
func TestReadsPyarrow(t *testing.T) {
	b, err := os.ReadFile("testdata/values.json")
	if err != nil {
		t.Fatal(err)
	}
	var want map[string][]any
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob("testdata/pyarrow_*.parquet")
	if len(files) < 10 {
		t.Fatalf("%d files", len(files))
	}
	for _, path := range files {
		f, err := open(t, path, nil)
		if err != nil {
			t.Fatal(err)
		}
		var seen []string
		leaves(f.Columns(), "", func(name string, n, list *parquet.Node) {
			seen = append(seen, name)
			if got := texts(t, f, n, list); !reflect.DeepEqual(got, want[name]) {
				t.Errorf("%s: %s is\n%v\nwant\n%v", path, name, got, want[name])
			}
		})
		slices.Sort(seen)
		if len(seen) != len(want) || f.Rows() != 60 {
			t.Errorf("%s: columns %v, %d rows", path, seen, f.Rows())
		}
	}
}

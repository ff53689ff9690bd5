package source_test

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/headstart-ml/headstart/extract/source"
)

// ids reads the ids of image files.
func ids(t *testing.T, paths ...string) ([]string, error) {
	t.Helper()
	samples, err := read(t, nil, paths...)
	var got []string
	for _, s := range samples {
		got = append(got, s.ID)
	}
	return got, err
}

// Image files of one name have ids with as many folders as tell them apart.
func TestImageFilesOfOneName(t *testing.T) {
	dir := tree(t, map[string]string{"x/a/1.png": "", "x/b/1.png": "", "y/a/1.png": "", "y/2.png": ""})
	at := func(name string) string { return filepath.Join(dir, filepath.FromSlash(name)) }
	for _, c := range []struct{ paths, want []string }{
		{[]string{at("x/a/1.png"), at("y/2.png")}, []string{"1.png", "2.png"}},
		{[]string{at("x/a/1.png"), at("y/2.png"), at("x/b/1.png")}, []string{"a/1.png", "2.png", "b/1.png"}},
		{[]string{at("x/a/1.png"), at("x/b/1.png"), at("y/a/1.png")}, []string{"x/a/1.png", "x/b/1.png", "y/a/1.png"}},
	} {
		got, err := ids(t, c.paths...)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%v: %v, %v; want %v", c.paths, got, err, c.want)
		}
	}
	_, err := ids(t, at("y/2.png"), at("x/../y/2.png"))
	fails(t, err, "2.png", "given twice")
}

func TestTextsInMemory(t *testing.T) {
	s, err := source.Texts("sample", []string{"a nice day", "", "x"}, []string{"text"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if n, exact := s.Total(t.Context()); n != 3 || !exact {
		t.Errorf("%d texts", n)
	}
	first, err := s.Next()
	if err != nil || first.ID != "sample#1" || !slices.Equal(first.With, []string{"a nice day"}) {
		t.Errorf("%+v, %v", first, err)
	}
	if text, err := first.Read(100); err != nil || string(text) != "a nice day" {
		t.Errorf("%q, %v", text, err)
	}
	_, err = source.Texts("sample", []string{"a"}, []string{"label"})
	fails(t, err, "sample", `no column "label"`, "it says text")
}

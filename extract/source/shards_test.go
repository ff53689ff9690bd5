package source

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestExpand(t *testing.T) {
	for pattern, want := range map[string][]string{
		"x":                       {"x"},
		"s-{008..011}.tar":        {"s-008.tar", "s-009.tar", "s-010.tar", "s-011.tar"},
		"s-{3..1}":                {"s-3", "s-2", "s-1"},
		"{train,test}/{0..1}.tar": {"train/0.tar", "train/1.tar", "test/0.tar", "test/1.tar"},
		"{a,b{c,d}}":              {"a", "bc", "bd"},
		"{a}":                     {"{a}"},
		"{a}{b,c}":                {"{a}b", "{a}c"},
		"a{b":                     {"a{b"},
		"{}":                      {"{}"},
		"{a..c}":                  {"{a..c}"},
		"{,x}y":                   {"y", "xy"},
		"{1..99999}{1..99999}":    nil,
		"{0..999999999}":          nil,
		"{0..99999999999}":        {"{0..99999999999}"},
	} {
		if got := expand(pattern, mostShards); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", pattern, got, want)
		}
	}
	if deep := strings.Repeat("{a,", 100000); len(expand(deep, mostShards)) != 1 {
		t.Error("braces that are not closed stand for something")
	}
}

// Shards of a pattern are opened one after the other, in its order, and what
// they hold is known beside the reading.
func TestShards(t *testing.T) {
	dir := t.TempDir()
	for i := range 12 {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("s-%02d.csv", i)), []byte(fmt.Sprintf("text,label\na%d,x\nb,y\n", i)), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	s, err := Open([]string{filepath.Join(dir, "s-{00..11}.csv")}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if s.parts[1].opened != nil {
		t.Error("the second shard is open before it is read")
	}
	var ids []string
	for {
		sample, err := s.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, sample.ID)
		if n, _ := s.Total(t.Context()); len(ids) > 2 && (n < 16 || n > 32) {
			t.Errorf("about %d samples of 24", n)
		}
	}
	if len(ids) != 24 || ids[0] != "s-00#1" || ids[23] != "s-11#2" {
		t.Errorf("%q", ids)
	}
	_, err = Open([]string{filepath.Join(dir, "s-{00..12}.csv")}, nil)
	if err == nil || !strings.Contains(err.Error(), "s-12.csv: no such file") {
		t.Errorf("a shard that is missing: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "{0,1}.csv"), []byte("text\na\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if s, err = Open([]string{filepath.Join(dir, "{0,1}.csv")}, nil); err != nil {
		t.Fatalf("a file whose name has braces: %v", err)
	}
	s.Close()
}

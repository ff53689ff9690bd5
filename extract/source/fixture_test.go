package source_test

import (
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/extract/source"
)

// tree makes files below a new folder and returns its path. A name that ends
// in a slash is a folder, contents that begin with "-> " are symbolic links.
func tree(t testing.TB, files map[string]string) string {
	t.Helper()
	root := filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(root, 0o777); err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		var err error
		if target, ok := strings.CutPrefix(content, "-> "); ok {
			err = os.Symlink(target, path)
		} else if strings.HasSuffix(name, "/") {
			err = os.MkdirAll(path, 0o777)
		} else {
			err = os.WriteFile(path, []byte(content), 0o666)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// file makes one file in a new folder and returns its path.
func file(t testing.TB, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// read reads all samples of paths.
func read(t testing.TB, opts *source.Options, paths ...string) ([]*source.Sample, error) {
	t.Helper()
	src, err := source.Open(paths, opts)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { src.Close() })
	var samples []*source.Sample
	for {
		s, err := src.Next()
		if err == io.EOF {
			return samples, nil
		}
		if err != nil {
			if _, again := src.Next(); again != err {
				t.Errorf("after the error %q Next says %v", err, again)
			}
			return samples, err
		}
		samples = append(samples, s)
	}
}

// describe writes a sample on a line: id, label, split, group, weight, bytes.
func describe(s *source.Sample) string {
	weight := ""
	if s.Weighted {
		weight = fmt.Sprint(s.Weight)
	}
	content, err := s.Read(1 << 20)
	if err != nil {
		return fmt.Sprintf("%s|%s|%s|%s|%s|BAD %v", s.ID, s.Label, s.Split, s.Group, weight, err)
	}
	return fmt.Sprintf("%s|%s|%s|%s|%s|%s", s.ID, s.Label, s.Split, s.Group, weight, content)
}

func check(t *testing.T, samples []*source.Sample, want ...string) {
	t.Helper()
	var got []string
	for _, s := range samples {
		got = append(got, describe(s))
	}
	if !slices.Equal(got, want) {
		t.Errorf("samples are\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// fails asserts that err says all of parts.
func fails(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error; want one that says %q", parts)
	}
	for _, p := range append(parts, "source: ") {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("error %q does not say %q", err, p)
		}
	}
}

// zipped returns content compressed with gzip.
func zipped(content string) string {
	var b strings.Builder
	z := gzip.NewWriter(&b)
	io.WriteString(z, content)
	z.Close()
	return b.String()
}

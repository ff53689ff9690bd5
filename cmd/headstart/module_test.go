package main

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/mod/zip"
)

// packedFile is a file of the checkout, by its path from the root.
type packedFile string

func (f packedFile) at() string                   { return filepath.Join("../..", string(f)) }
func (f packedFile) Path() string                 { return filepath.ToSlash(string(f)) }
func (f packedFile) Lstat() (fs.FileInfo, error)  { return os.Lstat(f.at()) }
func (f packedFile) Open() (io.ReadCloser, error) { return os.Open(f.at()) }

// go install takes the module from a proxy, which packs no module that has a
// file of a name that some system does not take, such as "nul", or two that
// differ in case alone, or more than 500 MB.
func TestTheModuleCanBePacked(t *testing.T) {
	root, made := os.DirFS("../.."), []string{".git", ".cache", "bin", "demo", "dist", "lib"}
	var files []zip.File
	err := fs.WalkDir(root, ".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case slices.Contains(made, path):
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil // of a worktree, or a link
		case !d.IsDir():
			files = append(files, packedFile(path))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	checked, err := zip.CheckFiles(files)
	for _, e := range checked.Invalid {
		t.Errorf("%s: %v", e.Path, e.Err)
	}
	if err != nil && len(checked.Invalid) == 0 {
		t.Error(err)
	}
	// What the program has in it must be there.
	for _, path := range []string{"go.mod", "LICENSE", "models/library/checksums.txt", "models/builtin/efficientnet-lite0/onnx/model.onnx"} {
		if !slices.Contains(checked.Valid, path) {
			t.Errorf("%s is not packed", path)
		}
	}
}

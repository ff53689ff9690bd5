package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/headstart-ml/headstart/cache/draft"
)

// archive is what a tar file will hold. Names use slashes and are relative to
// its only top folder.
type archive struct {
	top      string
	modified time.Time // of every entry
	entries  []entry
}

type entry struct {
	name    string
	content []byte
	link    string // where a link leads; "": it is a file
	program bool   // it may be run
}

// text adds a file of that content.
func (a *archive) text(name, content string) {
	a.entries = append(a.entries, entry{name: name, content: []byte(content)})
}

// link adds a symbolic link.
func (a *archive) link(name, target string) {
	a.entries = append(a.entries, entry{name: name, link: target})
}

// file adds a file of the disk. What may be run stays so; nothing else of its
// mode, its owner and its times is kept.
func (a *archive) file(name, from string) error {
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	content, err := draft.ReadRegular(from)
	if err != nil {
		return err
	}
	a.entries = append(a.entries, entry{name: name, content: content, program: info.Mode()&0o100 != 0})
	return nil
}

// folder adds the regular files that lie right in a folder of the disk.
func (a *archive) folder(name, from string) error {
	files, err := draft.ReadDir(from)
	if err != nil {
		return err
	}
	for _, f := range files {
		if !f.Type().IsRegular() {
			continue
		}
		if err := a.file(path.Join(name, f.Name()), filepath.Join(from, f.Name())); err != nil {
			return err
		}
	}
	return nil
}

// pack returns the archive as a .tar.gz: entries sorted by name, folders before
// what is in them, of user and group 0, with one time and modes 755 and 644;
// the gzip header has neither name nor time.
func (a *archive) pack() ([]byte, error) {
	all := slices.Clone(a.entries)
	folders := map[string]bool{".": true}
	for _, e := range a.entries {
		for dir := path.Dir(e.name); !folders[dir]; dir = path.Dir(dir) {
			folders[dir] = true
			all = append(all, entry{name: dir + "/"})
		}
	}
	slices.SortFunc(all, func(x, y entry) int { return strings.Compare(x.name, y.name) })
	all = slices.Insert(all, 0, entry{name: ""}) // the top folder itself

	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	w := tar.NewWriter(z)
	for i, e := range all {
		if i > 0 && e.name == all[i-1].name {
			return nil, fmt.Errorf("two files are %s", e.name)
		}
		h := &tar.Header{Format: tar.FormatUSTAR, Name: a.top + "/" + e.name, Mode: 0o644, ModTime: a.modified}
		switch {
		case e.link != "":
			h.Typeflag, h.Linkname, h.Mode = tar.TypeSymlink, e.link, 0o777
		case strings.HasSuffix(h.Name, "/"):
			h.Typeflag, h.Mode = tar.TypeDir, 0o755
		default:
			h.Typeflag, h.Size = tar.TypeReg, int64(len(e.content))
		}
		if e.program {
			h.Mode = 0o755
		}
		if err := w.WriteHeader(h); err != nil {
			return nil, fmt.Errorf("%s: %w", e.name, err)
		}
		if _, err := w.Write(e.content); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

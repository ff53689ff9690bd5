package source

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"
)

// folder walks a tree of files in the order of their paths.
type folder struct {
	dir    *dir
	base   string
	prefix string // of ids: "" or BASE/
	splits bool   // first-level folders are splits
	words  *words
	stack  []level
}

// level is one folder on the way to the file that comes next.
type level struct {
	path    string // "" or with a trailing slash
	entries []entry
}

// entry is a name in a folder; a folder's ends with a slash, so that names
// sort as the paths do.
type entry struct {
	name string
	bad  error // why it is a bad sample, if so
}

func openFolder(path, base, prefix string, words *words) (*folder, error) {
	d, err := openDir(path)
	if err != nil {
		return nil, fmt.Errorf("source: %s: %w", path, cause(err))
	}
	f := &folder{dir: d, base: base, prefix: prefix, words: words}
	if err := f.enter(""); err != nil {
		d.close()
		return nil, err
	}
	f.splits = allSplits(f.stack[0].entries)
	return f, nil
}

// allSplits says whether there are folders and all are named as splits are.
func allSplits(entries []entry) bool {
	folders := 0
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.name, "/")
		if !ok {
			continue
		}
		if _, ok := splitOf(name); !ok {
			return false
		}
		folders++
	}
	return folders > 0
}

// enter lists the folder at path and puts it on the stack.
func (f *folder) enter(path string) error {
	entries, err := f.list(path)
	if err != nil {
		return fmt.Errorf("source: %s: %w", filepath.Join(f.dir.name, filepath.FromSlash(path)), f.dir.reason(err))
	}
	f.stack = append(f.stack, level{path, entries})
	return nil
}

// list returns the entries of the folder at path, sorted bytewise.
func (f *folder) list(path string) ([]entry, error) {
	name := strings.TrimSuffix(path, "/")
	if name == "" {
		name = "."
	}
	h, err := f.dir.openList(name)
	if err != nil {
		return nil, err
	}
	defer h.Close()
	var entries []entry
	for {
		found, err := h.ReadDir(4096)
		for _, e := range found {
			name := e.Name()
			if strings.HasPrefix(name, ".") {
				continue
			}
			entry := entry{name: name}
			switch mode := e.Type(); {
			case mode.IsDir():
				entry.name += "/"
			case mode&os.ModeSymlink != 0:
				folder, err := f.follow(path, name)
				if folder {
					entry.name += "/"
				}
				entry.bad = err
			}
			entries = append(entries, entry)
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	return entries, nil
}

// follow says whether the symbolic link name in the folder at path leads to a
// folder, or why it leads nowhere.
func (f *folder) follow(path, name string) (folder bool, err error) {
	target, err := f.dir.stat(path + name)
	if err != nil {
		return false, f.dir.reason(err)
	}
	if !target.IsDir() {
		return false, nil
	}
	// A link to a folder that the path goes through would never end.
	for above := path; ; {
		at := strings.TrimSuffix(above, "/")
		if at == "" {
			at = "."
		}
		info, err := f.dir.stat(at)
		if err != nil {
			return false, f.dir.reason(err)
		}
		if os.SameFile(info, target) {
			return false, errors.New("a symbolic link to a folder that it lies in")
		}
		if at == "." {
			return true, nil
		}
		above = at[:strings.LastIndexByte(at, '/')+1]
	}
}

// nextFile returns the path of the next file and why it is bad, if so.
func (f *folder) nextFile() (path string, bad error, err error) {
	for len(f.stack) > 0 {
		top := &f.stack[len(f.stack)-1]
		if len(top.entries) == 0 {
			f.stack = f.stack[:len(f.stack)-1]
			continue
		}
		e := top.entries[0]
		top.entries = top.entries[1:]
		path := top.path + e.name
		if e.bad == nil && strings.HasSuffix(path, "/") {
			if err := f.enter(path); err != nil {
				return "", nil, err
			}
			continue
		}
		return path, e.bad, nil
	}
	return "", nil, io.EOF
}

func (f *folder) next() (*Sample, error) {
	path, bad, err := f.nextFile()
	if err != nil {
		return nil, err
	}
	s := &Sample{ID: f.prefix + path, Path: f.base + "/" + path, Weight: 1}
	if !utf8.ValidString(path) {
		s.ID, s.Path, s.content = printable(s.ID), printable(s.Path), &nowhere{errNotUTF8}
		return s, nil
	}
	if len(s.ID) > maxName {
		bad = fmt.Errorf("its path has %d bytes, over the limit of %d", len(s.ID), maxName)
	}
	s.content = &inFile{f.dir, path}
	if bad != nil {
		s.content = &nowhere{bad}
	}
	first, rest, deep := strings.Cut(path, "/")
	if deep && f.splits {
		s.Split, _ = splitOf(first)
		first, _, deep = strings.Cut(rest, "/")
	}
	if deep {
		s.Label = f.words.intern(first)
	}
	return s, nil
}

// count walks the whole tree once more.
func (f *folder) count() int {
	again := &folder{dir: f.dir}
	if again.enter("") != nil {
		return -1
	}
	for n := 0; ; n++ {
		if _, _, err := again.nextFile(); err == io.EOF {
			return n
		} else if err != nil {
			return -1
		}
	}
}

func (f *folder) close() error { return f.dir.close() }

// single is an image file by itself.
type single struct {
	sample *Sample
}

func newSingle(path string) (*single, error) {
	name := filepath.Base(path)
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	d := &dir{name: filepath.Dir(path), abs: filepath.Dir(abs)}
	s := &Sample{ID: name, Path: name, Weight: 1, content: &inFile{d, filepath.Base(abs)}}
	if !utf8.ValidString(name) {
		s.ID, s.Path, s.content = printable(name), printable(name), &nowhere{errNotUTF8}
	}
	return &single{s}, nil
}

func (f *single) next() (*Sample, error) {
	if f.sample == nil {
		return nil, io.EOF
	}
	s := f.sample
	f.sample = nil
	return s, nil
}

func (f *single) count() int   { return 1 }
func (f *single) close() error { return nil }

package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/headstart-ml/headstart/models"
)

// folder walks a tree of files in the order of their paths. Each folder is
// listed once: by next when it comes there, or by count, which keeps for next
// what it listed, up to mostKept names.
type folder struct {
	dir    *dir
	base   string
	prefix string // of ids: "" or BASE/
	splits bool   // first-level folders are splits
	words  *words

	mu    sync.Mutex // of what next and count share:
	stack []level
	files int // in the folders that were listed
	kept  map[string]listing
	names int // in kept
}

// mostKept bounds the names that are kept for next: some 100 MB.
const mostKept = 1 << 20

// listing is what count keeps of a folder.
type listing struct {
	entries []entry
	dropped bool // they were too many: these are its folders, and next lists it again
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

// openImages is the open of the format folder: of a folder, or of an image file
// by itself.
func openImages(in *input) (*opened, error) {
	o := &opened{modality: models.Image, empty: "a folder without files (hidden ones do not count)"}
	if !in.folder {
		if !in.again {
			return nil, fmt.Errorf("source: %s: an image must be a file of its own", in.name)
		}
		s := newSingle(in.path)
		o.reader, o.place = s, func(string, int) string { return in.path }
		return o, nil
	}
	d, err := openDir(in.path)
	if err != nil {
		return nil, fmt.Errorf("source: %s: %w", in.path, cause(err))
	}
	f := &folder{dir: d, base: in.base, prefix: in.prefix, words: in.words}
	if err := f.enter(""); err != nil {
		d.close()
		return nil, err
	}
	f.splits = allSplits(f.stack[0].entries)
	o.reader = f
	o.place = func(id string, _ int) string {
		return filepath.Join(in.path, filepath.FromSlash(strings.TrimPrefix(id, in.prefix)))
	}
	return o, nil
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

// enter puts the folder at path on the stack.
func (f *folder) enter(path string) error {
	l, listed := f.kept[path]
	if listed {
		delete(f.kept, path)
		f.names -= len(l.entries)
	}
	if !listed || l.dropped {
		var err error
		if l.entries, err = f.list(path); err != nil {
			return fmt.Errorf("source: %s: %w", filepath.Join(f.dir.name, filepath.FromSlash(path)), f.dir.reason(err))
		}
	}
	if !listed {
		f.files += countFiles(l.entries)
	}
	f.stack = append(f.stack, level{path, l.entries})
	return nil
}

// isFolder says whether the walk goes into e.
func (e *entry) isFolder() bool { return e.bad == nil && strings.HasSuffix(e.name, "/") }

// countFiles counts the samples among entries.
func countFiles(entries []entry) int {
	n := 0
	for i := range entries {
		if !entries[i].isFolder() {
			n++
		}
	}
	return n
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
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(f.stack) > 0 {
		top := &f.stack[len(f.stack)-1]
		if len(top.entries) == 0 {
			f.stack = f.stack[:len(f.stack)-1]
			continue
		}
		e := top.entries[0]
		top.entries = top.entries[1:]
		path := top.path + e.name
		if e.isFolder() {
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

func (f *folder) count(ctx context.Context) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.stack {
		if l := &f.stack[i]; f.look(ctx, l.path, l.entries) != nil {
			return -1
		}
	}
	return f.files
}

// look lists the folders among the entries of the one at path, and all below
// them, as far as that was not done before.
func (f *folder) look(ctx context.Context, path string, entries []entry) error {
	for i := range entries {
		if !entries[i].isFolder() {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		below := path + entries[i].name
		if l, listed := f.kept[below]; listed {
			if err := f.look(ctx, below, l.entries); err != nil {
				return err
			}
			continue
		}
		found, err := f.list(below)
		if err != nil {
			return err
		}
		f.files += countFiles(found)
		keep := listing{entries: found}
		if f.names+len(found) > mostKept {
			keep.entries = slices.DeleteFunc(slices.Clone(found), func(e entry) bool { return !e.isFolder() })
			keep.dropped = true
		}
		if f.kept == nil {
			f.kept = make(map[string]listing)
		}
		f.kept[below] = keep
		f.names += len(keep.entries)
		if err := f.look(ctx, below, keep.entries); err != nil {
			return err
		}
	}
	return nil
}

func (f *folder) close() error { return f.dir.close() }

// single is an image file by itself.
type single struct {
	sample *Sample
}

func newSingle(path string) *single {
	s, name := File(path), filepath.Base(path)
	s.ID, s.Path = name, name
	if !utf8.ValidString(name) {
		s.ID, s.Path, s.content = printable(name), printable(name), &nowhere{errNotUTF8}
	}
	return &single{s}
}

func (f *single) next() (*Sample, error) {
	if f.sample == nil {
		return nil, io.EOF
	}
	s := f.sample
	f.sample = nil
	return s, nil
}

func (f *single) count(context.Context) int { return 1 }
func (f *single) close() error              { return nil }

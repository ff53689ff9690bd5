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

// folder walks a tree of files in the order of their paths. Files that are no
// samples are skipped and counted. Each folder is
// listed once: by next when it comes there, or by count, which keeps for next
// what it listed, up to mostKept names.
type folder struct {
	dir      *dir
	base     string
	prefix   string // of ids: "" or BASE/
	splits   bool   // first-level folders are splits
	texts    bool   // the samples are texts, not images
	encoding string // of texts, as Options.Encoding says
	words    *words

	mu    sync.Mutex // of what next and count share:
	stack []level
	found found // in the folders that were listed
	kept  map[string]listing
	names int // in kept
}

// found counts what was met.
type found struct {
	samples int
	texts   int // skipped, which would be samples of a folder of texts
	foreign int // skipped, which would be none of either
	skipped kinds
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
// by itself. A folder of nothing but texts is one of texts.
func openImages(in *input) (*opened, error) {
	if in.folder {
		return openFolder(in, in.opts.Format != "folder", false)
	}
	if !in.again {
		return nil, fmt.Errorf("source: %s: an image must be a file of its own", in.name)
	}
	s := newSingle(in.path)
	return &opened{
		reader: s, modality: models.Image,
		place: func(string, int) string { return in.path },
	}, nil
}

// openTexts is the open of the format texts.
func openTexts(in *input) (*opened, error) {
	if !in.folder {
		return nil, fmt.Errorf("source: %s: a file, where format texts needs a folder; format lines reads a text a line", in.name)
	}
	return openFolder(in, false, true)
}

// openFolder opens a folder of images, or of texts; auto: whichever it is.
func openFolder(in *input, auto, texts bool) (*opened, error) {
	d, err := openDir(in.path)
	if err != nil {
		return nil, fmt.Errorf("source: %s: %w", in.path, cause(err))
	}
	f := &folder{dir: d, base: in.base, prefix: in.prefix, texts: texts, encoding: in.opts.Encoding, words: in.words}
	o := &opened{reader: f, modality: models.Image}
	if texts {
		o.modality = models.Text
	}
	o.place = func(id string, _ int) string {
		return filepath.Join(in.path, filepath.FromSlash(strings.TrimPrefix(id, in.prefix)))
	}
	if err := f.begin(); err != nil {
		d.close()
		return nil, err
	}
	if f.found.samples > 0 {
		return o, nil
	}
	// Everything was listed.
	if auto && f.found.texts > 0 && f.found.foreign == 0 {
		d.close()
		return openFolder(in, false, true)
	}
	d.close()
	empty := &NoSamplesError{Source: in.path, Samples: "pictures", Skipped: f.skipped()}
	if texts {
		empty.Samples = "texts"
	}
	return nil, empty
}

// begin lists folders until there is a sample, or all of them.
func (f *folder) begin() error {
	if err := f.enter(""); err != nil {
		return err
	}
	f.splits = allSplits(f.stack[0].entries)
	return f.look(context.Background(), "", f.stack[0].entries, true)
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
		n := &f.found
		if listed { // it was counted
			n = new(found)
		}
		var err error
		if l.entries, err = f.list(path, n); err != nil {
			return f.unlisted(path, err)
		}
	}
	f.stack = append(f.stack, level{path, l.entries})
	return nil
}

// unlisted says that the folder at path could not be listed.
func (f *folder) unlisted(path string, err error) error {
	return fmt.Errorf("source: %s: %w", filepath.Join(f.dir.name, filepath.FromSlash(path)), f.dir.reason(err))
}

// isFolder says whether the walk goes into e.
func (e *entry) isFolder() bool { return e.bad == nil && strings.HasSuffix(e.name, "/") }

// list returns the folders and the samples in the folder at path, sorted
// bytewise, and counts the files in n.
func (f *folder) list(path string, n *found) ([]entry, error) {
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
			if entry.isFolder() {
				entries = append(entries, entry)
				continue
			}
			sample, err := f.isSample(path, &entry, e.Type(), n)
			if err != nil {
				return nil, err
			}
			if sample {
				n.samples++
				entries = append(entries, entry)
			} else {
				n.skipped.add(f.base + "/" + path + name)
			}
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

// isSample says whether the file e in the folder at path is a sample, and
// counts in n what it would be elsewhere. What cannot be looked at is one, a
// bad one, unless its name says that it is none.
func (f *folder) isSample(path string, e *entry, mode os.FileMode, n *found) (bool, error) {
	is := natureOf(e.name)
	if is == unclear && e.bad == nil && mode&^os.ModeSymlink == 0 {
		head, err := f.head(path + e.name)
		if m := machine(err); m != nil {
			return false, m
		}
		if err == nil {
			is = sniffed(e.name, head)
		}
	}
	switch {
	case is == unclear:
		return true, nil
	case is == document:
		n.texts++
		return f.texts, nil
	case is == picture:
		return !f.texts, nil
	case is == foreign:
		n.foreign++
	}
	return false, nil
}

// head returns the first bytes of the file at path.
func (f *folder) head(path string) ([]byte, error) {
	file, err := f.dir.open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if err := regular(info); err != nil {
		return nil, err
	}
	head := make([]byte, sniffLength)
	k, err := io.ReadFull(file, head)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = nil
	}
	return head[:k], err
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
			return false, reasonOf(KindLink, "a symbolic link to a folder that it lies in")
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
		bad = reasonOf(KindName, "its path has %d bytes, over the limit of %d", len(s.ID), maxName)
	}
	switch {
	case bad != nil:
		s.content = &nowhere{bad}
	case f.texts:
		s.content = &inTextFile{inFile{f.dir, path}, f.encoding}
	default:
		s.content = &inFile{f.dir, path}
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
		if l := &f.stack[i]; f.look(ctx, l.path, l.entries, false) != nil {
			return -1
		}
	}
	return f.found.samples
}

// skipped returns what was skipped in the folders that were listed.
func (f *folder) skipped() []Kind {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.found.skipped.list()
}

// look lists the folders among the entries of the one at path, and all below
// them, as far as that was not done before; with first it ends when there is a
// sample.
func (f *folder) look(ctx context.Context, path string, entries []entry, first bool) error {
	for i := range entries {
		if first && f.found.samples > 0 {
			return nil
		}
		if !entries[i].isFolder() {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		below := path + entries[i].name
		if l, listed := f.kept[below]; listed {
			if err := f.look(ctx, below, l.entries, first); err != nil {
				return err
			}
			continue
		}
		listed, err := f.list(below, &f.found)
		if err != nil {
			return f.unlisted(below, err)
		}
		keep := listing{entries: listed}
		if f.names+len(listed) > mostKept {
			keep.entries = slices.DeleteFunc(slices.Clone(listed), func(e entry) bool { return !e.isFolder() })
			keep.dropped = true
		}
		if f.kept == nil {
			f.kept = make(map[string]listing)
		}
		f.kept[below] = keep
		f.names += len(keep.entries)
		if err := f.look(ctx, below, keep.entries, first); err != nil {
			return err
		}
	}
	return nil
}

func (f *folder) close() error { return f.dir.close() }

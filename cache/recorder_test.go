package cache

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// recorder is a disk that hands everything on to a real one and writes down
// what changes it, so that states can be made of the record that a power
// failure may leave.
type recorder struct {
	mu    sync.Mutex
	root  *node
	nodes []*node
	ops   []operation
}

// node is a file or a directory, whatever its names are.
type node struct {
	id    int
	names map[string]*node // of a directory, as they are now
	first map[string]*node // of a directory, when the record began
	base  []byte           // of a file, when the record began
}

func (n *node) isDir() bool { return n.names != nil }

// operation is one step of the record.
type operation struct {
	kind string // of changes: "write", "truncate", "names"; of syncs: "sync", "syncdir"
	node *node  // the file, or the directory for "syncdir"
	at   int64  // offset of a write, size after a truncation
	data []byte
	ents []entry // changes of names, each of which may survive without the others
}

// entry is a change of the names of one directory, which survives whole or not
// at all.
type entry struct {
	dir      *node
	del, set string // names, or ""
	node     *node  // what set is the name of
}

// newRecorder returns a recorder of a disk that holds what base says, durably:
// contents by path, nil for directories.
func newRecorder(base diskImage) *recorder {
	r := &recorder{}
	r.root = r.newNode(true)
	for _, p := range slices.Sorted(maps.Keys(base.files)) {
		r.make(p, base.files[p], false)
	}
	for _, p := range base.dirs {
		r.make(p, nil, true)
	}
	for _, n := range r.nodes {
		n.first = maps.Clone(n.names)
	}
	return r
}

func (r *recorder) newNode(dir bool) *node {
	n := &node{id: len(r.nodes)}
	if dir {
		n.names = map[string]*node{}
	}
	r.nodes = append(r.nodes, n)
	return n
}

// make makes a file or directory with its parents, without a record.
func (r *recorder) make(p string, data []byte, dir bool) *node {
	if p == "." {
		return r.root
	}
	parent := r.make(path.Dir(p), nil, true)
	n := parent.names[path.Base(p)]
	if n == nil {
		n = r.newNode(dir)
		n.base = data
		parent.names[path.Base(p)] = n
	}
	return n
}

// find returns what a path names, or nil.
func (r *recorder) find(p string) *node {
	n := r.root
	for _, e := range strings.Split(p, "/") {
		if e != "." {
			n = n.names[e]
		}
		if n == nil {
			return nil
		}
	}
	return n
}

// wrap stands between a cache and its disk; several caches may share a record.
func (r *recorder) wrap(d disk) disk { return recordedDisk{d, r} }

// now returns the number of operations so far.
func (r *recorder) now() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.ops)
}

// change records changes of names and makes them.
func (r *recorder) change(ents ...entry) {
	for _, e := range ents {
		if e.del != "" {
			delete(e.dir.names, e.del)
		}
		if e.set != "" {
			e.dir.names[e.set] = e.node
		}
	}
	r.ops = append(r.ops, operation{kind: "names", ents: ents})
}

type recordedDisk struct {
	disk
	r *recorder
}

type recordedFile struct {
	file
	r    *recorder
	node *node
}

func (d recordedDisk) Open(name string, flag int) (file, error) {
	d.r.mu.Lock()
	defer d.r.mu.Unlock()
	f, err := d.disk.Open(name, flag)
	if err != nil {
		return nil, err
	}
	return recordedFile{f, d.r, d.r.find(name)}, nil
}

func (d recordedDisk) Create(name string) (file, error) {
	d.r.mu.Lock()
	defer d.r.mu.Unlock()
	f, err := d.disk.Create(name)
	if err != nil {
		return nil, err
	}
	n := d.r.newNode(false)
	d.r.change(entry{dir: d.r.find(path.Dir(name)), set: path.Base(name), node: n})
	return recordedFile{f, d.r, n}, nil
}

func (d recordedDisk) Mkdir(name string) error {
	d.r.mu.Lock()
	defer d.r.mu.Unlock()
	if err := d.disk.Mkdir(name); err != nil {
		return err
	}
	if d.r.find(name) == nil {
		d.r.change(entry{dir: d.r.find(path.Dir(name)), set: path.Base(name), node: d.r.newNode(true)})
	}
	return nil
}

func (d recordedDisk) Rename(from, to string) error {
	d.r.mu.Lock()
	defer d.r.mu.Unlock()
	if err := d.disk.Rename(from, to); err != nil {
		return err
	}
	n, a, b := d.r.find(from), d.r.find(path.Dir(from)), d.r.find(path.Dir(to))
	if a == b {
		d.r.change(entry{dir: a, del: path.Base(from), set: path.Base(to), node: n})
	} else {
		d.r.change(entry{dir: b, set: path.Base(to), node: n}, entry{dir: a, del: path.Base(from)})
	}
	return nil
}

func (d recordedDisk) Remove(name string) error {
	d.r.mu.Lock()
	defer d.r.mu.Unlock()
	if err := d.disk.Remove(name); err != nil {
		return err
	}
	d.r.change(entry{dir: d.r.find(path.Dir(name)), del: path.Base(name)})
	return nil
}

func (d recordedDisk) SyncDir(name string) error {
	d.r.mu.Lock()
	defer d.r.mu.Unlock()
	d.r.ops = append(d.r.ops, operation{kind: "syncdir", node: d.r.find(name)})
	return nil
}

// WriteAt records two halves: a failure may come between them.
func (f recordedFile) WriteAt(p []byte, offset int64) (int, error) {
	f.r.mu.Lock()
	defer f.r.mu.Unlock()
	half := len(p) / 2
	f.r.ops = append(f.r.ops,
		operation{kind: "write", node: f.node, at: offset, data: bytes.Clone(p[:half])},
		operation{kind: "write", node: f.node, at: offset + int64(half), data: bytes.Clone(p[half:])})
	return f.file.WriteAt(p, offset)
}

func (f recordedFile) Truncate(size int64) error {
	f.r.mu.Lock()
	defer f.r.mu.Unlock()
	f.r.ops = append(f.r.ops, operation{kind: "truncate", node: f.node, at: size})
	return f.file.Truncate(size)
}

func (f recordedFile) Sync() error {
	f.r.mu.Lock()
	defer f.r.mu.Unlock()
	f.r.ops = append(f.r.ops, operation{kind: "sync", node: f.node})
	return nil
}

func (f recordedFile) SyncData() error { return f.Sync() }

// diskImage is the content of a disk.
type diskImage struct {
	files map[string][]byte // by path
	dirs  []string          // parents first
}

// write makes the files in a directory that exists.
func (t diskImage) write(dir string) error {
	for _, d := range t.dirs {
		if err := os.Mkdir(filepath.Join(dir, d), 0o777); err != nil {
			return err
		}
	}
	for p, b := range t.files {
		if err := os.WriteFile(filepath.Join(dir, p), b, 0o666); err != nil {
			return err
		}
	}
	return nil
}

// onDisk is what of a file or a directory is durable, and what is not yet.
type onDisk struct {
	durable, current []byte           // of a file
	names            map[string]*node // of a directory, durable
	pending          []entry          // of a directory
}

// sector is how many bytes a disk writes whole or not at all.
const sector = 512

// survive is how much of what was not synced a power failure leaves.
type survive int

const (
	nothing survive = iota
	everything
	prefix // of the changes of a directory, in their order, as a journal does
	some
)

// crash returns a state that a power failure after the first k operations may
// leave: which one is up to seed. What was synced is there. Of file content
// that was not, each sector is the old one, the new one, zeros or what lay
// there before; of names, each directory has kept none of the changes, all, the
// first ones, or some. A sync of a file may, but need not, have made its name
// durable.
func (r *recorder) crash(k int, seed uint64) diskImage {
	rnd := rand.New(rand.NewPCG(seed, uint64(k)))
	// The twelve combinations follow each other, so that few seeds have them
	// all.
	mode := int((seed + uint64(k)) % 12)
	names, content := survive(mode%4), [...]survive{nothing, everything, some}[mode/4]
	syncNames := rnd.IntN(2) == 0

	state := make([]onDisk, len(r.nodes))
	for _, n := range r.nodes {
		s := &state[n.id]
		s.durable, s.current = n.base, n.base
		if s.names = maps.Clone(n.first); n.isDir() && s.names == nil {
			s.names = map[string]*node{}
		}
	}
	for _, op := range r.ops[:k] {
		switch op.kind {
		case "names":
			for _, e := range op.ents {
				state[e.dir.id].pending = append(state[e.dir.id].pending, e)
			}
		case "write":
			s := &state[op.node.id]
			b := make([]byte, max(len(s.current), int(op.at)+len(op.data)))
			copy(b, s.current)
			copy(b[op.at:], op.data)
			s.current = b
		case "truncate":
			s := &state[op.node.id]
			b := make([]byte, op.at)
			copy(b, s.current)
			s.current = b
		case "sync":
			s := &state[op.node.id]
			s.durable = s.current
			if syncNames {
				for i := range state {
					state[i].pending = slices.DeleteFunc(state[i].pending, func(e entry) bool {
						if e.node != op.node {
							return false
						}
						e.apply(state[i].names)
						return true
					})
				}
			}
		case "syncdir":
			s := &state[op.node.id]
			for _, e := range s.pending {
				e.apply(s.names)
			}
			s.pending = nil
		}
	}
	for i := range state {
		s := &state[i]
		keep := len(s.pending)
		switch names {
		case nothing:
			keep = 0
		case prefix:
			keep = rnd.IntN(keep + 1)
		}
		for _, e := range s.pending[:keep] {
			if names != some || rnd.IntN(2) == 0 {
				e.apply(s.names)
			}
		}
	}
	t := diskImage{files: map[string][]byte{}}
	var walk func(dir string, n *node)
	walk = func(dir string, n *node) {
		for _, name := range slices.Sorted(maps.Keys(state[n.id].names)) {
			c, p := state[n.id].names[name], path.Join(dir, name)
			if c.isDir() {
				t.dirs = append(t.dirs, p)
				walk(p, c)
			} else {
				t.files[p] = left(rnd, content, state, c.id)
			}
		}
	}
	walk(".", r.root)
	return t
}

// apply makes a change of names.
func (e entry) apply(names map[string]*node) {
	if e.del != "" {
		delete(names, e.del)
	}
	if e.set != "" {
		names[e.set] = e.node
	}
}

// left returns what a power failure leaves of the content of file id.
func left(rnd *rand.Rand, content survive, state []onDisk, id int) []byte {
	old, new := state[id].durable, state[id].current
	if bytes.Equal(old, new) {
		return new
	}
	size := len(new)
	switch rnd.IntN(3) {
	case 0:
		size = len(old)
	case 1:
		size = min(len(old), len(new)) + rnd.IntN(max(len(old), len(new))-min(len(old), len(new))+1)
	}
	if content == everything {
		size = len(new)
	}
	b := make([]byte, size)
	copy(b, old)
	if content == nothing {
		return b
	}
	for at := 0; at < size; at += sector {
		end := min(at+sector, size)
		fresh := b[min(max(at, len(old)), end):end] // was never synced: may be anything
		switch how := rnd.IntN(8); {
		case content == everything || how < 3:
			if at < len(new) {
				copy(b[at:end], new[at:])
			}
		case how == 3:
			clear(fresh)
		case how == 4: // blocks of another file that was there before
			if o := state[rnd.IntN(len(state))].current; len(o) > end {
				copy(fresh, o[end-len(fresh):])
			}
		}
	}
	return b
}

// String lists the files with their sizes.
func (t diskImage) String() string {
	var b strings.Builder
	for _, p := range slices.Sorted(maps.Keys(t.files)) {
		fmt.Fprintf(&b, "%8d %s\n", len(t.files[p]), p)
	}
	return b.String()
}

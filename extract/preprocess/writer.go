package preprocess

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/headstart-ml/headstart/cache/draft"
	"github.com/headstart-ml/headstart/extract"
	"github.com/headstart-ml/headstart/extract/embed"
	"github.com/headstart-ml/headstart/extract/source"
	"github.com/headstart-ml/headstart/models"
)

// Settings of Write.
type Settings struct {
	// Dir is the folder of the files. It is made when there is something to
	// write into it.
	Dir string
	// Lines gets the texts, a JSON object a line.
	Lines   io.Writer
	Threads int // 0: GOMAXPROCS
}

// Result is what Write has written.
type Result struct {
	Reasons    extract.Reasons // why samples are bad
	Quarantine string          // the file that lists them, "" if there are none

	// Renamed is how many samples have other names of files than their ids,
	// since those are none on some file system, lead out of the folder or
	// would be another sample's file. Names is the file that lists them, an
	// object {"id","name"} a line, "" if there are none; First is the first.
	Renamed int
	Names   string
	First   struct{ ID, Name string }
}

// Write prepares each sample of src for the backbone of spec and writes what
// that is fed, in the order of src and independent of the number of threads.
//
// Of an image there are Dir/ID.npz with arrays named as the graph's inputs, and
// Dir/ID.png, the pixels before they are normalised. Of numbers there is
// Dir/ID.npz. Of a text there is a line in Lines: id, ids, and type_ids and
// attention_mask where the graph has these inputs, without padding; of one that
// is read in several windows those of the first, and windows, a list of what
// each is fed. Bad samples are listed in Dir/quarantine.jsonl. Each file is
// written whole or not at all. One that an earlier call has written is
// replaced; where another one is, the sample is bad.
//
// stats is filled as it goes; nil is allowed. When ctx ends, what is written
// stays, and the error is that of ctx.
func Write(ctx context.Context, spec *models.Spec, src extract.Source, stats *extract.Stats, o *Settings) (*Result, error) {
	if stats == nil {
		stats = new(extract.Stats)
	}
	feeder, err := New(spec, &stats.Stats)
	if err != nil {
		return nil, err
	}
	w := &writer{
		spec: spec, stats: stats, src: src, lines: o.Lines,
		files: draft.NewFiles(o.Dir), names: newNames(),
		bad: extract.NewQuarantine(filepath.Join(o.Dir, quarantineName)), renamed: &list{path: filepath.Join(o.Dir, renamedName)},
	}
	defer w.bad.Abort()
	defer w.renamed.abort()
	threads := o.Threads
	if threads < 1 {
		threads = runtime.GOMAXPROCS(0)
	}
	w.cpus = make(chan struct{}, threads)
	if err := w.run(ctx, feeder, ahead*threads); err != nil {
		return nil, err
	}
	return &w.result, w.close()
}

// writer is one call of Write.
type writer struct {
	spec    *models.Spec
	stats   *extract.Stats
	src     extract.Source
	lines   io.Writer
	files   *draft.Files
	names   *names
	bad     *extract.Quarantine
	renamed *list
	result  Result
	cpus    chan struct{} // as many as may be used hold something
}

// ahead is how many samples are on their way for each CPU: most of them wait
// for the disk.
const ahead = 8

// item is a sample on its way.
type item struct {
	sample *source.Sample
	name   string // of its files, "" for none
	line   []byte // of a text

	bad, kind string
	cut       bool
	err       error
	done      chan struct{} // closed when it is prepared and its files are written
}

// run takes samples from the source in order, lets workers prepare them side by
// side, and takes them back in order.
func (w *writer) run(ctx context.Context, feeder *Feeder, workers int) error {
	ctx, cancel := context.WithCancel(ctx)
	order, work := make(chan *item, 2*workers), make(chan *item)
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	for range workers {
		d := feeder.beside()
		all.Go(func() {
			for it := range work {
				it.err = w.prepare(d, it)
				close(it.done)
			}
		})
	}
	all.Go(func() {
		defer close(order)
		defer close(work)
		w.produce(ctx, order, work)
	})
	for it := range order {
		select {
		case <-it.done:
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := w.take(it); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return nil
}

// produce reads the source to its end. What comes before its error is taken.
func (w *writer) produce(ctx context.Context, order, work chan<- *item) {
	for ctx.Err() == nil {
		s, err := w.src.Next()
		if err == io.EOF {
			return
		}
		it := &item{sample: s, err: err, done: make(chan struct{})}
		to := []chan<- *item{order, work}
		if err != nil {
			close(it.done)
			to = to[:1]
		} else {
			w.stats.Progress.Read.Add(1)
			if w.spec.Modality != models.Text {
				it.name = w.names.of(s.ID)
			}
		}
		for _, c := range to {
			select {
			case c <- it:
			case <-ctx.Done():
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// prepare prepares a sample and writes its files.
func (w *writer) prepare(d *Feeder, it *item) error {
	var made []file
	f, err := func() (*Prepared, error) {
		w.cpus <- struct{}{}
		defer func() { <-w.cpus }()
		f, err := d.Sample(it.sample)
		if err != nil || f.Bad != "" {
			return f, err
		}
		defer w.stats.Stages.Write.Add(time.Now())
		if it.name == "" {
			it.line, err = d.line(it.sample.ID, f)
		} else {
			made, err = encode(f)
		}
		return f, err
	}()
	if err != nil {
		return err
	}
	it.bad, it.kind, it.cut = f.Bad, f.Kind, f.Cut
	switch {
	case it.name == "":
		return nil
	case f.Bad != "":
		return drop(w.files, it.name)
	}
	defer w.stats.Stages.Write.Add(time.Now())
	err = put(w.files, it.name, made)
	if taken, ok := errors.AsType[*takenError](err); ok {
		it.bad, it.kind = taken.Error(), embed.KindOf(taken)
		return nil
	}
	return err
}

// A fed is a sequence of tokens as a line has it.
type fed struct {
	IDs   []int32 `json:"ids"`
	Types []int64 `json:"type_ids,omitempty"`
	Mask  []int64 `json:"attention_mask,omitempty"`
}

// fed returns what is fed for a sequence of tokens.
func (d *Feeder) fed(f *Prepared) fed {
	values := func(role string) []int64 {
		v := d.Input(f, role)
		switch {
		case v == nil:
			return nil
		case v.I64 != nil:
			return slices.Clone(v.I64[:len(f.IDs)])
		}
		var all []int64
		for _, n := range v.I32[:len(f.IDs)] {
			all = append(all, int64(n))
		}
		return all
	}
	return fed{f.IDs, values("types"), values("mask")}
}

// line returns the JSON object of a text.
func (d *Feeder) line(id string, f *Prepared) ([]byte, error) {
	first := d.fed(f)
	var windows []fed
	if len(f.More) > 0 {
		windows = append(windows, first)
	}
	for _, ids := range f.More {
		windows = append(windows, d.fed(d.window(ids)))
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(struct {
		ID string `json:"id"`
		fed
		Windows []fed `json:"windows,omitempty"`
	}{id, first, windows})
	return b.Bytes(), err
}

// take takes an item in the order of the source.
func (w *writer) take(it *item) error {
	if it.err != nil {
		return it.err
	}
	w.stats.Samples.Add(1)
	w.stats.Progress.Done.Add(1)
	if it.bad != "" {
		w.stats.Bad.Add(1)
		w.stats.Progress.Bad.Add(1)
		w.result.Reasons.Add(&extract.Row{Sample: it.sample, Bad: it.bad, Kind: it.kind})
		if err := w.files.Make(); err != nil {
			return fmt.Errorf("preprocess: %w", err)
		}
		return w.bad.Add(it.sample.ID, it.sample.Path, it.bad)
	}
	w.stats.Computed.Add(1)
	if it.cut {
		w.stats.Cut.Add(1)
	}
	if it.line != nil {
		_, err := w.lines.Write(it.line)
		return err
	}
	if it.name == it.sample.ID {
		return nil
	}
	if w.result.Renamed == 0 {
		w.result.First.ID, w.result.First.Name = it.sample.ID, it.name
	}
	w.result.Renamed++
	return w.renamed.add(it.sample.ID, it.name)
}

// close puts the lists in their places.
func (w *writer) close() (err error) {
	if _, err := os.Stat(filepath.Dir(w.renamed.path)); err != nil {
		return nil // nothing is to be put there, and nothing is there
	}
	if err := w.files.Sync(); err != nil {
		return fmt.Errorf("%s: %w", w.files.Path("."), err)
	}
	if w.result.Names, err = w.renamed.close(w.spec.Modality != models.Text); err != nil {
		return err
	}
	w.result.Quarantine, err = w.bad.Close()
	return err
}

// list is the list of the samples whose files are called otherwise.
type list struct {
	path string
	file *draft.File // nil until there is something to write
}

func (l *list) add(id, name string) error {
	line, err := json.Marshal(struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	}{id, name})
	if err == nil && l.file == nil {
		l.file, err = draft.Create(l.path)
	}
	if err == nil {
		_, err = l.file.Write(append(line, '\n'))
	}
	if err != nil {
		return fmt.Errorf("%s: %w", l.path, err)
	}
	return nil
}

// close puts the list in its place and returns where that is, "" if it is
// empty. That of an earlier run is then removed, if this one has files.
func (l *list) close(files bool) (string, error) {
	if l.file == nil {
		if !files {
			return "", nil
		}
		if err := os.Remove(l.path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return "", fmt.Errorf("%s: %w", l.path, err)
		}
		return "", nil
	}
	if err := l.file.Place(); err != nil {
		return "", fmt.Errorf("%s: %w", l.path, err)
	}
	return l.path, nil
}

// abort gives the list up. After close it does nothing.
func (l *list) abort() {
	if l.file != nil {
		l.file.Discard()
	}
}

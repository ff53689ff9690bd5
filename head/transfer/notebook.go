package transfer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/headstart-ml/headstart/cache/draft"
	"github.com/headstart-ml/headstart/head/study"
)

// Notebook keeps the notes of a study in a file, so that one that was stopped
// resumes. A file of other data or settings, or of another version of the
// program, is not read, and is replaced.
type Notebook struct {
	path    string
	content notebookFile
	written time.Time
	took    time.Duration // writing it the last time
	fresh   bool          // there are notes that are not in the file
	resumed int
	unused  *Unused
}

// Unused says of the notes of a file why they are not used.
type Unused struct {
	Notes   int
	Program string // what made them, in words; "": a version that did not say
	This    string // what runs; the same as Program: the data or the settings are others
}

// notebookFile is what the file holds.
type notebookFile struct {
	Program     string                 `json:"program"`
	Fingerprint string                 `json:"fingerprint"`
	Notes       map[string]*study.Note `json:"notes"`
}

var _ study.Notebook = (*Notebook)(nil)

// notebookAge is how old the file gets at most while notes are kept, in lessons
// that take less; it gets older where writing takes more than a tenth of the
// time.
const notebookAge = time.Second

// OpenNotebook opens the notebook at path for notes of lessons with a
// fingerprint, see Student.Fingerprint. A file that is not there or is damaged
// is an empty notebook, and so is one that has another fingerprint or was made
// by another version, see Unused. That no file can be written there is an error
// at once.
func OpenNotebook(path, fingerprint string) (*Notebook, error) {
	return openNotebook(path, fingerprint, thisProgram())
}

func openNotebook(path, fingerprint, program string) (*Notebook, error) {
	b := &Notebook{path: path}
	text, err := draft.ReadRegular(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("transfer: notebook: %w", err)
	}
	if err == nil && json.Unmarshal(text, &b.content) != nil {
		b.content = notebookFile{}
	}
	if c := &b.content; c.Program != program || c.Fingerprint != fingerprint {
		if len(c.Notes) > 0 {
			b.unused = &Unused{len(c.Notes), c.Program, program}
		}
		b.content = notebookFile{Program: program, Fingerprint: fingerprint}
	}
	b.resumed = len(b.content.Notes)
	if b.content.Notes == nil {
		b.content.Notes = map[string]*study.Note{}
	}
	return b, b.write()
}

// Resumed is how many notes there were when it was opened.
func (b *Notebook) Resumed() int { return b.resumed }

// Unused says why the notes that there were when it was opened are not used;
// nil: they are, or there were none.
func (b *Notebook) Unused() *Unused { return b.unused }

// Recall returns the note of a key, nil if there is none.
func (b *Notebook) Recall(key string) *study.Note { return b.content.Notes[key] }

// Keep keeps a note. The file has it after a second, or after Close.
func (b *Notebook) Keep(key string, n *study.Note) error {
	b.content.Notes[key] = n
	b.fresh = true
	if time.Since(b.written) < max(notebookAge, 9*b.took) {
		return nil
	}
	return b.write()
}

// write writes the file.
func (b *Notebook) write() error {
	began := time.Now()
	text, err := json.Marshal(&b.content)
	if err == nil {
		err = draft.Write(b.path, text)
	}
	if err != nil {
		return fmt.Errorf("transfer: notebook: %w", err)
	}
	b.fresh, b.written = false, time.Now()
	b.took = b.written.Sub(began)
	return nil
}

// Close writes what is not in the file yet. Without notes there is nothing to
// resume from, and the file is removed.
func (b *Notebook) Close() error {
	if len(b.content.Notes) == 0 {
		return b.Remove()
	}
	if !b.fresh {
		return nil
	}
	return b.write()
}

// Remove removes the file, of a study that is done.
func (b *Notebook) Remove() error {
	b.fresh = false
	if err := os.Remove(b.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("transfer: notebook: %w", err)
	}
	return nil
}

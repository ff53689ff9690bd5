package extract

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/headstart-ml/headstart/cache/draft"
)

// Quarantine is the list of a run's bad samples: a JSON object a line,
// {"id","path","reason"}. The file appears at its path when the list is
// closed, whole, and only if something is in it.
type Quarantine struct {
	path string
	file *draft.File // nil until there is something to write
	n    int
}

// NewQuarantine returns an empty list that will lie at path.
func NewQuarantine(path string) *Quarantine { return &Quarantine{path: path} }

// Add puts a bad sample on the list.
func (q *Quarantine) Add(id, path, reason string) error {
	if q.file == nil {
		f, err := draft.Create(q.path)
		if err != nil {
			return fmt.Errorf("extract: quarantine %s: %w", q.path, err)
		}
		q.file = f
	}
	line, err := json.Marshal(struct {
		ID     string `json:"id"`
		Path   string `json:"path"`
		Reason string `json:"reason"`
	}{id, path, reason})
	if err == nil {
		_, err = q.file.Write(append(line, '\n'))
	}
	if err != nil {
		return fmt.Errorf("extract: quarantine %s: %w", q.path, err)
	}
	q.n++
	return nil
}

// Len returns the number of bad samples.
func (q *Quarantine) Len() int { return q.n }

// Close puts the list in its place and returns where that is, "" if there was
// no bad sample. The list of an earlier run at the same path is then removed.
func (q *Quarantine) Close() (string, error) {
	if q.file == nil {
		err := os.Remove(q.path)
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			err = draft.Sweep(q.path) // what a killed run has left of one
		}
		if err != nil {
			return "", fmt.Errorf("extract: quarantine %s: %w", q.path, err)
		}
		return "", nil
	}
	defer q.Abort()
	if err := q.file.Place(); err != nil {
		return "", fmt.Errorf("extract: quarantine %s: %w", q.path, err)
	}
	return q.path, nil
}

// Abort gives the list up and leaves an earlier one as it was. After Close it
// does nothing.
func (q *Quarantine) Abort() {
	if q.file != nil {
		q.file.Discard()
		q.file = nil
	}
}

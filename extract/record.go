package extract

import (
	"encoding/binary"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/headstart-ml/headstart/extract/embed"
	"github.com/headstart-ml/headstart/extract/features"
)

// Record is the sink that leaves a feature set, with the bad samples in a
// quarantine list beside it.
type Record struct {
	path       string
	meta       *features.Meta
	set        *features.Writer
	quarantine *Quarantine
	seen       map[uint64]struct{} // first bytes of keys, for the count of duplicates
	labels     []string            // the first that differ, at most two
}

var _ Sink = (*Record)(nil)

// NewRecord begins the feature set at path, such as NAME.features. Its
// quarantine list is NAME.quarantine.jsonl.
func NewRecord(path string, meta *features.Meta) (*Record, error) {
	set, err := features.NewWriter(path, meta)
	if err != nil {
		return nil, err
	}
	r := &Record{path: path, meta: meta, set: set, quarantine: NewQuarantine(QuarantineOf(path)), seen: make(map[uint64]struct{})}
	return r, nil
}

// QuarantineOf returns where the bad samples of the feature set at path are
// listed.
func QuarantineOf(path string) string {
	return strings.TrimSuffix(path, ".features") + ".quarantine.jsonl"
}

// Take adds finished samples.
func (r *Record) Take(rows []Row) error {
	for _, row := range rows {
		s := row.Sample
		if row.Bad != "" {
			if row.Kind == embed.KindPixels {
				r.meta.Counts.Pixels++
			}
			if err := r.quarantine.Add(s.ID, s.Path, row.Bad); err != nil {
				return err
			}
			continue
		}
		prefix := binary.LittleEndian.Uint64(row.Key[:])
		if _, ok := r.seen[prefix]; ok {
			r.meta.Counts.Duplicates++
		}
		r.seen[prefix] = struct{}{}
		if row.Cut {
			r.meta.Counts.Cut++
		}
		r.note(s.Label)
		for _, label := range s.Labels {
			r.note(label)
		}
		err := r.set.Append(features.Row{
			ID: s.ID, Key: row.Key, Label: s.Label, Labels: s.Labels, Split: s.Split, Group: s.Group,
			Weight: s.Weight, Weighted: s.Weighted,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// note counts a label; "" is none.
func (r *Record) note(label string) {
	if label != "" && len(r.labels) < 2 && !slices.Contains(r.labels, label) {
		r.labels = append(r.labels, label)
	}
}

// Labels returns how many different labels the samples have so far; 2 means
// two or more.
func (r *Record) Labels() int { return len(r.labels) }

// Several says whether samples may have several labels each.
func (r *Record) Several() bool { return r.meta.MultiLabel }

// NoneError says that a run had no sample that could be embedded, so that there
// is no feature set.
type NoneError struct {
	Path string // of the feature set
	Bad  int    // samples, all of them
	Left bool   // an earlier feature set is at Path
}

func (e *NoneError) Error() string {
	s := "there is no sample"
	if e.Bad > 0 {
		s = fmt.Sprintf("all %d samples are bad", e.Bad)
	}
	if e.Left {
		return s + ", so that " + e.Path + " stays as it was"
	}
	return s + ", so that " + e.Path + " is not written"
}

// Close puts the files in their places and returns where the quarantine list
// is, "" if no sample was bad. If all were, the error is a *NoneError: the list
// is in its place, and a feature set of an earlier run stays where it is.
func (r *Record) Close() (quarantine string, err error) {
	if r.set.N() == 0 {
		defer r.Abort()
		none := &NoneError{Path: r.path, Bad: r.quarantine.Len()}
		if _, err := os.Lstat(r.path); err == nil {
			none.Left = true
		}
		if quarantine, err = r.quarantine.Close(); err != nil {
			return "", err
		}
		return quarantine, none
	}
	r.meta.Counts.Bad = r.quarantine.Len()
	if quarantine, err = r.quarantine.Close(); err != nil {
		return "", err
	}
	return quarantine, r.set.Close()
}

// Abort gives the files up and leaves earlier ones as they were. After Close
// it does nothing.
func (r *Record) Abort() {
	r.set.Abort()
	r.quarantine.Abort()
}

package main

import (
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/cache/draft"
	"github.com/headstart-ml/headstart/extract"
	"github.com/headstart-ml/headstart/extract/features"
	"github.com/headstart-ml/headstart/extract/source"
	"github.com/headstart-ml/headstart/head/measure"
	"github.com/headstart-ml/headstart/models"
)

// predicted are rows of features that a head predicted.
type predicted struct {
	part     string // what they are: cv, test, validation, fresh, fitted
	rows     []int  // of the features
	outcomes []measure.Outcome
}

// mistakeList is what --mistakes writes.
type mistakeList struct {
	path    string   // of the file
	classes []string // of the head
	id      func(row int) string
	from    []mistakeSource
}

// mistakeSource is where samples are read again, for their paths and texts.
type mistakeSource struct {
	name string
	open func() (*source.Source, error)
	// keys puts the keys of the contents that were predicted to the ids that
	// keys has.
	keys func(keys map[string]cache.Key)
}

// mistakesOf returns the list of mistakes among the rows of j, whose feature
// sets have these names; root is where the samples are now, "" where they were.
func mistakesOf(path, root string, classes, names []string, j *features.Joined) *mistakeList {
	ids := j.Table.IDs
	l := &mistakeList{path: path, classes: classes, id: func(row int) string { return ids[row] }}
	for k, set := range j.Sets {
		l.from = append(l.from, mistakeSource{
			name: names[k], open: func() (*source.Source, error) { return extract.Reread(&set.Meta, root) },
			keys: func(keys map[string]cache.Key) {
				for i, id := range set.IDs {
					if _, ok := keys[id]; ok {
						keys[id] = set.Keys[i]
					}
				}
			},
		})
	}
	return l
}

// mistakeColumns are the columns of a list of mistakes.
var mistakeColumns = []string{"id", "label", "predicted", "probability", "label_probability", "part", "path", "text"}

// listedMistake is a mistake of a list.
type listedMistake struct {
	row        int
	part       string
	outcome    measure.Outcome
	path, text string
}

// write writes the mistakes among rows, those with the most probable wrong
// class first, to the list's file, whole or not at all. Paths and texts of
// samples that cannot be read again are empty.
func (l *mistakeList) write(ctx context.Context, e *env, all ...predicted) error {
	var wrong []listedMistake
	held := 0
	for _, p := range all {
		held += len(p.rows)
		for k, o := range p.outcomes {
			if o.Predicted != o.Label {
				wrong = append(wrong, listedMistake{row: p.rows[k], part: p.part, outcome: o})
			}
		}
	}
	if held == 0 {
		e.noteOf("no-mistakes", 0, "no sample was held out to test on, so that %s lists no mistakes", l.path)
	}
	slices.SortStableFunc(wrong, func(a, b listedMistake) int {
		return cmp.Or(cmp.Compare(b.outcome.Confidence, a.outcome.Confidence), cmp.Compare(a.outcome.LabelProbability, b.outcome.LabelProbability), a.row-b.row)
	})
	for _, from := range l.from {
		if err := l.find(ctx, &from, wrong); err != nil {
			if ctx.Err() != nil {
				return err
			}
			e.noteOf("samples-not-found", 0, "%s has no path or text of some samples of %s: %v; --root DIR says where the samples are", l.path, from.name, err)
		}
	}
	f, err := draft.Create(l.path)
	if err != nil {
		return fmt.Errorf("%s: %w", l.path, err)
	}
	defer f.Discard()
	w := csv.NewWriter(f)
	w.Write(mistakeColumns)
	for i := range wrong {
		m := &wrong[i]
		probability := func(p float64) string { return strconv.FormatFloat(p, 'g', 6, 64) }
		w.Write([]string{
			l.id(m.row), l.classes[m.outcome.Label], l.classes[m.outcome.Predicted],
			probability(m.outcome.Confidence), probability(m.outcome.LabelProbability), m.part, m.path, m.text,
		})
	}
	w.Flush()
	if err := w.Error(); err != nil {
		return fmt.Errorf("%s: %w", l.path, err)
	}
	if err := f.Place(); err != nil {
		return fmt.Errorf("%s: %w", l.path, err)
	}
	return nil
}

// find fills in the paths of images and the texts of samples, as far as they
// are there. A text that is another one now is left out.
func (l *mistakeList) find(ctx context.Context, from *mistakeSource, wrong []listedMistake) error {
	if len(wrong) == 0 {
		return nil
	}
	wanted := make(map[string]*listedMistake, len(wrong))
	keys := make(map[string]cache.Key, len(wrong))
	for i := range wrong {
		id := l.id(wrong[i].row)
		wanted[id], keys[id] = &wrong[i], cache.Key{}
	}
	from.keys(keys)
	src, err := from.open()
	if errors.Is(err, extract.ErrStandardInput) {
		return errors.New("they came from the standard input")
	}
	if moved, ok := errors.AsType[*extract.MovedError](err); ok {
		return moved.Err
	}
	if err != nil {
		return err
	}
	defer src.Close()
	changed := 0
	for len(wanted) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		s, err := src.Next()
		if err == io.EOF {
			return fmt.Errorf("%s of them are not there", count(int64(len(wanted))))
		}
		if err != nil {
			return err
		}
		m := wanted[s.ID]
		if m == nil {
			continue
		}
		delete(wanted, s.ID)
		if src.Modality() != models.Text {
			m.path = s.Path
			continue
		}
		content, err := s.Read(source.MaxContent)
		if err != nil || cache.KeyOf(string(models.Text), content) != keys[s.ID] {
			changed++
			continue
		}
		m.text = string(content)
	}
	if changed > 0 {
		return fmt.Errorf("%s of them have changed since they were embedded", count(int64(changed)))
	}
	return nil
}

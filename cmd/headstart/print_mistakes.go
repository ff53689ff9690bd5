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
	"strings"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/cache/draft"
	"github.com/headstart-ml/headstart/extract"
	"github.com/headstart-ml/headstart/extract/features"
	"github.com/headstart-ml/headstart/extract/source"
	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/measure"
	"github.com/headstart-ml/headstart/head/predict"
	"github.com/headstart-ml/headstart/models"
)

// predicted are rows of features that a head predicted.
type predicted struct {
	part     string // what they are: cv, test, validation, fresh, fitted
	rows     []int  // of the features
	outcomes []measure.Outcome
	// answers and targets are those of labels and numbers.
	answers, targets []float64
}

// predictedOf are measured rows.
func predictedOf(part string, m *predict.Measured) predicted {
	return predicted{part, m.Rows, m.Outcomes, m.Answers, m.Targets}
}

// mistakeList is what --mistakes writes.
type mistakeList struct {
	path    string // of the file
	task    head.Task
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
func mistakesOf(path, root string, h *head.Head, names []string, j *features.Joined) *mistakeList {
	ids := j.Table.IDs
	l := &mistakeList{path: path, task: h.Task, classes: h.Classes, id: func(row int) string { return ids[row] }}
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

// columns are the columns of a list of mistakes.
func (l *mistakeList) columns() []string {
	by := []string{"probability", "label_probability"}
	switch l.task {
	case head.AnyOf:
		by = []string{"log_loss"}
	case head.Number:
		by = []string{"error"}
	}
	return slices.Concat([]string{"id", "label", "predicted"}, by, []string{"part", "path", "text"})
}

// listedMistake is a mistake of a list.
type listedMistake struct {
	row              int
	part             string
	label, predicted string
	by               []float64 // how bad it is: largest first, then smallest of the next
	path, text       string
}

// mistakesAmong returns the mistakes of predicted rows, the worst first.
func mistakesAmong(task head.Task, classes []string, p *predicted) []listedMistake {
	var wrong []listedMistake
	for k, o := range p.outcomes {
		if o.Predicted != o.Label {
			wrong = append(wrong, listedMistake{row: p.rows[k], part: p.part, label: classes[o.Label], predicted: classes[o.Predicted], by: []float64{o.Confidence, o.LabelProbability}})
		}
	}
	c := len(classes)
	for k := 0; k < len(p.answers); k += c {
		answers, targets := p.answers[k:k+c], p.targets[k:k+c]
		m := listedMistake{row: p.rows[k/c], part: p.part}
		if task == head.Number {
			m.label, m.predicted, m.by = numbersInWords(targets), numbersInWords(answers), []float64{head.Off(answers, targets)}
		} else {
			have, said := head.Answered(targets), head.Answered(answers)
			if slices.Equal(have, said) {
				continue
			}
			m.label, m.predicted, m.by = labelsInWords(classes, have), labelsInWords(classes, said), []float64{measure.LabelScore("log-loss", answers, targets, c)}
		}
		wrong = append(wrong, m)
	}
	slices.SortStableFunc(wrong, worse)
	return wrong
}

// worse orders mistakes, the worst first.
func worse(a, b listedMistake) int {
	order := cmp.Compare(b.by[0], a.by[0])
	if len(a.by) > 1 {
		order = cmp.Or(order, cmp.Compare(a.by[1], b.by[1]))
	}
	return cmp.Or(order, a.row-b.row)
}

// labelsInWords writes the labels at places as a cell.
func labelsInWords(classes []string, places []int) string {
	labels := []string{}
	for _, c := range places {
		labels = append(labels, classes[c])
	}
	return features.JoinLabels(labels)
}

// numbersInWords writes numbers as a cell.
func numbersInWords(numbers []float64) string {
	var all []string
	for _, v := range numbers {
		all = append(all, strconv.FormatFloat(v, 'g', numberDigits, 64))
	}
	return strings.Join(all, ";")
}

// write writes the mistakes among rows, those with the most probable wrong
// class first, to the list's file, whole or not at all. Paths and texts of
// samples that cannot be read again are empty.
func (l *mistakeList) write(ctx context.Context, e *env, all ...predicted) error {
	var wrong []listedMistake
	held := 0
	for _, p := range all {
		held += len(p.rows)
		wrong = append(wrong, mistakesAmong(l.task, l.classes, &p)...)
	}
	if held == 0 {
		e.noteOf("no-mistakes", 0, "no sample was held out to test on, so that %s lists no mistakes", l.path)
	}
	slices.SortStableFunc(wrong, worse)
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
	w.Write(l.columns())
	for i := range wrong {
		m := &wrong[i]
		cells := []string{l.id(m.row), m.label, m.predicted}
		for _, v := range m.by {
			cells = append(cells, strconv.FormatFloat(v, 'g', 6, 64))
		}
		w.Write(append(cells, m.part, m.path, m.text))
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

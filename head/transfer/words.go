package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract"
	"github.com/headstart-ml/headstart/extract/features"
	"github.com/headstart-ml/headstart/extract/source"
	"github.com/headstart-ml/headstart/extract/text"
	"github.com/headstart-ml/headstart/head/fit"
	"github.com/headstart-ml/headstart/models"
)

// maxTerms is how many terms all texts may have, each counted once a text: 8
// bytes each.
const maxTerms = 1 << 26

// goneError says why the words of texts are not known. It is no error of a
// training, which only lacks a baseline.
type goneError struct{ why string }

func (e *goneError) Error() string { return e.why }

// textSets returns the feature sets of texts, of those that were extracted from
// the same texts the first.
func textSets(j *features.Joined) []*features.Set {
	var sets []*features.Set
	for _, set := range j.Sets {
		same := func(other *features.Set) bool {
			return slices.Equal(other.Keys, set.Keys) && slices.Equal(other.IDs, set.IDs)
		}
		if models.Modality(set.Meta.Modality) == models.Text && !slices.ContainsFunc(sets, same) {
			sets = append(sets, set)
		}
	}
	return sets
}

// countWords reads the texts of some rows of j again and counts their terms.
// The matrix has as many rows as j; those of others are empty. Where a sample
// has several texts, their words are counted together. A *goneError says why
// they are not known.
func countWords(ctx context.Context, j *features.Joined, root string, rows []int, bag text.Bag) (*fit.Sparse, error) {
	terms := make([][]text.Term, j.Table.N())
	all := 0
	for _, set := range textSets(j) {
		wanted := make(map[string][]int, len(rows)) // rows by id
		for _, row := range rows {
			wanted[j.Table.IDs[row]] = append(wanted[j.Table.IDs[row]], row)
		}
		keys := make(map[string]cache.Key, len(rows))
		for i, id := range set.IDs {
			if wanted[id] != nil {
				keys[id] = set.Keys[i]
			}
		}
		src, err := extract.Reread(&set.Meta, root)
		if err != nil {
			if moved, ok := errors.AsType[*extract.MovedError](err); ok {
				err = moved.Err
			}
			return nil, &goneError{fmt.Sprintf("the texts cannot be read again: %v", err)}
		}
		found, err := readWords(ctx, src, func(id string, key cache.Key, content string) error {
			if keys[id] != key {
				return &goneError{fmt.Sprintf("the text of %s has changed since it was embedded", id)}
			}
			for _, row := range wanted[id] {
				had := len(terms[row])
				terms[row] = merged(bag.AppendTerms(terms[row], content), had)
				all += len(terms[row]) - had
			}
			if all > maxTerms {
				return &goneError{fmt.Sprintf("the texts have more than %d million words", maxTerms>>20)}
			}
			return nil
		}, wanted)
		src.Close()
		if err != nil {
			return nil, err
		}
		if missing := len(wanted) - found; missing > 0 {
			return nil, &goneError{fmt.Sprintf("%d of the texts are not in %s any more", missing, filepath.Base(set.Meta.Source[0]))}
		}
	}
	counts := fit.NewSparse(bag.D())
	var columns []int32
	var values []float32
	for i, row := range terms {
		columns, values = columns[:0], values[:0]
		for _, t := range row {
			columns, values = append(columns, t.Column), append(values, t.Count)
		}
		if err := counts.Append(columns, values); err != nil {
			return nil, err
		}
		terms[i] = nil
	}
	return counts, nil
}

// readWords gives each wanted text of a source to count, and returns how many
// there were.
func readWords(ctx context.Context, src *source.Source, count func(id string, key cache.Key, content string) error, wanted map[string][]int) (int, error) {
	found := make(map[string]bool, len(wanted))
	for len(found) < len(wanted) {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		s, err := src.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return 0, &goneError{fmt.Sprintf("the texts cannot be read again: %v", err)}
		}
		if wanted[s.ID] == nil || found[s.ID] {
			continue
		}
		found[s.ID] = true
		content, err := s.Read(source.MaxContent)
		if err != nil {
			return 0, &goneError{fmt.Sprintf("%s cannot be read again: %v", s.Place(), err)}
		}
		if err := count(s.ID, cache.KeyOf(string(src.Modality()), content), string(content)); err != nil {
			return 0, err
		}
	}
	return len(found), nil
}

// merged puts the terms from place had on among those before it.
func merged(terms []text.Term, had int) []text.Term {
	if had == 0 || had == len(terms) {
		return terms
	}
	slices.SortFunc(terms, func(a, b text.Term) int { return int(a.Column) - int(b.Column) })
	n := 0
	for _, t := range terms {
		if n > 0 && terms[n-1].Column == t.Column {
			terms[n-1].Count += t.Count
			continue
		}
		terms[n] = t
		n++
	}
	return terms[:n]
}

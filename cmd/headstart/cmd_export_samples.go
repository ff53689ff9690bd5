package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract"
	"github.com/headstart-ml/headstart/extract/features"
	"github.com/headstart-ml/headstart/extract/source"
	"github.com/headstart-ml/headstart/head/file"
	"github.com/headstart-ml/headstart/head/predict"
	"github.com/headstart-ml/headstart/models"
)

const (
	checkedSamples  = 32   // how many samples an export is checked on
	checkedAmong    = 2048 // they are among so many first ones of their feature set
	measuredSamples = 1000 // how many samples rounded weights are measured on
)

// trainedOn is the feature set that a head was trained on, whose samples can be
// read again.
type trainedOn struct {
	name     string
	set      *features.Set
	modality models.Modality
}

// trainingSet reads the feature set that a head was trained on. Where there is
// none any more it says why.
func trainingSet(f *file.File, t *training, m models.Modality) (on *trainedOn, why string) {
	if len(t.Features) == 0 {
		return nil, "the head does not say which feature set it was trained on"
	}
	name := t.Features[0].Name
	set, err := features.Read(name)
	if err != nil {
		return nil, fmt.Sprintf("%s, which the head was trained on, cannot be read", name)
	}
	for _, space := range set.Meta.Spaces {
		if string(space) == string(f.Spaces[0].JSON) {
			return &trainedOn{name, set, m}, ""
		}
	}
	return nil, fmt.Sprintf("%s has features of another space now", name)
}

// contents reads the contents of rows of the set, in the order of its source.
// Those that are others now are left out.
func (o *trainedOn) contents(ctx context.Context, rows []int) iter.Seq2[int, []byte] {
	return func(yield func(int, []byte) bool) {
		src, err := extract.Reread(&o.set.Meta, "")
		if err != nil {
			return
		}
		defer src.Close()
		wanted := map[string]int{}
		for _, i := range rows {
			wanted[o.set.IDs[i]] = i
		}
		for len(wanted) > 0 && ctx.Err() == nil {
			s, err := src.Next()
			if err != nil {
				return
			}
			i, ok := wanted[s.ID]
			if !ok {
				continue
			}
			delete(wanted, s.ID)
			content, err := s.Read(source.MaxContent)
			if err == nil && cache.KeyOf(string(o.modality), content) == o.set.Keys[i] && !yield(i, content) {
				return
			}
		}
	}
}

// checked reads contents of samples that an export is checked on, which ones
// the seed 0 says. Where there are none it says why.
func (o *trainedOn) checked(ctx context.Context) (contents [][]byte, why string) {
	src, err := extract.Reread(&o.set.Meta, "")
	if err == nil {
		_, err = src.Next()
		src.Close()
	} else {
		return nil, fmt.Sprintf("the samples of %s are not where they were", o.name)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Sprintf("the samples of %s cannot be read", o.name)
	}
	var rows []int
	for _, i := range rand.New(rand.NewPCG(0, 0)).Perm(min(o.set.N(), checkedAmong)) {
		if len(rows) < checkedSamples && (o.set.Views == nil || o.set.Views[i] == 0) {
			rows = append(rows, i)
		}
	}
	for _, content := range o.contents(ctx, rows) {
		contents = append(contents, content)
	}
	if len(contents) == 0 {
		return nil, fmt.Sprintf("the samples of %s are others now, or gone", o.name)
	}
	return contents, ""
}

// labelled are samples of the set that have labels and that the head of f was
// not fitted on, or, if it was fitted on all, any that have; of many those that
// the seed 0 says.
func (o *trainedOn) labelled(ctx context.Context, f *file.File) iter.Seq2[*predict.Labelled, error] {
	var fresh, seen []int
	set := o.set
	for i := range set.N() {
		switch {
		case set.Views != nil && set.Views[i] != 0:
		case (set.Labels == nil || set.Labels[i] == "") && (set.LabelLists == nil || set.LabelLists[i] == nil):
		case f.Fitted != nil && f.Fitted.Seen(set.Keys[i]):
			seen = append(seen, i)
		default:
			fresh = append(fresh, i)
		}
	}
	rows := fresh
	if len(rows) == 0 {
		rows = seen
	}
	if len(rows) > measuredSamples {
		r := rand.New(rand.NewPCG(0, 0))
		r.Shuffle(len(rows), func(i, k int) { rows[i], rows[k] = rows[k], rows[i] })
		rows = rows[:measuredSamples]
	}
	return func(yield func(*predict.Labelled, error) bool) {
		for i, content := range o.contents(ctx, rows) {
			s := &predict.Labelled{ID: set.IDs[i], Key: set.Keys[i], Content: content}
			if set.Labels != nil {
				s.Label = set.Labels[i]
			}
			if set.LabelLists != nil {
				s.Labels = set.LabelLists[i]
			} else if s.Label != "" {
				s.Labels = []string{s.Label}
			}
			if set.Groups != nil {
				s.Group = set.Groups[i]
			}
			if !yield(s, nil) {
				return
			}
		}
		if err := ctx.Err(); err != nil {
			yield(nil, err)
		}
	}
}

package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/cache/draft"
	"github.com/headstart-ml/headstart/cmd/headstart/internal/report"
	"github.com/headstart-ml/headstart/extract"
	"github.com/headstart-ml/headstart/extract/contract"
	"github.com/headstart-ml/headstart/extract/features"
	"github.com/headstart-ml/headstart/extract/preprocess"
	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/experiment"
	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/builtin"
)

// shownMistakes is how many of the worst mistakes a page shows.
const shownMistakes = 24

// writeReport draws the page of a trained head.
func writeReport(ctx context.Context, o *trainOptions, h *report.Head, j *features.Joined, r *experiment.Result, e *env) error {
	mistakes, rows := worstMistakes(j, r, o.task())
	if err := showSamples(ctx, o, j, mistakes, rows, e); err != nil {
		if ctx.Err() != nil {
			return err
		}
		e.note("%s shows some mistakes by their ids only: %v; --root DIR says where the samples are", o.report, err)
	}
	said := *h.Result
	said.Notes = r.Notes // some are none of the head's
	page := &report.Page{
		Head: *h, Metric: o.Metric, Mistakes: mistakes,
		Facts:    []report.Fact{{Name: "seed", Value: fmt.Sprint(o.Seed)}, {Name: "made by", Value: "headstart " + version()}},
		Settings: o.facts(),
	}
	page.Result = &said
	var b bytes.Buffer
	if err := report.PageTo(&b, page); err != nil {
		return fmt.Errorf("%s: %w", o.report, err)
	}
	if err := draft.Write(o.report, b.Bytes()); err != nil {
		return fmt.Errorf("%s: %w", o.report, err)
	}
	return nil
}

// worstMistakes returns the samples that were predicted wrongly, those with the
// greatest probability first, or the numbers that are furthest off, and their
// rows in j.
func worstMistakes(j *features.Joined, r *experiment.Result, task head.Task) (mistakes []report.Mistake, rows []int) {
	p := r.Predictions
	if p == nil {
		return nil, nil
	}
	wrong := mistakesAmong(task, r.Classes, &predicted{p.Part, p.Rows, p.Outcomes, p.Answers, p.Targets})
	for _, w := range wrong[:min(len(wrong), shownMistakes)] {
		rows = append(rows, w.row)
		m := report.Mistake{ID: j.Table.IDs[w.row], Label: w.label, Predicted: w.predicted}
		if task.OneLabel() {
			m.Probability, m.LabelProbability = w.by[0], w.by[1]
		} else {
			m.NoProbability = true
		}
		mistakes = append(mistakes, m)
	}
	return mistakes, rows
}

// showSamples finds the samples of mistakes in the sources of j's feature sets
// and puts their pictures and texts in.
func showSamples(ctx context.Context, o *trainOptions, j *features.Joined, mistakes []report.Mistake, rows []int, e *env) error {
	var failed error
	for k, set := range j.Sets {
		wanted := map[string]*shown{}
		for i, row := range rows {
			wanted[j.Table.IDs[row]] = &shown{mistake: &mistakes[i]}
		}
		for i, id := range set.IDs {
			if s := wanted[id]; s != nil {
				s.key = set.Keys[i]
			}
		}
		if err := showFrom(ctx, &set.Meta, o.root, wanted); err != nil {
			if ctx.Err() != nil {
				return err
			}
			if blind, ok := errors.AsType[*blindError](err); ok {
				e.noteOf("not-seen", 0, "%s: %v", o.report, blind)
				continue
			}
			failed = fmt.Errorf("the samples of %s: %w", o.features[k], err)
		}
	}
	return failed
}

// shown is a mistake that waits for its sample.
type shown struct {
	mistake *report.Mistake
	key     cache.Key // of the content that was embedded
}

// showFrom reads the wanted samples of a feature set. A sample whose content is
// another one now is not shown.
func showFrom(ctx context.Context, meta *features.Meta, root string, wanted map[string]*shown) error {
	src, err := extract.Reread(meta, root)
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
	var eye *preprocess.Feeder
	var blind error // why there is none
	for len(wanted) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		s, err := src.Next()
		if err == io.EOF {
			return fmt.Errorf("%d of those to be shown are not there", len(wanted))
		}
		if err != nil {
			return err
		}
		m := wanted[s.ID]
		if m == nil {
			continue
		}
		delete(wanted, s.ID)
		content, err := s.Read(64 << 20)
		if err != nil {
			return fmt.Errorf("%s: %w", s.Path, err)
		}
		if cache.KeyOf(string(src.Modality()), content) != m.key {
			changed++
			continue
		}
		if src.Modality() == models.Image {
			m.mistake.Image = content
			if eye == nil && blind == nil {
				eye, blind = eyeOf(meta)
			}
			if blind != nil {
				continue
			}
			if f := eye.Content(content); f.Crop != nil {
				png, err := preprocess.PNG(f.Crop)
				if err != nil {
					return fmt.Errorf("%s: %w", s.Path, err)
				}
				m.mistake.Seen = appendSeen(m.mistake.Seen, report.Seen{Backbone: meta.Backbone, Image: png})
			}
		} else {
			m.mistake.Text = strings.ToValidUTF8(string(content), "\ufffd")
		}
	}
	if changed > 0 {
		return fmt.Errorf("%d of those to be shown have changed since they were embedded", changed)
	}
	if blind != nil {
		return &blindError{meta.Backbone, blind}
	}
	return nil
}

// blindError says why pictures are not shown as a backbone gets them.
type blindError struct {
	backbone string
	err      error
}

func (e *blindError) Error() string {
	return fmt.Sprintf("the pictures are not shown as %s gets them: %v", e.backbone, e.err)
}

// eyeOf returns what sees images as the backbone of a feature set does.
func eyeOf(meta *features.Meta) (*preprocess.Feeder, error) {
	spec, err := contract.Recall(meta.Backbone, meta.Spaces, builtin.FS())
	if err != nil {
		return nil, err
	}
	if word := meta.Reading["max-pixels"]; word != "" {
		if spec.MaxPixels, err = pixelsOf(word); err != nil {
			return nil, err
		}
	}
	return preprocess.New(spec, nil)
}

// appendSeen adds a picture unless another backbone gets the same.
func appendSeen(all []report.Seen, s report.Seen) []report.Seen {
	if slices.ContainsFunc(all, func(other report.Seen) bool { return bytes.Equal(other.Image, s.Image) }) {
		return all
	}
	return append(all, s)
}

// facts lists the settings of a training.
func (o *trainOptions) facts() []report.Fact {
	l2 := "auto"
	switch {
	case o.L2PerLabel:
		l2 = "labels"
	case o.L2Average:
		l2 = "average"
	}
	if o.L2 > 0 {
		l2 = fmt.Sprint(o.L2)
	}
	shrinkage := "auto"
	if o.Shrinkage > 0 {
		shrinkage = fmt.Sprint(o.Shrinkage)
	}
	split := "–"
	if o.Split != nil {
		split = fmt.Sprintf("train=%g,validation=%g,test=%g", o.Split.Train, o.Split.Validation, o.Split.Test)
	}
	cv := "default"
	if o.CV > 0 {
		cv = fmt.Sprint(o.CV)
	}
	facts := []report.Fact{
		{Name: "--head", Value: o.Settings.Kind}, {Name: "--l2", Value: l2}, {Name: "--l2-points", Value: fmt.Sprint(o.L2Points)}, {Name: "--shrinkage", Value: shrinkage},
		{Name: "--budget", Value: o.Budget.String()}, {Name: "--from", Value: cmp.Or(o.from, "–")},
		{Name: "--folds", Value: fmt.Sprint(o.Folds)}, {Name: "--cv", Value: cv}, {Name: "--split", Value: split}, {Name: "--by", Value: o.By},
		{Name: "--metric", Value: o.Metric}, {Name: "--tolerance", Value: fmt.Sprint(o.Tolerance)}, {Name: "--class-weight", Value: o.classWeight}, {Name: "--prior", Value: o.prior},
		{Name: "--standardize", Value: fmt.Sprint(!o.NoStandardize)}, {Name: "--l2-normalize", Value: fmt.Sprint(o.L2Normalize)},
		{Name: "--calibrate", Value: o.Calibrate}, {Name: "--reject", Value: o.rejectWords()}, {Name: "--thresholds", Value: o.thresholdWords()}, {Name: "--refit", Value: fmt.Sprint(!o.NoRefit)}, {Name: "--repeat", Value: fmt.Sprint(o.Repeat)},
		{Name: "--seed", Value: fmt.Sprint(o.Seed)}, {Name: "--shots", Value: fmt.Sprint(o.Shots)},
		{Name: "--baseline", Value: fmt.Sprint(!o.noBaseline)},
	}
	if o.Grades != nil {
		facts = append(facts, report.Fact{Name: "--grades", Value: strings.Join(o.Grades, ",")})
	}
	return slices.Concat(facts, o.mlpFacts(), o.tailFacts())
}

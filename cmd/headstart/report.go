package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/cache/draft"
	"github.com/headstart-ml/headstart/cmd/headstart/internal/report"
	"github.com/headstart-ml/headstart/extract/features"
	"github.com/headstart-ml/headstart/extract/source"
	"github.com/headstart-ml/headstart/head/experiment"
	"github.com/headstart-ml/headstart/models"
)

// shownMistakes is how many of the worst mistakes a page shows.
const shownMistakes = 24

// writeReport draws the page of a trained head.
func writeReport(ctx context.Context, o *trainOptions, h *report.Head, j *joined, r *experiment.Result, e *env) error {
	mistakes, rows := worstMistakes(j, r.Predictions, r.Classes)
	if err := showSamples(ctx, o, j, mistakes, rows); err != nil {
		if ctx.Err() != nil {
			return err
		}
		e.note("%s shows some mistakes by their ids only: %v; --root DIR says where the samples are", o.report, err)
	}
	page := &report.Page{
		Head: *h, Metric: o.Metric, Mistakes: mistakes,
		Facts:    []report.Fact{{Name: "seed", Value: fmt.Sprint(o.Seed)}, {Name: "made by", Value: "headstart " + version()}},
		Settings: o.facts(),
	}
	var b bytes.Buffer
	if err := report.PageTo(&b, page); err != nil {
		return fmt.Errorf("%s: %w", o.report, err)
	}
	if err := draft.Write(o.report, b.Bytes()); err != nil {
		return fmt.Errorf("%s: %w", o.report, err)
	}
	return nil
}

// worstMistakes returns the samples that were predicted wrongly with the
// greatest probability, worst first, and their rows in j.
func worstMistakes(j *joined, p *experiment.Predictions, classes []string) (mistakes []report.Mistake, rows []int) {
	if p == nil {
		return nil, nil
	}
	type wrong struct {
		row, label, predicted int
		probability, own      float64
	}
	var all []wrong
	c := len(classes)
	for k, row := range p.Rows {
		probs := p.Probabilities[k*c : (k+1)*c]
		best := 0
		for i, v := range probs {
			if v > probs[best] {
				best = i
			}
		}
		if best != p.Labels[k] {
			all = append(all, wrong{row, p.Labels[k], best, probs[best], probs[p.Labels[k]]})
		}
	}
	slices.SortFunc(all, func(a, b wrong) int {
		return cmp.Or(cmp.Compare(b.probability, a.probability), cmp.Compare(a.row, b.row))
	})
	for _, w := range all[:min(len(all), shownMistakes)] {
		rows = append(rows, w.row)
		mistakes = append(mistakes, report.Mistake{
			ID: j.table.IDs[w.row], Label: classes[w.label], Predicted: classes[w.predicted],
			Probability: w.probability, LabelProbability: w.own,
		})
	}
	return mistakes, rows
}

// showSamples finds the samples of mistakes in the sources of j's feature sets
// and puts their pictures and texts in.
func showSamples(ctx context.Context, o *trainOptions, j *joined, mistakes []report.Mistake, rows []int) error {
	var failed error
	for k, set := range j.sets {
		wanted := map[string]*shown{}
		for i, row := range rows {
			wanted[j.table.IDs[row]] = &shown{mistake: &mistakes[i]}
		}
		for i, id := range set.IDs {
			if s := wanted[id]; s != nil {
				s.key = set.Keys[i]
			}
		}
		paths, read := rereading(&set.Meta, o.root)
		if err := showFrom(ctx, paths, read, wanted); err != nil {
			if ctx.Err() != nil {
				return err
			}
			failed = fmt.Errorf("the samples of %s: %w", o.features[k], err)
		}
	}
	return failed
}

// rereading says how the samples of a feature set are read again. root, if it
// is not empty, is where they are now: the folder of images, and of a table that is
// not where it was.
func rereading(meta *features.Meta, root string) (paths []string, read *source.Options) {
	read = &source.Options{
		Format: meta.Reading["format"], Root: meta.Reading["root"], Image: meta.Reading["image"], Text: meta.Reading["text"],
		Recorded: true, Label: meta.Reading["label"], Group: meta.Reading["group"], Split: meta.Reading["split"], ID: meta.Reading["id"], Weight: meta.Reading["weight"],
	}
	paths = slices.Clone(meta.Source)
	if root == "" {
		return paths, read
	}
	image := models.Modality(meta.Modality) == models.Image
	if image && read.Image != "" {
		read.Root = root
	}
	for i, p := range paths {
		switch _, err := os.Stat(p); {
		case image && read.Image == "" && len(paths) == 1: // a folder
			paths[i] = root
		case image && read.Image == "":
			paths[i] = filepath.Join(root, filepath.Base(p))
		case p != "-" && errors.Is(err, fs.ErrNotExist): // a table or lines, that have moved too
			paths[i] = filepath.Join(root, filepath.Base(p))
		}
	}
	return paths, read
}

// shown is a mistake that waits for its sample.
type shown struct {
	mistake *report.Mistake
	key     cache.Key // of the content that was embedded
}

// showFrom reads the wanted samples from a source. A sample whose content is
// another one now is not shown.
func showFrom(ctx context.Context, paths []string, read *source.Options, wanted map[string]*shown) error {
	if slices.Contains(paths, "-") {
		return errors.New("they came from the standard input")
	}
	src, err := source.Open(paths, read)
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
		} else {
			m.mistake.Text = strings.ToValidUTF8(string(content), "\ufffd")
		}
	}
	if changed > 0 {
		return fmt.Errorf("%d of those to be shown have changed since they were embedded", changed)
	}
	return nil
}

// facts lists the settings of a training.
func (o *trainOptions) facts() []report.Fact {
	l2 := "auto"
	if o.L2 > 0 {
		l2 = fmt.Sprint(o.L2)
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
		{Name: "--head", Value: o.Settings.Kind}, {Name: "--l2", Value: l2}, {Name: "--l2-points", Value: fmt.Sprint(o.L2Points)},
		{Name: "--folds", Value: fmt.Sprint(o.Folds)}, {Name: "--cv", Value: cv}, {Name: "--split", Value: split}, {Name: "--by", Value: o.By},
		{Name: "--metric", Value: o.Metric}, {Name: "--tolerance", Value: fmt.Sprint(o.Tolerance)}, {Name: "--class-weight", Value: o.classWeight},
		{Name: "--standardize", Value: fmt.Sprint(!o.NoStandardize)}, {Name: "--l2-normalize", Value: fmt.Sprint(o.L2Normalize)},
		{Name: "--calibrate", Value: o.Calibrate}, {Name: "--refit", Value: fmt.Sprint(!o.NoRefit)}, {Name: "--repeat", Value: fmt.Sprint(o.Repeat)},
		{Name: "--seed", Value: fmt.Sprint(o.Seed)}, {Name: "--shots", Value: fmt.Sprint(o.Shots)},
	}
	return append(facts, o.tailFacts()...)
}

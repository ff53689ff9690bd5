package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/headstart-ml/headstart/cmd/headstart/internal/report"
	"github.com/headstart-ml/headstart/extract/contract"
	"github.com/headstart-ml/headstart/extract/features"
	"github.com/headstart-ml/headstart/head/study"
	"github.com/headstart-ml/headstart/head/transfer"
	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/builtin"
)

// rivalsSummary is what `study --against --json` prints.
type rivalsSummary struct {
	Against []study.Rival `json:"against"`
	// Pick and Best are the names of the one that was picked, and of the best.
	Pick     string         `json:"pick"`
	Best     string         `json:"best"`
	Metric   string         `json:"metric"`
	N        int            `json:"n"`
	Folds    int            `json:"folds"`
	Seeds    []uint64       `json:"seeds"`
	CheapBy  string         `json:"cheap_by"`
	Advice   rivalsSentence `json:"advice"`
	Features []string       `json:"features"`
	Report   string         `json:"report"`
	Seconds  float64        `json:"seconds"`
	remarked
}

// rivalsSentence is the advice in words.
type rivalsSentence struct {
	Text string `json:"text"`
}

// checkAgainst refuses flags that do nothing where sets are compared.
func checkAgainst(ctx *cli.Context) error {
	if !ctx.IsSet("against") {
		return nil
	}
	for _, flag := range []string{"at", "budget", "depths", "root", "replicas"} {
		if ctx.IsSet(flag) {
			return usagef("--%s does nothing with --against, which compares heads on all samples; leave out one of them", flag)
		}
	}
	return nil
}

// runAgainst compares the features of the arguments with those of --against.
func runAgainst(ctx context.Context, o *studyOptions, e *env) error {
	if folder := filepath.Dir(o.report); folder != "." {
		if _, err := os.Stat(folder); err != nil { // known before anything is trained
			return fmt.Errorf("%s: %w", o.report, err)
		}
	}
	store, err := openCache(&o.common)
	if err != nil {
		return err
	}
	defer store.Close()
	j, err := features.Open(slices.Concat(o.features, o.against), store)
	if err != nil {
		return err
	}
	defer j.Close()
	start := time.Now()
	first := transfer.Rival{Name: strings.Join(o.features, " + ")}
	for k := range o.features {
		first.Sets = append(first.Sets, k)
	}
	rivals := []transfer.Rival{first}
	for k, name := range o.against {
		rivals = append(rivals, transfer.Rival{Name: name, Sets: []int{len(o.features) + k}})
	}
	for k := range rivals {
		rivals[k].Specs = specsOf(j, rivals[k].Sets, e)
	}
	m := startStepMeter(e, &o.common, "study", "trainings")
	s := &study.AgainstSettings{
		Metric: o.Metric, By: o.By, Seed: o.Seed, Threads: o.threads, Deals: o.deals, L2Points: o.strengths,
		Progress: func(_ string, done, total int) { m.step(done, total) },
	}
	a, err := transfer.CompareSets(ctx, j, rivals, s)
	m.stop()
	if same, ok := errors.AsType[*transfer.SameSpacesError](err); ok {
		return usagef("--against: %s and %s have the same features; compare another backbone, tap, prompt or modality", same.One, same.Other)
	}
	if err != nil {
		return err
	}
	e.unmatched(j.Table.Unmatched)
	if err := o.writeRivals(a, e); err != nil {
		return err
	}
	if o.json {
		return e.printJSON(&rivalsSummary{
			Against: a.Rivals, Pick: a.Rivals[a.Pick].Name, Best: a.Rivals[a.Best].Name, Metric: a.Metric, N: a.N, Folds: a.Folds, Seeds: a.Seeds, CheapBy: a.Order,
			Advice: rivalsSentence{a.Advice()}, Features: slices.Concat(o.features, o.against), Report: o.report, Seconds: time.Since(start).Seconds(), remarked: e.remarked(),
		})
	}
	return printRivals(a, o, e)
}

// writeRivals writes the page of a comparison, or its drawing alone.
func (o *studyOptions) writeRivals(a *study.Against, e *env) error {
	var notes []string
	for _, n := range e.remarked().Notes {
		notes = append(notes, n.Text)
	}
	return writeDrawn(o.report, o.format, outputs{
		"svg": func(w io.Writer) error { return report.RivalsSVGTo(w, a) },
		"png": func(w io.Writer) error { return report.RivalsPNGTo(w, a) },
		"html": func(w io.Writer) error {
			return report.RivalsTo(w, &report.Rivals{
				Title: studyTitle(o.report), Against: a, Facts: []report.Fact{madeByFact()}, Notes: notes,
				Settings: []report.Fact{
					{Name: "--metric", Value: o.Metric}, {Name: "--by", Value: o.By}, {Name: "--repeat", Value: fmt.Sprint(len(a.Seeds))},
					{Name: "--l2-points", Value: fmt.Sprint(cmp.Or(o.strengths, study.DefaultStrengths))}, {Name: "--seed", Value: fmt.Sprint(o.Seed)},
				},
			})
		},
	})
}

// specsOf returns the backbones of sets, nil and a note where one cannot be
// opened: what it costs is then not known.
func specsOf(j *features.Joined, sets []int, e *env) []*models.Spec {
	var all []*models.Spec
	for _, k := range sets {
		meta := &j.Sets[k].Meta
		spec, err := contract.Recall(meta.Backbone, meta.Spaces, builtin.FS())
		if err == nil {
			_, err = spec.Work(1)
		}
		if err != nil {
			e.note("what %s costs is not known, since its backbone cannot be opened: %s", j.Names[k], withoutRooms(err))
			return nil
		}
		all = append(all, spec)
	}
	return all
}

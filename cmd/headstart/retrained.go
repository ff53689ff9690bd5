package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/headstart-ml/headstart/cache/draft"
	"github.com/headstart-ml/headstart/cmd/headstart/internal/report"
	"github.com/headstart-ml/headstart/extract/features"
	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/experiment"
	"github.com/headstart-ml/headstart/head/file"
	"github.com/headstart-ml/headstart/models/retrain"
)

// finish writes the head that was chosen with the first seed, and says what was
// compared. If r was stopped, that is what there is so far, and no page is drawn.
func (r *retraining) finish(ctx context.Context, seeds []*outcome, took time.Duration) error {
	first := seeds[0]
	best := first.chosen
	result := best.result
	var err error
	if result.Comparison, err = r.comparison(seeds); err != nil {
		return err
	}
	j := r.j
	if best.name == "taps" {
		j = r.taps
	}
	f, err := newHeadFile(r.trainOptions, j, result)
	if err != nil {
		return err
	}
	if best.tail != nil {
		r.attach(f, best, first.tried[0].result.Head)
	}
	if err := file.Write(r.out, f); err != nil {
		return err
	}
	if !r.stopped {
		if err := r.removeCheckpoints(); err != nil {
			return err
		}
	}
	for _, w := range result.Warnings {
		if w.Kind != "no-test" || !r.stopped {
			r.env.note("%s", w.Message)
		}
	}
	if best.tail == nil && r.tail != "auto" && !r.stopped {
		r.env.note("retraining did not beat the head on validation: %s is the head alone", r.out)
	}
	drawn, err := reportOf(r.out, f)
	if err != nil {
		return err
	}
	page := r.report
	if r.stopped {
		page = ""
	}
	if page != "" {
		if err := writeReport(ctx, r.trainOptions, drawn, j, result, r.env); err != nil {
			return err
		}
	}
	if r.json {
		err = r.env.printJSON(newRetrainSummary(r.out, page, j, first, took))
	} else if err = report.SummaryTo(r.env.stdout, drawn, took, r.env.style(&r.common)); err == nil {
		err = report.ComparedTo(r.env.stdout, result.Comparison, costs(first.tried), r.env.style(&r.common))
	}
	if err == nil && r.stopped {
		untested := ""
		if result.Metrics.Test == nil {
			untested = ", not tested"
		}
		next := "begins anew"
		if slices.ContainsFunc(r.checkpoints, exists) {
			next = "goes on from there"
		}
		r.env.note("stopped: %s has the best so far (%s)%s; the same command %s", r.out, best.name, untested, next)
		err = context.Canceled
	}
	return err
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// removeCheckpoints removes what could be gone on from, now that everything is
// done, and tells of what other command lines left.
func (r *retraining) removeCheckpoints() error {
	for _, path := range r.checkpoints {
		if err := retrain.RemoveCheckpoint(path); err != nil {
			return err
		}
	}
	entries, err := draft.ReadDir(filepath.Dir(r.out))
	if err != nil {
		return nil // the head is written, and this is but a hint
	}
	n := 0
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), filepath.Base(r.out)+".") && strings.HasSuffix(e.Name(), ".checkpoint") {
			n++
		}
	}
	if n > 0 {
		r.env.note("%d checkpoints of other command lines are beside %s: what they were retraining is not at its end; delete them if it is not to go on", n, r.out)
	}
	return nil
}

// attach puts the retrained weights into a head file.
func (r *retraining) attach(f *file.File, a *attempt, start *head.Head) {
	temperature := 1.0
	if c := a.result.Calibration; c != nil {
		temperature = c.Temperature
	}
	network := r.places.Network(a.tail)
	model := head.NewAffine(a.run.Head.Weight, a.run.Head.Bias)
	model.Normalize = affine(start).Normalize || network.Normalize
	own := *start
	own.Model, own.Temperature = model, temperature
	f.Head = &own
	f.Tail = &file.Tail{
		Cut: network.Cut, Features: network.Features, Pooling: network.Pooling, Mask: network.Mask, Normalize: model.Normalize,
		Weights: a.run.Weights, Backbone: network.Model,
	}
}

// comparison lists the ways that were tried with the first seed, over all seeds.
func (r *retraining) comparison(seeds []*outcome) (*experiment.Comparison, error) {
	c := &experiment.Comparison{Metric: r.Metric, Rule: "better", Chosen: seeds[0].chosen.name}
	if r.tail == "auto" {
		c.Rule = "one-standard-error"
	}
	for _, a := range seeds[0].tried {
		way, err := r.way(a)
		if err != nil {
			return nil, err
		}
		for _, s := range seeds {
			i := slices.IndexFunc(s.tried, func(x *attempt) bool { return x.name == a.name })
			if i < 0 {
				continue
			}
			if err := way.Add(r.Metric, &s.tried[i].result.Metrics); err != nil {
				return nil, err
			}
		}
		c.Ways = append(c.Ways, *way)
	}
	if len(seeds) > 1 {
		c.Choice = &experiment.Way{Name: r.tail}
	}
	for _, s := range seeds {
		c.Seeds = append(c.Seeds, s.seed)
		if c.Choice == nil {
			continue
		}
		if err := c.Choice.Add(r.Metric, &s.chosen.result.Metrics); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// way is what an attempt came to, without the metrics of its parts.
func (r *retraining) way(a *attempt) (*experiment.Way, error) {
	c, err := a.result.Metrics.Validation.Score(r.Metric)
	if err != nil {
		return nil, err
	}
	w := &experiment.Way{Name: a.name, Score: c.Value, SE: c.SE, Parameters: a.parameters()}
	if a.tail != nil {
		w.Cut, w.Best, w.Epochs, w.Status = a.tail.Cut, a.run.Best, len(a.run.Epochs)-1, a.run.Status
	}
	return w, nil
}

// parameters is how many were trained.
func (a *attempt) parameters() int64 {
	if a.tail == nil {
		return int64(len(affine(a.result.Head).Weight) + len(affine(a.result.Head).Bias))
	}
	n := int64(len(a.run.Head.Weight) + len(a.run.Head.Bias))
	for _, v := range a.run.Weights {
		n += int64(len(v))
	}
	return n
}

// costs are the times that attempts took.
func costs(tried []*attempt) []time.Duration {
	var all []time.Duration
	for _, a := range tried {
		all = append(all, a.took)
	}
	return all
}

// retrainSummary is what train-head --json adds with --tail.
type retrainSummary struct {
	experiment.Comparison
	Cut        string          `json:"cut"`
	Weights    int             `json:"weights"` // tensors of the backbone that were changed
	Parameters int64           `json:"parameters"`
	Layout     string          `json:"layout,omitempty"`
	Reason     string          `json:"layout_reason,omitempty"`
	MicroBatch int             `json:"micro_batch,omitempty"`
	Memory     int64           `json:"memory,omitempty"` // bytes, estimated
	History    []retrain.Epoch `json:"history,omitempty"`
	Seconds    []float64       `json:"seconds"` // of each way, with the first seed
}

func newRetrainSummary(out, page string, j *features.Joined, first *outcome, took time.Duration) *trainSummary {
	best := first.chosen
	s := newTrainSummary(out, page, j, best.result, took)
	s.Tail = &retrainSummary{Comparison: *best.result.Comparison}
	for _, d := range costs(first.tried) {
		s.Tail.Seconds = append(s.Tail.Seconds, d.Seconds())
	}
	if run := best.run; run != nil {
		s.Tail.Cut, s.Tail.Weights, s.Tail.Parameters = best.tail.Cut, len(run.Weights), best.parameters()
		s.Tail.Layout, s.Tail.Reason, s.Tail.MicroBatch, s.Tail.Memory, s.Tail.History = run.Layout, run.LayoutReason, run.MicroBatch, run.Memory, run.Epochs
	}
	return s
}

// affine is the model of a head that layers of a backbone are trained with.
func affine(h *head.Head) *head.Affine { return h.Model.(*head.Affine) }

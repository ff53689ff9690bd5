package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/headstart-ml/headstart/cache/draft"
	"github.com/headstart-ml/headstart/cmd/headstart/internal/report"
	"github.com/headstart-ml/headstart/extract/features"
	"github.com/headstart-ml/headstart/head/experiment"
	"github.com/headstart-ml/headstart/head/file"
	"github.com/headstart-ml/headstart/head/transfer"
	"github.com/headstart-ml/headstart/models/runtime"
)

// finish writes the head that was chosen with the first seed, and says what was
// compared. If trying was stopped, that is what there is so far, and no page is
// drawn.
func (r *retraining) finish(ctx context.Context, t *transfer.Result, took time.Duration) error {
	best := t.Chosen()
	result, j := best.Result, best.Features
	r.Split, r.NoRefit = t.Settings.Split, t.Settings.NoRefit
	if !t.Stopped {
		if err := r.compareBaselines(ctx, j, result, r.env); err != nil {
			return err
		}
	}
	f, err := best.File()
	if err != nil {
		return err
	}
	if err := describeTraining(f, r.trainOptions, j); err != nil {
		return err
	}
	if f.Tail != nil {
		// The weights are what this library computed.
		if where, err := runtime.Find(r.runtime); err == nil {
			f.Versions["onnxruntime"] = where.Version
		}
	}
	if err := file.Write(r.out, f); err != nil {
		return err
	}
	if !t.Stopped {
		if err := t.RemoveCheckpoints(); err != nil {
			return err
		}
		r.sayCheckpoints()
	}
	said := *result
	said.Warnings = slices.DeleteFunc(slices.Clone(said.Warnings), func(w experiment.Warning) bool { return w.Kind == "no-test" && t.Stopped })
	r.env.trained(&said)
	if best.Tail == nil && r.tail != transfer.Auto && !t.Stopped {
		r.env.note("retraining did not beat the head on validation: %s is the head alone", r.out)
	}
	drawn, err := reportOf(r.out, f)
	if err != nil {
		return err
	}
	page := r.report
	if t.Stopped {
		page = ""
	}
	if page != "" {
		if err := writeReport(ctx, r.trainOptions, drawn, j, result, r.env); err != nil {
			return err
		}
	}
	mistakes := r.mistakes
	if t.Stopped {
		mistakes = ""
	} else if err := r.writeMistakes(ctx, j, result, r.env); err != nil {
		return err
	}
	tried := t.Outcomes[0].Tried
	if r.json {
		s := newRetrainSummary(r.out, page, j, t.Outcomes[0], took, r.env)
		s.Mistakes = mistakes
		err = r.env.printJSON(s)
	} else if err = report.SummaryTo(r.env.stdout, drawn, took, r.env.style(&r.common)); err == nil {
		err = report.ComparedTo(r.env.stdout, result.Comparison, costs(tried), r.env.style(&r.common))
	}
	if err == nil && !t.Stopped {
		r.env.next(&r.common, r.env.afterTraining(r.out, f, r.features, j.Sets))
	}
	if err == nil && t.Stopped {
		untested := ""
		if result.Metrics.Test == nil {
			untested = ", not tested"
		}
		next := "begins anew"
		if slices.ContainsFunc(t.Checkpoints, exists) {
			next = "resumes there"
		}
		r.env.note("stopped: %s has the best so far (%s)%s; the same command %s", r.out, best.Way.Name, untested, next)
		err = context.Canceled
	}
	return err
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// sayCheckpoints tells of checkpoints that other command lines left.
func (r *retraining) sayCheckpoints() {
	entries, err := draft.ReadDir(filepath.Dir(r.out))
	if err != nil {
		return // the head is written, and this is but a hint
	}
	n := 0
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), filepath.Base(r.out)+".") && strings.HasSuffix(e.Name(), ".checkpoint") {
			n++
		}
	}
	if n > 0 {
		its := "is the checkpoint of another command line, which is not at its end; delete it if that"
		if n > 1 {
			its = fmt.Sprintf("are %d checkpoints of other command lines, which are not at their end; delete them if those", n)
		}
		r.env.note("beside %s %s need not go on", r.out, its)
	}
}

// costs are the times that attempts took.
func costs(tried []*transfer.Attempt) []time.Duration {
	var all []time.Duration
	for _, a := range tried {
		all = append(all, a.Took)
	}
	return all
}

// retrainSummary is what train-head --json adds with --tail.
type retrainSummary struct {
	experiment.Comparison
	Cut        string           `json:"cut"`
	Weights    int              `json:"weights"` // tensors of the backbone that were changed
	Parameters int64            `json:"parameters"`
	Layout     string           `json:"layout,omitempty"`
	Reason     string           `json:"layout_reason,omitempty"`
	MicroBatch int              `json:"micro_batch,omitempty"`
	Replicas   int              `json:"replicas,omitempty"`
	Memory     int64            `json:"memory,omitempty"` // bytes, estimated
	History    []transfer.Epoch `json:"history,omitempty"`
	Seconds    []float64        `json:"seconds"` // of each way, with the first seed
}

func newRetrainSummary(out, page string, j *features.Joined, first *transfer.Outcome, took time.Duration, e *env) *trainSummary {
	best := first.Chosen
	s := newTrainSummary(out, page, j, best.Result, took, e)
	s.Tail = &retrainSummary{Comparison: *best.Result.Comparison}
	for _, d := range costs(first.Tried) {
		s.Tail.Seconds = append(s.Tail.Seconds, d.Seconds())
	}
	if run := best.Training; run != nil {
		s.Tail.Cut, s.Tail.Weights, s.Tail.Parameters = best.Way.Place.Cut, len(run.Weights), best.Parameters
		s.Tail.Layout, s.Tail.Reason, s.Tail.MicroBatch, s.Tail.Replicas, s.Tail.Memory, s.Tail.History = run.Layout, run.LayoutReason, run.MicroBatch, run.Replicas, run.Memory, run.Epochs
	}
	return s
}

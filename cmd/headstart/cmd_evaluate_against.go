package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/headstart-ml/headstart/cmd/headstart/internal/report"
	"github.com/headstart-ml/headstart/extract"
	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/file"
	"github.com/headstart-ml/headstart/head/measure"
	"github.com/headstart-ml/headstart/head/predict"
)

// against is what `evaluate --against --json` says of two heads on the samples
// that neither was fitted on: differences are of the first head less the other.
type against struct {
	Head string `json:"head"` // the other one
	measure.Paired
	Verdict string           `json:"verdict"` // "better", "worse" or "unclear": of the first head
	Metrics *measure.Metrics `json:"metrics"` // of the other one on what it was not fitted on
}

// compare measures the head of --against on the same samples, and compares.
func (o *evaluateOptions) compare(ctx context.Context, sets bool, h *predict.Evaluated, e *env) (*against, error) {
	f, err := file.Read(o.against)
	if err != nil {
		return nil, err
	}
	if f.Head.Task != head.OneOf {
		return nil, usagef("--against: %s answers %s; two heads of one of several classes are compared", o.against, answersWhat(f.Head.Task))
	}
	other := *o
	other.head, other.mistakes = o.against, ""
	got, _, err := other.evaluate(ctx, sets, f, new(extract.Stats), new(evaluation), e)
	if err != nil {
		return nil, err
	}
	paired, err := predict.Against(h, &predict.Evaluated{Evaluation: got, Classes: f.Head.Classes}, o.options())
	if errors.Is(err, predict.ErrNoPair) {
		return nil, fmt.Errorf("%s and %s: each labelled sample of %s is one that a head was fitted on, or of a class that one does not know, which would favour a head; give samples that neither has seen", o.head, o.against, strings.Join(o.sources, ", "))
	}
	if err != nil {
		return nil, err
	}
	return &against{Head: o.against, Paired: *paired, Verdict: paired.Verdict(), Metrics: got.Fresh}, nil
}

// drawn is what is shown of a comparison with the head of that name.
func (a *against) drawn(head string) *report.Against {
	return &report.Against{Head: head, Other: a.Head, Paired: &a.Paired}
}

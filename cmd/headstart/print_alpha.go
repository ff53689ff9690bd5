package main

import (
	"context"
	"fmt"
	"maps"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract/features"
	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/experiment"
	"github.com/headstart-ml/headstart/head/transfer"
)

// comparedRows is how many rows a feature set may have so that a second head is
// fitted for a figure to compare with.
const comparedRows = 5000

// alphaWords say how transparent parts are read, by what --alpha takes.
var alphaWords = map[string]string{"drop": "with their hidden colours (--alpha drop)", "white": "laid on white (--alpha white)"}

// compareAlpha says what the other way to read transparent parts would do to
// the head, with both figures, where the cache has what that takes, and adds it
// to the notes of the result. The comparison is nil if there is none.
func (o *trainOptions) compareAlpha(ctx context.Context, store *cache.Cache, j *features.Joined, r *experiment.Result, e *env) (*transfer.Alpha, error) {
	if j.Table.N() > comparedRows || o.task() != head.OneOf {
		return nil, nil
	}
	fits := startStepMeter(e, &o.common, "train-head", "fits for the other --alpha")
	s := o.Settings
	s.Progress = fits.step
	a, err := transfer.CompareAlpha(ctx, &transfer.AlphaSettings{Features: j, Cache: store, Train: &s, Result: r})
	fits.stop()
	if a == nil {
		return nil, err
	}
	text := o.compared(a, j)
	r.Notes = append(r.Notes, experiment.Warning{Kind: "alpha", Count: a.Transparent, Message: text})
	e.tell(text)
	return a, nil
}

// compared says which of two ways to read transparent parts is better.
func (o *trainOptions) compared(a *transfer.Alpha, j *features.Joined) string {
	text := fmt.Sprintf("%s: accuracy %.3f %s, %.3f %s", transparentParts(a.Transparent, j), a.HaveAccuracy, alphaWords[a.Have], a.OtherAccuracy, alphaWords[a.Other])
	if a.L2 > 0 {
		text += fmt.Sprintf(", both at λ = %.3g", a.L2)
	}
	d := a.Difference
	interval := fmt.Sprintf("difference %+.3f, 95 %% interval %+.3f to %+.3f", d.Value, d.Low, d.High)
	switch {
	case d.Low > 0:
		return fmt.Sprintf("%s (%s); %s takes the other", text, interval, o.withAlpha(j, a.Other, o.features[0])+" --replace")
	case d.High < 0:
		return fmt.Sprintf("%s (%s); the features at hand are the better ones", text, interval)
	}
	return fmt.Sprintf("%s, which is within chance (%s)", text, interval)
}

// transparentParts says how many pictures have some.
func transparentParts(n int, j *features.Joined) string {
	if n == 1 {
		return fmt.Sprintf("1 of the %s has transparent parts", counted(j.Table.N(), "picture"))
	}
	return fmt.Sprintf("%s of the %s have transparent parts", count(int64(n)), counted(j.Table.N(), "picture"))
}

// withAlpha returns the command that makes the feature set with its transparent
// parts read in another way, at out.
func (o *trainOptions) withAlpha(j *features.Joined, alpha, out string) string {
	m := j.Sets[0].Meta
	m.Reading = maps.Clone(m.Reading)
	if m.Reading == nil {
		m.Reading = make(map[string]string)
	}
	m.Reading["alpha"] = alpha
	return m.Command(out)
}

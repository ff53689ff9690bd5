package transfer

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract"
	"github.com/headstart-ml/headstart/extract/contract"
	"github.com/headstart-ml/headstart/extract/features"
	"github.com/headstart-ml/headstart/head/experiment"
	"github.com/headstart-ml/headstart/head/measure"
	"github.com/headstart-ml/headstart/models"
)

// Alpha tells what it does to a head how transparent parts of images are read:
// with their hidden colours ("drop"), or laid on white ("white").
type Alpha struct {
	// Have is how the images of the feature set were read, Other the other way.
	Have  string `json:"have"`
	Other string `json:"other"`
	// Transparent is how many images have another embedding the other way.
	Transparent int `json:"transparent"`
	// L2 is the λ at which both were fitted; 0 for kinds without one.
	L2 float64 `json:"l2"`
	// HaveAccuracy and OtherAccuracy are shares of the rows that were held out,
	// by the same folds or parts.
	HaveAccuracy  float64 `json:"have_accuracy"`
	OtherAccuracy float64 `json:"other_accuracy"`
	// Difference is the second less the first, with its 95 % interval.
	Difference measure.Estimate `json:"difference"`
}

// AlphaSettings says what CompareAlpha compares.
type AlphaSettings struct {
	Features *features.Joined     // what the head was fitted on
	Cache    *cache.Cache         // has the rows of both
	Train    *experiment.Settings // that Result came from
	Result   *experiment.Result
}

// OtherAlpha returns how a feature set of images read transparent parts, and
// the other way; false if it is none of images that were read in one of the two
// ways.
func OtherAlpha(m *features.Meta) (have, other string, ok bool) {
	for i, space := range m.Spaces {
		d, err := contract.Describe(space)
		if err != nil || i > 0 && d.Image.Alpha != have {
			return "", "", false
		}
		have = d.Image.Alpha
	}
	switch have {
	case "drop":
		return have, "white", true
	case "white":
		return have, "drop", true
	}
	return "", "", false
}

// CompareAlpha fits the head of s.Result again at its λ to the embeddings that
// the cache has of the same images with their transparent parts read the other
// way, and compares both on the rows that were held out. Nothing is embedded.
// It returns nil where that tells nothing: of several feature sets, of other
// samples than images, if the cache lacks a row of the other way or no
// embedding differs, and if no row was held out.
func CompareAlpha(ctx context.Context, s *AlphaSettings) (*Alpha, error) {
	j, p := s.Features, s.Result.Predictions
	if len(j.Sets) != 1 || p == nil {
		return nil, nil
	}
	have, other, ok := OtherAlpha(&j.Sets[0].Meta)
	if !ok {
		return nil, nil
	}
	set := *j.Sets[0]
	set.Meta.Spaces = nil
	for _, space := range j.Sets[0].Meta.Spaces {
		changed, err := contract.WithPolicy(space, models.Policy{Name: "alpha", Value: other})
		if err != nil {
			return nil, err
		}
		set.Meta.Spaces = append(set.Meta.Spaces, json.RawMessage(changed.JSON()))
	}
	again, err := features.OpenSets([]*features.Set{&set}, j.Names, s.Cache)
	if len(features.Missing(err)) > 0 {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer again.Close()
	a := &Alpha{Have: have, Other: other, L2: s.Result.L2}
	if a.Transparent, err = differing(ctx, j, again); err != nil || a.Transparent == 0 {
		return nil, err
	}
	cheap := *s.Train
	cheap.Kind, cheap.L2, cheap.Calibrate, cheap.Repeat = s.Result.Kind, s.Result.L2, "none", 1
	fit := func(j *features.Joined) (*experiment.Predictions, error) {
		r, err := experiment.Train(ctx, DataOf(j), &cheap)
		if err != nil {
			return nil, err
		}
		if !slices.Equal(r.Predictions.Rows, p.Rows) {
			return nil, fmt.Errorf("transfer: %s: other rows were held out than before", j.Names[0])
		}
		return r.Predictions, nil
	}
	if s.Train.L2 == 0 && s.Result.L2 != 0 { // the figure of Result is of a λ chosen in each fold
		if p, err = fit(j); err != nil {
			return nil, err
		}
	}
	q, err := fit(again)
	if err != nil {
		return nil, err
	}
	a.HaveAccuracy, a.OtherAccuracy = accuracy(p.Outcomes), accuracy(q.Outcomes)
	d, err := measure.Difference(p.Outcomes, q.Outcomes, &measure.Settings{Seed: s.Train.Seed, Units: drawn(j, p.Rows, s.Train.By)})
	if err != nil {
		return nil, err
	}
	a.Difference = *d
	return a, nil
}

// drawn says what is drawn together with each of the rows: its group, where
// there are some; nil: rows are drawn one by one.
func drawn(j *features.Joined, rows []int, by string) []string {
	if j.Table.Groups == nil || by == "none" {
		return nil
	}
	units := make([]string, len(rows))
	for i, row := range rows {
		if units[i] = j.Table.Groups[row]; units[i] == "" {
			units[i] = "\x00" + j.Table.IDs[row]
		}
	}
	return units
}

// accuracy is the share of outcomes that are right.
func accuracy(outcomes []measure.Outcome) float64 {
	n := 0
	for i := range outcomes {
		if outcomes[i].Predicted == outcomes[i].Label {
			n++
		}
	}
	return float64(n) / float64(len(outcomes))
}

// differing counts the rows of two sets of the same samples that are less alike
// than one embedding computed twice.
func differing(ctx context.Context, a, b *features.Joined) (int, error) {
	const rows = 256
	n, d := a.Matrix.N(), a.Matrix.D()
	least := 1.0
	for _, space := range a.Table.Spaces {
		least = min(least, extract.MinCosine(space))
	}
	x, y := make([]float32, rows*d), make([]float32, rows*d)
	count := 0
	for lo := 0; lo < n; lo += rows {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		hi := min(n, lo+rows)
		if err := a.Matrix.BlockTo(x[:(hi-lo)*d], lo, hi); err != nil {
			return 0, err
		}
		if err := b.Matrix.BlockTo(y[:(hi-lo)*d], lo, hi); err != nil {
			return 0, err
		}
		for i := range hi - lo {
			at := 0
			for _, space := range a.Table.Spaces { // a tap may differ where a larger one beside it hides it
				from, to := i*d+at, i*d+at+space.Dim()
				at += space.Dim()
				if extract.Cosine(x[from:to], y[from:to]) < least {
					count++
					break
				}
			}
		}
	}
	return count, nil
}

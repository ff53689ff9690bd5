package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/headstart-ml/headstart/head/experiment"
)

// readAnswers reads the flags that say what is made of the scores of a head:
// --prior, --reject, --thresholds.
func (o *trainOptions) readAnswers(ctx *cli.Context) error {
	o.prior = ctx.String("prior")
	switch o.prior {
	case "keep", "data", "uniform":
		o.Prior = o.prior
	default:
		o.Prior = "map"
		var err error
		if o.Priors, err = readWeights("--prior", "keep, data, uniform", o.prior); err != nil {
			return err
		}
		if o.Priors == nil { // the file says null
			o.Priors = map[string]float64{}
		}
	}
	if ctx.IsSet("reject") {
		if o.Reject = ctx.Float64("reject"); !(o.Reject > 0 && o.Reject < 1) {
			return usagef("--reject %g: the share of right answers that is wanted lies between 0 and 1", o.Reject)
		}
		if ctx.IsSet("thresholds") {
			return usagef("--reject and --thresholds are two ways to be unsure; give one of them")
		}
	}
	if text := ctx.String("thresholds"); text != "" {
		name, value, _ := strings.Cut(text, "=")
		share, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		o.Thresholds = new(experiment.Thresholds)
		to := map[string]*float64{"precision": &o.Thresholds.Precision, "recall": &o.Thresholds.Recall}[strings.TrimSpace(name)]
		if to == nil || err != nil || !(share > 0 && share < 1) {
			return usagef("--thresholds %s: it is like precision=0.95 or recall=0.9, with a share between 0 and 1", text)
		}
		*to = share
	}
	if o.Prior != "keep" && ctx.IsSet("tail") {
		return usagef("--prior is for heads on features; with --tail class weights and frequencies stay as the training has them")
	}
	return nil
}

// rejectWords is --reject as it was given.
func (o *trainOptions) rejectWords() string {
	if o.Reject == 0 {
		return "–"
	}
	return fmt.Sprint(o.Reject)
}

// thresholdWords is --thresholds as it was given.
func (o *trainOptions) thresholdWords() string {
	switch t := o.Thresholds; {
	case t == nil:
		return "–"
	case t.Precision > 0:
		return fmt.Sprintf("precision=%g", t.Precision)
	default:
		return fmt.Sprintf("recall=%g", t.Recall)
	}
}

package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/headstart-ml/headstart/cmd/headstart/internal/report"
	"github.com/headstart-ml/headstart/head"
)

// mlpFlags are those of train-head that say how --head mlp is fitted. Those
// that are not among onlyMLP do something with --tail, too, and have other
// defaults there.
var (
	onlyMLP  = []string{"hidden", "dropout", "mixup"}
	mlpFlags = append([]string{"epochs", "patience", "batch-size", "lr", "weight-decay", "label-smoothing"}, onlyMLP...)
)

// readMLP reads the flags of --head mlp.
func (o *trainOptions) readMLP(ctx *cli.Context) error {
	if o.Kind != "mlp" {
		for _, name := range onlyMLP {
			if onCommandLine(ctx, name) {
				return usagef("--%s says how --head mlp is fitted; the head is %s", name, o.Kind)
			}
		}
		return nil
	}
	m := &o.MLP
	var err error
	if m.Hidden, err = parseHidden(ctx.String("hidden")); err != nil {
		return err
	}
	for name, to := range map[string]*int{"epochs": &m.Epochs, "patience": &m.Patience, "batch-size": &m.Batch} {
		if !ctx.IsSet(name) {
			continue
		}
		if *to = ctx.Int(name); *to < 1 {
			return usagef("--%s %d: at least 1 is needed", name, *to)
		}
	}
	for _, f := range []struct {
		name string
		to   *float64
		most string
		fits func(v float64) bool
	}{
		{"lr", &m.Rate, "over 0 and at most at 1", func(v float64) bool { return v > 0 && v <= 1 }},
		{"weight-decay", &m.Decay, "from 0 to under 1", func(v float64) bool { return v >= 0 && v < 1 }},
		{"label-smoothing", &m.Smoothing, "from 0 to under 1", func(v float64) bool { return v >= 0 && v < 1 }},
		{"dropout", &m.Dropout, "from 0 to under 1", func(v float64) bool { return v >= 0 && v < 1 }},
		{"mixup", &m.Mixup, "from 0 to 100", func(v float64) bool { return v >= 0 && v <= 100 }},
	} {
		if !ctx.IsSet(f.name) {
			continue
		}
		if *f.to = ctx.Float64(f.name); !f.fits(*f.to) {
			return usagef("--%s %g: it lies %s", f.name, *f.to, f.most)
		}
	}
	if err := m.Check(); err != nil {
		return usagef("--head mlp: %v", err)
	}
	return nil
}

// parseHidden reads the sizes of hidden layers, as in 256 or 256,128.
func parseHidden(s string) ([]int, error) {
	var sizes []int
	for item := range strings.SplitSeq(s, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(item))
		if err != nil || n < 1 || n > head.MaxUnits || len(sizes) == head.MaxHidden {
			return nil, usagef("--hidden %s: it is the size of one layer or of two, as in 256 or 256,128, each from 1 to %d", s, head.MaxUnits)
		}
		sizes = append(sizes, n)
	}
	return sizes, nil
}

// mlpFacts lists the settings of a perceptron that are not among its
// parameters, which are shown with the head.
func (o *trainOptions) mlpFacts() []report.Fact {
	if o.Kind != "mlp" {
		return nil
	}
	or := func(v float64) string {
		if v == 0 {
			return "default"
		}
		return fmt.Sprint(v)
	}
	sizes := strings.Trim(strings.ReplaceAll(fmt.Sprint(o.MLP.Hidden), " ", ","), "[]")
	return []report.Fact{
		{Name: "--hidden", Value: sizes}, {Name: "--epochs", Value: or(float64(o.MLP.Epochs))}, {Name: "--patience", Value: or(float64(o.MLP.Patience))},
		{Name: "--batch-size", Value: or(float64(o.MLP.Batch))}, {Name: "--lr", Value: or(o.MLP.Rate)}, {Name: "--weight-decay", Value: fmt.Sprint(o.MLP.Decay)},
		{Name: "--dropout", Value: fmt.Sprint(o.MLP.Dropout)}, {Name: "--label-smoothing", Value: fmt.Sprint(o.MLP.Smoothing)}, {Name: "--mixup", Value: fmt.Sprint(o.MLP.Mixup)},
	}
}

// ofMLP says whether a flag says how a perceptron is fitted, and there is one.
func (o *trainOptions) ofMLP(name string) bool {
	return o.Kind == "mlp" && slices.Contains(mlpFlags, name)
}

package main

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/headstart-ml/headstart/cmd/headstart/internal/report"
	"github.com/headstart-ml/headstart/extract/contract"
)

// tailFlags are those of train-head that do something with --tail alone, or
// with --head mlp.
var tailFlags = []string{"epochs", "patience", "batch-size", "replicas", "lr", "layer-decay", "warmup", "weight-decay", "clip", "label-smoothing", "augment", "memory", "dtype", "runtime"}

// maxViews is the most that --augment takes. An epoch sees one view of an
// image.
const maxViews = 1000

// readTail reads --tail and the flags that go with it.
func (o *trainOptions) readTail(ctx *cli.Context) error {
	o.tail = ctx.String("tail")
	if o.tail == "" {
		for _, name := range tailFlags {
			if onCommandLine(ctx, name) && !o.ofMLP(name) {
				if slices.Contains(mlpFlags, name) {
					return usagef("--%s says how layers are retrained, or --head mlp is fitted; there is neither --tail nor that head", name)
				}
				return usagef("--%s says how layers are retrained; there is no --tail", name)
			}
		}
		return nil
	}
	for _, name := range []string{"cv", "refit"} {
		if ctx.IsSet(name) {
			return usagef("--tail and --%s do not go together: one validation part says when to stop; --split and --repeat say how to test", name)
		}
	}
	if o.Kind != "softmax" {
		return usagef("--tail and --head %s do not go together: retraining starts from a softmax head", o.Kind)
	}
	o.dtype, o.epochs, o.batch, o.patience = ctx.String("dtype"), ctx.Int("epochs"), ctx.Int("batch-size"), ctx.Int("patience")
	var err error
	o.rate, o.weightDecay, o.layerDecay = ctx.Float64("lr"), ctx.Float64("weight-decay"), ctx.Float64("layer-decay")
	o.warmup, o.clip, o.smoothing = ctx.Float64("warmup"), ctx.Float64("clip"), ctx.Float64("label-smoothing")
	if err := oneOf("dtype", o.dtype, contract.DTypes...); err != nil {
		return err
	}
	if o.augment = ctx.Int("augment"); o.augment < 0 || o.augment > maxViews {
		return usagef("--augment %d: it lies between 0 and %d", o.augment, maxViews)
	}
	for _, name := range []string{"epochs", "patience", "batch-size"} {
		if n := ctx.Int(name); n < 1 {
			return usagef("--%s %d: at least 1 is needed", name, n)
		}
	}
	if o.replicas, err = readReplicas(ctx, o.batch, o.threads); err != nil {
		return err
	}
	for _, f := range []struct {
		name        string
		value       float64
		least, most float64
		open        bool // least is not allowed itself
	}{
		{"lr", o.rate, 0, 1, true}, {"layer-decay", o.layerDecay, 0, 1, true}, {"clip", o.clip, 0, math.MaxFloat32, false},
		{"weight-decay", o.weightDecay, 0, 1, false}, {"warmup", o.warmup, 0, 1, false}, {"label-smoothing", o.smoothing, 0, 0.99, false},
	} {
		if !(f.value >= f.least && f.value <= f.most) || f.open && f.value == f.least {
			return usagef("--%s %g: it lies between %g and %g", f.name, f.value, f.least, f.most)
		}
	}
	o.memory, err = parseSize("memory", ctx.String("memory"))
	return err
}

// tailFacts lists the settings of a retraining.
func (o *trainOptions) tailFacts() []report.Fact {
	if o.tail == "" {
		return nil
	}
	facts := []report.Fact{
		{Name: "--tail", Value: o.tail}, {Name: "--epochs", Value: fmt.Sprint(o.epochs)}, {Name: "--patience", Value: fmt.Sprint(o.patience)},
		{Name: "--batch-size", Value: fmt.Sprint(o.batch)}, {Name: "--lr", Value: fmt.Sprint(o.rate)}, {Name: "--layer-decay", Value: fmt.Sprint(o.layerDecay)},
		{Name: "--warmup", Value: fmt.Sprint(o.warmup)}, {Name: "--weight-decay", Value: fmt.Sprint(o.weightDecay)}, {Name: "--clip", Value: fmt.Sprint(o.clip)},
		{Name: "--label-smoothing", Value: fmt.Sprint(o.smoothing)}, {Name: "--augment", Value: fmt.Sprint(o.augment)}, {Name: "--dtype", Value: o.dtype},
	}
	if o.replicas > 1 {
		facts = append(facts, report.Fact{Name: "--replicas", Value: fmt.Sprint(o.replicas)})
	}
	return facts
}

// onCommandLine tells whether a flag stands on the command line. In the
// environment it may be meant for another command.
func onCommandLine(ctx *cli.Context, name string) bool {
	return ctx.IsSet(name) && os.Getenv(variable(name)) == ""
}

// parseSize reads a number of bytes, as in 512MiB or 2GB.
func parseSize(flag, s string) (int64, error) {
	units := []struct {
		name string
		size float64
	}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40}, {"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1}}
	for _, u := range units {
		number, ok := strings.CutSuffix(s, u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if err != nil || !(n > 0) || n*u.size >= math.MaxInt64 {
			break
		}
		return int64(n * u.size), nil
	}
	return 0, usagef("--%s %s: a size is like 512MiB or 2GB", flag, s)
}

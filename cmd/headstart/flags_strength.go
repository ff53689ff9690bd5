package main

import (
	"slices"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/headstart-ml/headstart/head"
)

// readStrength reads the flags that say how strongly a fit is regularised, and
// what a comparison of kinds may take: --l2, --shrinkage, --budget. Each is
// refused on the command line of a head that it does nothing for.
func (o *trainOptions) readStrength(ctx *cli.Context) error {
	var err error
	switch s := ctx.String("l2"); s {
	case "auto":
	case "average":
		o.L2Average = true
	case "labels":
		o.L2PerLabel = true
	default:
		if o.L2, err = strconv.ParseFloat(s, 64); err != nil || !(o.L2 > 0) {
			return usagef("--l2 %s: neither auto, average, labels nor a number above 0", s)
		}
	}
	if s := ctx.String("shrinkage"); s != "auto" {
		if o.Shrinkage, err = strconv.ParseFloat(s, 64); err != nil || !(o.Shrinkage > 0 && o.Shrinkage <= 1) {
			return usagef("--shrinkage %s: neither auto nor a number over 0 and at most 1", s)
		}
	}
	if o.Budget, err = time.ParseDuration(ctx.String("budget")); err != nil || o.Budget <= 0 {
		return usagef("--budget %s: it is a time like 90s, 10m or 2h", ctx.String("budget"))
	}
	o.given.l2 = ctx.IsSet("l2")
	auto := o.Kind == "auto"
	switch {
	case onCommandLine(ctx, "budget") && !auto:
		return usagef("--budget says what --head auto may take, and there is no --head auto")
	case auto && o.L2Average:
		return usagef("--l2 average: the strengths of one kind of head are averaged, and --head auto compares several; give one, as in --head softmax")
	case auto:
		return nil
	}
	for _, f := range []struct{ name, param string }{{"l2", head.L2}, {"shrinkage", head.Shrinkage}} {
		if value := ctx.String(f.name); value != "auto" && onCommandLine(ctx, f.name) && !slices.Contains(kindsWith(f.param), o.Kind) {
			return usagef("--%s %s is for heads of type %s; the head is %s", f.name, value, orList(kindsWith(f.param)), o.Kind)
		}
	}
	return nil
}

// kindsWith lists the kinds of heads whose fits can be told a parameter.
func kindsWith(param string) []string {
	var names []string
	for _, k := range head.Kinds {
		if slices.Contains(k.Params, param) {
			names = append(names, k.Name)
		}
	}
	return names
}

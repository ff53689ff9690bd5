package fit

import (
	"context"
	"slices"

	"github.com/headstart-ml/headstart/head"
)

// alone fits one candidate to all rows.
func alone(ctx context.Context, kind string, f Family, x head.Rows, y []string, o *Settings) (*head.Head, error) {
	b, classes, err := whole(ctx, x, y, o)
	if err != nil {
		return nil, err
	}
	path, err := f.Begin(ctx, b, []Part{wholePart})
	if err != nil {
		return nil, err
	}
	c, err := path.Next(ctx, nil)
	if err != nil {
		return nil, err
	}
	fitted := path.Fitted(0)
	h := &head.Head{Kind: kind, Task: head.KindOf(kind).Task, Model: fitted.Model(), Temperature: 1, Params: c.Params, Fit: fitted.Fit}
	for _, k := range fitted.Classes {
		h.Classes = append(h.Classes, classes[k])
	}
	return h, nil
}

// wholePart is the part of all rows of whole.
var wholePart = Part{Name: "all rows", Cells: []int{0}}

// whole returns a bench whose one cell has all rows, and the classes, sorted by
// bytes.
func whole(ctx context.Context, x head.Rows, y []string, o *Settings) (*Bench, []string, error) {
	classes := slices.Compact(slices.Sorted(slices.Values(y)))
	labels := make([]int, len(y))
	for i, label := range y {
		labels[i], _ = slices.BinarySearch(classes, label)
	}
	b, err := NewBench(ctx, &Labelled{Rows: x, Labels: labels, Classes: len(classes)}, o)
	if err != nil {
		return nil, nil, err
	}
	return b, classes, b.Deal(ctx, []Deal{{Cell: make([]int, len(y)), Cells: 1}})
}

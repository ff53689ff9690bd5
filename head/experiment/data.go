package experiment

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/fit"
)

// Data is what Train learns from. All slices but Rows run over the rows in
// their order.
type Data struct {
	// Rows holds the features, n×d. They must be finite.
	Rows head.Rows
	// Labels holds the class of each row, byte for byte; "" is an unlabelled
	// row, which is skipped and counted.
	Labels []string
	// LabelLists holds the labels of each row for the task AnyOf: nil is an
	// unlabelled row, an empty list one that has none of the labels. Labels is
	// then nil. nil: rows have one label each.
	LabelLists [][]string
	// IDs names rows in messages; nil: rows are named by their number, from 0.
	IDs []string
	// Keys holds a digest of each row's content. Rows of equal keys stay in one
	// part and one fold. nil: the rows are all of different content, and the ID
	// (without IDs, the number) takes the place of the key.
	Keys [][32]byte
	// Groups says what belongs together beyond equal content; "" is a row
	// without a group. nil: no groups.
	Groups []string
	// Splits holds the part of each row: train, validation (or valid, val, dev)
	// or test. nil: the data have no splits of their own; "" in data that do
	// have them is a row that takes no part, which is counted.
	Splits []string
	// Weights weighs the rows in the fit, finite and not negative; positive
	// ones differ by a factor of at most 10¹⁵. nil: all 1. A weight of 2 is the
	// same as a row given twice; metrics count every row once.
	Weights []float64
	// Noun is what a row is called in messages, such as "picture"; "":
	// "sample".
	Noun string
}

// check tells what is wrong with the shapes of the data of n rows, and with the
// weights.
func (d *Data) check(n int) error {
	for _, f := range []struct {
		name string
		n    int
		none bool
	}{
		{"labels", len(d.Labels), d.Labels == nil && d.LabelLists != nil}, {"lists of labels", len(d.LabelLists), d.LabelLists == nil},
		{"ids", len(d.IDs), d.IDs == nil}, {"keys", len(d.Keys), d.Keys == nil}, {"groups", len(d.Groups), d.Groups == nil},
		{"splits", len(d.Splits), d.Splits == nil}, {"weights", len(d.Weights), d.Weights == nil},
	} {
		if !f.none && f.n != n {
			return fmt.Errorf("head: data: %d %s for %d rows", f.n, f.name, n)
		}
	}
	for i, w := range d.Weights {
		if !(w >= 0 && w <= math.MaxFloat64) {
			return fmt.Errorf("head: data: sample %s: weight %v is not a finite number ≥ 0", d.id(i), w)
		}
	}
	return nil
}

// ownSplits reports whether the data have splits of their own.
func (d *Data) ownSplits() bool {
	return slices.ContainsFunc(d.Splits, func(s string) bool { return s != "" })
}

// id names row r.
func (d *Data) id(r int) string {
	if d.IDs != nil {
		return d.IDs[r]
	}
	return strconv.Itoa(r)
}

// rowWeights returns the weights of rows, scaled so that their sums do not
// overflow.
func (d *Data) rowWeights(rows []int) ([]float64, error) {
	if d.Weights == nil {
		return nil, nil
	}
	weights := make([]float64, len(rows))
	for i, r := range rows {
		weights[i] = d.Weights[r]
	}
	scaled, err := fit.ScaleWeights(weights, false)
	var bad *fit.WeightError
	if errors.As(err, &bad) && bad.Least >= 0 {
		return nil, fmt.Errorf("head: data: samples %s and %s: %w", d.id(rows[bad.Least]), d.id(rows[bad.Most]), err)
	}
	return scaled, err
}

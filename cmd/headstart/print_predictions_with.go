package main

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/headstart-ml/headstart/extract/features"
)

// carried returns the names in the result of columns of the input: a name that
// the result has itself is input:NAME there.
func carried(columns []string) ([]string, error) {
	var names []string
	for _, c := range columns {
		name := c
		if own(name) {
			name = "input:" + name
		}
		if slices.Contains(names, name) {
			return nil, usagef("--with %s: it is given twice", c)
		}
		names = append(names, name)
	}
	return names, nil
}

// own tells whether the result may have a column of that name whatever its
// format and its flags are.
func own(name string) bool {
	if slices.Contains([]string{"id", "label", "probability", "value", "top", "probabilities", "unsure", "error"}, name) || strings.HasPrefix(name, "p:") {
		return true
	}
	for _, prefix := range []string{"label_", "probability_", "value_"} {
		if digits, ok := strings.CutPrefix(name, prefix); ok && digits != "" && strings.Trim(digits, "0123456789") == "" {
			return true
		}
	}
	return false
}

// carry returns what gives the values of columns of t for the rows lo ≤ i < hi,
// which are nil if there are no columns.
func carry(t *features.Table, columns []string) (func(lo, hi int) [][]string, error) {
	known := map[string]func(i int) string{
		"label": func(i int) string {
			if t.LabelLists != nil {
				return features.JoinLabels(t.LabelLists[i])
			}
			return at(t.Labels, i)
		},
		"split": func(i int) string { return at(t.Splits, i) },
		"group": func(i int) string { return at(t.Groups, i) },
		"weight": func(i int) string {
			if t.Weights == nil || math.IsNaN(t.Weights[i]) {
				return ""
			}
			return strconv.FormatFloat(t.Weights[i], 'g', -1, 64)
		},
		"key": func(i int) string { return t.Keys[i].String() },
	}
	values := make([]func(i int) string, len(columns))
	for k, c := range columns {
		if values[k] = known[c]; values[k] == nil {
			return nil, usagef("--with %s: a feature set has no such column; it has label, split, group, weight and key, and what else its table has comes with the table in its place", c)
		}
	}
	if len(columns) == 0 {
		return func(int, int) [][]string { return nil }, nil
	}
	return func(lo, hi int) [][]string {
		rows := make([][]string, hi-lo)
		for i := range rows {
			rows[i] = make([]string, len(columns))
			for k, value := range values {
				rows[i][k] = value(lo + i)
			}
		}
		return rows
	}, nil
}

// at returns a value of a column, which is nil if it has none.
func at(column []string, i int) string {
	if column == nil {
		return ""
	}
	return column[i]
}

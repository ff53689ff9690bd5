package main

import (
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/headstart-ml/headstart/cmd/headstart/internal/report"
	"github.com/headstart-ml/headstart/head"
)

// answerColumns is how much of a text stands before its answer.
const answerColumns = 60

// answerRows writes a few predictions for a person: a line a sample, or, of
// several classes, a line a class below the sample.
type answerRows struct {
	*layout
	w io.Writer
}

func newAnswers(w io.Writer, l *layout) (rowWriter, error) {
	if l.all {
		l.top = len(l.classes)
	}
	return &answerRows{l, w}, nil
}

func (p *answerRows) row(r *prediction) error {
	var b strings.Builder
	name := r.id
	if len(r.with) > 0 { // the text
		if text := strings.Join(strings.Fields(r.with[0]), " "); text != "" {
			name = report.Cut(text, answerColumns)
		}
	}
	switch {
	case r.probabilities == nil:
		fmt.Fprintf(&b, "%s: no answer: %s\n", name, r.reason)
	case p.task == head.Number:
		var values []string
		for _, v := range r.probabilities {
			values = append(values, strconv.FormatFloat(v, 'g', 6, 64))
		}
		fmt.Fprintf(&b, "%s: %s\n", name, strings.Join(values, ", "))
	case p.task == head.AnyOf && p.all:
		fmt.Fprintf(&b, "%s:\n", name)
		for c, v := range r.probabilities {
			fmt.Fprintf(&b, "  %.3f  %s\n", v, p.classes[c])
		}
	case p.task == head.AnyOf:
		var labels []string
		for _, c := range head.Answered(r.probabilities) {
			labels = append(labels, fmt.Sprintf("%s (%.3f)", p.classes[c], r.probabilities[c]))
		}
		fmt.Fprintf(&b, "%s: %s\n", name, cmp.Or(strings.Join(labels, ", "), "none of the labels"))
	case p.top == 1 && r.unsure:
		fmt.Fprintf(&b, "%s: unsure; %s at best (%.3f)\n", name, p.classes[r.order[0]], r.probabilities[r.order[0]])
	case p.top == 1:
		fmt.Fprintf(&b, "%s: %s (%.3f)\n", name, p.classes[r.order[0]], r.probabilities[r.order[0]])
	default:
		fmt.Fprintf(&b, "%s:", name)
		if r.unsure {
			b.WriteString(" unsure")
		}
		b.WriteByte('\n')
		for _, c := range r.order[:p.top] {
			fmt.Fprintf(&b, "  %.3f  %s\n", r.probabilities[c], p.classes[c])
		}
	}
	_, err := io.WriteString(p.w, b.String())
	return err
}

func (p *answerRows) flush() error { return nil }
func (p *answerRows) close() error { return nil }

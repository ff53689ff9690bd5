package main

import (
	"fmt"
	"strings"

	"github.com/headstart-ml/headstart/cmd/headstart/internal/report"
	"github.com/headstart-ml/headstart/models"
)

// layerSummary is what `inspect BACKBONE` says of the inside of a backbone.
type layerSummary struct {
	Taps []tensorSummary `json:"taps"` // in the order in which they are computed
	Cuts []cutSummary    `json:"cuts"` // likewise
	// Unknown says why there are no taps and cuts.
	Unknown string `json:"layers_unknown,omitempty"`

	floats   int64 // parameters that could be trained
	oneByOne bool  // the graph takes one sample at a time and cannot be retrained
}

type cutSummary struct {
	Tensor string   `json:"tensor"`
	Shape  string   `json:"shape"`
	Layer  string   `json:"layer"`
	Ends   bool     `json:"ends_layer"`
	Train  int64    `json:"parameters_after"`
	Shared int64    `json:"parameters_shared,omitempty"`
	Side   []string `json:"side_inputs,omitempty"`
}

// newLayerSummary sums up the inside of a backbone.
func newLayerSummary(in *models.Inside) *layerSummary {
	s := &layerSummary{Taps: []tensorSummary{}, Cuts: []cutSummary{}, Unknown: in.Unknown, floats: in.Trainable}
	for _, v := range in.Taps {
		s.Taps = append(s.Taps, newTensorSummary(v))
	}
	for _, c := range in.Cuts {
		s.Cuts = append(s.Cuts, cutSummary{c.Name, c.Dims(), c.Layer, c.Ends, c.Parameters, c.Shared, c.Side})
	}
	return s
}

// maxLayers is how many rows of the table of layers are printed.
const maxLayers = 20

func (s *layerSummary) print(e *env) error {
	if s.Unknown != "" {
		fmt.Fprintf(e.stdout, "\nwhat can be tapped and cut is not known: %s\n", s.Unknown)
		return nil
	}
	var rows []cutSummary
	for _, c := range s.Cuts {
		if c.Ends {
			rows = append(rows, c)
		}
	}
	if s.oneByOne {
		fmt.Fprintln(e.stdout)
		return report.ParagraphTo(e.stdout, counted(len(s.Taps), "tensor")+" can be tapped (--json lists all).", e.style(nil))
	}
	text := fmt.Sprintf("%s can be tapped; at %d everything flows through one tensor, so that what follows can be retrained", counted(len(s.Taps), "tensor"), len(s.Cuts))
	if len(rows) == 0 {
		text += " (--json lists all)."
	} else {
		text += ". The ends of layers (--json lists all):"
	}
	fmt.Fprintln(e.stdout)
	if err := report.ParagraphTo(e.stdout, text, e.style(nil)); err != nil || len(rows) == 0 {
		return err
	}
	fmt.Fprintln(e.stdout)
	t := &report.Table{Columns: []report.Column{{Name: "after"}, {Name: "shape"}, {Name: "parameters to train"}, {Name: "tensor", Whole: true}}}
	if n := len(rows) - maxLayers; n > 0 {
		rows = rows[n:]
		t.Rows = append(t.Rows, []string{counted(n, "earlier layer")})
	}
	for _, c := range rows {
		layer := c.Layer
		if layer == "" {
			layer = "the first layers"
		}
		shared := ""
		if c.Shared > 0 {
			shared = fmt.Sprintf(", %s of them used before it too", count(c.Shared))
		}
		t.Rows = append(t.Rows, []string{layer, c.Shape, fmt.Sprintf("%s of %s%s", count(c.Train), count(s.floats), shared), c.Tensor})
	}
	if err := report.TableTo(e.stdout, t, e.style(nil)); err != nil {
		return err
	}
	if side := rows[0].Side; len(side) > 0 { // the first cut needs most
		fmt.Fprintf(e.stdout, "\nWhat follows needs, beside the tensor, the input %s.\n", strings.Join(side, ", "))
	}
	return nil
}

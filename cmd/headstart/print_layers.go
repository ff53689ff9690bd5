package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/headstart-ml/headstart/models"
)

// layerSummary is what `inspect BACKBONE` says of the inside of a backbone.
type layerSummary struct {
	Taps []tensorSummary `json:"taps"` // in the order in which they are computed
	Cuts []cutSummary    `json:"cuts"` // likewise
	// Unknown says why there are no taps and cuts.
	Unknown string `json:"layers_unknown,omitempty"`

	floats int64 // parameters that could be trained
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
	fmt.Fprintf(e.stdout, "\n%d tensors can be tapped; at %d everything flows through one tensor, so that what follows can be retrained", len(s.Taps), len(s.Cuts))
	if len(rows) == 0 {
		fmt.Fprintf(e.stdout, " (--json lists all)\n")
		return nil
	}
	fmt.Fprintf(e.stdout, ".\nThe ends of layers (--json lists all):\n\n")
	w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "after\ttensor\tshape\tparameters to train")
	if n := len(rows) - maxLayers; n > 0 {
		rows = rows[n:]
		fmt.Fprintf(w, "%d earlier layers\t\t\t\n", n)
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
		fmt.Fprintf(w, "%s\t%s\t%s\t%s of %s%s\n", layer, c.Tensor, c.Shape, count(c.Train), count(s.floats), shared)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if side := rows[0].Side; len(side) > 0 { // the first cut needs most
		fmt.Fprintf(e.stdout, "\nWhat follows needs, beside the tensor, the input %s.\n", strings.Join(side, ", "))
	}
	return nil
}

package file

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/layer"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// neighboursOf rounds the numbers of a head that keeps rows to float32.
func neighboursOf(h *head.Head) (*layer.Head, error) {
	m := h.Model.(*head.Neighbours)
	n := &layer.Neighbours{
		Rows: m.Rows, Classes: int64(m.Classes), Weights: m.Weights, K: int64(min(m.K, len(m.Labels))), T: float32(m.T), Doubt: head.Doubt,
	}
	for _, y := range m.Labels {
		n.Labels = append(n.Labels, int64(y))
	}
	for k := range m.ClassScale {
		n.ClassScale, n.ClassShift = append(n.ClassScale, float32(m.ClassScale[k])), append(n.ClassShift, float32(m.ClassShift[k]))
	}
	out := &layer.Head{Normalize: m.Normalize, Temperature: float32(h.Temperature), Neighbours: n}
	for j := range m.Mean {
		out.Center, n.Scale = append(out.Center, float32(m.Mean[j])), append(n.Scale, float32(m.Scale[j]))
	}
	if out.Temperature <= 0 || n.T <= 0 {
		return nil, fmt.Errorf("temperature %v, or that of the votes, %v, is too small for float32", h.Temperature, m.T)
	}
	return out, nil
}

// keepsRows tells whether the graph is that of a head that keeps rows.
func (g *graphReader) keepsRows() bool { return g.initializer(layer.NeighbourRows) != nil }

// initializer returns what is stored under a name, nil if nothing is.
func (g *graphReader) initializer(name string) *pb.TensorProto {
	all := g.Graph.GetInitializer()
	if i := slices.IndexFunc(all, func(t *pb.TensorProto) bool { return t.GetName() == name }); i >= 0 {
		return all[i]
	}
	return nil
}

// readNeighbours reads the rows of a head that keeps them, of which mean and
// scale are known, and refuses a graph that differs from the one that Write
// makes.
func (g *graphReader) readNeighbours(h *head.Head, std *standardization, normalize bool) error {
	m := &head.Neighbours{
		Mean: std.Mean, Scale: std.Scale, Normalize: normalize, Classes: len(h.Classes),
		K: int(h.Params.Value(head.NeighbourCount)), T: h.Params.Value(head.VoteTemperature),
	}
	labels := g.initializer(layer.NeighbourLabels)
	if labels == nil || len(std.Mean) == 0 || len(std.Scale) != len(std.Mean) || labels.GetDataType() != int32(pb.TensorProto_INT64) || len(labels.GetRawData())%8 != 0 {
		return fmt.Errorf("the graph has no initializer %q, or there is no standardisation of its rows", layer.NeighbourLabels)
	}
	raw := labels.GetRawData()
	for ; len(raw) > 0; raw = raw[8:] {
		y := binary.LittleEndian.Uint64(raw)
		if y >= uint64(m.Classes) {
			return fmt.Errorf("row %d is of class %d of %d", len(m.Labels), int64(y), m.Classes)
		}
		m.Labels = append(m.Labels, int32(y))
	}
	var err error
	if m.Rows, err = onnx.Floats(g.initializer(layer.NeighbourRows)); err != nil {
		return err
	}
	if w := g.initializer(layer.NeighbourWeights); w != nil {
		if m.Weights, err = onnx.Floats(w); err != nil {
			return err
		}
	}
	for name, to := range map[string]*[]float64{layer.NeighbourScale: &m.ClassScale, layer.NeighbourShift: &m.ClassShift} {
		if t := g.initializer(name); t != nil {
			v, err := onnx.Floats(t)
			if err != nil {
				return err
			}
			*to = doubles(v)
		}
	}
	if err := m.Check(); err != nil {
		return err
	}
	h.Model = m
	want, err := neighboursOf(h)
	if err != nil {
		return err
	}
	made, err := modelOf(want, int64(len(m.Mean)))
	if err != nil || !onnx.Equal(made.Graph, g.Graph) {
		return errOtherGraph
	}
	return nil
}

package models

import (
	"fmt"
	"slices"

	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
	"google.golang.org/protobuf/proto"
)

// DimError says that vectors of a tap cannot be cut to their first numbers.
type DimError struct {
	Backbone string
	Tap      string
	Dim      int // that was asked for
	Have     int // length of the tap's vectors
	Pooling  string
}

func (e *DimError) Error() string {
	if e.Dim > e.Have || e.Dim < 1 {
		return fmt.Sprintf("models: %s: tap %s: the first %d numbers of a vector of %d", e.Backbone, e.Tap, e.Dim, e.Have)
	}
	return fmt.Sprintf("models: %s: tap %s: the first %d numbers of what pooling %s makes are not a shorter embedding", e.Backbone, e.Tap, e.Dim, e.Pooling)
}

// SetDim keeps the first n numbers of each vector of every tap, as for an
// embedding that was trained to be cut (Matryoshka). What a tap does to a
// pooled vector last, it does to these. The error is a *DimError if there are
// not as many, or the pooling is one over whole tensors.
func (s *Spec) SetDim(n int) error {
	taps := slices.Clone(s.Taps)
	for i := range taps {
		t := &taps[i]
		if n < 1 || n > t.Dim || n < t.Dim && (t.Pooling == "flat" || t.Pooling == "meanstd") {
			return &DimError{s.Name, t.Tensor() + ":" + t.Pooling, n, t.Dim, t.Pooling}
		}
	}
	if !slices.ContainsFunc(taps, func(t Tap) bool { return t.Dim > n }) {
		return nil
	}
	model, err := onnx.Decode(s.Weights.Data)
	if err != nil {
		return fmt.Errorf("models: %s: %w", s.Weights.Path, err)
	}
	const stores = 4 // the first version of the file format whose stored tensors need not be inputs
	model.IrVersion = proto.Int64(max(model.GetIrVersion(), stores))
	added := slices.Clone(s.Weights.Added)
	names := make([]string, len(taps))
	begins := make(map[string]string) // of each tensor
	for i := range taps {
		t := &taps[i]
		if t.Dim > n {
			if begins[t.Output] == "" {
				var made []string
				if model, made, err = begin(model, t, n); err != nil {
					return fmt.Errorf("models: %s: %w", s.Weights.Path, err)
				}
				added, begins[t.Output] = append(added, made...), made[len(made)-1]
			}
			t.Whole, t.Output = t.Output, begins[t.Output]
		}
		names[i] = t.Output + ":" + t.Pooling
	}
	data, err := onnx.Encode(model)
	if err != nil {
		return fmt.Errorf("models: %s: %w", s.Weights.Path, err)
	}
	own := *s
	own.Weights.Data, own.Weights.Added = data, added
	if err := own.SetTaps(names); err != nil {
		return err
	}
	for i, t := range taps {
		now := &own.Taps[i]
		now.Whole, now.Behind, now.Post, now.DType = t.Whole, t.Behind, t.Post, t.DType
	}
	*s = own
	return nil
}

// begin returns m with the first n channels of a tap's tensor behind it, and
// what it added to it, the tensor of these last.
func begin(m *pb.ModelProto, t *Tap, n int) (*pb.ModelProto, []string, error) {
	axis := int64(len(t.Shape) - 1)
	if len(t.Shape) == 4 && !t.ChannelsLast {
		axis = 1
	}
	const begin, first = "begin", 10 // the first operator set in which what is sliced is an input
	part := &pb.GraphProto{}
	if onnx.StandardOpset(m) < first {
		part.Node = []*pb.NodeProto{onnx.Node("Slice", []string{t.Output}, []string{begin},
			onnx.IntsAttribute("axes", axis), onnx.IntsAttribute("ends", int64(n)), onnx.IntsAttribute("starts", 0))}
	} else {
		inputs := []string{t.Output}
		for _, v := range []struct {
			name  string
			value int64
		}{{"begin_starts", 0}, {"begin_ends", int64(n)}, {"begin_axes", axis}} {
			part.Initializer = append(part.Initializer, onnx.IntTensor(v.name, v.value))
			inputs = append(inputs, v.name)
		}
		part.Node = []*pb.NodeProto{onnx.Node("Slice", inputs, []string{begin})}
	}
	shape := slices.Clone(t.Shape)
	shape[axis] = int64(n)
	part.Output = []*pb.ValueInfoProto{onnx.TensorValue(begin, pb.TensorProto_FLOAT, openDims(shape)...)}
	m, names, err := onnx.Append(m, part)
	if err != nil {
		return nil, nil, err
	}
	var made []string
	for _, t := range part.Initializer {
		made = append(made, names[t.GetName()])
	}
	return m, append(made, names[begin]), nil
}

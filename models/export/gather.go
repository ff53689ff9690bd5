package export

import (
	"fmt"
	"slices"

	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/layer"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// flat is the pooling that keeps all values of a tensor.
const flat = "flat"

// Gather returns m with the rows of several tensors side by side as its only
// output, N×D, and the name of that: the features of a head on several taps, or
// on one that is kept whole. The Pooling "flat" keeps all D values of a tensor.
// m is not changed, and shared as far as it can be.
func Gather(m *pb.ModelProto, taps []layer.Rows) (*pb.ModelProto, string, error) {
	if len(taps) == 0 {
		return nil, "", fmt.Errorf("export: no tensor is named")
	}
	var need, rows []string
	for _, t := range taps {
		for _, name := range []string{t.Features, t.Mask} {
			if name != "" && !slices.Contains(need, name) {
				need = append(need, name)
			}
		}
	}
	m, err := onnx.Prune(m, need...)
	if err != nil {
		return nil, "", fmt.Errorf("export: %w", err)
	}
	add := func(part *pb.GraphProto, name string) (string, error) {
		storedFor(m, part)
		fused, names, err := onnx.Append(m, part)
		if err != nil {
			return "", err
		}
		m = fused
		if other := names[name]; other != "" {
			return other, nil
		}
		return name, nil
	}
	for _, t := range taps {
		name, err := t.Features, error(nil)
		r := t
		if t.Pooling == flat {
			name, err = add(flatten(&t))
			r = layer.Rows{Features: name, Normalize: t.Normalize}
		}
		if err == nil {
			var part *pb.GraphProto
			if part, name, err = r.Graph(onnx.StandardOpset(m)); err == nil {
				name, err = add(part, name)
			}
		}
		if err != nil {
			return nil, "", fmt.Errorf("export: tap %s:%s: %w", t.Features, t.Pooling, err)
		}
		rows = append(rows, name)
	}
	name := rows[0]
	if len(rows) > 1 {
		const joined = "features"
		if name, err = add(&pb.GraphProto{Node: []*pb.NodeProto{onnx.Node("Concat", rows, []string{joined}, onnx.IntAttribute("axis", 1))}}, joined); err != nil {
			return nil, "", fmt.Errorf("export: %w", err)
		}
	}
	if m, err = onnx.Prune(m, name); err != nil {
		return nil, "", fmt.Errorf("export: %w", err)
	}
	return m, name, nil
}

// flatten is what keeps all values of a tensor.
func flatten(t *layer.Rows) (part *pb.GraphProto, rows string) {
	const shape, name = "flat_shape", "flat"
	return &pb.GraphProto{
		Initializer: []*pb.TensorProto{onnx.IntTensor(shape, -1, t.D)},
		Node:        []*pb.NodeProto{onnx.Node("Reshape", []string{t.Features, shape}, []string{name})},
	}, name
}

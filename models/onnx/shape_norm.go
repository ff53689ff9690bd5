package onnx

import (
	"fmt"
	"slices"

	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// norms are operators that normalise.
var norms = map[string]operator{
	"BatchNormalization":        {5, inferBatchNorm, nil},
	"LayerNormalization":        {2, inferLayerNorm, nil},
	"RMSNormalization":          {2, sameAsFirst, nil},
	"InstanceNormalization":     {3, sameAsFirst, nil},
	"GroupNormalization":        {3, sameAsFirst, nil},
	"MeanVarianceNormalization": {1, sameAsFirst, nil},
	"LpNormalization":           {1, sameAsFirst, nil},
	"LRN":                       {1, sameAsFirst, nil},
}

func inferBatchNorm(c *call) ([]value, error) {
	x := c.shape(0)
	if len(x) < 1 {
		return nil, fmt.Errorf("input 0 is a number")
	}
	channels := []int64{1}
	if len(x) > 1 {
		channels[0] = x[1]
	}
	for i := 1; i < 5; i++ {
		if !slices.Equal(c.shape(i), channels) {
			return nil, fmt.Errorf("input %d has shape %v for %d channels", i, clip(c.shape(i)), channels[0])
		}
	}
	if !trains(c.n) {
		return one(c.elem(0), x)
	}
	// Of a weight, which it standardises, it gives the same each time.
	if in := c.n.Input[0]; c.f.constants[in] == nil && c.f.kept[in] == nil {
		return nil, fmt.Errorf("it is in training form; export the model for inference")
	}
	return []value{{c.elem(0), x}, {c.elem(3), channels}, {c.elem(4), channels}}, nil
}

func inferLayerNorm(c *call) ([]value, error) {
	x := c.shape(0)
	a, err := axis(c.integer("axis", -1), len(x))
	if err != nil {
		return nil, err
	}
	for i := 1; i < 3; i++ {
		if !c.has(i) {
			continue
		}
		if s, err := broadcast(x, c.shape(i)); err != nil || !slices.Equal(s, x) {
			return nil, fmt.Errorf("input %d has shape %v for %v", i, clip(c.shape(i)), clip(x))
		}
	}
	stash := pb.TensorProto_DataType(c.integer("stash_type", int64(pb.TensorProto_FLOAT)))
	stats := slices.Clone(x)
	for i := a; i < len(stats); i++ {
		stats[i] = 1
	}
	return []value{{c.elem(0), x}, {stash, stats}, {stash, stats}}, nil
}

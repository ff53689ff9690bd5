//go:build cgo && !windows

package onnx_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
	"github.com/headstart-ml/headstart/models/tensor"
)

// fusedCase is a node of ONNX Runtime's own with what it reads: shapes of what
// is fed and of weights, "" for none.
type fusedCase struct {
	op         string
	in         []string
	outputs    int
	attributes []*pb.AttributeProto
	integers   map[string][]int32 // values of inputs that are integers
	integers64 map[string][]int64 // likewise
	standard   bool               // it is none of the runtime's own
	opset      int64
}

var fusedShapes = map[string][]int64{
	"x": {2, 3, 8}, "same": {2, 3, 8}, "keys": {2, 5, 8}, "values": {2, 5, 8}, "wide": {2, 3, 24},
	"w8": {8}, "b8": {8}, "c8": {8}, "w24": {24}, "qkv": {8, 24}, "narrow": {8, 20}, "b20": {20},
	"scores": {2, 2, 3, 3}, "cross": {2, 2, 3, 5}, "m": {8, 4}, "mt": {4, 8}, "left": {2, 8, 3}, "four": {4},
	"heads": {2, 2, 3, 4}, "cos": {6, 2}, "sin": {6, 2}, "cos1": {6, 1}, "sin1": {6, 1}, "cos3": {2, 3, 2}, "sin3": {2, 3, 2},
	"heads_k": {2, 2, 5, 4}, "heads_v": {2, 2, 5, 3}, "values3": {2, 3, 8}, "half_k": {2, 3, 4}, "half_v": {2, 3, 4},
	"image": {2, 3, 6, 5}, "filter": {4, 3, 3, 3}, "residue": {2, 4, 4, 3},
	"matrix": {3, 8}, "words": {7, 8}, "positions": {5, 8}, "segments": {2, 8},
}

func floatAttribute(name string, v float32) *pb.AttributeProto {
	return &pb.AttributeProto{Name: proto.String(name), Type: pb.AttributeProto_FLOAT.Enum(), F: proto.Float32(v)}
}

func textAttribute(name, v string) *pb.AttributeProto {
	return &pb.AttributeProto{Name: proto.String(name), Type: pb.AttributeProto_STRING.Enum(), S: []byte(v)}
}

var fusedCases = map[string]fusedCase{
	"Gelu":                  {op: "Gelu", in: []string{"x"}},
	"BiasGelu":              {op: "BiasGelu", in: []string{"x", "b8"}},
	"FastGelu":              {op: "FastGelu", in: []string{"x"}},
	"FastGelu with a bias":  {op: "FastGelu", in: []string{"x", "b8"}},
	"QuickGelu":             {op: "QuickGelu", in: []string{"x"}},
	"QuickGelu, other":      {op: "QuickGelu", in: []string{"x"}, attributes: []*pb.AttributeProto{floatAttribute("alpha", 1)}},
	"SkipLayer":             {op: "SkipLayerNormalization", in: []string{"x", "same", "w8"}},
	"SkipLayer, shifted":    {op: "SkipLayerNormalization", in: []string{"x", "same", "w8", "b8", "c8"}, attributes: []*pb.AttributeProto{floatAttribute("epsilon", 1e-3)}},
	"SkipLayer and its sum": {op: "SkipLayerNormalization", in: []string{"x", "same", "w8", "b8", "c8"}, outputs: 4},
	"SimplifiedLayer":       {op: "SimplifiedLayerNormalization", in: []string{"x", "w8"}, attributes: []*pb.AttributeProto{onnx.IntAttribute("axis", -1)}},
	"SimplifiedLayer, 20":   {op: "SimplifiedLayerNormalization", in: []string{"x", "w8"}, opset: 20},
	"SkipSimplifiedLayer":   {op: "SkipSimplifiedLayerNormalization", in: []string{"x", "same", "w8"}, outputs: 4},
	"SkipSimplified, bias":  {op: "SkipSimplifiedLayerNormalization", in: []string{"x", "same", "w8", "b8"}},
	"FusedMatMul":           {op: "FusedMatMul", in: []string{"x", "m"}, attributes: []*pb.AttributeProto{floatAttribute("alpha", 0.5)}},
	"FusedMatMul, right":    {op: "FusedMatMul", in: []string{"x", "mt"}, attributes: []*pb.AttributeProto{onnx.IntAttribute("transB", 1)}},
	"FusedMatMul, both":     {op: "FusedMatMul", in: []string{"left", "mt"}, attributes: []*pb.AttributeProto{onnx.IntAttribute("transA", 1), onnx.IntAttribute("transB", 1)}},
	"FusedGemm":             {op: "FusedGemm", in: []string{"matrix", "m", "four"}, attributes: []*pb.AttributeProto{textAttribute("activation", "LeakyRelu"), floatAttribute("activation_alpha", 0.2), floatAttribute("alpha", 2)}},
	"FusedConv":             {op: "FusedConv", in: []string{"image", "filter", "four"}, attributes: []*pb.AttributeProto{textAttribute("activation", "Relu"), onnx.IntsAttribute("pads", 1, 0, 1, 0)}},
	"FusedConv, a residue":  {op: "FusedConv", in: []string{"image", "filter", "", "residue"}, attributes: []*pb.AttributeProto{textAttribute("activation", "Relu")}},
	"FusedConv, clipped": {op: "FusedConv", in: []string{"image", "filter", "four"}, attributes: []*pb.AttributeProto{textAttribute("activation", "Clip"),
		{Name: proto.String("activation_params"), Type: pb.AttributeProto_FLOATS.Enum(), Floats: []float32{-0.2, 0.7}}}},
	"Attention":                {op: "Attention", in: []string{"x", "qkv", "w24"}, attributes: []*pb.AttributeProto{onnx.IntAttribute("num_heads", 2)}},
	"Attention, scores":        {op: "Attention", in: []string{"x", "qkv", "w24", "", "", "scores"}, attributes: []*pb.AttributeProto{onnx.IntAttribute("num_heads", 2), floatAttribute("scale", 0.3)}},
	"Attention, narrow values": {op: "Attention", in: []string{"x", "narrow", "b20"}, attributes: []*pb.AttributeProto{onnx.IntAttribute("num_heads", 2), onnx.IntsAttribute("qkv_hidden_sizes", 8, 8, 4)}},
	"Attention, masked": {op: "Attention", in: []string{"x", "qkv", "w24", "mask"}, attributes: []*pb.AttributeProto{onnx.IntAttribute("num_heads", 2)},
		integers: map[string][]int32{"mask": {1, 1, 0, 1, 1, 1}}},
	"Attention, of an old operator set": {op: "Attention", in: []string{"x", "qkv", "w24", "mask"}, attributes: []*pb.AttributeProto{onnx.IntAttribute("num_heads", 2)},
		integers: map[string][]int32{"mask": {1, 1, 0, 1, 1, 1}}, opset: 11},
	"Attention, masked by lengths": {op: "Attention", in: []string{"x", "qkv", "w24", "lengths"}, attributes: []*pb.AttributeProto{onnx.IntAttribute("num_heads", 4), floatAttribute("mask_filter_value", -3.4028235e38)},
		integers: map[string][]int32{"lengths": {2, 3}}},
	"MultiHeadAttention": {op: "MultiHeadAttention", in: []string{"x", "keys", "values"}, attributes: []*pb.AttributeProto{onnx.IntAttribute("num_heads", 2)}},
	"MultiHeadAttention, masked": {op: "MultiHeadAttention", in: []string{"x", "keys", "values", "w24", "mask5", "cross"}, attributes: []*pb.AttributeProto{onnx.IntAttribute("num_heads", 2)},
		integers: map[string][]int32{"mask5": {1, 1, 0, 1, 0, 1, 1, 1, 1, 1}}},
	"Rotary":                                    {op: "RotaryEmbedding", in: []string{"x", "at64", "cos", "sin"}, attributes: []*pb.AttributeProto{onnx.IntAttribute("num_heads", 2)}, integers64: map[string][]int64{"at64": {0, 1, 2, 4, 3, 0}}},
	"Rotary, interleaved":                       {op: "RotaryEmbedding", in: []string{"x", "at64", "cos", "sin"}, attributes: []*pb.AttributeProto{onnx.IntAttribute("interleaved", 1)}, integers64: map[string][]int64{"at64": {0, 1, 2, 4, 3, 0}}},
	"Rotary, in part":                           {op: "RotaryEmbedding", in: []string{"x", "at64", "cos1", "sin1"}, attributes: []*pb.AttributeProto{onnx.IntAttribute("num_heads", 2), onnx.IntAttribute("rotary_embedding_dim", 2)}, integers64: map[string][]int64{"at64": {0, 1, 2, 4, 3, 0}}},
	"Rotary, of heads":                          {op: "RotaryEmbedding", in: []string{"heads", "at64", "cos", "sin"}, integers64: map[string][]int64{"at64": {0, 1, 2, 4, 3, 0}}},
	"Rotary, from a place":                      {op: "RotaryEmbedding", in: []string{"x", "first", "cos", "sin"}, integers64: map[string][]int64{"first": {1}}},
	"Rotary, standard":                          {op: "RotaryEmbedding", in: []string{"heads", "cos", "sin", "at64"}, opset: 23, standard: true, integers64: map[string][]int64{"at64": {0, 1, 2, 4, 3, 0}}},
	"Rotary, standard, a row for each token":    {op: "RotaryEmbedding", in: []string{"x", "cos3", "sin3"}, opset: 23, standard: true, attributes: []*pb.AttributeProto{onnx.IntAttribute("num_heads", 2)}},
	"Attention 23":                              {op: "Attention", in: []string{"heads", "heads_k", "heads_v"}, opset: 23, standard: true},
	"Attention 23, causal, of a token's values": {op: "Attention", in: []string{"x", "same", "values3"}, opset: 23, standard: true, attributes: []*pb.AttributeProto{onnx.IntAttribute("q_num_heads", 2), onnx.IntAttribute("kv_num_heads", 2), onnx.IntAttribute("is_causal", 1)}},
	"Attention 23, shared keys, added":          {op: "Attention", in: []string{"x", "half_k", "half_v", "scores"}, opset: 23, standard: true, attributes: []*pb.AttributeProto{onnx.IntAttribute("q_num_heads", 2), onnx.IntAttribute("kv_num_heads", 1), floatAttribute("scale", 0.3)}},
	"EmbedLayer": {op: "EmbedLayerNormalization", in: []string{"ids", "types", "words", "positions", "segments", "w8", "b8"}, outputs: 2,
		integers: map[string][]int32{"ids": {0, 6, 2, 3, 3, 1}, "types": {0, 1, 1, 0, 0, 1}}},
	"EmbedLayer, masked": {op: "EmbedLayerNormalization", in: []string{"ids", "", "words", "positions", "", "w8", "b8", "mask", "at"}, outputs: 3,
		integers: map[string][]int32{"ids": {0, 6, 2, 3, 3, 1}, "mask": {1, 1, 0, 1, 1, 1}, "at": {0, 2, 4, 1, 1, 3}}},
}

var integerShapes = map[string][]int64{"mask": {2, 3}, "lengths": {2}, "mask5": {2, 5}, "ids": {2, 3}, "types": {2, 3}, "at": {2, 3}}

// model makes a model of one node, and what it is fed. The first tensor is fed,
// others are weights.
func (c *fusedCase) model() (*pb.ModelProto, map[string]tensor.View) {
	rng := rand.New(rand.NewPCG(3, 4))
	opset := max(c.opset, 17)
	if c.opset > 0 {
		opset = c.opset
	}
	m := &pb.ModelProto{IrVersion: proto.Int64(8), OpsetImport: []*pb.OperatorSetIdProto{
		{Domain: proto.String(""), Version: proto.Int64(opset)}, {Domain: proto.String("com.microsoft"), Version: proto.Int64(1)}},
		Graph: &pb.GraphProto{Name: proto.String("fused")}}
	fed := map[string]tensor.View{}
	for i, name := range c.in {
		if name == "" {
			continue
		}
		if v, ok := c.integers[name]; ok {
			m.Graph.Input = append(m.Graph.Input, onnx.TensorValue(name, pb.TensorProto_INT32, open(integerShapes[name])...))
			fed[name] = tensor.View{Shape: integerShapes[name], I32: v}
			continue
		}
		if v, ok := c.integers64[name]; ok {
			shape := []int64{int64(len(v))}
			dims := []onnx.Dim{{Size: 1}}
			if len(v) > 1 {
				shape = []int64{2, 3}
				dims = open(shape)
			}
			m.Graph.Input = append(m.Graph.Input, onnx.TensorValue(name, pb.TensorProto_INT64, dims...))
			fed[name] = tensor.View{Shape: shape, I64: v}
			continue
		}
		shape := fusedShapes[name]
		v := make([]float32, size(shape))
		for i := range v {
			v[i] = float32(rng.NormFloat64())
		}
		if i == 0 || slices.Contains([]string{"same", "keys", "values", "residue", "scores", "cross", "heads_k", "heads_v", "values3", "half_k", "half_v"}, name) {
			m.Graph.Input = append(m.Graph.Input, onnx.TensorValue(name, pb.TensorProto_FLOAT, open(shape)...))
			fed[name] = tensor.View{Shape: shape, F32: v}
		} else {
			m.Graph.Initializer = append(m.Graph.Initializer, onnx.FloatTensor(name, v, shape...))
		}
	}
	out := []string{"y"}
	for i := 1; i < c.outputs; i++ {
		out = append(out, "")
	}
	if c.outputs == 4 {
		out[3] = "sum"
	}
	if c.op == "EmbedLayerNormalization" {
		out[1] = "count"
		if c.outputs > 2 {
			out[2] = "sum"
		}
	}
	n := onnx.Node(c.op, c.in, out, c.attributes...)
	if c.op != "SimplifiedLayerNormalization" && !c.standard {
		n.Domain = proto.String("com.microsoft")
	}
	m.Graph.Node = []*pb.NodeProto{n}
	for _, o := range out {
		if o == "" {
			continue
		}
		elem := pb.TensorProto_FLOAT
		if o == "count" {
			elem = pb.TensorProto_INT32
		}
		m.Graph.Output = append(m.Graph.Output, &pb.ValueInfoProto{Name: proto.String(o), Type: &pb.TypeProto{
			Value: &pb.TypeProto_TensorType{TensorType: &pb.TypeProto_Tensor{ElemType: proto.Int32(int32(elem))}}}})
	}
	return m, fed
}

func open(shape []int64) []onnx.Dim {
	dims := []onnx.Dim{{Size: -1, Name: "batch"}}
	for _, d := range shape[1:] {
		dims = append(dims, onnx.Dim{Size: d})
	}
	return dims
}

func size(shape []int64) int64 {
	n := int64(1)
	for _, d := range shape {
		n *= d
	}
	return n
}

// asModel returns a graph as a model.
func asModel(g *onnx.Graph, outputs []*pb.ValueInfoProto) *pb.ModelProto {
	m := &pb.ModelProto{IrVersion: proto.Int64(8), OpsetImport: []*pb.OperatorSetIdProto{{Domain: proto.String(""), Version: proto.Int64(max(g.Opset, 17))}},
		Graph: &pb.GraphProto{Name: proto.String("apart"), Node: g.Nodes, Output: outputs}}
	for _, name := range g.Inputs {
		m.Graph.Input = append(m.Graph.Input, onnx.TensorValue(name, g.Types[name], open(g.Shapes[name])...))
	}
	for _, name := range slices.Sorted(maps.Keys(g.Constants)) {
		c := g.Constants[name]
		t := &pb.TensorProto{Name: proto.String(name), Dims: c.Dims, DataType: proto.Int32(int32(c.Type)), FloatData: c.F32, Int64Data: c.I64, Int32Data: c.I32}
		m.Graph.Initializer = append(m.Graph.Initializer, t)
	}
	return m
}

// TestFusedOperatorsAreTakenApart compares each operator of ONNX Runtime's own
// with the standard ones that it stands for, both run by ONNX Runtime.
func TestFusedOperatorsAreTakenApart(t *testing.T) {
	l := library(t)
	for name, c := range fusedCases {
		m, fed := c.model()
		if _, err := onnx.Walk(m); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		shapes := map[string][]int64{}
		for in, v := range fed {
			shapes[in] = v.Shape
		}
		g, err := onnx.Infer(m, &onnx.InferOptions{Inputs: onnx.Fixed(shapes), Values: true})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, n := range g.Nodes {
			if n.GetDomain() != "" || strings.HasPrefix(n.GetOpType(), "Simplified") || n.GetOpType() == c.op {
				t.Errorf("%s: %s is left", name, n.GetOpType())
			}
		}
		var names []string
		var out [2][]tensor.View
		for _, v := range m.Graph.Output {
			o := v.GetName()
			names = append(names, o)
			for k := range out {
				x := tensor.View{Shape: g.Shapes[o]}
				if o == "count" {
					x.I32 = make([]int32, size(x.Shape))
				} else {
					x.F32 = make([]float32, size(x.Shape))
				}
				out[k] = append(out[k], x)
			}
		}
		if c.opset > 0 && c.opset < 17 { // the standard LayerNormalization is of 17
			m.OpsetImport[0].Version = proto.Int64(c.opset)
		}
		if err := run(t, l, m, fed, names, out[0]); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		apart := asModel(g, m.Graph.Output)
		if c.opset > 0 {
			apart.OpsetImport[0].Version = proto.Int64(c.opset)
		}
		if err := run(t, l, apart, fed, names, out[1]); err != nil {
			t.Errorf("%s, taken apart: %v", name, err)
			continue
		}
		for i, o := range names {
			if fmt.Sprint(out[0][i].I32) != fmt.Sprint(out[1][i].I32) {
				t.Errorf("%s: %s is %v, taken apart %v", name, o, out[0][i].I32, out[1][i].I32)
			}
			for k, v := range out[0][i].F32 {
				if d := v - out[1][i].F32[k]; !(max(d, -d) <= 2e-5) {
					t.Errorf("%s: element %d of %s is %g, taken apart %g", name, k, o, v, out[1][i].F32[k])
					break
				}
			}
		}
	}
}

// TestFusedFormsThatAreNotSupportedAreNamed checks what is said of forms, and
// of operators, that are not taken apart.
func TestFusedFormsThatAreNotSupportedAreNamed(t *testing.T) {
	heads := onnx.IntAttribute("num_heads", 2)
	for reason, c := range map[string]fusedCase{
		"one that was optimised without layouts":                   {op: "NhwcConv", in: []string{"image", "filter"}},
		"use the model from before it was optimised":               {op: "GroupNorm", in: []string{"x", "w8", "b8"}},
		"unidirectional attention is not supported":                {op: "Attention", in: []string{"x", "qkv", "w24"}, attributes: []*pb.AttributeProto{heads, onnx.IntAttribute("unidirectional", 1)}},
		"it has keys and values of the past, which is not":         {op: "Attention", in: []string{"x", "qkv", "w24", "", "scores"}, attributes: []*pb.AttributeProto{heads}},
		"3 heads for query, key and value of [8 8 8]":              {op: "Attention", in: []string{"x", "qkv", "w24"}, attributes: []*pb.AttributeProto{onnx.IntAttribute("num_heads", 3)}},
		"5] is not supported: one number for each token":           {op: "Attention", in: []string{"x", "qkv", "w24", "mask5"}, attributes: []*pb.AttributeProto{heads}, integers: map[string][]int32{"mask5": make([]int32, 10)}},
		"keys and values that are packed into the queries are not": {op: "MultiHeadAttention", in: []string{"x"}, attributes: []*pb.AttributeProto{heads}},
		`its activation is "Softmax", which is not supported`:      {op: "FusedConv", in: []string{"image", "filter"}, attributes: []*pb.AttributeProto{textAttribute("activation", "Softmax")}},
		"transBatchA and transBatchB are not supported":            {op: "FusedMatMul", in: []string{"x", "m"}, attributes: []*pb.AttributeProto{onnx.IntAttribute("transBatchA", 1)}},
		"its output 1 is not supported":                            {op: "SkipLayerNormalization", in: []string{"x", "same", "w8"}, outputs: 4},
		"1073741824 heads of 1":                                    {op: "MultiHeadAttention", in: []string{"x", "keys", "values"}, attributes: []*pb.AttributeProto{onnx.IntAttribute("num_heads", 1<<30)}},
	} {
		m, _ := c.model()
		if strings.HasPrefix(reason, "its output 1") {
			m.Graph.Node[0].Output[1] = "mean"
		}
		_, err := onnx.Infer(m, &onnx.InferOptions{Inputs: map[string][]onnx.Dim{}})
		if strings.HasPrefix(reason, "1073741824") {
			reason = "1073741824 heads for shapes"
		}
		if err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%s: %v, want %q", c.op, err, reason)
		}
	}
}

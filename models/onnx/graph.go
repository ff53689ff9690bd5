package onnx

import "github.com/headstart-ml/headstart/models/onnx/pb"

// Graph is a model's main graph for one size of its inputs: every tensor has
// one shape, and what depends on constants alone has been evaluated. It is what
// cutting, pruning and differentiation work on. Tensors are named; a name has
// one producer: a node, an input or a constant.
type Graph struct {
	Opset   int64           // version of the standard operator set
	Nodes   []*pb.NodeProto // in an order in which they can run
	Inputs  []string        // tensors that are fed
	Outputs []string
	// Constants holds initialisers and what was computed from them, by name, as
	// far as nodes or outputs use them.
	Constants map[string]*Tensor
	// Shapes has the dimensions of every tensor, Types its element type.
	Shapes map[string][]int64
	Types  map[string]pb.TensorProto_DataType
	// Stored names, for each constant that is a tensor of the file, that
	// tensor: itself, or the one that it is by way of Identity or of a Cast
	// that loses nothing (float16 to float32). Changed values are written back
	// there.
	Stored map[string]string
	// Domains has the versions of the other operator sets in use, by domain.
	Domains map[string]int64

	// inner has the tensors that a branch of an If makes: the model itself can
	// be neither pruned after them nor cut there.
	inner map[string]bool
	dims  map[string][]Dim // see Dims; nil where nothing is open
	// buffers are stored tensors that are no weights; nil if nobody has looked.
	buffers map[string]bool
	asides  map[string]bool // weights that stand beside the flow, see buffer.go
}

// Tensor is the values of a constant, row-major. One of F32, I64, I32 and Bool
// holds as many values as Dims says; float16 values are kept as F32 with Type
// FLOAT16. Likewise BFLOAT16 and, rounded, DOUBLE are kept as F32; 8 and 16 bit
// integers as I32; UINT32 and the bits of UINT64 as I64. Of other types no
// values are kept.
type Tensor struct {
	Type pb.TensorProto_DataType
	Dims []int64
	F32  []float32
	I64  []int64
	I32  []int32
	Bool []bool
}

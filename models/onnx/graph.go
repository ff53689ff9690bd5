package onnx

// Graph is a model's main graph for one size of its inputs: every tensor has
// one shape, and what depends on constants alone has been evaluated. It is what
// cutting, pruning and differentiation work on. Tensors are named; a name has
// one producer: a node, an input or a constant.
type Graph struct {
	Opset   int64        // version of the standard operator set
	Nodes   []*NodeProto // in an order in which they can run
	Inputs  []string     // tensors that are fed
	Outputs []string
	// Constants holds initialisers and what was computed from them, by name.
	Constants map[string]*Tensor
	// Shapes has the dimensions of every tensor, Types its element type.
	Shapes map[string][]int64
	Types  map[string]TensorProto_DataType
}

// Tensor is the values of a constant, row-major. One of F32, I64, I32 and Bool
// holds as many values as Dims says; float16 values are kept as F32 with Type
// FLOAT16.
type Tensor struct {
	Type TensorProto_DataType
	Dims []int64
	F32  []float32
	I64  []int64
	I32  []int32
	Bool []bool
}

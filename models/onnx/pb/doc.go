// Package pb has the messages of the ONNX format: ModelProto, GraphProto,
// NodeProto, …, generated from onnx.proto, a schema of our own with the names
// and numbers of the specification. models/onnx reads, checks and edits them.
package pb

//go:generate sh generate.sh

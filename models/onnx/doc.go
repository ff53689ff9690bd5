// Package onnx reads, checks and writes ONNX models.
//
// The messages of the format, ModelProto, GraphProto, NodeProto, …, stand in
// package pb. Decode and Encode go between them and the bytes of a file; nothing
// of a file is lost on the way, fields that the schema does not know included. Walk looks at every part of a model, all nested
// graphs too, and refuses what no program should hand to a runtime unseen:
// operators of foreign domains, tensors whose values do not fit their shapes,
// paths of external data that lead out of the model's folder. CheckExternal
// then looks at the files themselves.
//
// Surgery starts with Fold, which makes a Graph of a model for one size of its
// inputs: the shape of every tensor, and the values of all that is constant.
// Cuts finds the tensors that everything flows through, Tail takes what follows
// one. Prune, Detach, Append and WriteBack work on the model itself: a pruned model stops
// at the tensors that are wanted, a detached one begins at one, an extended one goes
// on, and changed weights get back into the tensors that they were stored in
// (Rewrite does that to a copy, Stored reads them). Rename frees names.
//
// The package needs no runtime and no cgo.
//
// The format: https://onnx.ai/onnx/repo-docs/IR.html
package onnx

// Package onnx reads, checks, edits and writes ONNX models.
//
// The messages of the format, ModelProto, GraphProto, NodeProto, …, stand in
// package pb. Decode and Encode go between them and the bytes of a file;
// nothing of a file is lost on the way, fields that the schema does not know
// included.
//
// Walk looks at every part of a model, all nested graphs too, and refuses what
// no program should hand to a runtime unseen: operators of foreign domains,
// tensors whose values do not fit their shapes, paths of external data that
// lead out of the model's folder, constants that grow to gigabytes.
// CheckExternal then looks at the files themselves.
//
// Infer makes a Graph of a model: the shape of every tensor, and the values of
// all that is constant. Cuts finds the tensors of a graph through which
// everything flows; Graph.Buffers tells stored numbers that were never learned
// from weights.
//
// Prune, Detach, Append and WriteBack work on the model itself. A pruned model
// stops at the tensors that are wanted, a detached one begins at one, and an
// extended one goes on. WriteBack puts changed weights into the tensors that
// they were stored in, Rewrite does that to a copy, and Stored reads them.
// Rename frees names. Raise brings a model to a newer operator set. Widen,
// FeedFloats and OpenBatch make models that can be fed float32, and any number
// of samples.
//
// The package needs no runtime and no cgo.
//
// The format: https://onnx.ai/onnx/repo-docs/IR.html
package onnx

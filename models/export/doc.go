// Package export makes one ONNX model of a backbone and the head that was
// trained on it, and writes it into a folder once it has computed what it
// should.
//
// Fuse puts the head behind the backbone: the inputs are those of the backbone,
// the outputs
//
//	logits f32[batch,C], probabilities f32[batch,C]
//
// or what another link than the softmax has: value f32[batch,K] of a head of
// numbers, logits f32[batch,C−1] of one of grades.
//
// Weights that were not trained stay as they are, byte for byte, with the
// backbone's operator set and IR version.
//
// Write lays the model into a folder, model.onnx and, where it is too large for
// one file or the backbone was, model.onnx_data. Before the folder gets its
// name, the model that lies in it is run on samples whose probabilities are
// known. If it computes others, nothing is left.
package export

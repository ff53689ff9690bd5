// Package models describes backbones: the weights, the input contract, the taps
// that are taken as features and their poolings, licence and source, and what
// is inside one. A Spec is complete and agrees with the ONNX graph;
// models/folder makes one from a name, a file or a folder.
package models

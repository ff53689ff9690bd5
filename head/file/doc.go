// Package file reads and writes head files.
//
// A head file (NAME.head.onnx) is an ONNX model that any ONNX runtime can run:
//
//	features f32[N,D] → logits f32[N,C], probabilities f32[N,C]
//
// in operator set 17, IR version 9. The graph is
//
//	rows          = features, or each row divided by its Euclidean length
//	logits        = (rows − center)·weightᵀ + bias
//	probabilities = softmax(logits / temperature)
//
// The scale of standardised features is folded into weight. Their mean is
// subtracted first, as center: features that vary little around a large mean
// would otherwise cancel in float32.
//
// # What else is in it
//
// The model's metadata_props carry what headstart needs to know about the head,
// as strings, in this order:
//
//	headstart.format           version of this layout: 1
//	headstart.head             kind of head: softmax, ncm
//	headstart.classes          JSON list of the classes, in the order of the columns, sorted by bytes
//	headstart.space.0          space.json of the first columns of features, verbatim
//	headstart.backbone.0       the backbone of that space, as the user gave it
//	headstart.space.1, …       the same for the columns after them
//	headstart.standardization  JSON {"mean":[D numbers],"scale":[D numbers]}
//	headstart.temperature      a number, also in the graph
//	headstart.l2               λ of the fit
//	headstart.l2_normalize     true or false, also in the graph
//	headstart.fitted           JSON {"n":rows,"ids":digest,"keys":base64}; see Fitted
//	headstart.settings         JSON, how the head was trained
//	headstart.data             digest of the data set
//	headstart.metrics          JSON, how well it did
//	headstart.versions         JSON object, names of programs and their versions
//	headstart.created          date, RFC 3339
//
// The last five may be missing. Times of a run are never in it: the same head
// gives the same bytes, the date apart.
//
// # Reading
//
// Read takes no graph but the one that Write makes of the same numbers, so that
// what a runtime computes from the file is what Model computes.
package file

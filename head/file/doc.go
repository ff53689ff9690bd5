// Package file reads and writes head files.
//
// A head file (NAME.head.onnx) is an ONNX model that any ONNX runtime can run.
// Two layouts are written: that of a head on features, format 3, and that of a
// head with a tail, format 4.
//
// # A head on features
//
//	features f32[batch,D] → logits f32[batch,C], probabilities f32[batch,C]
//
// in operator set 17, IR version 9. The graph is
//
//	rows          = features, or each row divided by its Euclidean length
//	logits        = ((rows − center)·weightᵀ + bias) / temperature
//	probabilities = softmax(logits)
//
// The scale of standardised features is folded into weight. Their mean is
// subtracted first, as center: features that vary little around a large mean
// would otherwise cancel in float32.
//
// Of a head with hidden layers (headstart.hidden) it is
//
//	units         = max((rows − center)·hidden_weight_1ᵀ + hidden_bias_1, 0)
//	                and of two layers max(units·hidden_weight_2ᵀ + hidden_bias_2, 0)
//	logits        = (units·weightᵀ + bias) / temperature
//
// with the scale folded into the first layer.
//
// That is the graph of a head for one of C classes. For the other tasks
// (headstart.task) it is, behind the logits,
//
//	any-of   probabilities = sigmoid(logits), a label by itself
//	number   value         = (rows − center)·weightᵀ + bias, f32[batch,K], in
//	         place of logits and probabilities
//	grade    logits f32[batch,C−1] are those of being at most the first, the
//	         second, … grade:
//	         up_to         = sigmoid(logits)
//	         probabilities = max(up_to·steps + ends, 0)
//	         where steps and ends make the difference of neighbours
//
// The head of a knn keeps rows, of which the nearest in angle vote:
//
//	units         = the rows less center, over scale, divided by their length
//	votes         = exp((c − the largest c) / vote_temperature), c being the
//	                cosines units·neighboursᵀ of the neighbour_count nearest,
//	                times their neighbour_weights, if there are any
//	logits        = log(0.99·(each class's share of the votes) + 0.01/C)
//	                [·class_scale + class_shift] / temperature
//	probabilities = softmax(logits)
//
// of neighbours f32[N,D] of length 1 and their classes neighbour_labels i64[N].
//
// # A head with a tail
//
// Where layers of the backbone were trained with the head, the file has them
// too: the part of the backbone from a tensor, the cut, to the features, as the
// backbone stores it, in its operator set and IR version:
//
//	cut f32[…], side inputs → logits f32[batch,C], probabilities f32[batch,C]
//
// The side inputs are those of the backbone that the part needs beside the cut:
// masks, positions. Weights that were trained are initialisers, or Constant
// nodes, under the names and in the types that they have in the backbone, and
// so are all others. The last nodes are the head: pooling, rows divided by
// their length if normalize says so, and
//
//	logits        = (rows·weightᵀ + bias) / temperature
//	probabilities = softmax(logits)
//
// with names of their own where the backbone has tensors of these names. The
// outputs keep theirs: there the backbone's tensor gets another name, which
// renamed tells. The frozen part before the cut is not in the file; metadata
// headstart.space.0 has the digest of the backbone.
//
// For a transformer of six layers of which the last was trained (C = 3, D =
// 384) that is
//
//	inputs        /m/encoder/layer.4/output/LayerNorm/LayerNormalization_output_0
//	              f32[batch,sequence,384]; attention_mask i64[batch,sequence]
//	nodes         what makes the mask of attention_mask; layer 5, up to
//	              last_hidden_state
//	              Cast, Reshape → mask[batch,1,sequence]
//	              ReduceSum, Max, Div → shares; MatMul, Reshape → pooled[batch,384]
//	              ReduceL2, Max, Div → row_rows
//	              Gemm → scores; Div → logits; Softmax → probabilities
//	initialisers  those of layer 5; mask_shape, one, pooled_shape, row_tiny,
//	              weight f32[3,384], bias f32[3], temperature f32[1]
//	metadata      headstart.format  4
//	              headstart.tail    {"cut":"/m/encoder/layer.4/…","features":
//	              "last_hidden_state","pooling":"mean","mask":"attention_mask",
//	              "normalize":true,"weights":[
//	              "m.encoder.layer.5.attention.output.dense.bias", …]}
//
// # What else is in it
//
// The model's metadata_props carry what headstart needs to know about the head,
// as strings, in this order:
//
//	headstart.format           version of the layout: 3, or 4 with a tail
//	headstart.head             kind of head: of head.Kinds
//	headstart.task             any-of, number or grade; missing: one-of
//	headstart.classes          JSON list of the classes or labels, in the order
//	                           of the columns, sorted by bytes; of numbers their
//	                           names, of grades from the lowest to the highest
//	headstart.space.0          space.json of the first columns, verbatim
//	headstart.backbone.0       the backbone of that space, as the user gave it
//	headstart.space.1, …       the same for the columns after them
//	headstart.standardization  JSON {"mean":[D numbers],"scale":[D numbers]}
//	headstart.tail             JSON of a tail: {"cut":…,"features":…,"pooling":…,
//	                           "mask":…,"space":…,"channels_last":…,
//	                           "normalize":…,"weights":[names],"renamed":{…}}
//	headstart.temperature      a number, also in the graph
//	headstart.reject           the probability under which the head is unsure of
//	                           the class that it answers; missing: it never is.
//	                           A number above 1 is never reached
//	headstart.thresholds       JSON list of the same by class; missing: none
//	headstart.l2               λ of the fit; 0: it has none
//	headstart.params           JSON object, what the fit was given beside λ
//	headstart.l2_normalize     true or false, also in the graph
//	headstart.hidden           JSON list of the sizes of hidden layers; missing:
//	                           there are none
//	headstart.fitted           JSON {"n":rows,"ids":digest,"keys":base64}; see
//	                           Fitted
//	headstart.settings         JSON, how the head was trained
//	headstart.data             digest of the data set
//	headstart.metrics          JSON, how well it did
//	headstart.versions         JSON object, names of programs and their versions
//	headstart.created          date, RFC 3339
//
// With a tail there is one space, that of the features which the backbone gave
// before the training, and neither standardization nor l2_normalize; without
// one there is no tail. In it, cut "" means the inputs of the backbone, pooling
// is "", of rows that are there, or over the tokens that mask counts "cls",
// "last", "mean", "max", "meanstd", "mean_sqrt_len" or "weightedmean", or over
// space "gap" or "gem", or, where space is true, "max" or "meanstd"; of those
// over space channels_last is true where the channels are the last dimension.
// weights lists, sorted by bytes, the names in the backbone of what was
// trained, and renamed is left out where it is empty, space and channels_last
// where they are false. Versions of headstart that know cls, mean and gap alone
// refuse files with another pooling.
//
// The last five may be missing, and params is where there are none. Times of a
// run are never in it: the same head gives the same bytes, the date apart.
//
// # Older layouts
//
// Formats 1 (on features) and 2 (with a tail) are read, and not written any
// more. In them logits are before the temperature:
//
//	logits        = (rows − center)·weightᵀ + bias
//	probabilities = softmax(logits / temperature)
//
// so that the softmax of their logits are not their probabilities. Programs
// that know only these refuse the newer ones instead of dividing twice.
//
// # Heads alone
//
// [WriteAlone] writes a head without its backbone for other programs: [Formats]
// lists how. Standardisation, temperature and corrections for the frequencies
// of classes are folded into weights and biases, so that
//
//	units   = max(rows·weightᵀ + bias, 0), of each hidden layer
//	logits  = units·weightᵀ + bias
//	answers = link(logits)
//
// with link the softmax, sigmoid, identity or, of grades, the differences of
// neighbouring sigmoids (cumulative), and rows the features, in float64, each
// divided by its Euclidean length if l2_normalize says so. A safetensors file
// has the tensors weight and bias, before them hidden.0.weight, hidden.0.bias
// and so on, all F64; JSON has layers, a list of {"weight": rows, "bias": row}.
// What else there is are members of the JSON object, and strings, or JSON in
// them, in the metadata of safetensors:
//
//	headstart_head    version of these fields: 1
//	head              kind of head: of head.Kinds
//	task              one-of, any-of, number or grade
//	classes           list of the classes, labels, names of numbers, or grades,
//	                  in the order of the columns
//	features          list of {"dim", "backbone", "space"}: where the columns of
//	                  the features come from, in their order
//	l2_normalize      true or false
//	link              softmax, sigmoid, identity or cumulative
//	activation        relu, of hidden layers; missing: there are none
//	reject            as above
//	thresholds        as above
//	data              as above
//	created           as above
//	backbone_licence  of the backbone's weights; missing: it was not said
//	exported_by       the program; missing: it was not said
//
// A knn leaves as safetensors alone: mean, scale F64[D]; neighbours F32[N,D],
// neighbour_labels I32[N] and, if there are any, neighbour_weights F32[N] as
// above; class_scale and class_shift F64[C], with the temperature in them, or
// missing; neighbours, vote_temperature and doubt (0.01 above) in the metadata.
//
// Arrays for scikit-learn (.npz) have the names of its attributes, and all
// fields above as a JSON text in headstart_head. A Go package has its own
// comment.
//
// # Reading
//
// Read takes no head but the one that Write makes of the same numbers, or made
// in an older layout, so that what a runtime computes from the file is what
// Head computes, of the features that a tail gives. What is in a tail is looked
// at as a backbone's model is (onnx.Walk).
package file

// Package retrain says where a backbone can be cut, and retrains trailing
// layers of it, or all, together with a head.
//
// [NewPlaces] finds the tensors through which everything flows. [Train] takes a
// [Network], which is a backbone and the tensor at which its trained part
// begins (see [Places.Network]), [Data], which are fed at that tensor, and a
// [Head] to start from. The gradients come from package grad's graphs, run by
// ONNX Runtime; the optimiser is AdamW:
//
//	places, err := retrain.NewPlaces(spec)
//	place, err := places.Find("last:2")
//	r, err := retrain.Train(ctx, library, places.Network(place), data, start,
//		&retrain.Settings{Checkpoint: "training.ckpt"})
//	// r.Weights are new values of stored tensors, as onnx.WriteBack takes them;
//	// r.Head belongs to them.
//
// # Steps
//
// A batch is divided into as many runs as memory asks for; their gradients add
// up to those of the whole batch. Texts of about one length come into one
// batch, padded to 16, 32, 64 … tokens, and there is one graph for each of
// these lengths. All graphs read the same weights and write the same gradients,
// which lie one behind the other in two slices; nothing is copied in a step.
//
// With Settings.Replicas, several sessions share a batch: each runs a part of
// it on its share of the threads, at once with the others, and their gradients
// are added up in a fixed order. The result depends on their number, and on no
// race. Two sessions with a thread each take less time than one with two, where
// a step is made of many small operators that threads wait for. What computes
// something over the whole batch is refused (*DependentError).
//
// A row may have views, such as parts of an image: then each epoch trains with
// another one of them (see Data.Views). What is measured is always the row as
// it is.
//
// After each epoch the validation rows decide whether its weights are the best
// so far. The start takes part: what does not help is not taken.
//
// # Layouts
//
// Convolutions are trained in the plain layout or in the runtime's own blocks,
// whichever costs less by a rule that depends on the graph, its shapes and the
// processor alone (grad.Program.Cost). No clock takes part: the same training
// gives the same bits at any load of the machine. Before blocks are used, one
// step is run in both layouts, and they must compute the same.
//
// # Checkpoints
//
// With Settings.Checkpoint, a training that was interrupted or killed is
// resumed where it stopped. With one thread, its result has the very weights of
// a training that was not interrupted. The file is written whole or not at all,
// and removed when the training ends.
package retrain

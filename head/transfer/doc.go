// Package transfer tries how deep to retrain on one data set, and chooses.
//
// A way to train is a head alone, a head on more taps of the backbone, or a
// tail: a head together with the layers behind a cut, which begin at their
// pretrained weights. A [Learner] fits any of them to rows of a feature set:
//
//	l, err := transfer.New(data, &transfer.Settings{Tail: transfer.Auto})
//	defer l.Close()
//	result, err := l.Try(ctx)
//	f, err := result.Chosen().File() // which file.Write writes
//
// [Learner.Try] fits every way with each seed and chooses by the validation
// part: with [Auto] the simplest way that is behind the best by at most one
// standard error of the difference on the same rows, else the tail if it beat
// the head. [Learner.Fit] is one way, one seed, and rows that the caller
// chooses.
//
// # What is read and computed
//
// The activations at all cuts that have a place in the cache, and the features
// of all taps, come from one pass over the source, in which each content that
// the cache lacks goes through the frozen layers once. A second pass finds the
// samples for what is fed behind the cuts. Both are shared by all ways and
// seeds.
//
// # Beside a result
//
// [CompareBaselines] says what simpler heads do on the rows that a head was
// tested on: one on the words of the texts, alone and beside the embedding, or
// the nearest class mean. [CompareAlpha] says what another way to read
// transparent images does.
//
// # Stopping
//
// When the context of Try ends, what was tried so far is the result, which says
// that it was stopped. With Settings.Checkpoint, the same settings and data
// resume a training where it was; see package retrain.
package transfer

// Package predict is the door for Go programs: it opens a head file with its
// backbone and predicts samples, one or many, from many goroutines.
//
//	p, err := predict.Open("photos.head.onnx", &predict.Options{Builtin: builtin.FS()})
//	defer p.Close()
//	answers, err := p.Predict(ctx, [][]byte{photo})
//	fmt.Println(answers[0].Label, answers[0].Probability)
//
// [Open] finds the backbone that the head was fitted on and prepares samples in
// the very same way; a backbone that is another one now is an error, not
// another answer. [OpenAll] opens several heads, and runs a sample once through
// a backbone that they share. [OpenBackbone] gives embeddings without a head.
//
// # Many goroutines
//
// Any number of goroutines may call the methods at a time. Requests that wait
// are put into one batch, as large as a processor core likes it; one that comes
// alone is run at once and waits for nothing. Options.Threads workers run
// batches side by side.
//
// # Bad samples
//
// A sample that cannot be decoded, a text without a token, a value that is not
// finite: each is the error of its own prediction, a *BadSampleError, and the
// others of the request are predicted. What goes wrong with all, such as a
// runtime library that fails, is the error of the request.
//
// # ONNX Runtime
//
// The shared library is looked for where the command looks, too: at
// Options.Runtime, HEADSTART_RUNTIME and ONNXRUNTIME_SHARED_LIBRARY_PATH, in
// lib and ../lib beside the program, and where the system keeps libraries. A
// process holds one. The model is loaded by Open, and its file's bytes are let
// go of.
package predict

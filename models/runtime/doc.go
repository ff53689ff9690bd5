// Package runtime runs ONNX graphs with ONNX Runtime. It is the only owner of
// the library, of its process-global environment, and of cgo.
//
// [Find] looks for the library, [Open] loads it, [Library.NewSession] makes a
// session of a model's bytes and [Session.Run] runs it over memory of the
// caller's:
//
//	where, err := runtime.Find("")
//	lib, err := runtime.Open(where.Path)
//	defer lib.Close()
//	s, err := lib.NewSession(model, &runtime.Options{
//		Inputs:  []string{"pixel_values"},
//		Outputs: []string{"features"},
//	})
//	defer s.Close()
//	x := tensor.View{Shape: []int64{n, 3, 224, 224}, F32: pixels}
//	y := tensor.View{Shape: []int64{n, 1280}, F32: features}
//	err = s.Run(ctx, []tensor.View{x}, []tensor.View{y})
//
// # Memory
//
// A [tensor.View] is a view of a Go slice. ONNX Runtime reads inputs from and
// writes outputs to that very memory; nothing is copied. Run pins the slices
// (runtime.Pinner) while C holds their addresses and lets go of them before
// it returns, so a caller may allocate once and use the same slices for batch
// after batch, of any shape. A caller must not touch them while Run works.
//
// # Concurrency
//
// Any number of goroutines may call Run on one session, each with its own
// outputs. With Options.Threads 1, which is the default, a Run computes on
// the thread that called it: one goroutine a core is then the fastest way to
// run many small batches on a CPU. Several sessions, of the same model or of
// others, live side by side.
//
// # Cancelling
//
// When its context ends, Run asks ONNX Runtime to stop after the operator
// that it is in, waits until it has stopped, and returns the context's error.
// The session stays usable; the outputs hold nothing of meaning.
package runtime

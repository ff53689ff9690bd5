// Package grad builds, from an inference graph and a cut, the graph that
// computes the gradients of its weights, out of standard ONNX operators: an
// ordinary runtime then retrains the layers behind the cut.
//
// The method is reverse-mode differentiation, one rule an operator (rule.go has
// the table). [Build] takes the nodes between the cut and the features, appends
// a head (one Gemm) and the loss, and walks backwards wherever a trained weight
// lies upstream. What lies before the cut is not in the result, neither its
// forward pass nor its gradients; of a frozen weight behind the cut nothing is
// computed that only its own gradient would need.
//
// Inputs of the graph that is built, in this order: the activations at the cut,
// inputs of the backbone that reach the tail beside the cut (an attention
// mask), the target and the weights. Outputs: the loss, the logits and the
// gradient of each weight in the order of the weights, the head's last.
// Everything has one fixed shape; a batch that is not full is padded with rows
// whose target is 0.
//
// The target is N×K, each row the distribution that is aimed at, multiplied by
// the sample's weight and divided by the batch size. Weights of samples and of
// classes, smoothed and soft labels are therefore the caller's choice:
//
//	loss = -Σ target ∘ log softmax(logits)
//
// Weights are inputs and gradients outputs, so that both can be views of the
// caller's memory and an optimiser can update in place.
//
// A step, with a runtime that takes slices:
//
//	shapes := map[string][]int64{"pixel_values": {16, 3, 224, 224}}
//	g, err := onnx.Infer(model, &onnx.InferOptions{Inputs: onnx.Fixed(shapes), Values: true})
//	p, err := grad.Build(g, &grad.Options{Cut: "Add_6", Classes: 9})
//	data, err := onnx.Encode(p.Step)
//	s, err := library.NewSession(data, &runtime.Options{Inputs: p.InputNames(), Outputs: p.OutputNames()})
//	// for each of p.Weights: w.Pack(values, w.Values); values are fed as w.Dims
//	err = s.Run(ctx, inputs, outputs) // loss, logits, gradients
//	// for each of p.Weights: update values; at the end w.Unpack(changed, values),
//	// and onnx.WriteBack puts changed into the model, under g.Stored[w.Name]
//
// Gradients of convolutions can be computed in the layout of ONNX Runtime's own
// fast kernels, see Options.Block. That takes about half the time, and is no
// ONNX: it is for running, after a comparison with the plain program.
//
// The package needs no runtime and no cgo.
package grad

package onnx_test

import (
	"fmt"
	"log"
	"os"

	"github.com/headstart-ml/headstart/models/onnx"
)

// A model file is opened and looked at before anything else is done with it.
func ExampleWalk() {
	data, err := os.ReadFile("../builtin/all-minilm-l6-v2/onnx/model.onnx")
	if err != nil {
		log.Fatal(err)
	}
	m, err := onnx.Decode(data)
	if err != nil {
		log.Fatal(err)
	}
	sum, err := onnx.Walk(m)
	if err != nil {
		log.Fatal(err) // what no runtime should be given
	}
	for _, in := range sum.Inputs {
		fmt.Println(in.Name, in.Elem, in.Shape[0].Name, in.Shape[1].Name)
	}
	// Output:
	// input_ids INT64 batch_size sequence_length
	// attention_mask INT64 batch_size sequence_length
	// token_type_ids INT64 batch_size sequence_length
}

// The tensors at which layers end are where a backbone can be cut.
func ExampleCuts() {
	data, err := os.ReadFile("../builtin/all-minilm-l6-v2/onnx/model.onnx")
	if err != nil {
		log.Fatal(err)
	}
	m, err := onnx.Decode(data)
	if err != nil {
		log.Fatal(err)
	}
	g, err := onnx.Infer(m, nil)
	if err != nil {
		log.Fatal(err)
	}
	cuts, err := onnx.Cuts(g, "last_hidden_state")
	if err != nil {
		log.Fatal(err)
	}
	for _, c := range cuts {
		if c.Ends {
			fmt.Printf("%q: %d parameters follow\n", c.Layer, c.Parameters)
		}
	}
	// Output:
	// "": 10646784 parameters follow
	// "m.encoder.layer.0": 8872320 parameters follow
	// "m.encoder.layer.1": 7097856 parameters follow
	// "m.encoder.layer.2": 5323392 parameters follow
	// "m.encoder.layer.3": 3548928 parameters follow
	// "m.encoder.layer.4": 1774464 parameters follow
}

// A pruned model stops at the tensor that is wanted, and holds no more than it
// needs.
func ExamplePrune() {
	data, err := os.ReadFile("../builtin/efficientnet-lite0/onnx/model.onnx")
	if err != nil {
		log.Fatal(err)
	}
	m, err := onnx.Decode(data)
	if err != nil {
		log.Fatal(err)
	}
	part, err := onnx.Prune(m, "Add_8")
	if err != nil {
		log.Fatal(err)
	}
	g, err := onnx.Infer(part, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(m.GetGraph().GetNode()), "nodes become", len(part.GetGraph().GetNode()))
	fmt.Println(g.Dims("Add_8"))
	// Output:
	// 131 nodes become 119
	// [{-1 batch} {192 } {7 } {7 }]
}

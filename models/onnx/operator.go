package onnx

import "maps"

// operator is what is known of an operator: how many inputs it has at least,
// what its outputs are, and, for those that constants are computed with, their
// values.
type operator struct {
	least    int
	infer    func(c *call) ([]value, error)
	evaluate func(c *call, in []*array, out []value) ([]*array, error)
}

// operators are those of the standard domain by their type, those of another
// one by domain, colon and type. The rules follow
// https://onnx.ai/onnx/operators/ for operator sets 9 to 25.
var operators map[string]operator

func init() { // a rule may call fold, which looks into the table
	addElementwise()
	operators = make(map[string]operator)
	for _, family := range []map[string]operator{
		elementwise, windows, products, layouts, indexing, reductions, norms, recurrent, quantised,
	} {
		maps.Copy(operators, family)
	}
}

// First and last version of the standard operator set that Infer takes.
const (
	minOpset = 9
	maxOpset = 25
)

package onnx

import (
	"fmt"
	"slices"
	"strings"

	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// products are operators that multiply matrices.
var products = map[string]operator{
	"MatMul":          {2, inferMatMul, nil},
	"MatMulInteger":   {2, inferMatMul, nil},
	"QLinearMatMul":   {8, inferMatMul, nil},
	"Gemm":            {2, inferGemm, nil},
	"Einsum":          {1, inferEinsum, nil},
	"Attention":       {3, inferAttention, nil},
	"RotaryEmbedding": {3, sameAsFirst, nil},
}

func inferMatMul(c *call) ([]value, error) {
	second, elem := 1, c.elem(0)
	switch c.n.GetOpType() {
	case "MatMulInteger":
		elem = pb.TensorProto_INT32
	case "QLinearMatMul":
		second, elem = 3, c.elem(7)
	}
	a, b := c.shape(0), c.shape(second)
	if len(a) == 0 || len(b) == 0 {
		return nil, fmt.Errorf("a product with a number")
	}
	if second == 1 && c.n.GetOpType() == "MatMul" && c.elem(0) != c.elem(1) {
		return nil, fmt.Errorf("inputs are of types %v and %v", c.elem(0), c.elem(1))
	}
	misfit := fmt.Errorf("shapes %v and %v do not fit", clip(a), clip(b))
	row, column := len(a) == 1, len(b) == 1
	if row {
		a = []int64{1, a[0]}
	}
	if column {
		b = []int64{b[0], 1}
	}
	n, k := len(a)-2, len(b)-2
	if a[n+1] != b[k] {
		return nil, misfit
	}
	out, err := broadcast(a[:n], b[:k])
	if err != nil {
		return nil, misfit
	}
	if !row {
		out = append(out, a[n])
	}
	if !column {
		out = append(out, b[k+1])
	}
	return one(elem, out)
}

func inferGemm(c *call) ([]value, error) {
	a, b := c.shape(0), c.shape(1)
	if len(a) != 2 || len(b) != 2 {
		return nil, fmt.Errorf("shapes %v and %v are not those of matrices", clip(a), clip(b))
	}
	if c.elem(0) != c.elem(1) {
		return nil, fmt.Errorf("inputs are of types %v and %v", c.elem(0), c.elem(1))
	}
	m, k := a[0], a[1]
	if c.integer("transA", 0) != 0 {
		m, k = k, m
	}
	l, n := b[0], b[1]
	if c.integer("transB", 0) != 0 {
		l, n = n, l
	}
	if k != l {
		return nil, fmt.Errorf("shapes %v and %v do not fit", a, b)
	}
	out := []int64{m, n}
	if c.has(2) {
		if s, err := broadcast(out, c.shape(2)); err != nil || !slices.Equal(s, out) {
			return nil, fmt.Errorf("a bias of shape %v for %v", clip(c.shape(2)), out)
		}
	}
	return one(c.elem(0), out)
}

// inferEinsum reads an equation such as "bhid,bhjd->bhij". An ellipsis stands
// for leading dimensions that broadcast.
func inferEinsum(c *call) ([]value, error) {
	equation := strings.ReplaceAll(c.text("equation", ""), " ", "")
	left, right, explicit := strings.Cut(equation, "->")
	terms := strings.Split(left, ",")
	if len(terms) != len(c.n.Input) || len(equation) > 256 {
		return nil, fmt.Errorf("equation %s has %d terms for %d inputs", quote(equation), len(terms), len(c.n.Input))
	}
	sizes, counts := make(map[rune]int64), make(map[rune]int)
	var rest []int64
	for i, term := range terms {
		if !c.has(i) {
			return nil, fmt.Errorf("input %d is missing", i)
		}
		shape := c.shape(i)
		head, tail, ellipsis := strings.Cut(term, "...")
		if n := len(head) + len(tail); len(shape) < n || len(shape) > n && !ellipsis {
			return nil, fmt.Errorf("term %s for shape %v", quote(term), clip(shape))
		}
		var err error
		if rest, err = broadcast(rest, shape[len(head):len(shape)-len(tail)]); err != nil {
			return nil, err
		}
		for j, letter := range head + tail {
			if j >= len(head) {
				j += len(shape) - len(head) - len(tail)
			}
			d := shape[j]
			if have, ok := sizes[letter]; ok && have != d && have != 1 && d != 1 {
				return nil, fmt.Errorf("equation %s: %c is %d and %d", quote(equation), letter, have, d)
			}
			sizes[letter] = max(d, sizes[letter])
			counts[letter]++
		}
	}
	if !explicit { // letters that stand there once, sorted
		var letters []rune
		for letter, n := range counts {
			if n == 1 {
				letters = append(letters, letter)
			}
		}
		slices.Sort(letters)
		right = "..." + string(letters)
	}
	out := []int64{}
	for head, tail, ellipsis := strings.Cut(right, "..."); ; head, tail, ellipsis = tail, "", false {
		for _, letter := range head {
			if counts[letter] == 0 {
				return nil, fmt.Errorf("equation %s: %c stands on the right alone", quote(equation), letter)
			}
			out = append(out, sizes[letter])
		}
		if !ellipsis {
			break
		}
		out = append(out, rest...)
	}
	return one(c.elem(0), out)
}

// inferAttention: queries, keys and values are batch × heads × steps × width,
// or batch × steps × heads·width with the heads as attributes. Past keys and
// values stand in front of the new ones.
func inferAttention(c *call) ([]value, error) {
	q, k, v := c.shape(0), c.shape(1), c.shape(2)
	misfit := fmt.Errorf("shapes %v, %v and %v do not fit", clip(q), clip(k), clip(v))
	out := make([]int64, 0, 4)
	switch {
	case len(q) == 4 && len(k) == 4 && len(v) == 4:
		out = append(out, q[0], q[1], q[2], v[3])
	case len(q) == 3 && len(k) == 3 && len(v) == 3:
		heads, kv := c.integer("q_num_heads", 0), c.integer("kv_num_heads", 0)
		if heads < 1 || kv < 1 || heads > maxWindow || q[2]%heads != 0 || k[2]%kv != 0 || v[2]%kv != 0 {
			return nil, misfit
		}
		width, err := elements([]int64{heads, v[2] / kv})
		if err != nil {
			return nil, err
		}
		out = append(out, q[0], q[1], width)
		q = []int64{q[0], heads, q[1], q[2] / heads}
		k = []int64{k[0], kv, k[1], k[2] / kv}
		v = []int64{v[0], kv, v[1], v[2] / kv}
	default:
		return nil, misfit
	}
	steps := k[2]
	if c.has(4) {
		if c.rank(4) != 4 {
			return nil, misfit
		}
		steps += c.shape(4)[2]
	}
	return []value{
		{c.elem(0), out},
		{c.elem(1), []int64{k[0], k[1], steps, k[3]}},
		{c.elem(2), []int64{v[0], v[1], steps, v[3]}},
		{c.elem(0), []int64{q[0], q[1], q[2], steps}},
	}, nil
}

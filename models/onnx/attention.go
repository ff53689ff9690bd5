package onnx

import (
	"fmt"
	"math"
	"slices"

	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// standardAttention is Attention of operator set 23: softmax(Q Kᵀ·scale + mask)
// V for each head, several of which may share keys and values. Without a past,
// and with no other output.
func standardAttention(p *parts) error {
	if !p.has(1) || !p.has(2) {
		return fmt.Errorf("keys or values are missing")
	}
	if err := p.without(map[int]string{4: "keys of the past", 5: "values of the past", 6: "numbers of keys"}, 1, 2, 3); err != nil {
		return err
	}
	if p.real("softcap", 0) != 0 || p.integer("softmax_precision", 0) > 1 {
		return fmt.Errorf("a cap of scores, or another precision, is not supported")
	}
	q, k, v := p.shape(0), p.shape(1), p.shape(2)
	in := []string{p.in(0), p.in(1), p.in(2)}
	flat := len(q) == 3
	heads, shared := p.integer("q_num_heads", 0), p.integer("kv_num_heads", 0)
	switch {
	case len(q) != len(k) || len(q) != len(v) || len(q) != 3 && len(q) != 4:
		return fmt.Errorf("shapes %v, %v and %v", clip(q), clip(k), clip(v))
	case flat:
		if heads < 1 || shared < 1 || heads > maxWindow || q[2]%heads != 0 || k[2]%shared != 0 || v[2]%shared != 0 {
			return fmt.Errorf("%d and %d heads for shapes %v, %v and %v", heads, shared, clip(q), clip(k), clip(v))
		}
		for i, n := range []int64{heads, shared, shared} {
			s := p.shape(i)
			y := p.op("Reshape", in[i], p.list(-1, s[1], n, s[2]/n))
			in[i] = p.with("Transpose", []string{y}, IntsAttribute("perm", 0, 2, 1, 3))
		}
		q, k, v = []int64{q[0], heads, q[1], q[2] / heads}, []int64{k[0], shared, k[1], k[2] / shared}, []int64{v[0], shared, v[1], v[2] / shared}
	default:
		heads, shared = q[1], k[1]
	}
	if heads < 1 || shared < 1 || heads%shared != 0 || heads/shared > 1024 || k[1] != v[1] || k[2] != v[2] || q[3] != k[3] || q[3] < 1 {
		return fmt.Errorf("%d and %d heads for shapes %v, %v and %v", heads, shared, clip(q), clip(k), clip(v))
	}
	if times := heads / shared; times > 1 {
		for i, s := range [][]int64{nil, k, v} {
			if s != nil {
				y := p.op("Reshape", in[i], p.list(-1, shared, 1, s[2], s[3]))
				y = p.with("Concat", slices.Repeat([]string{y}, int(times)), IntAttribute("axis", 2))
				in[i] = p.op("Reshape", y, p.list(-1, heads, s[2], s[3]))
			}
		}
	}
	scale := p.real("scale", 1/math.Sqrt(float64(q[3])))
	turned := p.with("Transpose", []string{in[1]}, IntsAttribute("perm", 0, 1, 3, 2))
	scores := p.op("MatMul", p.op("Mul", in[0], p.number(scale)), turned)
	if p.integer("is_causal", 0) != 0 {
		size, err := elements([]int64{q[2], k[2]})
		if err != nil || size > maxWindow {
			return fmt.Errorf("%d steps and %d keys", q[2], k[2])
		}
		later := &array{value: value{p.elem(0), []int64{q[2], k[2]}}, f: make([]float64, size)}
		for i := range later.f {
			if int64(i)%k[2] > int64(i)/k[2] {
				later.f[i] = math.Inf(-1)
			}
		}
		scores = p.op("Add", scores, p.constant(later))
	}
	if p.has(3) {
		mask := p.in(3)
		if p.elem(3) == pb.TensorProto_BOOL {
			mask = p.op("Where", mask, p.number(0), p.number(math.Inf(-1)))
		}
		scores = p.op("Add", scores, mask)
	}
	y := p.op("MatMul", p.with("Softmax", []string{scores}, IntAttribute("axis", -1)), in[2])
	if flat {
		y = p.with("Transpose", []string{y}, IntsAttribute("perm", 0, 2, 1, 3))
		y = p.op("Reshape", y, p.list(-1, q[2], heads*v[3]))
	}
	return p.finish(y)
}

package onnx

import (
	"fmt"
	"slices"

	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// rotary: pairs (a, b) of the values of each head of a token become
// (a·cos − b·sin, a·sin + b·cos), with cosines and sines of its position. The
// pairs are the two halves of a head, or neighbours if they are interleaved; of
// a head of which only a part is rotated, the rest stays. Su et al., RoFormer,
// arXiv:2104.09864. ONNX Runtime's own operator has positions as input 1, the
// standard one of operator set 23 as input 3; without, the tables have a row
// for each token.
func rotary(cos, sin, positions int) func(p *parts) error {
	return func(p *parts) error {
		if !p.has(cos) || !p.has(sin) {
			return fmt.Errorf("a table of cosines or sines is missing")
		}
		x, table := p.shape(0), p.shape(cos)
		if !slices.Equal(table, p.shape(sin)) {
			return fmt.Errorf("tables of shapes %v and %v", clip(table), clip(p.shape(sin)))
		}
		heads := p.integer("num_heads", 0)
		if p.integer("is_packed_batching", 0) != 0 || p.real("scale", 1) != 1 {
			return fmt.Errorf("packed batches and a scale are not supported")
		}
		var width, steps int64
		inner := len(x) == 4 // batch × heads × steps × width
		switch {
		case inner:
			heads, steps, width = x[1], x[2], x[3]
		case len(x) == 3 && heads > 0 && x[2]%heads == 0:
			steps, width = x[1], x[2]/heads
		case len(x) == 3 && heads == 0 && p.integer("rotary_embedding_dim", 0) == 0 && len(table) == 2 && table[1] > 0 && x[2]%(2*table[1]) == 0:
			steps, width = x[1], 2*table[1]
			heads = x[2] / width
		default:
			return fmt.Errorf("%d heads for an input of shape %v", heads, clip(x))
		}
		turned := p.integer("rotary_embedding_dim", 0)
		if turned == 0 {
			turned = width
		}
		if turned < 2 || turned > width || turned%2 != 0 || len(table) == 0 || table[len(table)-1] != turned/2 {
			return fmt.Errorf("tables of shape %v for %d of %d values", clip(table), turned, width)
		}
		rows := func(i int) (string, error) { // batch or 1 × steps × 1 × half
			y := p.in(i)
			switch {
			case positions > 0 && p.has(positions) && len(table) == 2 && slices.Equal(p.shape(positions), []int64{x[0], steps}):
				y = p.op("Gather", y, p.in(positions))
			case positions > 0 && p.has(positions) && len(table) == 2 && len(p.shape(positions)) == 1 && p.shape(positions)[0] == 1: // that of the first token
				all := newArray(value{pb.TensorProto_INT64, []int64{steps}})
				for k := range all.i {
					all.i[k] = int64(k)
				}
				at := p.with("Cast", []string{p.in(positions)}, IntAttribute("to", int64(pb.TensorProto_INT64)))
				y = p.op("Gather", y, p.op("Add", p.constant(all), at))
				return p.op("Reshape", y, p.list(1, steps, 1, turned/2)), nil
			case (positions == 0 || !p.has(positions)) && len(table) == 3 && table[1] == steps:
			default:
				return "", fmt.Errorf("positions that do not fit an input of shape %v", clip(x))
			}
			return p.op("Reshape", y, p.list(-1, steps, 1, turned/2)), nil
		}
		c, err := rows(cos)
		if err != nil {
			return err
		}
		s, err := rows(sin)
		if err != nil {
			return err
		}
		y := p.in(0)
		if inner {
			y = p.with("Transpose", []string{y}, IntsAttribute("perm", 0, 2, 1, 3))
		}
		y = p.op("Reshape", y, p.list(-1, steps, heads, width))
		rest := ""
		if turned < width {
			both := p.split(y, []int64{turned, width - turned})
			y, rest = both[0], both[1]
		}
		interleaved := p.integer("interleaved", 0) != 0
		half := p.list(-1, steps, heads, turned/2)
		var pair []string
		if interleaved {
			for _, one := range p.split(p.op("Reshape", y, p.list(-1, steps, heads*turned/2, 2)), []int64{1, 1}) {
				pair = append(pair, p.op("Reshape", one, half))
			}
		} else {
			pair = p.split(y, []int64{turned / 2, turned / 2})
		}
		a := p.op("Sub", p.op("Mul", pair[0], c), p.op("Mul", pair[1], s))
		b := p.op("Add", p.op("Mul", pair[0], s), p.op("Mul", pair[1], c))
		if interleaved {
			single := p.list(-1, steps, heads*turned/2, 1)
			y = p.with("Concat", []string{p.op("Reshape", a, single), p.op("Reshape", b, single)}, IntAttribute("axis", 3))
			y = p.op("Reshape", y, p.list(-1, steps, heads, turned))
		} else {
			y = p.with("Concat", []string{a, b}, IntAttribute("axis", 3))
		}
		if rest != "" {
			y = p.with("Concat", []string{y, rest}, IntAttribute("axis", 3))
		}
		if inner {
			return p.finish(p.with("Transpose", []string{y}, IntsAttribute("perm", 0, 2, 1, 3)))
		}
		return p.finish(p.op("Reshape", y, p.list(-1, steps, heads*width)))
	}
}

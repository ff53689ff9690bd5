package grad

import (
	"fmt"
	"slices"

	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// gemm: y = α A' B' + β C, where A' is A or its transpose, and so B';
// dA' = α dY B'ᵀ, dB' = α A'ᵀ dY, dC = β Σ dY.
// Giles, Collected matrix derivative results for forward and reverse mode
// algorithmic differentiation, 2008, section 2.2.
func gemm(b *builder, n *node) ([]string, error) {
	x, w, dY := n.in[0], n.in[1], n.dY[0]
	ta, tb := n.int("transA", 0) != 0, n.int("transB", 0) != 0
	alpha := n.float("alpha", 1)
	d := make([]string, len(n.in))
	if n.need[0] {
		if ta {
			d[0] = b.product(b.shapes[x], w, dY, tb, true, alpha)
		} else {
			d[0] = b.product(b.shapes[x], dY, w, false, !tb, alpha)
		}
	}
	if n.need[1] {
		if tb {
			d[1] = b.product(b.shapes[w], dY, x, true, ta, alpha)
		} else {
			d[1] = b.product(b.shapes[w], x, dY, !ta, false, alpha)
		}
	}
	if n.wants(2) {
		d[2] = b.scale(b.unbroadcast(dY, b.shapes[n.in[2]]), n.float("beta", 1))
	}
	return d, nil
}

// product appends a Gemm of two matrices.
func (b *builder) product(shape []int64, x, y string, transX, transY bool, alpha float64) string {
	var a []*pb.AttributeProto
	if transX {
		a = append(a, onnx.IntAttribute("transA", 1))
	}
	if transY {
		a = append(a, onnx.IntAttribute("transB", 1))
	}
	if alpha != 1 {
		a = append(a, floatAttribute("alpha", alpha))
	}
	return b.op("Gemm", shape, []string{x, y}, a...)
}

// matMul: y = A B for the matrices in the last two dimensions; dA = Σ dY Bᵀ,
// dB = Σ Aᵀ dY (Giles, as for gemm).
func matMul(b *builder, n *node) ([]string, error) {
	x, w, dY := n.in[0], n.in[1], n.dY[0]
	xs, ws := b.shapes[x], b.shapes[w]
	if len(xs) == 0 || len(ws) == 0 {
		return nil, fmt.Errorf("a product of shapes %v and %v", xs, ws)
	}
	d := make([]string, 2)
	// A vector is a matrix with one row, or with one column on the right.
	xm, wm := xs, ws
	if len(xs) == 1 {
		xm = []int64{1, xs[0]}
	}
	if len(ws) == 1 {
		wm = []int64{ws[0], 1}
	}
	ym := append(broadcast(xm[:len(xm)-2], wm[:len(wm)-2]), xm[len(xm)-2], wm[len(wm)-1])
	if len(wm) == 2 { // one matrix for all: the rest are rows
		rows, D, E := product(xm[:len(xm)-1]), wm[0], wm[1]
		dY = b.reshape(dY, rows, E)
		if n.need[0] {
			d[0] = b.reshape(b.product([]int64{rows, D}, dY, b.reshape(w, D, E), false, true, 1), xs...)
		}
		if n.need[1] {
			d[1] = b.reshape(b.product([]int64{D, E}, b.reshape(x, rows, D), dY, true, false, 1), ws...)
		}
		return d, nil
	}
	x, w, dY = b.reshape(x, xm...), b.reshape(w, wm...), b.reshape(dY, ym...)
	if n.need[0] {
		t := b.flipped(w)
		shape := append(slices.Clone(ym[:len(ym)-1]), wm[len(wm)-2])
		d[0] = b.reshape(b.unbroadcast(b.op("MatMul", shape, []string{dY, t}), xm), xs...)
	}
	if n.need[1] {
		t := b.flipped(x)
		shape := append(slices.Clone(ym[:len(ym)-2]), xm[len(xm)-1], ym[len(ym)-1])
		d[1] = b.reshape(b.unbroadcast(b.op("MatMul", shape, []string{t, dY}), wm), ws...)
	}
	return d, nil
}

// flipped returns x with its last two dimensions exchanged.
func (b *builder) flipped(x string) string {
	r := int64(len(b.shapes[x]))
	perm := sequence(0, r)
	perm[r-1], perm[r-2] = r-2, r-1
	return b.transpose(x, perm...)
}

package grad

import (
	"slices"
)

// form is the order in which the values of a weight are kept.
type form int

const (
	plain     form = iota // as in the backbone
	vector                // a bias, padded
	dense                 // a filter [K, C, taps] as [K/B, C/B, taps, B of C, B of K]
	depthwise             // a filter [K, 1, taps] as [K/B, taps, B]
	stem                  // a filter [K, C, taps] as [K/B, C, taps, B], for an input that is not blocked
)

// formOf returns the form of a convolution's filter, plain if it has none of
// the others. The runtime reorders channels in fours.
func formOf(C, K, group, B int64) form {
	switch {
	case K%4 != 0:
		return plain
	case group == C && group == K:
		return depthwise
	case group == 1 && C < B:
		return stem
	case group == 1 && C%4 == 0:
		return dense
	}
	return plain
}

// whole returns n rounded up to whole blocks of B.
func whole(n, B int64) int64 { return (n + B - 1) / B * B }

// padded returns the dimensions in which a weight of the given ones is fed.
func (f form) padded(dims []int64, B int64) []int64 {
	dims = slices.Clone(dims)
	if f != plain {
		dims[0] = whole(dims[0], B)
	}
	if f == dense {
		dims[1] = whole(dims[1], B)
	}
	return dims
}

// split returns the padded dimensions of a filter with the channels in blocks:
// [K/B, B of K, C/B, B of C, taps]. They are kept in the order that order says.
func (f form) split(padded []int64, B int64) []int64 {
	C, in := padded[1], int64(1)
	if f == dense {
		C, in = C/B, B
	}
	return []int64{padded[0] / B, B, C, in, product(padded[2:])}
}

// order is in which order those dimensions are kept.
var order = []int64{0, 2, 4, 3, 1}

// Pack copies a weight's values from the order of the backbone, of length
// product(Shape), to the one in which the program takes them, of product(Dims).
func (w *Weight) Pack(dst, src []float32) {
	clear(dst)
	w.each(func(plain, packed int64) { dst[packed] = src[plain] })
}

// Unpack is the inverse of Pack, for weights and for gradients.
func (w *Weight) Unpack(dst, src []float32) {
	w.each(func(plain, packed int64) { dst[plain] = src[packed] })
}

func (w *Weight) each(f func(plain, packed int64)) {
	if w.form == plain || w.form == vector {
		for i := range product(w.Shape) {
			f(i, i)
		}
		return
	}
	K, C := w.Shape[0], w.Shape[1]
	s := w.form.split(w.Dims, w.block)
	outer, B, blocks, in, taps := s[0], s[1], s[2], s[3], s[4]
	packed := int64(0)
	for ko := range outer {
		for co := range blocks {
			for t := range taps {
				for ci := range in {
					for ki := range B {
						if k, c := ko*B+ki, co*in+ci; k < K && c < C {
							f((k*C+c)*taps+t, packed)
						}
						packed++
					}
				}
			}
		}
	}
}

// packed and unpacked are Pack and Unpack as nodes; dims are those of the plain
// filter.
func (b *builder) packed(w string, f form) string {
	dims := b.shapes[w]
	fed := f.padded(dims, b.block)
	after := make([]int64, len(dims))
	for i := range dims {
		after[i] = fed[i] - dims[i]
	}
	w = b.reshape(b.pad(w, make([]int64, len(dims)), after), f.split(fed, b.block)...)
	return b.reshape(b.transpose(w, order...), fed...)
}

func (b *builder) unpacked(w string, f form, dims []int64) string {
	fed := b.shapes[w]
	s, moved := f.split(fed, b.block), make([]int64, 5)
	for i, p := range order {
		moved[i] = s[p]
	}
	w = b.reshape(b.transpose(b.reshape(w, moved...), inverse(order)...), fed...)
	return b.prefix(w, []int64{0, 1}, dims[:2])
}

// inverse returns a permutation's inverse.
func inverse(perm []int64) []int64 {
	inv := make([]int64, len(perm))
	for i, p := range perm {
		inv[p] = int64(i)
	}
	return inv
}

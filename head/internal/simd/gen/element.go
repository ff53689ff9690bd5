package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// element is a type of matrices' elements, and the instructions for it.
type element struct {
	letter string // as BLAS has it
	name   string // in Go
	bytes  int

	broadcast     func(...Op)
	move          func(...Op)
	moveWhere     func(Op, Op, Op) // with a mask in a vector
	moveWhereZero func(Op, Op, Op) // with a mask register, zero elsewhere
	multiply      func(...Op)
	// addProduct is acc += x·y, with the operands x, y, acc.
	addProduct func(...Op)
	// takeProduct is acc −= x·y, likewise.
	takeProduct func(...Op)
	// multiplyAdd is acc = x·acc + y, with the operands y, x, acc.
	multiplyAdd func(...Op)
}

var (
	float32s = element{
		letter: "s", name: "float32", bytes: 4,
		broadcast: VBROADCASTSS, move: VMOVUPS, moveWhere: VMASKMOVPS, moveWhereZero: VMOVUPS_Z,
		multiply: VMULPS, addProduct: VFMADD231PS, takeProduct: VFNMADD231PS, multiplyAdd: VFMADD213PS,
	}
	float64s = element{
		letter: "d", name: "float64", bytes: 8,
		broadcast: VBROADCASTSD, move: VMOVUPD, moveWhere: VMASKMOVPD, moveWhereZero: VMOVUPD_Z,
		multiply: VMULPD, addProduct: VFMADD231PD, takeProduct: VFNMADD231PD, multiplyAdd: VFMADD213PD,
	}
)

// machine is a set of vector instructions.
type machine struct {
	name  string
	bytes int // of a vector
	rows  int // of the largest tile
	make  func() VecVirtual
}

var (
	avx2   = machine{name: "AVX2", bytes: 32, rows: 6, make: YMM}
	avx512 = machine{name: "AVX512", bytes: 64, rows: 12, make: ZMM}
)

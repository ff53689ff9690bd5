package onnx

import (
	"maps"
	"math"
	"slices"

	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// A stored float tensor of more than one element is a weight, unless it is a
// buffer: a number that the model's author fixed, and that no training of it
// has changed. The file does not tell the two apart. These are the rules, and
// what each is for; what none of them finds is a weight.
//
//  1. Frequencies: a vector that is first multiplied with or divides something,
//     and of which nothing is made that does not go through Sin or Cos (rotary
//     positions).
//  2. Waves: a table of sines and cosines of one argument, as whose columns,
//     side by side, interleaved or in another table of the same shape, the
//     squares add up to 1 (sinusoidal positions, cached rotary positions).
//  3. Masks: what is only added, multiplied, compared or concatenated, and holds
//     numbers that stand for minus infinity; or, with at least two dimensions
//     larger than 1, zeros and one other number (the shift mask of Swin).
//  4. Zeros: what is only added, or concatenated, and holds nothing else, if it is
//     stored in a Constant node, read by several nodes under one name, or
//     concatenated everywhere (biases that the exporter made up).
//  5. Shared tables: what has at least two dimensions larger than 1, meets the
//     flow in several places with filters or matrices between them, and only by
//     being added, multiplied or compared, itself or what is gathered from it
//     (rotary tables and masks).
//  6. Constant nodes: what they hold, but for filters and matrices, if the model
//     keeps more numbers of these in initialisers. Exporters put parameters into
//     one of the two places, and what is computed on the way into Constant nodes.
//
// Values in external files that have not been read are not known, so that rules
// 2 to 4 do not find them.
//
// A shared table of which rows are gathered that are then added and nothing
// else, as the relative position biases that the layers of MPNet and T5 share,
// is learned. It is a weight, but as it is of no layer it is an aside: what is
// gathered from it stands beside the flow, and goes past a cut as a buffer
// does.

// Buffers returns the stored float tensors of more than one element that are no
// weights, by their names in the file. They are never trained, and are no
// reason for which a graph could not be cut.
func (g *Graph) Buffers() map[string]bool {
	buffers, _ := g.beside()
	return buffers
}

// outside returns the buffers and the asides: what the flow meets on its way
// and does not begin with.
func (g *Graph) outside() map[string]bool {
	buffers, asides := g.beside()
	if len(asides) == 0 {
		return buffers
	}
	all := maps.Clone(buffers)
	maps.Copy(all, asides)
	return all
}

// beside returns the buffers, and the asides.
func (g *Graph) beside() (buffers, asides map[string]bool) {
	if g.buffers != nil {
		return g.buffers, g.asides
	}
	// A graph that was put together by hand.
	return findBuffers(g, func(stored string, most int) []float32 {
		for name, s := range g.Stored {
			if c := g.Constants[name]; s == stored && c != nil {
				return c.F32[:min(len(c.F32), most)]
			}
		}
		return nil
	}, nil)
}

// buffers looks for the buffers of a graph.
type buffers struct {
	g      *Graph
	names  map[string][]string // of each stored tensor in the graph
	read   func(stored string, most int) []float32
	within map[string]bool // stored tensors that Constant nodes hold
	reader map[string][]int
	// main is what weights or buffers have worked on, by the first look.
	main map[string]bool
	// depth is how many filters and matrices have worked on a tensor, on the
	// longest way to it.
	depth map[string]int
	// left bounds the steps that are made: a model in which there is more to
	// follow is not one that was exported, and has no buffers where it ends.
	left int
}

// findBuffers returns the buffers of a graph, and the asides. read gives the
// first values of a stored tensor, nil if they are not known.
func findBuffers(g *Graph, read func(stored string, most int) []float32, within map[string]bool) (found, asides map[string]bool) {
	b := &buffers{g: g, names: make(map[string][]string), read: read, within: within, reader: make(map[string][]int), left: 1<<16 + 64*len(g.Nodes)}
	for name, stored := range g.Stored {
		if g.isTable(name) {
			b.names[stored] = append(b.names[stored], name)
		}
	}
	for i, n := range g.Nodes {
		for _, in := range n.GetInput() {
			if r := b.reader[in]; in != "" && (len(r) == 0 || r[len(r)-1] != i) {
				b.reader[in] = append(b.reader[in], i)
			}
		}
	}
	_, b.main = g.spread(g.isTable)
	b.depth = make(map[string]int)
	for _, n := range g.Nodes {
		d, learns := 0, false
		for k, in := range n.GetInput() {
			d = max(d, b.depth[in])
			learns = learns || g.isTable(in) && slices.Contains(learned[n.GetOpType()], k)
		}
		if learns {
			d++
		}
		for _, o := range n.GetOutput() {
			b.depth[o] = d
		}
	}
	found, asides = make(map[string]bool), make(map[string]bool)
	constants := b.constantsAreNoWeights()
	for _, stored := range sorted(b.names) {
		slices.Sort(b.names[stored])
		if constants && within[stored] && !b.filters(stored) || b.frequencies(stored) || b.mask(stored) || b.zeros(stored) {
			found[stored] = true
		} else if shared, added := b.sharedTable(stored); shared && added && b.looked(stored) {
			asides[stored] = true
		} else if shared {
			found[stored] = true
		}
	}
	b.waves(found)
	maps.DeleteFunc(asides, func(stored string, _ bool) bool { return found[stored] })
	return found, asides
}

// isTable reports whether a tensor is a stored float tensor of more than one
// element.
func (g *Graph) isTable(name string) bool {
	t := g.Constants[name]
	return t != nil && g.Stored[name] != "" && isFloat(t.Type) && total(t.Dims) > 1
}

// spread returns which tensors depend on what is fed, and which of these
// weights have worked on.
func (g *Graph) spread(weight func(name string) bool) (fed, main map[string]bool) {
	fed, main = make(map[string]bool), make(map[string]bool)
	of := make(map[string]bool) // weights, and what is made of them alone
	for _, in := range g.Inputs {
		fed[in] = true
	}
	for _, n := range g.Nodes {
		places := learned[n.GetOpType()]
		var isFed, isMain, isOf, weighs bool
		for k, in := range n.GetInput() {
			if in == "" {
				continue
			}
			isFed, isMain = isFed || fed[in], isMain || main[in]
			w := of[in] || weight(in)
			isOf = isOf || w
			weighs = weighs || w && slices.Contains(places, k)
		}
		isMain = isMain || isFed && weighs
		for _, o := range n.GetOutput() {
			if o != "" {
				fed[o], main[o], of[o] = isFed, isMain, isOf && !isFed
			}
		}
	}
	return fed, main
}

// wide returns how many dimensions of a tensor are larger than 1.
func wide(dims []int64) int {
	n := 0
	for _, d := range dims {
		if d > 1 {
			n++
		}
	}
	return n
}

func (b *buffers) dims(stored string) []int64 { return b.g.Constants[b.names[stored][0]].Dims }

// nodes returns the places of the nodes that read a stored tensor, under all of
// its names.
func (b *buffers) nodes(stored string) []int {
	var all []int
	for _, name := range b.names[stored] {
		all = append(all, b.reader[name]...)
	}
	return all
}

// filters reports whether a tensor is read as a filter or a matrix.
func (b *buffers) filters(stored string) bool {
	return slices.ContainsFunc(b.nodes(stored), func(i int) bool {
		return slices.Contains([]string{"Conv", "ConvTranspose", "Gemm", "MatMul"}, b.g.Nodes[i].GetOpType()) && wide(b.dims(stored)) > 1
	})
}

// constantsAreNoWeights is the condition of rule 6: whether filters and
// matrices lie, for the greater part, in initialisers.
func (b *buffers) constantsAreNoWeights() bool {
	var initialisers, constants int64
	for stored := range b.names {
		switch {
		case !b.filters(stored):
		case b.within[stored]:
			constants += total(b.dims(stored))
		default:
			initialisers += total(b.dims(stored))
		}
	}
	return initialisers > constants
}

// placing are operators that put elements elsewhere, or take some of them.
var placing = []string{
	"Cast", "Concat", "Expand", "Flatten", "Gather", "Identity", "Pad", "Reshape", "Resize", "Slice", "Split", "Squeeze", "Tile", "Transpose",
	"Unsqueeze",
}

// joining are operators by which a buffer meets the flow, element by element.
var joining = []string{"Add", "Sub", "Mul", "Div", "Where", "Max", "Min", "Less", "Greater", "LessOrEqual", "GreaterOrEqual", "Equal"}

// frequencies is rule 1.
func (b *buffers) frequencies(stored string) bool {
	if wide(b.dims(stored)) != 1 {
		return false
	}
	scaling := []string{"Mul", "Div", "MatMul", "Gemm", "Einsum"}
	seen := map[string]bool{}
	waves := 0
	// follow reports whether everything that is made of a tensor goes through a
	// wave; scaled, whether it was multiplied on the way.
	var follow func(name string, scaled bool) bool
	follow = func(name string, scaled bool) bool {
		if seen[name] {
			return true
		}
		seen[name] = true
		if b.left--; b.left < 0 || slices.Contains(b.g.Outputs, name) || len(b.reader[name]) == 0 {
			return false
		}
		b.left -= len(b.reader[name])
		for _, i := range b.reader[name] {
			n := b.g.Nodes[i]
			op, then := n.GetOpType(), scaled
			switch {
			case scaled && (op == "Sin" || op == "Cos"):
				waves++
				continue
			case slices.Contains(scaling, op):
				then = true
			case slices.Contains(placing, op), scaled && (op == "Add" || op == "Sub"):
			default:
				return false
			}
			for _, o := range n.GetOutput() {
				if o != "" && !follow(o, then) {
					return false
				}
			}
		}
		return true
	}
	for _, name := range b.names[stored] {
		if !follow(name, false) {
			return false
		}
	}
	return waves > 0
}

// only reports whether a stored tensor is read by some operators alone.
func (b *buffers) only(stored string, ops ...string) bool {
	nodes := b.nodes(stored)
	return len(nodes) > 0 && !slices.ContainsFunc(nodes, func(i int) bool { return !slices.Contains(ops, b.g.Nodes[i].GetOpType()) })
}

// someValues are enough to see that a tensor is neither a mask nor zeros.
const someValues = 256

// all tells whether every element of a tensor is as it should be; false if the
// values are not known. The tensor is not read to its end if that is not
// needed.
func (b *buffers) all(stored string, is func(v float32) bool) bool {
	n := int(total(b.dims(stored)))
	for _, most := range []int{min(someValues, n), n} {
		values := b.read(stored, most)
		if len(values) != most || slices.ContainsFunc(values, func(v float32) bool { return !is(v) }) {
			return false
		}
	}
	return true
}

// mask is rule 3.
func (b *buffers) mask(stored string) bool {
	return b.only(stored, append([]string{"Concat"}, joining...)...) && b.masking(stored)
}

// masking reports whether the values of a tensor are those of a mask.
func (b *buffers) masking(stored string) bool {
	if values := b.read(stored, int(min(total(b.dims(stored)), math.MaxInt32))); slices.ContainsFunc(values, infinite) {
		return true
	}
	other, zeros := float32(0), false
	two := b.all(stored, func(v float32) bool {
		zeros = zeros || v == 0
		if other == 0 {
			other = v
		}
		return v == 0 || v == other
	})
	return two && zeros && other != 0 && wide(b.dims(stored)) >= 2
}

// infinite reports whether a number stands for an infinite one.
func infinite(v float32) bool {
	const least = 1e4 // some exporters write -10000
	return !(math.Abs(float64(v)) < least)
}

// biases are the inputs of operators that are added to what they compute.
var biases = map[string][]int{
	"Add": {0, 1}, "Conv": {2}, "ConvTranspose": {2}, "Gemm": {2}, "BatchNormalization": {2}, "LayerNormalization": {2},
	"InstanceNormalization": {2}, "GroupNormalization": {2},
}

// zeros is rule 4.
func (b *buffers) zeros(stored string) bool {
	concatenated := b.only(stored, "Concat")
	several := false
	for _, name := range b.names[stored] {
		several = several || len(b.reader[name]) > 1
		for _, i := range b.reader[name] {
			n := b.g.Nodes[i]
			for k, in := range n.GetInput() {
				if in == name && n.GetOpType() != "Concat" && !slices.Contains(biases[n.GetOpType()], k) {
					return false
				}
			}
		}
	}
	return (several || concatenated || b.within[stored]) && b.all(stored, func(v float32) bool { return v == 0 })
}

// looked reports whether a tensor is read as the table of which a Gather takes
// rows, and alone so, and holds no mask.
func (b *buffers) looked(stored string) bool {
	for _, name := range b.names[stored] {
		for _, i := range b.reader[name] {
			n := b.g.Nodes[i]
			c := &call{n: n}
			if n.GetOpType() != "Gather" || n.GetInput()[0] != name || c.integer("axis", 0) != 0 {
				return false
			}
		}
	}
	return !b.masking(stored)
}

// sharedTable is rule 5; added tells whether nothing else becomes of the table
// than a sum.
func (b *buffers) sharedTable(stored string) (shared, added bool) {
	if wide(b.dims(stored)) < 2 {
		return false, false
	}
	added = true
	least, most := math.MaxInt, -1 // of the depths at which it meets the flow
	seen := make(map[string]bool)
	// follow reports whether a tensor meets the flow by joining alone.
	var follow func(name string) bool
	follow = func(name string) bool {
		if seen[name] {
			return true
		}
		seen[name] = true
		if b.left--; b.left < 0 || slices.Contains(b.g.Outputs, name) {
			return false
		}
		b.left -= len(b.reader[name])
		for _, i := range b.reader[name] {
			n := b.g.Nodes[i]
			joins := slices.Contains(joining, n.GetOpType())
			added = added && (!joins || n.GetOpType() == "Add")
			meets := slices.ContainsFunc(n.GetOutput(), func(o string) bool { return b.main[o] })
			switch {
			case meets && joins:
				d := b.depth[n.GetOutput()[0]]
				least, most = min(least, d), max(most, d)
				continue
			case meets || !joins && !slices.Contains(placing, n.GetOpType()):
				return false
			}
			for _, o := range n.GetOutput() {
				if o != "" && !follow(o) {
					return false
				}
			}
		}
		return true
	}
	for _, name := range b.names[stored] {
		if !follow(name) {
			return false, false
		}
	}
	return most > least, added
}

// table is a stored tensor that may hold waves.
type table struct {
	stored        string
	rows, columns int
	first         []float32 // of its rows, as many as are looked at first
}

// tables returns the stored tensors that may hold waves: no element is more
// than
// 1. Most fail in the first rows.
func (b *buffers) tables(found map[string]bool) []table {
	const some = 8 // rows
	var all []table
	for _, stored := range sorted(b.names) {
		dims := b.dims(stored)
		if wide(dims) < 2 || found[stored] || dims[len(dims)-1] < 2 || total(dims) > math.MaxInt32 || !b.only(stored, append(slices.Clone(placing), joining...)...) {
			continue
		}
		t := table{stored: stored, columns: int(dims[len(dims)-1])}
		t.rows = int(total(dims)) / t.columns
		t.first = b.read(stored, min(t.rows, some)*t.columns)
		if t.first != nil && !slices.ContainsFunc(t.first, func(v float32) bool { return !(v >= -1.001 && v <= 1.001) }) {
			all = append(all, t)
		}
	}
	return all
}

// waves is rule 2, and adds what it finds.
func (b *buffers) waves(found map[string]bool) {
	tables := b.tables(found)
	for _, t := range tables {
		if unitPairs(t.first, t.columns) && unitPairs(b.read(t.stored, t.rows*t.columns), t.columns) {
			found[t.stored] = true
		}
	}
	for i, t := range tables {
		for _, u := range tables[i+1:] {
			if b.left--; b.left < 0 {
				return
			}
			if found[t.stored] || found[u.stored] || t.rows != u.rows || t.columns != u.columns || !unit(t.first, u.first) {
				continue
			}
			x, y := b.read(t.stored, t.rows*t.columns), b.read(u.stored, u.rows*u.columns)
			if len(x) == len(y) && varies(x) && unit(x, y) {
				found[t.stored], found[u.stored] = true, true
			}
		}
	}
}

// unit reports whether x² + y² is 1 everywhere, as float16 rounds it.
func unit(x, y []float32) bool {
	for i := range x {
		if d := float64(x[i])*float64(x[i]) + float64(y[i])*float64(y[i]) - 1; !(math.Abs(d) < 3e-3) {
			return false
		}
	}
	return true
}

// varies reports whether not all values are the same.
func varies(v []float32) bool {
	return slices.ContainsFunc(v, func(x float32) bool { return x != v[0] })
}

// unitPairs reports whether the columns of a table are sines and cosines: next
// to each other, or in halves or quarters. A row of zeros, such as that of a
// class token, is neither.
func unitPairs(v []float32, columns int) bool {
	for _, apart := range []int{1, columns / 2, columns / 4} {
		if apart < 1 || columns%(2*apart) != 0 {
			continue
		}
		pairs, rows := true, 0
		for row := range slices.Chunk(v, columns) {
			if !slices.ContainsFunc(row, func(x float32) bool { return x != 0 }) {
				continue
			}
			rows++
			for k := 0; k < columns && pairs; k += 2 * apart {
				pairs = unit(row[k:k+apart], row[k+apart:k+2*apart])
			}
			if !pairs {
				break
			}
		}
		if pairs && rows > 1 && varies(v) {
			return true
		}
	}
	return false
}

// buffersOf looks for the buffers of a folded graph.
func (f *folder) buffersOf() (found, asides map[string]bool) {
	protos := make(map[string]*pb.TensorProto)
	for _, c := range f.constants {
		if c.stored != nil {
			protos[c.name] = c.stored
		}
	}
	return findBuffers(f.g, func(stored string, most int) []float32 { return firstFloats(protos[stored], most) }, f.within)
}

// firstFloats returns the first values of a stored float tensor, at most most
// of them; nil where they are not in the model.
func firstFloats(t *pb.TensorProto, most int) []float32 {
	if t == nil || t.GetDataLocation() == pb.TensorProto_EXTERNAL {
		return nil
	}
	n := min(total(t.GetDims()), int64(most))
	part := shallow(t)
	part.Dims = []int64{n}
	if t.RawData != nil {
		part.RawData = t.RawData[:n*storages[pb.TensorProto_DataType(t.GetDataType())].bits/8]
	} else {
		part.FloatData, part.DoubleData, part.Int32Data = head(t.FloatData, n), head(t.DoubleData, n), head(t.Int32Data, n)
	}
	v, err := readTensor(part)
	if err != nil {
		return nil
	}
	return v.F32
}

// head returns the first n elements, or all if there are fewer.
func head[T any](v []T, n int64) []T { return v[:min(int64(len(v)), n)] }

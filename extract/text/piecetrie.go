package text

import (
	"maps"
	"slices"
)

// A pieceTrie finds the pieces with which a text begins. Its root is node 0.
type pieceTrie struct {
	nodes  []trieNode
	labels []byte  // of the edges: those of a node in a row, in order
	tables []int32 // of nodes with many edges, 256 each: the child by byte; −1: none
}

// A trieNode is a node. Its children lie in a row, as its edges do.
type trieNode struct {
	child int32 // the first one
	edge  int32 // the first one; for a node with many, where its table begins
	n     int16 // of edges; −1: they are in a table
	id    int32 // of the piece that ends here; −1: none does
}

func newPieceTrie(ids map[string]int32) pieceTrie {
	const many = 12
	pieces := slices.Sorted(maps.Keys(ids))
	// A stretch is the pieces that go on from a node.
	type stretch struct{ lo, hi, depth int }
	t := pieceTrie{nodes: []trieNode{{id: -1}}}
	todo := []stretch{{0, len(pieces), 0}} // by node
	for i := 0; i < len(todo); i++ {
		lo, hi, depth := todo[i].lo, todo[i].hi, todo[i].depth
		if lo < hi && len(pieces[lo]) == depth {
			t.nodes[i].id = ids[pieces[lo]]
			lo++
		}
		n := &t.nodes[i]
		n.child, n.edge = int32(len(t.nodes)), int32(len(t.labels))
		first := len(t.labels)
		for lo < hi {
			b := pieces[lo][depth]
			end := lo + 1
			for end < hi && pieces[end][depth] == b {
				end++
			}
			t.labels = append(t.labels, b)
			t.nodes = append(t.nodes, trieNode{id: -1})
			todo = append(todo, stretch{lo, end, depth + 1})
			lo = end
		}
		n = &t.nodes[i]
		labels := t.labels[first:]
		if n.n = int16(len(labels)); len(labels) < many {
			continue
		}
		n.n, n.edge = -1, int32(len(t.tables))
		for range 256 {
			t.tables = append(t.tables, -1)
		}
		for k, b := range labels {
			t.tables[int(n.edge)+int(b)] = n.child + int32(k)
		}
		t.labels = t.labels[:first]
	}
	return t
}

// next returns the child of a node by a byte, −1 if there is none.
func (t *pieceTrie) next(node int32, b byte) int32 {
	n := &t.nodes[node]
	if n.n < 0 {
		return t.tables[n.edge+int32(b)]
	}
	for k, label := range t.labels[n.edge : n.edge+int32(n.n)] {
		if label == b {
			return n.child + int32(k)
		}
	}
	return -1
}

package parquet

import (
	"errors"
	"fmt"
	"strings"

	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/format"
)

// Node is a column, or a group of columns: a struct, a list, a map.
type Node struct {
	Name     string
	Children []*Node // of a group; a column has none

	Optional bool // it may be null
	Repeated bool // it stands any number of times in its parent

	Type   format.Type // of a column
	Length int         // bytes of a value of type FIXED_LEN_BYTE_ARRAY

	// Definition and Repetition are the levels of a value that is there, and of
	// one that goes on with the innermost list: how many of the nodes on the
	// way to it, itself among them, may be absent, and are repeated.
	Definition, Repetition int

	element *format.SchemaElement
	path    []string
}

// maxNesting is how deep nodes may stand in each other.
const maxNesting = 64

// newSchema makes a tree of the nodes, which the file lists depth first.
func newSchema(elements []format.SchemaElement) (*Node, error) {
	if len(elements) == 0 {
		return new(Node), nil
	}
	rest := elements[1:]
	root := &Node{element: &elements[0]}
	if err := root.adopt(&rest, int(elements[0].NumChildren.V)); err != nil {
		return nil, err
	}
	if len(rest) > 0 {
		return nil, errors.New("a schema that holds more than its columns")
	}
	return root, nil
}

// adopt takes the next n nodes, with all that is below them, as children.
func (p *Node) adopt(rest *[]format.SchemaElement, n int) error {
	if len(p.path) > maxNesting {
		return fmt.Errorf("columns nested deeper than %d", maxNesting)
	}
	if n < 0 || n > len(*rest) {
		return errors.New("a schema that holds fewer columns than it says")
	}
	for range n {
		if len(*rest) == 0 {
			return errors.New("a schema that holds fewer columns than it says")
		}
		e := &(*rest)[0]
		*rest = (*rest)[1:]
		c := &Node{
			Name: e.Name, element: e, path: append(p.path[:len(p.path):len(p.path)], e.Name),
			Definition: p.Definition, Repetition: p.Repetition,
			Optional: e.RepetitionType.V == format.Optional, Repeated: e.RepetitionType.V == format.Repeated,
			Type: e.Type.V, Length: int(e.TypeLength.V),
		}
		if c.Optional || c.Repeated {
			c.Definition++
		}
		if c.Repeated {
			c.Repetition++
		}
		if c.Group() {
			if err := c.adopt(rest, int(e.NumChildren.V)); err != nil {
				return err
			}
		} else if c.Type == format.FixedLenByteArray && c.Length <= 0 {
			return fmt.Errorf("column %q of values of %d bytes", c.Name, c.Length)
		}
		p.Children = append(p.Children, c)
	}
	return nil
}

// Group says whether n holds other columns and no values.
func (n *Node) Group() bool {
	e := n.element
	return e.NumChildren.Valid && (e.NumChildren.V != 0 || !e.Type.Valid)
}

// Child returns the child of that name; nil if there is none.
func (n *Node) Child(name string) *Node {
	for _, c := range n.Children {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// converted says whether n has that annotation, as older files write it.
func (n *Node) converted(t deprecated.ConvertedType) bool {
	return n.element.ConvertedType.Valid && n.element.ConvertedType.V == t
}

// String says whether the values of a column are texts, and not just bytes.
func (n *Node) String() bool {
	switch n.element.LogicalType.Value.(type) {
	case *format.StringType, *format.EnumType, *format.JsonType:
		return true
	}
	return n.converted(deprecated.UTF8) || n.converted(deprecated.Enum) || n.converted(deprecated.Json)
}

// Plain says whether the bytes of a column of type BYTE_ARRAY are what it
// holds, and not a decimal, say, that they stand for.
func (n *Node) Plain() bool {
	return n.Type == format.ByteArray && (n.String() || n.element.LogicalType.Value == nil && !n.element.ConvertedType.Valid)
}

// Integer says whether n is a column of integers, of 32 or 64 bits.
func (n *Node) Integer() bool {
	return !n.Group() && (n.Type == format.Int32 || n.Type == format.Int64)
}

// List returns the node of a list's elements, where n is a list or a column
// that is repeated, and nil where it is none
// (https://github.com/apache/parquet-format/blob/master/LogicalTypes.md#lists).
func (n *Node) List() *Node {
	if n.Repeated {
		return n
	}
	_, list := n.element.LogicalType.Value.(*format.ListType)
	if !(list || n.converted(deprecated.List)) || len(n.Children) != 1 || !n.Children[0].Repeated {
		return nil
	}
	inner := n.Children[0]
	// Of three levels, the middle one is a group of one column; in files of two
	// levels the repeated node is the element itself.
	if inner.Group() && len(inner.Children) == 1 && inner.Name != "array" && inner.Name != n.Name+"_tuple" {
		return inner.Children[0]
	}
	return inner
}

// TypeName names what a column holds in messages, such as "OPTIONAL INT32".
func (n *Node) TypeName() string {
	repetition := n.element.RepetitionType.V.String()
	if n.Group() {
		return repetition + " group"
	}
	return repetition + " " + TypeName(n.Type, n.Length)
}

// TypeName names a type, of which values have length bytes if that is one of
// fixed length.
func TypeName(t format.Type, length int) string {
	if t == format.FixedLenByteArray {
		return fmt.Sprintf("%s(%d)", t, length)
	}
	return t.String()
}

// dotted names a column with what it stands in.
func (n *Node) dotted() string { return strings.Join(n.path, ".") }

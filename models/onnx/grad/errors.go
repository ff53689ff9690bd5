package grad

import (
	"errors"
	"fmt"
	"strings"
)

// Errors of Build, for errors.Is. Details are in the structs of this file.
var (
	ErrUnsupported = errors.New("no gradient for an operator")
	ErrCut         = errors.New("the graph cannot be cut there")
)

// UnsupportedError says which node has no gradient.
type UnsupportedError struct {
	Node     string // its name, or its first output if it has none
	Operator string // with the domain in front if it is not a standard one
	Reason   string // "" if there is no rule for the operator at all
	Cut      string // the first tensor behind the node at which the graph can be cut; "" if there is none
}

func (e *UnsupportedError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "grad: node %s: ", quote(e.Node))
	cut := "; cut at %s or later"
	switch {
	case Quantised(e.Operator):
		fmt.Fprintf(&b, "%s works on quantised values, which have no gradient", e.Operator)
		cut = "; take the float32 file of the model, or cut at %s or later"
	case e.Reason == "":
		fmt.Fprintf(&b, "there is no gradient for operator %s", e.Operator)
	default:
		fmt.Fprintf(&b, "%s: %s", e.Operator, e.Reason)
	}
	switch {
	case e.Cut != "":
		fmt.Fprintf(&b, cut, quote(e.Cut))
	case Quantised(e.Operator):
		b.WriteString("; take the float32 file of the model, or train a head on the features alone")
	default:
		b.WriteString("; only a head on the features can be trained")
	}
	return b.String()
}

// Quantised tells whether an operator works on whole numbers that stand for
// others.
func Quantised(operator string) bool {
	return strings.Contains(operator, "Quantize") || strings.HasPrefix(operator, "QLinear") ||
		operator == "MatMulInteger" || operator == "ConvInteger"
}

func (e *UnsupportedError) Unwrap() error { return ErrUnsupported }

// CutError says why a graph cannot be cut at a tensor.
type CutError struct {
	Cut     string
	Reason  string
	Nearest string // a tensor at which the graph can be cut, the first behind Cut; "" if none is known
}

func (e *CutError) Error() string {
	s := fmt.Sprintf("grad: cut %s: %s", quote(e.Cut), e.Reason)
	if e.Nearest != "" {
		s += "; cut at " + quote(e.Nearest) + " instead"
	}
	return s
}

func (e *CutError) Unwrap() error { return ErrCut }

// quote quotes a name for a message; names in a hostile file may be long.
func quote(s string) string {
	const most = 100
	if len(s) > most {
		return fmt.Sprintf("%q…", s[:most])
	}
	return fmt.Sprintf("%q", s)
}

package head

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Kind is a kind of head.
type Kind struct {
	Name string
	// About is what a name stands for; "" where it is the usual one.
	About string
	Task  Task
	// Scaled says that the scores of a fit are logits of probabilities by
	// themselves. Else they need a temperature before they are.
	Scaled bool
	// Params names what fits can be told: L2, Shrinkage.
	Params []string
}

// Kinds are the kinds of heads that there are; package fit has a family that
// fits each. The first one of a task is its default.
var Kinds = []Kind{
	{Name: "softmax", Scaled: true, Params: []string{L2}},
	{Name: "ncm", About: "nearest class mean"},
	{Name: "ridge", About: "linear regression with targets of ±1, in closed form", Params: []string{L2}},
	{Name: "lda", About: "linear discriminant analysis with shrinkage, in closed form", Params: []string{Shrinkage}},
	{Name: "lda+softmax", About: "softmax in the space of linear discriminants", Scaled: true, Params: []string{L2, Shrinkage}},
	{Name: "knn", About: "votes of the 20 nearest samples; the head keeps all of them", Scaled: true},
	{Name: "mlp", About: "multilayer perceptron, with one or two hidden layers", Scaled: true},

	// Of other tasks than OneOf.
	{Name: "logistic", About: "any of several labels", Task: AnyOf, Scaled: true, Params: []string{L2}},
	{Name: "linear", About: "numbers", Task: Number, Params: []string{L2}},
	{Name: "ordinal", About: "grades, which have an order", Task: Grade, Scaled: true, Params: []string{L2}},
}

// KindOf returns the kind of that name, nil if there is none.
func KindOf(name string) *Kind {
	for i := range Kinds {
		if Kinds[i].Name == name {
			return &Kinds[i]
		}
	}
	return nil
}

// KindNames lists the names of Kinds.
func KindNames() []string {
	var names []string
	for _, k := range Kinds {
		names = append(names, k.Name)
	}
	return names
}

// KindsOf lists the names of the kinds of heads for a task.
func KindsOf(t Task) []string {
	var names []string
	for _, k := range Kinds {
		if k.Task == t {
			names = append(names, k.Name)
		}
	}
	return names
}

// Names of parameters of fits.
const (
	// L2 is λ, the strength of λ/2·‖W‖² beside the mean loss.
	L2 = "l2"
	// NeighbourCount is how many rows vote, VoteTemperature is T of their votes
	// exp(cosine/T).
	NeighbourCount, VoteTemperature = "neighbours", "vote temperature"
	// Shrinkage is the share s of (1−s)·Σ + s·tr(Σ)/D·I that a covariance Σ
	// gives up.
	Shrinkage = "shrinkage"
)

// Param is a number that a fit was given.
type Param struct {
	Name  string
	Value float64
}

// String names the parameter and its value.
func (p Param) String() string {
	if p.Name == L2 {
		return fmt.Sprintf("λ = %.3g", p.Value)
	}
	return fmt.Sprintf("%s %.3g", p.Name, p.Value)
}

// Params are what a fit was given, in the order of its family: first the one
// along which a path goes.
type Params []Param

// Beside returns the parameters but for λ, nil if there are none.
func (p Params) Beside() Params {
	var out Params
	for _, q := range p {
		if q.Name != L2 {
			out = append(out, q)
		}
	}
	return out
}

// MarshalJSON writes an object of numbers by name, in their order.
func (p Params) MarshalJSON() ([]byte, error) {
	out := []byte{'{'}
	for i, q := range p {
		name, err := json.Marshal(q.Name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(q.Value)
		if err != nil {
			return nil, fmt.Errorf("head: parameter %q: %w", q.Name, err)
		}
		if i > 0 {
			out = append(out, ',')
		}
		out = append(append(append(out, name...), ':'), value...)
	}
	return append(out, '}'), nil
}

// UnmarshalJSON reads what MarshalJSON writes.
func (p *Params) UnmarshalJSON(data []byte) error {
	d := json.NewDecoder(bytes.NewReader(data))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return fmt.Errorf("head: parameters are no JSON object")
	}
	*p = nil
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		q := Param{Name: name.(string)}
		if err := d.Decode(&q.Value); err != nil {
			return fmt.Errorf("head: parameter %q: %w", q.Name, err)
		}
		*p = append(*p, q)
	}
	return nil
}

// Value returns the parameter of that name, 0 if it is not among them.
func (p Params) Value(name string) float64 {
	for _, q := range p {
		if q.Name == name {
			return q.Value
		}
	}
	return 0
}

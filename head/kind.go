package head

import "fmt"

// Task is what a head answers.
type Task int

// OneOf is the task of one class out of several: the scores are logits, and the
// answer is the class of the largest one (the first of equal ones).
const OneOf Task = iota

// String returns the name of the task.
func (t Task) String() string {
	if t == OneOf {
		return "one of several classes"
	}
	return fmt.Sprintf("task %d", int(t))
}

// Kind is a kind of head.
type Kind struct {
	Name string
	// About is what a name stands for; "" where it is the usual one.
	About string
	Task  Task
	// Scaled says that the scores of a fit are logits of probabilities by
	// themselves. Else they need a temperature before they are.
	Scaled bool
}

// Kinds are the kinds of heads that there are; package fit has a family that
// fits each. The first is the default.
var Kinds = []Kind{
	{Name: "softmax", Scaled: true},
	{Name: "ncm", About: "nearest class mean"},
	{Name: "ridge", About: "linear regression with targets of ±1, in closed form"},
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

// L2 is the name of λ, the strength of λ/2·‖W‖² beside the mean loss.
const L2 = "l2"

// Param is a number that a fit was given.
type Param struct {
	Name  string
	Value float64
}

// Params are what a fit was given, in the order of its family.
type Params []Param

// Value returns the parameter of that name, 0 if it is not among them.
func (p Params) Value(name string) float64 {
	for _, q := range p {
		if q.Name == name {
			return q.Value
		}
	}
	return 0
}

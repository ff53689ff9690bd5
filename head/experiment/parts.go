package experiment

import "fmt"

// Parts holds the numbers of the rows of each part, ascending.
type Parts struct{ Train, Validation, Test []int }

// part is one of Parts.
type part int

const (
	trainPart part = iota
	validationPart
	testPart
)

// String is what a part is called in messages.
func (p part) String() string {
	return [...]string{"training part", "validation part", "test part"}[p]
}

// of returns the rows of a part.
func (p *Parts) of(which part) *[]int {
	return [...]*[]int{&p.Train, &p.Validation, &p.Test}[which]
}

// partOf returns which part a split's name means.
func partOf(name string) (part, error) {
	switch name {
	case "train":
		return trainPart, nil
	case "validation", "valid", "val", "dev":
		return validationPart, nil
	case "test":
		return testPart, nil
	}
	return 0, fmt.Errorf("split %q is none of train, validation (valid, val, dev) and test", name)
}

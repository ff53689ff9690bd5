package study

import "fmt"

// TaskError says that samples have several labels each, so that there are no
// classes to spread over subsets.
type TaskError struct{}

func (*TaskError) Error() string {
	return "study: samples have several labels each; a study takes one class a sample"
}

// TooFewError says that there are too few samples for a curve.
type TooFewError struct {
	// Train is how many samples there are to train on, and Needed how many it
	// takes, besides those that are tested.
	Train, Needed int
	// Labelled is how many labelled samples are needed in all, the tested ones
	// included; 0 where data have a test split.
	Labelled int
	// Smallest is the size of the smallest subset, of that many Classes.
	Smallest, Classes int
}

func (e *TooFewError) Error() string {
	return fmt.Sprintf("study: %d training samples of %d classes are too few for a curve: %d sizes from %d samples on, each √2 times the one before it, take %d", e.Train, e.Classes, MinSizes, e.Smallest, e.Needed)
}

// ClassesError says that samples are of fewer than two classes.
type ClassesError struct {
	Rows  int
	Class string // of all of them; "" if none has a label
}

func (e *ClassesError) Error() string {
	if e.Class == "" {
		return fmt.Sprintf("study: none of %d samples has a label", e.Rows)
	}
	return fmt.Sprintf("study: all labelled samples are of class %q; at least two classes are needed", e.Class)
}

// OneUnitError says that all samples belong together, so that none can be
// tested apart from those that are trained on.
type OneUnitError struct {
	Rows  int
	Group string // whose they are; "": they are of one content
}

func (e *OneUnitError) Error() string {
	if e.Group != "" {
		return fmt.Sprintf("study: all %d labelled samples are of one group, %q: none can be tested apart from it", e.Rows, e.Group)
	}
	return fmt.Sprintf("study: all %d labelled samples have the same content: none can be tested apart from it", e.Rows)
}

// NothingError says that no depth could be trained often enough for a curve.
type NothingError struct {
	Depth string // the simplest one
	Err   error  // why; nil: the budget allows too little
	// Skipped are what was left out.
	Skipped []Skipped
}

func (e *NothingError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("study: %s: nothing could be trained: %v", e.Depth, e.Err)
	}
	return fmt.Sprintf("study: %s: nothing was trained", e.Depth)
}

func (e *NothingError) Unwrap() error { return e.Err }

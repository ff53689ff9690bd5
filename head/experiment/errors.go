package experiment

import (
	"fmt"

	"github.com/headstart-ml/headstart/head/fit"
)

// LabelsError says that no row can be learnt from: none has a label or, in data
// that have splits, a label and a split.
type LabelsError struct{ Rows int }

func (e *LabelsError) Error() string {
	return fmt.Sprintf("head: data: none of %d samples has a label (and a split)", e.Rows)
}

// FoldsError says that there are not enough units to deal into folds.
type FoldsError struct {
	// Place is the rows that are dealt, "" for all.
	Place string
	// Test says that the folds are those of a cross-validation of the whole
	// procedure. Else they select and calibrate.
	Test bool
	// Folds were asked for, and there are Units; at least 2 are needed.
	Folds, Units int
	// Together says what a unit is, in the singular: what stays in one fold.
	Together string
}

func (e *FoldsError) Error() string {
	place := e.Place
	if place == "" {
		place = "data"
	}
	if e.Units < 2 {
		return fmt.Sprintf("head: %s: there is only %s, which cannot be dealt into folds", place, counted(e.Units, e.Together))
	}
	return fmt.Sprintf("head: %s: there are only %s, too few for %d folds", place, counted(e.Units, e.Together), e.Folds)
}

// GroupsError says that groups were to stay together, and no row has one.
type GroupsError struct{}

func (*GroupsError) Error() string { return "head: data: no sample has a group to stay together with" }

// SplitsError says that a split was asked for of data that have splits of their
// own.
type SplitsError struct{}

func (*SplitsError) Error() string {
	return "head: data: the data have splits of their own, and are to be split anew"
}

// EmptyError says that no row is left in the training part.
type EmptyError struct {
	Units    int
	Together string
}

func (e *EmptyError) Error() string {
	return fmt.Sprintf("head: split: of %s none falls into the training part", counted(e.Units, e.Together))
}

// ClassWeightError says which weight of a class cannot be used.
type ClassWeightError struct {
	Class string
	// Other is the class whose weight is too far from Class's, "" if it is the
	// weight by itself.
	Other string
	Err   error
}

func (e *ClassWeightError) Error() string {
	if e.Other != "" {
		return fmt.Sprintf("head: class weights of %q and %q: %v", e.Other, e.Class, e.Err)
	}
	return fmt.Sprintf("head: class weight of %q: %v", e.Class, e.Err)
}

func (e *ClassWeightError) Unwrap() error { return e.Err }

// Those of fits that a caller may want to tell apart.
type (
	// ClassesError says that a part has rows of fewer than two classes.
	ClassesError = fit.ClassesError
	// FeaturesError says that rows have more features than a family takes.
	FeaturesError = fit.FeaturesError
)

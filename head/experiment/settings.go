package experiment

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/fit"
	"github.com/headstart-ml/headstart/head/measure"
)

// Settings says how Train works. The zero value, and nil, mean the defaults.
type Settings struct {
	// Kind is the name of one of head.Kinds, or "auto", which compares those
	// for the task OneOf on Metric, all but perceptrons, which take many times
	// as long (fit.Entry.Apart). The default "" means the first of head.Kinds.
	// For another task than OneOf, probabilities are not calibrated, all
	// classes weigh the same, and Shots is for Grade alone.
	Kind string
	// Budget is about how long "auto" may take: kinds of heads are left out
	// that would not go into it, by an estimate from the sizes of the data, of
	// one core that does 20 billion operations a second. No clock is read, so
	// that the same data give the same head on any machine; more and faster
	// cores take less. The default 0 means DefaultBudget.
	Budget time.Duration
	// Grades are the grades of a head for the task Grade, from the lowest to
	// the highest. The default nil takes labels that are numbers, in their
	// order.
	Grades []string
	// L2PerLabel selects a λ for each label of AnyOf, by the log-loss of its
	// own out-of-fold predictions, in the place of one for all by Metric.
	L2PerLabel bool
	// From is an earlier head of the same features, at whose weights fits by
	// iteration begin, those of softmax heads: they end where they would have,
	// within Tolerance, in fewer passes. Fits that are measured afterwards on
	// rows that From has seen begin at zero, as do those that select.
	From *head.Head
	// Seen tells of a row of the data, by its number, whether From was fitted
	// on it; nil: it was on all.
	Seen func(row int) bool
	// L2 is λ of heads that have one, > 0. The default 0 selects it on a path
	// of L2Points strengths from 10 to 1e-6 (of ridge: 1000 to 1e-4), evenly
	// spaced in logarithm, by cross-validation with Folds folds inside the
	// training part.
	L2 float64
	// L2Average averages the logits of the heads of all strengths on the path,
	// weighted by the likelihood of their out-of-fold predictions, instead of
	// choosing one strength. It costs a fit for each that is nearly as likely
	// as the best.
	L2Average bool
	// L2Points is the number of strengths on the path, at least 2. The default
	// 0 means 30.
	L2Points int
	// Shrinkage is that of the covariance of kinds that have one, over 0 and at
	// most 1. The default 0 selects it on a path of at most 13 (L2Points, if
	// those are fewer) from 1 to 1e-4, as L2 is.
	Shrinkage float64
	// MLP says how perceptrons are fitted. Its Seed is 0: Seed drives their
	// choices, too.
	MLP fit.MLP
	// Folds is the number of folds that select and calibrate, at least 2. The
	// default 0 means 5, or as many as there are units where there are fewer,
	// which a warning says.
	Folds int
	// Tolerance is the relative gap to the optimum at which the fit of what was
	// selected stops, between 0 and 1; fits along the path stop at 1e-3, or at
	// Tolerance if that is coarser. The default 0 means 1e-4.
	Tolerance float64
	// Metric is what the selection depends on, one of measure.ScoreNamesOf; of
	// the task OneOf "accuracy" (default ""), "macro-f1" or "log-loss". The
	// default is the first of them. Ties go to the larger λ.
	Metric string
	// CV tests by cross-validation of the whole procedure with this many folds,
	// at least 2, instead of one held-out part; splits of the data's own are
	// then not used. The default 0 means 5 for fewer than 2,000 labelled rows
	// without splits (fewer where there are fewer units, which a warning says),
	// and otherwise one held-out part.
	CV int
	// Split says which share of the units goes to which part, by a stable hash.
	// The default nil means 0.6, 0.2 and 0.2 where neither CV nor splits in the
	// data say otherwise.
	Split *Split
	// Shots is the number of training rows of each class that are fitted on at
	// most, drawn by the seed; the other rows of the training part take no
	// part. It needs held-out parts: Split or the data's own, else the default
	// split is taken. The default 0 means all.
	Shots int
	// By says what stays together besides rows of equal content: "group",
	// "none", or "auto" (default ""), the group where there is one.
	By string
	// ClassWeight is "none" (default ""), "balanced" (each class weighs the
	// same in all) or "map", which takes ClassWeights. Weights are scaled to
	// mean 1 over the rows of each fit.
	ClassWeight string
	// ClassWeights holds the weight of each class, finite and > 0, for
	// ClassWeight "map". Two of them differ by a factor of at most 10¹⁵.
	ClassWeights map[string]float64
	// NoStandardize leaves the features as they are. The default subtracts each
	// feature's mean and divides by its population standard deviation on the
	// rows of the fit; a feature that is constant, or varies by less than
	// float32 can tell, has scale 1.
	NoStandardize bool
	// L2Normalize divides each row by its Euclidean length before anything
	// else; a row of zeros stays one.
	L2Normalize bool
	// NoRefit returns the head that was fitted on the training part. The
	// default fits it again, with what was selected, on training and validation
	// part together.
	NoRefit bool
	// Calibrate is "temperature" (default ""), "vector", which gives each class
	// a scale and a shift of its own beside it, "auto", which takes that where
	// it is better by more than chance, cross-fitted over the rows that it is
	// fitted on, or "none". They are fitted on the validation part, or without
	// one on out-of-fold logits.
	Calibrate string
	// Prior says for which frequencies of the classes probabilities are:
	// "keep" (default ""), those that the fit has learnt, class weights
	// included; "data", those of the training rows, whatever their classes
	// weigh; "uniform", all alike; "map", those in Priors. Selection does not
	// depend on it.
	Prior string
	// Priors holds the frequency of each class, positive, for Prior "map". They
	// need not add up to 1.
	Priors map[string]float64
	// Reject is the share of right answers that is wanted, between 0 and 1: the
	// head is unsure where its probability is under the one from which on so
	// many were right. It is taken from the rows that calibrate. The default 0
	// answers every row.
	Reject float64
	// Thresholds is the same by class; nil: there are none. It does not go with
	// Reject.
	Thresholds *Thresholds
	// Seed drives every random choice. The default is 0.
	Seed uint64
	// Repeat runs everything with this many seeds, from Seed on, and reports
	// the spread; the head and all else comes from the first. The default 0
	// means 1.
	Repeat int
	// Threads is the number of goroutines that compute. The default 0 means
	// runtime.GOMAXPROCS(0). It changes no bit of the result.
	Threads int
	// Memory is the size, in bytes, up to which the features are held in
	// memory; larger ones are read again in each pass. The default 0 means 2
	// GiB.
	Memory int64
	// Progress, if it is not nil, is called from one goroutine at a time, with
	// the number of fits that are done and the number of all fits.
	Progress func(done, total int)
}

// Split is the share of the units that goes to each part. The shares are not
// negative and add up to 1; Train is positive.
type Split struct{ Train, Validation, Test float64 }

// check tells what is wrong with the settings.
func (s *Settings) check() error {
	oneOf := func(name, value string, allowed ...string) error {
		if value == "" || slices.Contains(allowed, value) {
			return nil
		}
		return fmt.Errorf("head: settings: %s %q is none of %s", name, value, strings.Join(allowed, ", "))
	}
	for _, err := range []error{
		oneOf("head", s.Kind, append(head.KindNames(), "auto")...),
		oneOf("metric", s.Metric, measure.ScoreNamesOf(s.task())...),
		oneOf("by", s.By, "auto", "group", "none"),
		oneOf("class weight", s.ClassWeight, "none", "balanced", "map"),
		oneOf("calibrate", s.Calibrate, "temperature", "vector", "auto", "none"),
		oneOf("prior", s.Prior, "keep", "data", "uniform", "map"),
	} {
		if err != nil {
			return err
		}
	}
	if err := s.checkTask(); err != nil {
		return err
	}
	switch {
	case s.L2 != 0 && s.L2Average:
		return fmt.Errorf("head: settings: λ is %v, and strengths are to be averaged", s.L2)
	case s.L2 != 0 && !(s.L2 > 0 && s.L2 <= math.MaxFloat64):
		return fmt.Errorf("head: settings: λ is %v, it must be positive", s.L2)
	case s.Shrinkage != 0 && !(s.Shrinkage > 0 && s.Shrinkage <= 1):
		return fmt.Errorf("head: settings: shrinkage %v does not lie over 0 and at most at 1", s.Shrinkage)
	case s.Budget < 0:
		return fmt.Errorf("head: settings: a budget of %v", s.Budget)
	case s.L2Points < 0 || s.L2Points == 1:
		return fmt.Errorf("head: settings: %d strengths on the path of λ, at least 2 are needed", s.L2Points)
	case s.Folds < 0 || s.Folds == 1:
		return fmt.Errorf("head: settings: %d folds, at least 2 are needed", s.Folds)
	case s.CV < 0 || s.CV == 1:
		return fmt.Errorf("head: settings: cross-validation with %d folds, at least 2 are needed", s.CV)
	case s.Shots < 0:
		return fmt.Errorf("head: settings: %d shots", s.Shots)
	case s.CV > 0 && s.Shots > 0:
		return fmt.Errorf("head: settings: shots are taken from a training part; cross-validation has none")
	case s.CV > 0 && s.Split != nil:
		return fmt.Errorf("head: settings: both a cross-validation and a split say how to test")
	case s.Tolerance != 0 && !(s.Tolerance > 0 && s.Tolerance < 1):
		return fmt.Errorf("head: settings: tolerance %v is not between 0 and 1", s.Tolerance)
	case s.Reject != 0 && !(s.Reject > 0 && s.Reject < 1):
		return fmt.Errorf("head: settings: reject: a share of right answers of %v, which is not between 0 and 1", s.Reject)
	case s.Reject != 0 && s.Thresholds != nil:
		return fmt.Errorf("head: settings: both a common threshold and thresholds by class say when a head is unsure")
	case s.Thresholds != nil && !s.Thresholds.good():
		return fmt.Errorf("head: settings: thresholds for precision %v and recall %v: one of them lies between 0 and 1", s.Thresholds.Precision, s.Thresholds.Recall)
	case s.Repeat < 0 || s.Threads < 0 || s.Memory < 0:
		return fmt.Errorf("head: settings: repeat %d, threads %d and memory %d must not be negative", s.Repeat, s.Threads, s.Memory)
	case (s.ClassWeight == "map") != (s.ClassWeights != nil):
		return fmt.Errorf("head: settings: class weight %q with weights for %d classes; weights go with \"map\"", s.ClassWeight, len(s.ClassWeights))
	}
	if err := s.checkPrior(); err != nil {
		return err
	}
	if err := s.MLP.Check(); err != nil {
		return fmt.Errorf("head: settings: %w", err)
	}
	if s.MLP.Seed != 0 {
		return fmt.Errorf("head: settings: seed %d of perceptrons; the seed of all is that of the settings", s.MLP.Seed)
	}
	if _, err := s.classWeights(slices.Sorted(maps.Keys(s.ClassWeights))); err != nil {
		return err
	}
	if p := s.Split; p != nil {
		if !(p.Train > 0 && p.Validation >= 0 && p.Test >= 0 && math.Abs(p.Train+p.Validation+p.Test-1) <= 1e-9) {
			return fmt.Errorf("head: settings: split train=%v validation=%v test=%v: shares must not be negative, train positive, and their sum 1", p.Train, p.Validation, p.Test)
		}
	}
	return nil
}

// task is that of Kind.
func (s *Settings) task() head.Task {
	if k := head.KindOf(s.Kind); k != nil {
		return k.Task
	}
	return head.OneOf
}

// checkTask tells which settings are none of the task.
func (s *Settings) checkTask() error {
	task := s.task()
	switch {
	case task != head.OneOf && s.ClassWeight != "" && s.ClassWeight != "none":
		return fmt.Errorf("head: settings: class weights of a head for %v; it has none", task)
	case task != head.OneOf && (s.Reject != 0 || s.Thresholds != nil || s.Prior != "" && s.Prior != "keep"):
		return fmt.Errorf("head: settings: thresholds, or a prior, of a head for %v; those are for one of several classes", task)
	case task != head.OneOf && s.L2Average:
		return fmt.Errorf("head: settings: strengths are to be averaged of a head for %v; that is for one of several classes", task)
	case task != head.OneOf && (s.Calibrate == "vector" || s.Calibrate == "auto"):
		return fmt.Errorf("head: settings: calibrate %q of a head for %v; that is for one of several classes", s.Calibrate, task)
	case s.Shots > 0 && !task.OneLabel():
		return fmt.Errorf("head: settings: shots of a head for %v, whose samples have no class", task)
	case s.Grades != nil && task != head.Grade:
		return fmt.Errorf("head: settings: grades of a head for %v", task)
	case s.Grades != nil && len(s.Grades) < 2:
		return fmt.Errorf("head: settings: %d grades, at least 2 are needed", len(s.Grades))
	case s.L2PerLabel && task != head.AnyOf:
		return fmt.Errorf("head: settings: a λ for each label of a head for %v", task)
	case s.L2PerLabel && s.L2 != 0:
		return fmt.Errorf("head: settings: a λ for each label, and one for all")
	}
	return nil
}

// classWeights returns the weights of classes, scaled so that their sums do not
// overflow.
func (s *Settings) classWeights(classes []string) ([]float64, error) {
	if s.ClassWeights == nil {
		return nil, nil
	}
	weights := make([]float64, len(classes))
	for i, name := range classes {
		weights[i] = s.ClassWeights[name]
	}
	scaled, err := fit.ScaleWeights(weights, true)
	var bad *fit.WeightError
	if errors.As(err, &bad) {
		e := &ClassWeightError{Class: classes[bad.Most], Err: err}
		if bad.Least >= 0 {
			e.Other = classes[bad.Least]
		}
		return nil, e
	}
	return scaled, err
}

// good reports whether one share is wanted.
func (t *Thresholds) good() bool {
	return (t.Precision == 0) != (t.Recall == 0) && t.Precision+t.Recall > 0 && t.Precision+t.Recall < 1
}

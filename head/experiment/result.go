package experiment

import (
	"encoding/json"

	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/measure"
)

// Result is what Train found out. It is plain data, and deterministic: no times
// are in it.
type Result struct {
	// Kind is that of the head that was chosen.
	Kind string `json:"type"`
	// Task is head.Task.Word of it; "" of one of several classes.
	Task string `json:"task,omitempty"`
	// Head is what was fitted in the end; nil only in what Measure returns.
	Head *head.Head `json:"-"`
	// Classes holds all classes of the rows that take part, sorted by bytes; of
	// another task what head.Head.Classes says.
	// Metrics and Predictions go by their index. A class that is in no row that
	// the model was fitted on is missing in Head.Classes.
	Classes []string `json:"classes"`
	// N counts rows.
	N Counts `json:"n"`
	// Dim is the number of features.
	Dim int `json:"dim"`
	// L2 is the selected λ; 0 for kinds without one.
	L2 float64 `json:"l2"`
	// L2Labels holds λ of each label, with Settings.L2PerLabel; L2 is then the
	// one that is best for all.
	L2Labels map[string]float64 `json:"l2_labels,omitempty"`
	// Params holds what the kind was given beside λ, as it was selected.
	Params head.Params `json:"params,omitempty"`
	// Average holds the strengths whose heads were averaged, in the order of
	// the path; L2 is the one of the greatest weight then. nil: there is no
	// average.
	Average []Averaged `json:"average,omitempty"`
	// Fit tells how the fit of Head went: the last one alone.
	Fit head.Fit `json:"fit"`
	// Passes counts the passes over the rows of a part that all softmax fits
	// took: those of the folds, of each λ, and with each seed.
	Passes int `json:"all_passes"`
	// Selection holds what was compared to choose the head and its λ, in the
	// order of the path; empty where there was nothing to choose or calibrate.
	// Points of the path that were not fitted are missing (the
	// note "path-stopped" says so).
	Selection []Candidate `json:"selection"`
	// Families holds the best head of each kind that was compared with others,
	// from the simplest on; nil where there was one kind.
	Families []Compared `json:"families,omitempty"`
	// Metrics holds the metrics of rows that were held out.
	Metrics Tests `json:"metrics"`
	// Calibration is nil if no temperature was fitted.
	Calibration *measure.Calibration `json:"calibration,omitempty"`
	// Prior is nil if probabilities are for the frequencies of the fit.
	Prior *Prior `json:"prior,omitempty"`
	// Answers is nil if every row is answered.
	Answers *Answers `json:"answers,omitempty"`
	// Scaling makes the logits of the head of the scores of its fit, by the
	// index of Classes.
	Scaling *measure.Scaling `json:"-"`
	// Predictions holds what is behind Metrics.CV, else Metrics.Test, else
	// Metrics.Validation; nil if there is none of them.
	Predictions *Predictions `json:"-"`
	// Validated holds what is behind Metrics.Validation, for a task of one of
	// several classes; nil without such rows.
	Validated *Predictions `json:"-"`
	// Fitted holds the numbers of the rows that Head was fitted on, ascending.
	Fitted []int `json:"-"`
	// Parts holds the numbers of the rows of the training, the validation and
	// the test part, ascending, of the first seed; with CV they are nil.
	Parts Parts `json:"-"`
	// Folds holds what was chosen in each fold of CV; nil without.
	Folds []Choice `json:"folds,omitempty"`
	// Held holds the rows that each fold of CV holds out, ascending, of the
	// first seed; nil without.
	Held [][]int `json:"-"`
	// Baselines tells what simpler features do; nil: they were not compared.
	Baselines *Baselines `json:"baselines,omitempty"`
	// Spread tells how the test metrics vary over Settings.Repeat seeds; nil
	// for one seed.
	Spread *Spread `json:"spread,omitempty"`
	// Comparison tells what a head alone was compared with; nil: nothing.
	Comparison *Comparison `json:"comparison,omitempty"`
	// Warnings tells what a user should know about the data and the choices;
	// empty if there is nothing.
	Warnings []Warning `json:"warnings,omitempty"`
	// Notes tells what happened that a user need not do anything about.
	Notes []Warning `json:"notes,omitempty"`
}

// Counts counts the rows of each part. With CV, Train counts all rows that take
// part and the other parts are 0.
type Counts struct {
	Train      int `json:"train"`
	Validation int `json:"validation"`
	Test       int `json:"test"`
	// Unlabelled and Unassigned rows were left out: they have no label, or no
	// split in data that have splits.
	Unlabelled int `json:"unlabelled"`
	Unassigned int `json:"unassigned"`
}

// Candidate is a head with its λ that took part in the selection.
type Candidate struct {
	Kind string  `json:"head"`
	L2   float64 `json:"l2"` // 0 for kinds without one
	// Params holds what the kind was given beside λ.
	Params head.Params `json:"params,omitempty"`
	// Score is the metric of the pooled out-of-fold predictions. A log-loss is
	// better when it is lower.
	Score float64 `json:"score"`
	// SE is the standard error of Score: the standard deviation of the folds'
	// scores over √folds.
	SE float64 `json:"se"`
}

// Choice is what the selection inside one fold came to.
type Choice struct {
	Kind        string      `json:"head"`
	L2          float64     `json:"l2"`
	Params      head.Params `json:"params,omitempty"` // beside λ
	Temperature float64     `json:"temperature"`
	Fit         head.Fit    `json:"fit"`
}

// Tests holds the metrics of each part that there is: CV, or Validation and
// Test. Validation was predicted by the model of the training part alone.
type Tests struct {
	// Train is of the rows that the model was fitted on, to be compared with
	// Validation: with Settings.NoRefit and held-out parts, and from Measure.
	Train      *measure.Metrics `json:"train,omitempty"`
	Validation *measure.Metrics `json:"validation,omitempty"`
	Test       *measure.Metrics `json:"test,omitempty"`
	CV         *measure.Metrics `json:"cv,omitempty"`
}

// Predictions holds what was predicted of rows that were held out.
type Predictions struct {
	// Part is "cv", "test" or "validation".
	Part string
	// Rows holds the numbers of the rows, ascending.
	Rows []int
	// Outcomes holds the outcome of each row; its classes are indices of
	// Result.Classes. nil for AnyOf and Number.
	Outcomes []measure.Outcome
	// Unsure says of each row whether the head is; nil: it is of none.
	Unsure []bool
	// Units is the unit of each row: rows of a group that stays together, and
	// of equal content, are of one. nil: each row is its own. It is not known
	// of AnyOf, Number and Grade.
	Units []int
	// Answers holds what rows of AnyOf and Number are answered with,
	// len(Rows)×len(Result.Classes), and Targets what is so: 1 for a label that
	// a row has, or a number.
	Answers, Targets []float64
}

// Spread tells how the metrics of the tested rows vary over seeds.
type Spread struct {
	Seeds    []uint64          `json:"seeds"`
	L2       []float64         `json:"l2"`
	Accuracy measure.Variation `json:"accuracy"`
	MacroF1  measure.Variation `json:"macro_f1"`
	LogLoss  measure.Variation `json:"log_loss"`
	ECE      measure.Variation `json:"ece"`
	Brier    measure.Variation `json:"brier"`
	// Metrics holds those of another task than OneOf, for which the others are
	// missing in JSON.
	Metrics []NamedVariation `json:"-"`
}

// NamedVariation is the variation of a metric, with its name.
type NamedVariation struct {
	Name string `json:"name"`
	measure.Variation
}

// spreadOfTask is a Spread of another task than OneOf in JSON.
type spreadOfTask struct {
	Seeds   []uint64         `json:"seeds"`
	L2      []float64        `json:"l2"`
	Metrics []NamedVariation `json:"metrics"`
}

// MarshalJSON writes the metrics that there are.
func (s *Spread) MarshalJSON() ([]byte, error) {
	if s.Metrics != nil {
		return json.Marshal(&spreadOfTask{s.Seeds, s.L2, s.Metrics})
	}
	type plain Spread
	return json.Marshal((*plain)(s))
}

// UnmarshalJSON reads what MarshalJSON writes.
func (s *Spread) UnmarshalJSON(data []byte) error {
	var of spreadOfTask
	if err := json.Unmarshal(data, &of); err != nil {
		return err
	}
	if of.Metrics != nil {
		*s = Spread{Seeds: of.Seeds, L2: of.L2, Metrics: of.Metrics}
		return nil
	}
	type plain Spread
	return json.Unmarshal(data, (*plain)(s))
}

// Warning is something that a user should know or, among the notes of a Result,
// may want to know. Kinds are:
//
//	unlabelled       rows without a label were skipped
//	unassigned       rows without a split, in data that have splits, were left out
//	splits-unused    the data have splits of their own, and CV was asked for
//	one-sample       classes have one row, with CV
//	absent           classes have no row in the part or the folds that Place names,
//	                 the first where there are several; a note where these are
//	                 the folds that chose λ
//	leak             rows of equal content are in more than one of the data's splits
//	conflict         rows of equal content have different labels
//	edge             the best λ is the first or the last of the path
//	over-budget      a kind of head is not compared with others, since it would take
//	                 too long (a note)
//	path-stopped     the path was left before its end, since scores only got worse
//	                 (a note)
//	fewer-folds      there are fewer units than folds by default; a note where
//	                 these are the folds that chose λ
//	never-sure       no probability is high enough for the precision that is
//	                 wanted, of the classes in Names or of all
//	no-test          no row is left to test on
//	constant-features  features are constant, or vary by less than float32 can tell,
//	                 among the rows that the head was fitted on (a note)
//	not-converged    a fit ended before it reached the tolerance
//	numbers          classes are numbers, very many for as many rows
//	always           labels of AnyOf are ones that every training row has
//	constant         one of several numbers is the same in every row
type Warning struct {
	Kind string `json:"kind"`
	// Place is the part or the folds that the warning is about; empty: all
	// rows.
	Place string `json:"place,omitempty"`
	// Count counts the rows, classes or contents that it is about.
	Count int `json:"count,omitempty"`
	// Names holds the classes or rows that it is about, at most 10.
	Names []string `json:"names,omitempty"`
	// Message is the warning in plain words.
	Message string `json:"message"`
}

package measure

import (
	"encoding/json"
	"math"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/head"
)

// measuredGolden is what scikit-learn measures of predictions.
type measuredGolden struct {
	P, Y, Values, Numbers []float64
	Grades, Predicted     []int
	AnyOf                 map[string]float64 `json:"any_of"`
	Number, Grade         map[string]float64
}

func readMeasured(t *testing.T) *measuredGolden {
	t.Helper()
	text, err := os.ReadFile("../fit/testdata/targets.json")
	if err != nil {
		t.Fatal(err)
	}
	var g struct{ Measured measuredGolden }
	if err := json.Unmarshal(text, &g); err != nil {
		t.Fatal(err)
	}
	return &g.Measured
}

// equals compares the values of metrics, by their keys of JSON, with
// scikit-learn's, and tries their intervals and what JSON makes of them.
func (m *Metrics) equals(t *testing.T, task head.Task, want map[string]float64) {
	t.Helper()
	if m.Task() != task {
		t.Fatalf("metrics of %v", m.Task())
	}
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	var keys map[string]any
	if err := json.Unmarshal(text, &keys); err != nil {
		t.Fatal(err)
	}
	for name, v := range want {
		e, ok := keys[name].(map[string]any)
		if !ok {
			t.Fatalf("%s is missing in %s", name, text)
		}
		got, low, high := e["value"].(float64), e["low"].(float64), e["high"].(float64)
		if !(math.Abs(got-v) <= 1e-12*max(1, math.Abs(v))) {
			t.Errorf("%s is %v, scikit-learn's %v", name, got, v)
		}
		if !(low < got && got < high) {
			t.Errorf("%s: %v is not within %v and %v", name, got, low, high)
		}
	}
	again := new(Metrics)
	if err := json.Unmarshal(text, again); err != nil || !reflect.DeepEqual(again, m) {
		t.Errorf("read again it is %+v (%v)", again, err)
	}
	var names []string
	for _, e := range m.Estimates() {
		names = append(names, e.Name)
	}
	for _, name := range ScoreNamesOf(task) {
		if !strings.Contains(" "+strings.Join(names, " ")+" ", " "+name+" ") {
			t.Errorf("%s is none of %v", name, names)
		}
	}
}

// Metrics of labels are scikit-learn's, ties and labels of all rows included.
func TestLabelsGolden(t *testing.T) {
	g := readMeasured(t)
	m, err := EvaluateLabels(g.P, g.Y, []string{"a", "b", "c"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	m.equals(t, head.AnyOf, g.AnyOf)
	for _, name := range ScoreNamesOf(head.AnyOf) {
		want := g.AnyOf[strings.ReplaceAll(name, "-", "_")]
		if got := LabelScore(name, g.P, g.Y, 3); !(math.Abs(got-want) <= 1e-12) {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	c := m.AnyOf.PerLabel[2]
	if c.Support != 60 || c.AP != 0 || c.AUC != 0 || c.Precision != 1 || c.BestF1 != 1 {
		t.Errorf("the label of all rows: %+v", c)
	}
	for _, one := range m.AnyOf.PerLabel { // the best threshold is as good as it says
		p, y := g.P, g.Y
		var at counts
		k := int(one.Label[0] - 'a')
		for i := k; i < len(p); i += 3 {
			at.support += y[i]
			if p[i] >= one.BestThreshold {
				at.predicted++
				at.hit += y[i]
			}
		}
		if at.f1() != one.BestF1 || one.BestF1 < one.F1 {
			t.Errorf("%+v: F1 is %v", one, at.f1())
		}
	}
	wide, err := EvaluateLabels(g.P, g.Y, []string{"a", "b", "c"}, &Settings{Folds: 2, Threads: 1})
	if err != nil || wide.Interval != "bootstrap-cv" || !(wide.AnyOf.AP.High-wide.AnyOf.AP.Low > m.AnyOf.AP.High-m.AnyOf.AP.Low) {
		t.Errorf("folds: %+v (%v)", wide, err)
	}
}

// Metrics of numbers are scikit-learn's.
func TestNumbersGolden(t *testing.T) {
	g := readMeasured(t)
	m, err := EvaluateNumbers(g.Values, g.Numbers, []string{"x", "y"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	m.equals(t, head.Number, g.Number)
	for _, name := range ScoreNamesOf(head.Number) {
		if got := NumberScore(name, g.Values, g.Numbers, 2); !(math.Abs(got-g.Number[name]) <= 1e-12*max(1, got)) {
			t.Errorf("%s is %v, want %v", name, got, g.Number[name])
		}
	}
	b := m.Number.Baseline
	if mean, err := EvaluateNumbers([]float64{2, 2, 2}, []float64{1, 1, 4}, []string{"x"}, nil); err != nil || math.Abs(mean.Number.RMSE.Value-mean.Number.Baseline.RMSE) > 1e-12 || mean.Number.Baseline.MAE != 1 || mean.Number.R2.Value != 0 {
		t.Errorf("constants: %+v (%v)", mean.Number, err)
	}
	if !(b.RMSE > 0 && b.MAE > 0 && b.MAE <= b.RMSE) {
		t.Errorf("baseline %+v", b)
	}
	for _, c := range []struct{ p, want float64 }{{3, 1}, {3.5, 0}} { // as scikit-learn says of a constant
		m, err := EvaluateNumbers([]float64{c.p, 3}, []float64{3, 3}, []string{"x"}, nil)
		if err != nil || m.Number.R2.Value != c.want {
			t.Errorf("R² of a constant: %+v (%v)", m.Number, err)
		}
	}
}

// Metrics of grades are scikit-learn's, beside those of classes.
func TestGradesGolden(t *testing.T) {
	g := readMeasured(t)
	p := make([]float64, 4*len(g.Grades))
	for i, k := range g.Predicted {
		p[4*i+k] = 1
	}
	outcomes := OutcomesOf(p, g.Grades, 4)
	m, err := EvaluateGrades(outcomes, []string{"1", "2", "3", "10"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	m.equals(t, head.Grade, g.Grade)
	if GradeScore("mae", outcomes, 4) != m.MAE.Value || GradeScore("kappa", outcomes, 4) != m.Kappa.Value || GradeScore("accuracy", outcomes, 4) != m.Accuracy.Value {
		t.Error("scores are not the metrics")
	}
	if !(m.BaselineMAE > 0 && m.BaselineMAE < 3) {
		t.Errorf("baseline %v", m.BaselineMAE)
	}
	one, err := EvaluateGrades(OutcomesOf([]float64{1, 0, 1, 0}, []int{0, 0}, 2), []string{"a", "b"}, nil)
	if err != nil || one.Kappa.Value != 1 || one.BaselineMAE != 0 {
		t.Errorf("all of one grade: %+v (%v)", one.GradeMetrics, err)
	}
}

// What cannot be measured is an error.
func TestTasksErrors(t *testing.T) {
	for name, f := range map[string]func() error{
		"no rows":           func() error { _, err := EvaluateLabels(nil, nil, []string{"a"}, nil); return err },
		"2 predictions for": func() error { _, err := EvaluateNumbers([]float64{1, 2}, []float64{1}, []string{"a"}, nil); return err },
		"probability 1.5":   func() error { _, err := EvaluateLabels([]float64{1.5}, []float64{1}, []string{"a"}, nil); return err },
		"predicted as NaN": func() error {
			_, err := EvaluateNumbers([]float64{math.NaN()}, []float64{1}, []string{"a"}, nil)
			return err
		},
		"2 units for 1 rows": func() error {
			_, err := EvaluateLabels([]float64{1}, []float64{1}, []string{"a"}, &Settings{Units: []string{"a", "b"}})
			return err
		},
	} {
		if err := f(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v, want %q", err, name)
		}
	}
}

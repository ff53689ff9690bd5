package file

import (
	"math"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/head"
)

// exampleOf returns a head of a task with random numbers.
func exampleOf(kind string, names, features int, normalize bool) *File {
	f := example(kind, names, features, normalize)
	h, m := f.Head, f.Head.Model.(*head.Affine)
	h.Task = head.KindOf(kind).Task
	switch h.Task {
	case head.Number:
		h.Temperature = 1
	case head.Grade: // one direction, and thresholds that ascend
		k := names - 1
		m.Weight = m.Weight[:k*features]
		m.Bias = m.Bias[:k]
		slices.Reverse(h.Classes) // an order of its own
		for i := range k {
			copy(m.Weight[i*features:(i+1)*features], m.Weight[:features])
			m.Bias[i] = m.Bias[0] + 0.5*float64(i)
		}
	}
	return f
}

// taskExamples are heads of the tasks beside one of several classes.
var taskExamples = []struct {
	kind            string
	names, features int
	normalize       bool
	outputs         []string
}{
	{"logistic", 1, 5, false, []string{"logits", "probabilities"}},
	{"logistic", 7, 40, true, []string{"logits", "probabilities"}},
	{"linear", 1, 40, false, []string{"value"}},
	{"linear", 3, 9, true, []string{"value"}},
	{"ordinal", 2, 9, false, []string{"logits", "probabilities"}},
	{"ordinal", 5, 40, false, []string{"logits", "probabilities"}},
}

// A head of each task is read as it was written, answers the same, and the same
// head gives the same bytes.
func TestTasks(t *testing.T) {
	for _, e := range taskExamples {
		f := exampleOf(e.kind, e.names, e.features, e.normalize)
		path := filepath.Join(t.TempDir(), "x.head.onnx")
		if err := Write(path, f); err != nil {
			t.Fatal(e, err)
		}
		g, err := Read(path)
		if err != nil {
			t.Fatal(e, err)
		}
		if g.Head.Task != f.Head.Task || g.Head.Kind != e.kind || !slices.Equal(g.Head.Classes, f.Head.Classes) || !reflect.DeepEqual(g.Head.Params, f.Head.Params) {
			t.Errorf("%v: read %v, %q, %q", e, g.Head.Task, g.Head.Kind, g.Head.Classes)
		}
		x := rows(f.Head, 50)
		want, got := make([]float64, 50*e.names), make([]float64, 50*e.names)
		if err := f.Head.AnswersTo(want, x, 50); err != nil {
			t.Fatal(err)
		}
		if err := g.Head.AnswersTo(got, x, 50); err != nil {
			t.Fatal(err)
		}
		for i := range want {
			if !(math.Abs(got[i]-want[i]) <= 1e-5*max(1, math.Abs(want[i]))) {
				t.Fatalf("%v: answer %d is %v, of what was written %v", e, i, got[i], want[i])
			}
		}
		again, err := encode(g)
		if err != nil {
			t.Fatal(err)
		}
		h, err := decode(again)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := encode(h); err != nil || string(b) != string(again) {
			t.Errorf("%v: read and written again it has other bytes (%v)", e, err)
		}
	}
}

// What does not fit the task is refused by name.
func TestTasksThatDoNotFit(t *testing.T) {
	data := func(kind string) []byte {
		b, err := encode(exampleOf(kind, 3, 6, false))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for _, c := range []struct {
		kind, old, new, want string
	}{
		{"logistic", "any-of", "number", `headstart.task: "number" of a head of kind "logistic"`},
		{"logistic", "any-of", "one-of", `headstart.task: "one-of" is no task that is named`},
		{"logistic", "any-of", "all-of", `headstart.task: "all-of" is no task that is named`},
		{"logistic", "Sigmoid", "Softmax", "another program has changed the file"},
		{"linear", "headstart.task", "headstart.tusk", `headstart.task: "one-of" of a head of kind "linear"`},
		{"ordinal", "Relu", "Tanh", "another program has changed the file"},
	} {
		if _, err := decode([]byte(strings.Replace(string(data(c.kind)), c.old, c.new, 1))); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s with %s for %s: %v, want %q", c.kind, c.new, c.old, err, c.want)
		}
	}
	twice := exampleOf("ordinal", 3, 6, false)
	twice.Head.Classes[2] = twice.Head.Classes[0]
	if _, err := encode(twice); err == nil || !strings.Contains(err.Error(), "stands twice") {
		t.Errorf("a grade twice: %v", err)
	}
	tail := exampleOf("logistic", 3, 6, false)
	tail.Tail = &Tail{}
	if _, err := encode(tail); err == nil || !strings.Contains(err.Error(), "one of several classes alone") {
		t.Errorf("a tail: %v", err)
	}
}

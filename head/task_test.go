package head

import (
	"math"
	"slices"
	"strings"
	"testing"
)

// Each task makes its answers of scores.
func TestLinks(t *testing.T) {
	for _, c := range []struct {
		task        Task
		z           []float64
		temperature float64
		want        []float64
	}{
		{OneOf, []float64{0, math.Log(3)}, 1, []float64{0.25, 0.75}},
		{AnyOf, []float64{0, math.Log(3), -math.Log(3)}, 1, []float64{0.5, 0.75, 0.25}},
		{AnyOf, []float64{2 * math.Log(3), 1e9, -1e9}, 2, []float64{0.75, 1, 0}},
		{Number, []float64{-7.5, 1e9}, 1, []float64{-7.5, 1e9}},
		{Grade, []float64{-math.Log(3), math.Log(3)}, 1, []float64{0.25, 0.5, 0.25}},
		{Grade, []float64{-2 * math.Log(3), 2 * math.Log(3)}, 2, []float64{0.25, 0.5, 0.25}},
		{Grade, []float64{0, 0, 1e9}, 1, []float64{0.5, 0, 0.5, 0}},
		{Grade, []float64{40, 41}, 1, []float64{1, math.Exp(-40) - math.Exp(-41), math.Exp(-41)}},
	} {
		got := make([]float64, len(c.want))
		c.task.LinkTo(got, c.z, c.temperature)
		for i, v := range got {
			if !(math.Abs(v-c.want[i]) <= 1e-12*math.Abs(c.want[i])) {
				t.Errorf("%v of %v at temperature %v: %v, want %v", c.task, c.z, c.temperature, got, c.want)
				break
			}
		}
		if c.task.Scores(len(c.want)) != len(c.z) {
			t.Errorf("%v: %d scores of %d names", c.task, c.task.Scores(len(c.want)), len(c.want))
		}
	}
}

// Words name tasks both ways.
func TestTaskWords(t *testing.T) {
	for task := range Task(len(tasks)) {
		if got, ok := TaskOf(task.Word()); !ok || got != task {
			t.Errorf("%v is %q, which is %v", task, task.Word(), got)
		}
		if task.Noun() == "" || !strings.HasSuffix(task.Nouns(), "s") {
			t.Errorf("%v answers %q, %q", task, task.Noun(), task.Nouns())
		}
	}
	if _, ok := TaskOf("two-of"); ok {
		t.Error("two-of is a task")
	}
}

// A head answers as its task says, a row at a time or many.
func TestAnswersOfTasks(t *testing.T) {
	x := []float32{1, 2, -1, 0.5, 0, 0}
	for _, c := range []struct {
		kind  string
		names []string
		w, b  []float32
		bad   string // what is said of one name less
	}{
		{"logistic", []string{"a", "b"}, []float32{1, 2, -1, 0.5}, []float32{0.5, -1}, "2 scores for 1 labels"},
		{"linear", []string{"value"}, []float32{1, 2}, []float32{3}, "0 numbers, at least 1"},
		{"ordinal", []string{"1", "2", "10"}, []float32{-1, 2, -1, 2}, []float32{-1, 1}, "2 scores for 2 grades"},
	} {
		h := &Head{Kind: c.kind, Task: KindOf(c.kind).Task, Classes: c.names, Model: NewAffine(c.w, c.b), Temperature: 1}
		if err := h.Check(); err != nil {
			t.Fatal(err)
		}
		k := len(c.names)
		all, one := make([]float64, 3*k), make([]float64, k)
		if err := h.AnswersTo(all, x, 3); err != nil {
			t.Fatal(err)
		}
		logits := make([]float64, 3*h.Task.Scores(k))
		h.LogitsTo(logits, x, 3)
		again := h.OfLogits()
		if err := again.Check(); err != nil {
			t.Error(err)
		}
		for i := range 3 {
			if err := h.AnswersTo(one, x[2*i:2*i+2], 1); err != nil || !slices.Equal(one, all[i*k:(i+1)*k]) {
				t.Errorf("%s: row %d: %v by itself, %v among others (%v)", c.kind, i, one, all[i*k:(i+1)*k], err)
			}
			z := logits[i*h.Task.Scores(k) : (i+1)*h.Task.Scores(k)]
			if h.Task.LinkTo(one, z, 1); !slices.Equal(one, all[i*k:(i+1)*k]) {
				t.Errorf("%s: row %d: %v of its logits", c.kind, i, one)
			}
		}
		if err := h.ProbabilitiesTo(all, x, 3); (err != nil) != (h.Task == Number) {
			t.Errorf("%s: probabilities: %v", c.kind, err)
		}
		h.Classes = h.Classes[1:]
		if err := h.Check(); err == nil || !strings.Contains(err.Error(), c.bad) {
			t.Errorf("%s: %v, want %q", c.kind, err, c.bad)
		}
	}
	h := &Head{Kind: "linear", Task: Number, Classes: []string{"value"}, Model: NewAffine([]float32{1}, []float32{0}), Temperature: 2}
	if err := h.Check(); err == nil || !strings.Contains(err.Error(), "temperature 2 of numbers") {
		t.Error(err)
	}
}

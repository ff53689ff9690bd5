package head

import (
	"fmt"
	"math"
)

// Task is what a head answers.
type Task int

// The tasks. A head has scores, K of them, and answers, one a name of
// Head.Classes.
const (
	// OneOf is the task of one class out of several: the scores are logits, one
	// a class, and the answer is the class of the largest one (the first of
	// equal ones).
	OneOf Task = iota
	// AnyOf is the task of any number of labels, none included: the scores are
	// logits, one a label, and a label is answered where its probability is at
	// least 1/2.
	AnyOf
	// Number is the task of one or several numbers: the scores are the answers.
	Number
	// Grade is the task of one class out of several that have an order. The
	// scores, one fewer than grades, are logits of the probabilities that the
	// grade is at most the first, the second and so on; they ascend. The answer
	// is the most probable grade (the lowest of equal ones).
	Grade
)

// tasks are the names of the tasks in words and in files, and those of what
// they answer.
var tasks = []struct{ about, word, noun, nouns string }{
	OneOf:  {"one of several classes", "one-of", "class", "classes"},
	AnyOf:  {"any of several labels", "any-of", "label", "labels"},
	Number: {"numbers", "number", "number", "numbers"},
	Grade:  {"one of several grades", "grade", "grade", "grades"},
}

// known says whether t is one of the tasks.
func (t Task) known() bool { return t >= 0 && int(t) < len(tasks) }

// String returns the name of the task.
func (t Task) String() string {
	if t.known() {
		return tasks[t].about
	}
	return fmt.Sprintf("task %d", int(t))
}

// Word returns the task as files and JSON have it: "one-of", "any-of", "number"
// or "grade".
func (t Task) Word() string {
	if t.known() {
		return tasks[t].word
	}
	return t.String()
}

// TaskOf returns the task of that Word, and whether there is one.
func TaskOf(word string) (Task, bool) {
	for t := range tasks {
		if tasks[t].word == word {
			return Task(t), true
		}
	}
	return 0, false
}

// Nouns returns what the names of Head.Classes are: "classes", "labels",
// "numbers" or "grades".
func (t Task) Nouns() string {
	if t.known() {
		return tasks[t].nouns
	}
	return "classes"
}

// Noun returns one of Nouns.
func (t Task) Noun() string {
	if t.known() {
		return tasks[t].noun
	}
	return "class"
}

// OneLabel says whether a sample has one label that is one of Head.Classes: so
// it is of OneOf and Grade.
func (t Task) OneLabel() bool { return t == OneOf || t == Grade }

// Scores returns how many scores a head of that many names has.
func (t Task) Scores(names int) int {
	if t == Grade {
		return names - 1
	}
	return names
}

// least returns how many names a head has at least.
func (t Task) least() int {
	if t == AnyOf || t == Number {
		return 1
	}
	return 2
}

// LinkTo writes the answers of a row's scores z, divided by the temperature
// first, into dst, one a name: softmax, sigmoids, the scores themselves, or the
// differences of cumulative sigmoids. dst may be z where they are as long.
func (t Task) LinkTo(dst, z []float64, temperature float64) {
	switch t {
	case AnyOf:
		for i, v := range z {
			dst[i] = Sigmoid(v / temperature)
		}
	case Number:
		copy(dst, z)
	case Grade:
		below := math.Inf(-1) // logit of being under the grade
		for i := range dst {
			upTo := math.Inf(1)
			if i < len(z) {
				upTo = z[i] / temperature
			}
			dst[i] = between(below, upTo)
			below = max(below, upTo)
		}
	default:
		SoftmaxTo(dst, z, temperature)
	}
}

// Answered returns the places of the labels that probabilities of AnyOf answer,
// ascending: of those that are at least 1/2.
func Answered(probabilities []float64) []int {
	var places []int
	for c, p := range probabilities {
		if p >= 0.5 {
			places = append(places, c)
		}
	}
	return places
}

// Sigmoid returns 1/(1 + exp(−z)).
func Sigmoid(z float64) float64 {
	if z >= 0 {
		return 1 / (1 + math.Exp(-z))
	}
	e := math.Exp(z)
	return e / (1 + e)
}

// between returns sigmoid(b) − sigmoid(a), 0 if b is less than a, so that it
// does not cancel where both are near 1.
func between(a, b float64) float64 {
	if a > 0 {
		a, b = -b, -a
	}
	return max(Sigmoid(b)-Sigmoid(a), 0)
}

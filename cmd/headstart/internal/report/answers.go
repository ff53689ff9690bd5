package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/headstart-ml/headstart/head/experiment"
	"github.com/headstart-ml/headstart/head/measure"
)

// AnswersTo writes what a head that may be unsure answers, with a line a class.
func AnswersTo(w io.Writer, a *measure.Answers, s *Style) error {
	var b strings.Builder
	s.title(&b, "answers: "+answerWords(a))
	answerTable(a).print(&b, "  ", s)
	b.WriteByte('\n')
	answerClasses(a, nil, s.classes()).print(&b, "  ", s)
	_, err := io.WriteString(w, b.String())
	return err
}

// answerWords says how many samples are answered.
func answerWords(a *measure.Answers) string {
	return fmt.Sprintf("%s of %s samples, unsure of %s", Count(a.Rows-a.Unsure), Count(a.Rows), Count(a.Unsure))
}

// answerTable has the share of what is answered, and of the answers that are
// right.
func answerTable(a *measure.Answers) *Table {
	return &Table{
		Columns: []Column{{}, {Name: "value", Right: true}, {Name: "95 % interval"}},
		Rows: [][]string{
			{"answered", decimal(a.Answered.Value), interval(a.Answered)},
			{"of the answers right", decimal(a.Accuracy.Value), interval(a.Accuracy)},
		},
	}
}

// answerClasses has a line a class; of very many those that are answered least
// often. thresholds may be nil.
func answerClasses(a *measure.Answers, thresholds []float64, most int) *Table {
	t := &Table{Columns: []Column{{Name: "class"}, {Name: "answered", Right: true}, {Name: "precision", Right: true}, {Name: "recall", Right: true}}}
	if thresholds != nil {
		t.Columns = append(t.Columns, Column{Name: "from probability", Right: true})
	}
	order := make([]int, len(a.PerClass))
	for k := range order {
		order[k] = k
	}
	if len(order) > most {
		slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(a.PerClass[i].Answered, a.PerClass[j].Answered) })
		order = order[:most]
	}
	for _, k := range order {
		c := a.PerClass[k]
		row := []string{c.Class, Count(c.Answered), decimal(c.Precision), decimal(c.Recall)}
		if thresholds != nil {
			row = append(row, threshold(thresholds[k]))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// threshold writes a probability, "never" if it is not reached.
func threshold(v float64) string {
	if v > 1 {
		return "never"
	}
	return decimal(v)
}

// unsureWords says when a head is unsure; "" if it never is.
func unsureWords(a *experiment.Answers) string {
	switch {
	case a == nil:
		return ""
	case a.Reject > 1:
		return fmt.Sprintf("always: no probability gives %g of the answers right", a.Wanted)
	case a.ByClass == nil:
		return fmt.Sprintf("below a probability of %s, for %g of the answers right", decimal(a.Reject), a.Wanted)
	case a.Precision > 0:
		return fmt.Sprintf("below a probability by class, for a precision of %g", a.Precision)
	}
	return fmt.Sprintf("below a probability by class, for a recall of %g", a.Recall)
}

// printAnswers writes what a trained head answers.
func printAnswers(b *strings.Builder, a *experiment.Answers, s *Style) {
	b.WriteByte('\n')
	s.title(b, "unsure "+unsureWords(a)+": answers "+answerWords(&a.Answers))
	answerTable(&a.Answers).print(b, "  ", s)
	if a.ByClass != nil {
		b.WriteByte('\n')
		answerClasses(&a.Answers, a.ByClass, s.classes()).print(b, "  ", s)
	}
	if a.Measured == a.Fitted {
		b.WriteString("  measured on the samples that the probabilities were taken from\n")
	}
}

// priorWords says for which frequencies probabilities are; "" if for those of
// the fit.
func priorWords(r *experiment.Result) string {
	if r.Prior == nil {
		return ""
	}
	switch r.Prior.Kind {
	case "data":
		return "classes as frequent as in the data"
	case "uniform":
		return "classes that are equally frequent"
	}
	var all []string
	for k, class := range r.Classes {
		if k == 10 {
			all = append(all, fmt.Sprintf("%d more", len(r.Classes)-k))
			break
		}
		all = append(all, fmt.Sprintf("%s %s", class, decimal(r.Prior.To[k])))
	}
	return "classes of given frequencies: " + strings.Join(all, ", ")
}

// calibrationWords says how probabilities were calibrated.
func calibrationWords(c *measure.Calibration) string {
	how := "temperature " + decimal(c.Temperature)
	if c.Method == "vector" {
		how += " with a scale and a shift of each class"
	}
	return fmt.Sprintf("%s, fitted on %s samples", how, c.Fitted)
}

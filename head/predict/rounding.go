package predict

import (
	"context"
	"fmt"
	"iter"
	"math"
	"slices"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract/embed"
	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/measure"
	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/export"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// Labelled is a sample of which it is known what is so.
type Labelled struct {
	ID, Label, Group string
	Labels           []string // of a head for any of several
	Key              cache.Key
	Content          []byte
}

// Rounding says what storing the weights in fewer bits changes: on samples that
// are embedded and predicted by the exported model, and by backbone and head as
// they were. Differences are of probabilities, or of numbers.
type Rounding struct {
	Precision string `json:"precision"`
	Samples   int    `json:"samples"` // that were predicted by both
	// Labelled tells whether these have labels. Without, they are those that
	// the export was checked on.
	Labelled bool `json:"labelled"`
	// Fitted says that the head was fitted on them.
	Fitted bool    `json:"fitted"`
	Mean   float64 `json:"mean_difference"`
	Max    float64 `json:"max_difference"`
	// Checked is the largest on the samples that the export was checked on.
	Checked float64 `json:"checked_difference"`
	// Changed counts samples that are answered with another class, or labels.
	Changed int `json:"changed"`

	// Cosine is, of an embedding model, the smallest between an embedding and
	// what it was; differences are distances over the embedding's length.
	Cosine float64 `json:"cosine,omitempty"`

	// Metric is what of the labelled samples was measured: "accuracy"; of
	// labels their share that is right, "label_accuracy"; of numbers "mae". "":
	// nothing.
	Metric string  `json:"metric,omitempty"`
	Before float64 `json:"before,omitempty"`
	After  float64 `json:"after,omitempty"`
	// Difference is After less Before with the 95 % interval of pairs.
	Difference *measure.Estimate `json:"difference,omitempty"`
}

// paired has predictions of the same samples by a backbone with its head and by
// the model that is exported of them.
type paired struct {
	head          *head.Head
	before, after []float64 // n×C
	targets       []float64 // n×what a sample has; nil: nothing is known
	units         []string  // nil: each is one
}

// roundingChunk is how many samples are prepared at once.
const roundingChunk = 64

// rounding compares what r answers of labelled samples, of which only those
// count that f was not fitted on if there are any, with what backbone and head
// do.
func (w *work) rounding(ctx context.Context, r *export.Rounded, samples iter.Seq2[*Labelled, error]) (*Rounding, error) {
	if w.pooled != nil {
		return w.moved(r), nil
	}
	p := &paired{head: w.file.Head}
	out := &Rounding{Precision: string(r.Precision), Labelled: samples != nil}
	if samples != nil {
		grouped := false
		var chunk []*Labelled
		flush := func() error {
			if len(chunk) == 0 {
				return nil
			}
			err := w.predictBoth(ctx, r, chunk, p)
			chunk = chunk[:0]
			return err
		}
		e := NewEvaluator(w.file, w.file.Head, nil)
		for s, err := range samples {
			if err != nil {
				return nil, err
			}
			row := &evaluated{id: s.ID, label: s.Label, labels: s.Labels}
			target, err := e.targetOf(row)
			if err != nil {
				return nil, err
			}
			if target == nil {
				continue
			}
			out.Fitted = out.Fitted || w.file.Fitted != nil && w.file.Fitted.Seen(s.Key)
			p.targets = append(p.targets, target...)
			grouped = grouped || s.Group != ""
			unit := s.Group
			if unit == "" {
				unit = "\x00" + s.ID
			}
			p.units = append(p.units, unit)
			if chunk = append(chunk, s); len(chunk) == roundingChunk {
				if err := flush(); err != nil {
					return nil, err
				}
			}
		}
		if err := flush(); err != nil {
			return nil, err
		}
		if !grouped {
			p.units = nil
		}
	}
	if len(p.before) == 0 { // what the export is checked on is all that there is
		out.Labelled, out.Fitted, p.targets, p.units = false, false, nil, nil
		for i, b := range w.check.Batches {
			p.before = append(p.before, b.Probabilities...)
			p.after = append(p.after, r.Check.Batches[i].Probabilities...)
		}
	}
	return out, p.fill(out)
}

// predictBoth predicts samples by both, one at a time.
func (w *work) predictBoth(ctx context.Context, r *export.Rounded, samples []*Labelled, p *paired) error {
	var contents [][]byte
	for _, s := range samples {
		contents = append(contents, s.Content)
	}
	reference, err := embed.ProbesOf(w.spec, contents, 1)
	if err != nil {
		return err
	}
	given, err := embed.ProbesOf(w.served(), contents, 1)
	if err != nil {
		return err
	}
	if len(reference) != len(samples) || len(given) != len(samples) {
		return fmt.Errorf("predict: %s: %d and %d batches of %d samples", w.options.Head, len(reference), len(given), len(samples))
	}
	k := len(p.head.Classes)
	for i := range samples {
		rows, err := reference[i].Embed(ctx, w.spec, w.reference)
		if err != nil {
			return err
		}
		before := make([]float64, k)
		if err := p.head.AnswersTo(before, w.rows(rows, 1), 1); err != nil {
			return err
		}
		b := export.Batch{Inputs: given[i].Inputs, Probabilities: make([]float64, k)}
		if err := r.Answers(ctx, &b); err != nil {
			return err
		}
		p.before, p.after = append(p.before, before...), append(p.after, b.Probabilities...)
	}
	return nil
}

// fill sets what comes of the predictions.
func (p *paired) fill(out *Rounding) error {
	k := len(p.head.Classes)
	n := len(p.before) / k
	out.Samples = n
	for i, v := range p.before {
		d := math.Abs(v - p.after[i])
		out.Mean, out.Max = out.Mean+d/float64(len(p.before)), max(out.Max, d)
	}
	for i := range n {
		a, b := p.before[i*k:(i+1)*k], p.after[i*k:(i+1)*k]
		if p.head.Task != head.Number && !slices.Equal(p.answer(a), p.answer(b)) {
			out.Changed++
		}
	}
	if p.targets == nil {
		return nil
	}
	settings := &measure.Settings{Units: p.units}
	if p.head.Task == head.Number {
		out.Metric = "mae"
		var by []float64
		for i, t := range p.targets {
			a, b := math.Abs(p.before[i]-t), math.Abs(p.after[i]-t)
			out.Before, out.After = out.Before+a/float64(len(p.targets)), out.After+b/float64(len(p.targets))
			if i%k == 0 {
				by = append(by, 0)
			}
			by[i/k] += (b - a) / float64(k)
		}
		var err error
		out.Difference, err = measure.Mean(by, settings)
		return err
	}
	var before, after []measure.Outcome
	out.Metric = "accuracy"
	for i := range n {
		a, b := p.before[i*k:(i+1)*k], p.after[i*k:(i+1)*k]
		if p.head.Task.OneLabel() {
			before, after = append(before, measure.NewOutcome(a, int(p.targets[i]))), append(after, measure.NewOutcome(b, int(p.targets[i])))
		} else { // each label by itself
			for c := range k {
				label := int(p.targets[i*k+c])
				before, after = append(before, measure.NewOutcome([]float64{1 - a[c], a[c]}, label)), append(after, measure.NewOutcome([]float64{1 - b[c], b[c]}, label))
			}
		}
	}
	if !p.head.Task.OneLabel() {
		out.Metric = "label_accuracy"
		settings.Units = nil
		for i := range n { // the labels of a sample belong together
			unit := fmt.Sprint(i)
			if p.units != nil {
				unit = p.units[i]
			}
			settings.Units = append(settings.Units, slices.Repeat([]string{unit}, k)...)
		}
	}
	for i := range before {
		if before[i].Predicted == before[i].Label {
			out.Before += 1 / float64(len(before))
		}
		if after[i].Predicted == after[i].Label {
			out.After += 1 / float64(len(after))
		}
	}
	var err error
	out.Difference, err = measure.Difference(before, after, settings)
	return err
}

// answer is what a sample is answered with.
func (p *paired) answer(answers []float64) []int {
	if p.head.Task.OneLabel() {
		return []int{measure.NewOutcome(answers, 0).Predicted}
	}
	return head.Answered(answers)
}

// headTensors names the tensors that m stores and the backbone does not: those
// of the head.
func headTensors(m, backbone *pb.ModelProto) map[string]bool {
	own := make(map[string]bool)
	stored := func(m *pb.ModelProto, value bool) {
		for _, t := range m.GetGraph().GetInitializer() {
			own[t.GetName()] = value
		}
		for _, n := range m.GetGraph().GetNode() {
			if n.GetOpType() == "Constant" {
				for _, o := range n.GetOutput() {
					own[o] = value
				}
			}
		}
	}
	stored(m, true)
	stored(backbone, false)
	return own
}

// moved says by how much embeddings of the samples of the check are others.
func (w *work) moved(r *export.Rounded) *Rounding {
	out := &Rounding{Precision: string(r.Precision), Mean: r.Moved, Cosine: 1}
	d := w.check.Classes
	for i, b := range w.check.Batches {
		for lo := 0; lo < len(b.Probabilities); lo += d {
			dot, a, c, far := 0.0, 0.0, 0.0, 0.0
			for k, v := range b.Probabilities[lo : lo+d] {
				x := r.Check.Batches[i].Probabilities[lo+k]
				dot, a, c, far = dot+v*x, a+v*v, c+x*x, far+(v-x)*(v-x)
			}
			if a > 0 && c > 0 {
				out.Cosine, out.Max = min(out.Cosine, dot/math.Sqrt(a*c)), max(out.Max, math.Sqrt(far/a))
			}
			out.Samples++
		}
	}
	return out
}

// Words says it in a sentence or two.
func (r *Rounding) Words() string {
	if r.Cosine != 0 {
		return fmt.Sprintf("weights stored as %s: on %d samples embeddings differ by %.2g of their length in the mean and %.2g at most, cosine %.6f or more", r.Precision, r.Samples, r.Mean, r.Max, r.Cosine)
	}
	samples := fmt.Sprintf("%d samples", r.Samples)
	if !r.Labelled {
		samples += " without labels"
	}
	what := "probabilities"
	changed := fmt.Sprintf("; %d of %d answers change", r.Changed, r.Samples)
	if r.Metric == "mae" {
		what, changed = "numbers", ""
	}
	text := fmt.Sprintf("weights stored as %s: on %s %s differ by %.2g in the mean and %.2g at most%s", r.Precision, samples, what, r.Mean, r.Max, changed)
	if r.Metric == "" {
		return text
	}
	metric := map[string]string{"accuracy": "accuracy", "label_accuracy": "labels that are right", "mae": "mean absolute error"}[r.Metric]
	text += fmt.Sprintf("; %s %.4g for %.4g, a difference of %+.2g (95 %% interval %+.2g to %+.2g, in pairs)", metric, r.After, r.Before, r.Difference.Value, r.Difference.Low, r.Difference.High)
	if r.Fitted {
		text += ", on samples that the head was fitted on"
	}
	return text
}

// served is the backbone as the exported model is fed.
func (w *work) served() *models.Spec {
	own := *w.spec
	own.Contract, own.Inputs, own.Weights.Pruned = w.fed.Contract, w.fed.Inputs, nil
	return &own
}

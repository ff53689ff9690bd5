package predict

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/headstart-ml/headstart/extract/contract"
	"github.com/headstart-ml/headstart/extract/embed"
	"github.com/headstart-ml/headstart/extract/source"
	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/file"
	"github.com/headstart-ml/headstart/models"
)

// Prediction is what a head answers for a sample.
type Prediction struct {
	Label         string    // the most probable class or grade; of equal ones the first
	Probability   float64   // of Label
	Unsure        bool      // the head has thresholds, and Label does not reach its own
	Probabilities []float64 // of all classes, labels or grades, in the order of Classes
	Labels        []string  // of a head for any of several labels: those with a probability of at least 1/2
	Values        []float64 // of a head of numbers, in the order of Classes
	Err           error     // why there is no answer, a *BadSampleError; nil: there is one
}

// Predictor is a head with its backbone. Its methods may be called from any
// number of goroutines.
type Predictor struct {
	path     string
	head     *head.Head
	embedder *Embedder
	columns  []embed.Column // of the head's features, in a row of the embedder
	whole    bool           // they are the row as it is
}

// Open opens a head, a file or what Export has written, see Read, with the
// backbone that its features came from. If that
// does not give features of the same spaces any more the error is a
// *contract.DifferenceError; a head on features of several backbones is a
// *BackbonesError. The caller closes what is returned.
func Open(path string, o *Options) (*Predictor, error) {
	g, err := OpenAll([]string{path}, o)
	if err != nil {
		return nil, err
	}
	return g.all[0], nil
}

// BackbonesError says that the features of a head are of several backbones, so
// that no one of them gives its features of a sample.
type BackbonesError struct {
	Head      string
	Backbones []string // as the head file says, in the order of the columns
}

func (e *BackbonesError) Error() string {
	return fmt.Sprintf("predict: %s: its features are of %d backbones (%v); features of each are joined first", e.Head, len(e.Backbones), e.Backbones)
}

// Recall resolves the backbone of a head with the contract that the head's
// features had, o.Backbone being where it is now. Of a head with a tail it is
// the backbone before the training; see WithTail.
func Recall(path string, f *file.File, o *Options) (*models.Spec, error) {
	if o == nil {
		o = new(Options)
	}
	spaces := SpacesOf(f)
	if !contract.OneBackbone(spaces) {
		e := &BackbonesError{Head: path}
		for _, s := range f.Spaces {
			e.Backbones = append(e.Backbones, s.Backbone)
		}
		return nil, e
	}
	name := o.Backbone
	if name == "" {
		name = f.Spaces[0].Backbone
	}
	spec, err := contract.Recall(name, spaces, o.Builtin)
	if err == nil {
		spec.MaxPixels = o.MaxPixels
	}
	return spec, err
}

// SpacesOf lists space.json of a head's features, in the order of the columns.
func SpacesOf(f *file.File) []json.RawMessage {
	var all []json.RawMessage
	for _, s := range f.Spaces {
		all = append(all, s.JSON)
	}
	return all
}

// Task says what the head answers, and so which fields of a Prediction there
// are: Label, Probability and Probabilities; of head.AnyOf Labels and
// Probabilities; of head.Number Values.
func (p *Predictor) Task() head.Task { return p.head.Task }

// Classes are the names of the classes, labels, numbers or grades, in the order
// of Prediction.Probabilities or Prediction.Values.
func (p *Predictor) Classes() []string { return slices.Clone(p.head.Classes) }

// Modality says what the samples are.
func (p *Predictor) Modality() models.Modality { return p.embedder.modality }

// Dim is the number of features of the head.
func (p *Predictor) Dim() int { return p.head.D() }

// Predict predicts contents: the bytes of image files, or texts; see Texts.
// Each has its prediction, or its error. The contents must not change until
// Predict returns, also after ctx has ended.
func (p *Predictor) Predict(ctx context.Context, contents [][]byte) ([]Prediction, error) {
	jobs, err := p.embedder.embed(ctx, contents)
	if err != nil {
		return nil, err
	}
	return p.score(jobs), nil
}

// PredictFiles predicts the contents of files, as Predict does. A file that
// cannot be read is a bad sample; a failure of the machine, such as too many
// open files, is the error of the call.
func (p *Predictor) PredictFiles(ctx context.Context, paths []string) ([]Prediction, error) {
	contents := make([][]byte, len(paths))
	reasons := make([]string, len(paths))
	for i, path := range paths {
		s := source.File(path)
		content, err := s.Read(source.MaxContent)
		if failed := source.Failure(s, err); failed != nil {
			return nil, fmt.Errorf("predict: %w", failed)
		}
		if err != nil {
			reasons[i] = err.Error()
		}
		contents[i] = content
	}
	all, err := p.Predict(ctx, contents)
	for i, reason := range reasons {
		if err == nil && reason != "" {
			all[i].Err = &BadSampleError{reason}
		}
	}
	return all, err
}

// PredictFeatures predicts n rows of features x, n×Dim: embeddings in the
// spaces that the head was fitted on. A row with a value that is not finite is
// an error. The features of a head with a tail are its logits.
func (p *Predictor) PredictFeatures(x []float32, n int) ([]Prediction, error) {
	k := len(p.head.Classes)
	probabilities := make([]float64, max(n, 0)*k)
	if err := p.head.AnswersTo(probabilities, x, n); err != nil {
		return nil, fmt.Errorf("predict: %w", err)
	}
	all := make([]Prediction, n)
	for i := range all {
		all[i] = p.answer(probabilities[i*k : (i+1)*k : (i+1)*k])
	}
	return all, nil
}

// score makes predictions of rows.
func (p *Predictor) score(jobs []*embed.Job) []Prediction {
	k, d := len(p.head.Classes), p.head.D()
	all := make([]Prediction, len(jobs))
	probabilities := make([]float64, len(jobs)*k)
	var row []float32
	if !p.whole {
		row = make([]float32, d)
	}
	for i, j := range jobs {
		if j.Bad != "" {
			all[i].Err = &BadSampleError{j.Bad}
			continue
		}
		x := j.Row
		if !p.whole {
			x = row[:0]
			for _, c := range p.columns {
				x = append(x, j.Row[c.From:c.To]...)
			}
		}
		own := probabilities[i*k : (i+1)*k : (i+1)*k]
		if err := p.head.AnswersTo(own, x, 1); err != nil {
			all[i].Err = &BadSampleError{err.Error()}
			continue
		}
		all[i] = p.answer(own)
	}
	return all
}

// answer is the prediction of what the head answers for a row.
func (p *Predictor) answer(answers []float64) Prediction {
	switch p.head.Task {
	case head.Number:
		return Prediction{Values: answers}
	case head.AnyOf:
		labels := []string{}
		for _, c := range head.Answered(answers) {
			labels = append(labels, p.head.Classes[c])
		}
		return Prediction{Labels: labels, Probabilities: answers}
	}
	best := 0
	for c, v := range answers {
		if v > answers[best] {
			best = c
		}
	}
	return Prediction{
		Label: p.head.Classes[best], Probability: answers[best], Unsure: p.head.Unsure(best, answers[best]), Probabilities: answers,
	}
}

// Close waits for what runs and frees the backbone. Calls after it are
// ErrClosed.
func (p *Predictor) Close() error { return p.embedder.Close() }

// Group is several heads; see OpenAll. Its methods may be called from any
// number of goroutines.
type Group struct {
	all       []*Predictor
	embedders []*Embedder
}

// OpenAll opens several head files. A sample is run once through a backbone for
// all of them that it serves; a head with retrained layers has a backbone of
// its own. The caller closes what is returned.
func OpenAll(paths []string, o *Options) (*Group, error) {
	if o == nil {
		o = new(Options)
	}
	if len(paths) == 0 {
		return nil, errors.New("predict: no head is named")
	}
	g := new(Group)
	if err := g.openAll(paths, o); err != nil {
		g.Close()
		return nil, err
	}
	return g, nil
}

func (g *Group) openAll(paths []string, o *Options) error {
	var shares []*share
	for _, path := range paths {
		f, _, err := ReadHead(path, o.HeadName, o.Builtin)
		if err != nil {
			return err
		}
		p := &Predictor{path: path, head: f.Head}
		g.all = append(g.all, p)
		if f.Tail != nil {
			spec, err := Recall(path, f, o)
			if err != nil {
				return err
			}
			if spec, err = WithTail(spec, f); err != nil {
				return fmt.Errorf("predict: %s: %w", path, err)
			}
			p.head = f.OfLogits()
			shares = append(shares, &share{spec: spec, all: []*Predictor{p}})
			continue
		}
		if shares, err = join(shares, p, f, o); err != nil {
			return err
		}
	}
	for _, s := range shares {
		if err := g.open(s, o); err != nil {
			return err
		}
	}
	return nil
}

// share is a backbone and the heads that it serves.
type share struct {
	name   string
	spec   *models.Spec // of a head with a tail; nil: recalled from spaces
	spaces []json.RawMessage
	all    []*Predictor
	wants  [][]json.RawMessage // of each head
}

// join puts a head to those that have its backbone.
func join(shares []*share, p *Predictor, f *file.File, o *Options) ([]*share, error) {
	spaces := SpacesOf(f)
	if !contract.OneBackbone(spaces) {
		_, err := Recall(p.path, f, o)
		return nil, err
	}
	name := o.Backbone
	if name == "" {
		name = f.Spaces[0].Backbone
	}
	for _, s := range shares {
		if s.spec == nil && s.name == name && contract.OneBackbone(append(s.spaces[:1:1], spaces...)) {
			for _, space := range spaces {
				if !slices.ContainsFunc(s.spaces, func(have json.RawMessage) bool { return string(have) == string(space) }) {
					s.spaces = append(s.spaces, space)
				}
			}
			s.all, s.wants = append(s.all, p), append(s.wants, spaces)
			return shares, nil
		}
	}
	return append(shares, &share{name: name, spaces: spaces, all: []*Predictor{p}, wants: [][]json.RawMessage{spaces}}), nil
}

// open opens the backbone of a share.
func (g *Group) open(s *share, o *Options) error {
	spec := s.spec
	if spec == nil {
		var err error
		if spec, err = contract.Recall(s.name, s.spaces, o.Builtin); err != nil {
			return fmt.Errorf("%s: %w", s.all[0].path, err)
		}
	}
	e, err := newEmbedder(spec, o)
	if err != nil {
		return err
	}
	g.embedders = append(g.embedders, e)
	columns, dim := embed.ColumnsOf(spec)
	for i, p := range s.all {
		p.embedder, p.columns = e, columns
		if s.spec == nil {
			p.columns = nil
			for _, want := range s.wants[i] {
				at := slices.IndexFunc(s.spaces, func(have json.RawMessage) bool { return string(have) == string(want) })
				p.columns = append(p.columns, columns[at])
			}
		}
		own, total := true, 0
		for k, c := range p.columns {
			own = own && c.From == columns[k].From && c.To == columns[k].To
			total += c.To - c.From
		}
		p.whole = own && total == dim
		if total != p.head.D() {
			return fmt.Errorf("predict: %s: a head of %d features for a backbone that gives %d", p.path, p.head.D(), total)
		}
	}
	return nil
}

// Predictors returns the heads, in the order of their paths. Closing one closes
// the backbone that it may share with others.
func (g *Group) Predictors() []*Predictor { return slices.Clone(g.all) }

// Predict predicts contents with every head. The predictions of head h for
// content i are at [h][i].
func (g *Group) Predict(ctx context.Context, contents [][]byte) ([][]Prediction, error) {
	all := make([][]Prediction, len(g.all))
	for _, e := range g.embedders {
		jobs, err := e.embed(ctx, contents)
		if err != nil {
			return nil, err
		}
		for i, p := range g.all {
			if p.embedder == e {
				all[i] = p.score(jobs)
			}
		}
	}
	return all, nil
}

// Close waits for what runs and frees the backbones.
func (g *Group) Close() error {
	var errs []error
	for _, e := range g.embedders {
		errs = append(errs, e.Close())
	}
	return errors.Join(errs...)
}

// BackboneRows is how many samples went through backbones so far.
func (g *Group) BackboneRows() int64 {
	var n int64
	for _, e := range g.embedders {
		n += e.BackboneRows()
	}
	return n
}

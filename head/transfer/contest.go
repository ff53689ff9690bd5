package transfer

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"
	"sync"

	"gonum.org/v1/gonum/floats"

	"github.com/headstart-ml/headstart/extract/text"
	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/experiment"
	"github.com/headstart-ml/headstart/head/fit"
	"github.com/headstart-ml/headstart/head/internal/parallel"
	"github.com/headstart-ml/headstart/head/measure"
)

const (
	// contestRows is how many training rows words are fitted to at most,
	// contestWork how many products of a pass over them, and contestWeights how
	// many weights a fit of words has.
	contestRows    = 100000
	contestWork    = 1 << 28
	contestWeights = 1 << 25
	// contestFew is half the number of training rows up to which λ is selected
	// by all rows, in three folds. Of more, about as many are fitted to, and
	// half as many are held out.
	contestFew = 8000
	// contestPasses is the most passes of a fit.
	contestPasses = 60
	// frontL2 is the λ of features where none is known. Beside words it is at
	// least D/(frontReach·n): with a weaker one each row decides what it is
	// itself, and fits take long.
	frontL2    = 1e-2
	frontReach = 64
	// contestTolerance is the gap at which fits stop, much less than moves an
	// accuracy, and chooseTolerance that of fits that select λ.
	contestTolerance = 1e-3
	chooseTolerance  = 5e-3
)

// wordStrengths are λN of a head on words, from the strongest on.
var wordStrengths = []float64{4, 1, 1. / 4, 1. / 16, 1. / 64}

// besideStrengths are how much stronger λ of words is beside the features than
// alone.
var besideStrengths = []float64{64, 16, 4, 1}

// contest is a bag of words against a head.
type contest struct {
	*BaselineSettings
	data    *experiment.Data
	out     *experiment.Baselines
	threads int
	most    int // training rows that are fitted to

	labels []int // of each row
	counts *fit.Sparse
	width  int // features that are put beside words; 0: none are
	// featuresTo reads the features of all rows into dst.
	featuresTo func(ctx context.Context, dst []float32) error
	parts      []*bout

	mu          sync.Mutex
	done, total int // fits
}

// bout is rows to fit to, and rows to test on.
type bout struct {
	*contest
	train, test []int
	folds       []inner   // that select λ
	l2          float64   // of the head on the features; 0: not known
	values      []float32 // the features of all rows, as they were standardised last

	words, beside, features []measure.Outcome // of test
	wordsL2, besideL2       float64
}

// run fits everything and fills in c.out.
func (c *contest) run(ctx context.Context) error {
	c.divide()
	c.labels = make([]int, len(c.data.Labels))
	for i, label := range c.data.Labels {
		c.labels[i], _ = slices.BinarySearch(c.Result.Classes, label)
	}
	var rows []int
	for _, b := range c.parts {
		rows = append(append(rows, b.train...), b.test...)
	}
	slices.Sort(rows)
	bag := text.Bag{Columns: max(1, min(text.BagColumns, contestWeights/len(c.Result.Classes)))}
	var err error
	if c.counts, err = countWords(ctx, c.Features, c.Root, slices.Compact(rows), bag); err != nil {
		return err
	}
	c.measure()
	for _, b := range c.parts {
		if err := b.thin(); err != nil {
			return err
		}
	}
	for _, b := range c.parts {
		if b.folds, err = b.inner(); err != nil {
			return err
		}
		c.total += len(b.folds)*len(wordStrengths) + 1
		if c.width > 0 {
			c.total += len(b.folds)*len(besideStrengths) + 1
		}
		if c.width > 0 && c.out.Sample > 0 {
			c.total++
		}
	}
	if err := parallel.Do(ctx, len(c.parts), c.threads, func(i int) error { return c.parts[i].fit(ctx) }); err != nil {
		return err
	}
	return c.compare()
}

// fitted counts a fit.
func (c *contest) fitted() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done++
	if c.Progress != nil {
		c.Progress(min(c.done, c.total), c.total)
	}
}

// divide takes the parts or the folds of the head.
func (c *contest) divide() {
	r := c.Result
	if len(r.Held) == 0 {
		b := &bout{contest: c, train: r.Fitted, test: r.Predictions.Rows}
		if r.Predictions.Part == "validation" {
			b.train = r.Parts.Train
		}
		if r.Kind == softmaxKind && r.Head != nil {
			b.l2 = r.L2
		}
		c.parts = []*bout{b}
		return
	}
	all := r.Predictions.Rows
	for f, held := range r.Held {
		b := &bout{contest: c, test: held}
		for _, row := range all {
			if _, in := slices.BinarySearch(held, row); !in {
				b.train = append(b.train, row)
			}
		}
		if r.Folds[f].Kind == softmaxKind {
			b.l2 = r.Folds[f].L2
		}
		c.parts = append(c.parts, b)
	}
}

// softmaxKind is the kind of head whose λ words beside features start from.
const softmaxKind = "softmax"

// measure tells whether the features are put beside the words.
func (c *contest) measure() {
	n, d := len(c.data.Labels), c.Features.Matrix.D()
	if int64(n)*int64(d)*4 > 1<<28 {
		c.out.LeftOut = "the features are too large to be put beside the words"
		return
	}
	c.width, c.featuresTo = d, c.Features.Matrix.AllTo
}

// thin draws training rows where there are too many.
func (b *bout) thin() error {
	products := 0
	for _, row := range b.train {
		columns, _ := b.counts.Row(row)
		products += len(columns) * len(b.Result.Classes)
	}
	k := max((len(b.train)+b.most-1)/b.most, (products+contestWork-1)/contestWork)
	if k < 2 {
		return nil
	}
	folds, err := experiment.Deal(b.data, b.Train, b.train, k)
	if err != nil {
		return err
	}
	b.train = folds[0]
	b.out.Sample = len(b.train)
	return nil
}

// inner is training rows that select λ: some to fit to, some to test on.
type inner struct{ train, held []int }

// entrant is a head that takes part: on words alone, on words beside the
// features, or on the features alone.
type entrant struct {
	words float64 // λ of the words; 0: without them
	front float64 // λ of the features; 0: without them
}

// fit selects λ inside the training rows, fits to all of them, and predicts the
// test rows.
func (b *bout) fit(ctx context.Context) error {
	var path []entrant
	for _, s := range wordStrengths {
		path = append(path, entrant{words: s / float64(len(b.train))})
	}
	words, err := b.choose(ctx, path)
	if err != nil {
		return err
	}
	b.wordsL2 = words.words
	threads := 1
	if len(b.parts) == 1 {
		threads = b.threads
	}
	return parallel.Do(ctx, 2, threads, func(i int) (err error) {
		if i == 0 {
			b.words, err = b.test1(ctx, words)
			return err
		}
		return b.fitBeside(ctx, words)
	})
}

// fitBeside does the same for words beside the features, of which words is the
// entrant alone; and fits the features alone where the head saw more rows.
func (b *bout) fitBeside(ctx context.Context, words entrant) error {
	if b.width == 0 {
		return nil
	}
	front := max(cmp.Or(b.l2, frontL2), float64(b.width)/float64(frontReach*len(b.train)))
	var path []entrant
	for _, s := range besideStrengths {
		path = append(path, entrant{words: words.words * s, front: front})
	}
	both, err := b.choose(ctx, path)
	if err != nil {
		return err
	}
	b.besideL2 = both.words
	if b.beside, err = b.test1(ctx, both); err != nil || b.out.Sample == 0 {
		return err
	}
	b.features, err = b.test1(ctx, entrant{front: both.front})
	return err
}

// inner deals the training rows into the folds that select λ.
func (b *bout) inner() ([]inner, error) {
	k := max(3, len(b.train)/(contestFew/2))
	folds, err := experiment.Deal(b.data, b.Train, b.train, k)
	var few *experiment.FoldsError
	switch {
	case errors.As(err, &few):
		return nil, nil
	case err != nil:
		return nil, err
	}
	var all []inner
	for f, held := range folds {
		in := inner{held: held}
		for g, rows := range folds {
			if g != f && (len(b.train) < 2*contestFew || g <= 2) {
				in.train = append(in.train, rows...)
			}
		}
		slices.Sort(in.train)
		if all = append(all, in); len(b.train) >= 2*contestFew {
			break
		}
	}
	return all, nil
}

// choose returns the entrant of a path, which goes from the strongest λ on,
// that does best on the rows that the folds hold out; without folds the one in
// the middle.
func (b *bout) choose(ctx context.Context, path []entrant) (entrant, error) {
	outcomes := make([][]measure.Outcome, len(path))
	for _, in := range b.folds {
		rescaled := slices.Clone(path)
		for i := range path { // as scikit-learn's C, λN stays
			rescaled[i].words *= float64(len(b.train)) / float64(len(in.train))
		}
		one, err := b.try(ctx, &in, rescaled, chooseTolerance)
		if err != nil {
			return entrant{}, err
		}
		if one == nil {
			continue
		}
		for i := range path {
			outcomes[i] = append(outcomes[i], one[i]...)
		}
	}
	best := len(path) / 2
	if outcomes[0] == nil {
		return path[best], nil
	}
	score := math.Inf(-1)
	for i, o := range outcomes {
		metric := cmp.Or(b.Train.Metric, "accuracy")
		v := measure.ValuesOf(o, len(b.Result.Classes)).Of(metric)
		if metric == "log-loss" {
			v = -v
		}
		if v > score {
			best, score = i, v
		}
	}
	return path[best], nil
}

// test1 fits an entrant to the training rows and predicts the test rows.
func (b *bout) test1(ctx context.Context, e entrant) ([]measure.Outcome, error) {
	one, err := b.try(ctx, &inner{b.train, b.test}, []entrant{e}, contestTolerance)
	if err != nil {
		return nil, err
	}
	return one[0], nil
}

// try fits a path of entrants to some rows, each from where the last one ended,
// and predicts others. All that is taken from rows is taken from those that are
// fitted. The outcomes are nil if these are of fewer than two classes.
func (b *bout) try(ctx context.Context, in *inner, path []entrant, tolerance float64) ([][]measure.Outcome, error) {
	train, test := in.train, in.held
	classes := b.Result.Classes
	rows := &fit.SparseRows{Used: train, Classes: len(classes)}
	for _, row := range train {
		rows.Labels = append(rows.Labels, b.labels[row])
	}
	if slices.Min(rows.Labels) == slices.Max(rows.Labels) {
		return nil, nil
	}
	var err error
	if rows.Weights, err = experiment.WeightsOf(b.data, b.Train, classes, train); err != nil {
		return nil, err
	}
	x := fit.NewTFIDF(b.counts, train).Apply(b.counts)
	if path[0].words == 0 {
		x = fit.NewTFIDF(b.counts, nil).Apply(b.counts) // no word is known
	}
	if path[0].front > 0 {
		features, err := b.standard(ctx, train)
		if err != nil {
			return nil, err
		}
		if x, err = x.Behind(b.width, features); err != nil {
			return nil, err
		}
	}
	out := make([][]measure.Outcome, len(path))
	z := make([]float64, len(classes))
	var end *fit.SparseStart
	for i, e := range path {
		rows.X = x
		if e.words > 0 && e.front > 0 { // with one λ for both
			rows.X = x.Times(math.Sqrt(e.front / e.words))
		}
		s := fit.SparseSoftmax{L2: cmp.Or(e.front, e.words), Tolerance: tolerance, Passes: contestPasses, Start: end}
		m, err := s.Fit(ctx, rows)
		if err != nil {
			return nil, err
		}
		end = m.End()
		b.fitted()
		for _, row := range test {
			m.ScoresTo(z, rows.X, row)
			head.SoftmaxTo(z, z, 1)
			out[i] = append(out[i], measure.NewOutcome(z, b.labels[row]))
		}
	}
	return out, nil
}

// standard returns the features of all rows, standardised by some of them,
// which stay until it is called again.
func (b *bout) standard(ctx context.Context, train []int) ([]float32, error) {
	d := b.width
	if b.values == nil {
		b.values = make([]float32, len(b.data.Labels)*d)
	}
	values := b.values
	if err := b.featuresTo(ctx, values); err != nil {
		return nil, err
	}
	mean, sd := make([]float64, d), make([]float64, d)
	for _, row := range train {
		for j, v := range values[row*d : (row+1)*d] {
			mean[j] += float64(v)
		}
	}
	floats.Scale(1/float64(len(train)), mean)
	for _, row := range train {
		for j, v := range values[row*d : (row+1)*d] {
			sd[j] += (float64(v) - mean[j]) * (float64(v) - mean[j])
		}
	}
	for j, v := range sd { // from now on 1 over the deviation
		sd[j] = 0
		if v = math.Sqrt(v / float64(len(train))); v > 1e-7*math.Abs(mean[j]) {
			sd[j] = 1 / v
		}
	}
	for at := 0; at < len(values); at += d {
		row := values[at : at+d]
		for j, v := range row {
			row[j] = float32((float64(v) - mean[j]) * sd[j])
		}
	}
	return values, nil
}

// compare fills in what comes of it.
func (c *contest) compare() error {
	own, rows := c.Result.Predictions.Outcomes, c.Result.Predictions.Rows
	collect := func(of func(b *bout) []measure.Outcome) []measure.Outcome {
		all := make([]measure.Outcome, len(rows))
		for _, b := range c.parts {
			for i, o := range of(b) {
				at, _ := slices.BinarySearch(rows, b.test[i])
				all[at] = o
			}
		}
		return all
	}
	if c.out.Sample > 0 && c.width > 0 {
		own = collect(func(b *bout) []measure.Outcome { return b.features })
	}
	var err error
	if c.out.BagOfWords, err = c.against(own, collect(func(b *bout) []measure.Outcome { return b.words }), rows); err != nil {
		return err
	}
	last := c.parts[len(c.parts)-1]
	c.out.BagOfWords.L2 = last.wordsL2
	if c.width == 0 {
		return nil
	}
	if c.out.WithEmbedding, err = c.against(own, collect(func(b *bout) []measure.Outcome { return b.beside }), rows); err != nil {
		return err
	}
	c.out.WithEmbedding.L2 = last.besideL2
	return nil
}

package fit

import (
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/internal/parallel"
	"github.com/headstart-ml/headstart/head/internal/simd"
)

const (
	defaultHidden     = 256
	defaultEpochs     = 50
	defaultRate       = 1e-3
	defaultPatience   = 10
	leastBatch        = 16
	mostBatch         = 256
	stepsWanted       = 32 // of an epoch, before batches become larger
	validationRows    = 50 // of a part, from which on some of them say when to stop
	validationEvery   = 10 // one row of so many of a class does
	maxEpochs         = 1 << 20
	perceptronStreams = 0x6d6c70 // the second word of the seed
)

// MLP fits multilayer perceptrons with one or two hidden layers of rectified
// linear units: they minimise the mean of wᵢ·CEᵢ on standardised features, with
// AdamW on small batches, whose rate falls to 0 along a cosine. One row in ten
// of each class is set aside, deterministically by the seed: its loss after
// each epoch says when to stop, and which weights are kept. Parts of fewer than
// 50 rows go through all epochs. The zero value is ready to use.
//
// A row with a weight of 2 counts twice in the loss; it is not the same as a
// row given twice, which can be in two batches, or set aside once.
type MLP struct {
	// Hidden are the sizes of one or two hidden layers. The default nil means
	// one of 256.
	Hidden []int
	// Epochs is the most passes over the rows, along which the rate falls. The
	// default 0 means 50.
	Epochs int
	// Batch is the number of rows of a step. The default 0 means the power of
	// two from 16 to 256 with about 32 steps an epoch.
	Batch int
	// Rate is the learning rate of the first step. The default 0 means 0.001.
	Rate float64
	// Decay is the rate at which weights shrink beside the steps (AdamW), from
	// 0 on. The default is 0.
	Decay float64
	// Dropout is the share of hidden units that is left out of each row of a
	// step, from 0 to under 1. The default is 0.
	Dropout float64
	// Smoothing is the share of each label that is spread over all classes,
	// from 0 to under 1. The default is 0.
	Smoothing float64
	// Mixup is α of Mixup: the rows of a batch are mixed with each other, and
	// their labels, by a share that is drawn from the beta distribution
	// Beta(α, α) for each batch (Zhang and others, 2018). The default 0 means
	// that they are not.
	Mixup float64
	// Patience is the number of epochs without a lower loss of the rows that
	// are set aside after which a fit stops. The default 0 means 10.
	Patience int
	// Seed drives the first weights, the order of the rows, and all else that
	// is drawn. The default is 0.
	Seed uint64
}

// DivergedError says that the loss of a fit left the range of numbers before
// any epoch was of use.
type DivergedError struct {
	Part string  // its name
	Rate float64 // the learning rate
}

func (e *DivergedError) Error() string {
	return fmt.Sprintf("%s: the loss is not a finite number after the first epoch; a learning rate below %g is needed", e.Part, e.Rate)
}

// Check returns an error that says which setting is out of range.
func (m *MLP) Check() error {
	share := func(v float64) bool { return v >= 0 && v < 1 }
	number := func(v float64) bool { return v >= 0 && v <= math.MaxFloat32 }
	switch {
	case len(m.Hidden) > head.MaxHidden:
		return fmt.Errorf("head/fit: mlp: %d hidden layers, at most %d are possible", len(m.Hidden), head.MaxHidden)
	case slices.ContainsFunc(m.Hidden, func(n int) bool { return n < 1 || n > head.MaxUnits }):
		return fmt.Errorf("head/fit: mlp: hidden layers of %v units: from 1 to %d are possible", m.Hidden, head.MaxUnits)
	case m.Epochs < 0 || m.Epochs > maxEpochs || m.Batch < 0 || m.Patience < 0:
		return fmt.Errorf("head/fit: mlp: %d epochs, batches of %d, patience of %d: none may be negative, and epochs are at most %d", m.Epochs, m.Batch, m.Patience, maxEpochs)
	case !number(m.Rate) || !number(m.Decay) || !(m.rate()*m.Decay < 1):
		return fmt.Errorf("head/fit: mlp: rate %v and decay %v: neither may be negative, and their product lies under 1", m.Rate, m.Decay)
	case !share(m.Dropout) || !share(m.Smoothing):
		return fmt.Errorf("head/fit: mlp: dropout %v and label smoothing %v lie from 0 to under 1", m.Dropout, m.Smoothing)
	case !number(m.Mixup):
		return fmt.Errorf("head/fit: mlp: mixup %v: it is 0 or more", m.Mixup)
	}
	return nil
}

func orElse[T int | float64](v, other T) T {
	if v == 0 {
		return other
	}
	return v
}

func (m *MLP) hidden() []int {
	if m.Hidden == nil {
		return []int{defaultHidden}
	}
	return m.Hidden
}
func (m *MLP) rate() float64 { return orElse(m.Rate, defaultRate) }
func (m *MLP) epochs() int   { return orElse(m.Epochs, defaultEpochs) }

// batch returns the number of rows of a step, of n rows.
func (m *MLP) batch(n int) int {
	if m.Batch > 0 {
		return min(m.Batch, n)
	}
	size := leastBatch
	for size < mostBatch && n > size*stepsWanted {
		size *= 2
	}
	return min(size, n)
}

// Fit fits a head to rows x (n×D) of the classes y (n). nil means the default
// settings. Errors are those of Softmax.Fit, what Check returns, and a
// *DivergedError.
func (m *MLP) Fit(ctx context.Context, x head.Rows, y []string, o *Settings) (*head.Head, error) {
	if err := m.Check(); err != nil {
		return nil, err
	}
	return alone(ctx, "mlp", perceptrons{*m}, x, y, o)
}

// perceptrons is the family of one MLP.
type perceptrons struct{ MLP }

var _ Family = perceptrons{}

// candidate is what is recorded of m: what was asked for, but for what is 0.
func (m *MLP) candidate() Candidate {
	c := Candidate{Kind: "mlp", MLP: m}
	put := func(name string, value float64) {
		if value != 0 {
			c.Params = append(c.Params, head.Param{Name: name, Value: value})
		}
	}
	for i, n := range m.hidden() {
		put([]string{"hidden", "hidden 2"}[i], float64(n))
	}
	put("epochs", float64(m.epochs()))
	put("batch", float64(m.Batch))
	put("rate", m.rate())
	put("decay", m.Decay)
	put("dropout", m.Dropout)
	put("smoothing", m.Smoothing)
	put("mixup", m.Mixup)
	put("patience", float64(orElse(m.Patience, defaultPatience)))
	return c
}

// Begin returns the path of one candidate.
func (f perceptrons) Begin(ctx context.Context, b *Bench, parts []Part) (Path, error) {
	if err := f.Check(); err != nil {
		return nil, err
	}
	fits, err := b.problems(ctx, parts)
	if err != nil {
		return nil, err
	}
	return &perceptronFits{perceptrons: f, bench: b, fits: fits, fitted: make([]*Fitted, len(fits))}, nil
}

// perceptronFits is the path of perceptrons.
type perceptronFits struct {
	perceptrons
	bench  *Bench
	fits   []*problem
	fitted []*Fitted
	done   bool
}

// Next fits the perceptrons in the parts that are in.
func (p *perceptronFits) Next(ctx context.Context, in []bool) (Candidate, error) {
	if p.done {
		return Candidate{}, io.EOF
	}
	p.done = true
	threads := p.bench.threads
	err := parallel.Do(ctx, len(p.fits), threads, func(i int) error {
		if in != nil && !in[i] {
			return nil
		}
		t := newLesson(&p.MLP, p.fits[i], max(threads/len(p.fits), 1))
		how, err := t.run(ctx)
		if err != nil {
			return err
		}
		q := p.fits[i]
		p.fitted[i] = &Fitted{Classes: slices.Clone(q.present), Fit: *how, Constant: q.constant, problem: q, lesson: t}
		p.bench.fitted(1)
		return nil
	})
	return p.candidate(), err
}

// Fitted returns what was fitted to a part.
func (p *perceptronFits) Fitted(part int) *Fitted { return p.fitted[part] }

// lesson fits a perceptron to a part.
type lesson struct {
	*MLP
	*standardRows
	net     *network[float32]
	batches *backprop[float32]
	adam    *adam
	rng     *rand.Rand
	train   []int // places of rows, in the order of the epoch
	aside   []int // places of rows that say when to stop, ascending
	size    int   // rows of a batch
	steps   int   // that are done

	x, other, targets, mixed []float32
	places                   []int
	model                    *head.Perceptron // once the network is fitted
}

func newLesson(m *MLP, p *problem, threads int) *lesson {
	t := &lesson{MLP: m, standardRows: newStandardRows(p), rng: rand.New(rand.NewPCG(m.Seed, perceptronStreams))}
	sizes := slices.Concat([]int{p.x.d}, m.hidden(), []int{p.classes})
	t.net = newNetwork[float32](sizes)
	t.net.draw(t.rng)
	t.train, t.aside = setAside(p.labels, p.classes, t.rng)
	t.size = m.batch(len(t.train))
	products := simd.Float32{Threads: threads}
	t.batches = newBackprop(t.net, max(t.size, block), products.Sgemm)
	t.batches.outer = products.SparseOuter
	t.batches.dropout, t.batches.rng = m.Dropout, t.rng
	t.adam = newAdam(len(t.net.values))
	rows := max(t.size, block)
	t.x, t.targets = make([]float32, rows*p.x.d), make([]float32, rows*p.classes)
	if m.Mixup > 0 {
		t.other, t.mixed = make([]float32, rows*p.x.d), make([]float32, rows*p.classes)
	}
	return t
}

// setAside returns the places of rows to train on, and of one in ten of each
// class to stop by, never all of them; none of few rows.
func setAside(labels []int32, classes int, rng *rand.Rand) (train, aside []int) {
	if len(labels) < validationRows {
		return span(0, len(labels)), nil
	}
	of := make([][]int, classes)
	for i, k := range labels {
		of[k] = append(of[k], i)
	}
	at := 0
	for _, places := range of {
		rng.Shuffle(len(places), func(i, j int) { places[i], places[j] = places[j], places[i] })
		for i, p := range places {
			if at++; at%validationEvery == 0 && i < len(places)-1 {
				aside = append(aside, p)
			} else {
				train = append(train, p)
			}
		}
	}
	slices.Sort(train)
	slices.Sort(aside)
	return train, aside
}

// run goes through the epochs, and leaves the best weights.
func (t *lesson) run(ctx context.Context) (*head.Fit, error) {
	best, least, kept := slices.Clone(t.net.values), math.Inf(1), -1
	how := &head.Fit{Status: head.EpochLimit}
	for e := range t.epochs() {
		t.rng.Shuffle(len(t.train), func(i, j int) { t.train[i], t.train[j] = t.train[j], t.train[i] })
		loss, err := t.epoch(ctx)
		if err != nil {
			return nil, err
		}
		how.Passes++
		score := loss
		if t.aside != nil {
			if score, err = t.loss(ctx, t.aside); err != nil {
				return nil, err
			}
		}
		finite := loss-loss == 0 && score-score == 0 && notFinite(t.net.values) < 0
		if !finite && kept < 0 {
			return nil, &DivergedError{t.name, t.rate()}
		}
		if finite && (t.aside == nil || score < least) {
			least, kept, how.Objective = score, e, loss
			copy(best, t.net.values)
		}
		if !finite || t.aside != nil && e-kept >= orElse(t.Patience, defaultPatience) {
			how.Status = head.Stopped
			break
		}
	}
	copy(t.net.values, best)
	t.model = t.net.model(t.mean, t.scale)
	t.model.Normalize = t.problem.x.normalize
	return how, nil
}

// epoch goes over the rows of t.train once, and returns their mean loss.
func (t *lesson) epoch(ctx context.Context) (float64, error) {
	sum := 0.0
	perEpoch := (len(t.train) + t.size - 1) / t.size
	for lo := 0; lo < len(t.train); lo += t.size {
		loss, err := t.step(ctx, t.train[lo:min(lo+t.size, len(t.train))], t.epochs()*perEpoch)
		if err != nil {
			return 0, err
		}
		sum += loss
	}
	return sum / float64(len(t.train)), nil
}

// step moves the weights along the gradient over some rows, as one of so many
// steps, and returns the sum of the rows' losses.
func (t *lesson) step(ctx context.Context, places []int, of int) (float64, error) {
	t.places = append(t.places[:0], places...)
	slices.Sort(t.places)
	n, d, c := len(places), t.net.sizes[0], t.classes
	x, targets := t.x[:n*d], t.targets[:n*c]
	if err := t.placesTo(ctx, x, t.places); err != nil {
		return 0, err
	}
	t.targetsTo(targets, t.places)
	if t.Mixup > 0 {
		x, targets = t.mix(x, targets, n)
	}
	loss := t.batches.step(x, targets, n)
	rate := t.rate() / 2 * (1 + math.Cos(math.Pi*float64(t.steps)/float64(of)))
	t.steps++
	t.adam.step(t.net, t.batches.gradient, rate, t.Decay)
	return loss, nil
}

// targetsTo writes the targets of rows (len(places)×C): the weight of each, the
// most of it on its class, and a share spread over all.
func (t *lesson) targetsTo(dst []float32, places []int) {
	c := t.classes
	for i, p := range places {
		w := t.weightAt(p)
		row, spread := dst[i*c:(i+1)*c], float32(w*t.Smoothing/float64(c))
		for k := range row {
			row[k] = spread
		}
		row[t.labels[p]] += float32(w * (1 - t.Smoothing))
	}
}

// mix returns n rows and targets, each mixed with another one of them.
func (t *lesson) mix(x, targets []float32, n int) (rows, labels []float32) {
	share := float32(distuv.Beta{Alpha: t.Mixup, Beta: t.Mixup, Src: t.rng}.Rand())
	if !(share >= 0 && share <= 1) { // of an α so small that nothing lies between
		share = 1
	}
	d, c := t.net.sizes[0], t.classes
	for i, j := range t.rng.Perm(n) {
		mixTo(t.other[i*d:(i+1)*d], x[i*d:(i+1)*d], x[j*d:(j+1)*d], share)
		mixTo(t.mixed[i*c:(i+1)*c], targets[i*c:(i+1)*c], targets[j*c:(j+1)*c], share)
	}
	return t.other[:n*d], t.mixed[:n*c]
}

// mixTo writes share·a + (1−share)·b into dst.
func mixTo(dst, a, b []float32, share float32) {
	for i := range dst {
		dst[i] = float32(share*a[i]) + float32((1-share)*b[i])
	}
}

// loss returns the mean loss of rows, by their places, of labels as they are.
func (t *lesson) loss(ctx context.Context, places []int) (float64, error) {
	sum, total, c := 0.0, 0.0, t.classes
	p := make([]float64, c)
	for lo := 0; lo < len(places); lo += block {
		these := places[lo:min(lo+block, len(places))]
		x := t.x[:len(these)*t.net.sizes[0]]
		if err := t.placesTo(ctx, x, these); err != nil {
			return 0, err
		}
		z := t.batches.scores(x, len(these))
		for i, place := range these {
			for k, v := range z[i*c : (i+1)*c] {
				p[k] = float64(v)
			}
			own, w := p[t.labels[place]], t.weightAt(place)
			sum += w * (softmaxLogTo(p) - own)
			total += w
		}
	}
	return sum / total, nil
}

// allTo writes the scores of rows of the bench (ascending) into dst,
// len(rows)×C.
func (t *lesson) allTo(ctx context.Context, dst []float64, rows []int) error {
	for lo := 0; lo < len(rows); lo += block {
		hi := min(lo+block, len(rows))
		if err := t.scoresTo(ctx, dst[lo*t.classes:hi*t.classes], rows[lo:hi]); err != nil {
			return err
		}
	}
	return nil
}

// scoresTo writes the scores of rows of the bench (at most block, ascending)
// into dst, len(rows)×C.
func (t *lesson) scoresTo(ctx context.Context, dst []float64, rows []int) error {
	d, c, n := t.net.sizes[0], t.classes, len(rows)
	x := t.x[:n*d]
	if err := t.rowsTo(ctx, x, rows); err != nil {
		return err
	}
	z := t.batches.scores(x, n)
	for i, v := range z[:n*c] {
		dst[i] = float64(v)
	}
	for i, r := range rows {
		if notFinite(z[i*c:(i+1)*c]) < 0 {
			continue
		}
		// The row is so far from the others that float32 overflows.
		row, err := t.problem.x.rowsTo(make([]float32, d), []int{r})
		if err != nil {
			return err
		}
		t.model.ScoresTo(dst[i*c:(i+1)*c], row, 1)
	}
	return nil
}

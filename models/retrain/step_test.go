package retrain

import (
	"math"
	"slices"
	"strings"
	"testing"
)

// bound returns programs for n samples, ready to run.
func bound(t testing.TB, net *Network, n, classes, tokens int, h *Head) *programs {
	t.Helper()
	ps := newPrograms(library(t), net, form{classes: classes, n: n, threads: 1})
	if _, err := ps.at(tokens); err != nil {
		t.Fatal(err)
	}
	ps.begin(h, true)
	t.Cleanup(func() {
		if err := ps.Close(); err != nil {
			t.Error(err)
		}
	})
	return ps
}

// gradients runs a batch in parts of ps.n and returns the loss and a copy of
// the sum of the gradients.
func gradients(t testing.TB, ps *programs, d *Data, b batch) (float64, []float32) {
	t.Helper()
	total, loss := 0.0, 0.0
	for _, r := range b.rows {
		total += d.weight(r)
	}
	for i, part := range b.split(ps.n) {
		l, err := ps.step(t.Context(), d, alone(part), aim{0.1, total, i > 0})
		if err != nil {
			t.Fatal(err)
		}
		loss += l
	}
	return loss, slices.Clone(ps.gradients)
}

func numbers(n int) []int {
	v := make([]int, n)
	for i := range v {
		v[i] = i
	}
	return v
}

// weighted are 24 samples of each kind, which weigh 1, 2 and 3 in turn.
func weighted(t *testing.T) []shared {
	all := []shared{
		{name: "images", net: architecture(t, "resnet-17"), data: images(24), head: head(3, 16)},
		{name: "texts", net: attentionNetwork(), data: sentences(24, 14), head: head(2, 8)},
		{name: "vectors", net: toyNetwork("h0"), data: toyData(24, toyHidden), head: head(toyClasses, toyHidden)},
	}
	for _, c := range all {
		for i := range c.data.Labels {
			c.data.Weights = append(c.data.Weights, 1+float64(i%3))
		}
	}
	return all
}

// TestADividedBatchGivesTheSameStep: so do rows that fill up a short run.
func TestADividedBatchGivesTheSameStep(t *testing.T) {
	for _, c := range weighted(t) {
		t.Run(c.name, func(t *testing.T) {
			classes, tokens := len(c.head.Bias), 0
			if c.name == "texts" {
				tokens = 14
			}
			rows := numbers(16)
			loss, want := gradients(t, bound(t, c.net, 16, classes, tokens, c.head), c.data, batch{rows: rows, tokens: tokens})
			if !(loss > 0) || magnitude(want) == 0 {
				t.Fatalf("loss %v, largest gradient %v", loss, magnitude(want))
			}
			for _, n := range []int{20, 8, 5, 4, 1} {
				l, got := gradients(t, bound(t, c.net, n, classes, tokens, c.head), c.data, batch{rows: rows, tokens: tokens})
				if e := off(got, want, 0); !(e <= 1e-5) || !(math.Abs(l-loss) <= 1e-5*loss) {
					t.Errorf("in runs of %d: the gradients differ by %.1e, the loss is %v, not %v", n, e, l, loss)
				}
			}
		})
	}
}

// TestBucketsChangeNothing runs texts padded to their bucket and to more, with
// other tokens where the mask is 0.
func TestBucketsChangeNothing(t *testing.T) {
	d := sentences(64, 60)
	b := newBatches(d, 8)
	net, h := attentionNetwork(), head(2, 8)
	rows := slices.DeleteFunc(numbers(64), func(r int) bool { return len(d.Samples.(*texts).ids[r]) > 32 })[:8]
	ps := bound(t, net, 8, 2, 32, h)
	loss, want := gradients(t, ps, d, batch{rows: rows, tokens: 32})
	d.Samples.(*texts).pad = 7
	for _, tokens := range []int{32, 64, 128} {
		l, got := gradients(t, ps, d, batch{rows: rows, tokens: tokens})
		if e := off(got, want, 0); !(e <= 1e-5) || !(math.Abs(l-loss) <= 1e-5*loss) {
			t.Errorf("with %d tokens: the gradients differ by %.1e, the loss is %v, not %v", tokens, e, l, loss)
		}
	}

	tr := &training{programs: ps, batches: b, classes: 2, data: d}
	got, err := tr.logits(t.Context(), numbers(64))
	if err != nil {
		t.Fatal(err)
	}
	if len(ps.made) < 4 { // 16, 32, 60, and 64 and 128 from above
		t.Errorf("%d lengths", len(ps.made))
	}
	for r := range 64 {
		one := bound(t, net, 1, 2, len(d.Samples.(*texts).ids[r]), h)
		logits := make([]float32, 2)
		if err := one.forwardTo(t.Context(), logits, d, alone(batch{rows: []int{r}, tokens: len(d.Samples.(*texts).ids[r])})); err != nil {
			t.Fatal(err)
		}
		for c := range 2 {
			if !(math.Abs(got[2*r+c]-float64(logits[c])) <= 1e-5) {
				t.Fatalf("row %d: logits %v, not %v", r, got[2*r:2*r+2], logits)
			}
		}
	}
}

// TestAWeightIsARepetition: a row with weight 2 counts as one that is there
// twice, and one with weight 0 as none.
func TestAWeightIsARepetition(t *testing.T) {
	d, h := toyData(12, toyInputs), head(toyClasses, toyHidden)
	ps := bound(t, toyNetwork(""), 6, toyClasses, 0, h)
	loss, want := gradients(t, ps, d, batch{rows: []int{0, 1, 1, 2, 3}, tokens: 0})
	d.Weights = make([]float64, 12)
	copy(d.Weights, []float64{3, 6, 3, 3})
	l, got := gradients(t, ps, d, batch{rows: []int{0, 1, 2, 3, 7}, tokens: 0})
	if e := off(got, want, 0); !(e <= 1e-6) || !(math.Abs(l-loss) <= 1e-6*loss) {
		t.Errorf("the gradients differ by %.1e, the loss is %v, not %v", e, l, loss)
	}
	target := make([]float32, 6)
	d.Labels[1] = 2
	d.targetTo(target, []int{1}, 3, 0.3, 12)
	for i, want := range []float32{0.05, 0.05, 0.4, 0, 0, 0} {
		if math.Abs(float64(target[i]-want)) > 1e-7 {
			t.Fatalf("target %v", target)
		}
	}
}

func TestBatches(t *testing.T) {
	d := sentences(500, 100)
	b := newBatches(d, 16)
	if b.count != 19 || b.size != 16 || b.most != 100 {
		t.Errorf("%d batches of up to %d, %d tokens", b.count, b.size, b.most)
	}
	lengths := d.Samples.(*texts).ids
	padded, tokens := 0, 0
	var orders [][]int
	for epoch := range 2 {
		var order []int
		for _, batch := range b.epoch(3, epoch) {
			if len(batch.rows) < 15 || len(batch.rows) > 16 {
				t.Errorf("a batch of %d", len(batch.rows))
			}
			for _, r := range batch.rows {
				if len(lengths[r]) > batch.tokens {
					t.Fatalf("a row of %d tokens in a batch of %d", len(lengths[r]), batch.tokens)
				}
				padded += batch.tokens
				tokens += len(lengths[r])
			}
			order = append(order, batch.rows...)
		}
		orders = append(orders, order)
		if !slices.Equal(slices.Sorted(slices.Values(order)), d.Parts[0]) {
			t.Error("not each row is there once")
		}
		var again []int
		for _, batch := range b.epoch(3, epoch) {
			again = append(again, batch.rows...)
		}
		if !slices.Equal(order, again) {
			t.Error("the order is another one the second time")
		}
	}
	if slices.Equal(orders[0], orders[1]) {
		t.Error("two epochs have one order")
	}
	if float64(padded) > 1.5*float64(tokens) {
		t.Errorf("%d tokens are padded to %d", tokens, padded)
	}
	for tokens, want := range map[int]int{1: 16, 16: 16, 17: 32, 33: 64, 64: 64, 65: 100, 100: 100} {
		d.Samples.(*texts).ids[0] = make([]int64, tokens)
		if got := b.bucket(0); got != want {
			t.Errorf("%d tokens are padded to %d, not %d", tokens, got, want)
		}
	}
}

// TestAllLengthsTrainTheSameWeights: another network stands for one that has
// other weights for other lengths.
func TestAllLengthsTrainTheSameWeights(t *testing.T) {
	ps := newPrograms(library(t), toyNetwork("h0"), form{classes: toyClasses, n: 4, threads: 1})
	if _, err := ps.at(16); err != nil {
		t.Fatal(err)
	}
	ps.net = toyNetwork("h1")
	if _, err := ps.at(32); err == nil || !strings.Contains(err.Error(), "with inputs of 32 tokens it has other weights") {
		t.Errorf("%v", err)
	}
}

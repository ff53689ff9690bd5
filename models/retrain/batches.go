package retrain

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/headstart-ml/headstart/models/tensor"
)

// Samples is what is fed, by rows of the data set, in any order. Its methods
// are called one at a time; with several threads the rows of the next batch are
// asked for from another goroutine while a step runs, and those of a batch
// after which a training ends may be asked for in vain.
type Samples interface {
	// Tokens returns the length of a row before padding, 0 where shapes are
	// fixed.
	Tokens(row int) int
	// FillTo fills row k of each input with what belongs to view views[k] of
	// rows[k], padded to the input's shape; a row may be there twice. View 0 is
	// the row as it is, and views may be nil, which means that all are 0;
	// others are asked for up to Data.Views, in training alone. The inputs are
	// those of grad.Program.Inputs: the cut's activations first, then what else
	// the network behind the cut reads, such as masks.
	FillTo(ctx context.Context, inputs []tensor.View, rows, views []int) error
}

// Data is what is trained on.
type Data struct {
	Samples Samples
	// Labels holds the index of each row's class. −1 is a class that the head
	// does not know, in validation and test alone: no logits are right there.
	// Rows in no part are not looked at.
	Labels  []int
	Weights []float64 // of each row, in training alone: finite, ≥ 0; nil: all 1
	Parts   [3][]int  // rows of training, validation and test; test may be empty

	// Views is how many views of a row there are beside the row as it is. In
	// each epoch a training row is seen as the next one of them, beginning
	// anywhere.
	Views int
}

// partNames are the names of Data.Parts in messages.
var partNames = [3]string{"training", "validation", "test"}

// check tells what is wrong with the data for a head of a number of classes.
func (d *Data) check(classes int) error {
	if d == nil || d.Samples == nil {
		return fmt.Errorf("retrain: data: no samples are given")
	}
	if d.Views < 0 || d.Views > math.MaxInt32 {
		return fmt.Errorf("retrain: data: %d views, it must be a number from 0 on", d.Views)
	}
	if d.Weights != nil && len(d.Weights) != len(d.Labels) {
		return fmt.Errorf("retrain: data: %d weights for %d labels", len(d.Weights), len(d.Labels))
	}
	for p, rows := range d.Parts {
		for _, r := range rows {
			switch {
			case r < 0 || r >= len(d.Labels):
				return fmt.Errorf("retrain: data: %s row %d: there are labels for %d rows", partNames[p], r, len(d.Labels))
			case d.Labels[r] == -1 && p > 0: // a class that is in no training row: no logits are right
			case d.Labels[r] < 0 || d.Labels[r] >= classes:
				return fmt.Errorf("retrain: data: %s row %d: label %d, but the head has %d classes", partNames[p], r, d.Labels[r], classes)
			case d.Weights != nil && !(d.Weights[r] >= 0 && d.Weights[r] <= math.MaxFloat32):
				return fmt.Errorf("retrain: data: %s row %d: weight %v is not a finite number ≥ 0", partNames[p], r, d.Weights[r])
			case d.Samples.Tokens(r) < 0:
				return fmt.Errorf("retrain: data: %s row %d: %d tokens", partNames[p], r, d.Samples.Tokens(r))
			}
		}
	}
	if len(d.Parts[1]) == 0 {
		return fmt.Errorf("retrain: data: the validation part is empty; it decides which epoch is best; give it rows")
	}
	if !slices.ContainsFunc(d.Parts[0], func(r int) bool { return d.weight(r) > 0 }) {
		return fmt.Errorf("retrain: data: the training part is empty, or all of its weights are 0; give it rows")
	}
	return nil
}

func (d *Data) weight(row int) float64 {
	if d.Weights == nil {
		return 1
	}
	return d.Weights[row]
}

// view returns which view of a training row is seen in an epoch, the first of
// which is 1. It depends on nothing else, so a resumed training sees the same
// views.
func (d *Data) view(seed uint64, row, epoch int) int {
	n := d.Views + 1
	// The order of an epoch is drawn from its number. A row has the highest bit
	// set, so that no epoch has its number.
	first := rand.New(rand.NewPCG(seed, 1<<63|uint64(row))).IntN(n)
	return (epoch - 1 + first) % n
}

// batch is rows that are run together, padded to a number of tokens.
type batch struct {
	rows   []int
	tokens int
	views  []int // of the rows; nil: all are 0
}

// batches divides the rows of a data set.
type batches struct {
	data  *Data
	train []int // training rows with a weight
	count int   // batches of an epoch
	size  int   // of the largest of them
	most  int   // tokens of the longest row of all parts
}

func newBatches(d *Data, size int) *batches {
	b := &batches{data: d}
	for _, rows := range d.Parts {
		for _, r := range rows {
			b.most = max(b.most, d.Samples.Tokens(r))
		}
	}
	for _, r := range d.Parts[0] {
		if d.weight(r) > 0 {
			b.train = append(b.train, r)
		}
	}
	b.count = (len(b.train) + size - 1) / size
	b.size = (len(b.train) + b.count - 1) / b.count
	return b
}

// bucket returns the number of tokens that a row is padded to: a power of two
// from 16 on, or the length of the longest row.
func (b *batches) bucket(row int) int {
	tokens := b.data.Samples.Tokens(row)
	if tokens == 0 {
		return 0
	}
	bucket := 16
	for bucket < tokens {
		bucket *= 2
	}
	return min(bucket, b.most)
}

// epoch returns the batches of an epoch: rows of about one length together,
// otherwise in random order. They differ by one row at most, so that no row
// counts for much more than another.
func (b *batches) epoch(seed uint64, epoch int) []batch {
	rng := rand.New(rand.NewPCG(seed, uint64(epoch)))
	rows := slices.Clone(b.train)
	rng.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	slices.SortStableFunc(rows, func(x, y int) int { return cmp.Compare(b.bucket(x), b.bucket(y)) })
	all := make([]batch, b.count)
	for i := range all {
		part := rows[i*len(rows)/b.count : (i+1)*len(rows)/b.count]
		all[i] = batch{rows: part, tokens: b.bucket(part[len(part)-1])}
		if b.data.Views > 0 {
			for _, r := range part {
				all[i].views = append(all[i].views, b.data.view(seed, r, epoch))
			}
		}
	}
	rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

// split divides a batch into ones of at most n rows.
func (b batch) split(n int) []batch {
	var all []batch
	for i := 0; i < len(b.rows); i += n {
		end := min(i+n, len(b.rows))
		part := batch{rows: b.rows[i:end], tokens: b.tokens}
		if b.views != nil {
			part.views = b.views[i:end]
		}
		all = append(all, part)
	}
	return all
}

// inOrder returns batches of at most n of some rows, the short ones first, and
// for each row that is in them its place in rows.
func (b *batches) inOrder(rows []int, n int) (all []batch, places []int) {
	places = make([]int, len(rows))
	for i := range places {
		places[i] = i
	}
	slices.SortStableFunc(places, func(x, y int) int { return cmp.Compare(b.bucket(rows[x]), b.bucket(rows[y])) })
	sorted := make([]int, len(rows))
	for i, p := range places {
		sorted[i] = rows[p]
	}
	for len(sorted) > 0 {
		tokens, k := b.bucket(sorted[0]), 1
		for k < min(n, len(sorted)) && b.bucket(sorted[k]) == tokens {
			k++
		}
		all = append(all, batch{rows: sorted[:k], tokens: tokens})
		sorted = sorted[k:]
	}
	return all, places
}

// buckets returns the buckets of some rows, ascending.
func (b *batches) buckets(rows []int) []int {
	seen := make(map[int]bool)
	for _, r := range rows {
		seen[b.bucket(r)] = true
	}
	return slices.Sorted(maps.Keys(seen))
}

// targetTo writes the distributions that the rows of a batch aim at, n×C: the
// label's class, smoothed, times the row's share of the weight of total. Rows
// behind the batch's are 0.
func (d *Data) targetTo(dst []float32, rows []int, classes int, smoothing, total float64) {
	clear(dst)
	for k, r := range rows {
		share := d.weight(r) / total
		row := dst[k*classes : (k+1)*classes]
		for c := range row {
			row[c] = float32(share * smoothing / float64(classes))
		}
		row[d.Labels[r]] = float32(share * (1 - smoothing + smoothing/float64(classes)))
	}
}

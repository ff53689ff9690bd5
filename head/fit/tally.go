package fit

import "github.com/headstart-ml/headstart/head/internal/simd"

// tallyRows is how many rows of a cell are summed up as deviations from one
// pivot, the mean of those before.
const tallyRows = 1024

// tally adds rows, block by block, to the sums of the cells of a deal. Sums are
// of deviations from a pivot, so that nothing cancels.
type tally struct {
	cells   []tallyCell
	rows    [][]int     // of the block, of each cell
	weights [][]float64 // theirs
}

// tallyCell is what has come together since the last pivot.
type tallyCell struct {
	sums   *Sums
	since  simd.Moments // Pivot is nil before the first row
	n      int
	weight float64
}

func newTally(sums []*Sums) *tally {
	t := &tally{cells: make([]tallyCell, len(sums)), rows: make([][]int, len(sums)), weights: make([][]float64, len(sums))}
	for c := range t.cells {
		t.cells[c].sums = sums[c]
	}
	return t
}

// add adds a block of rows, len(numbers)×D, whose cells stand at their numbers.
func (t *tally) add(x []float32, numbers, cell []int, weights *Weights) {
	for c := range t.rows {
		t.rows[c], t.weights[c] = t.rows[c][:0], t.weights[c][:0]
	}
	for i, r := range numbers {
		c := cell[r]
		if c < 0 {
			continue
		}
		if w := weights.of(r); w != 0 {
			t.rows[c], t.weights[c] = append(t.rows[c], i), append(t.weights[c], w)
		}
	}
	d := len(x) / len(numbers)
	for c, rows := range t.rows {
		if len(rows) == 0 {
			continue
		}
		own := &t.cells[c]
		if own.since.Pivot == nil {
			own.since = simd.Moments{Pivot: make([]float64, d), Sum: make([]float64, d), Square: make([]float64, d)}
			for j, v := range x[rows[0]*d : (rows[0]+1)*d] {
				own.since.Pivot[j] = float64(v)
			}
		}
		own.since.Add(&simd.Picked{X: x, D: d, Rows: rows}, t.weights[c])
		own.n += len(rows)
		for _, w := range t.weights[c] {
			own.weight += w
		}
		if own.n >= tallyRows {
			own.flush()
		}
	}
}

// end adds what is left.
func (t *tally) end() {
	for c := range t.cells {
		if t.cells[c].n > 0 {
			t.cells[c].flush()
		}
	}
}

// flush adds what has come together to the sums, whose mean is the next pivot.
func (c *tallyCell) flush() {
	d := len(c.since.Pivot)
	own := &Sums{N: c.n, Weight: c.weight, Mean: make([]float64, d), Square: make([]float64, d)}
	for j, s := range c.since.Sum {
		mean := s / c.weight
		own.Mean[j], own.Square[j] = c.since.Pivot[j]+mean, c.since.Square[j]-s*mean
		if own.Square[j] < 0 {
			own.Square[j] = 0
		}
	}
	c.sums.Add(own)
	copy(c.since.Pivot, c.sums.Mean)
	clear(c.since.Sum)
	clear(c.since.Square)
	c.n, c.weight = 0, 0
}

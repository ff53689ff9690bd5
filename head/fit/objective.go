package fit

import (
	"context"
	"math"
	"slices"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
	"gonum.org/v1/gonum/floats"

	"github.com/headstart-ml/headstart/head/internal/parallel"
	"github.com/headstart-ml/headstart/head/internal/simd"
)

const (
	// maxLanes is the number of lanes that the rows of a large fit are cut
	// into; a lane is summed up by one goroutine.
	maxLanes = 8
	// laneRows is how many rows a lane has at least, if the rows are enough for
	// it.
	laneRows = 512
	// longRows is the same for more than manyWeights, whose sums in a lane of
	// its own cost as much as hundreds of rows.
	longRows, manyWeights = 2048, 1 << 16
	// flushRows is how many rows' products are summed up in float32 before they
	// go to float64.
	flushRows = 4 * block
	// panel is the number of columns that gradients are updated in at a time:
	// C×128 float32 stay in the first-level cache for a few classes.
	panel = 128
	// classPanel bounds the classes of a product. gonum's gemm starts
	// goroutines of its own for a destination of more than three tiles of
	// 64×64.
	classPanel = 64
)

// moments is the standardisation of a fit, for shifted rows: mean and scale (D
// each).
type moments struct{ mean, scale []float64 }

// objective is (1/N) Σ wᵢ·CEᵢ + λ/2 ‖W‖² over standardised rows, with its
// gradient. Its memory is used again in each evaluation, which are one at a
// time.
type objective struct {
	x       *matrix
	rows    []int     // ascending; N of them
	order   []int     // places in rows; see inOrder
	labels  []int32   // N, class of each row
	weight  []float64 // N, adding up to N; nil: all 1
	classes int       // C
	shift   *shift
	moments *moments
	lambda  float64
	threads int // goroutines of what is made from the rows
	crew    *parallel.Crew

	// probs, if it is not nil, is where an evaluation writes the probabilities
	// of the rows that it goes through: that of class k for the row at i is at
	// k·N + i. C×N.
	probs []float32

	curvature float64 // mean of p(1−p) over rows and classes at the last evaluation

	w32      []float32 // C×D, weights for shifted rows
	b        []float64 // C, intercepts for shifted rows
	standard *simd.Standard
	lanes    []*lane
}

// lane sums up the loss and its gradient over some of the rows.
type lane struct {
	buf  []float32 // block×D; this and what follows is nil in a fused pass
	rows []int     // block
	z    []float32 // block×C: logits, then residuals
	p    []float64 // C

	g32  []float32 // C×D, and zeros up to the next multiple of 16
	g    []float64 // likewise
	gb   []float64 // C
	loss float64
	pq   float64 // Σ p(1−p)

	fused *fused // nil: no pass was fused
	stale bool   // a fused pass has left something in g32
}

func newLane(c, d int) *lane {
	n := (c*d + 15) &^ 15
	return &lane{g32: make([]float32, n), g: make([]float64, n), gb: make([]float64, c)}
}

// laneCount returns the number of lanes for n rows. It depends on nothing else,
// and so do the bits of the sums.
func laneCount(n int) int { return min(max(n/laneRows, 1), maxLanes) }

// passLanes is laneCount for so many weights.
func passLanes(n, weights int) int {
	if weights > manyWeights {
		return min(max(n/longRows, 1), maxLanes)
	}
	return laneCount(n)
}

// evaluate returns the objective at weights w (C×D) and intercepts b (C) for
// standardised rows, and writes its gradient into dw and db.
func (o *objective) evaluate(ctx context.Context, w, b, dw, db []float64) (float64, error) {
	return o.over(ctx, nil, w, b, dw, db)
}

// evaluateBatch is evaluate over some of the rows, as if there were no others:
// those at the places batch of rows (each once, in any order). The weights are
// not scaled anew.
func (o *objective) evaluateBatch(ctx context.Context, batch []int, w, b, dw, db []float64) (float64, error) {
	if !slices.IsSorted(batch) {
		batch = slices.Sorted(slices.Values(batch))
	}
	return o.over(ctx, batch, w, b, dw, db)
}

// inOrder returns the places of rows in the order in which reading them is
// fastest; nil: as they are.
func (o *objective) inOrder() []int {
	if o.order == nil {
		o.order = o.x.inOrder(o.rows)
	}
	return o.order
}

// over evaluates over the rows at the places at; nil: over all.
func (o *objective) over(ctx context.Context, at []int, w, b, dw, db []float64) (float64, error) {
	c, d, n := o.classes, o.x.d, len(o.rows)
	if at != nil {
		n = len(at)
	} else {
		at = o.inOrder()
	}
	o.load(w, b)
	k := passLanes(n, c*d)
	for len(o.lanes) < k {
		o.lanes = append(o.lanes, newLane(c, d))
	}
	sum := o.sum
	if simd.Active() != simd.Portable {
		sum = o.fuse
	}
	// Each lane keeps its own sums, which are added up in their order: how many
	// goroutines there are changes no bit.
	err := o.crew.Do(ctx, k, func(l int) error {
		return sum(ctx, o.lanes[l], at, n*l/k, n*(l+1)/k)
	})
	if err != nil {
		return 0, err
	}
	loss, pq := 0.0, 0.0
	clear(db)
	for _, l := range o.lanes[:k] {
		loss += l.loss
		pq += l.pq
		for i, v := range l.gb {
			db[i] += v
		}
	}

	// From sums over shifted rows to the mean over standardised rows,
	// x' = (x−m)/s: dW' = (dW − db·mᵀ)/s.
	inv := 1 / float64(n)
	o.curvature = pq * inv / float64(c)
	square := 0.0
	for i := range c {
		db[i] *= inv
		g := dw[i*d : (i+1)*d]
		sum := o.lanes[0].g[i*d : (i+1)*d]
		for _, l := range o.lanes[1:k] {
			sum = floats.AddTo(g, sum, l.g[i*d:(i+1)*d])
		}
		square += o.standard.GradientTo(g, sum, w[i*d:(i+1)*d], inv, db[i], o.lambda)
	}
	return loss*inv + o.lambda/2*square, nil
}

// load turns weights and intercepts for standardised rows into those for
// shifted rows.
func (o *objective) load(w, b []float64) {
	c, d := o.classes, o.x.d
	if o.w32 == nil {
		o.w32, o.b = make([]float32, c*d), make([]float64, c)
		o.standard = &simd.Standard{Mean: o.moments.mean, Inverse: make([]float64, d)}
		for j, v := range o.moments.scale {
			o.standard.Inverse[j] = 1 / v
		}
	}
	for i := range c {
		o.b[i] = b[i] - o.standard.WeightsTo(o.w32[i*d:(i+1)*d], w[i*d:(i+1)*d])
	}
}

// sum adds up loss and gradient over the rows at places lo to hi of at; nil:
// at lo to hi.
func (o *objective) sum(ctx context.Context, l *lane, at []int, lo, hi int) error {
	c, d := o.classes, o.x.d
	if l.buf == nil {
		l.buf, l.rows, l.z, l.p = make([]float32, block*d), make([]int, block), make([]float32, block*c), make([]float64, c)
	}
	l.loss, l.pq = 0, 0
	clear(l.g)
	clear(l.g32)
	clear(l.gb)
	flush := 0
	for ; lo < hi; lo += block {
		if err := ctx.Err(); err != nil {
			return err
		}
		top := min(lo+block, hi)
		rows := l.rows[:0]
		if at == nil {
			rows = o.rows[lo:top]
		} else {
			for _, i := range at[lo:top] {
				rows = append(rows, o.rows[i])
			}
		}
		x, err := l.logits(o, rows)
		if err != nil {
			return err
		}
		for j := lo; j < top; j++ {
			i := j
			if at != nil {
				i = at[j]
			}
			z := l.z[(j-lo)*c : (j-lo+1)*c]
			y, w := o.labels[i], 1.0
			if o.weight != nil {
				w = o.weight[i]
			}
			// CE = ln Σ exp(z_c − max) − (z_y − max); dz = w·(softmax(z) −
			// onehot(y))
			for k, v := range z {
				l.p[k] = float64(v) + o.b[k]
			}
			zy := l.p[y]
			l.loss += w * (softmaxLogTo(l.p) - zy)
			for _, p := range l.p {
				l.pq += w * p * (1 - p)
			}
			if o.probs != nil {
				for k, p := range l.p {
					o.probs[k*len(o.rows)+i] = float32(p)
				}
			}
			l.p[y]--
			for k, v := range l.p {
				l.gb[k] += w * v
				z[k] = float32(w * v)
			}
		}
		// G += RᵀX, where R is rows×C and X is rows×D
		n := top - lo
		for k := 0; k < c; k += classPanel {
			kw := min(classPanel, c-k)
			r := blas32.General{Rows: n, Cols: kw, Stride: c, Data: l.z[k:]}
			for j := 0; j < d; j += panel {
				jw := min(panel, d-j)
				blas32.Gemm(blas.Trans, blas.NoTrans, 1, r,
					blas32.General{Rows: n, Cols: jw, Stride: d, Data: x[j:]}, 1,
					blas32.General{Rows: kw, Cols: jw, Stride: d, Data: l.g32[k*d+j:]})
			}
		}
		if flush += n; flush >= flushRows || top == hi {
			for i, v := range l.g32 {
				l.g[i] += float64(v)
			}
			clear(l.g32)
			flush = 0
		}
	}
	return nil
}

// logits computes the logits without intercepts of rows (at most block) into
// l.z, len(rows)×C, and returns the shifted rows.
func (l *lane) logits(o *objective, rows []int) ([]float32, error) {
	x, err := o.x.rowsTo(l.buf, rows)
	if err != nil {
		return nil, err
	}
	c, d, n := o.classes, o.x.d, len(rows)
	o.shift.to(l.buf, x, n)
	x = l.buf[:n*d]
	for k := 0; k < c; k += panel { // Z = X·Wᵀ
		kw := min(panel, c-k)
		blas32.Gemm(blas.NoTrans, blas.Trans, 1,
			blas32.General{Rows: n, Cols: d, Stride: d, Data: x},
			blas32.General{Rows: kw, Cols: d, Stride: d, Data: o.w32[k*d:]}, 0,
			blas32.General{Rows: n, Cols: kw, Stride: c, Data: l.z[k:]})
	}
	return x, nil
}

// logitsTo writes the logits of rows (ascending) at s, which is loaded, into
// dst, len(rows)×C.
func (o *objective) logitsTo(ctx context.Context, dst []float64, rows []int, s *solution) error {
	if simd.Active() != simd.Portable {
		return o.fusedLogits(ctx, dst, rows, s)
	}
	c := o.classes
	l := &lane{buf: make([]float32, block*o.x.d), z: make([]float32, block*c)}
	for lo := 0; lo < len(rows); lo += block {
		if err := ctx.Err(); err != nil {
			return err
		}
		top := min(lo+block, len(rows))
		if _, err := l.logits(o, rows[lo:top]); err != nil {
			return err
		}
		for i := lo; i < top; i++ {
			z, row := l.z[(i-lo)*c:(i-lo+1)*c], dst[i*c:(i+1)*c]
			for k, v := range z {
				row[k] = float64(v) + o.b[k]
			}
			if notFinite(z) >= 0 {
				if err := o.wideTo(row, rows[i], s); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// wideTo writes the logits of a row that is so far from those of the fit that
// float32 products overflow. They are computed in float64, or not finite if the
// row is not.
func (o *objective) wideTo(dst []float64, row int, s *solution) error {
	d := o.x.d
	x, err := o.x.rowsTo(make([]float32, d), []int{row})
	if err != nil {
		return err
	}
	copy(dst, s.b)
	for j, v := range x {
		v := (float64(v)*o.shift.of(j) - float64(o.shift.center[j]) - o.moments.mean[j]) / o.moments.scale[j]
		for k := range dst {
			dst[k] += s.w[k*d+j] * v
		}
	}
	return nil
}

// softmaxLogTo replaces logits z by softmax(z) and returns ln Σ exp(z).
func softmaxLogTo(z []float64) float64 {
	top := math.Inf(-1)
	for _, v := range z {
		top = max(top, v)
	}
	sum := 0.0
	for i := range z {
		z[i] -= top
	}
	simd.Exp(z)
	for _, v := range z {
		sum += v
	}
	for i := range z {
		z[i] /= sum
	}
	return top + math.Log(sum)
}

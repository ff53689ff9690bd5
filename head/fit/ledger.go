package fit

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strconv"

	"github.com/headstart-ml/headstart/head"
)

// Ledger is the sums of labelled rows by class: all that heads of NCM, Ridge
// and LDA are solved from. Rows that come later, of new classes too, are added
// without those that were there before, which need not be kept; heads are as if
// they had been fitted to all.
type Ledger struct {
	// Classes are the names of Sums.Classes, sorted by bytes.
	Classes []string
	// Sums has a scatter unless the ledger is for NCM alone.
	Sums *Sums
	// Normalize and NoStandardize are those of Settings.
	Normalize, NoStandardize bool
}

// NewLedger returns the ledger of no rows of d features, for NCM alone unless
// it has a scatter (D×D float64). Of o, which may be nil, Normalize and
// NoStandardize count. More than MaxFeatures features with a scatter are an
// error (a *FeaturesError).
func NewLedger(d int, scatter bool, o *Settings) (*Ledger, error) {
	switch {
	case d < 1:
		return nil, fmt.Errorf("head/fit: rows of %d features", d)
	case scatter && d > MaxFeatures:
		return nil, &FeaturesError{d}
	}
	t := &Ledger{Sums: NewSums(d)}
	t.Sums.Classes = []ClassSums{}
	if scatter {
		t.Sums.Scatter = make([]float64, d*d)
	}
	if o != nil {
		t.Normalize, t.NoStandardize = o.Normalize, o.NoStandardize
	}
	return t, nil
}

// Add adds rows x (n×D) of the classes y (n) and the weights w (n, finite and
// not negative; nil: all 1), in one pass. Of o, which may be nil, Name and
// Threads count. Errors: lengths that do not fit, a row that is not finite
// (head.ErrNotFinite), a weight that is none; what Rows.BlockTo or ctx return.
// After an error t is as it was.
func (t *Ledger) Add(ctx context.Context, x head.Rows, y []string, w []float64, o *Settings) error {
	if o == nil {
		o = &Settings{}
	}
	d, n := len(t.Sums.Mean), x.N()
	switch {
	case x.D() != d:
		return fmt.Errorf("head/fit: ledger: rows of %d features to those of %d", x.D(), d)
	case len(y) != n || w != nil && len(w) != n:
		return fmt.Errorf("head/fit: ledger: %d labels and %d weights for %d rows", len(y), len(w), n)
	}
	for i, v := range w {
		if !(v >= 0 && v <= math.MaxFloat64) {
			return fmt.Errorf("head/fit: ledger: row %d: weight %v is not a finite number ≥ 0", i, v)
		}
	}
	threads := o.Threads
	if threads == 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	name := o.Name
	if name == nil {
		name = strconv.Itoa
	}
	own, err := NewLedger(d, t.Sums.Scatter != nil, &Settings{Normalize: t.Normalize, NoStandardize: t.NoStandardize})
	if err != nil {
		return err
	}
	own.Classes = slices.Compact(slices.Sorted(slices.Values(y)))
	for range own.Classes {
		own.Sums.Classes = append(own.Sums.Classes, ClassSums{Mean: make([]float64, d)})
	}
	buf, wide, row := make([]float32, scatterRows*d), make([]float64, scatterRows*d), make([]float64, d)
	labels := make([]int, 0, scatterRows)
	for lo := 0; lo < n; lo += scatterRows {
		if err := ctx.Err(); err != nil {
			return err
		}
		hi := min(lo+scatterRows, n)
		block := buf[:(hi-lo)*d]
		if err := x.BlockTo(block, lo, hi); err != nil {
			return fmt.Errorf("head: features: rows %d to %d: %w", lo, hi-1, err)
		}
		labels = labels[:0]
		for i := lo; i < hi; i++ {
			values := block[(i-lo)*d : (i-lo+1)*d]
			if j := notFinite(values); j >= 0 {
				return fmt.Errorf("head: features: row %s: feature %d: %w; leave the row out or extract it again", name(i), j, head.ErrNotFinite)
			}
			if t.Normalize {
				normalizeTo(row, values)
			}
			k, _ := slices.BinarySearch(own.Classes, y[i])
			labels = append(labels, k)
		}
		for i, v := range block {
			wide[i] = float64(v)
		}
		var weights []float64
		if w != nil {
			weights = w[lo:hi]
		}
		own.Sums.AddRows(wide[:len(block)], labels, weights, threads)
	}
	return t.Merge(own)
}

// Merge adds the rows of u. Ledgers of other features, or of rows that are
// taken otherwise, are an error.
func (t *Ledger) Merge(u *Ledger) error {
	d := len(t.Sums.Mean)
	if len(u.Sums.Mean) != d || u.Normalize != t.Normalize || u.NoStandardize != t.NoStandardize || t.Sums.Scatter != nil && u.Sums.Scatter == nil {
		return fmt.Errorf("head/fit: ledger: rows of %d features, or taken otherwise, to those of %d", len(u.Sums.Mean), d)
	}
	all := slices.Concat(t.Classes, u.Classes)
	slices.Sort(all)
	all = slices.Compact(all)
	t.Sums.Classes, t.Classes = spread(t, all), all
	other := *u.Sums
	other.Classes = spread(u, all)
	t.Sums.Add(&other)
	return nil
}

// spread returns the sums of the classes of t in the order of all, which has
// them.
func spread(t *Ledger, all []string) []ClassSums {
	out := make([]ClassSums, len(all))
	for k, name := range all {
		if at, ok := slices.BinarySearch(t.Classes, name); ok {
			out[k] = t.Sums.Classes[at]
			out[k].Mean = slices.Clone(out[k].Mean)
		} else {
			out[k].Mean = make([]float64, len(t.Sums.Mean))
		}
	}
	return out
}

// Solve returns the head of a candidate of ncm, ridge or lda that is solved
// from t, which stays as it is. Errors: another kind, fewer than two classes
// with rows (a *ClassesError), and a scatter that is not there.
func (t *Ledger) Solve(c Candidate) (*head.Head, error) {
	e := FamilyOf(c.Kind)
	var f *closedForm
	if e != nil && e.Kind != "ncm" {
		f, _ = e.One(c).(*closedForm)
	}
	switch {
	case f == nil && c.Kind != "ncm":
		return nil, fmt.Errorf("head/fit: ledger: a head of kind %q is not solved from sums", c.Kind)
	case f != nil && t.Sums.Scatter == nil:
		return nil, fmt.Errorf("head/fit: ledger: it has no scatter, which %s needs", c.Kind)
	}
	d := len(t.Sums.Mean)
	p := &problem{bench: &Bench{o: Settings{NoStandardize: t.NoStandardize}}, mean: t.Sums.Mean, scale: make([]float64, d)}
	p.x = &matrix{d: d, normalize: t.Normalize}
	for k := range t.Classes {
		if t.Sums.Classes[k].N > 0 {
			p.present = append(p.present, k)
		}
	}
	if p.classes = len(p.present); p.classes < 2 {
		return nil, &ClassesError{"all rows", p.classes}
	}
	p.bench.scaleTo(p.scale, t.Sums)
	own := t.Sums.clone()
	p.standardize(own)
	var s *solution
	if f == nil {
		s = meansOf(p, own)
	} else {
		if f.prepare != nil {
			f.prepare(p, own)
		}
		s = f.solve(p, own, &f.candidates[0])
	}
	h := &head.Head{Kind: c.Kind, Task: head.KindOf(c.Kind).Task, Model: p.affine(s), Temperature: 1, Params: c.Params, Fit: s.fit}
	for _, k := range p.present {
		h.Classes = append(h.Classes, t.Classes[k])
	}
	return h, nil
}

// meansOf is the solution of NCM from standardised sums; see classMeans.
func meansOf(p *problem, s *Sums) *solution {
	d := p.x.d
	m := &solution{b: make([]float64, p.classes), fit: head.Fit{Status: head.ClosedForm}}
	for i, class := range p.present {
		for _, v := range s.Classes[class].Mean {
			m.w = append(m.w, v)
			m.b[i] -= v * v / 2
		}
		m.w = m.w[:(i+1)*d]
	}
	return m
}

// clone returns a copy that shares no memory.
func (s *Sums) clone() *Sums {
	out := *s
	out.Mean, out.Square, out.Scatter = slices.Clone(s.Mean), slices.Clone(s.Square), slices.Clone(s.Scatter)
	out.Classes = slices.Clone(s.Classes)
	for k := range out.Classes {
		out.Classes[k].Mean = slices.Clone(s.Classes[k].Mean)
	}
	return &out
}

// ledgerMagic is what the bytes of a ledger start with.
const ledgerMagic = "headstart-sums/1\x00"

// Flags of a ledger's bytes.
const (
	ledgerNormalized = 1 << iota
	ledgerRaw        // NoStandardize
	ledgerScatter
)

// MarshalBinary writes t: numbers are little-endian, of 8 bytes each. After the
// magic come flags, D, C, N and Σ w; means, squares; of each class the length
// of its name, the name, N, Σ w, means; and of the scatter, if there is one,
// the rows from the diagonal on.
func (t *Ledger) MarshalBinary() ([]byte, error) {
	out := []byte(ledgerMagic)
	number := func(v uint64) { out = binary.LittleEndian.AppendUint64(out, v) }
	floats := func(all ...float64) {
		for _, v := range all {
			number(math.Float64bits(v))
		}
	}
	var flags uint64
	for flag, on := range map[uint64]bool{ledgerNormalized: t.Normalize, ledgerRaw: t.NoStandardize, ledgerScatter: t.Sums.Scatter != nil} {
		if on {
			flags |= flag
		}
	}
	d := len(t.Sums.Mean)
	for _, v := range []int{int(flags), d, len(t.Classes), t.Sums.N} {
		number(uint64(v))
	}
	floats(t.Sums.Weight)
	floats(t.Sums.Mean...)
	floats(t.Sums.Square...)
	for k, name := range t.Classes {
		c := &t.Sums.Classes[k]
		number(uint64(len(name)))
		out = append(out, name...)
		number(uint64(c.N))
		floats(c.Weight)
		floats(c.Mean...)
	}
	if t.Sums.Scatter != nil {
		for i := range d {
			floats(t.Sums.Scatter[i*d+i : (i+1)*d]...)
		}
	}
	return out, nil
}

// errLedger says that bytes are not those of a ledger.
var errLedger = errors.New("head/fit: these are not the sums of rows that a head was solved from")

// UnmarshalBinary reads what MarshalBinary writes, and checks it.
func (t *Ledger) UnmarshalBinary(data []byte) error {
	rest, ok := bytes.CutPrefix(data, []byte(ledgerMagic))
	if !ok {
		return errLedger
	}
	number := func() (v uint64) {
		if len(rest) < 8 {
			ok = false
			return 0
		}
		v, rest = binary.LittleEndian.Uint64(rest), rest[8:]
		return v
	}
	floats := func(n uint64) []float64 {
		if n > uint64(len(rest)/8) {
			ok = false
			return nil
		}
		all := make([]float64, n)
		for i := range all {
			all[i] = math.Float64frombits(number())
			ok = ok && all[i]-all[i] == 0
		}
		return all
	}
	weight := func() float64 {
		v := floats(1)
		ok = ok && v[0] >= 0
		if !ok {
			return 0
		}
		return v[0]
	}
	flags, d, c, n := number(), number(), number(), number()
	if !ok || flags > 7 || d < 1 || d > uint64(len(rest)) || c > uint64(len(rest)) || n > math.MaxInt64 {
		return errLedger
	}
	out := Ledger{Sums: &Sums{N: int(n), Weight: weight()}, Normalize: flags&ledgerNormalized != 0, NoStandardize: flags&ledgerRaw != 0}
	out.Sums.Mean, out.Sums.Square = floats(d), floats(d)
	var rows uint64
	for i := uint64(0); i < c && ok; i++ {
		length := number()
		if !ok || length > uint64(len(rest)) {
			return errLedger
		}
		name := string(rest[:length])
		rest = rest[length:]
		own := ClassSums{N: int(min(number(), math.MaxInt32)), Weight: weight(), Mean: floats(d)}
		rows += uint64(own.N)
		ok = ok && (i == 0 || out.Classes[i-1] < name)
		out.Classes, out.Sums.Classes = append(out.Classes, name), append(out.Sums.Classes, own)
	}
	if ok && flags&ledgerScatter != 0 {
		if d > MaxFeatures || d*(d+1)/2 > uint64(len(rest)/8) {
			return errLedger
		}
		out.Sums.Scatter = make([]float64, d*d)
		for i := uint64(0); i < d; i++ {
			copy(out.Sums.Scatter[i*d+i:], floats(d-i))
		}
	}
	if !ok || len(rest) > 0 || rows != n {
		return errLedger
	}
	*t = out
	return nil
}

package study

import (
	"fmt"
	"math"
	"slices"
	"time"

	"gonum.org/v1/gonum/stat/distuv"
)

// Words of an Advice.
const (
	More    = "more"
	Enough  = "enough"
	Unclear = "unclear"
)

// worthwhile is from which gain on more data, or more depth, pay: one point.
const worthwhile = 0.01

// Advice says what would make the model better, by this rule:
//
// Data are "more" if twice as many would bring a point (0.01) or more with a
// probability of at least MoreSure, "enough" if with one of at most EnoughSure,
// and "unclear" between these.
//
// Depths are compared with the simplest one in pairs, see Chance. The simplest
// one is advised if it is within a point of the best with a probability of at
// least NearSure, no other one has a lower log-loss with one of at least
// BetterSure (which counts for nothing if the former is as high), and each was
// trained on all samples. Of the others, the simplest is advised that is within
// a point of the best with a probability of at least NearSure, has a higher
// accuracy and a lower log-loss than the simplest of all, and one of these with
// a probability of at least BetterSure. If none can be advised, "unclear" is.
type Advice struct {
	Data  string `json:"data"`  // More, Enough or Unclear
	Depth string `json:"depth"` // of a Curve, or Unclear
	// Text says so in two sentences, with the evidence.
	Text string `json:"text"`
	// Gain is what twice the samples are predicted to bring to the depth that
	// is advised, or to the simplest one; nil: nothing is predicted.
	Gain *Doubled `json:"gain,omitempty"`
	// Chances are those of the depths that were compared, from the simplest on.
	Chances []Chance `json:"chances,omitempty"`
	// Crossing says from which size on the best of the other depths is better
	// than the simplest one; nil: it cannot be told, or is not.
	Crossing *Crossing `json:"crossing,omitempty"`
	// Settle is what would settle what is unclear; nil: nothing is.
	Settle *Settle `json:"settle,omitempty"`
}

// Doubled is what twice the samples are predicted to bring.
type Doubled struct {
	Depth    string  `json:"depth"`
	From     int     `json:"from"` // training samples
	To       int     `json:"to"`
	Value    float64 `json:"value"`
	Low80    float64 `json:"low80"`
	High80   float64 `json:"high80"`
	Probable float64 `json:"probability"` // of a gain of a point or more
}

// Crossing is the size at which a depth becomes better than the simplest one.
type Crossing struct {
	Depth string `json:"depth"`
	N     int    `json:"n"`
	// Low and High are the 80 % interval; 0 is an end that it does not have.
	Low  int `json:"low,omitempty"`
	High int `json:"high,omitempty"`
}

// Settle is what would settle what is unclear.
type Settle struct {
	// Depth would be trained on all samples with a budget of about Budget
	// seconds; "" if all were.
	Depth  string  `json:"depth,omitempty"`
	Budget float64 `json:"budget,omitempty"`
	// Samples is about how many more labelled samples would tell whether the
	// best of the other depths gains a point; 0 if those are no matter.
	Samples int `json:"samples,omitempty"`
}

// MoreSure and EnoughSure are the probabilities of a gain of a point from which
// on, and up to which, there is an answer. Of public curves 36 % are between
// them, and of the answers to the others 89 % are right (make bench-study).
// Among five levels that were tried on these same curves 0.75 is the surest
// that leaves at most 40 % without an answer.
const (
	MoreSure   = 0.75
	EnoughSure = 0.25
)

// advise says what follows of a result whose Advice is not filled in.
func (r *run) advise(depths []Depth) Advice {
	a := Advice{Data: Unclear, Depth: Unclear}
	text := a.depth(r)
	a.Gain = r.gain(depths, a.Depth)
	a.Text = a.data(r.result) + " " + text
	return a
}

// last returns the last point of a curve that was trained together with the
// simplest depth.
func (c *Curve) last() *Point {
	for i := len(c.Points) - 1; i >= 0; i-- {
		if c.Points[i].Against != nil {
			return &c.Points[i]
		}
	}
	return nil
}

// depth fills in what is said of depths, and returns the sentence.
func (a *Advice) depth(run *run) string {
	r := run.result
	simplest := r.Curves[0].Depth
	chances := run.chances()
	chosen := sureness{NearSure, BetterSure}.pick(chances)
	if len(chances) > 1 {
		a.Chances = chances
	}
	if i := slices.IndexFunc(chances, func(c Chance) bool { return c.Depth == chosen }); i > 0 {
		a.Depth = chosen
		c := &chances[i]
		d := c.Difference
		s := fmt.Sprintf("More depth pays: with %s it is %s %s more than with %s at %s training samples (95 %% interval %s)", named(chosen), points(d.Value), r.pointsOf(), named(simplest), c.sizes(), span(d.Low, d.High))
		if c.Better < BetterSure {
			s += fmt.Sprintf(", and the log-loss is %.3f lower (%.3f to %.3f)", -d.LogLoss, -d.LogLossHigh, -d.LogLossLow)
		}
		k := slices.IndexFunc(r.Curves, func(c Curve) bool { return c.Depth == chosen })
		if a.Crossing = crossing(&r.Curves[k], run.together(&r.Curves[k])); a.Crossing != nil {
			s += fmt.Sprintf(", from about %s on%s", thousands(a.Crossing.N), a.Crossing.interval())
		}
		return s + "."
	}
	if missing := a.missing(r); missing != nil {
		a.Settle = missing
		s := fmt.Sprintf("Whether more depth pays cannot be told: %s was not trained on all %s samples", named(missing.Depth), thousands(r.N))
		if missing.Budget > 0 {
			s += fmt.Sprintf(", which is estimated to take %s of one core", lasting(time.Duration(missing.Budget*float64(time.Second))))
		}
		return s + "."
	}
	widest := a.widest(r.N)
	if widest == nil {
		if len(r.Curves) > 1 {
			return fmt.Sprintf("Whether more depth pays cannot be told: no other depth than %s was trained on all %s samples.", named(simplest), thousands(r.N))
		}
		return fmt.Sprintf("Whether more depth pays cannot be told: only %s was trained.", named(simplest))
	}
	d := widest.Difference
	evidence := fmt.Sprintf("%s %s from %s at %s training samples (95 %% interval %s)", signed(d.Value), r.pointsOf(), named(simplest), widest.sizes(), span(d.Low, d.High))
	if chosen != "" {
		a.Depth = simplest
		return fmt.Sprintf("More depth does not pay: %s, the most that another one may bring, is %s.", named(widest.Depth), evidence)
	}
	a.Settle = &Settle{Samples: r.samplesFor(d)}
	s := fmt.Sprintf("Whether more depth pays cannot be told: with %s it is %s", named(widest.Depth), evidence)
	if a.Settle.Samples > 0 {
		s += fmt.Sprintf(", and about %s more labelled samples would tell", thousands(a.Settle.Samples))
	}
	return s + "."
}

// widest is the chance of the depth that may gain most at the largest size, by
// the upper end of the interval; nil if only the simplest was trained there.
func (a *Advice) widest(n int) (out *Chance) {
	high := math.Inf(-1)
	for i := range a.Chances {
		if c := &a.Chances[i]; c.Difference != nil && c.N == n && c.Difference.High > high {
			out, high = c, c.Difference.High
		}
	}
	return out
}

// sizes writes the sizes that a difference was measured at.
func (c *Chance) sizes() string {
	if c.From == c.N {
		return thousands(c.N)
	}
	return thousands(c.From) + " to " + thousands(c.N)
}

// pointsOf names the points of a difference, which is one of accuracies, beside
// what curves are of.
func (r *Result) pointsOf() string {
	if r.Metric == Metrics[0] {
		return "points"
	}
	return "points of accuracy"
}

// missing is the cheapest depth that was not trained on all samples; nil if all
// were.
func (a *Advice) missing(r *Result) *Settle {
	var out *Settle
	for i := range r.Skipped {
		s := &r.Skipped[i]
		if s.Kind != "budget" || len(s.Sizes) > 0 && s.Sizes[len(s.Sizes)-1] < r.N {
			continue
		}
		if out == nil || s.Budget < out.Budget {
			out = &Settle{Depth: s.Depth, Budget: s.Budget}
		}
	}
	return out
}

// samplesFor estimates how many more labelled samples it takes to tell a
// difference, if it stays: so many that it is surely above 0, or surely less
// than a point, whichever takes fewer. Its error falls with the root of the
// number of those tested, which are a share of all.
func (r *Result) samplesFor(d *Difference) int {
	better, near := distuv.UnitNormal.Quantile(BetterSure), distuv.UnitNormal.Quantile(NearSure)
	enough := max(d.Value/better, (worthwhile-d.Value)/near) // as a standard error
	factor := d.SE / enough
	more := (factor*factor - 1) * float64(r.N+r.Test)
	if !(more > 0) || more > 1e9 {
		return 0
	}
	return rounded(more)
}

// rounded is a number with two digits that mean something, not less.
func rounded(x float64) int {
	unit := math.Pow(10, max(0, math.Floor(math.Log10(x))-1))
	return int(math.Ceil(x/unit-1e-9) * unit)
}

// crossing is where the difference of a depth from the simplest one, as a line
// over the logarithm of the size, passes 0, with Fieller's interval (Quarterly
// Journal of Experimental Biology 7:117, 1940); nil if there are fewer than
// three sizes, or the difference does not grow with the size, or passes 0
// outside of what was measured. A size counts by the error of its difference;
// together has the covariances of the differences, which are of the same test
// samples and of subsets that are part of each other: what those have of luck
// moves the whole line.
func crossing(c *Curve, together [][]float64) *Crossing {
	var w, wx, wy, wxx, wxy float64
	var x, k []float64
	first, last := 0, 0
	for _, p := range c.Points {
		if p.Against == nil {
			continue
		}
		if last = p.N; first == 0 {
			first = p.N
		}
		at, by := math.Log2(float64(p.N)), 1/(p.Against.SE*p.Against.SE)
		x, k = append(x, at), append(k, by)
		w, wx, wy, wxx, wxy = w+by, wx+by*at, wy+by*p.Against.Value, wxx+float64(by*at*at), wxy+float64(by*at*p.Against.Value)
	}
	det := float64(w*wxx) - float64(wx*wx)
	if len(x) < 3 || !(det > 0) {
		return nil
	}
	slope := (float64(w*wxy) - float64(wx*wy)) / det
	level := (float64(wxx*wy) - float64(wx*wxy)) / det
	if !(slope > 0) {
		return nil
	}
	at := math.Exp2(-level / slope)
	if at < float64(first) || at > float64(last) {
		return nil
	}
	out := &Crossing{Depth: c.Depth, N: int(math.Round(at))}
	// Slope and level are sums over the differences, of these shares of each.
	var vs, vl, cov float64
	for i := range x {
		si, li := k[i]*(float64(w*x[i])-wx)/det, k[i]*(wxx-float64(wx*x[i]))/det
		for j := range x {
			sj, lj := k[j]*(float64(w*x[j])-wx)/det, k[j]*(wxx-float64(wx*x[j]))/det
			vs += float64(si * sj * together[i][j])
			vl += float64(li * lj * together[i][j])
			cov += float64(si * lj * together[i][j])
		}
	}
	// The sizes at which the line is less than z errors from 0: a quadratic in
	// the logarithm, whose interval is bounded where the slope is clear of 0.
	const z = normal90
	qa, qb, qc := float64(slope*slope)-float64(z*z*vs), 2*(float64(level*slope)-float64(z*z*cov)), float64(level*level)-float64(z*z*vl)
	root := math.Sqrt(max(0, float64(qb*qb)-float64(4*qa*qc)))
	if qa > 0 {
		out.Low, out.High = out.end((-qb-root)/(2*qa), first, last), out.end((-qb+root)/(2*qa), first, last)
	}
	return out
}

// end is an end of an interval; 0 outside of what was measured.
func (*Crossing) end(log float64, first, last int) int {
	if n := math.Exp2(log); n >= float64(first) && n <= float64(last) {
		return int(math.Round(n))
	}
	return 0
}

// interval writes the interval of a crossing.
func (x *Crossing) interval() string {
	switch {
	case x.Low > 0 && x.High > 0:
		return fmt.Sprintf(" (80 %% interval %s to %s)", thousands(x.Low), thousands(x.High))
	case x.High > 0:
		return fmt.Sprintf(" (80 %%: at most %s)", thousands(x.High))
	case x.Low > 0:
		return fmt.Sprintf(" (80 %%: at least %s)", thousands(x.Low))
	}
	return ""
}

// named is a depth in a sentence.
func named(depth string) string {
	switch depth {
	case "head":
		return "the head alone"
	case "taps":
		return "a head on more taps"
	case "half":
		return "the last half of the layers retrained"
	case "all":
		return "all layers retrained"
	}
	var n int
	if _, err := fmt.Sscanf(depth, "last:%d", &n); err == nil && n == 1 {
		return "the last layer retrained"
	} else if err == nil {
		return fmt.Sprintf("the last %d layers retrained", n)
	}
	return depth
}

// points writes a share of 1 in hundredths.
func points(v float64) string { return fmt.Sprintf("%.1f", 100*v+0) }

// signed is points with a sign.
func signed(v float64) string {
	s := points(math.Abs(v))
	switch {
	case s == "0.0":
		return s
	case v < 0:
		return "−" + s
	}
	return "+" + s
}

// span is an interval in points.
func span(low, high float64) string { return signed(low) + " to " + signed(high) }

// thousands writes a count with commas.
func thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// data fills in what is said of data, and returns the sentence.
func (a *Advice) data(r *Result) string {
	g := a.Gain
	if g == nil {
		return fmt.Sprintf("Whether more data pays cannot be told: %s.", r.noCurve())
	}
	return a.pays()
}

// pays fills in whether more data pay, by what is predicted of twice as much,
// and returns the sentence.
func (a *Advice) pays() string {
	g := a.Gain
	evidence := fmt.Sprintf("doubling to %s training samples (%s more to label) is predicted to bring %s points (80 %% interval %s)", thousands(g.To), thousands(g.To-g.From), signed(g.Value), span(g.Low80, g.High80))
	switch {
	case g.Probable >= MoreSure:
		a.Data = More
		return "More data pays: " + evidence + "."
	case g.Probable <= EnoughSure:
		a.Data = Enough
		return "More data hardly pays: " + evidence + "."
	}
	return "Whether more data pays cannot be told: " + evidence + "."
}

// noCurve says why nothing is predicted.
func (r *Result) noCurve() string {
	return fmt.Sprintf("%s was trained at %s, and a curve needs %d", named(r.Curves[0].Depth), are(len(r.Curves[0].Points), "size", "sizes"), MinSizes)
}

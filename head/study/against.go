package study

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	heads "github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/experiment"
	"github.com/headstart-ml/headstart/head/measure"
)

const (
	// DefaultFolds and DefaultStrengths are defaults of AgainstSettings. The
	// strengths of λ, and the folds by which one of them is chosen, are fewer
	// than for one head, since another draw of the samples moves an accuracy by
	// more than what is between them.
	DefaultFolds     = 5
	DefaultStrengths = 8
	againstFolds     = 3
	// Of few samples it matters most which of them are in a fold together, and
	// dealing again costs least: as many seeds as test a thousand, in bounds.
	dealtSamples, leastDeals, mostDeals = 1000, 3, 10
)

// Candidate is one way to turn the same samples into features: a backbone, a
// tap, a modality, a prompt.
type Candidate struct {
	Name string
	// Rows are those of Data, in its order.
	Rows heads.Rows
	// MultiplyAdds is how many the backbone takes for a sample, Parameters how
	// many it has; 0: not known.
	MultiplyAdds, Parameters int64
}

// AgainstSettings says how candidates are compared. The zero value, and nil,
// mean the defaults.
type AgainstSettings struct {
	// Metric is one of measure.ScoreNames, by which one is picked; the default
	// "" means accuracy.
	Metric string
	// Folds is into how many samples are dealt, Deals with how many seeds. The
	// default 0 means DefaultFolds, and as many seeds as test a thousand
	// samples, from 3 to 10.
	Folds, Deals int
	// L2Points is how many strengths of λ each head's is chosen from, by folds
	// inside its training samples. The default 0 means 8.
	L2Points int
	// By says what stays together, as experiment.Settings.By does.
	By string
	// Seed is the first seed.
	Seed uint64
	// Threads is how many threads compute. The default 0 means GOMAXPROCS.
	Threads int
	// Progress, if it is not nil, is called before each candidate with each
	// seed, and in the end with "".
	Progress func(name string, done, total int)
}

// Against is what a comparison of candidates found out. It is plain data, and
// deterministic: no times are in it.
type Against struct {
	// Metric is what one was picked by.
	Metric string `json:"metric"`
	// N is the number of samples, Folds into how many they were dealt, with
	// each of Seeds.
	N     int      `json:"n"`
	Folds int      `json:"folds"`
	Seeds []uint64 `json:"seeds"`
	// Order is what "cheap" means: "multiply-adds", "parameters" or "dim".
	Order string `json:"cheap_by"`
	// Rivals are in the order of the candidates.
	Rivals []Rival `json:"rivals"`
	// Pick is the place of the one that was picked, Best of the best.
	Pick int `json:"pick"`
	Best int `json:"best"`
}

// Rival is what a candidate gives.
type Rival struct {
	Name         string `json:"name"`
	Dim          int    `json:"dim"`
	MultiplyAdds int64  `json:"multiply_adds,omitempty"`
	Parameters   int64  `json:"parameters,omitempty"`
	// Accuracy, MacroF1 and LogLoss are of samples that were held out, with
	// their 95 % intervals.
	Accuracy measure.Estimate `json:"accuracy"`
	MacroF1  measure.Estimate `json:"macro_f1"`
	LogLoss  measure.Estimate `json:"log_loss"`
	// Difference is by how much its accuracy is above the first one's, on the
	// same samples and folds; nil for the first one.
	Difference *measure.Estimate `json:"difference,omitempty"`
	// Verdict is "better" or "worse" than the first one, or "unclear" where the
	// interval of the difference holds 0; "" for the first one.
	Verdict string `json:"verdict,omitempty"`
	// Behind is by how much the best one is better by the metric, and the
	// standard error of this paired difference.
	Behind measure.Gain `json:"behind"`
	// Best and Pick mark the best one and the one that was picked.
	Best bool `json:"best,omitempty"`
	Pick bool `json:"pick,omitempty"`
}

// Advice says which candidate to take, and on what evidence, in one sentence.
func (a *Against) Advice() string {
	pick, best := &a.Rivals[a.Pick], &a.Rivals[a.Best]
	switch {
	case a.Pick != a.Best && a.cost(a.Pick) == a.cost(a.Best):
		return fmt.Sprintf("Take %s: %s samples cannot tell it from the best, %s (behind by %s, standard error %s), which costs as much, and its log-loss is lower (%.3f, not %.3f).",
			pick.Name, thousands(a.N), best.Name, a.amount(pick.Behind.Value), a.amount(pick.Behind.SE), pick.LogLoss.Value, best.LogLoss.Value)
	case a.Pick != a.Best:
		return fmt.Sprintf("Take %s: %s samples cannot tell it from the best, %s (behind by %s, standard error %s), and it is the cheapest of which that is so, with %s of the %s.",
			pick.Name, thousands(a.N), best.Name, a.amount(pick.Behind.Value), a.amount(pick.Behind.SE), ratio(a.cost(a.Pick), a.cost(a.Best)), orderWords[a.Order])
	}
	text := fmt.Sprintf("Take %s: it is the best of %d on %s samples", pick.Name, len(a.Rivals), thousands(a.N))
	var next *Rival // of those that are cheaper, the best
	for k := range a.Rivals {
		if r := &a.Rivals[k]; a.cost(k) < a.cost(a.Pick) && (next == nil || r.Behind.Value < next.Behind.Value) {
			next = r
		}
	}
	if next == nil {
		return text + ", and none costs less."
	}
	return text + fmt.Sprintf(", and of the cheaper ones %s comes nearest, behind by %s (standard error %s).", next.Name, a.amount(next.Behind.Value), a.amount(next.Behind.SE))
}

// orderWords are the orders of Against in a sentence.
var orderWords = map[string]string{"multiply-adds": "multiply-adds", "parameters": "parameters", "dim": "dimensions"}

// amount writes a difference of the metric.
func (a *Against) amount(v float64) string {
	switch a.Metric {
	case "log-loss":
		return fmt.Sprintf("%.3f of log-loss", v+0)
	case "macro-f1":
		return points(v) + " points of macro-F1"
	}
	return points(v) + " points"
}

// ratio writes a part of a whole.
func ratio(part, whole int64) string {
	share := 100 * float64(part) / float64(whole)
	if share < 10 {
		return fmt.Sprintf("%.1f %%", share)
	}
	return fmt.Sprintf("%.0f %%", share)
}

// CompareAgainst compares candidates in pairs: with each seed the samples are
// dealt into folds, the same for all, a softmax head of each is fitted on the
// others and tested on the fold that it has not seen. Differences are of what
// the same sample gives; what belongs together (d.Groups, d.Keys) is in one
// fold, and counts as one where standard errors are estimated, as does one
// sample with several seeds.
//
// Picked is the cheapest candidate that is behind the best by at most one
// standard error of the difference, and by at most a point (0.01; the log-loss
// has no points): what the samples cannot tell apart is decided by cost, but of
// few samples the standard error is some points, and more than one is not
// given away for that. Cheap is what takes fewest multiply-adds, or has fewest
// parameters where those are not known of all, or else fewest dimensions; of
// equally cheap ones it is the one with the lower log-loss.
//
// Of d, Rows, Splits and Weights do not count: a row whose split is "test"
// keeps out of it, as one without a label does. Errors: fewer than two
// candidates; rows of another number; those of experiment.Train; ctx's.
func CompareAgainst(ctx context.Context, d *experiment.Data, candidates []Candidate, s *AgainstSettings) (*Against, error) {
	c, err := s.complete()
	if err != nil {
		return nil, err
	}
	if len(candidates) < 2 {
		return nil, fmt.Errorf("study: %d candidates, at least 2 are needed", len(candidates))
	}
	for _, one := range candidates {
		if n := one.Rows.N(); n != len(d.Labels) {
			return nil, fmt.Errorf("study: candidate %s: %d rows for %d labels", one.Name, n, len(d.Labels))
		}
	}
	m := &match{AgainstSettings: c, candidates: candidates, data: *d}
	m.data.Splits, m.data.Weights = nil, nil
	m.data.Labels = slices.Clone(d.Labels)
	for i := range d.Splits {
		if d.Splits[i] == "test" {
			m.data.Labels[i] = ""
		}
	}
	return m.run(ctx)
}

// complete returns the settings with the defaults filled in.
func (s *AgainstSettings) complete() (*AgainstSettings, error) {
	c := AgainstSettings{}
	if s != nil {
		c = *s
	}
	for _, v := range []struct {
		name      string
		of        *int
		otherwise int
		least     int
	}{{"folds", &c.Folds, DefaultFolds, 2}, {"deals", &c.Deals, c.Deals, 0}, {"strengths of λ", &c.L2Points, DefaultStrengths, 2}} {
		if *v.of == 0 {
			*v.of = v.otherwise
		}
		if *v.of < v.least {
			return nil, fmt.Errorf("study: settings: %d %s, at least %d are needed", *v.of, v.name, v.least)
		}
	}
	if c.Metric == "" {
		c.Metric = measure.ScoreNames[0]
	}
	if !slices.Contains(measure.ScoreNames, c.Metric) {
		return nil, fmt.Errorf("study: settings: metric %q is none of %v", c.Metric, measure.ScoreNames)
	}
	if c.Progress == nil {
		c.Progress = func(string, int, int) {}
	}
	return &c, nil
}

// match is one comparison of candidates.
type match struct {
	*AgainstSettings
	candidates []Candidate
	data       experiment.Data

	classes  []string
	held     [][][]int           // of each seed, of each fold
	outcomes [][]measure.Outcome // of each candidate, of each seed and row
	rows     []int               // that were tested, of each seed
	units    []int               // of each outcome
	seeds    []uint64
}

func (m *match) run(ctx context.Context) (*Against, error) {
	if m.Deals == 0 {
		labelled := 0
		for _, label := range m.data.Labels {
			if label != "" {
				labelled++
			}
		}
		m.Deals = min(mostDeals, max(leastDeals, (dealtSamples+labelled-1)/max(labelled, 1)))
	}
	m.outcomes = make([][]measure.Outcome, len(m.candidates))
	total := m.Deals * len(m.candidates)
	for deal := range m.Deals {
		m.seeds = append(m.seeds, m.Seed+uint64(deal))
		for k := range m.candidates {
			m.Progress(m.candidates[k].Name, deal*len(m.candidates)+k, total)
			if err := m.test(ctx, deal, k); err != nil {
				return nil, err
			}
		}
	}
	m.Progress("", total, total)
	return m.result()
}

// test tests a candidate on the folds of a deal.
func (m *match) test(ctx context.Context, deal, k int) error {
	d := m.data
	d.Rows = m.candidates[k].Rows
	r, err := experiment.Train(ctx, &d, &experiment.Settings{
		Kind: "softmax", CV: m.Folds, Folds: againstFolds, L2Points: m.L2Points, By: m.By, Seed: m.seeds[deal], Threads: m.Threads,
	})
	if err != nil {
		return err
	}
	if k == 0 {
		m.held = append(m.held, r.Held)
		m.classes, m.rows = r.Classes, r.Predictions.Rows
		if m.units == nil && r.Predictions.Units == nil {
			r.Predictions.Units = make([]int, len(m.rows))
			for i := range m.rows {
				r.Predictions.Units[i] = i
			}
		}
		if deal == 0 {
			m.units = slices.Repeat(r.Predictions.Units, m.Deals)
		}
	}
	if !slices.EqualFunc(r.Held, m.held[deal], slices.Equal) {
		return fmt.Errorf("study: candidate %s: its folds hold out other samples than those of the first one", m.candidates[k].Name)
	}
	m.outcomes[k] = append(m.outcomes[k], r.Predictions.Outcomes...)
	return nil
}

// result says what comes of the outcomes.
func (m *match) result() (*Against, error) {
	a := &Against{Metric: m.Metric, N: len(m.rows), Folds: m.Folds, Seeds: m.seeds, Order: m.order()}
	names := make([]string, len(m.units))
	for i, u := range m.units {
		names[i] = fmt.Sprint(u)
	}
	of := &measure.Settings{Folds: m.Folds, Seed: m.Seed, Threads: m.Threads, Units: names}
	lead := 0.0
	for k, c := range m.candidates {
		v, err := measure.Evaluate(m.outcomes[k], m.classes, of)
		if err != nil {
			return nil, err
		}
		r := Rival{
			Name: c.Name, Dim: c.Rows.D(), MultiplyAdds: c.MultiplyAdds, Parameters: c.Parameters,
			Accuracy: v.Accuracy, MacroF1: v.MacroF1, LogLoss: v.LogLoss,
		}
		if k > 0 {
			p, err := measure.Compare(m.outcomes[0], m.outcomes[k], of)
			if err != nil {
				return nil, err
			}
			r.Difference, r.Verdict = &p.Accuracy, p.Verdict()
		}
		a.Rivals = append(a.Rivals, r)
		g, err := measure.GainOf(m.Metric, m.outcomes[0], m.outcomes[k], len(m.classes), m.units)
		if err != nil {
			return nil, err
		}
		if g.Value > lead {
			a.Best, lead = k, g.Value
		}
	}
	for k := range a.Rivals {
		var err error
		if a.Rivals[k].Behind, err = measure.GainOf(m.Metric, m.outcomes[k], m.outcomes[a.Best], len(m.classes), m.units); err != nil {
			return nil, err
		}
	}
	a.Pick = a.Best
	for k := range a.Rivals {
		if a.near(k) && a.cheaper(k, a.Pick) {
			a.Pick = k
		}
	}
	a.Rivals[a.Best].Best, a.Rivals[a.Pick].Pick = true, true
	return a, nil
}

// near tells whether a rival is so little behind the best that its cost
// decides. Rounding must not: where a single unit makes the difference, that is
// one standard error exactly.
func (a *Against) near(k int) bool {
	b := a.Rivals[k].Behind
	return b.Value <= b.SE*(1+1e-9) && (a.Metric == "log-loss" || b.Value <= worthwhile*(1+1e-9))
}

// order is what is known of the cost of all candidates.
func (m *match) order() string {
	known := func(of func(c *Candidate) int64) bool {
		return !slices.ContainsFunc(m.candidates, func(c Candidate) bool { return of(&c) <= 0 })
	}
	switch {
	case known(func(c *Candidate) int64 { return c.MultiplyAdds }):
		return "multiply-adds"
	case known(func(c *Candidate) int64 { return c.Parameters }):
		return "parameters"
	}
	return "dim"
}

// cheaper tells whether one of two rivals is to be picked: the one that costs
// less; of equal ones that with the lower log-loss, which tells more of few
// samples than an accuracy does; of these the better one, and the first.
func (a *Against) cheaper(one, than int) bool {
	x, y := &a.Rivals[one], &a.Rivals[than]
	return cmp.Or(cmp.Compare(a.cost(one), a.cost(than)), cmp.Compare(x.LogLoss.Value, y.LogLoss.Value), cmp.Compare(x.Behind.Value, y.Behind.Value), cmp.Compare(one, than)) < 0
}

// cost is that of a rival, by what is known of all.
func (a *Against) cost(k int) int64 { return a.Rivals[k].cost(a.Order) }

// cost is what a rival costs by an order.
func (r *Rival) cost(order string) int64 {
	switch order {
	case "multiply-adds":
		return r.MultiplyAdds
	case "parameters":
		return r.Parameters
	}
	return int64(r.Dim)
}

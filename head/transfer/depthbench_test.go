//go:build cgo && !windows

package transfer

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gonum.org/v1/gonum/stat"

	"github.com/headstart-ml/headstart/head/experiment"
	"github.com/headstart-ml/headstart/head/study"
)

// depthSizes are how many samples are studied, with depthSeeds seeds each, and
// depthTested is how many others depths are then measured on, if there are
// that many.
var depthSizes = []int{100, 200, 400}

const (
	depthSeeds  = 3
	depthTested = 1500
)

// trial is a study of some samples of a pair, and others that it does not see.
type trial struct {
	*pair
	name        string
	seed        uint64
	data        *experiment.Data
	train, test []int
	book        *Notebook
}

// trial draws the samples. What is learnt is kept in a file of the folder, as
// it takes hours: a benchmark that was stopped resumes.
func (p *pair) trial(b *testing.B, n int, seed uint64) *trial {
	order, err := experiment.Order(p.data, &experiment.Settings{Seed: 1000 + seed, By: "none"}, p.rows)
	if err != nil {
		b.Fatal(err)
	}
	d := *p.data
	d.Splits, d.Groups = nil, nil
	d.Labels = make([]string, len(p.data.Labels))
	t := &trial{pair: p, name: fmt.Sprintf("%s-%d-%d", p.name, n, seed), seed: seed, data: &d}
	t.train = slices.Sorted(slices.Values(order[:n]))
	t.test = slices.Sorted(slices.Values(order[n:min(n+depthTested, len(order))]))
	for _, r := range t.train {
		d.Labels[r] = p.data.Labels[r]
	}
	fingerprint, err := p.student.Fingerprint()
	if err != nil {
		b.Fatal(err)
	}
	dir := filepath.Join(os.Getenv("HEADSTART_PAIRS"), "depth")
	if err := os.MkdirAll(dir, 0o777); err != nil {
		b.Fatal(err)
	}
	if t.book, err = OpenNotebook(filepath.Join(dir, t.name+".notes"), fingerprint); err != nil {
		b.Fatal(err)
	}
	return t
}

// study asks which depth to take.
func (t *trial) study(b *testing.B) *study.Result {
	r, err := study.Run(b.Context(), t.data, t.student, &study.Settings{
		Seed: 10 * t.seed, Budget: 100 * time.Hour, Smallest: len(t.train) / 4, By: "none", Notebook: t.book,
	})
	if err != nil {
		b.Fatalf("%s: %v", t.name, err)
	}
	return r
}

// measured is what a depth reaches on the samples that the study did not see,
// with all that it saw.
func (t *trial) measured(b *testing.B, depth string) *study.Note {
	key := fmt.Sprintf("truth of %s, %d tested", depth, len(t.test))
	if note := t.book.Recall(key); note != nil {
		return note
	}
	learnt, err := t.student.Learn(b.Context(), &study.Lesson{Depth: &study.Depth{Name: depth}, Seed: t.seed, Train: t.train, Test: t.test})
	if err != nil {
		b.Fatalf("%s: %s: %v", t.name, depth, err)
	}
	note := &study.Note{Right: make([]byte, (len(learnt.Outcomes)+7)/8)}
	note.Test[0] = [2]float64{learnt.Test.Accuracy.Value, learnt.Test.Accuracy.SE}
	for i := range learnt.Outcomes {
		if o := &learnt.Outcomes[i]; o.Predicted == o.Label {
			note.Right[i/8] |= 1 << (i % 8)
		}
	}
	if err := t.book.Keep(key, note); err != nil {
		b.Fatal(err)
	}
	return note
}

// behind is by how much a note is less accurate than another one on the same n
// samples, and its standard error.
func behind(a, other *study.Note, n int) (difference, se float64) {
	x := make([]float64, n)
	for i := range x {
		x[i] = float64(other.Right[i/8]>>(i%8)&1) - float64(a.Right[i/8]>>(i%8)&1)
	}
	mean, sd := stat.MeanStdDev(x, nil)
	return mean, sd / math.Sqrt(float64(n))
}

// regrets counts how far choices are behind the best.
type regrets struct {
	name       string
	all, near  int // studies, and those of them whose choice is within a point
	nearAlone  int // of what was measured with the same seed alone
	sum, worst float64
	worse      int // than the head by more than two standard errors
}

// count counts a choice: how far it is behind the best over all seeds, and with
// the same seed alone.
func (r *regrets) count(behind, alone float64) {
	const point = 0.01
	r.all++
	r.sum, r.worst = r.sum+behind, max(r.worst, behind)
	if behind <= point {
		r.near++
	}
	if alone <= point {
		r.nearAlone++
	}
}

// BenchmarkDepthOnPairs asks at three sizes, with three seeds each, which depth
// to take, and measures what each depth reaches with all samples of the study
// on others: the mean over the seeds. The sets are those of bench/depth.py.
// HEADSTART_PAIRS_DEPTHS names other depths, HEADSTART_PAIRS_ONLY some of the
// sets, and HEADSTART_PAIRS_SAMPLES one of the sizes.
func BenchmarkDepthOnPairs(b *testing.B) {
	depths := []string{"head", "taps", "last:1"}
	if some := os.Getenv("HEADSTART_PAIRS_DEPTHS"); some != "" {
		depths = strings.Split(some, ",")
	}
	told, untold := &regrets{name: "the advice, where there is one"}, &regrets{name: "the advice; the head where it cannot be told"}
	always := make([]*regrets, len(depths))
	for i, name := range depths {
		always[i] = &regrets{name: "always " + name}
	}
	pairs := 0
	fmt.Printf("| set | samples | tested | %s | advised, by seed | behind the best |\n|%s\n", strings.Join(depths, " | "), strings.Repeat("---|", 5+len(depths)))
	onPairs(b, depths, func(p *pair) {
		p.student.heads.By = "none"
		pairs++
		for _, n := range depthSizes {
			if only := os.Getenv("HEADSTART_PAIRS_SAMPLES"); only != "" && only != fmt.Sprint(n) {
				continue
			}
			var notes [depthSeeds][]*study.Note
			var advised [depthSeeds]string
			tested := 0
			mean := make([]float64, len(depths))
			for seed := range notes {
				t := p.trial(b, n, uint64(seed))
				advised[seed], tested = t.study(b).Advice.Depth, len(t.test)
				for i, name := range depths {
					notes[seed] = append(notes[seed], t.measured(b, name))
					mean[i] += notes[seed][i].Test[0][0] / depthSeeds
				}
				if err := t.book.Close(); err != nil {
					b.Fatal(err)
				}
			}
			line, away := "", []string{}
			for i := range depths {
				line += fmt.Sprintf(" %.1f |", 100*mean[i])
			}
			for seed, name := range advised {
				alone := func(k int) float64 {
					best := 0.0
					for _, note := range notes[seed] {
						best = max(best, note.Test[0][0])
					}
					return best - notes[seed][k].Test[0][0]
				}
				k := slices.Index(depths, name)
				for i := range depths {
					always[i].count(slices.Max(mean)-mean[i], alone(i))
				}
				untold.count(slices.Max(mean)-mean[max(k, 0)], alone(max(k, 0)))
				if k < 0 {
					away = append(away, "–")
					continue
				}
				told.count(slices.Max(mean)-mean[k], alone(k))
				if d, se := behind(notes[seed][k], notes[seed][0], tested); d > 2*se {
					told.worse++
				}
				away = append(away, fmt.Sprintf("%.1f", 100*(slices.Max(mean)-mean[k])))
			}
			fmt.Printf("| %s | %d | %d |%s %s | %s |\n", p.name, n, tested, line, strings.Join(advised[:], ", "), strings.Join(away, ", "))
		}
	})
	fmt.Println("\n| choice | studies | within a point of the best | with the same seed alone | points behind, mean | worst |\n|---|---|---|---|---|---|")
	for _, r := range append([]*regrets{told, untold}, always...) {
		n := float64(max(r.all, 1))
		fmt.Printf("| %s | %d | %.0f %% | %.0f %% | %.2f | %.1f |\n", r.name, r.all, 100*float64(r.near)/n, 100*float64(r.nearAlone)/n, 100*r.sum/n, 100*r.worst)
	}
	right := float64(untold.all-told.all+told.near) / float64(max(untold.all, 1))
	fmt.Printf("\n%d pairs, %d studies, %d of them with advice: within a point of the best, or not told, %.0f %%; worse than the head by more than two standard errors: %d\n",
		pairs, untold.all, told.all, 100*right, told.worse)
	if right < 0.85 || told.worse > 0 {
		b.Errorf("at least 85 %% are to be within a point or not told, and none worse than the head")
	}
}

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

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract/contract"
	"github.com/headstart-ml/headstart/extract/features"
	"github.com/headstart-ml/headstart/head/experiment"
	"github.com/headstart-ml/headstart/head/study"
	"github.com/headstart-ml/headstart/models/builtin"
)

// pair is a real data set, embedded by a backbone.
type pair struct {
	name    string
	student *Student
	data    *experiment.Data
	rows    []int // that have a label, ascending
}

// onPairs calls f with each feature set of the folder HEADSTART_PAIRS, which
// make pairs fills. HEADSTART_PAIRS_ONLY names some of them.
func onPairs(b *testing.B, depths []string, f func(p *pair)) {
	dir := os.Getenv("HEADSTART_PAIRS")
	if dir == "" {
		b.Fatal("HEADSTART_PAIRS does not name the folder that make pairs fills; make pairs bench-study does both")
	}
	store, err := cache.Create(filepath.Join(dir, "cache"), nil)
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	paths, err := filepath.Glob(filepath.Join(dir, "*.features"))
	if err != nil || len(paths) == 0 {
		b.Fatalf("%s has no feature sets: %v", dir, err)
	}
	only := strings.Split(os.Getenv("HEADSTART_PAIRS_ONLY"), ",")
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".features")
		if only[0] != "" && !slices.Contains(only, name) {
			continue
		}
		func() {
			j, err := features.Open([]string{path}, store)
			if err != nil {
				b.Fatal(err)
			}
			defer j.Close()
			d := &Data{Features: j, Cache: store, Root: dir}
			if strings.HasPrefix(name, "emoji") { // its samples are in this repository
				d.Root = "../../testdata/emoji"
			}
			if len(depths) > 1 {
				if d.Spec, err = contract.Recall(j.Sets[0].Meta.Backbone, j.Spaces(), builtin.FS()); err != nil {
					b.Fatal(err)
				}
			}
			p := &pair{name: name}
			if p.student, err = NewStudent(d, &Settings{Head: experiment.Settings{L2Points: 10}}, depths); err != nil {
				b.Fatal(err)
			}
			defer p.student.Close()
			p.data = p.student.Data()
			for i, label := range p.data.Labels {
				if label != "" {
					p.rows = append(p.rows, i)
				}
			}
			f(p)
		}()
	}
}

// part is a share of the rows of a pair, drawn by a seed, as data in which the
// others have no label.
func (p *pair) part(b *testing.B, rows []int, n int, seed uint64) *experiment.Data {
	order, err := experiment.Order(p.data, &experiment.Settings{Seed: 1000 + seed}, rows)
	if err != nil {
		b.Fatal(err)
	}
	d := *p.data
	d.Splits = nil
	d.Labels = make([]string, len(p.data.Labels))
	for _, r := range order[:n] {
		d.Labels[r] = p.data.Labels[r]
	}
	return &d
}

// accuracy is what a depth reaches on test rows, with training rows.
func (p *pair) accuracy(b *testing.B, depth string, seed uint64, train, test []int) float64 {
	l := &study.Lesson{Depth: &study.Depth{Name: depth}, Seed: seed, Train: train, Test: test}
	learnt, err := p.student.Learn(b.Context(), l)
	if err != nil {
		b.Fatal(err)
	}
	return learnt.Test.Accuracy.Value
}

// BenchmarkStudyOnPairs studies 40 % of real data sets, with several seeds, and
// measures at the full size what was predicted there: the mean over five folds
// of all rows.
func BenchmarkStudyOnPairs(b *testing.B) {
	const seeds = 3
	inside, inside95, all, pairs := 0, 0, 0, 0
	var errs, widths []float64
	fmt.Println("| pair | at | from | measured | predicted (of each seed) | in the 80 % interval |")
	fmt.Println("|---|---|---|---|---|---|")
	onPairs(b, []string{"head"}, func(p *pair) {
		folds, err := experiment.Deal(p.data, nil, p.rows, 5)
		if err != nil {
			b.Fatal(err)
		}
		var truth []float64
		full := math.MaxInt
		for _, test := range folds {
			train := without(p.rows, test)
			full = min(full, len(train))
			truth = append(truth, p.accuracy(b, "head", 0, train, test))
		}
		measured := stat.Mean(truth, nil)
		var said []string
		hits, from := 0, 0
		for seed := range uint64(seeds) {
			d := p.part(b, p.rows, len(p.rows)*2/5, seed)
			r, err := study.Run(b.Context(), d, p.student, &study.Settings{At: []int{full}, Seed: 10 * seed, Budget: time.Hour})
			if err != nil {
				b.Fatalf("%s: %v", p.name, err)
			}
			from = r.N
			q := r.Predictions[0]
			errs = append(errs, math.Abs(q.Value-measured))
			widths = append(widths, q.High80-q.Low80)
			all++
			if q.Low80 <= measured && measured <= q.High80 {
				inside++
				hits++
			}
			if q.Low95 <= measured && measured <= q.High95 {
				inside95++
			}
			said = append(said, fmt.Sprintf("%.1f (%.1f–%.1f)", 100*q.Value, 100*q.Low80, 100*q.High80))
		}
		pairs++
		fmt.Printf("| %s | %d | %d | %.1f | %s | %d of %d |\n", p.name, full, from, 100*measured, strings.Join(said, ", "), hits, seeds)
	})
	slices.Sort(errs)
	slices.Sort(widths)
	share, median := float64(inside)/float64(all), errs[len(errs)/2]
	fmt.Printf("\n%d pairs, %d studies: %.0f %% in the intervals of 80 %%, %.0f %% in those of 95 %%; median error %.2f points, median width %.1f points\n",
		pairs, all, 100*share, 100*float64(inside95)/float64(all), 100*median, 100*widths[len(widths)/2])
	if os.Getenv("HEADSTART_PAIRS_ONLY") != "" {
		return
	}
	if pairs < 6 || share < 0.72 || share > 0.88 || median > 0.015 {
		b.Errorf("of at least 6 pairs 72 to 88 %% are to be inside, and the median error at most 1.5 points")
	}
}

// without returns rows less others, both ascending.
func without(rows, others []int) []int {
	var out []int
	for _, r := range rows {
		if _, in := slices.BinarySearch(others, r); !in {
			out = append(out, r)
		}
	}
	return out
}

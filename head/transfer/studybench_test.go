//go:build cgo && !windows

package transfer

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract/contract"
	"github.com/headstart-ml/headstart/extract/features"
	"github.com/headstart-ml/headstart/head/experiment"
	"github.com/headstart-ml/headstart/models/builtin"
)

// pair is a real data set, embedded by a backbone.
type pair struct {
	name    string
	student *Student
	learner *kept // the student's lessons
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
			p.learner = &kept{Learner: p.student}
			if folder := os.Getenv("HEADSTART_PAIRS_LESSONS"); folder != "" {
				p.learner.folder = filepath.Join(folder, name)
				if err := os.MkdirAll(p.learner.folder, 0o755); err != nil {
					b.Fatal(err)
				}
			}
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

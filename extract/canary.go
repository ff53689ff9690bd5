package extract

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract/embed"
	"github.com/headstart-ml/headstart/extract/source"
)

// MinCosine returns how similar a row that is computed again must be to the
// row of a space in the cache, as the cosine of the angle between them. ONNX
// Runtime promises no equal bits between versions, machines or batch sizes,
// and float16 rounds.
func MinCosine(space *cache.Space) float64 {
	if space.DType() == "f16" {
		return 0.999
	}
	return 0.9999
}

// Cosine returns the cosine of the angle between two rows of one space: 1 if
// both have length zero, 0 if one has, or is nil, or if a value is not finite.
func Cosine(a, b []float32) float64 {
	if a == nil || b == nil {
		return 0
	}
	var ab, aa, bb float64
	for i := range a {
		ab += float64(a[i]) * float64(b[i])
		aa += float64(a[i]) * float64(a[i])
		bb += float64(b[i]) * float64(b[i])
	}
	switch {
	case aa == 0 && bb == 0:
		return 1
	case aa == 0 || bb == 0:
		return 0
	}
	cos := ab / math.Sqrt(aa) / math.Sqrt(bb)
	if math.IsNaN(cos) {
		return 0
	}
	return cos
}

// DriftError says that a backbone gives another row for a sample than the one
// that the cache has of it, although nothing in the space's identity differs:
// the runtime, the machine or the program computes something else.
type DriftError struct {
	Space    string // fingerprint
	Backbone string
	Sample   string   // the one that differs most, as messages name it
	Cosine   float64  // between its rows, below Limit
	Limit    float64  // MinCosine of the space
	Checked  int      // samples that were embedded again
	Was      []string // what computed rows of the space, as far as its segments say
	Now      string   // what computes now, "" if it is not known
}

func (e *DriftError) Error() string {
	s := fmt.Sprintf("extract: space %.12s: %s: the backbone %s, run on it again, gives a row of cosine %.6f with the one in the cache, under %v (worst of %d); nothing more was computed",
		e.Space, e.Sample, e.Backbone, e.Cosine, e.Limit, e.Checked)
	if len(e.Was) > 0 {
		s += "\nthe rows were computed by " + strings.Join(e.Was, " and ")
		if e.Now != "" {
			s += "; now it is " + e.Now
		}
	} else if e.Now != "" {
		s += "\nnow it is computed by " + e.Now + "; what computed the rows is not known"
	}
	return s
}

// canaryJob is a sample that is embedded again.
type canaryJob struct {
	*embed.Job
	name string
	row  []float32 // in the cache
}

// canary embeds cached samples again and compares them with their rows of
// earlier runs, first in batches. If that gives other rows than one at a time,
// the backbone depends on its batch and what it gives one at a time counts.
func (r *run) canary() error {
	k := &r.checks
	jobs, err := r.canaryJobs()
	k.candidates, k.seen = nil, 0
	if err != nil || len(jobs) == 0 {
		return err
	}
	plain := make([]*embed.Job, len(jobs))
	for i, c := range jobs {
		plain[i] = c.Job
	}
	batches := r.modality.Plan(plain)
	if k.batching == embed.Alone {
		batches = embed.Singly(batches)
	}
	rows, err := r.again(batches)
	if err != nil {
		return err
	}
	worst, checked := r.taps.worst(jobs, rows)
	if checked == 0 {
		return nil // none can be prepared any more; later ones may tell
	}
	if slices.ContainsFunc(batches, func(b []*embed.Job) bool { return len(b) > 1 }) {
		suspect := slices.ContainsFunc(jobs, func(c canaryJob) bool {
			row, ok := rows[c.Job]
			return ok && (!r.taps.alike(row, c.row) || k.embedder.Differ(row, c.row))
		})
		if !suspect {
			k.batching = embed.Together
		} else {
			single, err := r.again(embed.Singly(batches))
			if err != nil {
				return err
			}
			byOne, _ := r.taps.worst(jobs, single)
			if slices.ContainsFunc(plain, func(j *embed.Job) bool { return k.embedder.Differ(rows[j], single[j]) }) || worst.drifted() && !byOne.drifted() {
				if err := r.apart(plain); err != nil {
					return err
				}
				worst = byOne
			} else {
				k.batching = embed.Together
			}
		}
	}
	if worst.drifted() {
		return &DriftError{
			Space: worst.space.Fingerprint(), Backbone: r.spec.Name, Sample: worst.name, Cosine: worst.cosine, Limit: MinCosine(worst.space), Checked: checked,
			Was: k.old.computedBy(), Now: provenance(r.by),
		}
	}
	r.release()
	return nil
}

// likeness is how similar a sample's embeddings of one tap are.
type likeness struct {
	name   string
	space  *cache.Space
	cosine float64
}

// drifted tells whether they are too different.
func (l likeness) drifted() bool { return l.cosine < MinCosine(l.space) }

// worst returns the sample and tap whose embedding is least like the one in
// the cache, and how many samples have a row.
func (t *taps) worst(jobs []canaryJob, rows map[*embed.Job][]float32) (worst likeness, checked int) {
	worst = likeness{"", t.all[0].space, 1}
	for _, c := range jobs {
		row, ok := rows[c.Job]
		if !ok {
			continue
		}
		for i := range t.all {
			if cos := Cosine(t.part(row, i), t.part(c.row, i)); checked == 0 && i == 0 || cos < worst.cosine {
				worst = likeness{c.name, t.all[i].space, cos}
			}
		}
		checked++
	}
	return worst, checked
}

// part returns tap i's part of a row, nil for a row that is not there.
func (t *taps) part(row []float32, i int) []float32 {
	if row == nil {
		return nil
	}
	return row[t.all[i].From:t.all[i].To]
}

// alike tells whether the embeddings of every tap are similar enough.
func (t *taps) alike(a, b []float32) bool {
	for i := range t.all {
		if Cosine(t.part(a, i), t.part(b, i)) < MinCosine(t.all[i].space) {
			return false
		}
	}
	return true
}

// canaryJobs reads candidates, and their rows of earlier runs. A sample that
// cannot be read any more, or has another content now, is none.
func (r *run) canaryJobs() ([]canaryJob, error) {
	k := &r.checks
	var jobs []canaryJob
	taken := make(map[cache.Key]bool)
	k.random.Shuffle(len(k.candidates), func(i, j int) { k.candidates[i], k.candidates[j] = k.candidates[j], k.candidates[i] })
	for _, c := range k.candidates {
		if len(jobs) == r.taps.atMost(canaries, checkBytes) {
			break
		}
		if taken[c.key] {
			continue
		}
		taken[c.key] = true
		row, err := k.old.row(c.key)
		if _, corrupt := errors.AsType[*cache.CorruptError](err); err != nil && !corrupt {
			return nil, err
		}
		if row == nil || !finite(row) {
			continue // this run computed it, or it cannot be compared
		}
		content, err := c.sample.Read(source.MaxContent)
		if failed := failure(c.sample, err); failed != nil {
			return nil, failed
		}
		if err != nil || cache.KeyOf(string(r.spec.Modality), content) != c.key {
			continue
		}
		jobs = append(jobs, canaryJob{&embed.Job{Key: c.key, Content: content}, c.sample.Place(), row})
	}
	return jobs, nil
}

func finite(row []float32) bool {
	return !slices.ContainsFunc(row, func(v float32) bool {
		return math.IsNaN(float64(v)) || math.IsInf(float64(v), 0)
	})
}

package transfer

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract"
	"github.com/headstart-ml/headstart/extract/embed"
	"github.com/headstart-ml/headstart/extract/features"
	"github.com/headstart-ml/headstart/extract/feed"
	"github.com/headstart-ml/headstart/extract/source"
	"github.com/headstart-ml/headstart/head/experiment"
	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/tensor"
)

// quick are settings that come to an end soon.
func quick(t testing.TB, tail string) *Settings {
	return &Settings{
		Tail: tail, Head: experiment.Settings{L2: 0.1, Threads: 1}, Epochs: 2, Patience: 2, LearningRate: 1e-3,
		Memory: 1 << 30, Threads: 1, Runtime: library(t),
	}
}

// opened is a Learner that is closed when the test ends.
func opened(t testing.TB, d *Data, s *Settings) *Learner {
	t.Helper()
	l, err := New(d, s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func namesOf(tried []*Attempt) (all []string) {
	for _, a := range tried {
		all = append(all, a.Way.Name)
	}
	return all
}

// counting counts the rows that go through a backbone.
type counting struct {
	embed.Backbone
	rows atomic.Int64
}

func (c *counting) Run(ctx context.Context, inputs, outputs []tensor.View) error {
	c.rows.Add(outputs[0].Shape[0])
	return c.Backbone.Run(ctx, inputs, outputs)
}

// TestAutoRunsTheFrozenLayersOnce counts what an automatic choice costs on a
// set that is new: each distinct content goes through the frozen layers once,
// for all cuts and taps together, and the source is gone through twice. Another
// time nothing is computed, and the result is the same.
func TestAutoRunsTheFrozenLayersOnce(t *testing.T) {
	for _, name := range []string{"vit", "resnet", "convnext", "distilbert"} {
		t.Run(name, func(t *testing.T) {
			d := extracted(t, name)
			distinct := map[cache.Key]bool{}
			for _, k := range d.Features.Table.Keys {
				distinct[k] = true
			}
			if len(distinct) != d.Features.Table.N()-1 {
				t.Fatalf("%d distinct contents of %d", len(distinct), d.Features.Table.N())
			}
			var first []float64
			for round := range 2 {
				passes, taps := 0, 0
				var stats extract.Stats
				var rows int64
				s := quick(t, Auto)
				s.Epochs = 1
				var l *Learner
				s.Extract = func(ctx context.Context, spec *models.Spec, src *source.Source) error {
					passes++
					taps = len(spec.Taps)
					backbone := l.session(spec)
					defer backbone.Close()
					b := &counting{Backbone: backbone}
					err := extract.Run(ctx, spec, b, d.Cache, src, nil, &stats, nil)
					rows = b.rows.Load()
					return err
				}
				told := 0
				s.Hooks.Activations = func(a Activations) {
					told++
					if a.Samples != d.Features.Table.N() || a.RowBytes <= 0 {
						t.Errorf("%+v", a)
					}
				}
				l = opened(t, d, s)
				reread := l.reread
				l.reread = func() (*source.Source, error) { passes++; return reread() }
				r, err := l.Try(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				var values []float64
				cuts := 0
				for _, a := range r.Outcomes[0].Tried {
					values = append(values, a.Result.Metrics.Validation.LogLoss.Value, float64(a.Parameters))
					if a.Way.Place != nil && a.Way.Place.Cacheable() {
						cuts++
					}
				}
				if len(values) < 8 || r.Stopped {
					t.Fatalf("%v", namesOf(r.Outcomes[0].Tried))
				}
				if round == 1 {
					if passes != 1 || rows != 0 || told != 0 {
						t.Errorf("another time there are %d passes, %d rows, and activations are announced %d times", passes, rows, told)
					}
					if !slices.Equal(values, first) {
						t.Errorf("another time it is %v, not %v", values, first)
					}
					continue
				}
				first = values
				if passes != 2 {
					t.Errorf("%d passes over the source, not 2", passes)
				}
				if n := stats.BackboneRows.Load(); n != int64(len(distinct)) || rows != n+stats.CheckRows.Load() || stats.CheckRows.Load() > 16 {
					t.Errorf("%d rows through the frozen layers, %d of them for checks, of %d distinct contents", rows, stats.CheckRows.Load(), len(distinct))
				}
				if taps < cuts+1 || told != min(cuts, 1) {
					t.Errorf("%d tensors in one run for %d cuts, announced %d times", taps, cuts, told)
				}
			}
		})
	}
}

// TestFitOnRowsOfTheCaller checks that a way fitted to the parts that a split
// gave is what Try fits, and that other rows are another lesson.
func TestFitOnRowsOfTheCaller(t *testing.T) {
	d := extracted(t, "vit")
	l := opened(t, d, quick(t, "last:1"))
	r, err := l.Try(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tried := r.Outcomes[0].Tried
	if !slices.Equal(namesOf(tried), []string{"head", "last:1"}) {
		t.Fatalf("%v", namesOf(tried))
	}
	parts := tried[0].Result.Parts
	for i, w := range l.Ways() {
		same, err := l.Fit(t.Context(), w, &Lesson{Parts: &parts})
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(same.Head, tried[i].Head) || same.Parameters != tried[i].Parameters {
			t.Errorf("%s: another head on the same rows", w.Name)
		}
		if w.Place != nil && !reflect.DeepEqual(same.Tail.Weights, tried[i].Tail.Weights) {
			t.Errorf("%s: another tail on the same rows", w.Name)
		}
		half := parts
		half.Train = parts.Train[:len(parts.Train)/2]
		fewer, err := l.Fit(t.Context(), w, &Lesson{Parts: &half})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(fewer.Result.Fitted, half.Train) || !slices.Equal(fewer.Result.Parts.Validation, parts.Validation) {
			t.Errorf("%s: fitted on %d rows, not on %d", w.Name, len(fewer.Result.Fitted), len(half.Train))
		}
		if reflect.DeepEqual(fewer.Head, tried[i].Head) {
			t.Errorf("%s: half of the rows give the same head", w.Name)
		}
	}
	for _, wrong := range []experiment.Parts{
		{Train: []int{-1}}, {Train: []int{d.Features.Table.N()}}, {Train: parts.Train, Validation: parts.Train},
	} {
		if _, err := l.Fit(t.Context(), l.Ways()[0], &Lesson{Parts: &wrong}); err == nil {
			t.Errorf("rows that there are not, or twice, are taken: %v", wrong)
		}
	}
	none := parts
	none.Validation = nil
	if _, err := l.Fit(t.Context(), l.Ways()[0], &Lesson{Parts: &none}); !errors.Is(err, ErrNoValidation) {
		t.Errorf("without a validation part: %v", err)
	}
}

// TestTryIsStopped stops an automatic choice in the training of its second
// tail: what was tried so far is the result, and resumed it comes to the same
// end as without.
func TestTryIsStopped(t *testing.T) {
	d := extracted(t, "convnext")
	settings := func() *Settings {
		s := quick(t, Auto)
		s.Epochs, s.Patience = 4, 4
		return s
	}
	l := opened(t, d, settings())
	whole, err := l.Try(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	names := namesOf(whole.Outcomes[0].Tried)
	if len(names) < 5 {
		t.Fatalf("%v", names)
	}
	second := names[3]
	s := settings()
	s.Checkpoint = filepath.Join(t.TempDir(), "x")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s.Hooks.Steps = func(w *Way, p Progress) {
		if w.Name == second && p.Step == 9 {
			cancel()
		}
	}
	stopped, err := opened(t, d, s).Try(ctx)
	if err != nil {
		t.Fatal(err)
	}
	tried := stopped.Outcomes[0].Tried
	if !stopped.Stopped || !slices.Equal(namesOf(tried), names[:4]) || tried[3].Training.Status != "interrupted" || len(stopped.Comparison.Ways) != 4 {
		t.Fatalf("stopped %v, with %v", stopped.Stopped, namesOf(tried))
	}
	if len(stopped.Checkpoints) != 2 {
		t.Fatalf("checkpoints %v", stopped.Checkpoints)
	}
	s.Hooks = Hooks{}
	var resumed []string
	s.Hooks.Resumed = func(w *Way, step int, _ string) {
		if step > 0 {
			resumed = append(resumed, w.Name)
		}
	}
	again, err := opened(t, d, s).Try(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(resumed, names[2:4]) {
		t.Errorf("resumed %v", resumed)
	}
	if !reflect.DeepEqual(again.Comparison, whole.Comparison) || !reflect.DeepEqual(again.Chosen().Head, whole.Chosen().Head) {
		t.Errorf("resumed it ends with %+v, not with %+v", again.Comparison, whole.Comparison)
	}
	if err := again.RemoveCheckpoints(); err != nil {
		t.Fatal(err)
	}
	for _, path := range again.Checkpoints {
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestATrainingBehindACutGoesOn stops a training behind a cut again and again,
// and resumes it with a feed that holds nothing: it ends with the same weights,
// of images with views and of texts alike. What is in memory decides nothing.
func TestATrainingBehindACutGoesOn(t *testing.T) {
	for _, c := range []struct {
		backbone string
		views    int
	}{{"vit", 2}, {"distilbert", 0}} {
		t.Run(c.backbone, func(t *testing.T) { goesOnBehindACut(t, extracted(t, c.backbone), c.views) })
	}
}

func goesOnBehindACut(t *testing.T, d *Data, views int) {
	parts := new(experiment.Parts)
	for i := range d.Features.Table.N() {
		to := []*[]int{&parts.Train, &parts.Train, &parts.Train, &parts.Validation, &parts.Test}[i%5]
		*to = append(*to, i)
	}
	train := func(ctx context.Context, checkpoint string, steps func(*Way, Progress)) *Attempt {
		s := quick(t, "half")
		s.Views, s.Epochs, s.Patience, s.Checkpoint, s.Hooks.Steps = views, 3, 3, checkpoint, steps
		s.LearningRate, s.Head.L2, s.Head.Repeat = 5e-3, 10, 2 // a head that is easy to beat; the feed is kept
		l, err := New(d, s)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		w := l.Ways()[1]
		if w.Place.Cut == "" {
			t.Fatalf("%+v", w.Place)
		}
		a, err := l.Fit(ctx, w, &Lesson{Seed: 4, Parts: parts})
		if err != nil {
			t.Fatal(err)
		}
		if computed := l.feeds[w.Place.Cut].Cost().Computed; a.Training.Status != "interrupted" && computed == 0 {
			t.Error("nothing was computed")
		}
		return a
	}
	undisturbed := train(t.Context(), "", nil)
	if undisturbed.Training.Best == 0 {
		t.Error("the start was the best, so that nothing is compared")
	}
	checkpoint := filepath.Join(t.TempDir(), "x")
	interruptions := 0
	for {
		ctx, cancel := context.WithCancel(t.Context())
		steps := 0
		a := train(ctx, checkpoint, func(*Way, Progress) {
			if steps++; steps == 5 {
				cancel()
			}
		})
		cancel()
		if a.Training.Status == "interrupted" {
			if interruptions++; interruptions > 20 {
				t.Fatal("it does not come to an end")
			}
			continue
		}
		if a.Training.Steps != undisturbed.Training.Steps || !reflect.DeepEqual(a.Tail.Weights, undisturbed.Tail.Weights) || !reflect.DeepEqual(a.Head, undisturbed.Head) || !reflect.DeepEqual(a.Training.Logits, undisturbed.Training.Logits) {
			t.Errorf("after %d interruptions it ends elsewhere", interruptions)
		}
		break
	}
	if interruptions < 3 {
		t.Errorf("%d interruptions", interruptions)
	}
}

// TestSamplesThatAreGone checks what is said of samples that cannot be read
// again, for a tail and for all.
func TestSamplesThatAreGone(t *testing.T) {
	d := extracted(t, "vit")
	table := d.Features.Sets[0].Meta.Source[0]
	content, err := os.ReadFile(table)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(content), "\n")
	put := func(lines []string) {
		t.Helper()
		if err := os.WriteFile(table, []byte(strings.Join(lines, "")), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	put(append(slices.Clone(lines[:3]), lines[6:]...)) // three fewer
	for _, tail := range []string{"last:1", Auto} {
		_, err := opened(t, d, quick(t, tail)).Try(t.Context())
		gone, ok := errors.AsType[*extract.GoneError](err)
		if !ok || gone.Gone != 3 || gone.N != d.Features.Table.N() {
			t.Errorf("%s: %v", tail, err)
		}
		if one, named := errors.AsType[*TailError](err); named != (tail != Auto) || named && one.Tail != tail {
			t.Errorf("%s: %v", tail, err)
		}
	}
	// What the cache has by now needs the samples no less: they are fed.
	put(lines)
	if _, err := opened(t, d, quick(t, "last:1")).Try(t.Context()); err != nil {
		t.Fatal(err)
	}
	put(lines[:4])
	_, err = opened(t, d, quick(t, "last:1")).Try(t.Context())
	if stale, ok := errors.AsType[*feed.StaleError](err); !ok || len(stale.Gone) != d.Features.Table.N()-3 {
		t.Errorf("with activations in the cache: %v", err)
	}
	if err := os.Remove(table); err != nil {
		t.Fatal(err)
	}
	_, err = opened(t, d, quick(t, "all")).Try(t.Context())
	if _, ok := errors.AsType[*extract.MovedError](err); !ok {
		t.Errorf("without the table: %v", err)
	}
}

// TestSettingsThatWillNotDo checks the facts of errors.
func TestSettingsThatWillNotDo(t *testing.T) {
	d := extracted(t, "distilbert")
	for _, c := range []struct {
		change func(*Settings)
		is     func(error) bool
	}{
		{func(s *Settings) { s.Views = 1 }, func(err error) bool {
			v, ok := errors.AsType[*ViewsError](err)
			return ok && v.Views == 1 && v.Modality == models.Text
		}},
		{func(s *Settings) { s.Tail = "last:99" }, func(err error) bool {
			p, ok := errors.AsType[*PlaceError](err)
			return ok && p.Kind == PlaceTooDeep && p.Place == "last:99"
		}},
		{func(s *Settings) { s.Head.Kind = "ncm" }, func(err error) bool { return err != nil }},
		{func(s *Settings) { s.Head.CV = 3 }, func(err error) bool { return err != nil }},
		{func(s *Settings) { s.DType = "f8" }, func(err error) bool { return err != nil }},
		{func(s *Settings) { s.Memory = -1 }, func(err error) bool { return err != nil }},
		{func(s *Settings) { s.Replicas = -1 }, func(err error) bool { return err != nil }},
		{func(s *Settings) { s.Replicas = 2 }, func(err error) bool {
			e, ok := errors.AsType[*ReplicasError](err)
			return ok && e.Replicas == 2 && e.Threads == 1 && e.BatchSize == DefaultBatchSize
		}},
	} {
		s := quick(t, "last:1")
		c.change(s)
		if l, err := New(d, s); !c.is(err) {
			t.Errorf("%+v: %v", s, err)
			if err == nil {
				l.Close()
			}
		}
	}
	s := quick(t, "all")
	s.Memory = 10 << 10
	l := opened(t, d, s)
	_, err := l.Fit(t.Context(), l.Ways()[1], new(Lesson))
	if tail, ok := errors.AsType[*TailError](err); !ok || tail.Tail != "all" || !dispensable(tail.Err) {
		t.Errorf("with too little memory: %v", err)
	}
	two := *d.Features
	two.Sets = append(slices.Clone(two.Sets), two.Sets[0])
	if _, err := New(&Data{Features: &two, Spec: d.Spec, Cache: d.Cache}, nil); !errors.Is(err, ErrSpaces) {
		t.Errorf("two sets: %v", err)
	}
	several := *d.Features.Sets[0]
	several.Meta.MultiLabel, several.Labels, several.LabelLists = true, nil, make([][]string, several.N())
	j, err := features.OpenSets([]*features.Set{&several}, []string{"x.features"}, d.Cache)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	_, err = New(&Data{Features: j, Spec: d.Spec, Cache: d.Cache}, nil)
	if e, ok := errors.AsType[*features.SeveralError](err); !ok || !slices.Equal(e.Sets, []string{"x.features"}) {
		t.Errorf("several labels a sample: %v", err)
	}
}

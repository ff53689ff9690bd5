package extract_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract"
	"github.com/headstart-ml/headstart/extract/contract"
	"github.com/headstart-ml/headstart/extract/source"
	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/tensor"
)

// lines writes texts number lo ≤ i < hi, after others, and returns the file.
func lines(t *testing.T, before []string, lo, hi int) string {
	t.Helper()
	texts := slices.Clone(before)
	for i := lo; i < hi; i++ {
		texts = append(texts, fmt.Sprintf("text number %d", i))
	}
	return write(t, "texts.txt", strings.Join(texts, "\n")+"\n")
}

// rowsOf counts the sealed rows of spec in a cache.
func rowsIn(t *testing.T, c *cache.Cache, spec *models.Spec) int {
	t.Helper()
	space, err := contract.SpaceOf(spec, spec.Taps[0])
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.Reader(space)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	return r.Rows()
}

// wantChecks compares counts of rows.
func wantChecks(t *testing.T, what string, stats *extract.Stats, backbone, checks int64) {
	t.Helper()
	if b, c := stats.BackboneRows.Load(), stats.CheckRows.Load(); b != backbone || c != checks {
		t.Errorf("%s: %d rows through the backbone and %d for checks, want %d and %d", what, b, c, backbone, checks)
	}
}

// reversed is another runtime: its rows point elsewhere.
func reversed(v float32) float32 { return v*v - 20 }

// by is a Provenance that says so.
func by(fields map[string]string) func() (map[string]string, error) {
	return func() (map[string]string, error) { return fields, nil }
}

func TestDriftIsStopped(t *testing.T) {
	spec, dir := textSpec(t), t.TempDir()
	old := &extract.Settings{Provenance: by(map[string]string{"runtime": "old 1.0", "provider": "cpu"})}
	if _, _, err := runOver(t, dir, spec, new(fake), old, nil, lines(t, nil, 0, 20)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ batch, checks int }{
		{7, 16}, // together, and once more each alone
		{1, 8},
	} {
		now := &extract.Settings{BatchSize: c.batch, Provenance: by(map[string]string{"runtime": "new 2.0"})}
		_, stats, err := runOver(t, dir, spec, &fake{wreck: reversed}, now, nil, lines(t, nil, 0, 25))
		drift, ok := errors.AsType[*extract.DriftError](err)
		if !ok {
			t.Fatalf("batches of %d: the error is %v", c.batch, err)
		}
		wantChecks(t, "drifted", stats, 0, int64(c.checks))
		if n := rowsIn(t, store(t, dir), spec); n != 20 || stats.Computed.Load() != 0 {
			t.Errorf("the cache has %d rows after the run, want the 20 that it had", n)
		}
		space, _ := contract.SpaceOf(spec, spec.Taps[0])
		if drift.Space != space.Fingerprint() || drift.Checked != 8 || drift.Limit != 0.9999 || !(drift.Cosine < 0.9999) {
			t.Errorf("%+v", drift)
		}
		for _, part := range []string{
			"space " + space.Fingerprint()[:12] + ":", "fake-text", "texts.txt:", fmt.Sprintf("%.6f", drift.Cosine), "0.9999",
			"provider cpu, runtime old 1.0", "runtime new 2.0",
		} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("the error does not say %q: %v", part, err)
			}
		}
		if n := strings.Count(err.Error(), "\n"); n > 2 {
			t.Errorf("an error of %d lines", n+1)
		}
	}

	// With what computed the rows before, it goes on.
	_, stats, err := runOver(t, dir, spec, new(fake), old, nil, lines(t, nil, 0, 25))
	if err != nil {
		t.Fatal(err)
	}
	wantChecks(t, "the old runtime again", stats, 5, 8)
	// What is of another length only is the same direction: no drift.
	_, stats, err = runOver(t, dir, spec, &fake{wreck: func(v float32) float32 { return 2 * v }}, old, nil, lines(t, nil, 0, 26))
	if err != nil {
		t.Fatal(err)
	}
	wantChecks(t, "twice as long", stats, 1, 16)
}

func TestNothingToComputeChecksNothing(t *testing.T) {
	dir, root := t.TempDir(), t.TempDir()
	apple, err := os.ReadFile("../testdata/emoji/images/1f34e.png")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "apple.png"), apple, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, err := runOver(t, dir, imageSpec(), new(fake), nil, nil, root); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("the backbone was called")
	calls := &fake{fail: func(int64) error { return broken }}
	if _, _, err := runOver(t, dir, imageSpec(), calls, nil, nil, root); err != nil {
		t.Error(err)
	}
	// A bad sample is missing from the cache in every run.
	if err := os.WriteFile(filepath.Join(root, "bad.png"), apple[:100], 0o644); err != nil {
		t.Fatal(err)
	}
	_, stats, err := runOver(t, dir, imageSpec(), calls, nil, nil, root)
	if err != nil || stats.Bad.Load() != 1 {
		t.Errorf("%d bad, %v", stats.Bad.Load(), err)
	}
}

// The cached samples come after more or fewer windows of new ones, of 4096
// texts each.
func TestCanaryIsLookedForAhead(t *testing.T) {
	const window = 4096
	cached := make([]string, 20)
	for i := range cached {
		cached[i] = fmt.Sprintf("text number %d", i)
	}
	for _, c := range []struct {
		windows  int // of new texts before the cached ones
		ahead    bool
		together int64 // check rows of the test of independence
	}{{1, true, 0}, {3, true, 0}, {6, false, 8}} {
		spec, dir := textSpec(t), t.TempDir()
		if _, _, err := runOver(t, dir, spec, new(fake), nil, nil, lines(t, nil, 0, 20)); err != nil {
			t.Fatal(err)
		}
		n := c.windows * window
		var texts []string
		for i := range n {
			texts = append(texts, fmt.Sprintf("new text %d", i))
		}
		path := write(t, "texts.txt", strings.Join(append(texts, cached...), "\n"))
		what := fmt.Sprintf("%d windows of new texts", c.windows)

		_, stats, err := runOver(t, dir, spec, &fake{wreck: reversed}, &extract.Settings{BatchSize: 64}, nil, path)
		if _, ok := errors.AsType[*extract.DriftError](err); !ok {
			t.Fatalf("%s: the error is %v", what, err)
		}
		if c.ahead {
			wantChecks(t, what, stats, 0, 16)
			if n := rowsIn(t, store(t, dir), spec); n != 20 {
				t.Errorf("%s: the cache has %d rows after the run", what, n)
			}
			_, stats, err = runOver(t, dir, spec, new(fake), &extract.Settings{BatchSize: 64}, nil, path)
			if err != nil {
				t.Fatal(err)
			}
			wantChecks(t, what, stats, int64(n), 8)
			continue
		}
		// It could not be known before; then it is said all the same.
		if checks := stats.CheckRows.Load(); checks != c.together+16 {
			t.Errorf("%s: %d rows for checks", what, checks)
		}
	}
}

func TestALateCanaryThatAgrees(t *testing.T) {
	spec, dir := textSpec(t), t.TempDir()
	if _, _, err := runOver(t, dir, spec, new(fake), nil, nil, lines(t, nil, 0, 3)); err != nil {
		t.Fatal(err)
	}
	var texts []string
	for i := range 5 * 4096 {
		texts = append(texts, fmt.Sprintf("new text %d", i))
	}
	texts = append(texts, "text number 0", "text number 1", "text number 2")
	_, stats, err := runOver(t, dir, spec, new(fake), nil, nil, write(t, "texts.txt", strings.Join(texts, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	wantChecks(t, "late", stats, 5*4096, 8+3)
}

// slow is a backbone whose fifth large batch begins before a batch of two ends
// and ends after the run.
type slow struct {
	*fake
	large int
	begun chan struct{}
}

func (s *slow) Run(ctx context.Context, inputs, outputs []tensor.View) error {
	switch outputs[0].Shape[0] {
	case 2: // the canary
		<-s.begun
	case 4096: // of the one worker
		if s.large++; s.large == 5 {
			close(s.begun)
			<-ctx.Done()
			ctx = context.WithoutCancel(ctx)
		}
	}
	return s.fake.Run(ctx, inputs, outputs)
}

func TestWhatIsOnItsWayIsNotKeptAfterDrift(t *testing.T) {
	spec, dir := textSpec(t), t.TempDir()
	if _, _, err := runOver(t, dir, spec, new(fake), nil, nil, lines(t, nil, 0, 3)); err != nil {
		t.Fatal(err)
	}
	var texts []string
	for i := range 5 * 4096 {
		texts = append(texts, fmt.Sprintf("new text %d", i))
	}
	path := write(t, "texts.txt", strings.Join(append(texts, "text number 0", "text number 1"), "\n"))
	acknowledged := 0
	settings := &extract.Settings{Threads: 1, BatchSize: 4096, Acknowledged: func(keys []cache.Key) { acknowledged += len(keys) }}
	err := extract.Run(t.Context(), spec, &slow{fake: &fake{wreck: reversed}, begun: make(chan struct{})}, store(t, dir), open(t, nil, path), new(sink), nil, settings)
	if _, ok := errors.AsType[*extract.DriftError](err); !ok {
		t.Fatalf("the error is %v", err)
	}
	if acknowledged > 4*4096 {
		t.Errorf("%d rows were kept, one batch of them after the drift was seen", acknowledged)
	}
}

// changing is a source that calls change before it gives sample number at.
type changing struct {
	extract.Source
	n, at  int
	change func()
}

func (c *changing) Next() (*source.Sample, error) {
	if c.n++; c.n == c.at {
		c.change()
	}
	return c.Source.Next()
}

func TestCanaryIsWhatWasEmbedded(t *testing.T) {
	emoji, err := filepath.Glob("../testdata/emoji/images/1f4*.png")
	if err != nil || len(emoji) < 75 {
		t.Fatalf("%d emoji: %v", len(emoji), err)
	}
	root, dir := t.TempDir(), t.TempDir()
	place := func(i, from int) {
		content, err := os.ReadFile(emoji[from])
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, fmt.Sprintf("%03d.png", i)), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 70 {
		place(i, i)
	}
	time.Sleep(2100 * time.Millisecond) // younger files are not remembered
	c := store(t, dir)
	stat := c.StatCache("image")
	settings := &extract.Settings{StatCache: stat, BatchSize: 4}
	if err := extract.Run(t.Context(), imageSpec(), new(fake), c, open(t, nil, root), new(sink), nil, settings); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(root, "000.png")
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	if real, err := filepath.EvalSymlinks(path); err != nil {
		t.Fatal(err)
	} else if _, ok := stat.Lookup(real, info); !ok {
		t.Fatal("the stat cache does not have the file")
	}

	// Nothing of the hinted files was read, but the canary reads them.
	place(70, 70)
	stats := new(extract.Stats)
	err = extract.Run(t.Context(), imageSpec(), &fake{wreck: reversed}, c, open(t, nil, root), new(sink), stats, settings)
	if _, ok := errors.AsType[*extract.DriftError](err); !ok {
		t.Errorf("the error is %v", err)
	}
	wantChecks(t, "through the stat cache", stats, 0, 16)

	// Files that change after they were looked at are no canaries.
	src := &changing{Source: open(t, nil, root), at: 66, change: func() {
		for i := range 60 {
			place(i, 71)
		}
		os.Remove(filepath.Join(root, "060.png"))
	}}
	stats = new(extract.Stats)
	if err := extract.Run(t.Context(), imageSpec(), new(fake), c, src, new(sink), stats, settings); err != nil {
		t.Error(err)
	}
	if n := stats.CheckRows.Load(); n < 1 || n > 9 || stats.BackboneRows.Load() != 1 {
		t.Errorf("%d rows for checks, %d through the backbone; 9 cached files are what they were", n, stats.BackboneRows.Load())
	}
}

func TestZeroVectorsAreCompared(t *testing.T) {
	spec, dir := textSpec(t), t.TempDir()
	zero := func(float32) float32 { return 0 }
	if _, _, err := runOver(t, dir, spec, &fake{wreck: zero}, nil, nil, lines(t, nil, 0, 20)); err != nil {
		t.Fatal(err)
	}
	_, stats, err := runOver(t, dir, spec, &fake{wreck: zero}, nil, nil, lines(t, nil, 0, 21))
	if err != nil {
		t.Fatal(err)
	}
	wantChecks(t, "zero again", stats, 1, 8)
	_, _, err = runOver(t, dir, spec, new(fake), nil, nil, lines(t, nil, 0, 22))
	if drift, ok := errors.AsType[*extract.DriftError](err); !ok || drift.Cosine != 0 {
		t.Errorf("the error is %v", err)
	}
	// No row at all is another one, too.
	spec.Weights.SHA256 = strings.Repeat("4", 64)
	if _, _, err := runOver(t, dir, spec, new(fake), nil, nil, lines(t, nil, 0, 20)); err != nil {
		t.Fatal(err)
	}
	nan := func(v float32) float32 { return (v - v) / (v - v) }
	_, _, err = runOver(t, dir, spec, &fake{wreck: nan}, nil, nil, lines(t, nil, 0, 22))
	if drift, ok := errors.AsType[*extract.DriftError](err); !ok || drift.Cosine != 0 {
		t.Errorf("the error is %v", err)
	}
}

// told counts what OneByOne says.
type told struct {
	times     int
	operators []string
}

func (o *told) settings(batch int) *extract.Settings {
	return &extract.Settings{BatchSize: batch, Threads: 2, Embeddings: true, OneByOne: func(operators []string) {
		o.times++
		o.operators = operators
	}}
}

func TestABackboneThatDependsOnItsBatchIsRunOneByOne(t *testing.T) {
	texts := make([]string, 30)
	for i := range texts {
		texts[i] = fmt.Sprintf("sentence %d %s", i, strings.Repeat("and more ", i%5))
	}
	few, all := write(t, "texts.txt", strings.Join(texts[:20], "\n")), write(t, "texts.txt", strings.Join(texts, "\n"))
	want, _, err := runOver(t, t.TempDir(), textSpec(t), new(fake), &extract.Settings{Embeddings: true}, nil, all)
	if err != nil {
		t.Fatal(err)
	}
	for _, batch := range []int{0, 1, 2, 7} {
		dir := t.TempDir()
		for _, run := range []struct {
			path          string
			rows          int64
			checks, alone int64 // with batches, with one sample each
		}{{few, 20, 8 + 2, 0}, {all, 10, 16 + 2, 8}} { // two more: is it random?
			var o told
			got, stats, err := runOver(t, dir, textSpec(t), &fake{mix: 0.5}, o.settings(batch), nil, run.path)
			if err != nil {
				t.Fatalf("batches of %d: %v", batch, err)
			}
			what := fmt.Sprintf("batches of %d", batch)
			if batch == 1 { // there is nothing to find out
				wantChecks(t, what, stats, run.rows, run.alone)
			} else {
				wantChecks(t, what, stats, run.rows, run.checks)
			}
			if told := batch != 1; told != (o.times == 1) || o.times > 1 || o.operators != nil {
				t.Errorf("%s: told %d times, operators %v", what, o.times, o.operators)
			}
			for i, row := range got.embeddings {
				if !slices.Equal(row, want.embeddings[i]) {
					t.Fatalf("%s: text %d: not the row that it has alone", what, i)
				}
			}
		}
	}
}

// A difference that the cosine would let pass is seen, too.
func TestASlightDependenceOnTheBatchIsSeen(t *testing.T) {
	dir := t.TempDir()
	for i, path := range []string{lines(t, nil, 0, 20), lines(t, nil, 0, 30)} {
		var o told
		backbone := &fake{mix: 0.02}
		if _, _, err := runOver(t, dir, textSpec(t), backbone, o.settings(4), nil, path); err != nil {
			t.Fatal(err)
		}
		if o.times != 1 {
			t.Errorf("run %d: told %d times", i+1, o.times)
		}
	}
	// Rounding is none.
	var o told
	if _, _, err := runOver(t, t.TempDir(), textSpec(t), &fake{mix: 1e-5}, o.settings(4), nil, lines(t, nil, 0, 20)); err != nil || o.times != 0 {
		t.Errorf("told %d times, %v", o.times, err)
	}
}

func TestAGraphThatSaysSoIsRunOneByOne(t *testing.T) {
	spec, dir := textSpec(t), t.TempDir()
	spec.BatchDependent = []string{"DynamicQuantizeLinear"}
	for i, c := range []struct {
		path         string
		rows, checks int64
		told         int
	}{
		{lines(t, nil, 0, 20), 20, 0, 1},
		{lines(t, nil, 0, 25), 5, 8, 1},
		{lines(t, nil, 0, 25), 0, 0, 0},
	} {
		var o told
		backbone := &fake{mix: 0.5}
		_, stats, err := runOver(t, dir, spec, backbone, o.settings(7), nil, c.path)
		if err != nil {
			t.Fatal(err)
		}
		what := fmt.Sprintf("run %d", i+1)
		wantChecks(t, what, stats, c.rows, c.checks)
		if o.times != c.told || c.told > 0 && !slices.Equal(o.operators, spec.BatchDependent) {
			t.Errorf("%s: told %d times, operators %v", what, o.times, o.operators)
		}
		if n := backbone.largest.Load(); n > 1 {
			t.Errorf("%s: a batch of %d", what, n)
		}
	}
	stats := new(extract.Stats)
	backbone := new(fake)
	if _, err := extract.Survey(t.Context(), spec, backbone, nil, open(t, nil, lines(t, nil, 0, 9)), stats, nil); err != nil {
		t.Fatal(err)
	}
	if n := backbone.largest.Load(); n > 1 {
		t.Errorf("a survey runs a batch of %d", n)
	}
}

// One cached sample says nothing of batches, so new ones do.
func TestOneCanaryDoesNotDecideAboutBatches(t *testing.T) {
	dir := t.TempDir()
	if _, _, err := runOver(t, dir, textSpec(t), &fake{mix: 0.5}, nil, nil, lines(t, nil, 0, 1)); err != nil {
		t.Fatal(err)
	}
	var o told
	_, stats, err := runOver(t, dir, textSpec(t), &fake{mix: 0.5}, o.settings(7), nil, lines(t, nil, 0, 20))
	if err != nil {
		t.Fatal(err)
	}
	wantChecks(t, "one canary", stats, 19, 1+8+2)
	if o.times != 1 {
		t.Errorf("told %d times", o.times)
	}
}

// Where nothing could be found out about batches, samples are run one at a
// time.
func TestUndecidedSamplesAreRunOneByOne(t *testing.T) {
	emoji, err := filepath.Glob("../testdata/emoji/images/1f60*.png")
	if err != nil || len(emoji) < 10 {
		t.Fatalf("%d emoji: %v", len(emoji), err)
	}
	root := t.TempDir()
	for i := range 10 {
		content, err := os.ReadFile(emoji[i])
		if err != nil {
			t.Fatal(err)
		}
		if i%5 == 0 || i%5 == 2 { // among them those that are tried: 0, 2, 5, 7
			content = content[:60]
		}
		if err := os.WriteFile(filepath.Join(root, fmt.Sprintf("%d.png", i)), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var o told
	backbone := &fake{mix: 0.5}
	_, stats, err := runOver(t, t.TempDir(), imageSpec(), backbone, o.settings(5), nil, root)
	if err != nil {
		t.Fatal(err)
	}
	wantChecks(t, "nothing to try", stats, 6, 0)
	if stats.Bad.Load() != 4 || backbone.largest.Load() != 1 {
		t.Errorf("%d bad, the largest batch has %d samples", stats.Bad.Load(), backbone.largest.Load())
	}
}

// Batches are run as they are once it is sure that they do no harm.
func TestBatchesAreRunWhereTheyDoNoHarm(t *testing.T) {
	dir := t.TempDir()
	for i, path := range []string{lines(t, nil, 0, 30), lines(t, nil, 0, 60)} {
		backbone := new(fake)
		if _, _, err := runOver(t, dir, textSpec(t), backbone, &extract.Settings{BatchSize: 10}, nil, path); err != nil {
			t.Fatal(err)
		}
		if n := backbone.largest.Load(); n != 10 {
			t.Errorf("run %d: the largest batch has %d samples", i+1, n)
		}
	}
}

func TestMinCosine(t *testing.T) {
	for dtype, want := range map[string]float64{"f32": 0.9999, "f16": 0.999} {
		space, err := cache.NewSpace(map[string]any{"dim": 4, "dtype": dtype})
		if err != nil {
			t.Logf("%s: %v", dtype, err)
			continue
		}
		if got := extract.MinCosine(space); got != want {
			t.Errorf("%s: %v, want %v", dtype, got, want)
		}
	}
}

func TestRecompute(t *testing.T) {
	spec, dir := textSpec(t), t.TempDir()
	out, _, err := runOver(t, dir, spec, new(fake), nil, nil, lines(t, nil, 0, 20))
	if err != nil {
		t.Fatal(err)
	}
	c := store(t, dir)
	space, _ := contract.SpaceOf(spec, spec.Taps[0])
	reader, err := c.Reader(space)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	wanted := map[string]cache.Key{"texts#99": out.rows[0].Key}
	for _, row := range out.rows[3:6] {
		wanted[row.Sample.ID] = row.Key
	}
	wanted["texts#8"] = out.rows[8].Key // its neighbour's
	again := func(backbone *fake) (all []extract.Recomputed) {
		t.Helper()
		stats := new(extract.Stats)
		err := extract.Recompute(t.Context(), spec, backbone, reader, open(t, nil, lines(t, nil, 0, 20)), wanted, stats, func(r extract.Recomputed) { all = append(all, r) })
		if err != nil {
			t.Fatal(err)
		}
		wantChecks(t, "again", stats, 0, 3)
		return all
	}
	var ids []string
	for _, r := range again(new(fake)) {
		ids = append(ids, r.ID)
		if bad := r.ID == "texts#8" || r.ID == "texts#99"; bad != (r.Bad != "") || bad != (r.Cosine < 0.999999) {
			t.Errorf("%+v", r)
		}
	}
	if want := []string{"texts#4", "texts#5", "texts#6", "texts#8", "texts#99"}; !slices.Equal(ids, want) {
		t.Errorf("%v, want %v", ids, want)
	}
	for _, r := range again(&fake{wreck: reversed, mix: 3}) {
		if r.Bad == "" && r.Cosine >= extract.MinCosine(space) {
			t.Errorf("another backbone: %+v", r)
		}
	}
}

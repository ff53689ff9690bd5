package predict_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract/contract"
	"github.com/headstart-ml/headstart/head/file"
	"github.com/headstart-ml/headstart/head/predict"
	"github.com/headstart-ml/headstart/models"
)

const (
	older     = "../../testdata/older/bb168b5/"
	samples   = "../../testdata/older/samples/"
	backbones = "../../cmd/headstart/testdata/backbones/"
)

// library is the runtime library that make fetches.
func library(t testing.TB) string {
	t.Helper()
	found, err := filepath.Glob("../../lib/libonnxruntime.*")
	if err != nil || len(found) == 0 {
		t.Fatal("no ONNX Runtime in lib/; make runtime fetches it")
	}
	return found[0]
}

// want is a prediction that the command made.
type want struct {
	ID            string
	Label         string
	Probability   float64
	Probabilities map[string]float64
}

// wanted reads the predictions of the command for a head of the fixtures.
func wanted(t *testing.T, name string) []want {
	t.Helper()
	content, err := os.ReadFile(older + "want/" + name)
	if err != nil {
		t.Fatal(err)
	}
	var all []want
	for d := json.NewDecoder(bytes.NewReader(content)); d.More(); {
		var w want
		if err := d.Decode(&w); err != nil {
			t.Fatal(err)
		}
		all = append(all, w)
	}
	return all
}

// contents returns the samples of the fixtures by id: texts, or photos.
func contents(t testing.TB, m models.Modality) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	if m == models.Image {
		files, err := filepath.Glob(samples + "photos/*/*/*")
		if err != nil || len(files) == 0 {
			t.Fatal(err, "no photos")
		}
		for _, path := range files {
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			id, _ := filepath.Rel(samples+"photos", path)
			all[filepath.ToSlash(id)] = content
		}
		return all
	}
	f, err := os.Open(samples + "names.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	name := slices.Index(rows[0], "name")
	for _, row := range rows[1:] {
		all[row[0]] = []byte(row[name])
	}
	return all
}

// options open the fixtures' heads.
func options(t testing.TB, backbone string) *predict.Options {
	return &predict.Options{Backbone: backbones + backbone, Runtime: library(t), Threads: 2}
}

func open(t testing.TB, name, backbone string) *predict.Predictor {
	t.Helper()
	p, err := predict.Open(older+name+".head.onnx", options(t, backbone))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// agree compares a prediction with that of the command.
func agree(t *testing.T, what string, w want, got predict.Prediction, classes []string) {
	t.Helper()
	if got.Err != nil || got.Label != w.Label || math.Abs(got.Probability-w.Probability) > 1e-6 || len(got.Probabilities) != len(classes) {
		t.Errorf("%s: %s: %+v, want %+v", what, w.ID, got, w)
		return
	}
	for c, class := range classes {
		if math.Abs(got.Probabilities[c]-w.Probabilities[class]) > 1e-6 {
			t.Errorf("%s: %s: %s: %v, want %v", what, w.ID, class, got.Probabilities[c], w.Probabilities[class])
		}
	}
}

// heads of the fixtures, with the file of the command's predictions.
var heads = []struct{ name, backbone, file string }{
	{"softmax", "distilbert", "softmax.samples.jsonl"},
	{"ncm", "distilbert", "ncm.jsonl"},
	{"normalized", "vit", "normalized.jsonl"},
	{"taps", "distilbert", "taps.samples.jsonl"},
	{"auto", "distilbert", "auto.jsonl"},
	{"tail-text", "distilbert", "tail-text.samples.jsonl"},
	{"tail-all", "distilbert", "tail-all.jsonl"},
	{"tail-image", "vit", "tail-image.samples.jsonl"},
}

// Heads on one tap, on several, with retrained layers, on texts and on images,
// give in memory what the command gives; one sample at a time and many at once.
func TestPredictIsWhatTheCommandSays(t *testing.T) {
	for _, h := range heads {
		t.Run(h.name, func(t *testing.T) {
			p := open(t, h.name, h.backbone)
			all := contents(t, p.Modality())
			ws := wanted(t, h.file)
			var batch [][]byte
			for i, w := range ws {
				content, ok := all[w.ID]
				if !ok {
					t.Fatalf("no sample %s", w.ID)
				}
				batch = append(batch, content)
				if i%7 != 0 {
					continue
				}
				got, err := p.Predict(t.Context(), [][]byte{content})
				if err != nil {
					t.Fatal(err)
				}
				agree(t, "alone", w, got[0], p.Classes())
			}
			got, err := p.Predict(t.Context(), batch)
			if err != nil || len(got) != len(ws) {
				t.Fatalf("%d predictions: %v", len(got), err)
			}
			for i, w := range ws {
				agree(t, "together", w, got[i], p.Classes())
			}
		})
	}
}

// Several heads are opened at once: a sample is run once through a backbone
// for those that it serves.
func TestOpenAllSharesABackbone(t *testing.T) {
	var paths []string
	names := []string{"softmax", "taps", "tail-text", "ncm", "auto"}
	for _, name := range names {
		paths = append(paths, older+name+".head.onnx")
	}
	g, err := predict.OpenAll(paths, options(t, "distilbert"))
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	all := contents(t, models.Text)
	ws := wanted(t, "softmax.samples.jsonl")
	var batch [][]byte
	for _, w := range ws {
		batch = append(batch, all[w.ID])
	}
	got, err := g.Predict(t.Context(), batch)
	if err != nil || len(got) != len(names) {
		t.Fatalf("%d heads: %v", len(got), err)
	}
	for h, name := range names {
		i := slices.IndexFunc(heads, func(h struct{ name, backbone, file string }) bool { return h.name == name })
		byID := map[string]want{}
		for _, w := range wanted(t, heads[i].file) {
			byID[w.ID] = w
		}
		for k, w := range ws {
			agree(t, name, byID[w.ID], got[h][k], g.Predictors()[h].Classes())
		}
	}
	// The four heads on features share one run, the tail has its own.
	if rows := g.BackboneRows(); rows != int64(2*len(batch)) {
		t.Errorf("%d rows went through backbones for %d samples, want twice as many", rows, len(batch))
	}
}

// A bad sample is its own error, and no other sample's.
func TestABadSampleIsItsOwnError(t *testing.T) {
	p := open(t, "normalized", "vit")
	all := contents(t, models.Image)
	w := wanted(t, "normalized.jsonl")[0]
	good := all[w.ID]
	got, err := p.Predict(t.Context(), [][]byte{good, []byte("no picture"), nil, good[:len(good)/2], good})
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{0, 4} {
		agree(t, "beside bad ones", w, got[i], p.Classes())
	}
	for _, i := range []int{1, 2, 3} {
		var bad *predict.BadSampleError
		if !errors.As(got[i].Err, &bad) || bad.Reason == "" || got[i].Label != "" || got[i].Probabilities != nil {
			t.Errorf("sample %d: %+v", i, got[i])
		}
	}

	text := open(t, "softmax", "distilbert")
	answers, err := text.Predict(t.Context(), predict.Texts("a snail", ""))
	if err != nil || answers[0].Err != nil || answers[1].Err == nil {
		t.Errorf("%+v %v", answers, err)
	}

	// Of embeddings, too.
	e, err := predict.OpenBackbone(backbones+"vit", nil, options(t, "vit"))
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	rows, err := e.Embed(t.Context(), [][]byte{[]byte("no picture"), good})
	var bad *predict.BadSamplesError
	if !errors.As(err, &bad) || len(bad.Reasons) != 1 || bad.Reasons[0] == "" || rows[0] != nil || len(rows[1]) != e.Dim() {
		t.Errorf("%v %v", rows, err)
	}
}

// PredictFiles reads files; one that is not there is a bad sample.
func TestPredictFiles(t *testing.T) {
	p := open(t, "normalized", "vit")
	w := wanted(t, "normalized.jsonl")[3]
	got, err := p.PredictFiles(t.Context(), []string{samples + "photos/" + w.ID, samples + "photos/none.png", samples + "photos"})
	if err != nil {
		t.Fatal(err)
	}
	agree(t, "a file", w, got[0], p.Classes())
	for i, reason := range map[int]string{1: "no such file", 2: "folder"} {
		if got[i].Err == nil || !strings.Contains(got[i].Err.Error(), reason) {
			t.Errorf("%d: %+v, want %s", i, got[i], reason)
		}
	}
}

// Requests of many goroutines do not mix, whatever batches they come into.
func TestManyGoroutines(t *testing.T) {
	p := open(t, "softmax", "distilbert")
	all := contents(t, models.Text)
	ws := wanted(t, "softmax.samples.jsonl")
	var wg sync.WaitGroup
	for g := range 16 {
		wg.Go(func() {
			for i := range 12 {
				k := (g*5 + i*7) % len(ws)
				n := 1 + (g+i)%3
				var batch [][]byte
				for j := range n {
					batch = append(batch, all[ws[(k+j)%len(ws)].ID])
				}
				got, err := p.Predict(t.Context(), batch)
				if err != nil {
					t.Error(err)
					return
				}
				for j := range n {
					agree(t, fmt.Sprint("goroutine ", g), ws[(k+j)%len(ws)], got[j], p.Classes())
				}
			}
		})
	}
	wg.Wait()
}

// Close waits for what runs; what comes after it is an error, and so is what a
// caller gave up.
func TestCloseWaitsAndCancelReturns(t *testing.T) {
	p := open(t, "softmax", "distilbert")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Predict(ctx, predict.Texts("a snail")); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	var answered, closed atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for {
				switch got, err := p.Predict(t.Context(), predict.Texts("a snail", "an arrow")); {
				case err == nil && got[0].Label != "":
					answered.Add(1)
				case errors.Is(err, predict.ErrClosed):
					closed.Add(1)
					return
				default:
					t.Errorf("%+v %v", got, err)
					return
				}
			}
		})
	}
	for answered.Load() < 20 {
		if t.Failed() {
			t.FailNow()
		}
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	wg.Wait()
	if closed.Load() != 8 || p.Close() != nil {
		t.Errorf("%d of 8 were told that it is closed", closed.Load())
	}
}

// A cancelled request leaves the queue; the others are served.
func TestACancelledRequestDisturbsNoOther(t *testing.T) {
	p := open(t, "softmax", "distilbert")
	w := wanted(t, "softmax.samples.jsonl")[0]
	content := contents(t, models.Text)[w.ID]
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for range 10 {
				ctx, cancel := context.WithCancel(t.Context())
				if g%2 == 0 {
					go cancel()
				}
				got, err := p.Predict(ctx, [][]byte{content, content, content})
				switch {
				case err != nil && (g%2 != 0 || !errors.Is(err, context.Canceled)):
					t.Error(err)
				case err == nil:
					agree(t, "beside cancelled ones", w, got[2], p.Classes())
				}
				cancel()
			}
		})
	}
	wg.Wait()
}

// What is in the cache is not computed, and what is computed is in it after
// Close; the next run of the command would find it.
func TestCache(t *testing.T) {
	c, err := cache.Create(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	o := options(t, "distilbert")
	o.Cache = c
	all := contents(t, models.Text)
	ws := wanted(t, "taps.samples.jsonl")
	var batch [][]byte
	for _, w := range ws {
		batch = append(batch, all[w.ID])
	}
	for i, rows := range []int64{int64(len(ws)), 0} {
		g, err := predict.OpenAll([]string{older + "taps.head.onnx"}, o)
		if err != nil {
			t.Fatal(err)
		}
		got, err := g.Predict(t.Context(), batch)
		if err != nil {
			t.Fatal(err)
		}
		for k, w := range ws {
			agree(t, fmt.Sprint("run ", i), w, got[0][k], g.Predictors()[0].Classes())
		}
		if n := g.BackboneRows(); n != rows {
			t.Errorf("run %d: %d rows through the backbone, want %d", i, n, rows)
		}
		if err := g.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := g.Predict(t.Context(), batch); !errors.Is(err, predict.ErrClosed) {
			t.Errorf("run %d: after Close: %v", i, err)
		}
	}
	if _, err := c.Verify(t.Context(), cache.Full, func(p cache.Problem) { t.Errorf("%s: %v", p.Path, p.Err) }); err != nil {
		t.Error(err)
	}
}

// Rows are the caller's: it may append to one and change it, and neither
// another row nor the cache has anything of that.
func TestRowsAreTheCallers(t *testing.T) {
	c, err := cache.Create(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	o := options(t, "distilbert")
	o.Cache, o.Threads = c, 1
	texts := predict.Texts("a snail", "an arrow", "a cat", "a dog")
	var first [][]float32
	for i := range 2 {
		e, err := predict.OpenBackbone(backbones+"distilbert", nil, o)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := e.Embed(t.Context(), texts)
		if err != nil {
			t.Fatal(err)
		}
		var copies [][]float32
		for _, row := range rows {
			copies = append(copies, slices.Clone(row))
		}
		for k, row := range rows {
			if _ = append(row, -1); k+1 < len(rows) && !slices.Equal(rows[k+1], copies[k+1]) {
				t.Errorf("run %d: what is appended to row %d stands in row %d", i, k, k+1)
			}
		}
		for _, row := range rows {
			clear(row)
		}
		if first == nil {
			first = copies
		}
		for k := range copies {
			if !slices.Equal(copies[k], first[k]) {
				t.Errorf("run %d: row %d is %v, want %v", i, k, copies[k][:2], first[k][:2])
			}
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// A request takes as many allocations after 10,000 others as after 1,000, and
// leaves nothing behind.
func TestRequestsLeaveNothingBehind(t *testing.T) {
	p := open(t, "softmax", "distilbert")
	text := predict.Texts("a snail")
	request := func(n int) (allocations float64, live int64) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range n {
			if _, err := p.Predict(t.Context(), text); err != nil {
				t.Fatal(err)
			}
		}
		runtime.ReadMemStats(&after)
		allocations = float64(after.Mallocs-before.Mallocs) / float64(n)
		runtime.GC()
		runtime.GC() // what finalizers and pools held
		runtime.ReadMemStats(&after)
		return allocations, int64(after.HeapAlloc)
	}
	request(100)
	early, liveEarly := request(900)
	request(8000)
	late, liveLate := request(1000)
	t.Logf("%.2f allocations a request, then %.2f; %d bytes live, then %d", early, late, liveEarly, liveLate)
	if math.Abs(late-early) > 0.5 {
		t.Errorf("%.2f allocations a request after 1,000, %.2f after 10,000", early, late)
	}
	if more := liveLate - liveEarly; more > 1<<20 || more < -1<<20 {
		t.Errorf("%d bytes are live after 1,000 requests, %d after 10,000", liveEarly, liveLate)
	}
}

// What cannot be opened says why, in fields.
func TestOpenRefuses(t *testing.T) {
	var difference *contract.DifferenceError
	if _, err := predict.Open(older+"softmax.head.onnx", options(t, "vit")); err == nil {
		t.Error("a head on texts was opened with a backbone for images")
	} else if m := new(contract.ModalityError); !errors.As(err, &m) {
		t.Errorf("%v", err)
	}
	if _, err := predict.Open(older+"normalized.head.onnx", options(t, "resnet")); !errors.As(err, &difference) && err == nil {
		t.Errorf("another backbone: %v", err)
	}
	var several *predict.BackbonesError
	if _, err := predict.Open(older+"both.head.onnx", options(t, "distilbert")); !errors.As(err, &several) || len(several.Backbones) != 2 {
		t.Errorf("a head on two backbones: %v", err)
	}
	if _, err := predict.Open("none.head.onnx", nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if _, err := predict.Open(older+"names.features", nil); !errors.Is(err, file.ErrNotHead) {
		t.Errorf("no head: %v", err)
	}
	bare := &predict.Options{Runtime: library(t)}
	if _, err := predict.Open("../../testdata/older/62d997f/softmax.head.onnx", bare); err == nil || !strings.Contains(err.Error(), "no built-in backbones are at hand") {
		t.Errorf("a head on a built-in backbone, without those: %v", err)
	}
	if _, err := predict.OpenAll(nil, nil); err == nil {
		t.Error("no heads were opened")
	}
	o := options(t, "distilbert")
	o.Runtime = "/nowhere"
	if _, err := predict.Open(older+"softmax.head.onnx", o); err == nil || !strings.Contains(err.Error(), "/nowhere") {
		t.Errorf("no library: %v", err)
	}
	o = options(t, "distilbert")
	o.Threads = -1
	if _, err := predict.Open(older+"softmax.head.onnx", o); err == nil {
		t.Error("−1 threads are taken")
	}
}

// Features in memory are predicted without a backbone's run; a row that is not
// finite, and a wrong length, are errors.
func TestPredictFeatures(t *testing.T) {
	p := open(t, "softmax", "distilbert")
	e, err := predict.OpenBackbone(backbones+"distilbert", nil, options(t, "distilbert"))
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	w := wanted(t, "softmax.samples.jsonl")[1]
	rows, err := e.Embed(t.Context(), [][]byte{contents(t, models.Text)[w.ID]})
	if err != nil {
		t.Fatal(err)
	}
	got, err := p.PredictFeatures(rows[0], 1)
	if err != nil {
		t.Fatal(err)
	}
	agree(t, "features", w, got[0], p.Classes())
	rows[0][0] = float32(math.NaN())
	if _, err := p.PredictFeatures(rows[0], 1); err == nil {
		t.Error("NaN is predicted")
	}
	if _, err := p.PredictFeatures(rows[0], 2); err == nil {
		t.Error("one row is taken for two")
	}
}

// A cache that cannot be written costs no request its answer, and is the error
// of Close.
func TestACacheThatCannotBeWritten(t *testing.T) {
	dir := t.TempDir()
	c, err := cache.Create(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	if c, err = cache.Open(dir, nil); err != nil { // for reading
		t.Fatal(err)
	}
	defer c.Close()
	o := options(t, "distilbert")
	o.Cache = c
	p, err := predict.Open(older+"softmax.head.onnx", o)
	if err != nil {
		t.Fatal(err)
	}
	w := wanted(t, "softmax.samples.jsonl")[0]
	for range 3 {
		got, err := p.Predict(t.Context(), [][]byte{contents(t, models.Text)[w.ID]})
		if err != nil {
			t.Fatal(err)
		}
		agree(t, "without a place to write", w, got[0], p.Classes())
	}
	if err := p.Close(); !errors.Is(err, cache.ErrReadOnly) {
		t.Errorf("Close: %v", err)
	}
}

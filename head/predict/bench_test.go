package predict

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract/contract"
	"github.com/headstart-ml/headstart/extract/embed"
	"github.com/headstart-ml/headstart/extract/image"
	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/file"
	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/builtin"
	"github.com/headstart-ml/headstart/models/folder"
	"github.com/headstart-ml/headstart/models/tensor"
)

// The backbones that come with headstart, one a modality, and a sample for
// each: a text of at most 32 tokens, a photo that is resized to 224 pixels.
var measured = map[models.Modality]struct{ backbone, sample string }{
	models.Text:  {"all-minilm-l6-v2", "This small picture shows a smiling face with open mouth, as people send it to each other."},
	models.Image: {"efficientnet-lite0", "../../extract/image/testdata/images/jpeg420-320x240-q75.jpg"},
}

func sample(t testing.TB, m models.Modality) []byte {
	t.Helper()
	s := measured[m].sample
	if m == models.Text {
		return []byte(s)
	}
	content, err := os.ReadFile(s)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// runtimeLibrary is the file that make fetches.
func runtimeLibrary(t testing.TB) string {
	t.Helper()
	found, err := filepath.Glob("../../lib/libonnxruntime.*")
	if err != nil || len(found) == 0 {
		t.Fatal("no ONNX Runtime in lib/; make runtime fetches it")
	}
	return found[0]
}

func resolve(t testing.TB, m models.Modality) *models.Spec {
	t.Helper()
	spec, err := folder.Resolve(measured[m].backbone, builtin.FS())
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

// madeUpHead writes a head of 26 classes with random weights for the backbone
// of a modality.
func madeUpHead(t testing.TB, m models.Modality) string {
	t.Helper()
	spec := resolve(t, m)
	space, err := contract.SpaceOf(spec, spec.Taps[0])
	if err != nil {
		t.Fatal(err)
	}
	const classes = 26
	random := rand.New(rand.NewPCG(1, 2))
	weight := make([]float32, classes*space.Dim())
	for i := range weight {
		weight[i] = float32(random.NormFloat64())
	}
	h := &head.Head{Kind: "softmax", Model: head.NewAffine(weight, make([]float32, classes)), Temperature: 1}
	for c := range classes {
		h.Classes = append(h.Classes, string(rune('a'+c)))
	}
	fitted, err := file.NewFitted([]string{}, []cache.Key{})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "made-up.head.onnx")
	err = file.Write(path, &file.File{Head: h, Fitted: fitted, Spaces: []file.Space{{JSON: json.RawMessage(space.JSON()), Backbone: spec.Name}}})
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func openMeasured(t testing.TB, m models.Modality, threads int) *Predictor {
	t.Helper()
	p, err := Open(madeUpHead(t, m), &Options{Builtin: builtin.FS(), Runtime: runtimeLibrary(t), Threads: threads})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// tensors is one batch: what the backbone is given, and room for what it gives.
type tensors struct{ inputs, outputs []tensor.View }

// recorder is a backbone that keeps a copy of every batch that it runs.
type recorder struct {
	embed.Backbone
	mu      sync.Mutex
	batches []tensors
}

func (r *recorder) Run(ctx context.Context, inputs, outputs []tensor.View) error {
	var b tensors
	for _, v := range inputs {
		v.Shape, v.F32, v.I64 = slices.Clone(v.Shape), slices.Clone(v.F32), slices.Clone(v.I64)
		b.inputs = append(b.inputs, v)
	}
	for _, v := range outputs {
		v.Shape, v.F32 = slices.Clone(v.Shape), slices.Clone(v.F32)
		b.outputs = append(b.outputs, v)
	}
	r.mu.Lock()
	r.batches = append(r.batches, b)
	r.mu.Unlock()
	return r.Backbone.Run(ctx, inputs, outputs)
}

// processor is the time in seconds that the process has had on processors.
func processor(b *testing.B) float64 {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano()).Seconds()
}

func median(x []float64) float64 {
	x = slices.Sorted(slices.Values(x))
	return x[len(x)/2]
}

// BenchmarkLatency predicts one sample, again and again, one thread, and in
// turns with that does the two things apart that a prediction needs: it decodes
// and resizes the photo, then runs the bare runtime on tensors that are ready.
// What it reports are medians; of-limit is a prediction without the decoding,
// as a share of 1.15 × the bare run + 0.2 ms. The process's time on the
// processor bears a machine that does other things, too.
func BenchmarkLatency(b *testing.B) {
	const rounds = 500
	for _, m := range []models.Modality{models.Text, models.Image} {
		b.Run(string(m), func(b *testing.B) {
			spec, p, contents := resolve(b, m), openMeasured(b, m, 1), [][]byte{sample(b, m)}
			r := &recorder{Backbone: p.embedder.session}
			w := embed.New(spec, p.embedder.prepare, r, &p.embedder.stats, nil)
			job := &embed.Job{Content: contents[0]}
			p.embedder.prepare.Plan([]*embed.Job{job})
			if _, _, err := w.Embed(b.Context(), []*embed.Job{job}); err != nil || job.Bad != "" {
				b.Fatal(err, job.Bad)
			}
			prepare := func() error { return nil }
			if m == models.Image {
				pre, err := image.New(spec.Contract.(*models.ImageSpec), nil)
				if err != nil {
					b.Fatal(err)
				}
				pixels := make([]float32, len(r.batches[0].inputs[0].F32))
				prepare = func() error { _, err := pre.To(pixels, contents[0]); return err }
			}
			bare := r.batches[0]
			steps := []func() error{
				func() error { _, err := p.Predict(b.Context(), contents); return err },
				prepare,
				func() error { return p.embedder.session.Run(b.Context(), bare.inputs, bare.outputs) },
			}
			for b.Loop() {
				wall, cpu := make([][]float64, len(steps)), make([][]float64, len(steps))
				for i := range 20 + rounds {
					for k, step := range steps {
						start, used := time.Now(), processor(b)
						if err := step(); err != nil {
							b.Fatal(err)
						}
						if i >= 20 {
							wall[k] = append(wall[k], time.Since(start).Seconds()*1e3)
							cpu[k] = append(cpu[k], (processor(b)-used)*1e3)
						}
					}
				}
				for name, took := range map[string][][]float64{"": wall, "cpu-": cpu} {
					whole, prepared, loop := median(took[0]), median(took[1]), median(took[2])
					b.ReportMetric(whole, name+"predict-ms")
					b.ReportMetric(loop, name+"bare-ms")
					b.ReportMetric(prepared, name+"decode-ms")
					b.ReportMetric((whole-prepared)/(1.15*loop+0.2), name+"of-limit")
				}
			}
		})
	}
}

// BenchmarkThroughput lets 8 goroutines predict one text a request, and runs
// the bare runtime over the very batches that the queue made of them, on as
// many threads, in turns. It reports the ratio of the medians.
func BenchmarkThroughput(b *testing.B) {
	const goroutines, each, rounds = 8, 40, 7
	o := &Options{Builtin: builtin.FS(), Runtime: runtimeLibrary(b)}
	p := openMeasured(b, models.Text, 0)
	r := &recorder{Backbone: p.embedder.session}
	e := *p
	e.embedder = recording(b, resolve(b, models.Text), o, r)
	defer e.embedder.Close()
	predict := func(p *Predictor) float64 {
		start := time.Now()
		var wg sync.WaitGroup
		for g := range goroutines {
			wg.Go(func() {
				for i := range each {
					text := strings.Join(strings.Fields(measured[models.Text].sample)[(g+i)%8:], " ")
					if _, err := p.Predict(b.Context(), Texts(text)); err != nil {
						b.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
		return time.Since(start).Seconds()
	}
	for b.Loop() {
		var whole, loop []float64
		batches := 0
		for i := range rounds {
			r.batches = nil
			predict(&e)
			batches += len(r.batches)
			took, bare := predict(p), runAll(b, p.embedder.session, r.batches, o.workers())
			if i > 0 {
				whole, loop = append(whole, took), append(loop, bare)
			}
		}
		b.ReportMetric(median(loop)/median(whole), "bare/predict")
		b.ReportMetric(goroutines*each/median(whole), "texts/s")
		b.ReportMetric(float64(rounds*goroutines*each)/float64(batches), "texts/batch")
	}
}

// recording opens the backbone of spec with workers that run it through r.
func recording(b *testing.B, spec *models.Spec, o *Options, r *recorder) *Embedder {
	b.Helper()
	e, err := idle(spec, o)
	if err != nil {
		b.Fatal(err)
	}
	e.start(spec, r, o.workers())
	return e
}

// runAll runs batches and nothing else, on as many goroutines as threads.
func runAll(b *testing.B, backbone embed.Backbone, batches []tensors, threads int) float64 {
	start := time.Now()
	work := make(chan tensors)
	var wg sync.WaitGroup
	for range threads {
		wg.Go(func() {
			for t := range work {
				if err := backbone.Run(b.Context(), t.inputs, t.outputs); err != nil {
					b.Error(err)
				}
			}
		})
	}
	for _, t := range batches {
		work <- t
	}
	close(work)
	wg.Wait()
	return time.Since(start).Seconds()
}

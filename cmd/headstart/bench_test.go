package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract"
	"github.com/headstart-ml/headstart/extract/contract"
	"github.com/headstart-ml/headstart/extract/embed"
	"github.com/headstart-ml/headstart/extract/source"
	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/tensor"
)

// recorder is a backbone that keeps a copy of every batch that it runs.
type recorder struct {
	embed.Backbone
	mu      sync.Mutex
	batches []recorded
}

type recorded struct {
	inputs, outputs []tensor.View
}

func (r *recorder) Run(ctx context.Context, inputs, outputs []tensor.View) error {
	var b recorded
	for _, t := range outputs {
		b.outputs = append(b.outputs, tensor.View{Name: t.Name, Shape: t.Shape})
	}
	for _, t := range inputs {
		t.F32, t.I64 = slices.Clone(t.F32), slices.Clone(t.I64)
		b.inputs = append(b.inputs, t)
	}
	r.mu.Lock()
	r.batches = append(r.batches, b)
	r.mu.Unlock()
	return r.Backbone.Run(ctx, inputs, outputs)
}

// bare runs batches and nothing else, on as many goroutines as extract uses.
func bare(b *testing.B, backbone embed.Backbone, batches []recorded, threads int) time.Duration {
	start := time.Now()
	work := make(chan recorded)
	var wg sync.WaitGroup
	for range threads {
		wg.Go(func() {
			var out []float32
			for batch := range work {
				n := 1
				for _, d := range batch.outputs[0].Shape {
					n *= int(d)
				}
				if cap(out) < n {
					out = make([]float32, n)
				}
				outputs := []tensor.View{{Name: batch.outputs[0].Name, Shape: batch.outputs[0].Shape, F32: out[:n]}}
				if err := backbone.Run(b.Context(), batch.inputs, outputs); err != nil {
					b.Error(err)
				}
			}
		})
	}
	for _, batch := range batches {
		work <- batch
	}
	close(work)
	wg.Wait()
	return time.Since(start)
}

// benchmarkExtract compares an extraction into an empty cache with the bare
// loop over the same batches, in turns, and reports the ratio of the medians.
func benchmarkExtract(b *testing.B, options *source.Options, path string) {
	const rounds = 3
	open := func() *source.Source {
		src, err := source.Open([]string{path}, options)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { src.Close() })
		return src
	}
	spec, err := new(sampling).resolve(open().Modality())
	if err != nil {
		b.Fatal(err)
	}
	backbone := newSession(spec, &common{runtime: testRuntime(b), provider: "cpu"})
	defer backbone.Close()
	threads := runtime.GOMAXPROCS(0)
	run := func(bb embed.Backbone) (time.Duration, *extract.Stats) {
		store, err := cache.Create(b.TempDir(), nil)
		if err != nil {
			b.Fatal(err)
		}
		defer store.Close()
		stats := new(extract.Stats)
		start := time.Now()
		err = extract.Run(b.Context(), spec, bb, store, open(), discard{}, stats, &extract.Settings{Threads: threads})
		if err != nil {
			b.Fatal(err)
		}
		return time.Since(start), stats
	}
	for b.Loop() {
		record := &recorder{Backbone: backbone}
		_, stats := run(record) // loads and warms up as well
		var whole, prepared, loop []float64
		for range rounds {
			took, s := run(backbone)
			whole = append(whole, took.Seconds())
			prepared = append(prepared, took.Seconds()-s.Stages.Decode.Seconds()/float64(threads))
			loop = append(loop, bare(b, backbone, record.batches, threads).Seconds())
			stats = s
		}
		sum := stats.Stages.Read.Seconds() + stats.Stages.Decode.Seconds() + stats.Stages.Infer.Seconds() + stats.Stages.Write.Seconds()
		for name, s := range map[string]float64{
			"read": stats.Stages.Read.Seconds(), "decode": stats.Stages.Decode.Seconds(),
			"infer": stats.Stages.Infer.Seconds(), "write": stats.Stages.Write.Seconds(),
		} {
			b.ReportMetric(100*s/sum, "%"+name)
		}
		b.ReportMetric(float64(stats.BackboneRows.Load()), "rows")
		b.ReportMetric(float64(stats.BackboneRows.Load())/median(whole), "rows/s")
		b.ReportMetric(median(loop)/median(whole), "bare/extract")
		b.ReportMetric(median(loop)/median(prepared), "bare/(extract-decode)")
	}
}

func median(x []float64) float64 {
	x = slices.Sorted(slices.Values(x))
	return x[len(x)/2]
}

// processor is the time in seconds that the process has had on processors.
func processor(b *testing.B) float64 {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano()).Seconds()
}

// discard is a sink that keeps nothing.
type discard struct{}

func (discard) Take([]extract.Row) error { return nil }

// BenchmarkExtractTexts embeds the emoji's names, alone and in a sentence.
func BenchmarkExtractTexts(b *testing.B) {
	src, err := source.Open([]string{"../../testdata/emoji/emoji.csv"}, &source.Options{Text: "name"})
	if err != nil {
		b.Fatal(err)
	}
	defer src.Close()
	var lines strings.Builder
	for {
		s, err := src.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			b.Fatal(err)
		}
		name, err := s.Read(1 << 20)
		if err != nil {
			b.Fatal(err)
		}
		fmt.Fprintf(&lines, "%s\nThis small picture shows %s, as people send it to each other.\n", name, name)
	}
	path := filepath.Join(b.TempDir(), "texts.txt")
	if err := os.WriteFile(path, []byte(lines.String()), 0o644); err != nil {
		b.Fatal(err)
	}
	benchmarkExtract(b, nil, path)
}

// BenchmarkExtractImages embeds the emoji's pictures.
func BenchmarkExtractImages(b *testing.B) {
	benchmarkExtract(b, &source.Options{Image: "image"}, "../../testdata/emoji/emoji.csv")
}

// BenchmarkWarmExtract times `headstart extract` over 100,000 files that did
// not change, all of it, in a process of its own: every key comes from the stat
// cache and every row from the cache. It compares with a plain walk that asks
// the file system about each file, in turns, and reports the medians. The rows
// in the cache are made up, of the width of the default backbone; a first run,
// which reads and hashes every file, is reported too. rss-MiB counts the rows,
// which are mapped.
func BenchmarkWarmExtract(b *testing.B) {
	const classes, each, rounds = 100, 1000, 5
	root := filepath.Join(b.TempDir(), "photos")
	contents := make([][]byte, 0, classes*each)
	for i := range classes {
		class := filepath.Join(root, fmt.Sprintf("class-%02d", i))
		if err := os.MkdirAll(class, 0o755); err != nil {
			b.Fatal(err)
		}
		for k := range each {
			content := fmt.Appendf(nil, "picture %d of class %d", k, i)
			if err := os.WriteFile(filepath.Join(class, fmt.Sprintf("picture-%04d.png", k)), content, 0o644); err != nil {
				b.Fatal(err)
			}
			contents = append(contents, content)
		}
	}
	written := time.Now()
	library, err := filepath.Abs(testRuntime(b))
	if err != nil {
		b.Fatal(err)
	}
	b.Setenv("HEADSTART_RUNTIME", library)
	b.Setenv("HEADSTART_CACHE", filepath.Join(b.TempDir(), "cache"))
	b.Setenv(asHeadstart, "run")
	madeUpRows(b, models.Image, os.Getenv("HEADSTART_CACHE"), contents)
	// Files that have just changed are not remembered.
	time.Sleep(time.Until(written.Add(3 * time.Second)))

	out := filepath.Join(b.TempDir(), "photos.features")
	unit := 1024.0 // of ru_maxrss, in bytes (getrusage(2))
	if runtime.GOOS == "darwin" {
		unit = 1
	}
	extract := func() (seconds, rss float64) {
		cmd := exec.Command(os.Args[0], "extract", "--quiet", "--json", "--out", out, root)
		cmd.Stderr = os.Stderr
		start := time.Now()
		stdout, err := cmd.Output()
		seconds = time.Since(start).Seconds()
		if err != nil {
			b.Fatal(err)
		}
		var sum extractSummary
		if err := json.Unmarshal(stdout, &sum); err != nil {
			b.Fatal(err)
		}
		if sum.Cached != classes*each || sum.BackboneRows != 0 {
			b.Fatalf("%d cached, %d rows through the backbone", sum.Cached, sum.BackboneRows)
		}
		return seconds, unit * float64(cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss)
	}
	for b.Loop() {
		first, _ := extract()
		var warm, walk, memory []float64
		for range rounds {
			walk = append(walk, plainWalk(b, root, classes*each).Seconds())
			s, rss := extract()
			warm, memory = append(warm, s), append(memory, rss)
		}
		b.ReportMetric(first, "first-s")
		b.ReportMetric(median(warm), "warm-s")
		b.ReportMetric(median(walk), "walk-s")
		b.ReportMetric((median(warm)-1.5)/median(walk), "(warm-1.5s)/walk")
		b.ReportMetric(median(memory)/(1<<20), "rss-MiB")
	}
}

// madeUpRows gives every content a row in the space of the default backbone
// for a modality.
func madeUpRows(b testing.TB, m models.Modality, dir string, contents [][]byte) {
	spec, err := new(sampling).resolve(m)
	if err != nil {
		b.Fatal(err)
	}
	space, err := contract.SpaceOf(spec, spec.Taps[0])
	if err != nil {
		b.Fatal(err)
	}
	store, err := cache.Create(dir, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	writer, err := store.Writer(space, nil)
	if err != nil {
		b.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for chunk := range slices.Chunk(contents, 1024) {
		keys := make([]cache.Key, len(chunk))
		rows := make([]float32, len(chunk)*space.Dim())
		for i, content := range chunk {
			keys[i] = cache.KeyOf(string(m), content)
		}
		for i := range rows {
			rows[i] = random.Float32()
		}
		if err := writer.Append(keys, rows); err != nil {
			b.Fatal(err)
		}
	}
	if err := writer.Close(); err != nil {
		b.Fatal(err)
	}
}

// plainWalk lists the tree at root, which holds n files, and asks the file
// system about each of them.
func plainWalk(b *testing.B, root string, n int) time.Duration {
	start := time.Now()
	files := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files++
		_, err = d.Info()
		return err
	})
	if err != nil || files != n {
		b.Fatalf("a walk found %d of %d files: %v", files, n, err)
	}
	return time.Since(start)
}

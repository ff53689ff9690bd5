package extract_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"image"
	"image/png"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract"
	"github.com/headstart-ml/headstart/extract/source"
	"github.com/headstart-ml/headstart/models"
)

// Tests run this test binary again as a child, to kill it, or several of them
// at once.
const (
	childCache  = "EXTRACT_TEST_CACHE" // the cache's folder: be a child
	childSource = "EXTRACT_TEST_SOURCE"
	childDelay  = "EXTRACT_TEST_DELAY" // of a batch
	childOut    = "EXTRACT_TEST_OUT"   // a feature set to make, once the standard input ends
	childFlat   = "EXTRACT_TEST_FLAT"  // embed images with a flat tap, and keep the rows in the "cache", or give them to the "sink"

	childThreads = 2
	childBatch   = 4
)

func TestMain(m *testing.M) {
	if os.Getenv(childCache) == "" {
		os.Exit(m.Run())
	}
	if err := child(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// child extracts, prints each key once its batch is acknowledged, and in the
// end the number of rows that went through the backbone and the most memory
// that it had.
func child() error {
	delay, err := time.ParseDuration(os.Getenv(childDelay))
	if err != nil {
		return err
	}
	src, err := source.Open([]string{os.Getenv(childSource)}, nil)
	if err != nil {
		return err
	}
	spec, options := textSpec(new(testing.B)), new(cache.Options)
	if src.Modality() == models.Image {
		spec = imageSpec()
	}
	flat := os.Getenv(childFlat)
	if flat != "" {
		spec = imageSpec()
		spec.Taps = []models.Tap{{Output: "map", Pooling: "flat", Shape: []int64{-1, 16, 256, 256}, Dim: flatDim}}
		options.SegmentBytes = 32 << 20 // what is sealed is mapped, and counts as memory
	}
	c, err := cache.Create(os.Getenv(childCache), options)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(os.Stdout)
	stats := new(extract.Stats)
	settings := &extract.Settings{Threads: childThreads, BatchSize: childBatch}
	if delay > 0 {
		settings.Acknowledged = func(keys []cache.Key) {
			for _, k := range keys {
				fmt.Fprintln(out, k)
			}
			out.Flush()
		}
	} else {
		settings.BatchSize = 0
	}
	if settings.Embeddings = flat == "sink"; settings.Embeddings {
		c = nil
	}
	var sink extract.Sink = new(nothing)
	var record *extract.Record
	if path := os.Getenv(childOut); path != "" {
		if record, err = newRecord(path, spec); err != nil {
			return err
		}
		defer record.Abort()
		sink = record
		if _, err := io.ReadAll(os.Stdin); err != nil {
			return err
		}
	}
	if err := extract.Run(context.Background(), spec, &fake{delay: delay}, c, src, sink, stats, settings); err != nil {
		return err
	}
	if record != nil {
		if _, err := record.Close(); err != nil {
			return err
		}
	}
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return err
	}
	fmt.Fprintln(out, "rows", stats.BackboneRows.Load(), "maxrss", usage.Maxrss)
	return out.Flush()
}

// nothing is a sink that keeps nothing.
type nothing struct{}

func (nothing) Take([]extract.Row) error { return nil }

func childCommand(dir, path string, delay time.Duration) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childCache+"="+dir, childSource+"="+path, childDelay+"="+delay.String())
	return cmd
}

// most runs a child to its end and returns the rows that went through its
// backbone and the most memory that it had, in bytes.
func most(t testing.TB, cmd *exec.Cmd) (rows, maxrss int64) {
	t.Helper()
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscanf(string(out), "rows %d maxrss %d", &rows, &maxrss); err != nil {
		t.Fatalf("%q: %v", out, err)
	}
	return rows, maxrss * maxrssUnit
}

// TestKilledRunsLoseOnlyWhatIsInFlight kills extractions at random moments.
func TestKilledRunsLoseOnlyWhatIsInFlight(t *testing.T) {
	const kills, texts = 20, 20000
	var table strings.Builder
	for i := range texts {
		fmt.Fprintf(&table, "text %d\n", i)
	}
	path := write(t, "texts.txt", table.String())
	dir := filepath.Join(t.TempDir(), "cache")
	rng := rand.New(rand.NewPCG(1, 2))
	acknowledged := map[string]bool{}
	printed, killed := 0, 0
	for killed < kills {
		cmd := childCommand(dir, path, time.Millisecond)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// Half of the children are killed at any time from their start on, the
		// others while they work.
		working, wait := make(chan struct{}), time.Duration(10+rng.IntN(140))*time.Millisecond
		kill := func() { time.AfterFunc(wait, func() { cmd.Process.Kill() }) }
		if killed%2 == 0 {
			kill()
		} else {
			go func() {
				<-working
				kill()
			}()
		}
		reader := bufio.NewReader(out)
		reader.Peek(1) // returns when there is output, or none any more
		close(working)
		content, _ := io.ReadAll(reader)
		cmd.Wait()
		if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
			killed++
		} else {
			t.Fatalf("the child ended by itself after %d kills: there were too few texts", killed)
		}
		if stderr.Len() > 0 {
			t.Fatalf("the child says %s", stderr.String())
		}
		for line := range strings.Lines(string(content)) {
			if line = strings.TrimSuffix(line, "\n"); len(line) == 2*cache.KeySize {
				acknowledged[line] = true
				printed++
			}
		}
	}
	// A row is computed anew after a kill only if it was in flight: in a
	// worker, in the queue to the writer, or in the writer's hands.
	if again := printed - len(acknowledged); again != 0 {
		t.Errorf("%d rows were acknowledged twice: a kill lost them in between", again)
	}
	if len(acknowledged) == 0 {
		t.Fatal("no row was acknowledged: the kills came too early to show anything")
	}

	// The end, undisturbed: what was acknowledged is there and is not computed
	// again.
	spec := textSpec(t)
	out, stats, err := runOver(t, dir, spec, new(fake), &extract.Settings{Embeddings: true}, nil, path)
	if err != nil {
		t.Fatal(err)
	}
	computed := stats.BackboneRows.Load()
	inFlight := int64(kills * childBatch * (3*childThreads + 16))
	t.Logf("%d kills: %d rows acknowledged, %d computed in the end", killed, len(acknowledged), computed)
	if computed > int64(texts-len(acknowledged)) {
		t.Errorf("%d rows computed, %d were acknowledged and there are %d", computed, len(acknowledged), texts)
	}
	if lost := int64(texts-len(acknowledged)) - computed; lost > inFlight {
		t.Errorf("%d rows were durable but not acknowledged, more than can be in flight (%d)", lost, inFlight)
	}
	clean, _, err := runOver(t, t.TempDir(), spec, new(fake), &extract.Settings{Embeddings: true}, nil, path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range clean.embeddings {
		for k, v := range clean.embeddings[i] {
			if out.embeddings[i][k] != v {
				t.Fatalf("text %d: another vector than an undisturbed run gives", i)
			}
		}
	}
}

// TestAKilledRunLeavesNothingForEver kills an extraction while it writes a
// feature set: the next one for the same name removes what it has left.
func TestAKilledRunLeavesNothingForEver(t *testing.T) {
	dir, out := filepath.Join(t.TempDir(), "cache"), t.TempDir()
	table := crowdTable(t, "texts.csv", 0, 400)
	start := func(delay time.Duration) *exec.Cmd {
		cmd := childCommand(dir, table, delay)
		cmd.Env = append(cmd.Env, childOut+"="+filepath.Join(out, "x.features"))
		return cmd
	}
	names := func() (all []string) {
		entries, err := os.ReadDir(out)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			all = append(all, e.Name())
		}
		return all
	}
	killed := start(20 * time.Millisecond)
	pipe, err := killed.StdoutPipe()
	if err == nil {
		err = killed.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(pipe).Peek(1); err != nil { // it is at work
		t.Fatal(err)
	}
	killed.Process.Kill()
	killed.Wait()
	if left := names(); len(left) != 1 || !strings.HasPrefix(left[0], ".x.features.") {
		t.Fatalf("the killed run left %q: that shows nothing", left)
	}
	// So of a list of bad samples, though the next run has none.
	if err := os.WriteFile(filepath.Join(out, ".x.quarantine.jsonl.abcdefgh.tmp"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	most(t, start(0))
	if left := names(); len(left) != 1 || left[0] != "x.features" {
		t.Errorf("the next run left %q", left)
	}
}

// TestMemoryDoesNotGrowWithTheInput embeds 100,000 short texts.
func TestMemoryDoesNotGrowWithTheInput(t *testing.T) {
	var table strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&table, "short text %d\n", i)
	}
	path := write(t, "texts.txt", table.String())
	rows, maxrss := most(t, childCommand(filepath.Join(t.TempDir(), "cache"), path, 0))
	t.Logf("%d rows, at most %d MiB", rows, maxrss>>20)
	if rows != 100_000 {
		t.Errorf("%d rows", rows)
	}
	if maxrss > 300<<20 {
		t.Errorf("%d MiB of memory, more than 300", maxrss>>20)
	}
}

// flatDim is the length of a flat row of a child: 4 MiB, the most that there
// is.
const flatDim = 1 << 20

// TestMemoryDoesNotGrowWithTheRows embeds images with rows of 4 MiB, for a
// cache and for a sink.
func TestMemoryDoesNotGrowWithTheRows(t *testing.T) {
	folder, n := t.TempDir(), 0
	picture := image.NewRGBA(image.Rect(0, 0, 40, 40))
	for _, tc := range []struct {
		to     string
		images int
	}{{"cache", 100}, {"sink", 200}} {
		for ; n < tc.images; n++ {
			for at := range picture.Pix {
				picture.Pix[at] = byte(n) + byte(at%7)
			}
			var b bytes.Buffer
			err := png.Encode(&b, picture)
			if err == nil {
				err = os.WriteFile(filepath.Join(folder, fmt.Sprintf("%d.png", n)), b.Bytes(), 0o644)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		cmd := childCommand(filepath.Join(t.TempDir(), "cache"), folder, 0)
		// What is live is measured, not how late garbage is collected.
		cmd.Env = append(cmd.Env, childFlat+"="+tc.to, "GOGC=25")
		rows, maxrss := most(t, cmd)
		t.Logf("%d rows to the %s, at most %d MiB", rows, tc.to, maxrss>>20)
		if rows != int64(tc.images) {
			t.Errorf("%d rows to the %s", rows, tc.to)
		}
		if maxrss > 640<<20 && !raced {
			t.Errorf("%d rows to the %s: %d MiB of memory, more than 640", rows, tc.to, maxrss>>20)
		}
	}
}

package retrain

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// timeless returns a result without what differs from run to run.
func timeless(r *Result) *Result {
	c := *r
	c.Epochs = slices.Clone(r.Epochs)
	for i := range c.Epochs {
		c.Epochs[i].Seconds = 0
	}
	c.Resumed = 0
	return &c
}

// TestAnInterruptedTrainingGoesOn stops a training after each of its steps, and
// in the measurements between them, and goes on: the end is that of one that
// was not disturbed, bit for bit.
func TestAnInterruptedTrainingGoesOn(t *testing.T) {
	for _, c := range []struct {
		name string
		net  *Network
		data *Data
		head *Head
		s    Settings
	}{
		{"vectors", toyNetwork(""), toyData(100, toyInputs), head(toyClasses, toyHidden), Settings{Epochs: 4, LearningRate: 1e-2}},
		{"views", toyNetwork(""), viewed(100, 2), head(toyClasses, toyHidden), Settings{Epochs: 5, LearningRate: 1e-2}},
		{"divided texts", attentionNetwork(), sentences(60, 40), head(2, 8), Settings{Epochs: 3, LearningRate: 1e-2, BatchSize: 12}},
		{"images in blocks", architecture(t, "resnet-17"), images(40), head(3, 16), Settings{Epochs: 3, LearningRate: 1e-3, layout: blocked, Patience: 1}},
		{"replicas", toyNetwork(""), toyData(100, toyInputs), head(toyClasses, toyHidden), Settings{Epochs: 4, LearningRate: 1e-2, Replicas: 2}},
		{"replicas of divided texts", attentionNetwork(), sentences(60, 40), head(2, 8), Settings{Epochs: 2, LearningRate: 1e-2, BatchSize: 12, Replicas: 3}},
		{"images", architecture(t, "convnext-17"), images(40), head(3, 16), Settings{Epochs: 3, LearningRate: 1e-3, layout: plain}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.s.Threads, c.s.Fingerprint = max(c.s.Replicas, 1), "of "+c.name
			divided := strings.HasSuffix(c.name, "divided texts")
			if divided {
				c.s.Memory = needs(t, c.net, c.data, c.head, &c.s).Smallest
			}
			if c.s.layout == blocked && blocks(t) == 0 {
				t.Skip("the runtime has no blocks on this machine")
			}
			undisturbed := train(t, c.net, c.data, c.head, &c.s)
			if divided && undisturbed.MicroBatch*max(c.s.Replicas, 1) >= undisturbed.BatchSize {
				t.Fatalf("runs of %d: the batch is not divided", undisturbed.MicroBatch)
			}
			s := c.s
			s.Checkpoint = filepath.Join(t.TempDir(), "x.ckpt")
			interruptions, last := 0, -1
			for {
				ctx, cancel := context.WithCancel(t.Context())
				s.Progress = func(p Progress) { cancel() } // the next run of a graph stops
				if last < 0 {
					cancel()
				}
				r, err := Train(ctx, library(t), c.net, c.data, c.head, &s)
				cancel()
				if err != nil {
					t.Fatal(err)
				}
				if last >= 0 && r.Resumed != last {
					t.Fatalf("gone on from step %d, not %d", r.Resumed, last)
				}
				if r.Status != "interrupted" {
					if !reflect.DeepEqual(timeless(r), timeless(undisturbed)) {
						t.Errorf("after %d interruptions the result is\n%+v\nnot\n%+v", interruptions, timeless(r), timeless(undisturbed))
					}
					break
				}
				interruptions++
				if r.Logits[0] != nil || r.Logits[2] != nil || len(r.Epochs) > 0 && len(r.Logits[1]) != len(c.data.Parts[1])*len(c.head.Bias) || len(r.Head.Weight) != len(c.head.Weight) {
					t.Fatalf("%+v", r)
				}
				last = r.Steps
				// One that is stopped before it begins changes nothing.
				r, err = Train(ctx, library(t), c.net, c.data, c.head, &s)
				if err != nil || r.Status != "interrupted" || r.Steps != last {
					t.Fatalf("%+v, %v", r, err)
				}
				if interruptions > 100 {
					t.Fatal("it does not come to an end")
				}
			}
			if want := undisturbed.Steps + len(undisturbed.Epochs) - 1; interruptions < want {
				t.Errorf("%d interruptions, not %d", interruptions, want)
			}
			if left, err := os.ReadDir(filepath.Dir(s.Checkpoint)); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}

// TestAKeptCheckpointIsTheEnd checks that a training whose checkpoint was kept
// comes to the same end without a step.
func TestAKeptCheckpointIsTheEnd(t *testing.T) {
	net, d, h := toyNetwork(""), toyData(60, toyInputs), head(toyClasses, toyHidden)
	s := &Settings{Threads: 1, Epochs: 3, Checkpoint: filepath.Join(t.TempDir(), "x.ckpt"), Keep: true}
	first := train(t, net, d, h, s)
	s.Progress = func(p Progress) { t.Errorf("step %d is made again", p.Step) }
	again := train(t, net, d, h, s)
	if again.Resumed != first.Steps || !reflect.DeepEqual(timeless(again), timeless(first)) {
		t.Errorf("%+v is not %+v", again, first)
	}
	for range 2 {
		if err := RemoveCheckpoint(s.Checkpoint); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(s.Checkpoint); err == nil {
		t.Error("it is still there")
	}
}

// interrupted leaves the checkpoint of a training after its fifth step.
func interrupted(t testing.TB, path string, s Settings) []byte {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s.Checkpoint = path
	s.Progress = func(p Progress) {
		if p.Step == 5 && p.Done == nil {
			cancel()
		}
	}
	r, err := Train(ctx, library(t), toyNetwork("h1"), toyData(60, toyHidden), head(toyClasses, toyHidden), &s)
	if err != nil || r.Status != "interrupted" || r.Steps != 5 {
		t.Fatalf("%+v, %v", r, err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestTornAndForeignCheckpointsAreRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.ckpt")
	settings := Settings{Threads: 1, Fingerprint: "a"}
	data := interrupted(t, path, settings)
	if _, _, err := readCheckpoint(bytes.NewReader(data), int64(len(data))); err != nil {
		t.Fatal(err)
	}
	for n := range data {
		if _, _, err := readCheckpoint(bytes.NewReader(data[:n]), int64(n)); err == nil {
			t.Fatalf("the first %d of %d bytes are taken", n, len(data))
		}
	}
	small, _, _ := smallCheckpoint(t)
	for n := range small {
		for bit := range 8 {
			small[n] ^= 1 << bit
			if _, _, err := readCheckpoint(bytes.NewReader(small), int64(len(small))); err == nil {
				t.Fatalf("bit %d of byte %d may differ", bit, n)
			}
			small[n] ^= 1 << bit
		}
	}
	if _, _, err := readCheckpoint(bytes.NewReader(append(small, 0)), int64(len(small)+1)); err == nil {
		t.Error("a byte too many is taken")
	}
	again := func(net *Network, d *Data, h *Head, s Settings) error {
		s.Checkpoint = path
		_, err := Train(t.Context(), library(t), net, d, h, &s)
		return err
	}
	refused := func(what, says string, err error) {
		t.Helper()
		var e *CheckpointError
		if !errors.As(err, &e) || !errors.Is(err, ErrCheckpoint) || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "delete the file") {
			t.Errorf("%s: %v", what, err)
		}
		if left, err := os.ReadFile(path); err != nil || len(left) == 0 {
			t.Errorf("%s: the checkpoint is gone: %v", what, err)
		}
	}
	net, d, h := toyNetwork("h1"), toyData(60, toyHidden), head(toyClasses, toyHidden)
	other := settings
	other.Fingerprint = "b"
	refused("fingerprint", "other samples", again(net, d, h, other))
	other = settings
	other.LearningRate = 2e-4
	refused("settings", "other settings", again(net, d, h, other))
	labels := *d
	labels.Labels = slices.Clone(d.Labels)
	labels.Labels[0] = (labels.Labels[0] + 1) % toyClasses
	refused("labels", "other settings, labels", again(net, &labels, h, settings))
	refused("cut", "other settings", again(toyNetwork("h0"), d, h, settings))
	start := *h
	start.Bias = []float32{1, 2, 3}
	refused("head", "another start", again(net, d, &start, settings))
	changed := toyNetwork("h1")
	changed.Model = perceptron(2)
	refused("backbone", "another backbone", again(changed, d, h, settings))
	if err := os.WriteFile(path, data[:len(data)-7], 0o666); err != nil {
		t.Fatal(err)
	}
	refused("torn", "it is torn", again(net, d, h, settings))
	// Threads, memory and Progress may be others; and then it is gone.
	if err := os.WriteFile(path, data, 0o666); err != nil {
		t.Fatal(err)
	}
	other = settings
	other.Threads, other.Memory = 2, 1<<28
	if err := again(net, d, h, other); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the checkpoint is still there: %v", err)
	}
}

// TestTheLayoutIsGoneOnWith: without a setting, it is measured once.
func TestTheLayoutIsGoneOnWith(t *testing.T) {
	d := images(40)
	for _, layout := range []string{plain, blocked} {
		path := filepath.Join(t.TempDir(), "x.ckpt")
		ctx, cancel := context.WithCancel(t.Context())
		s := &Settings{Threads: 1, Epochs: 1, Checkpoint: path, Progress: func(Progress) { cancel() }}
		if _, err := Train(ctx, library(t), architecture(t, "resnet-17"), d, head(3, 16), s); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		h, st, err := readCheckpoint(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		// As if the other one had been faster. The channels are multiples of 8,
		// so that the sizes are the same but where there are blocks of 16.
		h.Layout, h.Reason = layout, "the dice fell so"
		if err := saveCheckpoint(path, h, st); err != nil {
			t.Fatal(err)
		}
		s.Progress = nil
		r, err := Train(t.Context(), library(t), architecture(t, "resnet-17"), d, head(3, 16), s)
		if err == nil && (r.Layout != layout || r.LayoutReason != "the dice fell so") || err != nil && !errors.Is(err, ErrCheckpoint) {
			t.Errorf("%+v, %v", r, err)
		}
	}
}

// smallCheckpoint returns a checkpoint of one weight of two elements.
func smallCheckpoint(t testing.TB) ([]byte, *header, *position) {
	t.Helper()
	s := &position{
		weights: []float32{1, 2}, m: []float32{3, 4}, v: []float32{5, 6}, best: []float32{7, 8}, epoch: 1, step: 9,
		loss: 0.1, weight: 3, seconds: 4, epochs: []Epoch{{Score: 0.3}}, bestLogits: []float64{0.5},
	}
	h := &header{
		Fingerprint: "f", Digest: "d", Weights: []stored{{"w", []int64{2, 1}}}, Start: 1, Layout: plain, Reason: "r", MicroBatch: 4,
		Epoch: 1, Step: 9, Loss: 0.1, Weight: 3, Seconds: 4, Epochs: s.epochs, Logits: 1,
	}
	var b bytes.Buffer
	if err := writeCheckpoint(&b, h, s); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), h, s
}

// TestACheckpointIsAsItsCommentSays reads one by the table.
func TestACheckpointIsAsItsCommentSays(t *testing.T) {
	data, h, s := smallCheckpoint(t)
	le := binary.LittleEndian
	n := int(le.Uint32(data[12:]))
	rest := data[16+n:]
	if string(data[:8]) != "HSRETRN\n" || le.Uint32(data[8:]) != 1 || len(rest) != 4*2*4+8+4 || data[16] != '{' ||
		le.Uint32(rest[4*8+8:]) != crc32.Checksum(data[:len(data)-4], crc32.MakeTable(crc32.Castagnoli)) {
		t.Errorf("%q", data)
	}
	h2, s2, err := readCheckpoint(bytes.NewReader(data), int64(len(data)))
	if err != nil || !reflect.DeepEqual(h, h2) || !reflect.DeepEqual(s, s2) {
		t.Errorf("%+v, %+v, %v", h2, s2, err)
	}
}

func TestAFailedCheckpointLeavesTheLastOne(t *testing.T) {
	// The draft of a checkpoint has a longer name than the checkpoint.
	long := filepath.Join(t.TempDir(), strings.Repeat("x", 250))
	dir := filepath.Join(t.TempDir(), "folder")
	moved := dir + " elsewhere"
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "x.ckpt")
	data := interrupted(t, path, Settings{Threads: 1})
	if err := os.WriteFile(long, data, 0o666); err != nil {
		t.Fatal(err)
	}
	train := func(s *Settings) {
		t.Helper()
		_, err := Train(t.Context(), library(t), toyNetwork("h1"), toyData(60, toyHidden), head(toyClasses, toyHidden), s)
		if err == nil || !strings.HasPrefix(err.Error(), "retrain: checkpoint: "+s.Checkpoint+": ") {
			t.Errorf("%v", err)
		}
	}
	// It is said before the first step, or after it.
	train(&Settings{Threads: 1, Checkpoint: long, Progress: func(Progress) { t.Error("it has begun") }})
	train(&Settings{Threads: 1, Checkpoint: path, eager: true, Progress: func(Progress) {
		if err := os.Rename(dir, moved); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Error(err)
		}
	}})
	for _, path := range []string{long, filepath.Join(moved, "x.ckpt")} {
		if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, data) {
			t.Errorf("the checkpoint changed: %v", err)
		}
	}
}

// What a killed training has left of a checkpoint is gone with the next.
func TestTheDraftOfAKilledTrainingIsRemoved(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x.ckpt")
	left := filepath.Join(dir, ".x.ckpt.abcdefgh.tmp")
	for _, do := range []func() error{func() error { return tryCheckpoint(path) }, func() error { return RemoveCheckpoint(path) }} {
		if err := os.WriteFile(left, nil, 0o666); err != nil {
			t.Fatal(err)
		}
		if err := do(); err != nil {
			t.Error(err)
		}
		if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
			t.Errorf("%v, %v", entries, err)
		}
	}
}

// What is no regular file is neither waited for nor replaced.
func TestACheckpointIsARegularFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x.ckpt")
	if err := syscall.Mkfifo(path, 0o666); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 2)
	go func() {
		_, _, err := openCheckpoint(path, "", "")
		done <- err
		done <- tryCheckpoint(path)
	}()
	for range 2 {
		select {
		case err := <-done:
			if err == nil || !strings.Contains(err.Error(), "a FIFO") || !strings.Contains(err.Error(), "another") {
				t.Error(err)
			}
		case <-time.After(time.Minute):
			t.Fatal("it waits")
		}
	}
}

// FuzzCheckpoint reads any bytes as a checkpoint: they are refused, or written
// again as they were read.
func FuzzCheckpoint(f *testing.F) {
	small, _, _ := smallCheckpoint(f)
	f.Add(small)
	f.Add(small[:20])
	f.Fuzz(func(t *testing.T, data []byte) {
		// A checksum is soon broken by chance, so that little else would be
		// read.
		if len(data) >= 4 {
			data = slices.Clone(data)
			binary.LittleEndian.PutUint32(data[len(data)-4:], crc32.Checksum(data[:len(data)-4], castagnoli))
		}
		h, s, err := readCheckpoint(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		var b bytes.Buffer
		if err := writeCheckpoint(&b, h, s); err != nil {
			t.Fatal(err)
		}
		h2, s2, err := readCheckpoint(&b, int64(b.Len()))
		if err != nil || !reflect.DeepEqual(h, h2) {
			t.Fatalf("written again: %+v, %v", h2, err)
		}
		same := func(a, b []float32) bool {
			return slices.EqualFunc(a, b, func(x, y float32) bool { return x == y || x != x })
		}
		if !same(s.weights, s2.weights) || !same(s.m, s2.m) || !same(s.v, s2.v) || !same(s.best, s2.best) {
			t.Fatal("written again with other values")
		}
	})
}

// equalWeights tells whether two sets of weights are the same, bit for bit.
func equalWeights(a, b map[string][]float32) bool {
	return maps.EqualFunc(a, b, func(x, y []float32) bool { return slices.Equal(x, y) })
}

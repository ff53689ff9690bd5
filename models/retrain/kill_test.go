package retrain

import (
	"bufio"
	"bytes"
	"context"
	"encoding/gob"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Tests run this test binary again as a child, to kill it or to see what memory
// it takes.
const (
	childCheckpoint = "RETRAIN_TEST_CHECKPOINT" // be a child that trains with this checkpoint
	childResult     = "RETRAIN_TEST_RESULT"     // where it leaves its result
	childEager      = "RETRAIN_TEST_EAGER"      // write one after each step
	childReplicas   = "RETRAIN_TEST_REPLICAS"   // how many share its batches
	childSteps      = "RETRAIN_TEST_STEPS"      // be a child that makes many steps

	manySteps = 10_000
)

func TestMain(m *testing.M) {
	var err error
	switch {
	case os.Getenv(childCheckpoint) != "":
		err = killed()
	case os.Getenv(childSteps) != "":
		err = steps()
	default:
		os.Exit(m.Run())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// long is a training of some hundred steps.
func long() (*Network, *Data, *Head, *Settings) {
	return toyNetwork(""), toyData(600, toyInputs), head(toyClasses, toyHidden), &Settings{
		Threads: 1, Epochs: 40, Patience: 40, LearningRate: 1e-3, Fingerprint: "long",
	}
}

// killed trains with a checkpoint, prints the numbers of the steps, and leaves
// the result in a file.
func killed() error {
	l, err := openLibrary()
	if err != nil {
		return err
	}
	net, d, h, s := long()
	if s.Replicas, err = strconv.Atoi(os.Getenv(childReplicas)); err != nil {
		return err
	}
	s.Threads = s.Replicas
	s.Checkpoint, s.eager = os.Getenv(childCheckpoint), os.Getenv(childEager) != ""
	s.Progress = func(p Progress) {
		if p.Done == nil {
			fmt.Println("step", p.Step)
			if s.eager {
				time.Sleep(2 * time.Millisecond) // also where disks are fast, no end is reached before the last kill
			}
		}
	}
	r, err := Train(context.Background(), l, net, d, h, s)
	if err != nil {
		return err
	}
	f, err := os.Create(os.Getenv(childResult))
	if err != nil {
		return err
	}
	if err := gob.NewEncoder(f).Encode(timeless(r)); err != nil {
		return err
	}
	return f.Close()
}

// TestAKilledTrainingGoesOn kills a training 12 times at random moments, most
// of them while a checkpoint is written. Its end is that of one that was not
// disturbed, bit for bit.
func TestAKilledTrainingGoesOn(t *testing.T) { goesOn(t, 1) }

// TestAKilledTrainingWithReplicasGoesOn is the same with two replicas.
func TestAKilledTrainingWithReplicasGoesOn(t *testing.T) { goesOn(t, 2) }

func goesOn(t *testing.T, replicas int) {
	const kills = 12
	net, d, h, s := long()
	s.Replicas, s.Threads = replicas, replicas
	undisturbed := train(t, net, d, h, s)
	dir := t.TempDir()
	path, result := filepath.Join(dir, "x.ckpt"), filepath.Join(dir, "result")
	rng := rand.New(rand.NewPCG(1, 2))
	var reached []int
	for n := 0; ; n++ {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childCheckpoint+"="+path, childResult+"="+result, childReplicas+"="+strconv.Itoa(replicas))
		if n < kills {
			cmd.Env = append(cmd.Env, childEager+"=1")
		}
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// A third of the children are killed at any time from their start on,
		// the others while they train.
		reader := bufio.NewReader(out)
		if n < kills {
			if n%3 > 0 {
				reader.Peek(1) // returns at the first step, or when there is none
			}
			time.AfterFunc(time.Duration(rng.IntN(120))*time.Millisecond, func() { cmd.Process.Kill() })
		}
		content, _ := io.ReadAll(reader)
		err = cmd.Wait()
		if stderr.Len() > 0 {
			t.Fatalf("after %d kills the child says %s", n, stderr.String())
		}
		from, to := -1, -1
		for line := range strings.Lines(string(content)) {
			if _, err := fmt.Sscanf(line, "step %d\n", &to); err == nil && from < 0 {
				from = to
			}
		}
		if len(reached) > 0 && from >= 0 && (from > reached[len(reached)-1]+2 || from < reached[len(reached)-1]) {
			t.Fatalf("step %d was reached before a kill, and gone on with %d", reached[len(reached)-1], from)
		}
		if to >= 0 {
			reached = append(reached, to)
		}
		if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if n < kills {
			t.Fatalf("the child ended by itself after %d kills: there were too few steps", n)
		}
		break
	}
	t.Logf("killed after steps %v", reached)
	if len(reached) < kills/2 {
		t.Errorf("only %d children came to a step", len(reached))
	}
	f, err := os.Open(result)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var r Result
	if err := gob.NewDecoder(f).Decode(&r); err != nil {
		t.Fatal(err)
	}
	if !equalWeights(r.Weights, undisturbed.Weights) || fmt.Sprint(r.Head, r.Logits, r.Epochs, r.Best) != fmt.Sprint(undisturbed.Head, undisturbed.Logits, timeless(undisturbed).Epochs, undisturbed.Best) {
		t.Errorf("the end is\n%+v\nnot\n%+v", r, timeless(undisturbed))
	}
}

// steps makes many steps and prints how many bytes the process has after a
// tenth of them and in the end.
func steps() error {
	l, err := openLibrary()
	if err != nil {
		return err
	}
	d := toyData(160, toyInputs)
	var early, late int64
	s := &Settings{Threads: 1, BatchSize: 4, Epochs: manySteps / 24, Patience: manySteps}
	s.Progress = func(p Progress) {
		if p.Done == nil && p.Step == manySteps/10 {
			early = resident()
		}
	}
	r, err := Train(context.Background(), l, toyNetwork(""), d, head(toyClasses, toyHidden), s)
	if err != nil {
		return err
	}
	late = resident()
	_, err = fmt.Println("steps", r.Steps, "early", early, "late", late)
	return err
}

// TestMemoryDoesNotGrowWithTheSteps makes 10,000 of them.
func TestMemoryDoesNotGrowWithTheSteps(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childSteps+"=1")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var n, early, late int64
	if _, err := fmt.Sscanf(string(out), "steps %d early %d late %d", &n, &early, &late); err != nil {
		t.Fatalf("%q: %v", out, err)
	}
	t.Logf("%d steps: %.1f MiB, after a tenth %.1f", n, float64(late)/(1<<20), float64(early)/(1<<20))
	if n < 0.99*manySteps {
		t.Errorf("%d steps", n)
	}
	// Of 13 tensors a step, one that is forgotten costs some 100 bytes.
	if late-early > 6<<20 && !raced {
		t.Errorf("%d bytes more after %d steps", late-early, n)
	}
}

package main

import (
	"bytes"
	"math"
	"strings"
	"testing"
)

// TestReplicas trains with two replicas: the same bytes each time, about what
// one trains, and what they take is said before. One replica is the default,
// and changes no byte.
func TestReplicas(t *testing.T) {
	p := retrainable(t, "convnext")
	t.Setenv("HEADSTART_THREADS", "2")
	const train = "train-head --l2 0.1 --lr 0.001 --epochs 4 --out x.head.onnx convnext.features"
	trained := func(flags string) (head []byte, tail map[string]any, said string) {
		t.Helper()
		code, stdout, stderr := p.try(t, train+" --json"+flags)
		if code != exitDone {
			t.Fatalf("exit %d: %s", code, stderr)
		}
		return p.read("x.head.onnx"), objects(t, stdout)[0]["tail"].(map[string]any), stderr
	}
	one, alone, said := trained(" --tail all")
	if strings.Contains(said, "replicas") || alone["replicas"] != 1. {
		t.Errorf("%v: %s", alone["replicas"], said)
	}
	if again, _, said := trained(" --tail all --replicas 1"); !bytes.Equal(again, one) || strings.Contains(said, "replicas") {
		t.Errorf("with --replicas 1 the head is another one, or it says %s", said)
	}
	two, shared, said := trained(" --tail all --replicas 2")
	if n := strings.Count(said, "--tail all: 2 replicas of 1 thread share a batch; training takes about "); n != 1 || shared["replicas"] != 2. || shared["micro_batch"].(float64) > 8 {
		t.Errorf("%v: it says %d times what they take: %s", shared, n, said)
	}
	if bytes.Equal(one, two) {
		t.Error("two replicas round as one does: nothing was shared")
	}
	for range 2 {
		if again, _, _ := trained(" --tail all --replicas 2"); !bytes.Equal(again, two) {
			t.Errorf("another time it ends with another head: %s", headsDiffer(t, again, two))
		}
	}
	a, b := alone["history"].([]any), shared["history"].([]any)
	if alone["chosen"] != "all" || len(a) != len(b) || len(a) != 5 {
		t.Fatalf("%v, with replicas %v", a, b)
	}
	for i := range a {
		x, y := a[i].(map[string]any)["log_loss"].(float64), b[i].(map[string]any)["log_loss"].(float64)
		if !(math.Abs(x-y) <= 1e-3*math.Abs(x)) {
			t.Errorf("epoch %d: log-loss %v, with replicas %v", i, x, y)
		}
	}
	if _, _, said := trained(" --replicas 2 --tail auto"); !strings.Contains(said, "--tail all: 2 replicas") || !strings.Contains(said, "--tail last:1: 2 replicas") {
		t.Errorf("with --tail auto it says %s", said)
	}
}

// TestReplicasThatCannotBe are refused with what to do.
func TestReplicasThatCannotBe(t *testing.T) {
	p := retrainable(t, "convnext")
	t.Setenv("HEADSTART_THREADS", "2")
	for _, c := range []struct {
		line string
		says []string
	}{
		{"train-head --tail all --replicas 0 convnext.features", []string{"--replicas 0", "at least 1"}},
		{"train-head --tail all --replicas 3 convnext.features", []string{"--replicas 3", "a thread of its own", "there are 2", "at most 2", "--threads"}},
		{"train-head --tail all --threads 1 --replicas 2 convnext.features", []string{"--replicas 2", "there is 1", "at most 1"}},
		{"train-head --tail all --threads 64 --replicas 17 convnext.features", []string{"--replicas 17", "a batch has 16 samples", "at most 16"}},
		{"train-head --tail all --threads 64 --replicas 9 --batch-size 8 convnext.features", []string{"a batch has 8 samples"}},
		{"train-head --replicas 2 convnext.features", []string{"--replicas", "no --tail"}},
		{"train-head --head mlp --replicas 2 convnext.features", []string{"--replicas", "no --tail"}},
		{"study --replicas 3 convnext.features", []string{"--replicas 3", "there are 2"}},
		{"study --replicas 2 --depths head,taps convnext.features", []string{"--replicas", "--depths head,taps"}},
		{"study --replicas 2 convnext.features --against convnext.features", []string{"--replicas does nothing with --against"}},
		{"study --replicas 2 --curve curve.csv --at 100", []string{"--replicas does nothing with --curve"}},
	} {
		p.fails(t, c.line, exitUsage, c.says...)
	}
	p.fails(t, "train-head --tail all --replicas 2 --memory 10KiB convnext.features", exitFailed, "in each of 2 replicas", "take fewer replicas")
}

// TestStudyWithReplicas trains tails of a study with replicas.
func TestStudyWithReplicas(t *testing.T) {
	p := retrainable(t, "convnext")
	t.Setenv("HEADSTART_THREADS", "2")
	const line = "study --by none --depths head,last:1 --l2-points 2 --repeat 2 --budget 10h --replicas 2 convnext.features"
	code, _, said := p.try(t, line)
	if n := strings.Count(said, "--tail last:1: 2 replicas of 1 thread share a batch"); code != exitDone || n != 1 {
		t.Fatalf("exit %d, %d times what they take: %s", code, n, said)
	}
	page := p.read("convnext.study.html")
	if !bytes.Contains(page, []byte("--replicas")) {
		t.Error("the page does not say with how many replicas")
	}
	p.do(t, line)
	if !bytes.Equal(p.read("convnext.study.html"), page) {
		t.Error("the same study has another page")
	}
}

//go:build cgo

package grad

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
)

// program is what is built in the tests of a step's memory.
type program struct {
	Backbone, Cut string
	N, Size       int64 // Size of images, or length of texts
	Blocked       bool
}

func (c program) build(t testing.TB) *Program {
	t.Helper()
	g, o := backbone(t, c.Backbone, c.N, c.Size)
	o.Cut = c.Cut
	if c.Blocked {
		o.Block = blockSize(t)
	}
	p, err := Build(g, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// resident returns a line of /proc/self/status, in bytes.
func resident(t *testing.T, key string) int64 {
	t.Helper()
	data, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if f := strings.Fields(line); f[0] == key+":" {
			kb, err := strconv.ParseInt(f[1], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kb << 10
		}
	}
	t.Fatalf("no %s", key)
	return 0
}

// memoryOf is the variable with the program, as JSON, that a process measures.
const memoryOf = "GRAD_TEST_MEMORY_OF"

// runs runs a program's step three times and prints how much resident memory
// that took above the loaded session.
func (c program) runs(t *testing.T) {
	p := c.build(t)
	s, in, out := p.session(t)
	defer s.Close()
	debug.SetGCPercent(-1) // Go's heap stays as it is
	debug.FreeOSMemory()
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0o644); err != nil { // begins a new peak, see proc(5)
		t.Fatal(err)
	}
	before := resident(t, "VmHWM")
	for range 3 {
		if err := s.Run(context.Background(), in, out); err != nil {
			t.Fatal(err)
		}
	}
	fmt.Printf("peak %d\n", resident(t, "VmHWM")-before)
}

// measure does runs in a process of its own.
func (c program) measure(t *testing.T) int64 {
	t.Helper()
	job, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run", "^TestMemoryIsEstimated$")
	cmd.Env = append(os.Environ(), memoryOf+"="+string(job))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var peak int64
	_, rest, _ := bytes.Cut(out, []byte("peak "))
	if _, err := fmt.Sscan(string(rest), &peak); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return peak
}

// TestMemoryIsEstimated compares what is said before with what a process takes.
func TestMemoryIsEstimated(t *testing.T) {
	if job := os.Getenv(memoryOf); job != "" {
		var c program
		if err := json.Unmarshal([]byte(job), &c); err != nil {
			t.Fatal(err)
		}
		c.runs(t)
		return
	}
	const image, text = "efficientnet-lite0", "all-minilm-l6-v2"
	const last2 = "/m/encoder/layer.3/output/LayerNorm/LayerNormalization_output_0"
	blocks := blockSize(t) != 0
	for _, c := range []program{
		{image, "Add_8", 4, 224, false}, {image, "Add_8", 4, 224, true},
		{image, "Add_6", 16, 224, false}, {image, "Add_6", 16, 224, true},
		{image, "Add_3", 8, 224, false}, {image, "Add_3", 8, 224, true},
		{image, "", 1, 224, true}, {image, "", 2, 224, true},
		{image, "", 4, 224, false}, {image, "", 4, 224, true},
		{text, last2, 16, 32, false}, {text, "", 4, 32, false}, {text, "", 16, 32, false}, {text, last2, 16, 128, false},
	} {
		if c.Blocked && !blocks {
			continue
		}
		got, want := c.build(t).Memory(), c.measure(t)
		t.Logf("%-18s N=%-2d size %-3d blocked %-5v cut %-6.6s estimated %6.1f MB, measured %6.1f MB", c.Backbone, c.N, c.Size, c.Blocked, c.Cut, float64(got)/1e6, float64(want)/1e6)
		if off := max(got-want, want-got); off > want/5 && off > 4e6 {
			t.Errorf("%+v: %d bytes, not %d", c, got, want)
		}
	}
}

package extract_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract"
	"github.com/headstart-ml/headstart/extract/contract"
	"github.com/headstart-ml/headstart/extract/features"
	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/experiment"
	"github.com/headstart-ml/headstart/models"
)

// newRecord begins a feature set of what a fake backbone gives.
func newRecord(path string, spec *models.Spec) (*extract.Record, error) {
	space, err := contract.SpaceOf(spec, spec.Taps[0])
	if err != nil {
		return nil, err
	}
	return extract.NewRecord(path, &features.Meta{
		Spaces: []json.RawMessage{space.JSON()}, Backbone: spec.Name, Modality: string(spec.Modality), Tool: "headstart test",
	})
}

// crowdText is the n-th of the texts that several processes share.
func crowdText(n int) string {
	return fmt.Sprintf("text %d %s", n, strings.Repeat("and so on ", n%5))
}

// crowdTable writes a table of texts from ≤ n < to, with labels.
func crowdTable(t *testing.T, name string, from, to int) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("text,label\n")
	for n := from; n < to; n++ {
		fmt.Fprintf(&b, "%s,class %d\n", crowdText(n), n%3)
	}
	return write(t, name, b.String())
}

// gathered reads a feature set and its rows, from a cache that is opened for
// reading.
func gathered(t *testing.T, dir, path string) (*features.Table, []float32) {
	t.Helper()
	set, err := features.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	table, err := features.Join([]*features.Set{set}, []string{path})
	if err != nil {
		t.Fatal(err)
	}
	c, err := cache.Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	m, err := table.Matrix(c)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	x := make([]float32, m.N()*m.D())
	if err := m.BlockTo(x, 0, m.N()); err != nil {
		t.Fatal(err)
	}
	return table, x
}

// rowsOf are n×d values as head takes them.
type rowsOf struct {
	n, d int
	x    []float32
}

func (r *rowsOf) N() int { return r.n }
func (r *rowsOf) D() int { return r.d }
func (r *rowsOf) BlockTo(dst []float32, lo, hi int) error {
	copy(dst, r.x[lo*r.d:hi*r.d])
	return nil
}

// trained fits a head to a feature set and returns its weights.
func trained(t *testing.T, dir, path string) []float64 {
	t.Helper()
	table, x := gathered(t, dir, path)
	result, err := experiment.Train(t.Context(), &experiment.Data{Rows: &rowsOf{table.N(), fakeDim, x}, Labels: table.Labels, IDs: table.IDs},
		&experiment.Settings{L2: 0.1, CV: 2, Calibrate: "none", Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	return result.Head.Model.(*head.Affine).Weight
}

// TestSeveralProcessesShareACache starts extractions of sources that overlap,
// at the same instant, on one cache, while heads are fitted to a set that is
// there already.
func TestSeveralProcessesShareACache(t *testing.T) {
	const processes, each, step = 4, 800, 400 // a text is in two sources
	const texts = (processes-1)*step + each
	dir, spec := filepath.Join(t.TempDir(), "cache"), textSpec(t)

	// What an undisturbed run gives, by key.
	clean, _, err := runOver(t, t.TempDir(), spec, new(fake), &extract.Settings{Embeddings: true}, nil, crowdTable(t, "all.csv", 0, texts))
	if err != nil {
		t.Fatal(err)
	}
	want := make(map[cache.Key][]float32, texts)
	for i, row := range clean.rows {
		want[row.Key] = clean.embeddings[i]
	}
	if len(want) != texts {
		t.Fatalf("%d distinct texts, want %d", len(want), texts)
	}

	// A set that is finished; the first source has its texts too.
	finished := filepath.Join(t.TempDir(), "finished.features")
	record, err := newRecord(finished, spec)
	if err != nil {
		t.Fatal(err)
	}
	c := store(t, dir)
	if err := extract.Run(t.Context(), spec, new(fake), c, open(t, nil, crowdTable(t, "finished.csv", 0, 150)), record, nil, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := record.Close(); err != nil {
		t.Fatal(err)
	}
	weights := trained(t, dir, finished)

	start, gate, err := os.Pipe() // children begin when gate is closed
	if err != nil {
		t.Fatal(err)
	}
	defer start.Close()
	defer gate.Close()
	type child struct {
		cmd         *exec.Cmd
		set         string
		out, stderr bytes.Buffer
	}
	children := make([]*child, processes)
	ended := make(chan error, processes)
	for i := range children {
		ch := &child{set: filepath.Join(t.TempDir(), "set.features")}
		ch.cmd = childCommand(dir, crowdTable(t, "set.csv", i*step, i*step+each), 4*time.Millisecond)
		ch.cmd.Env = append(ch.cmd.Env, childOut+"="+ch.set)
		ch.cmd.Stdin, ch.cmd.Stdout, ch.cmd.Stderr = start, &ch.out, &ch.stderr
		if err := ch.cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { ch.cmd.Process.Kill() })
		children[i] = ch
		go func() { ended <- ch.cmd.Wait() }()
	}
	gate.Close()

	fits, running := 0, processes
	for running > 0 {
		select {
		case err := <-ended:
			running--
			if err != nil {
				t.Errorf("a child: %v", err)
			}
		default:
			if got := trained(t, dir, finished); !slices.Equal(got, weights) {
				t.Fatal("a head that is fitted meanwhile is another one")
			}
			fits++
		}
	}
	if fits < 2 {
		t.Errorf("%d heads were fitted while others extracted: that shows nothing", fits)
	}

	// Every row that was acknowledged, to whomever, is there and is right.
	var acknowledged []cache.Key
	by := map[cache.Key]int{}
	for i, ch := range children {
		if ch.stderr.Len() > 0 {
			t.Fatalf("child %d says %s", i, ch.stderr.String())
		}
		for line := range strings.Lines(ch.out.String()) {
			b, err := hex.DecodeString(strings.TrimSpace(line))
			if err != nil || len(b) != cache.KeySize {
				continue // the last line has the counts
			}
			key := cache.Key(b)
			if by[key] == 0 {
				acknowledged = append(acknowledged, key)
			}
			by[key]++
		}
	}
	space, err := contract.SpaceOf(spec, spec.Taps[0])
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.Reader(space)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	refs := make([]cache.Ref, len(acknowledged))
	if lost := r.Locate(acknowledged, refs); lost > 0 {
		t.Fatalf("%d of %d acknowledged rows are lost", lost, len(acknowledged))
	}
	values := make([]float32, len(acknowledged)*fakeDim)
	if err := r.RowsTo(values, refs); err != nil {
		t.Fatal(err)
	}
	wrong := 0
	for i, key := range acknowledged {
		if !slices.Equal(values[i*fakeDim:(i+1)*fakeDim], want[key]) {
			wrong++
		}
	}
	if wrong > 0 {
		t.Errorf("%d of %d acknowledged rows are wrong", wrong, len(acknowledged))
	}
	if r.Waiting() > 0 {
		t.Errorf("%d journals are left", r.Waiting())
	}
	if len(acknowledged) != texts-150 {
		t.Errorf("%d texts were computed by somebody, %d were not cached", len(acknowledged), texts-150)
	}
	twice := 0
	for _, n := range by {
		if n > 1 {
			twice++
		}
	}
	if twice == 0 {
		t.Error("no text was computed by two: they did not run at the same time")
	}
	t.Logf("%d acknowledged, %d of them by two processes; %d heads fitted meanwhile", len(acknowledged), twice, fits)

	// Every feature set is complete, in the order of its source, with right
	// rows.
	for i, ch := range children {
		table, x := gathered(t, dir, ch.set)
		if table.N() != each {
			t.Fatalf("set %d has %d rows, want %d", i, table.N(), each)
		}
		for k := range each {
			key := cache.KeyOf("text", []byte(crowdText(i*step+k)))
			if table.Keys[k] != key || table.IDs[k] != fmt.Sprintf("set#%d", k+1) || table.Labels[k] != fmt.Sprintf("class %d", (i*step+k)%3) {
				t.Fatalf("set %d, row %d: %s %s %s", i, k, table.IDs[k], table.Labels[k], table.Keys[k])
			}
			if !slices.Equal(x[k*fakeDim:(k+1)*fakeDim], want[key]) {
				t.Fatalf("set %d, row %d: another vector than an undisturbed run gives", i, k)
			}
		}
	}

	// What any of them has sealed, everybody sees.
	_, stats, err := runOver(t, dir, spec, new(fake), nil, nil, crowdTable(t, "all.csv", 0, texts))
	if err != nil {
		t.Fatal(err)
	}
	if n := stats.BackboneRows.Load(); n != 0 {
		t.Errorf("%d rows are computed again", n)
	}
}

package extract_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract"
	"github.com/headstart-ml/headstart/extract/contract"
	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/tensor"
)

// tapped returns spec with taps of other outputs beside its own.
func tapped(spec *models.Spec, outputs ...string) *models.Spec {
	s := *spec
	s.Taps = slices.Clone(spec.Taps)
	for _, name := range outputs {
		t := spec.Taps[0]
		t.Output = name
		s.Taps = append(s.Taps, t)
	}
	return &s
}

// tapRows returns the rows of keys in the space of each tap.
func tapRows(t *testing.T, c *cache.Cache, spec *models.Spec, keys []cache.Key) (all [][]float32, held []int) {
	t.Helper()
	spaces, err := contract.SpacesOf(spec)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range spaces {
		r, err := c.Reader(s)
		if err != nil {
			t.Fatal(err)
		}
		refs := make([]cache.Ref, len(keys))
		if n := r.Locate(keys, refs); n > 0 {
			t.Fatalf("%d keys are missing", n)
		}
		rows := make([]float32, len(keys)*s.Dim())
		if err := r.RowsTo(rows, refs); err != nil {
			t.Fatal(err)
		}
		all, held = append(all, rows), append(held, r.Rows())
		r.Close()
	}
	return all, held
}

// Several taps take one forward pass, and each has the rows that it would have
// alone.
func TestSeveralTaps(t *testing.T) {
	for _, spec := range []*models.Spec{textSpec(t), func() *models.Spec { s := textSpec(t); s.Taps[0].DType = "f16"; return s }()} {
		path := lines(t, nil, 0, 20)
		keys := make([]cache.Key, 0, 20)
		alone := make([][]float32, 3)
		for i, name := range []string{"last_hidden_state", "a'", "b''"} {
			one, dir := tapped(spec), t.TempDir()
			one.Taps[0].Output = name
			out, _, err := runOver(t, dir, one, new(fake), nil, nil, path)
			if err != nil {
				t.Fatal(err)
			}
			if i == 0 {
				for _, r := range out.rows {
					keys = append(keys, r.Key)
				}
			}
			rows, _ := tapRows(t, store(t, dir), one, keys)
			alone[i] = rows[0]
		}
		if slices.Equal(alone[0], alone[1]) {
			t.Fatal("the fake gives every tap the same")
		}

		three, dir, backbone := tapped(spec, "a'", "b''"), t.TempDir(), new(fake)
		out, stats, err := runOver(t, dir, three, backbone, &extract.Settings{Embeddings: true}, nil, path)
		if err != nil {
			t.Fatal(err)
		}
		if n := stats.BackboneRows.Load(); n != 20 || stats.Computed.Load() != 20 {
			t.Errorf("%d rows through the backbone, %d computed", n, stats.Computed.Load())
		}
		rows, held := tapRows(t, store(t, dir), three, keys)
		if !slices.EqualFunc(rows, alone, slices.Equal) || !slices.Equal(held, []int{20, 20, 20}) {
			t.Errorf("%v rows, not those of each tap alone", held)
		}
		var side []float32
		for i := range keys {
			for _, tap := range rows {
				side = append(side, tap[i*fakeDim:(i+1)*fakeDim]...)
			}
		}
		if !slices.Equal(slices.Concat(out.embeddings...), side) {
			t.Error("the sink's embeddings are not the taps' side by side")
		}
		out, stats, err = runOver(t, dir, three, backbone, &extract.Settings{Embeddings: true}, nil, path)
		if err != nil || stats.BackboneRows.Load() != 0 || !slices.Equal(slices.Concat(out.embeddings...), side) {
			t.Errorf("again: %v, %d rows through the backbone", err, stats.BackboneRows.Load())
		}
	}
}

// A tap that is new to the cache needs the backbone once more; what the cache
// has of the others is neither lost nor kept twice.
func TestOneMoreTap(t *testing.T) {
	spec, dir, path := textSpec(t), t.TempDir(), lines(t, nil, 0, 20)
	out, _, err := runOver(t, dir, spec, new(fake), nil, nil, path)
	if err != nil {
		t.Fatal(err)
	}
	more := tapped(spec, "a'")
	_, stats, err := runOver(t, dir, more, new(fake), nil, nil, path)
	if err != nil || stats.BackboneRows.Load() != 20 {
		t.Fatalf("%v, %d rows through the backbone", err, stats.BackboneRows.Load())
	}
	var keys []cache.Key
	for _, r := range out.rows {
		keys = append(keys, r.Key)
	}
	if _, held := tapRows(t, store(t, dir), more, keys); !slices.Equal(held, []int{20, 20}) {
		t.Errorf("%v rows", held)
	}
}

// Drift is found in whichever tap it is.
func TestDriftOfOneTap(t *testing.T) {
	spec, dir := tapped(textSpec(t), "a'"), t.TempDir()
	if _, _, err := runOver(t, dir, spec, new(fake), nil, nil, lines(t, nil, 0, 10)); err != nil {
		t.Fatal(err)
	}
	other := tapped(spec)
	other.Taps[1].Output = "a'"
	spaces, err := contract.SpacesOf(spec)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = runOver(t, dir, other, &fake{shift: "a'"}, nil, nil, lines(t, nil, 0, 20))
	drift, ok := errors.AsType[*extract.DriftError](err)
	if !ok || drift.Space != spaces[1].Fingerprint() {
		t.Errorf("%v", err)
	}
}

// counting is a fake that remembers the names of what it was asked for.
type counting struct {
	fake
	names []string
}

func (c *counting) Run(ctx context.Context, inputs, outputs []tensor.View) error {
	c.names = nil
	for _, o := range outputs {
		c.names = append(c.names, o.Name)
	}
	return c.fake.Run(ctx, inputs, outputs)
}

// Two poolings of one tensor ask the backbone for it once: a runtime that is
// asked for an output twice may fill one of the two.
func TestTwoPoolingsOfOneTensor(t *testing.T) {
	spec, path := tapped(textSpec(t), "a'", "last_hidden_state"), lines(t, nil, 0, 5)
	spec.Taps[2].Pooling = "max"
	backbone, out := new(counting), new(sink)
	if err := extract.Run(t.Context(), spec, backbone, nil, open(t, nil, path), out, nil, &extract.Settings{Threads: 1, Embeddings: true}); err != nil {
		t.Fatal(err)
	}
	if want := []string{"last_hidden_state", "a'"}; !slices.Equal(backbone.names, want) {
		t.Errorf("it was asked for %v, want %v", backbone.names, want)
	}
	spec.Taps = spec.Taps[2:]
	alone := new(sink)
	if err := extract.Run(t.Context(), spec, new(fake), nil, open(t, nil, path), alone, nil, &extract.Settings{Embeddings: true}); err != nil {
		t.Fatal(err)
	}
	for i, row := range out.embeddings {
		if !slices.Equal(row[2*fakeDim:], alone.embeddings[i]) {
			t.Errorf("sample %d: beside another pooling its row is %v, alone %v", i, row[2*fakeDim:], alone.embeddings[i])
		}
	}
}

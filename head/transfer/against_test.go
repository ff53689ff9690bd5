package transfer

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract/features"
	"github.com/headstart-ml/headstart/head/study"
	"github.com/headstart-ml/headstart/models"
)

// TestCompareSets compares pictures by two backbones, and both of them beside
// each other, with names: the same as each alone, and names are better.
func TestCompareSets(t *testing.T) {
	c, err := cache.Create(filepath.Join(t.TempDir(), "cache"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	path := table(t, 30, classes...)
	var paths []string
	specs := []*models.Spec{small(t, "vit"), small(t, "resnet"), small(t, "distilbert")}
	for _, spec := range specs {
		paths = append(paths, recorded(t, c, spec, path))
	}
	j, err := features.Open(paths, c)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	s := &study.AgainstSettings{Deals: 1, L2Points: 4, By: "none"}
	all := []Rival{
		{Name: "vit", Sets: []int{0}, Specs: specs[:1]}, {Name: "resnet", Sets: []int{1}, Specs: specs[1:2]},
		{Name: "names", Sets: []int{2}, Specs: specs[2:]}, {Name: "both", Sets: []int{0, 1}, Specs: specs[:2]},
	}
	a, err := CompareSets(t.Context(), j, all, s)
	if err != nil {
		t.Fatal(err)
	}
	if a.N != j.Table.N() || a.Order != "multiply-adds" || len(a.Rivals) != 4 {
		t.Fatalf("%+v", a)
	}
	work := func(k int) int64 { return a.Rivals[k].MultiplyAdds }
	if work(0) <= 0 || work(3) != work(0)+work(1) || a.Rivals[3].Dim != a.Rivals[0].Dim+a.Rivals[1].Dim {
		t.Errorf("%+v", a.Rivals)
	}
	// A part of what was joined is what the set alone is.
	for k, path := range paths {
		one, err := features.Open([]string{path}, c)
		if err != nil {
			t.Fatal(err)
		}
		part := j.Part(k)
		if part.N() != one.Matrix.N() || part.D() != one.Matrix.D() {
			t.Fatalf("set %d: %d×%d, not %d×%d", k, part.N(), part.D(), one.Matrix.N(), one.Matrix.D())
		}
		have, want := make([]float32, 5*part.D()), make([]float32, 5*part.D())
		if err := errors.Join(part.BlockTo(have, 3, 8), one.Matrix.BlockTo(want, 3, 8), one.Close()); err != nil {
			t.Fatal(err)
		}
		for i := range have {
			if have[i] != want[i] {
				t.Fatalf("set %d: other values", k)
			}
		}
	}

	if _, err := CompareSets(t.Context(), j, []Rival{all[3], {Name: "again", Sets: []int{1, 0}}}, s); err == nil || !strings.Contains(err.Error(), "both and again are in the same space") {
		t.Errorf("the same features twice: %v", err)
	}
	all[1].Specs = nil // a folder that is gone
	if a, err = CompareSets(t.Context(), j, all[:2], s); err != nil || a.Order != "dim" || a.Rivals[1].MultiplyAdds != 0 {
		t.Errorf("%+v, %v", a, err)
	}
}

// TestTogether: rows are in one fold that have equal content in any set, also
// by way of others.
func TestTogether(t *testing.T) {
	d := extracted(t, "vit")
	keys := together(d.Features)
	last := len(keys) - 1
	equal := 0
	for i := range last {
		if keys[i] == keys[last] {
			equal++
		}
	}
	if equal != 1 || d.Features.Table.Keys[last] == keys[last] {
		t.Errorf("%d rows have the content of the last one, of which one has", equal)
	}
}

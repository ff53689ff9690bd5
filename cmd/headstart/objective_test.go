package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// TestObjectiveEqualsTheReference extracts the emoji's names, fits heads on
// them and compares what is minimised with the optimum that scikit-learn finds
// on the reference's embeddings (head/fit/testdata/generate.py).
func TestObjectiveEqualsTheReference(t *testing.T) {
	raw, err := os.ReadFile("../../head/fit/testdata/emoji_objective.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Rows, Dim int
		Objective map[string]float64
	}
	if err := json.Unmarshal(raw, &golden); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	t.Setenv("HEADSTART_CACHE", filepath.Join(dir, "cache"))
	t.Setenv("HEADSTART_QUIET", "true")
	set := filepath.Join(dir, "names.features")
	code, _, stderr := headstart(t, "extract", "--runtime", testRuntime(t), "--text", "name", "--out", set, "../../testdata/emoji/emoji.csv")
	if code != 0 {
		t.Fatalf("extract: exit %d: %s", code, stderr)
	}
	for l2, want := range golden.Objective {
		// One part, so that there is one fit, on every row.
		code, stdout, stderr := headstart(t, "train-head", "--json", "--tolerance", "1e-6", "--l2", l2, "--calibrate", "none",
			"--split", "train=1", "--by", "none", "--out", filepath.Join(dir, l2+".head.onnx"), set)
		if code != 0 {
			t.Fatalf("train-head --l2 %s: exit %d: %s", l2, code, stderr)
		}
		var got struct {
			N   struct{ Train int }
			Dim int
			L2  float64
			Fit struct{ Objective float64 }
		}
		if err := json.Unmarshal([]byte(stdout), &got); err != nil {
			t.Fatal(err)
		}
		lambda, err := strconv.ParseFloat(l2, 64)
		if err != nil {
			t.Fatal(err)
		}
		off := got.Fit.Objective/want - 1
		t.Logf("λ = %s: objective %.9f, scikit-learn's optimum %.9f, relative difference %.1e", l2, got.Fit.Objective, want, off)
		if got.N.Train != golden.Rows || got.Dim != golden.Dim || got.L2 != lambda {
			t.Errorf("λ = %s: fitted %d rows × %d with λ = %g, the golden has %d × %d", l2, got.N.Train, got.Dim, got.L2, golden.Rows, golden.Dim)
		}
		if off > 1e-6 || off < -1e-6 {
			t.Errorf("λ = %s: relative difference %.2e, more than 1e-6", l2, off)
		}
	}
}

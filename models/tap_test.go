package models_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/builtin"
	"github.com/headstart-ml/headstart/models/folder"
	"github.com/headstart-ml/headstart/models/onnx"
)

func builtinSpec(t *testing.T, name string) *models.Spec {
	t.Helper()
	s, err := folder.Resolve(name, builtin.FS())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const minilmLayer4 = "/m/encoder/layer.4/output/LayerNorm/LayerNormalization_output_0"

// Shapes are those of the architectures: 384 values a token in every layer of
// MiniLM; 112×112×96 and 7×7×1280 in EfficientNet-Lite0.
func TestSetTaps(t *testing.T) {
	for _, tc := range []struct {
		backbone string
		names    []string
		want     []models.Tap
	}{
		{"all-minilm-l6-v2", []string{minilmLayer4, minilmLayer4 + ":cls", "last_hidden_state", "last_hidden_state:meanstd"}, []models.Tap{
			{Output: minilmLayer4, Pooling: "mean", Shape: []int64{-1, -1, 384}, Dim: 384},
			{Output: minilmLayer4, Pooling: "cls", Shape: []int64{-1, -1, 384}, Dim: 384},
			{Output: "last_hidden_state", Pooling: "mean", Shape: []int64{-1, -1, 384}, Dim: 384, Post: "l2"},
			{Output: "last_hidden_state", Pooling: "meanstd", Shape: []int64{-1, -1, 384}, Dim: 768},
		}},
		{"efficientnet-lite0", []string{"Clip_2", "Clip_32:gem", "features"}, []models.Tap{
			{Output: "Clip_2", Pooling: "gap", Shape: []int64{-1, 96, 112, 112}, Dim: 96},
			{Output: "Clip_32", Pooling: "gem", Shape: []int64{-1, 1280, 7, 7}, Dim: 1280},
			{Output: "features", Pooling: "none", Shape: []int64{-1, 1280}, Dim: 1280},
		}},
		{"efficientnet-lite0", []string{"Add_6:flat", "Add_6", "features:flat"}, []models.Tap{
			{Output: "Add_6", Pooling: "flat", Shape: []int64{-1, 192, 7, 7}, Dim: 192 * 7 * 7},
			{Output: "Add_6", Pooling: "gap", Shape: []int64{-1, 192, 7, 7}, Dim: 192},
			{Output: "features", Pooling: "flat", Shape: []int64{-1, 1280}, Dim: 1280},
		}},
	} {
		s := builtinSpec(t, tc.backbone)
		if err := s.SetTaps(tc.names); err != nil {
			t.Errorf("%s: %v", tc.backbone, err)
			continue
		}
		if !reflect.DeepEqual(s.Taps, tc.want) {
			t.Errorf("%s: taps %+v, want %+v", tc.backbone, s.Taps, tc.want)
		}
	}
}

// What no tap needs is not in the graph that the runtime gets.
func TestTapsPruneTheGraph(t *testing.T) {
	s := builtinSpec(t, "efficientnet-lite0")
	whole, err := onnx.Decode(s.Weights.Data)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.SetTaps([]string{"Clip_8"}); err != nil {
		t.Fatal(err)
	}
	pruned, err := onnx.Decode(s.Weights.Pruned)
	if err != nil {
		t.Fatal(err)
	}
	last := pruned.Graph.Node[len(pruned.Graph.Node)-1]
	if len(pruned.Graph.Output) != 1 || pruned.Graph.Output[0].GetName() != "Clip_8" || last.Output[0] != "Clip_8" {
		t.Errorf("outputs %v, the last node makes %v", pruned.Graph.Output, last.Output)
	}
	if n := len(pruned.Graph.Node); 2*n > len(whole.Graph.Node) || n < 2 {
		t.Errorf("%d of %d nodes stay", n, len(whole.Graph.Node))
	}
	if fmt.Sprintf("%x", sha256.Sum256(s.Weights.Data)) != s.Weights.SHA256 {
		t.Error("the identity is no longer that of the file")
	}
}

func TestSetTapsRefuses(t *testing.T) {
	for _, tc := range []struct{ backbone, name, want string }{
		{"efficientnet-lite0", "nosuch", `no node makes a tensor "nosuch"`},
		{"efficientnet-lite0", "Clip_2:gap:x", `no node makes a tensor "Clip_2:gap"`},
		{"efficientnet-lite0", "Clip_2:mean", `pooling "mean" does not fit its shape [-1 96 112 112], which takes one of: gap, gem, max, meanstd`},
		{"efficientnet-lite0", "Clip_2:", "the pooling after the colon is missing"},
		{"efficientnet-lite0", "features:gap", "which takes one of: none"},
		{"efficientnet-lite0", "pixel_values", `no node makes`},
		{"all-minilm-l6-v2", "/m/encoder/layer.0/attention/self/Softmax_output_0", "fixed number of values"},
		{"efficientnet-lite0", "Clip_2:flat", "its shape [-1 96 112 112] has more than 1048576 values a sample"},
		{"all-minilm-l6-v2", "last_hidden_state:flat", "which takes one of: mean, cls, last, max, meanstd"},
		{"all-minilm-l6-v2", "last_hidden_state:gap", "which takes one of: mean, cls"},
	} {
		s := builtinSpec(t, tc.backbone)
		if err := s.SetTaps([]string{tc.name}); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want …%s…", tc.name, err, tc.want)
		}
	}
	s := builtinSpec(t, "efficientnet-lite0")
	if err := s.SetTaps([]string{"Clip_2", "Clip_2:gap"}); err == nil || !strings.Contains(err.Error(), "are the same") {
		t.Errorf("twice: %v", err)
	}
	err := s.SetTaps([]string{"nosuch:gap"})
	if e, ok := errors.AsType[*models.NoTensorError](err); !ok || *e != (models.NoTensorError{Backbone: "efficientnet-lite0", Tap: "nosuch:gap", Tensor: "nosuch"}) {
		t.Errorf("no such tensor: %v", err)
	}
	if err := s.SetTaps(nil); err == nil {
		t.Error("no tap is taken")
	}
}

package models_test

import (
	"testing"

	"github.com/headstart-ml/headstart/models/builtin"
	"github.com/headstart-ml/headstart/models/folder"
)

// What the built-in backbones take is what their authors say:
// EfficientNet-Lite0 407 million multiply-adds with its classifier of 1.28
// million (TensorFlow's table of EfficientNet-Lite), MiniLM six layers of
// 12·384² for each token, and of attention 2·384 for each pair of tokens.
func TestWork(t *testing.T) {
	for _, c := range []struct {
		name   string
		taps   []string
		tokens int
		least  int64
		most   int64
	}{
		{"efficientnet-lite0", nil, 1, 380e6, 407e6},
		{"efficientnet-lite0", []string{"Add_3:gap"}, 1, 100e6, 300e6},
		{"all-minilm-l6-v2", nil, 32, 32*6*12*384*384 + 6*2*384*32*32, 32*6*12*384*384 + 6*2*384*32*32 + 1e6},
		{"all-minilm-l6-v2", []string{"/m/encoder/layer.2/output/LayerNorm/LayerNormalization_output_0:mean"}, 32, 32 * 3 * 12 * 384 * 384, 32*3*12*384*384 + 4e6},
		{"all-minilm-l6-v2", nil, 64, 64 * 6 * 12 * 384 * 384, 64*6*12*384*384 + 20e6},
	} {
		spec, err := folder.ResolveFor(c.name, &folder.Options{Builtin: builtin.FS(), Taps: c.taps})
		if err != nil {
			t.Fatal(err)
		}
		w, err := spec.Work(c.tokens)
		if err != nil {
			t.Fatal(err)
		}
		if w.MultiplyAdds < c.least || w.MultiplyAdds > c.most || w.Parameters <= 0 {
			t.Errorf("%s %v of %d tokens: %+v, want %d to %d", c.name, c.taps, c.tokens, w, c.least, c.most)
		}
		if _, err := spec.Work(0); err == nil {
			t.Error("a text of no tokens is counted")
		}
	}
}

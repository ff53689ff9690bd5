package predict_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract"
	"github.com/headstart-ml/headstart/extract/features"
	"github.com/headstart-ml/headstart/extract/source"
	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/predict"
)

// What has several labels a sample is not measured as if it had none.
func TestEvaluateSeveralLabels(t *testing.T) {
	set := &features.Set{
		Meta: features.Meta{MultiLabel: true, Spaces: []json.RawMessage{json.RawMessage(`{"dim":1,"dtype":"f32"}`)}},
		IDs:  []string{"a"}, Keys: make([]cache.Key, 1), LabelLists: [][]string{{"x", "y"}},
	}
	table, err := features.Join([]*features.Set{set}, []string{"x.features"})
	if err != nil {
		t.Fatal(err)
	}
	h := &head.Head{Classes: []string{"x", "y"}}
	_, err = predict.Evaluate(t.Context(), nil, h, &features.Joined{Table: table}, nil)
	if _, ok := errors.AsType[*features.SeveralError](err); !ok {
		t.Errorf("of a feature set: %v", err)
	}
	sample := source.Bytes("a", []byte("a text"))
	sample.Labels = []string{"x"}
	err = predict.NewEvaluator(nil, h, nil).Take([]extract.Row{{Sample: sample, Embedding: []float32{1}}})
	if err == nil || !strings.Contains(err.Error(), "predict: a was read with several labels a sample, where one is needed") {
		t.Errorf("of a source: %v", err)
	}
}

package main

import (
	"math"
	"os"
	"slices"
	"testing"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract/features"
)

// rowsOf returns the features of a set, n×d.
func rowsOf(t *testing.T, name string) (x []float32, d int) {
	t.Helper()
	c, err := cache.Open(os.Getenv("HEADSTART_CACHE"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	set, err := features.Read(name)
	if err != nil {
		t.Fatal(err)
	}
	table, err := features.Join([]*features.Set{set}, []string{name})
	if err != nil {
		t.Fatal(err)
	}
	m, err := table.Matrix(c)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	x = make([]float32, m.N()*m.D())
	if err := m.BlockTo(x, 0, m.N()); err != nil {
		t.Fatal(err)
	}
	return x, m.D()
}

// Taps inside the graph: one pass, a space each, and the rows that the graph's
// own end makes of them.
func TestTaps(t *testing.T) {
	p := newPlace(t)
	samples := p.samples(0, 6, "symbols", "food-and-drink")
	p.table("emoji.csv", "image,name,label,group", samples)
	const layer4 = "/m/encoder/layer.4/output/LayerNorm/LayerNormalization_output_0"

	// The last map of EfficientNet-Lite0, averaged, is its output.
	images := "extract --image image --alpha white --root " + p.emoji + " emoji.csv "
	two := p.one(t, images+"--tap Clip_32 --tap Clip_8:max --out two.features")
	two.wantNumbers(t, map[string]float64{"samples": 12, "computed": 12, "backbone_rows": 12})
	if n := len(two["spaces"].([]any)); n != 2 {
		t.Errorf("%d spaces", n)
	}
	p.do(t, images+"--out own.features")
	x, d := rowsOf(t, "two.features")
	own, e := rowsOf(t, "own.features")
	if e != 1280 || d != 1280+240 {
		t.Fatalf("%d and %d features", d, e)
	}
	for i := range 12 {
		for k := range e {
			if a, b := float64(x[i*d+k]), float64(own[i*e+k]); math.Abs(a-b) > 1e-5*math.Max(1, math.Abs(b)) {
				t.Fatalf("sample %d, value %d: %v by the tap, %v by the graph", i, k, a, b)
			}
		}
	}
	p.one(t, "train-head --l2 0.1 --cv 2 --by none --calibrate none two.features").wantNumbers(t, map[string]float64{"dim": 1520})

	// The backbone's own tap, named, is its own space.
	p.do(t, "extract --text name --out names.features emoji.csv")
	p.one(t, "extract --text name --tap last_hidden_state:mean --out names.features emoji.csv").wantNumbers(t, map[string]float64{"cached": 12, "backbone_rows": 0})
	p.one(t, "extract --text name --tap "+layer4+" --tap last_hidden_state --out more.features emoji.csv").wantNumbers(t, map[string]float64{"computed": 12, "backbone_rows": 12})
	p.one(t, "extract --text name --out names.features emoji.csv").wantNumbers(t, map[string]float64{"cached": 12})
	more, d := rowsOf(t, "more.features")
	names, e := rowsOf(t, "names.features")
	if d != 2*e || !slices.Equal(more[e:2*e], names[:e]) {
		t.Error("the second tap's rows are not those that the cache had")
	}

	// A head on another tap predicts with that tap.
	p.do(t, "extract --text name --tap "+layer4+":cls --out layer4.features emoji.csv")
	p.do(t, "train-head --l2 0.1 --cv 2 --by none --calibrate none layer4.features")
	if a, b := p.do(t, "predict layer4.head.onnx --to jsonl --text name emoji.csv"), p.do(t, "predict layer4.head.onnx --to jsonl layer4.features"); a != b {
		t.Errorf("predicted from texts\n%s\nfrom features\n%s", a, b)
	}
	p.fails(t, "predict layer4.head.onnx --text name --tap last_hidden_state emoji.csv", exitUsage, "--tap last_hidden_state", layer4+":cls")
	p.one(t, "cache verify --recompute 3 layer4.features").wantNumbers(t, map[string]float64{"recomputed": 3})

	// What is missing is computed by the same command.
	p.fails(t, "train-head --cache empty more.features", exitFailed, "no cache")
	if err := os.Mkdir("empty", 0o777); err != nil {
		t.Fatal(err)
	}
	p.do(t, "extract --cache empty --text name --out other.features emoji.csv")
	p.fails(t, "train-head --cache empty more.features", exitFailed, "--tap "+layer4+" --tap last_hidden_state")

	p.fails(t, "extract --text name --tap nosuch emoji.csv", exitFailed, "nosuch", "headstart inspect all-minilm-l6-v2")
	p.fails(t, "extract --text name --tap "+layer4+":gap emoji.csv", exitFailed, "gap", "mean, cls")
}

// The part of a text backbone up to its first layer reads no mask, so none is
// fed: as features, and as what leads to a tail.
func TestATapThatReadsNoMask(t *testing.T) {
	p := newPlace(t)
	p.table("emoji.csv", "image,name,label,group", p.samples(0, 8, "symbols", "food-and-drink"))
	const first = "/m/embeddings/LayerNorm/LayerNormalization_output_0"
	p.one(t, "extract --text name --tap "+first+" --out first.features emoji.csv").wantNumbers(t, map[string]float64{"computed": 16, "backbone_rows": 16})
	p.do(t, "train-head --l2 0.1 --by none --cv 2 first.features")
	p.do(t, "predict first.head.onnx --text name emoji.csv")
	p.do(t, "export first.head.onnx --out whole")
	p.do(t, "extract --text name --out names.features emoji.csv")
	t.Setenv("HEADSTART_THREADS", "1") // with more the runtime spins while it waits
	p.do(t, "train-head --l2 0.1 --tail last:6 --epochs 1 --by none --out deep.head.onnx names.features")
	p.do(t, "predict deep.head.onnx --text name emoji.csv")
}

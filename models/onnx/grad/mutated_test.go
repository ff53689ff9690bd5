//go:build cgo && !windows

package grad

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
	"github.com/headstart-ml/headstart/models/runtime"
)

// mutations is how many changed forms of each model are tried.
const mutations = 30

// TestMutatedModelsRun checks, of models with nodes that were changed at
// random, that the runtime takes the gradients wherever it takes the forward
// pass.
func TestMutatedModelsRun(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "architectures", "*.onnx"))
	if err != nil || len(files) == 0 {
		t.Fatal("no models", err)
	}
	load := func(m *pb.ModelProto, in, out []string) error {
		data, err := onnx.Encode(m)
		if err != nil {
			return err
		}
		s, err := library(t).NewSession(data, &runtime.Options{Inputs: in, Outputs: out})
		if err == nil {
			s.Close()
		}
		return err
	}
	ran := 0
	for i, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for seed := range uint64(mutations) {
			m, err := onnx.Decode(data)
			if err != nil {
				t.Fatal(err)
			}
			mutate(rand.New(rand.NewPCG(seed, uint64(i))), m)
			shapes := map[string][]int64{}
			for _, in := range m.GetGraph().GetInput() {
				if shapes[in.GetName()] = []int64{2, 10}; in.GetName() == "pixel_values" {
					shapes[in.GetName()] = []int64{2, 3, 32, 32}
				}
			}
			g, err := onnx.Infer(m, &onnx.InferOptions{Inputs: onnx.Fixed(shapes), Values: true})
			if err != nil {
				continue
			}
			for _, block := range []int64{0, blockSize(t)} {
				p, err := Build(g, &Options{Classes: 2, Block: block})
				if err != nil {
					continue
				}
				if load(p.Forward, p.InputNames(), p.OutputNames()[:2]) != nil {
					continue
				}
				ran++
				if err := load(p.Step, p.InputNames(), p.OutputNames()); err != nil {
					t.Errorf("%s, seed %d, block %d: %v", strings.TrimSuffix(filepath.Base(path), ".onnx"), seed, block, err)
				}
			}
		}
	}
	t.Logf("%d programs", ran)
	if ran < 10*len(files) {
		t.Errorf("the runtime took only %d programs", ran)
	}
}

package grad

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// mutate changes a few nodes of a model: operators, inputs, attributes.
func mutate(rng *rand.Rand, m *pb.ModelProto) {
	nodes := m.GetGraph().GetNode()
	for range 1 + rng.IntN(3) {
		n := nodes[rng.IntN(len(nodes))]
		other := nodes[rng.IntN(len(nodes))]
		switch k := rng.IntN(8); {
		case k == 0:
			n.OpType = other.OpType
		case k == 1:
			n.OpType, n.Attribute = other.OpType, other.Attribute
		case k == 2 && len(n.Input) > 0:
			n.Input = n.Input[:rng.IntN(len(n.Input))]
		case k == 3 && len(n.Input) > 0 && len(other.Input) > 0:
			n.Input[rng.IntN(len(n.Input))] = other.Input[rng.IntN(len(other.Input))]
		case k == 4 && len(n.Attribute) > 0:
			i := rng.IntN(len(n.Attribute))
			n.Attribute = append(n.Attribute[:i:i], n.Attribute[i+1:]...)
		case k == 5 && len(n.Attribute) > 0:
			a := n.Attribute[rng.IntN(len(n.Attribute))]
			switch {
			case len(a.Ints) > 0:
				a.Ints[rng.IntN(len(a.Ints))] = rng.Int64N(9) - 3
				if rng.IntN(3) == 0 {
					a.Ints = a.Ints[:len(a.Ints)-1]
				}
			case a.I != nil:
				a.I = new(rng.Int64N(9) - 3)
			case a.S != nil:
				a.S = []byte("odd")
			}
		case k == 6 && len(n.Input) > 0:
			n.Input[rng.IntN(len(n.Input))] = ""
		case k == 7:
			names := []string{"axis", "group", "keepdims", "transA", "transB", "num_groups", "ceil_mode", "training_mode"}
			n.Attribute = append(n.Attribute, onnx.IntAttribute(names[rng.IntN(len(names))], rng.Int64N(7)-2))
		}
	}
}

// FuzzBuild checks that Build does not panic, whatever graph package onnx lets
// through. Each input is a model of testdata and the seed of changes to it.
func FuzzBuild(f *testing.F) {
	files, err := filepath.Glob(filepath.Join("testdata", "architectures", "*.onnx"))
	if err != nil || len(files) == 0 {
		f.Fatal("no models", err)
	}
	var models [][]byte
	for i, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		models = append(models, data)
		for seed := range uint64(20) {
			f.Add(uint8(i), seed)
		}
	}
	f.Fuzz(func(t *testing.T, file uint8, seed uint64) {
		m, err := onnx.Decode(models[int(file)%len(models)])
		if err != nil {
			t.Fatal(err)
		}
		rng := rand.New(rand.NewPCG(seed, uint64(file)))
		mutate(rng, m)
		shapes := map[string][]int64{}
		for _, in := range m.GetGraph().GetInput() {
			if shapes[in.GetName()] = []int64{2, 10}; in.GetName() == "pixel_values" {
				shapes[in.GetName()] = []int64{2, 3, 32, 32}
			}
		}
		g, err := onnx.Infer(m, &onnx.InferOptions{Inputs: onnx.Fixed(shapes), Values: true})
		if err != nil {
			return
		}
		for _, block := range []int64{0, 8, 16} {
			p, err := Build(g, &Options{Classes: 2, Block: block})
			if err != nil {
				var u *UnsupportedError
				if errors.As(err, &u) && (u.Operator == "" || u.Node == "") {
					t.Errorf("no operator or node in %v", err)
				}
				continue
			}
			for _, w := range p.Weights {
				if w.Gradient == "" || product(w.Dims) < product(w.Shape) {
					t.Errorf("weight %+v", w)
				}
			}
		}
	})
}

package onnx

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// referenceModels names the folder that testdata/reference.py fills with the
// test models of the ONNX package.
const referenceModels = "HEADSTART_ONNX_MODELS"

// eachReference calls f for the path of each model.onnx in that folder.
func eachReference(t *testing.T, f func(path string)) {
	t.Helper()
	dir := os.Getenv(referenceModels)
	if dir == "" {
		t.Skipf("%s names no folder; testdata/reference.py fills one", referenceModels)
	}
	n := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(path) == ".onnx" {
			n++
			f(path)
		}
		return err
	})
	if err != nil || n == 0 {
		t.Fatalf("%d models in %s: %v", n, dir, err)
	}
}

// tensors reads the tensors of a reference test: kind is "input" or "output".
func tensors(t *testing.T, dir, kind string) []*pb.TensorProto {
	t.Helper()
	var out []*pb.TensorProto
	for i := 0; ; i++ {
		data, err := os.ReadFile(filepath.Join(dir, "test_data_set_0", fmt.Sprintf("%s_%d.pb", kind, i)))
		if errors.Is(err, fs.ErrNotExist) {
			return out
		}
		x := new(pb.TensorProto)
		if err == nil {
			err = proto.Unmarshal(data, x)
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, x)
	}
}

// The reference's own tests of operators: shapes and types are those of the
// expected outputs, with floats fed and integers, which shapes are made of,
// constant; and with all inputs constant, what is computed has their values.
func TestReferenceOperators(t *testing.T) {
	sizes := []string{"onehot", "range", "resize", "upsample"} // floats say a size
	shapes, computed, other, unknown := 0, 0, 0, map[string]int{}
	eachReference(t, func(path string) {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		m, err := Decode(data)
		if err != nil {
			t.Fatal(err)
		}
		dir := filepath.Dir(path)
		name := filepath.Base(dir)
		in, want := tensors(t, dir, "input"), tensors(t, dir, "output")
		if len(want) == 0 || len(in) != len(m.Graph.Input) || len(want) != len(m.Graph.Output) {
			other++
			return
		}
		for i, v := range in {
			v.Name = m.Graph.Input[i].Name
		}
		for _, o := range m.OpsetImport {
			if standard(o.GetDomain()) == "" && o.GetVersion() > maxOpset {
				o.Version = proto.Int64(maxOpset)
			}
		}
		for _, all := range []bool{false, true} {
			x := proto.Clone(m).(*pb.ModelProto)
			fed := map[string][]int64{}
			for _, v := range in {
				if !all && isFloat(pb.TensorProto_DataType(v.GetDataType())) && !slices.ContainsFunc(sizes, func(s string) bool { return strings.HasPrefix(name, "test_"+s) }) {
					fed[v.GetName()] = v.GetDims()
					continue
				}
				x.Graph.Initializer = append(x.Graph.Initializer, v)
			}
			f, err := fold(x, fed)
			if err != nil {
				switch {
				case strings.Contains(err.Error(), "is not supported"), strings.Contains(err.Error(), "25 are supported"):
					_, op, _ := strings.Cut(err.Error(), "(")
					op, _, _ = strings.Cut(op, ")")
					unknown[op]++
					return
				case strings.Contains(name, "batchnorm") && strings.Contains(err.Error(), "training form"):
					other++
					return
				}
				t.Errorf("%s: %v", name, err)
				return
			}
			for i, w := range want {
				o := m.Graph.Output[i].GetName()
				if have := f.g.Shapes[o]; f.g.Types[o] != pb.TensorProto_DataType(w.GetDataType()) || !slices.Equal(have, w.GetDims()) {
					t.Errorf("%s: output %d is %v%v, want %v%v", name, i, f.g.Types[o], have, pb.TensorProto_DataType(w.GetDataType()), w.GetDims())
				}
				if !all {
					shapes++
					continue
				}
				have, err := f.array(o, 0)
				if err != nil {
					continue
				}
				wanted, err := arrayOf(w)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				computed++
				for k, v := range wanted.f {
					if d := math.Abs(v - have.f[k]); !(d <= 1e-6+1e-6*math.Abs(v)) && !(math.IsNaN(v) && math.IsNaN(have.f[k])) && v != have.f[k] {
						t.Errorf("%s: output %d: element %d is %g, want %g", name, i, k, have.f[k], v)
						break
					}
				}
				if !slices.Equal(have.i, wanted.i) {
					t.Errorf("%s: output %d is %v, want %v", name, i, have.i, wanted.i)
				}
			}
		}
	})
	t.Logf("%d shapes, %d values compared; %d tests are not of tensors; %d have an operator without a rule: %v",
		shapes, computed, other, len(unknown), slices.Sorted(maps.Keys(unknown)))
}

// Reading and writing gives the same bytes, or, where the writer kept another
// order of fields, the same model; of the reference's models none but those
// that are counted here.
func TestReferenceRoundTrip(t *testing.T) {
	same, exceptions := 0, []string{}
	eachReference(t, func(path string) {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		m, err := Decode(data)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			return
		}
		again, err := Encode(m)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Equal(data, again) {
			same++
			return
		}
		exceptions = append(exceptions, filepath.Base(filepath.Dir(path)))
		if n, err := Decode(again); err != nil || !proto.Equal(m, n) || len(again) != len(data) {
			t.Errorf("%s: %d bytes became %d other ones, and another model: %v", path, len(data), len(again), err)
		}
	})
	t.Logf("%d models are the same bytes; %d the same model: %v", same, len(exceptions), exceptions)
}

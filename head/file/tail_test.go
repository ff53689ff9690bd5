package file

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// Sizes of the small backbone.
const (
	wide     = 6 // values of a token at the cut
	features = 5 // of the head
)

// values returns n numbers between -1 and 1.
func values(seed uint64, n int) []float32 {
	r := rand.New(rand.NewPCG(seed, uint64(n)))
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(r.IntN(2001)-1000) / 1000
	}
	return v
}

// half returns a float16 tensor of numbers that it holds exactly.
func half(name string, dims ...int64) *pb.TensorProto {
	n := int64(1)
	for _, d := range dims {
		n *= d
	}
	t := &pb.TensorProto{Name: proto.String(name), Dims: dims, DataType: proto.Int32(int32(pb.TensorProto_FLOAT16))}
	for i := range n {
		t.RawData = append(t.RawData, 0, byte(0x30+4*(i%3))) // 1/8, 1/4, 1/2
	}
	return t
}

// small returns a backbone: a frozen layer up to "cut", then relu(cut·w1 +
// b1)·w2, of which w1 is stored as float16, with a mask as an input.
func small(opset int64) *pb.ModelProto {
	batch, tokens := onnx.Dim{Size: -1, Name: "batch"}, onnx.Dim{Size: -1, Name: "tokens"}
	return &pb.ModelProto{
		IrVersion: proto.Int64(8), ProducerName: proto.String("somebody"),
		OpsetImport: []*pb.OperatorSetIdProto{{Version: proto.Int64(opset)}},
		Graph: &pb.GraphProto{
			Name: proto.String("backbone"),
			Input: []*pb.ValueInfoProto{
				onnx.TensorValue("x", pb.TensorProto_FLOAT, batch, tokens, onnx.Dim{Size: 4}),
				onnx.TensorValue("mask", pb.TensorProto_INT64, batch, tokens),
			},
			Output: []*pb.ValueInfoProto{onnx.TensorValue("features", pb.TensorProto_FLOAT, batch, tokens, onnx.Dim{Size: features})},
			Initializer: []*pb.TensorProto{
				onnx.FloatTensor("w0", values(1, 4*wide), 4, wide), half("w1", wide, wide),
				onnx.FloatTensor("b1", values(2, wide), wide), onnx.FloatTensor("weight", values(3, wide*features), wide, features),
			},
			Node: []*pb.NodeProto{
				onnx.Node("MatMul", []string{"x", "w0"}, []string{"cut"}),
				onnx.Node("Cast", []string{"w1"}, []string{"w1_f32"}, onnx.IntAttribute("to", 1)),
				onnx.Node("MatMul", []string{"cut", "w1_f32"}, []string{"product"}),
				onnx.Node("Add", []string{"product", "b1"}, []string{"logits"}),
				onnx.Node("Relu", []string{"logits"}, []string{"relu"}),
				onnx.Node("MatMul", []string{"relu", "weight"}, []string{"features"}),
			},
		},
	}
}

// tailed returns a head with a tail of the small backbone.
func tailed(pooling string, normalize bool) *File {
	f := example("softmax", 3, features, normalize)
	affine(f).Mean, affine(f).Scale = make([]float64, features), slices.Repeat([]float64{1}, features)
	for i := range affine(f).Weight {
		affine(f).Weight[i] = float64(float32(math.Sin(float64(i))))
	}
	for i := range affine(f).Bias {
		affine(f).Bias[i] = float64(float32(math.Cos(float64(i))))
	}
	f.Spaces = f.Spaces[:1]
	f.Spaces[0].JSON = json.RawMessage(fmt.Sprintf(`{"dim":%d,"dtype":"f32","model":{"sha256":"aa"}}`, features))
	f.Tail = &Tail{
		Backbone: small(17), Cut: "cut", Features: "features", Pooling: pooling, Normalize: normalize,
		Weights: map[string][]float32{"w1": slices.Repeat([]float32{0.1}, wide*wide), "weight": values(7, wide*features)},
	}
	switch pooling {
	case "cls":
	case "gap", "gem":
		f.Tail.ChannelsLast = true
	default:
		f.Tail.Mask = "mask"
	}
	return f
}

// overTokens are poolings over tokens, of as many values as a token.
var overTokens = []string{"cls", "mean", "last", "max", "mean_sqrt_len", "weightedmean"}

// What is written is read again, and what is read is written again, byte for
// byte, with the backbone and without it.
func TestTailRoundTrip(t *testing.T) {
	for _, pooling := range slices.Concat(overTokens, []string{"gap", "gem", "cls masked", "max over space"}) {
		for _, cut := range []string{"cut", ""} {
			pooling, kind, _ := strings.Cut(pooling, " ")
			f := tailed(pooling, pooling == "mean")
			f.Tail.Cut = cut
			switch kind {
			case "masked":
				f.Tail.Mask = "mask"
			case "over space":
				f.Tail.Space, f.Tail.ChannelsLast, f.Tail.Mask = true, true, ""
			}
			masked := f.Tail.Mask != ""
			before := proto.CloneOf(f.Tail.Backbone)
			path := filepath.Join(t.TempDir(), "x.head.onnx")
			if err := Write(path, f); err != nil {
				t.Fatal(err)
			}
			if !proto.Equal(before, f.Tail.Backbone) {
				t.Error("the backbone was changed")
			}
			first, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if again, err := encode(f); err != nil || !bytes.Equal(first, again) {
				t.Errorf("the same head makes other bytes: %v", err)
			}
			g, err := Read(path)
			if err != nil {
				t.Fatal(err)
			}
			if second, err := encode(g); err != nil || !bytes.Equal(first, second) {
				t.Errorf("%q, cut %q: the file of what was read differs: %v", pooling, cut, err)
			}
			if !reflect.DeepEqual(f.Head, g.Head) {
				t.Errorf("model %+v, want %+v", g.Head, f.Head)
			}
			want := map[string][]float32{"w1": slices.Repeat([]float32{0.099975586}, wide*wide), "weight": f.Tail.Weights["weight"]} // 0.1 in float16
			if !reflect.DeepEqual(g.Tail.Weights, want) || g.Tail.Parameters() != wide*(wide+features) {
				t.Errorf("weights %v", g.Tail.Weights)
			}
			if a, b := *f.Tail, *g.Tail; a.Cut != b.Cut || a.Features != b.Features || a.Pooling != b.Pooling || a.Mask != b.Mask || a.Space != b.Space || a.ChannelsLast != b.ChannelsLast || a.Normalize != b.Normalize {
				t.Errorf("have %+v\nwant %+v", b, a)
			}
			f.Tail, g.Tail = nil, nil
			if !reflect.DeepEqual(f, g) {
				t.Errorf("have %+v\nwant %+v", g, f)
			}
			m, err := onnx.Decode(first)
			if err != nil {
				t.Fatal(err)
			}
			s, err := onnx.Walk(m)
			if err != nil {
				t.Fatal(err)
			}
			var in, out []string
			for _, v := range s.Inputs {
				in = append(in, v.Name)
			}
			for _, v := range s.Outputs {
				out = append(out, v.Name)
			}
			start := cut
			if cut == "" {
				start = "x"
			}
			wanted := []string{start}
			if masked {
				wanted = append(wanted, "mask")
			}
			if !slices.Equal(in, wanted) || !slices.Equal(out, []string{"logits", "probabilities"}) || len(s.Inputs[0].Shape) != 3 || s.Inputs[0].Shape[1].Name != "tokens" {
				t.Errorf("inputs %v, outputs %v", s.Inputs, s.Outputs)
			}
			if m.GetIrVersion() != 8 || s.Opsets[0].Version != 17 || m.MetadataProps[0].GetValue() != "4" {
				t.Errorf("IR version %d, operator sets %v, format %s", m.GetIrVersion(), s.Opsets, m.MetadataProps[0].GetValue())
			}
			if cut == "cut" && slices.ContainsFunc(m.Graph.Initializer, func(x *pb.TensorProto) bool { return x.GetName() == "w0" }) {
				t.Error("what is frozen before the cut is in the file")
			}
			for _, e := range m.MetadataProps {
				if k := e.GetKey(); k == props+"standardization" || k == props+"l2_normalize" {
					t.Errorf("metadata %s", k)
				}
			}
		}
	}
}

// The golden file is what Write makes today.
func TestGoldenTail(t *testing.T) {
	name := filepath.Join("testdata", "tail.head.onnx")
	f := tailed("mean", true)
	if *update {
		if err := Write(name, f); err != nil {
			t.Fatal(err)
		}
		return
	}
	data, err := encode(f)
	if err != nil {
		t.Fatal(err)
	}
	golden, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(data, golden) {
		t.Error("Write makes other bytes; if that is meant, raise tailVersion, and run: go test ./head/file -run GoldenTail -update")
	}
	if _, err := Read(name); err != nil {
		t.Error(err)
	}
}

// A tail that cannot be right is not written.
func TestWriteRefusesTails(t *testing.T) {
	for want, edit := range map[string]func(f *File){
		"there is no backbone":                  func(f *File) { f.Tail.Backbone = nil },
		"no features are named":                 func(f *File) { f.Tail.Features = "" },
		`detach after "nowhere"`:                func(f *File) { f.Tail.Features = "nowhere" },
		`detach at "nowhere"`:                   func(f *File) { f.Tail.Cut = "nowhere" },
		`pooling "flat" is not known`:           func(f *File) { f.Tail.Pooling = "flat" },
		`pooling "none" is not known`:           func(f *File) { f.Tail.Pooling = "none" },
		`mask "mask" with pooling "gap"`:        func(f *File) { f.Tail.Pooling = "gap" },
		`mask "mask" with pooling "max"`:        func(f *File) { f.Tail.Pooling, f.Tail.Space = "max", true },
		`space with pooling "mean"`:             func(f *File) { f.Tail.Space = true },
		`channels of pooling "mean"`:            func(f *File) { f.Tail.ChannelsLast = true },
		`pooling weightedmean`:                  func(f *File) { f.Tail.Pooling, f.Tail.Mask = "weightedmean", "" },
		`which pooling "meanstd" does not make`: func(f *File) { f.Tail.Pooling = "meanstd" },
		`"nomask"`:                              func(f *File) { f.Tail.Mask = "nomask" },
		"no weights":                            func(f *File) { f.Tail.Weights = nil },
		`tensor "w0": the model stores no such`: func(f *File) { f.Tail.Weights["w0"] = values(1, 4*wide) },
		`tensor "b1": 1 values`:                 func(f *File) { f.Tail.Weights["b1"] = []float32{1} },
		"too large for FLOAT16":                 func(f *File) { f.Tail.Weights["w1"][0] = 1e6 },
		`weight "w1": value 2 is NaN`:           func(f *File) { f.Tail.Weights["w1"][2] = float32(math.NaN()) },
		"normalize is false":                    func(f *File) { f.Tail.Normalize = false },
		"a standardisation":                     func(f *File) { affine(f).Mean[0] = 1 },
		"2 spaces":                              func(f *File) { f.Spaces = []Space{{[]byte(`{"dim":2}`), "x"}, {[]byte(`{"dim":3}`), "x"}} },
		`of which pooling "" does not`:          func(f *File) { f.Tail.Pooling, f.Tail.Mask = "", "" },
		"does not make rows of 5 values":        func(f *File) { f.Tail.Features = "relu" },
		"is not UTF-8":                          func(f *File) { f.Tail.Weights["\xff"] = []float32{1} },
		"holds FLOAT16, not float32": func(f *File) {
			g := f.Tail.Backbone.Graph
			g.Node[0].Output[0], g.Node[2].Input[0] = "wide", "back"
			g.Node = slices.Insert(g.Node, 1, onnx.Node("Cast", []string{"wide"}, []string{"cut"}, onnx.IntAttribute("to", 10)), onnx.Node("Cast", []string{"cut"}, []string{"back"}, onnx.IntAttribute("to", 1)))
		},
		"the spaces have 4 features, the head 5": func(f *File) { f.Spaces[0].JSON = []byte(`{"dim":4}`) },
		"lies in an external file":               func(f *File) { external(f.Tail.Backbone.Graph.Initializer[2]) },
		`"logits" is an input of the model`: func(f *File) {
			f.Tail.Cut, f.Tail.Weights = "logits", map[string][]float32{"weight": values(1, wide*features)}
		},
	} {
		f := tailed("mean", true)
		edit(f)
		dir := t.TempDir()
		err := Write(filepath.Join(dir, "x.head.onnx"), f)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "head/file: "+dir) {
			t.Errorf("error %v, want %q", err, want)
		}
		if names, err := os.ReadDir(dir); err != nil || len(names) > 0 {
			t.Errorf("%s: left behind %v, %v", want, names, err)
		}
	}
	f := tailed("mean", true)
	f.Tail.Backbone.Graph.Node[5].Input[0] = "sum"
	f.Tail.Backbone.Graph.Node = slices.Insert(f.Tail.Backbone.Graph.Node, 5, onnx.Node("MatMul", []string{"x", "w0"}, []string{"past"}), onnx.Node("Add", []string{"relu", "past"}, []string{"sum"}))
	if _, err := encode(f); !errors.Is(err, onnx.ErrBypass) {
		t.Errorf("past the cut: %v", err)
	}
}

// external moves a tensor into a file that there is not.
func external(t *pb.TensorProto) {
	t.RawData, t.DataLocation = nil, pb.TensorProto_EXTERNAL.Enum()
	t.ExternalData = []*pb.StringStringEntryProto{{Key: proto.String("location"), Value: proto.String("w.bin")}}
}

// Files with tails that are not what their metadata describe are refused.
func TestReadRefusesTails(t *testing.T) {
	meta := func(key, value string) func(m *pb.ModelProto) {
		return func(m *pb.ModelProto) {
			for _, e := range m.MetadataProps {
				if e.GetKey() == props+key {
					e.Value = &value
				}
			}
		}
	}
	tail := func(edit func(j *tailJSON)) func(m *pb.ModelProto) {
		return func(m *pb.ModelProto) {
			for _, e := range m.MetadataProps {
				if e.GetKey() == props+"tail" {
					var j tailJSON
					if err := json.Unmarshal([]byte(e.GetValue()), &j); err != nil {
						t.Fatal(err)
					}
					edit(&j)
					text, err := json.Marshal(j)
					if err != nil {
						t.Fatal(err)
					}
					e.Value = proto.String(string(text))
				}
			}
		}
	}
	stored := func(name string, edit func(x *pb.TensorProto)) func(m *pb.ModelProto) {
		return func(m *pb.ModelProto) {
			for _, x := range m.Graph.Initializer {
				if x.GetName() == name {
					edit(x)
				}
			}
		}
	}
	const other = "another program has changed"
	for _, test := range []struct {
		name string
		edit func(m *pb.ModelProto)
		want string
	}{
		{"no tail", func(m *pb.ModelProto) {
			m.MetadataProps = slices.DeleteFunc(m.MetadataProps, func(e *pb.StringStringEntryProto) bool { return e.GetKey() == props+"tail" })
		}, "metadata headstart.tail is missing"},
		{"a tail that is no JSON", meta("tail", "{"), "headstart.tail: "},
		{"another format", meta("format", "3"), "headstart.standardization is missing"},
		{"an older format", meta("format", "2"), other}, // its logits would be without the temperature
		{"no weights", tail(func(j *tailJSON) { j.Weights = nil }), "no weights"},
		{"weights out of order", tail(func(j *tailJSON) { slices.Reverse(j.Weights) }), "not in the order"},
		{"weights twice", tail(func(j *tailJSON) { j.Weights[1] = "w1" }), "not in the order"},
		{"a weight that is not there", tail(func(j *tailJSON) { j.Weights[0] = "nowhere" }), `weight "nowhere"`},
		{"a weight that is made", tail(func(j *tailJSON) { j.Weights = []string{"relu"} }), "stores no such tensor"},
		{"a weight of the head", tail(func(j *tailJSON) { j.Weights = []string{"bias"} }), "stores no such tensor"},
		{"another name", tail(func(j *tailJSON) { j.Renamed["weight"] = "b1" }), "another name without a reason"},
		{"another pooling", tail(func(j *tailJSON) { j.Pooling, j.Mask = "cls", "" }), other},
		{"another pooling over the same tokens", tail(func(j *tailJSON) { j.Pooling = "last" }), other},
		{"over space", tail(func(j *tailJSON) { j.Pooling, j.Mask, j.Space = "max", "", true }), other},
		{"a mask over space", tail(func(j *tailJSON) { j.Pooling, j.Space = "max", true }), "a mask for positions in space"},
		{"an unknown pooling", tail(func(j *tailJSON) { j.Pooling = "mode" }), `pooling "mode"`},
		{"another mask", tail(func(j *tailJSON) { j.Mask = "x" }), `"x"`},
		{"not normalised", tail(func(j *tailJSON) { j.Normalize = false }), other},
		{"another cut", tail(func(j *tailJSON) { j.Cut = "mask" }), `first input of the graph is not "mask"`},
		{"other features", tail(func(j *tailJSON) { j.Features = "relu" }), other},
		{"another temperature", meta("temperature", "2"), "the temperature is 1.37 in the graph and 2"},
		{"a huge dim", meta("space.0", `{"dim":4611686018427387904}`), "do not go into"},
		{"no dim", meta("space.0", `{"dim":0}`), "0 features"},
		{"another dim", meta("space.0", `{"dim":4}`), other},
		{"fewer classes", meta("classes", `["a","b"]`), other},
		{"no classes", meta("classes", `[]`), "0 classes"},
		{"a stored weight cut", stored("w1", func(x *pb.TensorProto) { x.RawData = x.RawData[2:] }), "raw_data"},
		{"a stored weight that is no number", stored("w1", func(x *pb.TensorProto) { x.RawData[0], x.RawData[1] = 0, 0x7e }), `weight "w1": value 0 is NaN`},
		{"a stored weight of integers", stored("w1", func(x *pb.TensorProto) { x.DataType = proto.Int32(int32(pb.TensorProto_INT16)) }), "not floats"},
		{"a stored weight outside", stored("w1", external), "lies in another file"},
		{"a head's weight outside", stored("weight_1", external), "lies in another file"},
		{"a head's weight that is no number", stored("weight_1", func(x *pb.TensorProto) { copy(x.RawData, "\x00\x00\xc0\x7f") }), "weight: value 0 is NaN"},
		{"another operator in the head", func(m *pb.ModelProto) { m.Graph.Node[len(m.Graph.Node)-1].OpType = proto.String("LogSoftmax") }, other},
		{"an operator of nobody", func(m *pb.ModelProto) { m.Graph.Node[1].Domain = proto.String("evil") }, "operator domain"},
		{"an operator that ends the process", func(m *pb.ModelProto) {
			m.Graph.Node[1].OpType, m.Graph.Node[1].Input = proto.String("LayerNormalization"), []string{"cut", "w1_f32", ""}
		}, "last input has no name"},
		{"one more output", func(m *pb.ModelProto) { m.Graph.Output = append(m.Graph.Output, m.Graph.Output[0]) }, "declared twice"},
		{"no inputs", func(m *pb.ModelProto) { m.Graph.Input = nil }, "first input"},
		{"an old operator set", func(m *pb.ModelProto) { m.OpsetImport[0].Version = proto.Int64(8) }, "operator set 8"},
	} {
		data, err := encode(tailed("mean", true))
		if err != nil {
			t.Fatal(err)
		}
		m, err := onnx.Decode(data)
		if err != nil {
			t.Fatal(err)
		}
		test.edit(m)
		if data, err = onnx.Encode(m); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "x.head.onnx")
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
		f, err := Read(path)
		if f != nil || err == nil || !strings.Contains(err.Error(), test.want) || !strings.HasPrefix(err.Error(), "head/file: "+path+": ") {
			t.Errorf("%s: error %v, want %q", test.name, err, test.want)
		}
	}
}

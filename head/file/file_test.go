package file

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

var update = flag.Bool("update", false, "write testdata/*.head.onnx anew")

// normal returns a number that is nearly normally distributed, of the same
// bits on every platform.
func normal(r *rand.Rand) float64 {
	sum := -6.0
	for range 12 {
		sum += r.Float64()
	}
	return sum
}

// example returns a head with random numbers, of features that lie around
// means of very different sizes.
func example(kind string, classes, features int, normalize bool) *File {
	r := rand.New(rand.NewPCG(uint64(classes), uint64(features)))
	m := &head.Affine{Normalize: normalize}
	h := &head.Head{Kind: kind, Model: m, Temperature: 1.37}
	for c := range classes {
		h.Classes = append(h.Classes, fmt.Sprintf("class %02d <ü>", c))
		m.Bias = append(m.Bias, normal(r))
	}
	for range features {
		s := math.Ldexp(1+r.Float64(), r.IntN(12)-6)
		if normalize {
			s = 0.1
		}
		m.Scale = append(m.Scale, s)
		m.Mean = append(m.Mean, 20*s*normal(r))
	}
	if kind == "softmax" {
		h.Params = head.Params{{Name: head.L2, Value: 1. / 300}}
	}
	for c := range classes {
		for j := range features {
			w := normal(r) / math.Sqrt(float64(features)) / m.Scale[j]
			m.Weight = append(m.Weight, w)
			m.Bias[c] -= float64(w * m.Mean[j])
		}
	}
	first := features / 3
	f := &File{
		Head: h,
		Spaces: []Space{
			{json.RawMessage(fmt.Sprintf(`{"dim":%d,"dtype":"f32","model":{"sha256":"aa"}}`, first)), "efficientnet-lite0"},
			{json.RawMessage(fmt.Sprintf(`{"dim":%d,"dtype":"f32","z":"spaces and order are kept" }`, features-first)), "./models/größe.onnx"},
		},
		Settings: json.RawMessage(`{"head":"softmax","l2":"auto"}`),
		Data:     strings.Repeat("0f", 32),
		Metrics:  json.RawMessage(`{"cv":{"accuracy":{"value":0.8,"low":0.75,"high":0.85}}}`),
		Versions: map[string]string{"onnxruntime": "1.32.0", "headstart": "0.1.0"},
		Created:  "2001-02-03T04:05:06Z",
	}
	var ids []string
	var keys [][32]byte
	for i := range 20 {
		ids = append(ids, fmt.Sprint("row/", i))
		keys = append(keys, sha256.Sum256([]byte(ids[i])))
	}
	var err error
	if f.Fitted, err = NewFitted(ids, keys); err != nil {
		panic(err)
	}
	return f
}

// rows returns n rows of features as they would come for the head, the first
// two of them zeros and means.
func rows(h *head.Head, n int) []float32 {
	m, d := networkOf(h.Model), h.D()
	r := rand.New(rand.NewPCG(1, 2))
	x := make([]float32, n*d)
	for i := range x {
		x[i] = float32(m.mean[i%d] + m.scale[i%d]*normal(r))
	}
	clear(x[:d])
	for j := range d {
		x[d+j] = float32(m.mean[j])
	}
	return x
}

func probabilities(t testing.TB, m *head.Head, x []float32) []float64 {
	t.Helper()
	n := len(x) / m.D()
	p := make([]float64, n*len(m.Classes))
	if err := m.ProbabilitiesTo(p, x, n); err != nil {
		t.Fatal(err)
	}
	return p
}

// largest returns the largest distance of two numbers at one place.
func largest[T float32 | float64](a []float64, b []T) float64 {
	d := 0.0
	for i := range a {
		d = math.Max(d, math.Abs(a[i]-float64(b[i])))
	}
	return d
}

var examples = []struct {
	kind              string
	classes, features int
	normalize         bool
}{
	{"softmax", 2, 3, false},
	{"softmax", 9, 1280 + 384, false},
	{"ncm", 100, 384, false},
	{"softmax", 5, 64, true},
}

// What is written is read again, byte for byte where it is said to be.
func TestRoundTrip(t *testing.T) {
	for _, e := range examples {
		f := example(e.kind, e.classes, e.features, e.normalize)
		path := filepath.Join(t.TempDir(), "x.head.onnx")
		if err := Write(path, f); err != nil {
			t.Fatal(err)
		}
		first, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		g, err := Read(path)
		if err != nil {
			t.Fatal(err)
		}
		// The weights are rounded, and nothing else.
		for i, w := range affine(f).Weight {
			if affine(g).Weight[i] != float64(float32(w)) {
				t.Fatalf("%v: weight %d is %v, was %v", e, i, affine(g).Weight[i], w)
			}
		}
		x := rows(f.Head, 50)
		if d := largest(probabilities(t, f.Head, x), probabilities(t, g.Head, x)); d > 1e-6 {
			t.Errorf("%v: probabilities differ by %g", e, d)
		}
		if err := Write(path, g); err != nil {
			t.Fatal(err)
		}
		if second, err := os.ReadFile(path); err != nil || !bytes.Equal(first, second) {
			t.Errorf("%v: the file of what was read differs: %v", e, err)
		}
		affine(g).Weight, affine(g).Bias = affine(f).Weight, affine(f).Bias
		if !reflect.DeepEqual(f, g) {
			t.Errorf("%v: have %+v %+v\nwant %+v %+v", e, g, g.Head, f, f.Head)
		}
	}
}

// The golden head files are what Write makes today, and their probabilities
// are those that ONNX Runtime computed.
func TestGolden(t *testing.T) {
	for _, e := range []struct {
		name      string
		kind      string
		normalize bool
	}{{"softmax", "softmax", false}, {"normalized", "ncm", true}} {
		name := filepath.Join("testdata", e.name+".head.onnx")
		f := example(e.kind, 4, 12, e.normalize)
		if *update {
			if err := Write(name, f); err != nil {
				t.Fatal(err)
			}
			continue
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
			t.Errorf("%s: Write makes other bytes; if that is meant, raise featuresVersion, and run: go test ./head/file -update, then testdata/generate.py", name)
		}
		g, err := Read(name)
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join("testdata", e.name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		var want struct {
			Features      []float32
			Probabilities []float64
			Classes       []string
		}
		if err := json.Unmarshal(text, &want); err != nil {
			t.Fatal(err)
		}
		if d := largest(probabilities(t, g.Head, want.Features), want.Probabilities); !(d <= 1e-6) || len(want.Probabilities) < 40 {
			t.Errorf("%s: probabilities differ by %g from those of ONNX Runtime", name, d)
		}
		if !slices.Equal(want.Classes, g.Head.Classes) {
			t.Errorf("%s: classes %q", name, g.Head.Classes)
		}
	}
}

func TestFitted(t *testing.T) {
	keys := [][32]byte{{9}, {0: 1, 31: 5}, {0: 1, 31: 6}, {255}}
	f, err := NewFitted([]string{"b", "a", "c", "d"}, keys)
	if err != nil {
		t.Fatal(err)
	}
	// Two keys have the same first 8 bytes.
	if f.N != 4 || !slices.Equal(f.Keys, []uint64{1 << 56, 9 << 56, 255 << 56}) {
		t.Errorf("%d rows, keys %x", f.N, f.Keys)
	}
	var b []byte
	for _, id := range []string{"a", "b", "c", "d"} {
		b = append(append(b, 1, 0, 0, 0, 0, 0, 0, 0), id...)
	}
	sum := sha256.Sum256(append([]byte("headstart-ids/1\x00"), b...))
	if f.IDs != hex.EncodeToString(sum[:]) {
		t.Errorf("ids %s", f.IDs)
	}
	if !f.Seen(keys[0]) || !f.Seen([32]byte{0: 1, 31: 99}) || f.Seen([32]byte{8}) || new(Fitted).Seen(keys[0]) {
		t.Error("seen")
	}
	if _, err := NewFitted([]string{"a"}, keys); err == nil {
		t.Error("1 id and 4 keys are taken")
	}
	data, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	var g Fitted
	if err := json.Unmarshal(data, &g); err != nil || !reflect.DeepEqual(f, &g) {
		t.Errorf("%v, %v", g, err)
	}
}

// What a head is unsure of is in its file, and in none that is sure of all.
func TestThresholdsAreKept(t *testing.T) {
	for _, c := range []struct {
		reject     float64
		thresholds []float64
	}{{0, nil}, {0.75, nil}, {0, []float64{0.1, 2, 0, 1. / 3}}, {0.5, []float64{0, 0, 0, 0}}} {
		path := filepath.Join(t.TempDir(), "x.head.onnx")
		f := example("softmax", 4, 12, false)
		f.Head.Reject, f.Head.Thresholds = c.reject, c.thresholds
		if err := Write(path, f); err != nil {
			t.Fatal(err)
		}
		g, err := Read(path)
		if err != nil {
			t.Fatal(err)
		}
		if g.Head.Reject != c.reject || !reflect.DeepEqual(g.Head.Thresholds, c.thresholds) || g.OfLogits().Reject != c.reject {
			t.Errorf("%+v: read %v, %v", c, g.Head.Reject, g.Head.Thresholds)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if sure := !g.Head.MayBeUnsure(); sure == (bytes.Contains(data, []byte("headstart.reject")) || bytes.Contains(data, []byte("headstart.thresholds"))) {
			t.Errorf("%+v: metadata of thresholds", c)
		}
	}
}

// A file that cannot be right is not written.
func TestWriteRefuses(t *testing.T) {
	for _, test := range []struct {
		name string
		edit func(f *File)
		want string
	}{
		{"no model", func(f *File) { f.Head = nil }, "there is no head"},
		{"weights", func(f *File) { affine(f).Weight = affine(f).Weight[1:] }, "weight: 47 values"},
		{"kind", func(f *File) { f.Head.Kind = "tree" }, "unknown kind"},
		{"infinite weight", func(f *File) { affine(f).Weight[3] = math.Inf(1) }, "weight"},
		{"weight over float32", func(f *File) { affine(f).Weight[3] = 1e300 }, "weight 1e+300 is too large for float32"},
		{"mean over float32", func(f *File) { affine(f).Mean[3] = 1e300 }, "too large for float32"},
		{"temperature under float32", func(f *File) { f.Head.Temperature = 1e-300 }, "too small for float32"},
		{"temperature over float32", func(f *File) { f.Head.Temperature = 1e300 }, "too large for float32"},
		{"classes twice", func(f *File) { f.Head.Classes[1] = f.Head.Classes[0] }, "not in the order"},
		{"class in Latin 1", func(f *File) { f.Head.Classes[3] = "gr\xfcn" }, "not UTF-8"},
		{"no spaces", func(f *File) { f.Spaces = nil }, "the spaces have 0 features, the head 12"},
		{"space missing", func(f *File) { f.Spaces = f.Spaces[:1] }, "the spaces have 4 features, the head 12"},
		{"space without dim", func(f *File) { f.Spaces[0].JSON = json.RawMessage("{}") }, "space 0: dim 0"},
		{"space too long", func(f *File) { f.Spaces[1].JSON = json.RawMessage(`{"dim":9223372036854775807}`) }, "space 1: dim 9223372036854775807"},
		{"space not JSON", func(f *File) { f.Spaces[1].JSON = json.RawMessage(`{"dim":8`) }, "space 1: "},
		{"no backbone", func(f *File) { f.Spaces[1].Backbone = "" }, "space 1: backbone"},
		{"no fitted rows", func(f *File) { f.Fitted = nil }, "fitted on are missing"},
		{"fitted keys", func(f *File) { slices.Reverse(f.Fitted.Keys) }, "fitted rows: key 1"},
		{"settings", func(f *File) { f.Settings = json.RawMessage("{") }, "settings: not JSON"},
		{"metrics", func(f *File) { f.Metrics = json.RawMessage("NaN") }, "metrics: not JSON"},
		{"data", func(f *File) { f.Data = "xyz" }, "data: "},
		{"created", func(f *File) { f.Created = "yesterday" }, "created: "},
		{"versions", func(f *File) { f.Versions["x"] = "\xff" }, "versions: "},
		{"reject", func(f *File) { f.Head.Reject = 2.5 }, "to be sure from is 2.5"},
		{"thresholds of too few classes", func(f *File) { f.Head.Thresholds = []float64{0.5} }, "1 thresholds for 4 classes"},
		{"threshold", func(f *File) { f.Head.Thresholds = []float64{0, 0.5, math.NaN(), 0} }, "threshold NaN"},
		{"l2", func(f *File) { f.Head.Params[0].Value = math.NaN() }, "l2 is NaN"},
	} {
		dir := t.TempDir()
		f := example("softmax", 4, 12, false)
		test.edit(f)
		err := Write(filepath.Join(dir, "x.head.onnx"), f)
		if err == nil || !strings.Contains(err.Error(), test.want) || !strings.HasPrefix(err.Error(), "head/file: "+dir) {
			t.Errorf("%s: error %v, want %q", test.name, err, test.want)
		}
		if names, err := os.ReadDir(dir); err != nil || len(names) > 0 {
			t.Errorf("%s: left behind %v, %v", test.name, names, err)
		}
	}
}

// Write replaces a file whole; when it cannot, it leaves nothing behind.
func TestReplace(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x.head.onnx")
	f := example("softmax", 4, 12, false)
	if err := os.WriteFile(path, bytes.Repeat([]byte("old"), 1e5), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := Write(path, f); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(path); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	if err := Write("y.head.onnx", f); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir("folder", 0o777); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"folder": "folder: ", "folder/": "not the name of a file", "none/x": "no such file"} {
		if err := Write(path, f); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", path, err, want)
		}
	}
	var names []string
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		names = append(names, path)
		return err
	})
	if want := []string{".", "folder", "x.head.onnx", "y.head.onnx"}; err != nil || !slices.Equal(names, want) {
		t.Errorf("%q, %v", names, err)
	}
}

// affine returns the model of the head of f.
func affine(f *File) *head.Affine { return f.Head.Model.(*head.Affine) }

// Files of the older layouts, whose logits are without the temperature, are
// read as they were meant, and what is written of them is in the new layout.
func TestOlderLayouts(t *testing.T) {
	for name, f := range map[string]*File{
		"softmax": example("softmax", 4, 12, false), "normalized": example("ncm", 4, 12, true), "tail": tailed("mean", true),
	} {
		path := filepath.Join("testdata", "bare", name+".head.onnx")
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		old, err := Read(path)
		if err != nil {
			t.Fatal(err)
		}
		m, err := onnx.Decode(data)
		if err != nil {
			t.Fatal(err)
		}
		if v := m.MetadataProps[0].GetValue(); v != "1" && v != "2" {
			t.Errorf("%s: format %s", name, v)
		}
		// Logits that a cache keeps of the older ones are still to be divided.
		if !old.BareLogits || old.OfLogits().Temperature != f.Head.Temperature || f.BareLogits || f.OfLogits().Temperature != 1 {
			t.Errorf("%s: of logits: temperature %v in the old layout, %v in the new one", name, old.OfLogits().Temperature, f.OfLogits().Temperature)
		}
		first, err := encode(f)
		if err != nil {
			t.Fatal(err)
		}
		again, err := encode(old)
		if err != nil || !bytes.Equal(first, again) {
			t.Errorf("%s: what was read is not the head that was written then: %v", name, err)
		}
		// Divided once: were a file of the new layout read as one of the old,
		// or the other way round, probabilities would differ.
		x := rows(f.Head, 20)
		if d := largest(probabilities(t, f.Head, x), probabilities(t, old.Head, x)); d > 1e-6 {
			t.Errorf("%s: probabilities differ by %g", name, d)
		}
	}
}

// change returns the bytes of the example after an edit of the model.
func change(t testing.TB, edit func(m *pb.ModelProto, meta map[string]*pb.StringStringEntryProto)) []byte {
	t.Helper()
	data, err := encode(example("softmax", 4, 12, false))
	if err != nil {
		t.Fatal(err)
	}
	m, err := onnx.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	meta := make(map[string]*pb.StringStringEntryProto)
	for _, e := range m.MetadataProps {
		meta[strings.TrimPrefix(e.GetKey(), props)] = e
	}
	edit(m, meta)
	if data, err = onnx.Encode(m); err != nil {
		t.Fatal(err)
	}
	return data
}

// Files that are no head, or not the one that their metadata describe, are
// refused.
func TestReadRefuses(t *testing.T) {
	type meta = map[string]*pb.StringStringEntryProto
	set := func(key, value string) func(*pb.ModelProto, meta) {
		return func(model *pb.ModelProto, m meta) {
			if m[key] == nil {
				m[key] = &pb.StringStringEntryProto{Key: proto.String(props + key)}
				model.MetadataProps = append(model.MetadataProps, m[key])
			}
			m[key].Value = &value
		}
	}
	drop := func(key string) func(*pb.ModelProto, meta) {
		return func(m *pb.ModelProto, _ meta) {
			m.MetadataProps = slices.DeleteFunc(m.MetadataProps, func(e *pb.StringStringEntryProto) bool { return e.GetKey() == props+key })
		}
	}
	graph := func(edit func(g *pb.GraphProto)) func(*pb.ModelProto, meta) {
		return func(m *pb.ModelProto, _ meta) { edit(m.Graph) }
	}
	const other = "another program has changed the file"
	for _, test := range []struct {
		name string
		edit func(*pb.ModelProto, meta)
		want string
	}{
		{"another model", func(m *pb.ModelProto, _ meta) { m.MetadataProps = nil }, "not a head file: it is an ONNX model without headstart's metadata"},
		{"newer format", set("format", "5"), `format version "5"; this version of headstart reads 1 to 4`},
		{"no number of a format", set("format", "x"), `format version "x"; this version of headstart reads 1 to 4`},
		{"another way to write a format", set("format", "+3"), `format version "+3"`},
		{"format of a tail", set("format", "4"), "metadata headstart.tail is missing"},
		{"older format", set("format", "1"), other}, // its logits would be without the temperature
		{"older format of a tail", set("format", "2"), "metadata headstart.tail is missing"},
		{"metadata twice", func(m *pb.ModelProto, _ meta) { m.MetadataProps = append(m.MetadataProps, m.MetadataProps[2]) }, `"headstart.classes" stands twice`},
		{"no classes", drop("classes"), "metadata headstart.classes is missing"},
		{"no space", drop("space.0"), "metadata headstart.space.0 is missing"},
		{"no second space", drop("space.1"), "the spaces have 4 features, the head 12"},
		{"no backbone", drop("backbone.1"), "metadata headstart.backbone.1 is missing"},
		{"no temperature", drop("temperature"), "headstart.temperature is missing"},
		{"no fitted rows", drop("fitted"), "headstart.fitted is missing"},
		{"kind", set("head", "forest"), "unknown kind"},
		{"classes", set("classes", `["a"]`), "48 values for 1 classes and 12 features"},
		{"classes not JSON", set("classes", `a,b`), "headstart.classes: "},
		{"classes out of order", set("classes", `["b","a","c","d"]`), "not in the order"},
		{"space without dim", set("space.0", `{}`), "space 0: dim 0"},
		{"standardization", set("standardization", `{"mean":[1],"scale":[1]}`), "48 values for 4 classes and 1 features"},
		{"no standardization", set("standardization", `{}`), "4 classes and 0 features do not go into"},
		{"another mean", set("standardization", `{"mean":[0,0,0,0,0,0,0,0,0,0,0,0],"scale":[0,0,0,0,0,0,0,0,0,0,0,0]}`), other},
		{"number over float64", set("temperature", "1e999"), "headstart.temperature: "},
		{"temperature", set("temperature", "2"), other},
		{"reject", set("reject", "often"), "headstart.reject: "},
		{"reject too large", set("reject", "3"), "to be sure from is 3"},
		{"thresholds", set("thresholds", "[0.5,0.5]"), "2 thresholds for 4 classes"},
		{"negative temperature", set("temperature", "-1.37"), other},
		{"l2_normalize", set("l2_normalize", "true"), other},
		{"l2", set("l2", "-1"), "l2 is -1"},
		{"fitted keys", set("fitted", `{"n":1,"ids":"`+strings.Repeat("0", 64)+`","keys":"AAAA"}`), "headstart.fitted: keys: 3 bytes"},
		{"fitted keys twice", set("fitted", `{"n":9,"ids":"`+strings.Repeat("0", 64)+`","keys":"AAAAAAAAAAEAAAAAAAAAAQ=="}`), "key 1 does not come after"},
		{"fitted ids", set("fitted", `{"n":0,"ids":"00","keys":""}`), "not a digest of ids"},
		{"fitted rows", set("fitted", `{"n":-1,"ids":"`+strings.Repeat("0", 64)+`","keys":""}`), "-1 rows and 0 keys"},
		{"settings", set("settings", "{"), "settings: not JSON"},
		{"data", set("data", "00"), "data: "},
		{"created", set("created", "0"), "created: "},
		{"weights cut", graph(func(g *pb.GraphProto) { g.Initializer[1].RawData = g.Initializer[1].RawData[4:] }), "raw_data has 188"},
		{"weights turned", graph(func(g *pb.GraphProto) { slices.Reverse(g.Initializer[1].Dims) }), other},
		{"weights gone", graph(func(g *pb.GraphProto) { g.Initializer = g.Initializer[2:] }), `no initializer "weight"`},
		{"weights not finite", graph(func(g *pb.GraphProto) { copy(g.Initializer[1].RawData, "\x00\x00\xc0\x7f") }), "weight: value 0 is NaN"},
		{"weights twice", graph(func(g *pb.GraphProto) { g.Initializer = append(g.Initializer, g.Initializer[1]) }), other},
		{"weights of another type", graph(func(g *pb.GraphProto) { g.Initializer[1].DataType = proto.Int32(6) }), "INT32, not FLOAT"},
		{"weights outside", graph(func(g *pb.GraphProto) { g.Initializer[1].DataLocation = pb.TensorProto_EXTERNAL.Enum() }), "external file"},
		{"center outside", graph(func(g *pb.GraphProto) { g.Initializer[0].DataLocation = pb.TensorProto_EXTERNAL.Enum() }), other},
		{"another operator", graph(func(g *pb.GraphProto) { g.Node[3].OpType = proto.String("LogSoftmax") }), other},
		{"another domain", graph(func(g *pb.GraphProto) { g.Node[3].Domain = proto.String("evil") }), other},
		{"one more node", graph(func(g *pb.GraphProto) { g.Node = append(g.Node, g.Node[0]) }), other},
		{"another output", graph(func(g *pb.GraphProto) { slices.Reverse(g.Output) }), other},
		{"functions", func(m *pb.ModelProto, _ meta) {
			m.Functions = []*pb.FunctionProto{{Name: proto.String("Gemm")}}
		}, "functions"},
		{"another opset", func(m *pb.ModelProto, _ meta) { m.OpsetImport[0].Version = proto.Int64(1) }, "operator set"},
	} {
		path := filepath.Join(t.TempDir(), "x.head.onnx")
		if err := os.WriteFile(path, change(t, test.edit), 0o666); err != nil {
			t.Fatal(err)
		}
		f, err := Read(path)
		if f != nil || err == nil || !strings.Contains(err.Error(), test.want) || !strings.HasPrefix(err.Error(), "head/file: "+path+": ") {
			t.Errorf("%s: error %v, want %q", test.name, err, test.want)
		}
	}

	dir := t.TempDir()
	write := func(name, content string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	write("empty", "")
	write("text", "no head")
	for _, name := range []string{"empty", "text", ".", "../../../models/builtin/efficientnet-lite0/onnx/model.onnx"} {
		path := filepath.Join(dir, name)
		if strings.HasPrefix(name, "../") {
			path = name[3:]
		}
		if _, err := Read(path); !errors.Is(err, ErrNotHead) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if _, err := Read(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrNotHead) {
		t.Errorf("error %v", err)
	}
}

// Whatever the bytes, decode returns; what it takes is a head that encode
// writes and decode takes again.
func FuzzRead(f *testing.F) {
	for _, e := range examples[:1] {
		data, err := encode(example(e.kind, e.classes, e.features, e.normalize))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
		f.Add(data[:len(data)/2])
	}
	for _, pooling := range []string{"cls", "mean"} {
		h := tailed(pooling, pooling == "mean")
		for _, cut := range []string{"cut", ""} {
			h.Tail.Cut = cut
			data, err := encode(h)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := decode(data)
		if err != nil {
			return
		}
		if err := h.Head.Check(); err != nil {
			t.Fatal(err)
		}
		if p := probabilities(t, h.Head, make([]float32, h.Head.D())); len(p) != len(h.Head.Classes) {
			t.Errorf("%d probabilities", len(p))
		}
		again, err := encode(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := decode(again); err != nil {
			t.Error(err)
		}
	})
}

package folder

import (
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// pixelGraph is a graph that makes each output of the pixels, by a node.
func pixelGraph(t *testing.T, outputs ...*pb.ValueInfoProto) []byte {
	return graph(t, values(f32("pixel_values", 3, 8, 8)), outputs, func(m *pb.ModelProto) {
		shape := func(v *pb.ValueInfoProto) (dims []int64) {
			for i, d := range v.GetType().GetTensorType().GetShape().GetDim() {
				if dims = append(dims, d.GetDimValue()); i == 0 {
					dims[0] = 0 // as many as there are
				}
			}
			return dims
		}
		for _, v := range outputs {
			name := v.GetName() + "_shape"
			m.Graph.Initializer = append(m.Graph.Initializer, &pb.TensorProto{Name: &name, DataType: proto.Int32(int32(pb.TensorProto_INT64)), Dims: []int64{int64(len(shape(v)))}, Int64Data: shape(v)})
			m.Graph.Node = append(m.Graph.Node, onnx.Node("Reshape", []string{"pixel_values", name}, []string{v.GetName()}))
		}
	})
}

// vitTree is a folder as optimum exports a transformer: token vectors alone.
func vitTree(t *testing.T, modelType string) tree {
	return tree{
		"model.onnx":               pixelGraph(t, f32("last_hidden_state", 12, 16)),
		"config.json":              fields{"model_type": modelType},
		"preprocessor_config.json": fields{"image_processor_type": "ViTImageProcessor", "size": fields{"height": 8, "width": 8}},
	}
}

// What a classifier says of each class is no embedding: what the classifier
// takes is offered in its place, and taken when it is asked for.
func TestClassifiersAreAskedAbout(t *testing.T) {
	classifier := func(output string) tree {
		f := vitTree(t, "vit")
		f["model.onnx"] = graph(t, values(f32("pixel_values", 3, 8, 8)), values(f32(output, 5)), func(m *pb.ModelProto) {
			m.Graph.Initializer = []*pb.TensorProto{onnx.FloatTensor("w", make([]float32, 3*8*8*5), 3*8*8, 5), onnx.FloatTensor("b", make([]float32, 5), 5)}
			m.Graph.Node = []*pb.NodeProto{
				onnx.Node("Flatten", []string{"pixel_values"}, []string{"features"}),
				onnx.Node("MatMul", []string{"features", "w"}, []string{"product"}),
				onnx.Node("Add", []string{"b", "product"}, []string{output}),
			}
		})
		return f
	}
	labels := classifier("output")
	labels["config.json"] = fields{"model_type": "vit", "id2label": fields{"0": "a", "1": "b", "2": "c", "3": "d", "4": "e"}}
	timm := classifier("output")
	timm["config.json"] = fields{"architecture": "resnet18", "num_classes": 5}
	for name, f := range map[string]tree{"logits": classifier("logits"), "labels": labels, "timm": timm} {
		_, dir, err := f.resolve(t, nil)
		output := "output"
		if name == "logits" {
			output = name
		}
		e, ok := errors.AsType[*NoTapError](err)
		if !ok || !slices.Equal(e.Taps, []string{"features:none", output + ":none"}) {
			t.Fatalf("%s: %v", name, err)
		}
		for i, dim := range []int{192, 5} {
			s, err := ResolveFor(dir, &Options{Taps: e.Taps[i : i+1]})
			if err != nil || s.Taps[0].Dim != dim {
				t.Errorf("%s, %s: %v", name, e.Taps[i], err)
			}
		}
	}
	features := classifier("output")
	features["config.json"] = fields{"model_type": "vit", "id2label": fields{"0": "a", "1": "b"}}
	if s, _, err := features.resolve(t, nil); err != nil || s.Taps[0].Output != "output" {
		t.Errorf("an output with another length than classes: %v", err)
	}
}

// resolve writes a tree and resolves it.
func (f tree) resolve(t *testing.T, o *Options) (*models.Spec, string, error) {
	t.Helper()
	dir := t.TempDir()
	f.write(t, dir)
	s, err := ResolveFor(dir, o)
	return s, dir, err
}

// The tap follows from the model's type; where nothing says it, the error has
// the choices, and a tap that is asked for is heard before anything is refused.
func TestTapByModelType(t *testing.T) {
	for kind, pooling := range map[string]string{"vit": "cls", "dinov2": "cls", "beit": "mean", "swin": "mean"} {
		s, _, err := vitTree(t, kind).resolve(t, nil)
		if err != nil || s.Taps[0].Output != "last_hidden_state" || s.Taps[0].Pooling != pooling || s.Taps[0].Dim != 16 {
			t.Errorf("%s: %v, %v", kind, s, err)
		}
	}
	unknown := vitTree(t, "martian")
	_, _, err := unknown.resolve(t, nil)
	tap, ok := errors.AsType[*NoTapError](err)
	if !ok || !slices.Equal(tap.Taps, []string{"last_hidden_state:cls", "last_hidden_state:mean"}) || !strings.Contains(tap.Why, "model_type martian") {
		t.Errorf("error %v", err)
	}
	s, _, err := unknown.resolve(t, &Options{Taps: []string{"last_hidden_state:mean"}})
	if err != nil || len(s.Taps) != 1 || s.Taps[0].Pooling != "mean" || s.Taps[0].Dim != 16 {
		t.Errorf("%v, %v", s, err)
	}
	if _, _, err := unknown.resolve(t, &Options{Taps: []string{"nothing:mean"}}); err == nil {
		t.Error("a tap that is not there was taken")
	}

	// A map of an unknown type, several vectors, nothing at all.
	for _, c := range []struct {
		graph []byte
		taps  []string
		says  string
	}{
		{pixelGraph(t, f32("last_hidden_state", 12, 4, 4)), []string{"last_hidden_state:gap"}, "nothing says how one of these is pooled"},
		{pixelGraph(t, f32("a", 192), f32("b", 192)), []string{"a:none", "b:none"}, "several outputs fit"},
		{pixelGraph(t, f32("a", 2, 2, 2, 24)), nil, "nor tokens or a map"},
	} {
		f := vitTree(t, "martian")
		f["model.onnx"] = c.graph
		_, _, err := f.resolve(t, nil)
		if tap, ok := errors.AsType[*NoTapError](err); !ok || !slices.Equal(tap.Taps, c.taps) || !strings.Contains(tap.Why, c.says) {
			t.Errorf("error %v, want %q", err, c.says)
		}
	}
	// What the graph has pooled comes first, for a known type too.
	f := vitTree(t, "swin")
	f["model.onnx"] = pixelGraph(t, f32("last_hidden_state", 12, 16), f32("pooler_output", 192))
	if s, _, err := f.resolve(t, nil); err != nil || s.Taps[0].Output != "pooler_output" {
		t.Errorf("%v, %v", s, err)
	}
	// timm says it in words of its own.
	f = tree{"model.onnx": pixelGraph(t, f32("output", 12, 16)), "config.json": fields{"global_pool": "token", "pretrained_cfg": fields{
		"input_size": []int{3, 8, 8}, "interpolation": "bicubic", "mean": []float64{0.5, 0.5, 0.5}, "std": []float64{0.5, 0.5, 0.5}}}}
	if s, _, err := f.resolve(t, nil); err != nil || s.Taps[0].Pooling != "cls" {
		t.Errorf("%v, %v", s, err)
	}
	f.set("config.json", "global_pool", "avg")
	if _, _, err := f.resolve(t, nil); err == nil {
		t.Error("avg of a transformer of timm leaves tokens out, but was taken")
	}
}

// Plain text folders have no modules.json: their pooling is asked for, and a
// tap is heard.
func TestTapOfPlainTexts(t *testing.T) {
	f := textTree(t)
	delete(f, "modules.json")
	f["model.onnx"] = graph(t, textInputs(), values(f32("last_hidden_state", -1, 8)), func(m *pb.ModelProto) {
		m.Graph.Initializer = append(m.Graph.Initializer, onnx.FloatTensor("table", make([]float32, 80), 10, 8))
		m.Graph.Node = []*pb.NodeProto{onnx.Node("Gather", []string{"table", "input_ids"}, []string{"last_hidden_state"})}
	})
	_, _, err := f.resolve(t, nil)
	if tap, ok := errors.AsType[*NoTapError](err); !ok || !slices.Equal(tap.Taps, []string{"last_hidden_state:mean", "last_hidden_state:cls"}) {
		t.Errorf("error %v", err)
	}
	for _, pooling := range []string{"mean", "cls"} {
		s, _, err := f.resolve(t, &Options{Taps: []string{"last_hidden_state:" + pooling}})
		if err != nil || s.Taps[0].Pooling != pooling || s.Taps[0].Dim != 8 {
			t.Errorf("%v, %v", s, err)
		}
	}
}

// Of several files the precision says which; the name in the Spec leads back to
// it.
func TestPrecision(t *testing.T) {
	f := vitTree(t, "vit")
	delete(f, "model.onnx")
	for i, name := range []string{"model.onnx", "model_fp16.onnx", "model_quantized.onnx"} {
		f["onnx/"+name] = pixelGraph(t, f32("last_hidden_state", 12, 16), f32(strings.Repeat("x", i+1), 192))
	}
	for precision, file := range map[string]string{"": "model.onnx", "f32": "model.onnx", "fp16": "model_fp16.onnx", "f16": "model_fp16.onnx", "int8": "model_quantized.onnx", "quantized": "model_quantized.onnx"} {
		s, dir, err := f.resolve(t, &Options{Precision: precision, Taps: []string{"last_hidden_state:cls"}})
		if err != nil {
			t.Errorf("%s: %v", precision, err)
			continue
		}
		if want := filepath.Join(dir, "onnx", file); s.Weights.Path != want || precision != "" && s.Name != want || precision == "" && s.Name != dir {
			t.Errorf("%s: %s is called %s", precision, s.Weights.Path, s.Name)
		}
		again, err := ResolveFor(s.Name, &Options{Taps: []string{"last_hidden_state:cls"}})
		if err != nil || again.Weights.SHA256 != s.Weights.SHA256 {
			t.Errorf("%s: by its name: %v", precision, err)
		}
	}
	_, _, err := f.resolve(t, &Options{Precision: "q4"})
	if e, ok := errors.AsType[*FilesError](err); !ok || e.Asked != "q4" || len(e.Files) != 3 {
		t.Errorf("error %v", err)
	}
	delete(f, "onnx/model.onnx")
	_, dir, err := f.resolve(t, nil)
	if e, ok := errors.AsType[*FilesError](err); !ok || len(e.Files) != 2 {
		t.Errorf("error %v", err)
	}
	if _, err := ResolveFor(filepath.Join(dir, "onnx", "model_fp16.onnx"), &Options{Precision: "fp16"}); err == nil {
		t.Error("a precision of one file was taken")
	}
	// The only file needs no word.
	delete(f, "onnx/model_fp16.onnx")
	if s, dir, err := f.resolve(t, nil); err != nil || s.Name != dir {
		t.Errorf("%v, %v", s, err)
	}
}

// A graph without other files has backbone.json beside it, which overrules what
// else is there.
func TestBackboneFile(t *testing.T) {
	f := tree{"net.onnx": pixelGraph(t, f32("a", 192), f32("b", 12, 16))}
	dir := t.TempDir()
	f.write(t, dir)
	file := filepath.Join(dir, "net.onnx")
	if _, err := Resolve(file, nil); err == nil || !strings.Contains(err.Error(), "missing: size, filter, mean, std") {
		t.Errorf("error %v", err)
	}
	own := fields{"image_processor": fields{"image_processor_type": "ViTImageProcessor", "size": fields{"height": 8, "width": 8}}, "tap": "b:mean"}
	tree{"backbone.json": own, "preprocessor_config.json": fields{"image_processor_type": "CLIPImageProcessor"}}.write(t, dir)
	s, err := Resolve(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	if w, h := imageOf(s).Size(); w != 8 || h != 8 || s.Taps[0].Output != "b" || s.Taps[0].Pooling != "mean" {
		t.Errorf("%d×%d, %+v", w, h, s.Taps)
	}
	if i := slices.IndexFunc(s.Origins, func(o models.Origin) bool {
		return o.File == "backbone.json" && o.Field == "image_processor.size.height" && o.Value == "8" && o.Pixels
	}); i < 0 {
		t.Errorf("read: %+v", s.Origins)
	}
	own["tap"] = "c:mean"
	tree{"backbone.json": own}.write(t, dir)
	if _, err := Resolve(file, nil); err == nil || !strings.Contains(err.Error(), `backbone.json: tap: "c:mean" is not OUTPUT:POOLING`) {
		t.Errorf("error %v", err)
	}
	timm := fields{"pretrained_cfg": fields{"input_size": []int{3, 8, 8}, "interpolation": "box", "mean": []float64{0, 0, 0}, "std": []float64{1, 1, 1}}}
	tree{"backbone.json": timm}.write(t, dir)
	if s, err := Resolve(file, nil); err != nil || imageOf(s).Resize.Filter != "box" || s.Taps[0].Output != "a" {
		t.Errorf("%v, %v", s, err)
	}
}

// A name of the Hub that is no folder here is told from a path that is wrong.
func TestHubNames(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, want := range map[string]bool{"onnx-community/dinov2-small": true, "a.b/c_d-e": true, "a/b/c": false, "a/model.onnx": false, "./a": false, "a": false} {
		_, err := Resolve(name, nil)
		if _, hub := errors.AsType[*HubError](err); err == nil || hub != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := os.MkdirAll("org/name", 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := Resolve("org/name", nil); err == nil || !strings.Contains(err.Error(), "exported to ONNX first") {
		t.Errorf("error %v", err)
	}
}

// Newer releases of transformers write the processor into a file of another
// name.
func TestProcessorConfig(t *testing.T) {
	f := vitTree(t, "vit")
	f["processor_config.json"] = fields{"image_processor": f["preprocessor_config.json"], "processor_class": "CLIPProcessor"}
	want, _, err := f.resolve(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	delete(f, "preprocessor_config.json")
	s, _, err := f.resolve(t, nil)
	if err != nil || !reflect.DeepEqual(s.Contract, want.Contract) {
		t.Errorf("%v, %v", s, err)
	}
	// TimmWrapper reads what timm says.
	f = tree{"model.onnx": pixelGraph(t, f32("features", 192)), "preprocessor_config.json": fields{"image_processor_type": "TimmWrapperImageProcessor"}, "config.json": fields{"pretrained_cfg": fields{
		"input_size": []int{3, 8, 8}, "interpolation": "bicubic", "crop_mode": "border", "crop_pct": 1, "mean": []float64{0.5, 0.4, 0.1}, "std": []float64{0.5, 0.5, 0.5}}}}
	s, _, err = f.resolve(t, nil)
	if err != nil || imageOf(s).Resize.Mode != "contain" || imageOf(s).Crop.Fill != [3]uint8{128, 102, 26} {
		t.Errorf("%v, %v", s, err)
	}
	delete(f, "config.json")
	if _, _, err := f.resolve(t, nil); err == nil || !strings.Contains(err.Error(), "reads pretrained_cfg") {
		t.Errorf("error %v", err)
	}
}

// What is said of a bare graph with Options and in backbone.json comes to the
// same contract, key by key; half may stand in each.
func TestFacts(t *testing.T) {
	bare := tree{"net.onnx": pixelGraph(t, f32("a", 192))}
	facts := Facts{"size": "10", "crop": "8x8", "filter": "lanczos", "mean": "0.5,0.25,0", "std": "0.25", "rescale": "1/128", "channels": "bgr", "layout": "nchw"}
	s, _, err := bare.resolve(t, &Options{Facts: facts})
	if err != nil {
		t.Fatal(err)
	}
	want := models.ImageSpec{Policies: models.DefaultPolicies(), Convert: "rgb", Layout: "nchw", Channels: "bgr", Rescale: 1. / 128,
		Resize: models.Resize{Engine: "pillow/1", Order: "hv", Mode: "short", Width: 10, Height: 10, Filter: "lanczos"},
		Crop:   models.Crop{Width: 8, Height: 8, Offset: "half-even"},
		Mean:   [3]float64{0.5, 0.25, 0}, Std: [3]float64{0.25, 0.25, 0.25}}
	if !reflect.DeepEqual(*imageOf(s), want) {
		t.Errorf("%+v\nwant %+v", *imageOf(s), want)
	}
	own := fields{"size": 10, "crop": 8, "filter": "lanczos", "mean": []float64{0.5, 0.25, 0}, "std": 0.25, "rescale": "1/128", "channels": "bgr", "layout": "nchw"}
	for key, word := range facts {
		half := fields{}
		rest := Facts{key: word}
		for k, v := range own {
			if k != key {
				half[k] = v
			}
		}
		f := tree{"net.onnx": bare["net.onnx"], "backbone.json": half, "preprocessor_config.json": fields{"image_processor_type": "MartianImageProcessor"}}
		if s, _, err := f.resolve(t, &Options{Facts: rest}); err != nil || !reflect.DeepEqual(*imageOf(s), want) {
			t.Errorf("%s: %+v, %v", key, s, err)
		}
		half[key] = own[key]
		if s, _, err := f.resolve(t, &Options{Facts: rest}); err != nil || !reflect.DeepEqual(*imageOf(s), want) {
			t.Errorf("%s, both: %+v, %v", key, s, err)
		}
	}
	// A contradiction names both.
	others := Facts{"size": "11", "crop": "8x7", "filter": "box", "mean": "0.5", "std": "0.2", "rescale": "1/127", "channels": "rgb", "layout": "nhwc"}
	for key, other := range others {
		f := tree{"net.onnx": bare["net.onnx"], "backbone.json": own}
		_, _, err := f.resolve(t, &Options{Facts: Facts{key: other}})
		if e, ok := errors.AsType[*ContradictionError](err); !ok || e.Key != key || e.Given != other || e.File != "backbone.json" {
			t.Errorf("%s: %v", key, err)
		}
	}
	// What is not said is asked for, and so is the layout where the graph does
	// not tell it.
	for _, c := range []struct {
		graph []byte
		facts Facts
		keys  []string
	}{
		{bare["net.onnx"].([]byte), nil, []string{"size", "filter", "mean", "std"}},
		{bare["net.onnx"].([]byte), Facts{"size": "8", "mean": "0", "std": "1"}, []string{"filter", "crop"}},
		{graph(t, values(f32("p", -1, -1, -1)), values(f32("f", 8)), nil), Facts{"size": "8x8", "mean": "0", "std": "1", "filter": "box"}, []string{"layout"}},
	} {
		f := tree{"net.onnx": c.graph}
		_, _, err := f.resolve(t, &Options{Facts: c.facts})
		e, ok := errors.AsType[*UnsaidError](err)
		if !ok {
			t.Errorf("%v: %v", c.keys, err)
			continue
		}
		var keys []string
		for _, f := range e.Facts {
			keys = append(keys, f.Key)
		}
		if !slices.Equal(keys, c.keys) {
			t.Errorf("asked for %v, want %v", keys, c.keys)
		}
	}
	// Nothing in backbone.json is left unread.
	for key, c := range map[string]struct {
		value any
		says  string
	}{
		"sise":            {8, "backbone.json: sise: the key is not known; known are size, filter"},
		"size":            {[]int{1, 2, 3}, "size: 1,2,3 is neither N nor WIDTHxHEIGHT"},
		"std":             {"0", "std: 0: a deviation is not positive"},
		"mean":            {fields{}, "mean: {} is neither a string, a number nor a list"},
		"image_processor": {fields{}, "channels: image_processor says it"},
	} {
		f := tree{"net.onnx": bare["net.onnx"], "backbone.json": fields{"channels": "bgr", key: c.value}}
		if _, _, err := f.resolve(t, nil); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", key, err)
		}
	}
	if _, _, err := bare.resolve(t, &Options{Facts: Facts{"sise": "8"}}); err == nil || !strings.Contains(err.Error(), "none of size") {
		t.Errorf("error %v", err)
	}
}

// A length that is given and is not that of the folder is refused with the file
// that has the limit, the graph where that is fixed.
func TestLengthThatIsNotTheFolders(t *testing.T) {
	fixed := graph(t, values(i64("input_ids", 6), i64("attention_mask", 6)), values(f32("last_hidden_state", 6, 8)), func(m *pb.ModelProto) {
		m.Graph.Node = []*pb.NodeProto{onnx.Node("Gather", []string{"table", "input_ids"}, []string{"last_hidden_state"})}
		m.Graph.Initializer = []*pb.TensorProto{{Name: proto.String("table"), Dims: []int64{2, 8}, DataType: proto.Int32(int32(pb.TensorProto_FLOAT)), FloatData: make([]float32, 16)}}
	})
	for _, c := range []struct {
		given string
		edit  func(f tree)
		file  string
		says  string
	}{
		{"8", func(f tree) {}, "tokenizer_config.json", "512"},
		{"8", func(f tree) { f["sentence_bert_config.json"] = fields{"max_seq_length": 64} }, "sentence_bert_config.json", "64"},
		{"600", func(f tree) { f.set("tokenizer_config.json", "model_max_length", 1e30) }, "config.json", "512"},
		{"512", func(f tree) { f["model.onnx"] = fixed }, "model.onnx", "6"},
		{"8", func(f tree) {
			f["model.onnx"] = fixed
			f.set("tokenizer_config.json", "model_max_length", drop)
		}, "model.onnx", "6"},
	} {
		f := textTree(t)
		c.edit(f)
		_, _, err := f.resolve(t, &Options{Facts: Facts{"max_length": c.given}})
		if e, ok := errors.AsType[*ContradictionError](err); !ok || e.File != c.file || e.Says != c.says {
			t.Errorf("%s, want %s of %s: %v", c.given, c.says, c.file, err)
		}
	}
}

// An embedding whose length neither the file nor shape inference gives is asked
// about, by the name that its dimension has in the file; once that is written
// there, it is taken.
func TestNoLength(t *testing.T) {
	open := func(last onnx.Dim) []byte {
		return graph(t, values(f32("pixel_values", 3, 8, 8)), values(onnx.TensorValue("features", pb.TensorProto_FLOAT, batch, last)), func(m *pb.ModelProto) {
			// How many values are not zero, nobody knows before.
			m.Graph.Node = []*pb.NodeProto{
				onnx.Node("NonZero", []string{"pixel_values"}, []string{"places"}),
				onnx.Node("Cast", []string{"places"}, []string{"features"}, onnx.IntAttribute("to", int64(pb.TensorProto_FLOAT))),
			}
		})
	}
	f := vitTree(t, "vit")
	for _, name := range []string{"width", ""} {
		f["model.onnx"] = open(onnx.Dim{Size: -1, Name: name})
		_, _, err := f.resolve(t, nil)
		e, ok := errors.AsType[*NoLengthError](err)
		if !ok || e.Output != "features" || e.Dim != name || !strings.Contains(err.Error(), "NonZero") {
			t.Errorf("%q: error %v", name, err)
		}
	}
	if _, _, err := f.resolve(t, &Options{Taps: []string{"features:none"}}); err == nil || !strings.Contains(err.Error(), "NonZero") {
		t.Errorf("error %v", err)
	}
	f["model.onnx"] = open(onnx.Dim{Size: 7})
	if s, _, err := f.resolve(t, nil); err != nil || s.Taps[0].Dim != 7 {
		t.Errorf("%+v, %v", s, err)
	}
}

// What a text graph is fed follows from its inputs and the model's family.
func TestTextGraphs(t *testing.T) {
	hidden := values(f32("last_hidden_state", -1, 8))
	flat := values(f32("text_embeds", 8))
	nine := 9
	for _, test := range []struct {
		name   string
		inputs []*pb.ValueInfoProto
		out    []*pb.ValueInfoProto
		edit   func(f tree)
		want   models.TextSpec
		roles  string
	}{
		{"bert with positions", append(textInputs(), i64("position_ids", -1)), hidden, nil, models.TextSpec{MaxLen: 512, Positions: &models.Positions{Pad: 1}}, "ids mask positions"},
		{"roberta with positions", append(textInputs(), i64("position_ids", -1)), hidden, func(f tree) {
			f["config.json"] = fields{"max_position_embeddings": 514, "model_type": "xlm-roberta", "pad_token_id": 1}
			f.set("tokenizer_config.json", "model_max_length", 1e30)
		}, models.TextSpec{MaxLen: 512, Positions: &models.Positions{First: 2, Pad: 1}}, "ids mask positions"},
		{"left", textInputs(), hidden, func(f tree) {
			f.set("tokenizer_config.json", "padding_side", "left")
			f.set("tokenizer_config.json", "truncation_side", "left")
			f.set("tokenizer_config.json", "pad_token", fields{"content": "[UNK]"})
		}, models.TextSpec{MaxLen: 512, Padding: "left", Truncation: "left", PadID: new(int)}, "ids mask"},
		{"clip", textInputs()[:1], flat, func(f tree) { f["config.json"] = fields{"model_type": "clip_text_model", "pad_token_id": 9} },
			models.TextSpec{MaxLen: 512, Causal: true, PadID: &nine}, "ids"},
		{"siglip", textInputs()[:1], flat, func(f tree) {
			f["config.json"] = fields{"model_type": "siglip_text_model", "pad_token_id": 9}
			f.set("tokenizer_config.json", "model_max_length", 64)
		}, models.TextSpec{MaxLen: 64, Length: 64, PadID: &nine}, "ids"},
		{"no mask", textInputs()[:1], flat, nil, models.TextSpec{MaxLen: 512}, "ids"},
		{"fixed", values(i64("input_ids", 77), i64("attention_mask", 77)), flat, nil, models.TextSpec{MaxLen: 77, Length: 77}, "ids mask"},
	} {
		f := textTree(t)
		f["model.onnx"] = graph(t, test.inputs, test.out, nil)
		if test.edit != nil {
			test.edit(f)
		}
		if len(test.out[0].GetType().GetTensorType().GetShape().GetDim()) == 2 {
			delete(f, "modules.json")
		}
		s, _, err := f.resolve(t, nil)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		have := *textOf(s)
		have.Tokenizer, have.TokenizerSHA256 = nil, ""
		test.want.Truncation = cmp.Or(test.want.Truncation, "right")
		var roles []string
		for _, in := range s.Inputs {
			roles = append(roles, in.Role)
		}
		if !reflect.DeepEqual(have, test.want) || strings.Join(roles, " ") != test.roles {
			t.Errorf("%s: %+v %v, want %+v", test.name, have, roles, test.want)
		}
	}
}

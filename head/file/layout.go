package file

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/layer"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

const (
	irVersion = 9
	opset     = 17
	producer  = "headstart"
	props     = "headstart." // what the names of the metadata start with
	maxSpaces = 1 << 10
)

// standardization is the record of what was folded into the weights.
type standardization struct {
	Mean  []float64 `json:"mean"`
	Scale []float64 `json:"scale"`
}

// encode returns the bytes of a head file.
func encode(f *File) ([]byte, error) {
	m, err := Build(f)
	if err != nil {
		return nil, err
	}
	return onnx.Encode(m)
}

// Build returns the ONNX model that Write writes: what a runtime takes to compute
// probabilities.
func Build(f *File) (*pb.ModelProto, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	m := f.Model
	var out *pb.ModelProto
	var tail *tailJSON
	if f.Tail != nil {
		var err error
		if out, tail, err = f.Tail.model(m); err != nil {
			return nil, err
		}
	} else {
		p, err := parametersOf(m)
		if err != nil {
			return nil, err
		}
		out = &pb.ModelProto{
			IrVersion:   new(int64(irVersion)),
			Graph:       p.graph(),
			OpsetImport: []*pb.OperatorSetIdProto{{Domain: new(""), Version: new(int64(opset))}},
		}
	}
	out.ProducerName = new(string(producer))
	if v := f.Versions[producer]; v != "" {
		out.ProducerVersion = new(v)
	}
	put := func(key, value string) {
		out.MetadataProps = append(out.MetadataProps, &pb.StringStringEntryProto{Key: new(props + key), Value: new(value)})
	}
	putJSON := func(key string, v any) error {
		data, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		put(key, string(data))
		return nil
	}
	put("format", strconv.Itoa(f.version()))
	put("head", m.Kind)
	if err := putJSON("classes", m.Classes); err != nil {
		return nil, err
	}
	for i, s := range f.Spaces {
		put("space."+strconv.Itoa(i), string(s.JSON))
		put("backbone."+strconv.Itoa(i), s.Backbone)
	}
	if tail != nil {
		if err := putJSON("tail", tail); err != nil {
			return nil, err
		}
	} else if err := putJSON("standardization", standardization{m.Mean, m.Scale}); err != nil {
		return nil, err
	}
	put("temperature", number(m.Temperature))
	put("l2", number(m.L2))
	if tail == nil {
		put("l2_normalize", strconv.FormatBool(m.L2Normalize))
	}
	if err := putJSON("fitted", f.Fitted); err != nil {
		return nil, err
	}
	if f.Settings != nil {
		put("settings", string(f.Settings))
	}
	if f.Data != "" {
		put("data", f.Data)
	}
	if f.Metrics != nil {
		put("metrics", string(f.Metrics))
	}
	if f.Versions != nil {
		if err := putJSON("versions", f.Versions); err != nil {
			return nil, err
		}
	}
	if f.Created != "" {
		put("created", f.Created)
	}
	return out, nil
}

// version is the version of the layout that f is written in.
func (f *File) version() int {
	if f.Tail != nil {
		return TailVersion
	}
	return Version
}

// number writes x with the fewest digits that give x back.
func number(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }

// decode reads a head file from its bytes.
func decode(data []byte) (*File, error) {
	m, err := onnx.Decode(data)
	if err != nil {
		if errors.Is(err, onnx.ErrNotModel) {
			err = fmt.Errorf("%w: %w", ErrNotHead, err)
		}
		return nil, err
	}
	meta := make(map[string]string)
	for _, e := range m.GetMetadataProps() {
		key, ok := strings.CutPrefix(e.GetKey(), props)
		if !ok {
			continue
		}
		if _, twice := meta[key]; twice {
			return nil, fmt.Errorf("metadata %.80q stands twice", e.GetKey())
		}
		meta[key] = e.GetValue()
	}
	switch v, ok := meta["format"]; {
	case !ok:
		return nil, fmt.Errorf("%w: it is an ONNX model without headstart's metadata", ErrNotHead)
	case v != strconv.Itoa(Version) && v != strconv.Itoa(TailVersion):
		return nil, fmt.Errorf("format version %.20q; this version of headstart reads %d and %d", v, Version, TailVersion)
	}
	withTail := meta["format"] == strconv.Itoa(TailVersion)
	r := reader{meta: meta}
	f := &File{Model: new(head.Model), Fitted: new(Fitted)}
	model := f.Model
	var std standardization
	r.text("head", &model.Kind)
	r.json("classes", &model.Classes)
	var tail string
	if withTail {
		r.text("tail", &tail)
	} else {
		r.json("standardization", &std)
		r.json("l2_normalize", &model.L2Normalize)
	}
	r.json("temperature", &model.Temperature)
	r.json("l2", &model.L2)
	r.json("fitted", f.Fitted)
	for i := range maxSpaces {
		n := strconv.Itoa(i)
		if _, ok := meta["space."+n]; !ok && i > 0 {
			break
		}
		var s Space
		var text string
		r.text("space."+n, &text)
		r.text("backbone."+n, &s.Backbone)
		s.JSON = json.RawMessage(text)
		f.Spaces = append(f.Spaces, s)
	}
	if s, ok := meta["settings"]; ok {
		f.Settings = json.RawMessage(s)
	}
	if s, ok := meta["metrics"]; ok {
		f.Metrics = json.RawMessage(s)
	}
	if _, ok := meta["versions"]; ok {
		r.json("versions", &f.Versions)
	}
	f.Data, f.Created = meta["data"], meta["created"]
	if r.err != nil {
		return nil, r.err
	}
	if withTail {
		var space struct{ Dim int }
		if err := json.Unmarshal(f.Spaces[0].JSON, &space); err != nil {
			return nil, fmt.Errorf("space 0: %w", err)
		}
		model.D = space.Dim
		if f.Tail, err = readTail(tail, m, model, len(data)); err != nil {
			return nil, err
		}
	} else {
		model.Mean, model.Scale = std.Mean, std.Scale
		if err := readGraph(m, model); err != nil {
			return nil, err
		}
	}
	if err := f.check(); err != nil {
		return nil, err
	}
	return f, nil
}

// reader reads metadata. After its first error, err, it reads no more.
type reader struct {
	meta map[string]string
	err  error
}

func (r *reader) text(key string, dst *string) {
	s, ok := r.meta[key]
	if !ok && r.err == nil {
		r.err = fmt.Errorf("metadata %s%s is missing", props, key)
	}
	*dst = s
}

func (r *reader) json(key string, dst any) {
	var s string
	if r.text(key, &s); r.err != nil {
		return
	}
	if err := json.Unmarshal([]byte(s), dst); err != nil {
		r.err = fmt.Errorf("metadata %s%s: %w", props, key, err)
	}
}

// check tells what is wrong with f, its weights apart from their number.
func (f *File) check() error {
	if f.Model == nil {
		return fmt.Errorf("there is no model")
	}
	if err := f.Model.Check(); err != nil {
		return err
	}
	for i, c := range f.Model.Classes {
		if !utf8.ValidString(c) {
			return fmt.Errorf("class %.80q is not UTF-8", c)
		}
		if i > 0 && f.Model.Classes[i-1] >= c {
			return fmt.Errorf("classes %.80q and %.80q are not in the order of their bytes", f.Model.Classes[i-1], c)
		}
	}
	if len(f.Spaces) > maxSpaces {
		return fmt.Errorf("%d spaces, more than %d", len(f.Spaces), maxSpaces)
	}
	sum := 0
	for i, s := range f.Spaces {
		var space struct{ Dim int }
		if err := json.Unmarshal(s.JSON, &space); err != nil {
			return fmt.Errorf("space %d: %w", i, err)
		}
		if space.Dim < 1 || space.Dim > f.Model.D-sum {
			return fmt.Errorf("space %d: dim %d does not fit a head of %d features", i, space.Dim, f.Model.D)
		}
		sum += space.Dim
		if s.Backbone == "" || !utf8.ValidString(s.Backbone) || !utf8.Valid(s.JSON) {
			return fmt.Errorf("space %d: backbone %.80q: empty, or not UTF-8", i, s.Backbone)
		}
	}
	if sum != f.Model.D {
		return fmt.Errorf("the spaces have %d features, the head %d", sum, f.Model.D)
	}
	if f.Tail != nil {
		if err := f.Tail.check(f.Model); err != nil {
			return err
		}
		if len(f.Spaces) != 1 {
			return fmt.Errorf("tail: %d spaces; the features of a tail are of one", len(f.Spaces))
		}
	}
	if f.Fitted == nil {
		return fmt.Errorf("the rows that the head was fitted on are missing")
	}
	if err := f.Fitted.check(); err != nil {
		return fmt.Errorf("fitted rows: %w", err)
	}
	for _, x := range []struct {
		name string
		json json.RawMessage
	}{{"settings", f.Settings}, {"metrics", f.Metrics}} {
		if x.json != nil && (!json.Valid(x.json) || !utf8.Valid(x.json)) {
			return fmt.Errorf("%s: not JSON", x.name)
		}
	}
	for name, v := range f.Versions {
		if !utf8.ValidString(name) || !utf8.ValidString(v) {
			return fmt.Errorf("versions: %.80q: %.80q is not UTF-8", name, v)
		}
	}
	if f.Data != "" && !isDigest(f.Data) {
		return fmt.Errorf("data: %.80q is not a digest", f.Data)
	}
	if f.Created != "" {
		if _, err := time.Parse(time.RFC3339, f.Created); err != nil {
			return fmt.Errorf("created: %.80q is not a date of RFC 3339", f.Created)
		}
	}
	if m := f.Model; m.L2 < 0 || m.L2-m.L2 != 0 {
		return fmt.Errorf("l2 is %v", m.L2)
	}
	return nil
}

// parameters are the numbers of a graph, as it holds them.
type parameters struct {
	classes, features int
	weight            []float32 // classes × features
	bias              []float32 // classes
	center            []float32 // features
	temperature       float32
	normalize         bool
}

// parametersOf rounds the numbers of a model to float32.
func parametersOf(m *head.Model) (*parameters, error) {
	p := &parameters{
		classes: len(m.Classes), features: m.D,
		weight: make([]float32, len(m.Weight)), bias: make([]float32, len(m.Bias)), center: make([]float32, m.D),
		temperature: float32(m.Temperature), normalize: m.L2Normalize,
	}
	var err error
	round := func(what string, x float64) float32 {
		y := float32(x)
		if y-y != 0 && err == nil {
			err = fmt.Errorf("%s %v is too large for float32", what, x)
		}
		return y
	}
	for i, x := range m.Weight {
		p.weight[i] = round("weight", x)
	}
	for i, x := range m.Mean {
		p.center[i] = round("mean", x)
	}
	for c, x := range m.Bias {
		p.bias[c] = round("bias", x+moved(m.Weight[c*m.D:(c+1)*m.D], p.center))
	}
	if round("temperature", m.Temperature); p.temperature <= 0 {
		return nil, fmt.Errorf("temperature %v is too small for float32", m.Temperature)
	}
	return p, err
}

// Head returns the head of f as its graph has it, rounded to float32. Without a tail it
// does not say which tensor the features are, nor how they are pooled.
func Head(f *File) (*layer.Head, error) {
	if err := f.check(); err != nil {
		return nil, fmt.Errorf("head/file: %w", err)
	}
	p, err := parametersOf(f.Model)
	if err != nil {
		return nil, fmt.Errorf("head/file: %w", err)
	}
	if f.Tail != nil {
		h := f.Tail.layer(p)
		h.Features, h.Mask = f.Tail.Features, f.Tail.Mask
		return h, nil
	}
	return &layer.Head{Normalize: p.normalize, Center: p.center, Weight: p.weight, Bias: p.bias, Temperature: p.temperature}, nil
}

// moved returns w·center, by which the bias of a class changes when features
// are taken relative to the center.
func moved[T float32 | float64](w []T, center []float32) float64 {
	sum := 0.0
	for i, x := range center {
		sum += float64(float64(w[i]) * float64(x)) // rounded before it is added: the same bits on every platform
	}
	return sum
}

// graph returns the graph of the head; the package's comment has it as a
// formula.
func (p *parameters) graph() *pb.GraphProto {
	batch := onnx.Dim{Size: -1, Name: "N"}
	c, d := int64(p.classes), int64(p.features)
	g := &pb.GraphProto{
		Name:  new("head"),
		Input: []*pb.ValueInfoProto{onnx.TensorValue("features", pb.TensorProto_FLOAT, batch, onnx.Dim{Size: d})},
		Output: []*pb.ValueInfoProto{
			onnx.TensorValue("logits", pb.TensorProto_FLOAT, batch, onnx.Dim{Size: c}),
			onnx.TensorValue("probabilities", pb.TensorProto_FLOAT, batch, onnx.Dim{Size: c}),
		},
	}
	node := func(opType string, inputs []string, output string, attributes ...*pb.AttributeProto) {
		g.Node = append(g.Node, onnx.Node(opType, inputs, []string{output}, attributes...))
	}
	rows := "features"
	if p.normalize {
		// A row of zeros has length 0 and stays one.
		node("ReduceL2", []string{rows}, "length", onnx.IntsAttribute("axes", 1), onnx.IntAttribute("keepdims", 1))
		node("Max", []string{"length", "tiny"}, "divisor")
		node("Div", []string{rows, "divisor"}, "rows")
		rows = "rows"
		const smallest = 0x1p-126 // the smallest normal float32
		g.Initializer = append(g.Initializer, onnx.FloatTensor("tiny", []float32{smallest}))
	}
	node("Sub", []string{rows, "center"}, "centered")
	node("Gemm", []string{"centered", "weight", "bias"}, "logits", onnx.IntAttribute("transB", 1))
	node("Div", []string{"logits", "temperature"}, "scaled")
	node("Softmax", []string{"scaled"}, "probabilities", onnx.IntAttribute("axis", -1))
	g.Initializer = append(g.Initializer,
		onnx.FloatTensor("center", p.center, d),
		onnx.FloatTensor("weight", p.weight, c, d),
		onnx.FloatTensor("bias", p.bias, c),
		onnx.FloatTensor("temperature", []float32{p.temperature}),
	)
	return g
}

// readGraph reads the numbers of the graph into model, whose other fields are
// set, and refuses a graph that differs from the one that Write makes.
func readGraph(m *pb.ModelProto, model *head.Model) error {
	if len(m.GetFunctions()) > 0 || len(m.GetOpsetImport()) != 1 || m.OpsetImport[0].GetDomain() != "" || m.OpsetImport[0].GetVersion() != opset {
		return fmt.Errorf("the model has functions, or its operator set is not %d alone", opset)
	}
	p := &parameters{classes: len(model.Classes), features: len(model.Mean), temperature: float32(model.Temperature), normalize: model.L2Normalize}
	tensor := func(name string, n int) ([]float32, error) {
		i := slices.IndexFunc(m.Graph.GetInitializer(), func(t *pb.TensorProto) bool { return t.GetName() == name })
		if i < 0 {
			return nil, fmt.Errorf("the graph has no initializer %q", name)
		}
		v, err := onnx.Floats(m.Graph.Initializer[i])
		if err == nil && len(v) != n {
			err = fmt.Errorf("initializer %q has %d values for %d classes and %d features", name, len(v), p.classes, p.features)
		}
		return v, err
	}
	var err error
	if p.weight, err = tensor("weight", p.classes*p.features); err != nil {
		return err
	}
	if p.bias, err = tensor("bias", p.classes); err != nil {
		return err
	}
	p.center = make([]float32, p.features)
	for i, x := range model.Mean {
		p.center[i] = float32(x)
	}
	if !onnx.Equal(p.graph(), m.Graph) {
		return fmt.Errorf("the graph is not the one of a head with this metadata; another program has changed the file")
	}
	model.D = p.features
	model.Weight = make([]float64, len(p.weight))
	for i, x := range p.weight {
		model.Weight[i] = float64(x)
	}
	model.Bias = make([]float64, p.classes)
	for c, x := range p.bias {
		model.Bias[c] = float64(x) - moved(p.weight[c*p.features:(c+1)*p.features], p.center)
	}
	return nil
}

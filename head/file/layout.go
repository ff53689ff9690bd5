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
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

const (
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
	m, err := build(f)
	if err != nil {
		return nil, err
	}
	return onnx.Encode(m)
}

// build returns the ONNX model that Write writes: what a runtime takes to
// compute probabilities.
func build(f *File) (*pb.ModelProto, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	h := f.Head
	var out *pb.ModelProto
	var tail *tailJSON
	if f.Tail != nil {
		var err error
		if out, tail, err = f.Tail.model(h); err != nil {
			return nil, err
		}
	} else {
		l, err := Head(f)
		if err != nil {
			return nil, err
		}
		if out, err = modelOf(l, int64(h.D())); err != nil {
			return nil, err
		}
	}
	std, normalize := standardizationOf(h.Model)
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
	put("head", h.Kind)
	if h.Task != head.OneOf {
		put("task", h.Task.Word())
	}
	if err := putJSON("classes", h.Classes); err != nil {
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
	} else if err := putJSON("standardization", std); err != nil {
		return nil, err
	}
	put("temperature", number(h.Temperature))
	if h.Reject > 0 {
		put("reject", number(h.Reject))
	}
	if h.Thresholds != nil {
		if err := putJSON("thresholds", h.Thresholds); err != nil {
			return nil, err
		}
	}
	put("l2", number(h.Params.Value(head.L2)))
	if beside := h.Params.Beside(); beside != nil {
		if err := putJSON("params", beside); err != nil {
			return nil, err
		}
	}
	if tail == nil {
		put("l2_normalize", strconv.FormatBool(normalize))
	}
	if n := networkOf(h.Model); n != nil && n.hidden() != nil {
		if err := putJSON("hidden", n.hidden()); err != nil {
			return nil, err
		}
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

// standardizationOf returns what a model does to rows of features first.
func standardizationOf(m head.Model) (s standardization, normalize bool) {
	switch m := m.(type) {
	case *head.Affine:
		return standardization{m.Mean, m.Scale}, m.Normalize
	case *head.Perceptron:
		return standardization{m.Mean, m.Scale}, m.Normalize
	case *head.Neighbours:
		return standardization{m.Mean, m.Scale}, m.Normalize
	}
	return s, false
}

// version is the version of the layout that f is written in.
func (f *File) version() int {
	if f.Tail != nil {
		return tailVersion
	}
	return featuresVersion
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
	text, ok := meta["format"]
	if !ok {
		return nil, fmt.Errorf("%w: it is an ONNX model without headstart's metadata", ErrNotHead)
	}
	version, err := strconv.Atoi(text)
	if err != nil || strconv.Itoa(version) != text || version < bareVersion || version > tailVersion {
		return nil, fmt.Errorf("format version %.20q; this version of headstart reads %d to %d", text, bareVersion, tailVersion)
	}
	withTail := version == tailVersion || version == bareTailVersion
	r := reader{meta: meta}
	var model network
	f := &File{Head: &head.Head{}, Fitted: new(Fitted), BareLogits: version <= bareTailVersion}
	h := f.Head
	var std standardization
	r.text("head", &h.Kind)
	r.json("classes", &h.Classes)
	var tail string
	if withTail {
		r.text("tail", &tail)
	} else {
		r.json("standardization", &std)
		r.json("l2_normalize", &model.normalize)
	}
	var l2 float64
	r.json("temperature", &h.Temperature)
	if _, ok := meta["reject"]; ok {
		r.json("reject", &h.Reject)
	}
	if _, ok := meta["thresholds"]; ok {
		r.json("thresholds", &h.Thresholds)
	}
	r.json("l2", &l2)
	var beside head.Params
	if _, ok := meta["params"]; ok {
		r.json("params", &beside)
	}
	var hidden []int
	if _, ok := meta["hidden"]; ok {
		r.json("hidden", &hidden)
		if r.err == nil && (withTail || f.BareLogits || len(hidden) < 1 || len(hidden) > head.MaxHidden) {
			return nil, fmt.Errorf("metadata %shidden: %d hidden layers of a head of this format", props, len(hidden))
		}
	}
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
	h.Task = head.OneOf
	if word, ok := meta["task"]; ok {
		task, known := head.TaskOf(word)
		if !known || task == head.OneOf {
			return nil, fmt.Errorf("metadata %stask: %.80q is no task that is named", props, word)
		}
		h.Task = task
	}
	if kind := head.KindOf(h.Kind); kind != nil && kind.Task != h.Task {
		return nil, fmt.Errorf("metadata %stask: %q of a head of kind %q", props, h.Task.Word(), h.Kind)
	}
	if l2 != 0 {
		h.Params = head.Params{{Name: head.L2, Value: l2}}
	}
	h.Params = append(h.Params, beside...)
	g := &graphReader{ModelProto: m, size: len(data), bare: f.BareLogits}
	if withTail {
		var space struct{ Dim int }
		if err := json.Unmarshal(f.Spaces[0].JSON, &space); err != nil {
			return nil, fmt.Errorf("space 0: %w", err)
		}
		if f.Tail, err = readTail(tail, g, h, space.Dim); err != nil {
			return nil, err
		}
	} else if g.keepsRows() {
		if err := g.readNeighbours(h, &std, model.normalize); err != nil {
			return nil, err
		}
	} else {
		model.mean, model.scale = std.Mean, std.Scale
		if err := g.readHead(h, &model, hidden); err != nil {
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
	if f.Head == nil {
		return fmt.Errorf("there is no head")
	}
	if err := f.Head.Check(); err != nil {
		return err
	}
	switch m := f.Head.Model.(type) {
	case *head.Affine, *head.Perceptron:
	case *head.Neighbours:
		if f.Tail != nil {
			return fmt.Errorf("a tail with a head that keeps rows")
		}
		if k, t := f.Head.Params.Value(head.NeighbourCount), f.Head.Params.Value(head.VoteTemperature); k != float64(m.K) || t != m.T {
			return fmt.Errorf("%v neighbours at a temperature of %v, by the parameters %v and %v", m.K, m.T, k, t)
		}
	default:
		return fmt.Errorf("a model of type %T has no layout", f.Head.Model)
	}
	seen := make(map[string]bool, len(f.Head.Classes))
	sorted := f.Head.Task == head.OneOf || f.Head.Task == head.AnyOf
	for i, c := range f.Head.Classes {
		if !utf8.ValidString(c) {
			return fmt.Errorf("class %.80q is not UTF-8", c)
		}
		if sorted && i > 0 && f.Head.Classes[i-1] >= c {
			return fmt.Errorf("classes %.80q and %.80q are not in the order of their bytes", f.Head.Classes[i-1], c)
		}
		if seen[c] {
			return fmt.Errorf("%s %.80q stands twice", f.Head.Task.Noun(), c)
		}
		seen[c] = true
	}
	if f.Tail != nil && f.Head.Task != head.OneOf {
		return fmt.Errorf("a tail of a head for the task %q; layers are trained for one of several classes alone", f.Head.Task)
	}
	if len(f.Spaces) > maxSpaces {
		return fmt.Errorf("%d spaces, more than %d", len(f.Spaces), maxSpaces)
	}
	d, sum := f.Head.D(), 0
	for i, s := range f.Spaces {
		var space struct{ Dim int }
		if err := json.Unmarshal(s.JSON, &space); err != nil {
			return fmt.Errorf("space %d: %w", i, err)
		}
		if space.Dim < 1 || space.Dim > d-sum {
			return fmt.Errorf("space %d: dim %d does not fit a head of %d features", i, space.Dim, d)
		}
		sum += space.Dim
		if s.Backbone == "" || !utf8.ValidString(s.Backbone) || !utf8.Valid(s.JSON) {
			return fmt.Errorf("space %d: backbone %.80q: empty, or not UTF-8", i, s.Backbone)
		}
	}
	if sum != d {
		return fmt.Errorf("the spaces have %d features, the head %d", sum, d)
	}
	if f.Tail != nil {
		if err := f.Tail.check(f.Head); err != nil {
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
	if l2 := f.Head.Params.Value(head.L2); l2 < 0 || l2-l2 != 0 {
		return fmt.Errorf("l2 is %v", l2)
	}
	for i, p := range f.Head.Params {
		if p.Value-p.Value != 0 || !utf8.ValidString(p.Name) || slices.ContainsFunc(f.Head.Params[:i], func(q head.Param) bool { return q.Name == p.Name }) {
			return fmt.Errorf("parameter %.80q is %v, or stands twice", p.Name, p.Value)
		}
	}
	return nil
}

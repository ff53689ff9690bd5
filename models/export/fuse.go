package export

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"

	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/layer"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// props is what the names of the metadata start with.
const props = "headstart."

// tasks are what the metadata say of a link.
var tasks = map[layer.Link]string{layer.Sigmoid: "any-of", layer.Identity: "number", layer.Cumulative: "grade"}

// Head is what is put behind a backbone.
type Head struct {
	layer.Head
	Classes []string // of the columns: of the probabilities, or of the numbers
	// Weights holds new values of the backbone's weights, by the names under
	// which it stores them; nil: none were trained. They hold behind the tensor
	// Cut; "": everywhere.
	Weights map[string][]float32
	Cut     string
	// Provenance says where backbone and head come from: more metadata, by
	// name. Its names are not "classes", "task", "temperature" and
	// "logits_temperature".
	Provenance map[string]string
}

// Fuse returns the backbone, its external data read in, with h behind it. What
// only its own outputs needed is left out, but no input. The metadata are
// headstart.classes, a JSON list, headstart.logits_temperature, by which the
// logits are divided already (headstart.temperature, by which they are to be
// divided, of a head with BareLogits), headstart.task of another link than the
// softmax ("any-of", "number", "grade"), and those of Provenance, all strings.
// The backbone is not changed, and shared as far as it can be.
//
// Errors: what layer.Append and onnx.RewriteBehind refuse, a number of classes
// that does not fit, values that are in an external file, names and texts that
// are not UTF-8.
func Fuse(backbone *pb.ModelProto, h *Head) (*pb.ModelProto, error) {
	outputs := h.Outputs()
	if n := outputs[len(outputs)-1].Size; int64(len(h.Classes)) != n {
		return nil, fmt.Errorf("export: %d classes for a head of %d", len(h.Classes), n)
	}
	for name, text := range h.Provenance {
		if slices.Contains([]string{"classes", "task", "temperature", "logits_temperature"}, name) || !utf8.ValidString(name) || !utf8.ValidString(text) {
			return nil, fmt.Errorf("export: metadata %.80q: %.80q: the name is taken, or it is not UTF-8", name, text)
		}
	}
	for _, c := range h.Classes {
		if !utf8.ValidString(c) {
			return nil, fmt.Errorf("export: class %.80q is not UTF-8", c)
		}
	}
	changed, err := onnx.RewriteBehind(backbone, h.Cut, h.Weights, h.Features)
	if err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	out, _, err := layer.Append(changed, &h.Head)
	if err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	// Who feeds the backbone feeds this model as well, what it does not need
	// included.
	stored := func(list []*pb.TensorProto, name string) bool {
		return slices.ContainsFunc(list, func(t *pb.TensorProto) bool { return t.GetName() == name })
	}
	out.Graph.Input = nil
	for _, v := range backbone.Graph.GetInput() {
		if !stored(backbone.Graph.GetInitializer(), v.GetName()) || stored(out.Graph.Initializer, v.GetName()) {
			out.Graph.Input = append(out.Graph.Input, v)
		}
	}
	classes, err := json.Marshal(h.Classes)
	if err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	out.MetadataProps = nil
	put := func(key, value string) {
		out.MetadataProps = append(out.MetadataProps, &pb.StringStringEntryProto{Key: proto.String(props + key), Value: proto.String(value)})
	}
	put("classes", string(classes))
	temperature := "logits_temperature"
	if h.BareLogits {
		temperature = "temperature"
	}
	if task := tasks[h.Link]; task != "" {
		put("task", task)
	}
	put(temperature, strconv.FormatFloat(float64(h.Temperature), 'g', -1, 32))
	for _, name := range slices.Sorted(maps.Keys(h.Provenance)) {
		put(name, h.Provenance[name])
	}
	out.TrainingInfo = nil
	return out, nothingBeside(out)
}

// Note adds metadata, headstart.NAME, to a model that Fuse made.
func Note(m *pb.ModelProto, name, value string) {
	m.MetadataProps = append(m.MetadataProps, &pb.StringStringEntryProto{Key: proto.String(props + name), Value: proto.String(value)})
}

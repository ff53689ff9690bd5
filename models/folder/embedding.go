package folder

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// NoTapError says that nothing in a folder tells which tensor of a graph is the
// embedding, or how it is pooled. Options.Taps decides it.
type NoTapError struct {
	Place string   // of the graph
	Why   string   // what is not known
	Taps  []string // what would be understood, each TENSOR:POOLING; nil if nothing fits
}

func (e *NoTapError) Error() string { return fmt.Sprintf("models: %s: %s", e.Place, e.Why) }

// NoLengthError says that the length of an embedding is known to nobody: the
// file leaves the last dimension of the output open, and the graph cannot be
// followed so that it could be computed. Whoever knows it writes it into the
// file.
type NoLengthError struct {
	Place  string // of the graph
	Output string
	Dim    string // what the dimension is called in the file, "" if it has no name
	Err    error  // where the graph cannot be followed
}

func (e *NoLengthError) Error() string {
	name := ""
	if e.Dim != "" {
		name = fmt.Sprintf(" (%q)", e.Dim)
	}
	return fmt.Sprintf("models: %s: nothing says how long the embedding is: the file leaves the last dimension%s of output %q open, and it cannot be computed: %v", e.Place, name, e.Output, e.Err)
}

func (e *NoLengthError) Unwrap() error { return e.Err }

// embeddings says for a model_type of config.json how the classes
// …ForImageClassification of the library transformers make one vector of
// last_hidden_state: over tokens "cls" or "mean", over a map "gap"; of a model
// that puts its classifier on more than one vector, the first token. "" where
// there is no such vector: it is a tower of two, which is compared by what its
// own head makes.
var embeddings = map[string]string{
	"vit": "cls", "deit": "cls", "vit_mae": "cls", "vit_msn": "cls", "vit_hybrid": "cls",
	"dinov2": "cls", "dinov2_with_registers": "cls", "dinov3_vit": "cls", "pvt": "cls", "clip_vision_model": "cls",

	"beit": "mean", "data2vec-vision": "mean", "swin": "mean", "swinv2": "mean", "donut-swin": "mean", "focalnet": "mean", "hiera": "mean",
	"levit": "mean", "ijepa": "mean", "dinat": "mean", "nat": "mean", "efficientformer": "mean",

	"resnet": "gap", "regnet": "gap", "bit": "gap", "van": "gap", "convnext": "gap", "convnextv2": "gap", "dinov3_convnext": "gap",
	"efficientnet": "gap", "mobilenet_v1": "gap", "mobilenet_v2": "gap", "mobilevit": "gap", "mobilevitv2": "gap",
	"poolformer": "gap", "segformer": "gap", "swiftformer": "gap", "pvt_v2": "gap",

	"clip": "", "siglip": "", "siglip_vision_model": "", "chinese_clip": "", "aimv2_vision_model": "", "metaclip_2": "",
}

// What an output of a graph is called by those who export it.
const (
	hiddenOutput = "last_hidden_state"
	pooledOutput = "pooler_output"
	imageOutput  = "image_embeds" // of a tower of two, behind its projection
	textOutput   = "text_embeds"
)

// imageTap returns the tap of an image backbone, by the names and ranks of the
// graph's outputs and what config.json says the model is.
func imageTap(config *object, outputs []onnx.Value, place string) (string, error) {
	by := make(map[string]onnx.Value)
	var flat, other []onnx.Value // of rank 2; of ranks that are pooled
	for _, v := range outputs {
		by[v.Name] = v
		switch {
		case isFloat(v, 2):
			flat = append(flat, v)
		case isFloat(v, 3), isFloat(v, 4):
			other = append(other, v)
		}
	}
	if v, ok := by[imageOutput]; ok && isFloat(v, 2) {
		return imageOutput + ":none", nil
	}
	kind := ""
	if config != nil && config.has("model_type") {
		var err error
		if kind, err = config.text("model_type"); err != nil {
			return "", err
		}
	}
	pooling, known := embeddings[kind]
	// What a graph has pooled itself is what its classifier gets, or what the
	// pooler was trained for.
	if v, ok := by[pooledOutput]; ok && known {
		if isFloat(v, 4) {
			return pooledOutput + ":gap", nil // N×C×1×1
		}
		if isFloat(v, 2) {
			return pooledOutput + ":none", nil
		}
	}
	if v, ok := by[hiddenOutput]; ok && pooling != "" {
		want := 3
		if pooling == "gap" {
			want = 4
		}
		if isFloat(v, want) {
			return hiddenOutput + ":" + pooling, nil
		}
	}
	if v, pooling := timmTap(config, other); pooling != "" && len(flat) == 0 {
		return v.Name + ":" + pooling, nil
	}
	switch {
	case len(flat) == 1 && isClassifier(config, flat[0]):
		return "", &NoTapError{Place: place, Why: fmt.Sprintf("the output %s is what a classifier makes of the embedding, one number for each of its classes; which tensor is the embedding?", list(flat)),
			Taps: []string{flat[0].Name + ":none"}}
	case len(flat) == 1:
		return flat[0].Name + ":none", nil
	case len(flat) > 1:
		e := &NoTapError{Place: place, Why: fmt.Sprintf("several outputs fit: %s; which of them is the embedding?", list(flat))}
		for _, v := range flat {
			e.Taps = append(e.Taps, v.Name+":none")
		}
		return "", e
	case len(other) == 0:
		return "", &NoTapError{Place: place, Why: fmt.Sprintf("no output is FLOAT[batch,length], one embedding a sample, nor tokens or a map that can be pooled; there are: %s", list(outputs))}
	}
	e := &NoTapError{Place: place, Why: fmt.Sprintf("no output is FLOAT[batch,length], one embedding a sample, and nothing says how one of these is pooled: %s", list(other))}
	if kind != "" && !known {
		e.Why += fmt.Sprintf(" (%s says model_type %.100s, of which nothing is known here)", configFile, kind)
	}
	for _, v := range other {
		if isFloat(v, 4) {
			e.Taps = append(e.Taps, v.Name+":gap")
		} else {
			e.Taps = append(e.Taps, v.Name+":cls", v.Name+":mean")
		}
	}
	return "", e
}

// isClassifier tells whether an output is one of a classifier: it is called so,
// or has as many numbers as config.json has classes.
func isClassifier(config *object, v onnx.Value) bool {
	if v.Name == "logits" {
		return true
	}
	n := v.Shape[1].Size
	if config == nil || n < 1 {
		return false
	}
	var labels map[string]json.RawMessage
	if json.Unmarshal(config.fields["id2label"], &labels) == nil && int64(len(labels)) == n {
		return true
	}
	var classes int64
	return json.Unmarshal(config.fields["num_classes"], &classes) == nil && classes == n
}

// classified returns what the classifier of a graph takes whose output is
// called so: the tensor that a Gemm or MatMul multiplies by what is stored. ""
// if it cannot be told.
func classified(data []byte, output string) string {
	m, err := onnx.Decode(data)
	if err != nil {
		return ""
	}
	maker := make(map[string]*pb.NodeProto)
	for _, n := range m.GetGraph().GetNode() {
		for _, name := range n.GetOutput() {
			maker[name] = n
		}
	}
	name := output
	for range maker { // no further than there are nodes
		n := maker[name]
		in := n.GetInput()
		switch n.GetOpType() {
		case "Gemm", "MatMul":
			if len(in) > 1 && maker[in[0]] != nil && maker[in[1]] == nil {
				return in[0]
			}
			return ""
		case "Identity", "Cast":
			name = in[0]
		case "Add": // of the bias
			if len(in) != 2 || maker[in[0]] != nil && maker[in[1]] != nil {
				return ""
			}
			if name = in[0]; maker[name] == nil {
				name = in[1]
			}
		default:
			return ""
		}
	}
	return ""
}

// timmTap returns the output that timm's global_pool pools, and how: "" if
// there is none, or nothing says it. With avg a transformer of timm leaves some
// tokens out, which are not known here.
func timmTap(config *object, outputs []onnx.Value) (v onnx.Value, pooling string) {
	if config == nil || !config.has("global_pool") || len(outputs) != 1 {
		return v, ""
	}
	pool, err := config.text("global_pool")
	v = outputs[0]
	switch {
	case err != nil:
	case pool == "token" && isFloat(v, 3):
		return v, "cls"
	case pool == "avg" && isFloat(v, 4):
		return v, "gap"
	}
	return v, ""
}

// setTap makes the tap of s the one that is written so, TENSOR:POOLING. Where
// the graph declares all that is to know and takes no more than s feeds, it is
// left as it is; else it ends after the tap.
func setTap(s *models.Spec, tap string, sum *onnx.Summary) error {
	at := strings.LastIndexByte(tap, ':')
	output, pooling := tap[:at], tap[at+1:]
	i := slices.IndexFunc(sum.Outputs, func(v onnx.Value) bool { return v.Name == output })
	shape := sum.Outputs[i].Shape
	last := len(shape) - 1
	open := s.Modality == models.Text || last == 1 // every dimension but the last is decided by what is fed
	for _, d := range shape[:last] {
		open = open && d.Size < 0
	}
	if dim := shape[last].Size; !open || dim < 1 || dim > models.MaxDim || len(sum.Inputs) != len(s.Inputs) {
		err := s.SetTaps([]string{tap})
		if e, ok := errors.AsType[*models.NoShapeError](err); ok && open && dim < 0 {
			return &NoLengthError{Place: e.Place, Output: output, Dim: shape[last].Name, Err: e.Err}
		}
		return err
	}
	t := models.Tap{Output: output, Pooling: pooling, Dim: int(shape[last].Size)}
	for _, d := range shape {
		t.Shape = append(t.Shape, d.Size)
	}
	s.Taps = []models.Tap{t}
	return nil
}

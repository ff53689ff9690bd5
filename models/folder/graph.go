package folder

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// graph reads the weights into s and returns what is in the graph.
func (f *layout) graph(s *models.Spec, weights, dir string) (*onnx.Summary, error) {
	place := f.path(weights)
	// Not f.read: the digest is needed in any case and is computed once.
	data, err := readFile(f.fsys, weights, onnx.MaxSize)
	if err != nil {
		return nil, fmt.Errorf("models: %s: %w", place, err)
	}
	s.Weights = models.Weights{Path: place, Data: data, SHA256: digest(data), Size: len(data)}
	if f.files != nil {
		if err := f.check(weights, s.Weights.SHA256); err != nil {
			return nil, err
		}
	}
	var model, table *pb.ModelProto
	if path.Ext(weights) == path.Ext(tableFile) {
		if table, err = tableGraph(place, data); err != nil {
			return nil, err
		}
	} else if model, err = onnx.Decode(data); err == nil {
		table = bag(model)
	}
	if table != nil {
		model, s.Weights.Static = table, true
		if s.Weights.Data, err = onnx.Encode(model); err != nil {
			return nil, fmt.Errorf("models: %s: %w", place, err)
		}
	}
	switch {
	case errors.Is(err, onnx.ErrNotModel) && standIn(data, "the model") != "":
		return nil, fmt.Errorf("models: %s: %s", place, standIn(data, "the model"))
	case errors.Is(err, onnx.ErrNotModel):
		return nil, fmt.Errorf("models: %s: %w; it is cut short or damaged, if it is one: download or export it again", place, err)
	case err != nil:
		return nil, fmt.Errorf("models: %s: %w", place, err)
	}
	s.Exported = exportedMetadata(model)
	sum, err := onnx.Walk(model)
	if err != nil {
		return nil, fmt.Errorf("models: %s: %w", place, err)
	}
	if sum, err = fit(s, model, sum); err != nil {
		return nil, fmt.Errorf("models: %s: %w", place, err)
	}
	s.BatchDependent, s.Random = sum.BatchDependent, sum.Random
	if len(sum.External) > 0 {
		if f.files != nil {
			return nil, fmt.Errorf("models: %s: a built-in backbone has external data", place)
		}
		files, err := onnx.CheckExternal(dir, sum.External)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("models: %s: %w; weights of the model are in that file: download it, too, or copy it there, under that name", place, err)
		}
		if err != nil {
			for _, x := range sum.External {
				if text := f.standsIn(path.Join(path.Dir(weights), x.Path), "the weights"); text != "" {
					return nil, fmt.Errorf("models: %s: external data: %s: %s", place, path.Join(dir, x.Path), text)
				}
			}
			if errors.Is(err, onnx.ErrShort) {
				return nil, fmt.Errorf("models: %s: %w; it is cut short, or another model's: download both again", place, err)
			}
			return nil, fmt.Errorf("models: %s: %w", place, err)
		}
		s.Weights.Dir = dir
		for _, x := range files {
			s.Weights.External = append(s.Weights.External, models.ExternalFile(x))
		}
	}
	return sum, nil
}

// dtypes are the words of Input.DType.
var dtypes = map[pb.TensorProto_DataType]string{
	pb.TensorProto_FLOAT: "f32",
	pb.TensorProto_INT64: "i64",
	pb.TensorProto_INT32: "i32",
}

// form writes a value's type and shape for a message.
func form(v onnx.Value) string {
	if v.Kind != "tensor" {
		return v.Kind
	}
	if v.Shape == nil {
		return fmt.Sprintf("%v of unknown rank", v.Elem)
	}
	dims := make([]string, len(v.Shape))
	for i, d := range v.Shape {
		switch {
		case d.Size >= 0:
			dims[i] = fmt.Sprint(d.Size)
		case d.Name != "":
			dims[i] = d.Name
		default:
			dims[i] = "?"
		}
	}
	return fmt.Sprintf("%v[%s]", v.Elem, strings.Join(dims, ","))
}

// list writes values for a message.
func list(vs []onnx.Value) string {
	s := make([]string, len(vs))
	for i, v := range vs {
		s[i] = fmt.Sprintf("%q %s", v.Name, form(v))
	}
	return strings.Join(s, ", ")
}

// isFloat reports whether v is a float32 tensor of the rank.
func isFloat(v onnx.Value, rank int) bool {
	return v.Kind == "tensor" && v.Elem == pb.TensorProto_FLOAT && v.Shape != nil && len(v.Shape) == rank
}

// free reports an error unless the first n dimensions of v are left to what is
// fed: samples, then tokens.
func free(v onnx.Value, n int, place string) error {
	for i, what := range []string{"batch size", "number of tokens"}[:n] {
		if v.Shape[i].Size >= 0 {
			return fmt.Errorf("models: %s: %q %s fixes the %s; export the model with dynamic axes", place, v.Name, form(v), what)
		}
	}
	return nil
}

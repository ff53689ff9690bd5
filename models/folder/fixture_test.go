package folder

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

func imageOf(s *models.Spec) *models.ImageSpec { return s.Contract.(*models.ImageSpec) }

func textOf(s *models.Spec) *models.TextSpec { return s.Contract.(*models.TextSpec) }

// tree is a folder for a test: files by path. A value is the content, or an
// object or list that is written as JSON.
type tree map[string]any

func (f tree) write(t *testing.T, dir string) {
	t.Helper()
	for name, v := range f {
		data, ok := v.([]byte)
		if !ok {
			var err error
			if data, err = json.Marshal(v); err != nil {
				t.Fatal(err)
			}
		}
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

// set changes one field of a JSON file of the tree; the value drop takes it
// away.
func (f tree) set(file, field string, value any) {
	o := f[file].(fields)
	if value == drop {
		delete(o, field)
	} else {
		o[field] = value
	}
}

var drop = new(int)

type fields = map[string]any

// batch is a dimension that what is fed decides.
var batch = onnx.Dim{Size: -1, Name: "N"}

func dims(sizes ...int64) []onnx.Dim {
	d := []onnx.Dim{batch}
	for _, n := range sizes {
		d = append(d, onnx.Dim{Size: n})
	}
	return d
}

// graph returns the bytes of a model with these inputs and outputs.
func graph(t *testing.T, inputs, outputs []*pb.ValueInfoProto, edit func(m *pb.ModelProto)) []byte {
	t.Helper()
	m := &pb.ModelProto{
		IrVersion:   proto.Int64(8),
		OpsetImport: []*pb.OperatorSetIdProto{{Version: proto.Int64(17)}},
		Graph:       &pb.GraphProto{Name: proto.String("g"), Input: inputs, Output: outputs},
	}
	if edit != nil {
		edit(m)
	}
	data, err := onnx.Encode(m)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func f32(name string, sizes ...int64) *pb.ValueInfoProto {
	return onnx.TensorValue(name, pb.TensorProto_FLOAT, dims(sizes...)...)
}

func i64(name string, sizes ...int64) *pb.ValueInfoProto {
	return onnx.TensorValue(name, pb.TensorProto_INT64, dims(sizes...)...)
}

func values(v ...*pb.ValueInfoProto) []*pb.ValueInfoProto { return v }

func external(location string) []*pb.TensorProto {
	return []*pb.TensorProto{{
		Name: proto.String("w"), Dims: []int64{2}, DataType: proto.Int32(1), DataLocation: pb.TensorProto_EXTERNAL.Enum(),
		ExternalData: []*pb.StringStringEntryProto{{Key: proto.String("location"), Value: proto.String(location)}},
	}}
}

// imageTree returns a folder with an image backbone of CLIP's class.
func imageTree(t *testing.T) tree {
	return tree{
		"onnx/model.onnx": graph(t, values(f32("pixel_values", 3, 224, 224)), values(f32("features", 8)), nil),
		"preprocessor_config.json": fields{
			"image_processor_type": "CLIPImageProcessor", "size": fields{"shortest_edge": 256},
		},
	}
}

func textInputs() []*pb.ValueInfoProto {
	return values(i64("input_ids", -1), i64("attention_mask", -1))
}

// textTree returns a folder with a text backbone of sentence-transformers.
func textTree(t *testing.T) tree {
	return tree{
		"model.onnx": graph(t, textInputs(), values(f32("last_hidden_state", -1, 8)), nil),
		"tokenizer.json": fields{
			"normalizer":    fields{"type": "BertNormalizer", "lowercase": true, "strip_accents": nil},
			"pre_tokenizer": fields{"type": "BertPreTokenizer"},
			"model":         fields{"type": "WordPiece", "vocab": fields{"[UNK]": 0}},
		},
		"config.json":           fields{"max_position_embeddings": 512},
		"tokenizer_config.json": fields{"model_max_length": 512, "do_lower_case": true, "strip_accents": nil},
		"modules.json": []fields{
			{"type": "sentence_transformers.models.Transformer", "path": ""},
			{"type": "sentence_transformers.models.Pooling", "path": "1_Pooling"},
		},
		"1_Pooling/config.json": fields{"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false, "word_embedding_dimension": 8},
	}
}

package folder

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"

	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
	"google.golang.org/protobuf/proto"
)

// staticFirst is the first module of a folder whose texts are means of a vector
// for each of their tokens, out of a table.
const staticFirst = "StaticEmbedding"

// tableFile holds the table where there is no graph.
const tableFile = "model.safetensors"

// staticTokens is the tensor of a token's vector in the graph that is made of a
// table.
const staticTokens = "token_embeddings"

// table returns the path of the table of a folder that has no graph, "" if it
// has none.
func (f *layout) table() (string, error) {
	list, err := f.modules()
	if err != nil || len(list) == 0 || list[0].kind != staticFirst {
		return "", err
	}
	name := path.Join(list[0].dir, tableFile)
	if ok, err := f.has(name); err != nil || !ok {
		if old, _ := f.has(path.Join(list[0].dir, "pytorch_model.bin")); old {
			return "", &PickleError{Folder: f.path(list[0].dir), File: "pytorch_model.bin", Wanted: tableFile}
		}
		return "", err
	}
	return name, nil
}

// tableGraph makes a graph of a file that holds a table.
func tableGraph(place string, data []byte) (*pb.ModelProto, error) {
	s, err := parseSafetensors(place, data)
	if err != nil {
		return nil, err
	}
	for _, called := range []string{"embedding.weight", "embeddings"} {
		if _, ok := s.header[called]; ok {
			t, err := s.weights(called, -1, -1)
			if err != nil {
				return nil, err
			}
			return lookup(t), nil
		}
	}
	return nil, fmt.Errorf("models: %s: there is neither a tensor embedding.weight nor embeddings, a vector for each token", s.place)
}

// lookup is the graph that takes each token's vector out of a table.
func lookup(table *pb.TensorProto) *pb.ModelProto {
	t := &pb.TensorProto{Name: proto.String("embedding.weight"), Dims: table.Dims, DataType: table.DataType, RawData: table.RawData, FloatData: table.FloatData}
	batch, tokens := onnx.Dim{Size: -1, Name: "batch"}, onnx.Dim{Size: -1, Name: "tokens"}
	return &pb.ModelProto{
		IrVersion: proto.Int64(8), OpsetImport: []*pb.OperatorSetIdProto{{Version: proto.Int64(17)}},
		Graph: &pb.GraphProto{
			Name:        proto.String("static"),
			Input:       []*pb.ValueInfoProto{onnx.TensorValue("input_ids", pb.TensorProto_INT64, batch, tokens), onnx.TensorValue("attention_mask", pb.TensorProto_INT64, batch, tokens)},
			Output:      []*pb.ValueInfoProto{onnx.TensorValue(staticTokens, pb.TensorProto_FLOAT, batch, tokens, onnx.Dim{Size: t.Dims[1]})},
			Initializer: []*pb.TensorProto{t},
			Node:        []*pb.NodeProto{onnx.Node("Gather", []string{"embedding.weight", "input_ids"}, []string{staticTokens})},
		},
	}
}

// bag returns the graph that takes each token's vector out of the table of m,
// if m is what PyTorch exports of means over such a table: a loop over the
// texts, each a slice of the tokens of all. nil if m is anything else.
func bag(m *pb.ModelProto) *pb.ModelProto {
	g := m.GetGraph()
	if len(g.GetInput()) != 2 || len(g.GetOutput()) != 1 || len(g.GetInitializer()) != 1 || runs[g.Input[0].GetName()] == "" || runs[g.Input[1].GetName()] == "" {
		return nil
	}
	table := g.Initializer[0]
	if len(table.GetDims()) != 2 || table.Dims[1] < 1 || table.GetDataType() != int32(pb.TensorProto_FLOAT) || table.GetDataLocation() == pb.TensorProto_EXTERNAL {
		return nil
	}
	var loop *pb.NodeProto
	for _, n := range g.GetNode() {
		switch n.GetOpType() {
		case "Loop":
			if loop != nil {
				return nil
			}
			loop = n
		case "Constant", "Shape", "Gather", "Unsqueeze", "Concat", "Slice":
			if slices.Contains(n.GetInput(), table.GetName()) {
				return nil
			}
		default:
			return nil
		}
	}
	if loop == nil || len(loop.GetOutput()) != 1 || loop.Output[0] != g.Output[0].GetName() || len(loop.GetAttribute()) != 1 {
		return nil
	}
	body := loop.Attribute[0].GetG()
	if len(body.GetOutput()) != 2 {
		return nil
	}
	vectors, mean := "", ""
	for _, n := range body.GetNode() {
		switch n.GetOpType() {
		case "Constant", "Unsqueeze", "Slice", "Cast":
		case "Gather":
			if n.GetInput()[0] != table.GetName() {
				continue
			}
			if vectors != "" {
				return nil
			}
			vectors = n.GetOutput()[0]
		case "ReduceMean":
			if mean != "" || vectors == "" || n.GetInput()[0] != vectors || !overFirst(n, body) {
				return nil
			}
			mean = n.GetOutput()[0]
		default:
			return nil
		}
	}
	if mean == "" || body.Output[1].GetName() != mean {
		return nil
	}
	return lookup(table)
}

// overFirst tells whether a reduction goes over the first dimension and leaves
// it out.
func overFirst(n *pb.NodeProto, body *pb.GraphProto) bool {
	axes, kept := []int64(nil), int64(1)
	for _, a := range n.GetAttribute() {
		switch a.GetName() {
		case "axes":
			axes = a.GetInts()
		case "keepdims":
			kept = a.GetI()
		}
	}
	if len(n.GetInput()) > 1 {
		for _, c := range body.GetNode() {
			if c.GetOpType() == "Constant" && c.GetOutput()[0] == n.Input[1] {
				if t := c.GetAttribute()[0].GetT(); len(t.GetRawData()) == 8 && string(t.RawData) == "\x00\x00\x00\x00\x00\x00\x00\x00" {
					axes = []int64{0}
				}
			}
		}
	}
	return kept == 0 && slices.Equal(axes, []int64{0})
}

// static tells whether texts are means over a table: the folder says so, or the
// graph is fed the tokens of all texts one after the other.
func (f *layout) static(s *models.Spec, sum *onnx.Summary) bool {
	list, err := f.modules()
	if s.Weights.Static || err == nil && len(list) > 0 && list[0].kind == staticFirst {
		return true
	}
	return slices.ContainsFunc(sum.Inputs, func(v onnx.Value) bool { return v.Name == "offsets" })
}

// bareTokenizer returns a tokenizer.json that adds no special tokens, as the
// library has it of static embeddings.
func bareTokenizer(o *object) ([]byte, error) {
	fields := make(map[string]any, len(o.fields))
	for name, raw := range o.fields {
		fields[name] = raw
	}
	fields["post_processor"] = nil
	return json.Marshal(fields)
}

// staticLength is how many tokens a text of static embeddings may have: what
// tokenizer.json cuts it to, which the library heeds there, or else more than
// texts have.
func staticLength(t *models.TextSpec, tokenizer *object) error {
	t.MaxLen = maxTokens
	if !tokenizer.has("truncation") {
		return nil
	}
	cut, err := tokenizer.sub("truncation")
	if err != nil {
		return err
	}
	t.MaxLen, err = cut.whole("max_length", maxTokens)
	return err
}

package folder

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// exportedFolder writes an exported model with that contract in its metadata.
func exportedFolder(t testing.TB, contract string) string {
	t.Helper()
	batch := onnx.Dim{Size: -1, Name: "batch"}
	m := &pb.ModelProto{IrVersion: new(int64(8)), OpsetImport: []*pb.OperatorSetIdProto{{Version: new(int64(17))}}, Graph: &pb.GraphProto{
		Name:   new("exported"),
		Input:  []*pb.ValueInfoProto{onnx.TensorValue("pixel_values", pb.TensorProto_FLOAT, batch, onnx.Dim{Size: 3}, onnx.Dim{Size: 2}, onnx.Dim{Size: 2})},
		Node:   []*pb.NodeProto{onnx.Node("Abs", []string{"pixel_values"}, []string{"map"}), onnx.Node("GlobalAveragePool", []string{"map"}, []string{"mean"}), onnx.Node("Flatten", []string{"mean"}, []string{"logits"})},
		Output: []*pb.ValueInfoProto{onnx.TensorValue("logits", pb.TensorProto_FLOAT, batch, onnx.Dim{Size: 3})},
	}}
	m.MetadataProps = []*pb.StringStringEntryProto{
		{Key: new("headstart.contract"), Value: new(contract)}, {Key: new("headstart.classes"), Value: new(`["a","b","c"]`)}, {Key: new("headstart.backbone_licence"), Value: new("mit")},
	}
	data, err := onnx.Encode(m)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "onnx"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "onnx/model.onnx"), data, 0o666); err != nil {
		t.Fatal(err)
	}
	return dir
}

// anImage is a contract as this version writes it. Folders that are out there
// have it: fields may be added, none may be called otherwise.
const anImage = `{"modality":"image","image":{"Alpha":"white","EXIF":"apply","Grey16":"clip","Convert":"rgb",` +
	`"Resize":{"Engine":"pillow/1","Order":"hv","Mode":"short","Width":4,"Height":4,"Longest":0,"Filter":"bicubic"},` +
	`"Crop":{"Width":2,"Height":2,"Offset":"floor","Fill":[0,0,0]},"Rescale":0.00392156862745098,"Offset":0,"Mean":[0.5,0.4,0.3],"Std":[0.1,0.2,0.3],` +
	`"StdTwice":false,"Layout":"nchw","Channels":"","Decode":""},"taps":[{"output":"map","pooling":"gap","post":"l2"},{"output":"map","pooling":"max"}]}`

// A folder that was exported is resolved by what its model says, without any
// other file, as a backbone with the features of its head, or its logits.
func TestResolveExported(t *testing.T) {
	dir := exportedFolder(t, anImage)
	s, err := Resolve(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := s.Contract.(*models.ImageSpec)
	if c.Alpha != "white" || c.Crop.Width != 2 || c.Resize.Filter != "bicubic" || c.Mean != [3]float64{0.5, 0.4, 0.3} || s.Licence != "mit" || s.Exported["classes"] == "" {
		t.Errorf("%+v %+v", c, s)
	}
	if len(s.Taps) != 2 || s.Taps[0].Pooling != "gap" || s.Taps[0].Post != "l2" || s.Taps[0].Dim != 3 || s.Taps[1].Post != "" {
		t.Errorf("taps %+v", s.Taps)
	}
	for _, path := range []string{dir, filepath.Join(dir, "onnx/model.onnx")} {
		if s, err = ResolveFor(path, &Options{Taps: []string{"logits:none"}}); err != nil || len(s.Taps) != 1 || s.Taps[0].Dim != 3 || s.Weights.Pruned != nil {
			t.Errorf("%+v, %v", s, err)
		}
	}
}

// What is not as an export writes it is an error that names the metadata.
func TestResolveExportedRefuses(t *testing.T) {
	for _, test := range []struct{ old, new, want string }{
		{anImage, "x", "invalid character"},
		{anImage, "{}", "is none of modality"},
		{`"modality":"image"`, `"modality":"text"`, "is none of modality"},
		{`"Alpha"`, `"Smell"`, "Smell"},
		{`"Width":4`, `"Width":1000000000`, "a side of 1000000000 pixels"},
		{`"Width":4`, `"Width":-4`, "a side of -4 pixels"},
		{`"Crop":{"Width":2`, `"Crop":{"Width":3`, "3×2×3"},
		{`"output":"map","pooling":"gap"`, `"output":"nowhere","pooling":"gap"`, "nowhere"},
		{`"pooling":"gap"`, `"pooling":"median"`, "median"},
		{`"post":"l2"`, `"post":"l3"`, "l3"},
		{`"taps":[`, `"taps":[],"other":[`, "other"},
	} {
		changed := strings.Replace(anImage, test.old, test.new, 1)
		if changed == anImage {
			t.Fatalf("%s is not in it", test.old)
		}
		if _, err := Resolve(exportedFolder(t, changed), nil); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %s", test.new, err, test.want)
		}
	}
	text := `{"modality":"text","text":{"MaxLen":8,"Truncation":"right"},"taps":[{"output":"map","pooling":"mean"}]}`
	if _, err := Resolve(exportedFolder(t, text), nil); err == nil || !strings.Contains(err.Error(), tokenizerFile) {
		t.Errorf("without a tokenizer: %v", err)
	}
}

func FuzzExported(f *testing.F) {
	f.Add(anImage)
	f.Add(`{"modality":"text","text":{"MaxLen":8,"Truncation":"right"},"taps":[{"output":"map","pooling":"mean"}]}`)
	f.Add(`{"modality":"numbers","numbers":{"Shape":[3],"DType":"f32"},"taps":[{"output":"map","pooling":"none"}]}`)
	f.Fuzz(func(t *testing.T, contract string) {
		s, err := Resolve(exportedFolder(t, contract), nil)
		if err == nil && contract != "" && (s.Contract == nil || len(s.Taps) == 0) {
			t.Errorf("%+v", s)
		}
	})
}

// The licence is what the model card names between its first lines; licences
// and notices are found by their names.
func TestPapers(t *testing.T) {
	for card, want := range map[string]string{
		"---\nlicense: mit\n---\n":                                     "mit",
		"---\r\nlanguage: en\r\nlicense: \"apache-2.0\"\r\n---\r\nx":   "apache-2.0",
		"---\nlicense: other\nlicense_name: my-own\n---\n":             "my-own",
		"---\nlicense: other\n---\n":                                   "other",
		"---\nlicense: unknown\n---\n":                                 "",
		"---\nlicense:\n- mit\n- 'apache-2.0' # the code\nx: 1\n---\n": "mit AND apache-2.0",
		"---\nlicense: [mit, \"bsd-3-clause\"]\n---\n":                 "mit AND bsd-3-clause",
		"---\nlicense: mit # as of 2024\n---\n":                        "mit",
		"---\n# license: gpl-3.0\nlicense: # below\n  - mit\n---\n":    "mit",
		"---\nmodel:\n  license: gpl-3.0\ntags:\n- license\n---\n":     "",
		"---\nlicense:\n- other\nlicense_name: my-own # mine\n---\n":   "my-own",
		"---\nlicense: null\n---\n":                                    "",
		"---\n---\nlicense: mit\n---\n":                                "",
		"# license: mit\n":                                             "",
		"---\nlicense: mit\n":                                          "",
		"":                                                             "",
	} {
		if got := cardLicence([]byte(card)); got != want {
			t.Errorf("%q: %q, not %q", card, got, want)
		}
	}
	dir := exportedFolder(t, anImage)
	for name, text := range map[string]string{"LICENSE": "l", "NOTICE.txt": "n", "license-2.md": "m", "LICENSES_OF_OTHERS": "no", "config.json": "{}", "README.md": "---\nlicense: mit\n---\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{dir, filepath.Join(dir, "onnx/model.onnx")} {
		p, err := PapersOf(path, nil)
		if err != nil || len(p.Texts) != 3 || string(p.Texts["NOTICE.txt"]) != "n" || p.Licence != "mit" || string(p.Config) != "{}" {
			t.Errorf("%s: %+v, %v", path, p, err)
		}
	}
	if _, err := PapersOf(filepath.Join(dir, "nowhere"), nil); err == nil {
		t.Error("no folder is taken")
	}
}

package folder

import (
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/builtin"
	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// The built-in backbones resolve to what their files say.
func TestResolveBuiltin(t *testing.T) {
	s, err := Resolve("efficientnet-lite0", builtin.FS())
	if err != nil {
		t.Fatal(err)
	}
	data := s.Weights.Data
	s.Weights.Data, s.Weights.Size = nil, 0
	want := &models.Spec{
		Name: "efficientnet-lite0", Modality: models.Image,
		Weights: models.Weights{Path: "efficientnet-lite0/onnx/model.onnx", SHA256: "d6447701b3ced99a55c927c72366e4ffa228b8732135154ad69dd0904395e7d5"},
		Inputs:  []models.Input{{Name: "pixel_values", DType: "f32", Role: "pixels"}},
		Taps:    []models.Tap{{Output: "features", Pooling: "none", Shape: []int64{-1, 1280}, Dim: 1280}},
		Contract: &models.ImageSpec{
			Policies: models.Policies{EXIF: "apply", Alpha: "drop", Grey16: "clip"}, Convert: "rgb",
			Resize:  models.Resize{Engine: "pillow/1", Order: "hv", Mode: "short", Width: 256, Height: 256, Filter: "bicubic"},
			Crop:    models.Crop{Width: 224, Height: 224, Offset: "floor"},
			Rescale: 0.00392156862745098, Mean: [3]float64{0.5, 0.5, 0.5}, Std: [3]float64{0.5, 0.5, 0.5}, Layout: "nchw",
		},
		Licence: "Apache-2.0", Source: "https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite",
	}
	if s.Origins, s.Notes = nil, nil; !reflect.DeepEqual(s, want) {
		t.Errorf("have %+v\nwant %+v", s, want)
	}
	if digest(data) != s.Weights.SHA256 {
		t.Error("the data are not those that the digest is of")
	}

	s, err = Resolve("all-minilm-l6-v2", builtin.FS())
	if err != nil {
		t.Fatal(err)
	}
	if digest(s.Weights.Data) != s.Weights.SHA256 || digest(textOf(s).Tokenizer) != textOf(s).TokenizerSHA256 {
		t.Error("the data are not those that the digests are of")
	}
	s.Weights.Data, s.Weights.Size, textOf(s).Tokenizer = nil, 0, nil
	want = &models.Spec{
		Name: "all-minilm-l6-v2", Modality: models.Text,
		Weights:  models.Weights{Path: "all-minilm-l6-v2/onnx/model.onnx", SHA256: "81e3114659c908d1fddd29b8e9bac131cad468ff510841aae394f55dde33b74f"},
		Inputs:   []models.Input{{Name: "input_ids", DType: "i64", Role: "ids"}, {Name: "attention_mask", DType: "i64", Role: "mask"}, {Name: "token_type_ids", DType: "i64", Role: "types"}},
		Taps:     []models.Tap{{Output: "last_hidden_state", Pooling: "mean", Shape: []int64{-1, -1, 384}, Dim: 384, Post: "l2"}},
		Contract: &models.TextSpec{TokenizerSHA256: "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037", MaxLen: 256, Truncation: "right"},
		Licence:  "Apache-2.0", Source: "https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2",
		Overruled: []string{
			"tokenizer_config.json: model_max_length 512 does not count: sentence_bert_config.json says max_seq_length 256",
			"tokenizer.json: truncation.max_length 128 does not count: sentence_bert_config.json says max_seq_length 256",
		},
	}
	if s.Origins, s.Notes = nil, nil; !reflect.DeepEqual(s, want) {
		t.Errorf("have %+v\nwant %+v", s, want)
	}
}

// Every file of a built-in backbone is on record with its digest, and no other.
func TestBuiltinRecord(t *testing.T) {
	list, err := Builtin(builtin.FS())
	if err != nil {
		t.Fatal(err)
	}
	var size int64
	seen := map[string]bool{"backbones.json": true, "specs.json": true, "LICENSE": true, "NOTICE": true}
	for _, b := range list {
		if b.About == "" || b.Licence == "" || b.Source == "" || b.Dim < 1 {
			t.Errorf("%s: the record is incomplete: %+v", b.Name, b)
		}
		for name, f := range b.Files {
			data, err := fs.ReadFile(builtin.FS(), b.Name+"/"+name)
			if err != nil {
				t.Error(err)
			} else if int64(len(data)) != f.Size || digest(data) != f.SHA256 {
				t.Errorf("%s/%s: %d bytes, digest %s", b.Name, name, len(data), digest(data))
			}
			seen[b.Name+"/"+name] = true
			size += f.Size
		}
	}
	if n := list[0].Size() + list[1].Size(); len(list) != 2 || n != size {
		t.Errorf("%d backbones of %d bytes, want 2 of %d", len(list), n, size)
	}
	err = fs.WalkDir(builtin.FS(), ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !seen[path] {
			t.Errorf("%s is not on record", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// A built-in backbone whose files or record were changed is refused.
func TestBuiltinChanged(t *testing.T) {
	build := func() fstest.MapFS {
		m := fstest.MapFS{}
		err := fs.WalkDir(builtin.FS(), ".", func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || strings.HasPrefix(path, "all-minilm") {
				return err
			}
			data, err := fs.ReadFile(builtin.FS(), path)
			m[path] = &fstest.MapFile{Data: data}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	record := func(m fstest.MapFS, old, new string) {
		m["backbones.json"].Data = []byte(strings.ReplaceAll(string(m["backbones.json"].Data), old, new))
	}
	for _, test := range []struct {
		name string
		edit func(m fstest.MapFS)
		want string
	}{
		{"unchanged", func(m fstest.MapFS) {}, ""},
		{"weights", func(m fstest.MapFS) { m["efficientnet-lite0/onnx/model.onnx"].Data[100] ^= 1 }, "model.onnx: digest is "},
		{"contract", func(m fstest.MapFS) { m["efficientnet-lite0/preprocessor_config.json"].Data[0] = ' ' }, "preprocessor_config.json: digest is "},
		{"missing", func(m fstest.MapFS) { delete(m, "efficientnet-lite0/onnx/model.onnx") }, "neither onnx/model.onnx nor model.onnx"},
		{"additional", func(m fstest.MapFS) {
			delete(m, "efficientnet-lite0/onnx/model.onnx")
			m["efficientnet-lite0/model.onnx"] = &fstest.MapFile{Data: []byte("x")}
		}, "model.onnx: the file is not on record"},
		{"length", func(m fstest.MapFS) { record(m, `"dim": 1280`, `"dim": 128`) }, "on record are 128"},
		{"modality", func(m fstest.MapFS) { record(m, `"modality": "image"`, `"modality": "sound"`) }, `modality "sound"`},
		{"order", func(m fstest.MapFS) { record(m, "all-minilm-l6-v2", "zzz") }, "not in order"},
		{"no record", func(m fstest.MapFS) { delete(m, "backbones.json") }, "backbones.json: the file is missing"},
		{"bad record", func(m fstest.MapFS) { m["backbones.json"].Data = []byte("[{") }, "backbones.json: "},
	} {
		m := build()
		test.edit(m)
		_, err := Resolve("efficientnet-lite0", m)
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: error %v, want %q", test.name, err, test.want)
		}
	}
}

// What a folder may leave out, and the forms that it may use.
func TestResolveFolder(t *testing.T) {
	clip := models.ImageSpec{
		Policies: models.Policies{EXIF: "apply", Alpha: "drop", Grey16: "clip"}, Convert: "rgb",
		Resize:  models.Resize{Engine: "pillow/1", Order: "hv", Mode: "short", Width: 256, Height: 256, Filter: "bicubic"},
		Crop:    models.Crop{Width: 224, Height: 224, Offset: "floor"},
		Rescale: 1. / 255,
		Mean:    [3]float64{0.48145466, 0.4578275, 0.40821073}, Std: [3]float64{0.26862954, 0.26130258, 0.27577711}, Layout: "nchw",
	}
	cfg := fields{"input_size": []int{3, 224, 224}, "interpolation": "bilinear", "crop_pct": 0.9, "mean": []float64{0.5, 0.4, 0.3}, "std": []float64{1, 2, 3}, "license": "mit", "hf_hub_id": "timm/x"}
	pre := "preprocessor_config.json"
	for _, test := range []struct {
		name string
		tree tree
		edit func(f tree)
		want func(s *models.Spec) // changes the clip or text contract to the one that is expected
	}{
		{"class defaults", imageTree(t), nil, func(s *models.Spec) {}},
		{"batch-dependent", imageTree(t), func(f tree) {
			f["onnx/model.onnx"] = graph(t, values(f32("pixel_values", 3, 224, 224)), values(f32("features", 8)), func(m *pb.ModelProto) {
				m.Graph.Node = []*pb.NodeProto{onnx.Node("DynamicQuantizeLinear", []string{"p"}, []string{"q"})}
			})
		}, func(s *models.Spec) { s.BatchDependent = []string{"DynamicQuantizeLinear"} }},
		{"defaults of size", imageTree(t), func(f tree) { f.set(pre, "size", drop) },
			func(s *models.Spec) { imageOf(s).Resize.Width, imageOf(s).Resize.Height = 224, 224 }},
		{"numbers, old class name", imageTree(t), func(f tree) {
			f[pre] = fields{"feature_extractor_type": "CLIPFeatureExtractor", "size": 240, "crop_size": 224, "resample": 2}
		}, func(s *models.Spec) {
			imageOf(s).Resize.Width, imageOf(s).Resize.Height, imageOf(s).Resize.Filter = 240, 240, "bilinear"
		}},
		{"fast, exact, no crop", imageTree(t), func(f tree) {
			f[pre] = fields{"image_processor_type": "CLIPImageProcessorFast", "size": fields{"height": 224, "width": 224}, "do_center_crop": false,
				"resample": 1, "data_format": "channels_first", "do_pad": nil, "device": nil, "input_data_format": nil, "do_flip": false}
		}, func(s *models.Spec) {
			imageOf(s).Resize = models.Resize{Engine: "pillow/1", Order: "hv", Mode: "exact", Width: 224, Height: 224, Filter: "lanczos"}
			imageOf(s).Crop = models.Crop{}
		}},
		{"no rescale, no normalise", imageTree(t), func(f tree) { f.set(pre, "do_rescale", false); f.set(pre, "do_normalize", false) },
			func(s *models.Spec) {
				imageOf(s).Rescale, imageOf(s).Mean, imageOf(s).Std = 1, [3]float64{}, [3]float64{1, 1, 1}
			}},
		{"timm alone", imageTree(t), func(f tree) { delete(f, pre); f["config.json"] = fields{"pretrained_cfg": cfg} },
			func(s *models.Spec) {
				// floor(224/0.9) = 248
				imageOf(s).Resize = models.Resize{Engine: "pillow/1", Order: "hv", Mode: "short", Width: 248, Height: 248, Filter: "bilinear"}
				imageOf(s).Crop.Offset = "half-even"
				imageOf(s).Mean, imageOf(s).Std = [3]float64{0.5, 0.4, 0.3}, [3]float64{1, 2, 3}
				s.Licence, s.Source = "mit", "timm/x"
			}},
		{"timm without crop_pct", imageTree(t), func(f tree) {
			c := maps.Clone(cfg)
			delete(c, "crop_pct")
			delete(f, pre)
			f["config.json"] = fields{"pretrained_cfg": c}
		}, func(s *models.Spec) {
			imageOf(s).Resize.Filter = "bilinear" // 224/0.875 = 256
			imageOf(s).Crop.Offset = "half-even"
			imageOf(s).Mean, imageOf(s).Std = [3]float64{0.5, 0.4, 0.3}, [3]float64{1, 2, 3}
			s.Licence, s.Source = "mit", "timm/x"
		}},
		// What timm's resolve_data_config takes where nothing is said.
		{"timm's defaults", imageTree(t), func(f tree) {
			delete(f, pre)
			f["config.json"] = fields{"architecture": "resnet18", "interpolation": "", "mean": nil, "std": []float64{}, "crop_pct": 0, "input_size": nil}
		}, func(s *models.Spec) {
			imageOf(s).Crop.Offset = "half-even"
			imageOf(s).Mean, imageOf(s).Std = [3]float64{0.485, 0.456, 0.406}, [3]float64{0.229, 0.224, 0.225}
		}},
		{"timm overruled", imageTree(t), func(f tree) { f["config.json"] = fields{"pretrained_cfg": cfg} }, func(s *models.Spec) {
			s.Licence, s.Source = "mit", "timm/x"
			s.Overruled = []string{
				"config.json: pretrained_cfg: resize short 248×248 does not count: preprocessor_config.json says short 256×256",
				"config.json: pretrained_cfg: interpolation bilinear does not count: preprocessor_config.json says bicubic",
				"config.json: pretrained_cfg: mean [0.5 0.4 0.3] does not count: preprocessor_config.json says [0.48145466 0.4578275 0.40821073]",
				"config.json: pretrained_cfg: std [1 2 3] does not count: preprocessor_config.json says [0.26862954 0.26130258 0.27577711]",
			}
		}},
		{"open_clip alone", imageTree(t), func(f tree) {
			delete(f, pre)
			f["open_clip_config.json"] = fields{"model_cfg": fields{"vision_cfg": fields{"image_size": 224}}, "preprocess_cfg": fields{"resize_mode": "squash", "interpolation": "bilinear"}}
		}, func(s *models.Spec) {
			imageOf(s).Resize = models.Resize{Engine: "pillow/1", Order: "hv", Mode: "exact", Width: 224, Height: 224, Filter: "bilinear"}
			imageOf(s).Crop = models.Crop{}
		}},
		{"timm overruled, and not read", imageTree(t), func(f tree) { f["config.json"] = fields{"pretrained_cfg": fields{"interpolation": "random"}} }, func(s *models.Spec) {}},
		{"dynamic sides, other outputs", imageTree(t), func(f tree) {
			f["onnx/model.onnx"] = graph(t, values(f32("x", -1, -1, -1)), values(f32("map", 8, 7, 7), f32("features", 8)), nil)
		}, func(s *models.Spec) { s.Inputs[0].Name = "x" }},
		{"initialisers among the inputs", imageTree(t), func(f tree) {
			f["onnx/model.onnx"] = graph(t, values(f32("pixel_values", 3, 224, 224), onnx.TensorValue("w", pb.TensorProto_FLOAT, onnx.Dim{Size: 2})), values(f32("features", 8)),
				func(m *pb.ModelProto) {
					m.Graph.Initializer = []*pb.TensorProto{onnx.FloatTensor("w", []float32{1, 2}, 2)}
				})
		}, func(s *models.Spec) {}},
		{"text", textTree(t), nil, func(s *models.Spec) {}},
		{"mean, normalised", textTree(t), func(f tree) {
			f["modules.json"] = append(f["modules.json"].([]fields), fields{"type": "sentence_transformers.models.Normalize", "path": "2_Normalize"})
			f["1_Pooling/config.json"] = fields{"pooling_mode_mean_tokens": true, "pooling_mode": "mean"}
		}, func(s *models.Spec) { s.Taps[0].Pooling, s.Taps[0].Post = "mean", "l2" }},
		{"sentence_bert_config", textTree(t), func(f tree) {
			f["sentence_bert_config.json"] = fields{"max_seq_length": 64, "do_lower_case": true}
			f.set("tokenizer.json", "truncation", fields{"max_length": 64, "direction": "Right", "strategy": "LongestFirst"})
		}, func(s *models.Spec) {
			textOf(s).MaxLen, textOf(s).Lowercase = 64, true
			s.Overruled = []string{"tokenizer_config.json: model_max_length 512 does not count: sentence_bert_config.json says max_seq_length 64"}
		}},
		{"no limit of the tokenizer", textTree(t), func(f tree) {
			f.set("tokenizer_config.json", "model_max_length", 1e30)
			f.set("tokenizer.json", "truncation", fields{"max_length": 128})
		}, func(s *models.Spec) {
			s.Overruled = []string{"tokenizer.json: truncation.max_length 128 does not count: config.json says max_position_embeddings 512"}
		}},
		{"no max_seq_length", textTree(t), func(f tree) { f["sentence_bert_config.json"] = fields{"max_seq_length": nil} }, func(s *models.Spec) {}},
		{"prompt", textTree(t), func(f tree) {
			f["config_sentence_transformers.json"] = fields{"prompts": fields{"q": "query: ", "d": ""}, "default_prompt_name": "q"}
		}, func(s *models.Spec) {
			textOf(s).Prefix = "query: "
			s.Prompts = []models.Prompt{{Name: "d"}, {Name: "q", Text: "query: "}}
		}},
		{"prompts without a default", textTree(t), func(f tree) {
			f["config_sentence_transformers.json"] = fields{"prompts": fields{"q": "query: "}, "default_prompt_name": nil}
		}, func(s *models.Spec) { s.Prompts = []models.Prompt{{Name: "q", Text: "query: "}} }},
		{"sentence_embedding", textTree(t), func(f tree) {
			delete(f, "modules.json")
			f["model.onnx"] = graph(t, textInputs(), values(f32("token_embeddings", -1, 8), f32("sentence_embedding", 8)), nil)
		}, func(s *models.Spec) {
			s.Taps = []models.Tap{{Output: "sentence_embedding", Pooling: "none", Shape: []int64{-1, 8}, Dim: 8}}
		}},
		{"the only token vectors, int32", textTree(t), func(f tree) {
			in := values(onnx.TensorValue("input_ids", pb.TensorProto_INT32, batch, batch), i64("attention_mask", -1))
			f["model.onnx"] = graph(t, in, values(f32("pooler_output", 8), f32("hidden", -1, 8)), nil)
		}, func(s *models.Spec) { s.Inputs[0].DType, s.Taps[0].Output = "i32", "hidden" }},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.edit != nil {
				test.edit(test.tree)
			}
			dir := t.TempDir()
			test.tree.write(t, dir)
			s, err := Resolve(dir, nil)
			if err != nil {
				t.Fatal(err)
			}
			want := &models.Spec{Name: dir, Modality: s.Modality, Weights: s.Weights}
			if s.Modality == models.Image {
				image := clip
				want.Contract = &image
				want.Inputs = []models.Input{{Name: "pixel_values", DType: "f32", Role: "pixels"}}
				want.Taps = []models.Tap{{Output: "features", Pooling: "none", Shape: []int64{-1, 8}, Dim: 8}}
			} else {
				want.Contract = &models.TextSpec{Tokenizer: textOf(s).Tokenizer, TokenizerSHA256: digest(textOf(s).Tokenizer), MaxLen: 512, Truncation: "right"}
				want.Inputs = []models.Input{{Name: "input_ids", DType: "i64", Role: "ids"}, {Name: "attention_mask", DType: "i64", Role: "mask"}}
				want.Taps = []models.Tap{{Output: "last_hidden_state", Pooling: "cls", Shape: []int64{-1, -1, 8}, Dim: 8}}
			}
			test.want(want)
			if s.Origins, s.Notes = nil, nil; !reflect.DeepEqual(s, want) {
				t.Errorf("have %+v %+v\nwant %+v %+v", s, s.Contract, want, want.Contract)
			}
		})
	}
}

// What timm takes where a file says nothing is told.
func TestDefaultsOfTimm(t *testing.T) {
	f := imageTree(t)
	delete(f, "preprocessor_config.json")
	f["config.json"] = fields{"architecture": "resnet18", "interpolation": "", "std": nil, "crop_pct": 0, "input_size": nil}
	s, _, err := f.resolve(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"config.json: input_size: the default of timm is used, [3 224 224]", "config.json: crop_pct: the default of timm is used, 0.875",
		"config.json: interpolation: the default of timm is used, bicubic", "config.json: mean: the default of timm is used, [0.485 0.456 0.406]",
		"config.json: std: the default of timm is used, [0.229 0.224 0.225]",
	}
	if !slices.Equal(s.Notes, want) {
		t.Errorf("notes %q\nwant %q", s.Notes, want)
	}
}

// External data lie beside the graph and are digested.
func TestResolveExternal(t *testing.T) {
	f := imageTree(t)
	f["onnx/model.onnx"] = graph(t, values(f32("pixel_values", 3, 224, 224)), values(f32("features", 8)), func(m *pb.ModelProto) {
		m.Graph.Initializer = external("model.onnx_data")
	})
	f["onnx/model.onnx_data"] = []byte("12345678")
	dir := t.TempDir()
	f.write(t, dir)
	s, err := Resolve(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if s.Weights.Dir != filepath.Join(dir, "onnx") || !slices.Equal(s.Weights.External, []models.ExternalFile{{Path: "model.onnx_data", Size: 8, SHA256: digest([]byte("12345678"))}}) {
		t.Errorf("%q, %v", s.Weights.Dir, s.Weights.External)
	}
}

// A file is found with the folder around it, however it is written.
func TestResolveFile(t *testing.T) {
	dir := t.TempDir()
	f := imageTree(t)
	f["onnx/model_b.onnx"] = f["onnx/model.onnx"]
	flat := textTree(t)
	for name, v := range flat {
		f["flat/onnx/"+name] = v // a folder that is itself called onnx
	}
	f["lone.onnx"] = f["onnx/model.onnx"]
	f["alone/lone.onnx"] = f["onnx/model.onnx"]
	f["alone/lone.bin"] = []byte("x")
	f.write(t, dir)
	t.Chdir(dir)
	for _, test := range []struct{ name, path, want string }{
		{"onnx/model_b.onnx", "onnx/model_b.onnx", ""},
		{filepath.Join(dir, "onnx", "model.onnx"), filepath.Join(dir, "onnx/model.onnx"), ""},
		{"flat/onnx/model.onnx", "flat/onnx/model.onnx", ""},
		{"flat/onnx", "flat/onnx/model.onnx", ""},
		{"./lone.onnx", "lone.onnx", ""},
		{"./onnx/../onnx/model.onnx", "onnx/model.onnx", ""},
		{".", "onnx/model.onnx", ""},
		{"alone/lone.onnx", "", "alone/lone.onnx: nothing says how an image becomes what the graph takes"},
		{"alone/lone.bin", "", "not an .onnx file"},
		{"missing", "", "missing: neither a built-in backbone (all-minilm-l6-v2, efficientnet-lite0) nor a folder nor an .onnx file"},
		{"", "", "no backbone is named; built in are: all-minilm-l6-v2"},
		{"lone.onnx/x", "", "not a directory"},
	} {
		s, err := Resolve(test.name, builtin.FS())
		if test.want != "" {
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%s: error %v, want %q", test.name, err, test.want)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
		} else if s.Name != test.name || s.Weights.Path != test.path {
			t.Errorf("%s: name %q, path %q", test.name, s.Name, s.Weights.Path)
		}
	}
	t.Chdir("onnx")
	s, err := Resolve("model_b.onnx", nil)
	if err != nil {
		t.Fatal(err)
	}
	if s.Weights.Path != "../onnx/model_b.onnx" {
		t.Errorf("path %q", s.Weights.Path)
	}
}

// A folder of symbolic links, as download caches keep it, is read; external
// data behind a link are not.
func TestResolveLinks(t *testing.T) {
	blobs, dir := t.TempDir(), t.TempDir()
	f := imageTree(t)
	f.write(t, blobs)
	link := func(name string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(filepath.Join(blobs, name), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	link("onnx/model.onnx")
	link("preprocessor_config.json")
	if _, err := Resolve(dir, nil); err != nil {
		t.Error(err)
	}
	tree{
		"onnx/model.onnx": graph(t, values(f32("pixel_values", 3, 224, 224)), values(f32("features", 8)), func(m *pb.ModelProto) { m.Graph.Initializer = external("w.bin") }),
		"onnx/w.bin":      []byte("12345678"),
	}.write(t, blobs)
	link("onnx/w.bin")
	if _, err := Resolve(dir, nil); err == nil || !strings.Contains(err.Error(), "w.bin is a symbolic link") {
		t.Errorf("error %v", err)
	}
	if err := os.Remove(filepath.Join(blobs, "onnx/model.onnx")); err != nil {
		t.Fatal(err)
	}
	if _, err := Resolve(dir, nil); err == nil || !strings.Contains(err.Error(), "onnx/model.onnx: a link to a file that is not there") {
		t.Errorf("error %v", err)
	}
}

// Whatever the bytes, checkJSON and the decoder of the standard library agree
// on what is one JSON value, apart from what is refused on purpose.
func FuzzConfig(f *testing.F) {
	for _, seed := range []string{
		`{"image_processor_type":"CLIPImageProcessor","size":{"shortest_edge":256},"image_mean":[0.5,0.5,0.5]}`,
		`{"image_processor_type":"CLIPImageProcessorFast","size":224,"crop_size":{"height":1,"width":2},"resample":1e0}`,
		`{"a":[{"a":1},{"a":"b"},"a"],"b":{}}`, `{"a":1,"a":2}`, `[]`, `null`, `{} {}`, "{\"\xff\":1}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		err := checkJSON(data)
		if err == nil && !json.Valid(data) {
			t.Error("taken, but not valid")
		}
		if err != nil && json.Valid(data) && !strings.Contains(err.Error(), "twice") && !strings.Contains(err.Error(), "UTF-8") && !strings.Contains(err.Error(), "nested") {
			t.Errorf("valid, but: %v", err)
		}
		o, err := parseObject("preprocessor_config.json", data)
		if err != nil {
			return
		}
		s, err := processorSpec(o, "")
		if err == nil {
			if w, h := s.Size(); w < 1 || h < 1 || w > maxSide || h > maxSide || slices.Min(s.Std[:]) <= 0 || s.Rescale <= 0 {
				t.Errorf("contract %+v", s)
			}
		}
		_, _ = timmSpec(o)
	})
}

func TestReadFileMissing(t *testing.T) {
	if _, err := readFile(fstest.MapFS{}, "x", 1); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v", err)
	}
	if _, err := readFile(fstest.MapFS{"x/y": &fstest.MapFile{}}, "x", 1); err == nil {
		t.Error("a folder was read")
	}
}

// add_prefix_space of tokenizer_config.json is about ByteLevel: a Metaspace of
// an older tokenizer.json, which has a field of that name, stays as it is.
func TestPrefixSpace(t *testing.T) {
	for kind, want := range map[string]string{"ByteLevel": "false", "Metaspace": "true"} {
		f := textTree(t)
		f.set("tokenizer.json", "pre_tokenizer", fields{"type": kind, "replacement": "▁", "add_prefix_space": true})
		f.set("tokenizer_config.json", "tokenizer_class", "PreTrainedTokenizerFast")
		dir := t.TempDir()
		f.write(t, dir)
		s, err := Resolve(dir, builtin.FS())
		if err != nil {
			t.Errorf("%s: %v", kind, err)
			continue
		}
		if own := textOf(s).Tokenizer; !strings.Contains(string(own), `"add_prefix_space":`+want) {
			t.Errorf("%s: %s, want add_prefix_space %s", kind, own, want)
		}
	}
}

// A tokenizer that is converted has the same bytes each time, though some of
// its tokens have one number, or are one token that is found in two ways.
func TestSlowTokenizerIsTheSameEachTime(t *testing.T) {
	f := textTree(t)
	delete(f, "tokenizer.json")
	f["vocab.txt"] = []byte("[UNK]\n[CLS]\n[SEP]\n[PAD]\n[MASK]\na\n")
	f.set("tokenizer_config.json", "tokenizer_class", "BertTokenizer")
	f.set("tokenizer_config.json", "added_tokens_decoder", fields{
		"6": fields{"content": "x"}, "06": fields{"content": "y"}, "006": fields{"content": "z"},
		"7": fields{"content": "v"}, "07": fields{"content": "v", "lstrip": true},
	})
	dir := t.TempDir()
	f.write(t, dir)
	first := ""
	for range 20 {
		s, err := Resolve(dir, builtin.FS())
		if err != nil {
			t.Fatal(err)
		}
		if sum := textOf(s).TokenizerSHA256; first == "" {
			first = sum
		} else if sum != first {
			t.Fatalf("tokenizer %s, then %s", first, sum)
		}
	}
}

// The vocabulary of a tokenizer.json is read once, however many tokens the
// files beside it add.
func TestVocabularyIsReadOnce(t *testing.T) {
	reads := 0
	tokens := newAddedTokens([]addedToken{{ID: 1, Content: "a"}}, func() (map[string]int, int, error) {
		reads++
		return map[string]int{"a": 1, "b": 2}, 3, nil
	})
	for _, word := range []string{"a", "c", "b", "d"} {
		if err := tokens.add(addedToken{Content: word}); err != nil {
			t.Fatal(err)
		}
	}
	found, err := tokens.found(false)
	if err != nil || reads != 1 {
		t.Errorf("%v: the vocabulary is read %d times", err, reads)
	}
	if want := []addedToken{{ID: 1, Content: "a"}, {ID: 2, Content: "b"}, {ID: 3, Content: "c"}, {ID: 4, Content: "d"}}; !slices.Equal(found, want) {
		t.Errorf("%v, want %v", found, want)
	}
}

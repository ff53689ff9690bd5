package folder

import (
	"bytes"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

const pre, cfg, tok, tokCfg = "preprocessor_config.json", "config.json", "tokenizer.json", "tokenizer_config.json"

// A refusal is a folder, what is changed in it, and what the error says then.
type refusal struct {
	name string
	tree tree
	edit func(f tree)
	want string
}

// check checks that the folder is refused, with an error that says where.
func (r *refusal) check(t *testing.T) {
	if r.edit != nil {
		r.edit(r.tree)
	}
	dir := t.TempDir()
	r.tree.write(t, dir)
	_, err := Resolve(dir, nil)
	if err == nil || !strings.Contains(err.Error(), r.want) {
		t.Fatalf("error %v\nwant %q", err, r.want)
	}
	if !strings.HasPrefix(err.Error(), "models: "+dir) {
		t.Errorf("error %v does not say where", err)
	}
}

// refused checks each by itself.
func refused(t *testing.T, all []refusal) {
	t.Helper()
	for _, r := range all {
		t.Run(r.name, r.check)
	}
}

// set, put and model return edits: of a field, of a file, of the graph.
func set(file, field string, value any) func(f tree) {
	return func(f tree) { f.set(file, field, value) }
}

func put(file string, value any) func(f tree) { return func(f tree) { f[file] = value } }

func model(t *testing.T, inputs, outputs []*pb.ValueInfoProto, edit func(m *pb.ModelProto)) func(f tree) {
	return func(f tree) {
		name := "model.onnx"
		if f[name] == nil {
			name = "onnx/model.onnx"
		}
		f[name] = graph(t, inputs, outputs, edit)
	}
}

// A folder has one graph and one contract.
func TestRefusesFolders(t *testing.T) {
	refused(t, []refusal{
		{"empty", tree{"README.md": []byte("x")}, nil, "neither onnx/model.onnx nor model.onnx; a backbone is exported"},
		{"two models", imageTree(t), func(f tree) { f["model.onnx"] = f["onnx/model.onnx"] }, "several files may be the backbone: model.onnx, onnx/model.onnx; name the file that is meant"},
		{"no contract", imageTree(t), func(f tree) { delete(f, pre); f[cfg] = fields{} }, "missing: size, filter, mean, std (there is no preprocessor_config.json, no pretrained_cfg in config.json, and backbone.json does not have it; if it takes numbers as they are and no image, that says \"modality\": \"numbers\")"},
	})
}

// A file is one JSON object, in which no key stands twice.
func TestRefusesJSON(t *testing.T) {
	refused(t, []refusal{
		{"not JSON", imageTree(t), put(pre, []byte("size: 224")), "preprocessor_config.json: not JSON"},
		{"empty file", imageTree(t), put(pre, []byte("")), "preprocessor_config.json: not JSON: the file is empty; download it again"},
		{"cut off", imageTree(t), put(pre, []byte(`{"size":{"shortest_edge":256}`)), "preprocessor_config.json: not JSON: it is cut short; download it again"},
		{"cut off in a word", imageTree(t), put(cfg, []byte(`{"model_type":"vi`)), "config.json: not JSON: it is cut short; download it again"},
		{"a folder", imageTree(t), func(f tree) { delete(f, cfg); f[cfg+"/x"] = []byte("x") }, "config.json: a folder in place of a file; take it away, and download the file"},
		{"a list", imageTree(t), put(pre, []byte("[]")), "does not hold a JSON object"},
		{"null", imageTree(t), put(pre, []byte("null")), "does not hold a JSON object"},
		{"two values", imageTree(t), put(pre, []byte("{} {}")), "more after the end"},
		{"key twice", imageTree(t), put(pre, []byte(`{"size": 1, "size": 2}`)), `key "size" stands twice`},
		{"key twice, escaped", imageTree(t), put(pre, []byte(`{"size": 1, "siz\u0065": 2}`)), `key "size" stands twice`},
		{"key twice, nested", imageTree(t), put(pre, []byte(`{"a":[1,{"b":"c","b":2}]}`)), `key "b" stands twice`},
		{"not UTF-8", imageTree(t), put(pre, []byte("{\"a\":\"\xff\"}")), "not UTF-8"},
		{"deep", imageTree(t), put(pre, []byte(strings.Repeat("[", 5000)+strings.Repeat("]", 5000))), "nested more than"},
		{"large", imageTree(t), put(pre, []byte("{"+strings.Repeat(" ", maxConfig)+"}")), "more than the 1048576"},
	})
}

// What a processor would do otherwise is named by its key.
func TestRefusesProcessors(t *testing.T) {
	refused(t, []refusal{
		{"no class", imageTree(t), set(pre, "image_processor_type", drop), "image_processor_type: the field is missing"},
		{"other spelling", imageTree(t), set(pre, "Size", 3), "Size: 3 is not read here"},
		{"crop_pct", imageTree(t), set(pre, "crop_pct", 0.9), "crop_pct: 0.9 is not read here"},
		{"do_pad", imageTree(t), set(pre, "do_pad", true), "do_pad: true is not read here"},
		{"do_resize null", imageTree(t), set(pre, "do_resize", nil), "do_resize: null is not true or false"},
		{"data_format", imageTree(t), set(pre, "data_format", "channels_middle"), "data_format"},
		{"size square", imageTree(t), func(f tree) { f.set(pre, "size", 224); f.set(pre, "default_to_square", true) }, "default_to_square: true with a number"},
		{"size longest", imageTree(t), set(pre, "size", fields{"shortest_edge": 224, "longest_edge": 300}), "size: shortest_edge with longest_edge"},
		{"size 0", imageTree(t), set(pre, "size", fields{"shortest_edge": 0}), "size: shortest_edge: 0 is not a whole number from 1"},
		{"size 1.5", imageTree(t), set(pre, "size", fields{"height": 224, "width": 1.5}), "size: width: 1.5 is not a whole number"},
		{"size huge", imageTree(t), set(pre, "size", fields{"shortest_edge": 1e9}), "size: shortest_edge: 1000000000 is not"},
		{"size text", imageTree(t), set(pre, "size", fields{"shortest_edge": "224"}), `size: shortest_edge: "224" is not a number`},
		{"crop form", imageTree(t), set(pre, "crop_size", fields{"shortest_edge": 224}), "crop_size: "},
		{"no crop", imageTree(t), set(pre, "do_center_crop", false), "do_center_crop: false with size.shortest_edge"},
		{"resample", imageTree(t), set(pre, "resample", 6), "resample: 6 is not one of Pillow's"},
		{"resample -1", imageTree(t), set(pre, "resample", -1), "resample: -1 is not one of Pillow's"},
		{"resample null", imageTree(t), set(pre, "resample", nil), "resample: null is not a number"},
		{"rescale_factor", imageTree(t), set(pre, "rescale_factor", 0), "rescale_factor: 0 is not positive"},
		{"mean", imageTree(t), set(pre, "image_mean", []float64{0.5}), "image_mean: [0.5] is not a list of three"},
		{"std", imageTree(t), set(pre, "image_std", []float64{1, 0, 1}), "image_std: [1,0,1]: a deviation is not positive"},
	})
}

// What timm's file says must be understood.
func TestRefusesTimm(t *testing.T) {
	timm := func(field string, value any) func(f tree) {
		return func(f tree) {
			delete(f, pre)
			f[cfg] = fields{"pretrained_cfg": fields{"input_size": []int{3, 224, 224}, "interpolation": "bicubic", "mean": []float64{0.5, 0.5, 0.5}, "std": []float64{0.5, 0.5, 0.5}}}
			o := f[cfg].(fields)["pretrained_cfg"].(fields)
			if o[field] = value; value == drop {
				delete(o, field)
			}
		}
	}
	refused(t, []refusal{
		{"timm: grey", imageTree(t), timm("input_size", []int{1, 224, 224}), "input_size: [1,224,224] is not"},
		{"timm: random", imageTree(t), timm("interpolation", "random"), "interpolation: random: the library draws"},
		{"timm: mode", imageTree(t), timm("crop_mode", "stretch"), `crop_mode: "stretch" is neither`},
		{"timm: crop_pct", imageTree(t), timm("crop_pct", -0.5), "crop_pct: -0.5 is not positive"},
		{"timm: crop_pct tiny", imageTree(t), timm("crop_pct", 1e-9), "crop_pct: 1e-09"},
		{"timm: std", imageTree(t), timm("std", []float64{-1, 1, 1}), "std: [-1,1,1]"},
	})
}

// What open_clip's file says must be understood.
func TestRefusesOpenClip(t *testing.T) {
	clip := func(model, pre fields) func(f tree) {
		return func(f tree) {
			delete(f, "preprocessor_config.json")
			f["open_clip_config.json"] = fields{"model_cfg": model, "preprocess_cfg": pre}
		}
	}
	vision := fields{"vision_cfg": fields{"image_size": 224}}
	refused(t, []refusal{
		{"no tower", imageTree(t), clip(fields{}, nil), "open_clip_config.json: model_cfg: vision_cfg: the field is missing"},
		{"size", imageTree(t), clip(fields{"vision_cfg": fields{"image_size": []int{224}}}, nil), "image_size: [224] is not height and width"},
		{"other size", imageTree(t), clip(fields{"vision_cfg": fields{"image_size": 64}}, nil), "3×64×64"},
		{"mode", imageTree(t), clip(vision, fields{"resize_mode": "crop"}), `preprocess_cfg: resize_mode: "crop" is neither`},
		{"interpolation", imageTree(t), clip(vision, fields{"interpolation": "lanczos"}), `interpolation: "lanczos" is neither`},
		{"fill", imageTree(t), clip(vision, fields{"resize_mode": "longest", "fill_color": 0.5}), "fill_color: 0.5 is no level"},
		{"colours", imageTree(t), clip(vision, fields{"mode": "L"}), "mode: \"L\" is not RGB"},
		{"std", imageTree(t), clip(vision, fields{"std": []float64{1, 0, 1}}), "std: [1,0,1]: a deviation"},
	})
}

// The graph of an image backbone takes the contract's pixels and gives one
// embedding.
func TestRefusesImageGraphs(t *testing.T) {
	pixels, features := values(f32("p", 3, 224, 224)), values(f32("f", 8))
	refused(t, []refusal{
		{"git lfs pointer", imageTree(t), put("onnx/model.onnx", []byte("version https://git-lfs.github.com/spec/v1\n")), "onnx/model.onnx: a pointer of Git LFS in place of the model"},
		{"foreign operator", imageTree(t), model(t, pixels, features, func(m *pb.ModelProto) {
			m.Graph.Node = []*pb.NodeProto{{OpType: proto.String("X"), Domain: proto.String("evil")}}
		}), `operator domain "evil"`},
		{"external data missing", imageTree(t), model(t, pixels, features, func(m *pb.ModelProto) { m.Graph.Initializer = external("gone.bin") }), "gone.bin: no such file"},
		{"external data cut short", imageTree(t), func(f tree) {
			model(t, pixels, features, func(m *pb.ModelProto) { m.Graph.Initializer = external("w.bin") })(f)
			f["onnx/w.bin"] = []byte("1")
		}, "the file is too short"},
		{"external data not downloaded", imageTree(t), func(f tree) {
			model(t, pixels, features, func(m *pb.ModelProto) {
				m.Graph.Initializer = external("w.bin")
				m.Graph.Initializer[0].Dims = []int64{100}
			})(f)
			f["onnx/w.bin"] = []byte("version https://git-lfs.github.com/spec/v1\n")
		}, "w.bin: a pointer of Git LFS in place of the weights"},
		{"external data outside", imageTree(t), model(t, pixels, features, func(m *pb.ModelProto) { m.Graph.Initializer = external("../preprocessor_config.json") }), `".." element`},
		{"two inputs of pixels", imageTree(t), model(t, values(pixels[0], f32("q", 3, 224, 224)), features, nil), `this graph has: "p" FLOAT[N,3,224,224], "q"`},
		{"integers of 8 bits with a sign", imageTree(t), model(t, values(onnx.TensorValue("p", pb.TensorProto_INT8, dims(3, 224, 224)...)), features, nil), `an image backbone has one input FLOAT[batch,3,height,width]; this graph has: "p" INT8[N,3,224,224]`},
		{"channels last, another side", imageTree(t), model(t, values(f32("p", 256, 256, 3)), features, nil), "makes images of 3×224×224, nhwc"},
		{"another side", imageTree(t), model(t, values(f32("p", 3, 256, 256)), features, nil), "makes images of 3×224×224"},
		{"fixed batch", imageTree(t), model(t, values(onnx.TensorValue("p", pb.TensorProto_FLOAT, dims(4, 3, 224, 224)[1:]...)), features, nil), "fixes the batch size"},
		{"fixed batch of the output", imageTree(t), model(t, pixels, values(onnx.TensorValue("f", pb.TensorProto_FLOAT, dims(1, 8)[1:]...)), nil), `no node makes a tensor "f"`},
		{"git-annex pointer", imageTree(t), put("onnx/model.onnx", []byte("/annex/objects/MD5E-s123--d41d.onnx\n")), "onnx/model.onnx: a pointer of git-annex in place of the model"},
		{"a gzip archive", imageTree(t), put("onnx/model.onnx", []byte("\x1f\x8b\x08")), "onnx/model.onnx: a gzip archive in place of the model; unpack it"},
		{"a pointer as configuration", imageTree(t), put(pre, []byte("version https://git-lfs.github.com/spec/v1\n")), "preprocessor_config.json: a pointer of Git LFS in place of the file"},
		{"a page as configuration", imageTree(t), put("config.json", []byte("<html></html>")), "config.json: a web page in place of the file"},
		{"a page in place of the model", imageTree(t), func(f tree) { f["onnx/model.onnx"] = []byte("\n<!DOCTYPE html>") }, "a web page in place of the model"},
		{"a byte order mark", imageTree(t), func(f tree) { f["config.json"] = []byte("\uFEFF{}") }, "config.json: not JSON: it begins with a byte order mark"},
		{"no rank-2 output", imageTree(t), model(t, pixels, values(f32("map", 8, 7, 7)), nil), `nothing says how one of these is pooled: "map" FLOAT[N,8,7,7]`},
		{"several outputs", imageTree(t), model(t, pixels, values(f32("logits", 1000), f32("embeds", 8)), nil), `several outputs fit: "logits" FLOAT[N,1000], "embeds" FLOAT[N,8]`},
		{"length unknown", imageTree(t), model(t, pixels, values(f32("f", -1)), nil), `no node makes a tensor "f"`},
		{"length 0", imageTree(t), model(t, pixels, values(f32("f", 0)), nil), `no node makes a tensor "f"`},
	})
}

// tokenizer.json cuts the end off, and its configuration agrees with it.
func TestRefusesTokenizers(t *testing.T) {
	refused(t, []refusal{
		{"truncation aside", textTree(t), set(tok, "truncation", fields{"direction": "Up", "max_length": 3}), `truncation: direction "Up" is neither Left nor Right`},
		{"truncation of pairs", textTree(t), set(tok, "truncation", fields{"strategy": "OnlySecond", "max_length": 3}), "truncation: strategy: OnlySecond cuts no text that is alone"},
		{"truncation side", textTree(t), set(tokCfg, "truncation_side", "up"), `truncation_side: "up" is neither left nor right`},
		{"no token to put around texts", textTree(t), func(f tree) {
			f.set(tokCfg, "tokenizer_class", "LlamaTokenizer")
			f.set(tokCfg, "bos_token", nil)
		}, `bos_token "", which is put around texts, is no token of it`},
	})
}

// Something says how long a text may be.
func TestRefusesLengths(t *testing.T) {
	refused(t, []refusal{
		{"no length", textTree(t), func(f tree) { delete(f, tokCfg) }, "nothing says how long a text may be: sentence_bert_config.json has no max_seq_length, tokenizer_config.json no model_max_length"},
		{"no limit at all", textTree(t), func(f tree) { delete(f, cfg); f.set(tokCfg, "model_max_length", 1e30) }, "model_max_length: 1e+30 tokens; nothing says"},
		{"negative length", textTree(t), set(tokCfg, "model_max_length", -1), "model_max_length: -1 is not a number of tokens"},
		{"length over the positions", textTree(t), put("sentence_bert_config.json", fields{"max_seq_length": 513}), "max_seq_length: 513, but"},
		{"length 0 in sentence_bert_config", textTree(t), put("sentence_bert_config.json", fields{"max_seq_length": 0}), "max_seq_length: 0 is not a whole number"},
	})
}

// A tokenizer from before tokenizer.json is converted or refused by name.
func TestRefusesSlowTokenizers(t *testing.T) {
	older := func(file string, content []byte, class string) func(f tree) {
		return func(f tree) {
			delete(f, tok)
			f[file] = content
			f.set(tokCfg, "tokenizer_class", class)
		}
	}
	refused(t, []refusal{
		{"no tokenizer", textTree(t), func(f tree) { delete(f, tok) }, "tokenizer.json: the file is missing, which says how a text becomes the token ids"},
		{"class that is not converted", textTree(t), older("spm.model", []byte("x"), "XLNetTokenizer"), "spm.model is not converted here: it is that of a XLNetTokenizer"},
		{"class of other files", textTree(t), older("vocab.txt", []byte("[UNK]\n"), "RobertaTokenizer"), "vocab.txt is not converted here: it is that of a RobertaTokenizer"},
		{"no class", textTree(t), func(f tree) { delete(f, tok); f["vocab.txt"] = []byte("[UNK]\n") }, "neither tokenizer_config.json names a tokenizer_class nor config.json a model_type"},
		{"no special token", textTree(t), older("vocab.txt", []byte("[UNK]\n[SEP]\n"), "BertTokenizer"), `vocab.txt: there is no token "[CLS]", the cls_token`},
		{"no merges", textTree(t), func(f tree) {
			older("merges.txt", []byte("#version\na b c\n"), "GPT2Tokenizer")(f)
			f["vocab.json"] = fields{"a": 0}
		}, `merges.txt: merge 1 is "a b c", not two tokens`},
		{"ids that are none", textTree(t), func(f tree) {
			older("merges.txt", []byte("#version\n"), "GPT2Tokenizer")(f)
			f["vocab.json"] = fields{"a": "b"}
		}, "vocab.json: a: \"b\" is not the number of a token"},
		{"words that are not UTF-8", textTree(t), older("vocab.txt", []byte("[UNK]\n[CLS]\n[SEP]\n[PAD]\n[MASK]\na\xff\n"), "BertTokenizer"), "vocab.txt: it is not UTF-8"},
		{"merges that are not UTF-8", textTree(t), func(f tree) {
			older("merges.txt", []byte("#version\na \xff\n"), "GPT2Tokenizer")(f)
			f["vocab.json"] = fields{"a": 0}
		}, "merges.txt: it is not UTF-8"},
		{"pieces that are not UTF-8", textTree(t), older("spiece.model", []byte("\x0a\x03\x0a\x01\xff"), "T5Tokenizer"), "spiece.model: it is no SentencePiece model: piece 0 is not UTF-8"},
		{"no SentencePiece model", textTree(t), older("spiece.model", []byte("\x0a\xff"), "T5Tokenizer"), "spiece.model: it is no SentencePiece model"},
		{"pieces of words", textTree(t), older("spiece.model", []byte("\x0a\x03\x0a\x01a\x12\x02\x18\x03"), "T5Tokenizer"), "spiece.model is not converted here: it is a SentencePiece model neither of unigrams nor of byte pairs"},
		{"long pieces", textTree(t), older("spiece.model", longPieces(), "T5Tokenizer"), "its pieces are too long"},
		{"a token in two ways", textTree(t), func(f tree) {
			f.set(tok, "normalizer", fields{"type": "Lowercase"})
			f.set(tok, "added_tokens", []fields{{"id": 0, "content": "[UNK]", "single_word": false, "lstrip": false, "rstrip": false, "normalized": true, "special": false}})
			f.set(tokCfg, "added_tokens_decoder", fields{"0": fields{"content": "[UNK]", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true}})
		}, `added_tokens: token "[UNK]" is added twice, once to be looked for in the text and once in the normalised text`},
		{"added tokens that are none", textTree(t), set(tokCfg, "added_tokens_decoder", fields{"0": "x"}), `added_tokens_decoder: "0" is not the number of a token`},
		{"special tokens that are none", textTree(t), set(tokCfg, "bos_token", 3), `bos_token: 3 is no token`},
		{"older tokens that are none", textTree(t), func(f tree) { f["added_tokens.json"] = fields{"x": "y"} }, `added_tokens.json: x: "y" is not the number of a token`},
	})
}

// longPieces is a SentencePiece model of byte pairs with one piece of 64 KiB.
func longPieces() []byte {
	word := protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), bytes.Repeat([]byte("a"), 1<<16))
	return append(protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), word), "\x12\x02\x18\x02"...)
}

// FuzzPieces: whatever the bytes, a SentencePiece model is read or refused.
func FuzzPieces(f *testing.F) {
	f.Add([]byte("\x0a\x03\x0a\x01a\x12\x02\x18\x02"))
	f.Add([]byte("\x0a\x0a\x0a\x03abc\x15\x00\x00\x80\xbf\x1a\x04\x12\x02xy"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := readPieces(data)
		if err == nil && (len(p.list) == 0 || len(p.list) > len(data)) {
			t.Errorf("%d pieces of %d bytes", len(p.list), len(data))
		}
	})
}

// FuzzSafetensors: whatever the bytes, a tensor has as many values as its shape
// says, or is refused.
func FuzzSafetensors(f *testing.F) {
	file := func(header string, n int) []byte {
		return append(append([]byte{byte(len(header)), 0, 0, 0, 0, 0, 0, 0}, header...), make([]byte, n)...)
	}
	f.Add(file(`{"w":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}}`, 24))
	f.Add(file(`{"w":{"dtype":"BF16","shape":[2,3],"data_offsets":[2,14]}}`, 14))
	f.Add(file(`{"w":{"dtype":"F16","shape":[4611686018427387904,4],"data_offsets":[0,0]}}`, 0))
	f.Add(file(`{"w":{"dtype":"F64","shape":[1,1],"data_offsets":[8,0]}}`, 8))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := parseSafetensors("x", data)
		if err != nil {
			return
		}
		w, err := s.weights("w", -1, -1)
		if err != nil {
			return
		}
		if v, err := onnx.Floats(w); err != nil || int64(len(v)) != w.Dims[0]*w.Dims[1] {
			t.Errorf("%d values of shape %v: %v", len(v), w.Dims, err)
		}
	})
}

// The modules are a transformer, one pooling, and what is known to follow.
func TestRefusesModules(t *testing.T) {
	refused(t, []refusal{
		{"no modules.json", textTree(t), func(f tree) { delete(f, "modules.json") }, "modules.json is missing, which says how the token vectors of output \"last_hidden_state\" are pooled"},
		{"no pooling file", textTree(t), func(f tree) { delete(f, "1_Pooling/config.json") }, "1_Pooling/config.json: the file is missing"},
		{"no pooling module", textTree(t), func(f tree) { f["modules.json"] = f["modules.json"].([]fields)[:1] }, "no module of type Pooling"},
		{"dense module", textTree(t), func(f tree) {
			f["modules.json"] = append(f["modules.json"].([]fields), fields{"type": "sentence_transformers.models.Dense", "path": "2_Dense"})
		}, "2_Dense/config.json: the file is missing"},
		{"module that is not known", textTree(t), func(f tree) {
			f["modules.json"] = append(f["modules.json"].([]fields), fields{"type": "sentence_transformers.models.LSTM", "path": "2_LSTM"})
		}, "type: LSTM is not a module that is taken here; behind the first one are: Dense, Dropout, LayerNorm, Normalize, Pooling"},
		{"module of the folder's own", textTree(t), func(f tree) { f["modules.json"].([]fields)[0]["type"] = "custom_st.Transformer" },
			"type: custom_st.Transformer is code of the folder's own"},
		{"other first module", textTree(t), func(f tree) { f["modules.json"].([]fields)[0]["type"] = "sentence_transformers.models.BoW" }, "BoW comes first; taken are"},
		{"two pooling modules", textTree(t), func(f tree) {
			f["modules.json"] = append(f["modules.json"].([]fields), fields{"type": "sentence_transformers.models.Pooling", "path": "1_Pooling"})
		}, "Pooling as module 2 is the second one"},
		{"dense before the pooling", textTree(t), func(f tree) {
			l := f["modules.json"].([]fields)
			f["modules.json"] = []fields{l[0], {"type": "sentence_transformers.models.Dense", "path": "2_Dense"}, l[1]}
			f["2_Dense/config.json"] = fields{"in_features": 8, "out_features": 2}
		}, "Dense as module 1 stands before the pooling"},
		{"pickled weights", textTree(t), func(f tree) {
			f["modules.json"] = append(f["modules.json"].([]fields), fields{"type": "sentence_transformers.models.Dense", "path": "2_Dense"})
			f["2_Dense/config.json"] = fields{"in_features": 8, "out_features": 2}
			f["2_Dense/pytorch_model.bin"] = []byte("x")
		}, "2_Dense/pytorch_model.bin: the weights of the module are a pickle, which only Python reads"},
		{"weights of another shape", textTree(t), func(f tree) {
			f["modules.json"] = append(f["modules.json"].([]fields), fields{"type": "sentence_transformers.models.Dense", "path": "2_Dense"})
			f["2_Dense/config.json"] = fields{"in_features": 8, "out_features": 2}
			header := `{"linear.weight":{"dtype":"F32","shape":[2,7],"data_offsets":[0,56]}}`
			f["2_Dense/model.safetensors"] = append(append([]byte{byte(len(header)), 0, 0, 0, 0, 0, 0, 0}, header...), make([]byte, 56)...)
		}, `tensor "linear.weight" has shape [2 7], not [2 8]`},
		{"weights beyond the file", textTree(t), func(f tree) {
			f["modules.json"] = append(f["modules.json"].([]fields), fields{"type": "sentence_transformers.models.Dense", "path": "2_Dense"})
			f["2_Dense/config.json"] = fields{"in_features": 8, "out_features": 2}
			header := `{"linear.weight":{"dtype":"F32","shape":[2,8],"data_offsets":[0,64]}}`
			f["2_Dense/model.safetensors"] = append([]byte{byte(len(header)), 0, 0, 0, 0, 0, 0, 0}, header...)
		}, `tensor "linear.weight" lies at [0 64] of 0 bytes, and needs 64`},
		{"function that is not known", textTree(t), func(f tree) {
			f["modules.json"] = append(f["modules.json"].([]fields), fields{"type": "sentence_transformers.models.Dense", "path": "2_Dense"})
			f["2_Dense/config.json"] = fields{"in_features": 8, "out_features": 2, "activation_function": "my.Tanh"}
		}, "activation_function: my.Tanh is not known"},
		{"pooling outside", textTree(t), func(f tree) { f["modules.json"].([]fields)[1]["path"] = "../x" }, `path: "../x" is not a folder inside`},
		{"modules.json twice a key", textTree(t), put("modules.json", []byte(`[{"type":"a","type":"b"}]`)), "stands twice"},
		{"flag of a pooling", textTree(t), put("1_Pooling/config.json", fields{"pooling_mode_best_tokens": true}), "1_Pooling/config.json: pooling_mode_best_tokens: such a pooling is not known"},
		{"named pooling", textTree(t), put("1_Pooling/config.json", fields{"pooling_mode": []string{"mean", "best"}}), "pooling_mode: best is not known; there are cls"},
		{"no pooling", textTree(t), put("1_Pooling/config.json", fields{"pooling_mode_cls_token": false}), "no flag pooling_mode_… is true"},
		{"other length", textTree(t), put("1_Pooling/config.json", fields{"pooling_mode_cls_token": true, "word_embedding_dimension": 9}), "has 8 numbers for a token, but the pooling module says 9"},
		{"prompt missing", textTree(t), put("config_sentence_transformers.json", fields{"prompts": fields{}, "default_prompt_name": "q"}), "prompts: q: the field is missing"},
		{"prompt left out of pooling", textTree(t), func(f tree) {
			f["config_sentence_transformers.json"] = fields{"prompts": fields{"q": "query: "}, "default_prompt_name": "q"}
			f.set("1_Pooling/config.json", "include_prompt", false)
		}, "include_prompt is false, and nothing here counts the tokens of the prompt \"query: \""},
	})
}

// The graph of a text backbone takes ids and a mask, and gives token vectors.
func TestRefusesTextGraphs(t *testing.T) {
	hidden := values(f32("last_hidden_state", -1, 8))
	refused(t, []refusal{
		{"unknown input", textTree(t), model(t, append(textInputs(), i64("task_id", -1)), hidden, nil), `input "task_id" is nothing that a text has`},
		{"past without a contract", tree{"config.json": fields{"model_type": "gpt2"}}, model(t, append(textInputs(), f32("past_key_values.0.key", 2, -1, 4)), hidden, nil), "tokenizer.json: the file is missing"},
		{"past", textTree(t), model(t, append(textInputs(), f32("past_key_values.0.key", 2, -1, 4)), hidden, nil), `input "past_key_values.0.key": the graph continues a text`},
		{"no ids", textTree(t), model(t, textInputs()[1:], hidden, nil), `no input "input_ids"`},
		{"float ids", textTree(t), model(t, values(f32("input_ids", -1), i64("attention_mask", -1)), hidden, nil), `input "input_ids" is FLOAT[N,?], not INT64`},
		{"two fixed lengths", textTree(t), model(t, values(i64("input_ids", 128), i64("attention_mask", 64)), hidden, nil), "texts of 64 tokens and of 128"},
		{"fixed length of the output", textTree(t), model(t, textInputs(), values(f32("last_hidden_state", 128, 8)), nil), `no node makes a tensor "last_hidden_state"`},
		{"several token vectors", textTree(t), model(t, textInputs(), values(f32("a", -1, 8), f32("b", -1, 8)), nil), "which of them holds the token vectors"},
		{"no token vectors", textTree(t), model(t, textInputs(), values(f32("logits", 8)), nil), "no output is FLOAT[batch,tokens,length]"},
	})
}

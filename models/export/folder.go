package export

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/onnx/layer"
)

// Layouts of a folder: where the model lies in it.
const (
	Hub  = "hub"  // onnx/model.onnx, as on the Hugging Face Hub
	Flat = "flat" // model.onnx
)

// Layouts lists them, the default first.
var Layouts = []string{Hub, Flat}

// Folder describes the folder around a model.
type Folder struct {
	Layout   string // "": Hub
	Fed      *Fed   // how the model is fed; see Serve
	Link     layer.Link
	Classes  []string
	External bool // weights are in a file beside the model
	// Config is config.json of the backbone, nil if there is none.
	Config []byte
	// Texts are files that travel with the backbone's weights, such as LICENSE
	// and NOTICE, by name.
	Texts map[string][]byte
	Pad   Token // of a text, what rows are filled up with
	Card  Card
	// Branches are several heads, of which Link and Classes are those of the
	// first; nil: there is one.
	Branches []BranchCard
	// Pooled is set for an embedding model, whose Link is Vectors.
	Pooled *Pooled
}

// Token is a token of a tokenizer.
type Token struct {
	Text string
	ID   int
}

// modelFile is where the model lies.
func (f *Folder) modelFile() string {
	if f.Layout == Flat {
		return ModelFile
	}
	return path.Join("onnx", ModelFile)
}

// kinds are the model types of the Hugging Face libraries that transformers and
// transformers.js both load a classifier of, with what its class is called;
// the first one stands for all others.
var kinds = map[models.Modality][]struct{ kind, name string }{
	models.Text: {
		{"bert", "Bert"}, {"albert", "Albert"}, {"camembert", "Camembert"}, {"convbert", "ConvBert"}, {"deberta", "Deberta"}, {"deberta-v2", "DebertaV2"},
		{"distilbert", "DistilBert"}, {"electra", "Electra"}, {"esm", "Esm"}, {"mobilebert", "MobileBert"}, {"modernbert", "ModernBert"}, {"mpnet", "MPNet"},
		{"roberta", "Roberta"}, {"roformer", "RoFormer"}, {"squeezebert", "SqueezeBert"}, {"xlm", "XLM"}, {"xlm-roberta", "XLMRoberta"},
	},
	models.Image: {
		{"vit", "ViT"}, {"beit", "Beit"}, {"convnext", "ConvNext"}, {"convnextv2", "ConvNextV2"}, {"deit", "DeiT"}, {"dinov2", "Dinov2"}, {"efficientnet", "EfficientNet"},
		{"mobilenet_v1", "MobileNetV1"}, {"mobilenet_v2", "MobileNetV2"}, {"mobilevit", "MobileViT"}, {"resnet", "ResNet"}, {"segformer", "Segformer"}, {"swin", "Swin"},
	},
}

// problems are the words of problem_type.
var problems = map[layer.Link]string{
	layer.Softmax: "single_label_classification", layer.Cumulative: "single_label_classification", layer.Sigmoid: "multi_label_classification", layer.Identity: "regression",
}

// fields are members of a JSON object, in their order.
type fields []struct {
	name  string
	value any
}

// add adds a member.
func (o *fields) add(name string, value any) {
	*o = append(*o, struct {
		name  string
		value any
	}{name, value})
}

// MarshalJSON writes the members in their order.
func (o fields) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, f := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(f.name)
		if err != nil {
			return nil, err
		}
		value, err := plain(f.value)
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// plain writes JSON with < and > as they are.
func plain(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSpace(b.Bytes()), err
}

// pretty writes a JSON file.
func pretty(v any) ([]byte, error) {
	data, err := plain(v)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := json.Indent(&b, data, "", "  "); err != nil {
		return nil, err
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}

// Files returns the files around the model, by their paths in the folder.
func (f *Folder) Files() (map[string][]byte, error) {
	all := make(map[string][]byte)
	for name, text := range f.Texts {
		all[name] = text
	}
	var err error
	put := func(name string, v any) {
		if err == nil {
			all[name], err = pretty(v)
		}
	}
	put("config.json", f.config())
	switch c := f.Fed.Contract.(type) {
	case *models.TextSpec:
		tokenizer, terr := f.tokenizer(c)
		if terr != nil {
			return nil, fmt.Errorf("export: tokenizer.json: %w", terr)
		}
		tokens := f.specialTokens(c)
		put("tokenizer.json", tokenizer)
		put("special_tokens_map.json", tokens)
		put("tokenizer_config.json", f.tokenizerConfig(c, tokens))
		if f.Pooled != nil && f.Pooled.known() {
			f.sentenceFiles(put, c)
		}
	case *models.ImageSpec:
		if p, _ := processor(c); p != nil && !c.Inside {
			put("preprocessor_config.json", p)
		}
	case *models.NumbersSpec:
		put("backbone.json", fields{{"modality", models.Numbers}, {"shape", c.Shape}})
	}
	if err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	all["README.md"] = f.readme()
	return all, nil
}

// config is config.json.
func (f *Folder) config() fields {
	var of struct {
		Kind      string `json:"model_type"`
		Positions *int   `json:"max_position_embeddings"`
		Vocab     *int   `json:"vocab_size"`
		Hidden    *int   `json:"hidden_size"`
	}
	if json.Unmarshal(f.Config, &of) != nil { // it has other types: what is read of it is that of nobody
		of.Kind, of.Positions, of.Vocab, of.Hidden = "", nil, nil, nil
	}
	var o fields
	if list := kinds[f.Fed.Modality]; list != nil && !f.Fed.inside() {
		kind := list[0]
		for _, k := range list {
			if k.kind == of.Kind {
				kind = k
			}
		}
		class := kind.name + "ForImageClassification"
		if f.Fed.Modality == models.Text {
			class = kind.name + "ForSequenceClassification"
		}
		if f.Pooled != nil {
			class = kind.name + "Model"
		}
		o.add("model_type", kind.kind)
		o.add("architectures", []string{class})
	}
	if f.Pooled == nil {
		var names, numbers fields
		for i, class := range f.Classes {
			names.add(fmt.Sprint(i), class)
			numbers.add(class, i)
		}
		o.add("id2label", names)
		o.add("label2id", numbers)
		o.add("problem_type", problems[f.Link])
	}
	if c, ok := f.Fed.Contract.(*models.TextSpec); ok {
		positions := c.MaxLen
		if of.Positions != nil {
			positions = *of.Positions
		}
		o.add("max_position_embeddings", positions)
		o.add("pad_token_id", f.Pad.ID)
		if of.Vocab != nil {
			o.add("vocab_size", *of.Vocab)
		}
		if of.Hidden != nil {
			o.add("hidden_size", *of.Hidden)
		}
	}
	if f.Fed.inside() {
		return o
	}
	js := fields{{"dtype", "fp32"}}
	if f.External {
		js.add("use_external_data_format", true)
	}
	o.add("transformers.js_config", js)
	return o
}

// tokenizer is tokenizer.json with the length that the backbone has, and no
// padding of its own.
func (f *Folder) tokenizer(c *models.TextSpec) (fields, error) {
	var have map[string]json.RawMessage
	if err := json.Unmarshal(c.Tokenizer, &have); err != nil {
		return nil, err
	}
	direction := "Right"
	if c.Truncation == "left" {
		direction = "Left"
	}
	cut := fields{{"direction", direction}, {"max_length", c.MaxLen}, {"strategy", "LongestFirst"}, {"stride", 0}}
	o := fields{{"version", "1.0"}, {"truncation", cut}, {"padding", nil}}
	if c.Lowercase {
		lower := fields{{"type", "Lowercase"}}
		normalizer := any(lower)
		if old := have["normalizer"]; len(old) > 0 && string(old) != "null" {
			normalizer = fields{{"type", "Sequence"}, {"normalizers", []any{lower, old}}}
		}
		o.add("normalizer", normalizer)
	}
	known := map[string]bool{"version": have["version"] == nil, "truncation": true, "padding": true, "normalizer": c.Lowercase}
	if have["version"] != nil {
		o[0].value, known["version"] = have["version"], true
	}
	var names []string
	for name := range have {
		if !known[name] {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		o.add(name, have[name])
	}
	return o, nil
}

// special are tokens by what they are for, as the families call them.
var special = fields{
	{"unk_token", []string{"[UNK]", "<unk>", "<|endoftext|>"}}, {"cls_token", []string{"[CLS]", "<s>", "<cls>"}}, {"sep_token", []string{"[SEP]", "</s>", "<sep>"}},
	{"mask_token", []string{"[MASK]", "<mask>"}},
}

// specialTokens are those of the tokenizer that are known by name, and the one
// that rows are filled up with.
func (f *Folder) specialTokens(c *models.TextSpec) fields {
	var have struct {
		Added []struct {
			Content string `json:"content"`
			Special bool   `json:"special"`
		} `json:"added_tokens"`
	}
	tokens := fields{{"pad_token", f.Pad.Text}}
	if json.Unmarshal(c.Tokenizer, &have) != nil {
		return tokens
	}
	for _, s := range special {
		for _, t := range have.Added {
			if t.Special && slices.Contains(s.value.([]string), t.Content) && t.Content != f.Pad.Text {
				tokens.add(s.name, t.Content)
				break
			}
		}
	}
	return tokens
}

// tokenizerConfig is tokenizer_config.json. Of the class that it names
// transformers takes tokenizer.json as it is.
func (f *Folder) tokenizerConfig(c *models.TextSpec, tokens fields) fields {
	padding := "right"
	if c.Padding != "" {
		padding = c.Padding
	}
	var inputs []string
	for _, in := range f.Fed.Inputs {
		inputs = append(inputs, in.Name)
	}
	o := fields{
		{"tokenizer_class", "PreTrainedTokenizerFast"}, {"model_max_length", c.MaxLen}, {"padding_side", padding}, {"truncation_side", c.Truncation},
		{"model_input_names", inputs}, {"clean_up_tokenization_spaces", false},
	}
	return append(o, tokens...)
}

// filters are the numbers of resample.
var filters = map[string]int{"nearest": 0, "lanczos": 1, "bilinear": 2, "bicubic": 3, "box": 4, "hamming": 5}

// processor is preprocessor_config.json, nil where no processor of the clients
// makes such images, and why.
func processor(c *models.ImageSpec) (o fields, why string) {
	type object = map[string]int
	var size object
	switch r := c.Resize; {
	case r.Mode == "short" && r.Longest == 0:
		size = object{"shortest_edge": r.Width}
	case r.Mode == "exact":
		size = object{"height": r.Height, "width": r.Width}
	case r.Mode == "none":
	default:
		return nil, fmt.Sprintf("images are resized to %d×%d in the mode %q", r.Width, r.Height, r.Mode)
	}
	if c.Crop.Fill != [3]uint8{} {
		return nil, "a smaller image is laid on a ground that is not black"
	}
	var mean, std []float64
	for i := range c.Mean {
		// What is added to levels is taken off the mean, and a second division
		// by the standard deviation is one by its square.
		mean, std = append(mean, c.Mean[i]-c.Offset), append(std, c.Std[i])
		if c.StdTwice {
			std[i] *= c.Std[i]
		}
	}
	resample, known := filters[c.Resize.Filter]
	if size == nil {
		resample = filters["bicubic"] // nothing is resized
	} else if !known {
		return nil, fmt.Sprintf("images are resized by the filter %q", c.Resize.Filter)
	}
	o = fields{{"image_processor_type", "CLIPImageProcessor"}, {"do_convert_rgb", true}, {"do_resize", size != nil}}
	if size != nil {
		o.add("size", size)
	}
	o.add("resample", resample)
	o.add("do_center_crop", c.Crop.Width > 0)
	if c.Crop.Width > 0 {
		o.add("crop_size", object{"height": c.Crop.Height, "width": c.Crop.Width})
	}
	o.add("do_rescale", true)
	o.add("rescale_factor", c.Rescale)
	o.add("do_normalize", true)
	o.add("image_mean", mean)
	o.add("image_std", std)
	return o, ""
}

// licenceName is how the Hub writes an SPDX identifier.
func licenceName(spdx string) string { return strings.ToLower(strings.TrimSpace(spdx)) }

// sorted returns the names of files.
func sorted(files map[string][]byte) []string { return slices.Sorted(maps.Keys(files)) }

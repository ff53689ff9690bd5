package export

import (
	"bytes"
	"cmp"
	"fmt"
	"strings"

	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/onnx/layer"
)

// Card is what the model card says that the folder does not know.
type Card struct {
	Title    string
	Backbone string // its name
	Source   string // where its weights come from, "" if it is not known
	Licence  string // of its weights: an SPDX identifier, or a word
	Command  string // that made the folder
	Training string // the command that trained the head, "" if it is not known
	Data     string // what it was trained on, in words; "" if it is not known
	Figures  string // how well it does, as text in columns; "" if it is not known
	Unsure   bool   // the head has thresholds
	Created  string // date of the head, "" if it is not known
	// Precision is how weights are stored, "" if as the backbone stores them;
	// Rounding says what that changes, "" if nothing.
	Precision, Rounding string
}

// readme is README.md, the model card, in the form of the Hugging Face Hub.
func (f *Folder) readme() []byte {
	var b bytes.Buffer
	say := func(format string, a ...any) { fmt.Fprintf(&b, format+"\n", a...) }
	c := &f.Card
	say("---")
	if all := strings.Split(c.Licence, " AND "); len(all) > 1 {
		say("license:")
		for _, name := range all {
			say("- %s", yaml(licenceName(name)))
		}
	} else {
		say("license: %s", yaml(licenceName(c.Licence)))
	}
	if task := f.task(); task != "" {
		say("pipeline_tag: %s", task)
	}
	if base, ok := strings.CutPrefix(c.Source, "https://huggingface.co/"); ok {
		say("base_model: %s", yaml(base))
	}
	if f.Pooled != nil && f.Pooled.known() {
		say("library_name: sentence-transformers")
	}
	say("tags:\n- onnx\n- headstart")
	say("---\n")
	say("# %s\n", c.Title)
	if f.Pooled != nil {
		length := ""
		if f.Pooled.Normalize {
			length = " of length 1"
		}
		say("An embedding model: the backbone %s with its pooling, %s, as one ONNX model, exported by [headstart](https://github.com/headstart-ml/headstart). It makes a vector of %d numbers%s of each of its %s.\n", c.Backbone, f.Pooled.Pooling, f.Pooled.Dim, length, f.Fed.Modality.Plural())
	} else {
		if len(f.Branches) > 1 {
			f.branches(say)
		} else {
			say("A frozen backbone, %s, with a head that was trained on its embeddings by [headstart](https://github.com/headstart-ml/headstart), as one ONNX model. It answers %s: %s.\n", c.Backbone, f.answers(), f.names())
		}
	}
	if c.Figures != "" {
		say("## How well it does\n")
		say("```\n%s\n```\n", strings.TrimRight(c.Figures, "\n"))
	}
	say("## How to use it\n")
	say("In a folder that has this one as `%s`:\n", c.Title)
	if f.Pooled != nil {
		f.embeddingUse(&b)
	} else {
		say("```sh\nheadstart predict %s %s\n```\n", word(c.Title), map[models.Modality]string{models.Text: "--sample 'some text'", models.Image: "photo.jpg", models.Numbers: "rows.npy"}[f.Fed.Modality])
		f.snippets(&b)
	}
	say("## What clients cannot express\n")
	for _, client := range f.Clients(c.Title) {
		if client.Note != "" {
			say("- **%s**: %s", client.Name, client.Note)
		}
	}
	say("\n## How it was made\n")
	say("```sh")
	if c.Training != "" {
		say("%s", c.Training)
	}
	say("%s\n```\n", c.Command)
	if c.Data != "" {
		say("The head was trained on %s.", c.Data)
	}
	but := ""
	if c.Rounding != "" || len(f.Branches) > 1 && f.Branches[0].Rounding != "" {
		but = ", but for what rounding the weights to " + c.Precision + " does"
	}
	if f.Pooled != nil {
		say("`metadata_props` of the model has input contract and provenance under names that begin with `headstart.`. It was compared with the backbone before it was written; embeddings differed by less than %g of their length%s.\n", Tolerance, but)
	} else {
		say("`metadata_props` of the model has classes, temperature, input contract, provenance and figures under names that begin with `headstart.`. It was compared with backbone and head before it was written; probabilities differed by less than %g%s.\n", f.Fed.tolerance(), but)
	}
	if c.Rounding != "" {
		say("%s.\n", strings.ToUpper(c.Rounding[:1])+c.Rounding[1:])
	}
	for _, b := range f.Branches {
		if b.Rounding != "" {
			say("%s: %s.\n", b.Name, b.Rounding)
		}
	}
	say("## Limits\n")
	if f.Pooled != nil {
		say("Its embeddings are those of the backbone, whose limits it has.\n")
	} else {
		say("It knows what its training data showed, and answers for anything else too: %s. Figures hold for samples like those that it was measured on.\n", f.otherwise())
	}
	say("## Licence\n")
	say("The model is a derivative of the weights of %s, whose licence is %s; it travels with them.", c.Backbone, c.Licence)
	if c.Source != "" {
		say("They come from %s.", c.Source)
	}
	if names := f.licenceFiles(); names != "" {
		say("See %s.", names)
	} else {
		say("Its text did not lie beside them.")
	}
	return b.Bytes()
}

// branches says what several heads answer, and by which outputs.
func (f *Folder) branches(say func(format string, a ...any)) {
	say("A frozen backbone, %s, with %d heads that were trained on its embeddings by [headstart](https://github.com/headstart-ml/headstart), as one ONNX model: one pass of the backbone serves all.\n", f.Card.Backbone, len(f.Branches))
	say("| head | answers | outputs |\n|---|---|---|")
	for i, b := range f.Branches {
		var outputs []string
		for _, name := range OutputsOf(b.Link) {
			outputs = append(outputs, "`"+b.Name+"_"+name+"`")
		}
		if i == 0 {
			outputs = append(outputs, "and the same without the name, which clients take")
		}
		one := Folder{Link: b.Link, Classes: b.Classes}
		say("| %s | %s: %s | %s |", b.Name, one.answers(), strings.ReplaceAll(one.names(), "|", "\\|"), strings.Join(outputs, ", "))
	}
	say("")
}

// yaml writes a scalar.
func yaml(s string) string {
	if s == "" || strings.ContainsAny(s, ":#{}[]&*!|>'\"%@`,\n") || strings.TrimSpace(s) != s {
		return fmt.Sprintf("%q", s)
	}
	return s
}

// task is the word of the Hub for what the model does, "" if it has none.
func (f *Folder) task() string {
	if f.Pooled != nil {
		return map[models.Modality]string{models.Text: "feature-extraction", models.Image: "image-feature-extraction"}[f.Fed.Modality]
	}
	switch f.Fed.Modality {
	case models.Text:
		return "text-classification"
	case models.Image:
		return "image-classification"
	}
	return ""
}

// answers says what is answered.
func (f *Folder) answers() string {
	switch f.Link {
	case layer.Sigmoid:
		return "with any of several labels"
	case layer.Identity:
		return "with numbers"
	case layer.Cumulative:
		return "with one of several grades, from the lowest to the highest"
	}
	return "with one of several classes"
}

// otherwise says what is answered for a sample unlike those of the training.
func (f *Folder) otherwise() string {
	switch f.Link {
	case layer.Sigmoid:
		return "a sample to which none of its labels applies may get some"
	case layer.Identity:
		return "a sample of another kind gets numbers all the same"
	case layer.Cumulative:
		return "a sample that has no grade gets one of them"
	}
	return "a sample of none of its classes gets one of them"
}

// names lists the classes, the first of many.
func (f *Folder) names() string {
	const most = 20
	var all []string
	for i, name := range f.Classes {
		if i == most {
			return fmt.Sprintf("%s and %d more", strings.Join(all, ", "), len(f.Classes)-most)
		}
		all = append(all, "`"+strings.ReplaceAll(name, "`", "'")+"`")
	}
	return strings.Join(all, ", ")
}

// licenceFiles links the files that travel along.
func (f *Folder) licenceFiles() string {
	var all []string
	for _, name := range sorted(f.Texts) {
		all = append(all, fmt.Sprintf("[%s](%s)", name, name))
	}
	return strings.Join(all, " and ")
}

// snippets are programs that load the folder.
func (f *Folder) snippets(b *bytes.Buffer) {
	if f.Fed.inside() {
		f.pixelSnippets(b)
		return
	}
	show := func(what, language string, lines ...string) {
		fmt.Fprintf(b, "%s:\n\n```%s\n%s\n```\n\n", what, language, strings.Join(lines, "\n"))
	}
	title, model := literal(f.Card.Title), literal(f.Card.Title+"/"+f.modelFile())
	alone := []string{"import numpy as np, onnxruntime", "model = onnxruntime.InferenceSession(" + model + ")"}
	const answer = "print(dict(zip((o.name for o in model.get_outputs()), model.run(None, fed))))"
	sample := literal("some text")
	switch f.Fed.Modality {
	case models.Numbers:
		show("Python, `pip install onnxruntime numpy`", "python", append(alone,
			`fed = {model.get_inputs()[0].name: np.load("rows.npy").astype("float32")}`, answer)...)
		return
	case models.Image:
		sample = literal("photo.jpg")
		if p, _ := processor(f.Fed.Contract.(*models.ImageSpec)); p == nil {
			show("Python with ONNX Runtime alone, `pip install onnxruntime numpy`, of the tensors that `headstart preprocess --backbone "+word(f.Card.Title)+" --out tensors photo.jpg` writes", "python", append(alone,
				`fed = {"pixel_values": np.load("tensors/photo.jpg.npz")["pixel_values"]}`, answer)...)
			return
		}
	}
	encode := ""
	if c, ok := f.Fed.Contract.(*models.TextSpec); ok {
		sample = literal(c.Prefix + "some text")
		if c.Length > 0 {
			encode = fmt.Sprintf("tokenizer.enable_padding(length=%d, pad_id=%d, pad_token=%s, direction=%s)", c.Length, f.Pad.ID, literal(f.Pad.Text), literal(cmp.Or(c.Padding, "right")))
		}
	}
	options := ""
	if f.Layout == Flat {
		options = `, { subfolder: "" }`
	}
	show("JavaScript, `npm install --ignore-scripts @huggingface/transformers`", "js",
		`import { env, pipeline } from "@huggingface/transformers";`, `env.localModelPath = "./";`, "env.allowRemoteModels = false;",
		"const classify = await pipeline("+literal(f.task())+", "+title+options+");", "console.log(await classify("+sample+", { top_k: null }));")
	if f.Fed.Modality == models.Image {
		show("Python, `pip install \"optimum-onnx[onnxruntime]\" pillow`", "python",
			"from optimum.onnxruntime import ORTModelForImageClassification", "from transformers import AutoImageProcessor, pipeline", "folder = "+title,
			"model = ORTModelForImageClassification.from_pretrained(folder)", "processor = AutoImageProcessor.from_pretrained(folder, use_fast=False)",
			`classify = pipeline("image-classification", model=model, image_processor=processor)`, "print(classify("+sample+"))")
		return
	}
	show("Python, `pip install \"optimum-onnx[onnxruntime]\"`", "python",
		"from optimum.onnxruntime import ORTModelForSequenceClassification", "from transformers import AutoTokenizer, pipeline", "folder = "+title,
		"model = ORTModelForSequenceClassification.from_pretrained(folder)", "tokenizer = AutoTokenizer.from_pretrained(folder)",
		`classify = pipeline("text-classification", model=model, tokenizer=tokenizer, top_k=None, truncation=True)`, "print(classify("+sample+"))")
	program := []string{"import numpy as np, onnxruntime, tokenizers", alone[1], "tokenizer = tokenizers.Tokenizer.from_file(" + literal(f.Card.Title+"/tokenizer.json") + ")"}
	if encode != "" {
		program = append(program, encode)
	}
	show("Python with ONNX Runtime alone, `pip install onnxruntime tokenizers numpy`", "python", append(program,
		"tokens = tokenizer.encode("+sample+")",
		`fed = {"input_ids": tokens.ids, "attention_mask": tokens.attention_mask, "token_type_ids": tokens.type_ids}`,
		"fed = {i.name: np.array([fed[i.name]]) for i in model.get_inputs()}", answer)...)
}

package export

import (
	"bytes"
	"fmt"

	"github.com/headstart-ml/headstart/models"
)

// embeddingClients says how the folder of an embedding model is loaded.
func (f *Folder) embeddingClients(dir string) []Client {
	output := EmbeddingOutputs(f.Fed.Modality)
	own := Client{Name: "headstart", Load: "headstart extract --backbone " + word(dir) + " SOURCE"}
	runtime := Client{Name: "onnxruntime", Load: "onnxruntime.InferenceSession(" + literal(dir+"/"+f.modelFile()) + ")", Note: "takes tensors: texts are tokenised, images resized before; " + output[len(output)-1] + " is the embedding"}
	js, python, hugot := Client{Name: "transformers.js"}, Client{Name: "optimum"}, Client{Name: "hugot"}
	sentences := Client{Name: "sentence-transformers"}
	options := ""
	if f.Layout == Flat {
		options = `, { subfolder: "" }`
	}
	switch c := f.Fed.Contract.(type) {
	case *models.TextSpec:
		js.Load = `await pipeline("feature-extraction", ` + literal(dir) + options + ")"
		hugot.Load = "ModelPath: " + literal(dir)
		if f.Layout != Flat {
			hugot.Load = ""
			hugot.note("finds no model below onnx/; --layout flat writes it beside the other files")
		}
		if f.Pooled.Tokens {
			python.Load = "ORTModelForFeatureExtraction.from_pretrained(" + literal(dir) + ")"
			python.note("gives vectors of tokens, which are still to be pooled")
			hugot.note("pools by the mean; take the output " + Sentence + " by its name")
		} else {
			js.Load, python.Load, hugot.Load = "", "", ""
			for _, client := range []*Client{&js, &python, &hugot} {
				client.note("looks for " + Tokens + ", and this backbone gives no vectors of tokens that its embedding is pooled of; onnxruntime takes " + Sentence)
			}
		}
		switch {
		case f.Pooled.known():
			sentences.Load = "SentenceTransformer(" + literal(dir) + `, backend="onnx")`
		case f.Pooled.Tokens:
			sentences.note(fmt.Sprintf("has no pooling %q, so that there is no modules.json", f.Pooled.Pooling))
		default:
			sentences.note("pools vectors of tokens, which this backbone does not give")
		}
		if f.Pooled.Tokens {
			if how := f.jsPooling(); how != "" {
				js.note("call it with " + how)
			} else {
				js.note(fmt.Sprintf("its pipeline has no pooling %q; call model(...) and take %s", f.Pooled.Pooling, Sentence))
			}
		}
		f.textNotes(c, []*Client{&js, &python, &hugot})
		if c.Prefix != "" && sentences.Load != "" {
			sentences.note(fmt.Sprintf("puts %q before each text by itself", c.Prefix))
		}
	case *models.ImageSpec:
		js.Load = `await pipeline("image-feature-extraction", ` + literal(dir) + options + ")"
		f.imageNotes(c, []*Client{&js})
		python.note("has no class for embeddings of images; take the processor and onnxruntime")
		hugot.note("has no pipeline for embeddings of images")
		sentences.note("has none for images of this kind")
	default:
		runtime.Note = ""
		for _, client := range []*Client{&js, &python, &hugot, &sentences} {
			client.note("has no pipeline for numbers; onnxruntime takes them as they are")
		}
	}
	for _, client := range []*Client{&runtime, &js, &python, &sentences, &hugot} {
		switch {
		case f.Fed.Single:
			client.note("give it one sample at a time, as the graph is of one")
		case f.Fed.Dependent:
			client.note("give it one sample at a time, as the graph computes over its batch")
		}
	}
	return []Client{own, runtime, js, python, sentences, hugot}
}

// jsPooling are the options with which the pipeline of transformers.js pools,
// "" if it cannot.
func (f *Folder) jsPooling() string {
	how := map[string]string{"mean": "mean", "cls": "cls", "last": "last_token"}[f.Pooled.Pooling]
	if how == "" {
		return ""
	}
	return fmt.Sprintf("{ pooling: '%s', normalize: %t }", how, f.Pooled.Normalize)
}

// embeddingUse writes how an embedding model is used into a model card.
func (f *Folder) embeddingUse(b *bytes.Buffer) {
	title, model := literal(f.Card.Title), literal(f.Card.Title+"/"+f.modelFile())
	source := map[models.Modality]string{models.Text: "--text COL texts.csv", models.Image: "photos/", models.Numbers: "rows.npy"}[f.Fed.Modality]
	fmt.Fprintf(b, "```sh\nheadstart extract --backbone %s %s\n```\n\n", word(f.Card.Title), source)
	load := ""
	if f.Layout == Flat {
		load = `, { subfolder: "" }`
	}
	js := func(task, sample, call string) {
		fmt.Fprintf(b, "JavaScript, `npm install --ignore-scripts @huggingface/transformers`:\n\n```js\nimport { env, pipeline } from \"@huggingface/transformers\";\nenv.localModelPath = \"./\";\nenv.allowRemoteModels = false;\nconst embed = await pipeline(%s, %s%s);\nconsole.log((await embed(%s%s)).tolist());\n```\n\n", literal(task), title, load, literal(sample), call)
	}
	prefix := ""
	switch c := f.Fed.Contract.(type) {
	case *models.TextSpec:
		prefix = c.Prefix
		if f.Pooled.known() {
			fmt.Fprintf(b, "Python, `pip install \"sentence-transformers[onnx]\"`:\n\n```python\nfrom sentence_transformers import SentenceTransformer\nmodel = SentenceTransformer(%s, backend=\"onnx\")\nprint(model.encode([\"some text\", \"another one\"]))\n```\n\n", title)
		}
		if how := f.jsPooling(); how != "" && f.Pooled.Tokens {
			js("feature-extraction", prefix+"some text", ", "+how)
		}
		fmt.Fprintf(b, "Python with ONNX Runtime alone, `pip install onnxruntime tokenizers numpy`:\n\n```python\nimport numpy as np, onnxruntime, tokenizers\nmodel = onnxruntime.InferenceSession(%s)\ntokens = tokenizers.Tokenizer.from_file(%s).encode(%s)\nfed = {\"input_ids\": tokens.ids, \"attention_mask\": tokens.attention_mask, \"token_type_ids\": tokens.type_ids}\nfed = {i.name: np.array([fed[i.name]]) for i in model.get_inputs()}\nprint(model.run([%q], fed))\n```\n\n", model, literal(f.Card.Title+"/tokenizer.json"), literal(prefix+"some text"), Sentence)
	case *models.ImageSpec:
		if p, _ := processor(c); p != nil {
			js("image-feature-extraction", "photo.jpg", "")
		}
	default:
		fmt.Fprintf(b, "Python, `pip install onnxruntime numpy`:\n\n```python\nimport numpy as np, onnxruntime\nmodel = onnxruntime.InferenceSession(%s)\nrows = np.load(\"rows.npy\").astype(\"float32\")\nprint(model.run(None, {model.get_inputs()[0].name: rows}))\n```\n\n", model)
	}
}

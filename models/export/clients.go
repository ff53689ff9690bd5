package export

import (
	"fmt"
	"strings"

	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/onnx/layer"
)

// Client is a program, or a library, that loads a folder.
type Client struct {
	Name string `json:"name"`
	Load string `json:"load"` // a line that loads it, "" if it cannot
	Note string `json:"note"` // what it cannot express or does in another way, "" if nothing
}

// unsureNote is of a client that knows nothing of thresholds.
const unsureNote = "answers always: what the head is unsure of is not told (headstart.reject and headstart.thresholds in the metadata of the model)"

// Clients says how the folder dir is loaded, in a line for each client, and
// what that client does not do of all that the head does.
func (f *Folder) Clients(dir string) []Client {
	if f.Pooled != nil {
		return f.embeddingClients(dir)
	}
	if f.Fed.inside() {
		return f.pixelClients(dir)
	}
	own := Client{Name: "headstart", Load: "headstart predict " + word(dir) + " SOURCE"}
	runtime := Client{Name: "onnxruntime", Load: "onnxruntime.InferenceSession(" + literal(dir+"/"+f.modelFile()) + ")", Note: "takes tensors: texts are tokenised, images resized before"}
	if f.Fed.Modality == models.Numbers {
		runtime.Note = ""
		none := "has no pipeline for numbers; onnxruntime takes them as they are"
		if len(f.Branches) > 1 {
			f.branchNotes(&own, &runtime, nil)
		}
		return []Client{own, runtime, {"transformers.js", "", none}, {"optimum", "", none}, {"hugot", "", none}}
	}
	task, class := "text-classification", "ORTModelForSequenceClassification"
	if f.Fed.Modality == models.Image {
		task, class = "image-classification", "ORTModelForImageClassification"
	}
	js := Client{Name: "transformers.js", Load: "await pipeline(" + literal(task) + ", " + literal(dir) + ")"}
	if f.Layout == Flat {
		js.Load = "await pipeline(" + literal(task) + ", " + literal(dir) + `, { subfolder: "" })`
	}
	python := Client{Name: "optimum", Load: class + ".from_pretrained(" + literal(dir) + ")"}
	hugot := Client{Name: "hugot", Load: "ModelPath: " + literal(dir)}
	if f.Layout != Flat {
		hugot.Load = ""
		hugot.note("finds no model below onnx/; --layout flat writes it beside the other files")
	}
	all := []*Client{&js, &python, &hugot}
	switch f.Link {
	case layer.Sigmoid:
		if f.Fed.Modality == models.Image {
			js.note("its pipeline takes a softmax of the logits, which several labels do not have; call model(...) and take sigmoid of the logits, or probabilities")
			hugot.note("gives probabilities as they are")
		} else {
			hugot.note("pass WithSigmoid() and WithMultiLabel()")
		}
	case layer.Identity:
		js.note("its pipeline takes a softmax, which makes 1 of a single number; call model(...) and take logits, which are the number")
		if f.Fed.Modality == models.Image {
			python.note("the pipeline for images takes a sigmoid of the number; call the model and take logits")
		} else if len(f.Classes) > 1 {
			python.note("call the model and take logits, which are the numbers; the pipeline names the largest one")
		}
		hugot.note("its classifiers take a softmax or a sigmoid of the number; take output 0 by yourself")
	default:
		if f.Fed.Modality == models.Text {
			hugot.note("pass WithSoftmax(): without it the sigmoid is taken")
		}
	}
	switch c := f.Fed.Contract.(type) {
	case *models.ImageSpec:
		f.imageNotes(c, all)
	case *models.TextSpec:
		f.textNotes(c, all)
	}
	for _, c := range append(all, &runtime) {
		switch {
		case f.Fed.Single:
			c.note("give it one sample at a time, as the graph is of one")
		case f.Fed.Dependent:
			c.note("give it one sample at a time, as the graph computes over its batch")
		}
	}
	if f.Card.Unsure {
		for _, c := range append(all, &runtime) {
			c.note(unsureNote)
		}
	}
	if len(f.Branches) > 1 {
		f.branchNotes(&own, &runtime, all)
	}
	return []Client{own, runtime, js, python, hugot}
}

// branchNotes says which of several heads clients see.
func (f *Folder) branchNotes(own, runtime *Client, all []*Client) {
	first, second := f.Branches[0], f.Branches[1]
	own.note(fmt.Sprintf("answers with %s; --head %s with that one", first.Name, second.Name))
	runtime.note(fmt.Sprintf("the outputs of each head begin with its name, as %s_%s", second.Name, OutputsOf(second.Link)[0]))
	for _, c := range all {
		c.note(fmt.Sprintf("sees the first head alone, %s", first.Name))
	}
}

// note adds a remark.
func (c *Client) note(text string) {
	if c.Note != "" {
		c.Note += "; "
	}
	c.Note += text
}

// imageNotes says how clients read images in another way.
func (f *Folder) imageNotes(c *models.ImageSpec, all []*Client) {
	w, h := c.Size()
	_, why := processor(c)
	for _, client := range all {
		switch {
		case client.Name == "hugot":
			client.note(fmt.Sprintf("reads no preprocessor_config.json and resizes by the nearest pixel: give it tensors, or images of %d×%d", w, h))
			continue
		case why != "":
			client.note(fmt.Sprintf("its processors make no such images (%s), so that there is no preprocessor_config.json; headstart preprocess shows the tensors", why))
			continue
		case client.Name == "transformers.js":
			client.note(fmt.Sprintf("resizes without antialiasing, so that reduced photos are answered otherwise; give it opaque images that are %s already", size(c)))
		}
		if c.Alpha != "" && c.Alpha != "drop" {
			client.note(fmt.Sprintf("drops transparency, which is laid on %s here; lay it there before", c.Alpha))
		}
		if c.Crop.Offset == "half-even" && client.Name == "optimum" {
			client.note("splits an odd margin around the crop one pixel lower")
		}
		if strings.HasPrefix(c.Resize.Engine, "torch") && client.Name == "optimum" {
			client.note("resizes levels, not floats: the processor's use_fast=True is nearer")
		}
	}
}

// size says how large an image is that is not resized any more.
func size(c *models.ImageSpec) string {
	if c.Resize.Mode == "short" {
		return fmt.Sprintf("%d pixels on the shorter side", c.Resize.Width)
	}
	w, h := c.Size()
	return fmt.Sprintf("%d×%d", w, h)
}

// textNotes says how clients read texts in another way.
func (f *Folder) textNotes(c *models.TextSpec, all []*Client) {
	for _, client := range all {
		if client.Name == "optimum" {
			client.note(fmt.Sprintf("pass truncation=True: texts of more than %d tokens are not cut otherwise", c.MaxLen))
		}
		if client.Name == "transformers.js" {
			client.note(fmt.Sprintf("cuts texts of more than %d tokens without the special one at the end", c.MaxLen))
		}
		if c.Prefix != "" {
			client.note(fmt.Sprintf("put %q before each text", c.Prefix))
		}
		if c.Length > 0 {
			client.note(fmt.Sprintf("pad every text to %d tokens", c.Length))
		}
	}
}

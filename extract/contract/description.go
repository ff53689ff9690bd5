package contract

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/folder"
)

// Description is what a space says of its embeddings, in words and numbers. It
// is not all of a space: two that differ may have the same description.
type Description struct {
	Model    string // SHA-256 of the ONNX file, hex
	Output   string // the tensor that is tapped
	Pooling  string
	Post     string // what is done to a pooled vector last, "" or "l2"
	Dim      int
	DType    string          // how a value is kept
	Modality models.Modality // of the samples, "" if the space does not tell
	MaxLen   int             // tokens of a text, special ones included
	Prompt   string          // what is put in front of every text
	Long     string          // what becomes of longer texts, see models.TextSpec
	Overlap  int             // of windows, tokens
	Behind   []string        // what a folder puts behind the graph, see models.Tap
	Image    models.Policies // of images
	Width    int             // of what the backbone gets of an image, pixels
	Height   int
	Filter   string // of resizing an image
	Decode   string // what decodes images
	// Facts are the rest of how samples become what the backbone is fed, as far
	// as facts say it; nil if they do not.
	Facts folder.Facts
	Shape string // of a sample of numbers, "128,1000"
}

// prep is the part of a space that says how samples are prepared.
type prep struct {
	Impl, Layout string
	Decode       string
	Shape        string
	Tokenizer    string `json:"tokenizer_sha256"`
	MaxLen       int    `json:"max_len"`
	Prefix, Long string
	Overlap      int
	Resize       struct {
		W, H         int
		Filter, Mode string
	}
	Crop                         struct{ W, H int }
	Mean, Std, Rescale, Channels string
	Offset                       string
	StdTwice                     string `json:"std_twice"`
}

// facts are how samples were prepared, nil if facts cannot say it.
func (p *prep) facts() folder.Facts {
	if p.MaxLen > 0 {
		return folder.Facts{"max_length": strconv.Itoa(p.MaxLen)}
	}
	f := folder.Facts{
		"filter": p.Resize.Filter, "mean": p.Mean, "std": p.Std, "rescale": p.Rescale,
		"channels": cmp.Or(p.Channels, "rgb"), "layout": p.Layout, "crop": "none",
	}
	switch p.Resize.Mode {
	case "short":
		f["size"] = strconv.Itoa(p.Resize.W)
	case "exact":
		f["size"] = fmt.Sprintf("%dx%d", p.Resize.W, p.Resize.H)
	default:
		return nil
	}
	if p.Crop.W > 0 {
		f["crop"] = fmt.Sprintf("%dx%d", p.Crop.W, p.Crop.H)
	}
	if p.Offset != "" || p.StdTwice != "" || f.Check() != nil {
		return nil
	}
	return f
}

// Describe reads space.json of a space.
func Describe(space json.RawMessage) (*Description, error) {
	var id struct {
		Model                     struct{ SHA256 string }
		Output, Pool, Post, DType string
		Dim                       int
		Behind                    []string
		Prep                      json.RawMessage
	}
	if err := json.Unmarshal(space, &id); err != nil {
		return nil, fmt.Errorf("contract: space: %w", err)
	}
	p, words := new(prep), map[string]any{}
	if id.Prep != nil {
		if err := errors.Join(json.Unmarshal(id.Prep, p), json.Unmarshal(id.Prep, &words)); err != nil {
			return nil, fmt.Errorf("contract: space: prep: %w", err)
		}
	}
	d := &Description{
		Model: id.Model.SHA256, Output: id.Output, Pooling: id.Pool, Post: id.Post, Dim: id.Dim, DType: id.DType,
		MaxLen: p.MaxLen, Prompt: p.Prefix, Long: p.Long, Overlap: p.Overlap, Behind: id.Behind, Width: p.Crop.W, Height: p.Crop.H, Filter: p.Resize.Filter,
		Decode: p.Decode, Facts: p.facts(), Shape: p.Shape,
	}
	for _, policy := range d.Image.List() {
		word, _ := words[policy.Name].(string)
		d.Image.Set(policy.Name, word)
	}
	if d.Width == 0 {
		d.Width, d.Height = p.Resize.W, p.Resize.H
	}
	for _, m := range modalities {
		if m.tells(p) {
			d.Modality = m.name
		}
	}
	return d, nil
}

// Tap names the tap with its pooling, as Choice.Taps takes it.
func (d *Description) Tap() string { return d.Output + ":" + d.Pooling }

// String says in a line what the embeddings are.
func (d *Description) String() string {
	out := fmt.Sprintf("model %.12s, %s, pooling %s", d.Model, d.Output, d.Pooling)
	if d.Post != "" {
		out += ", " + d.Post
	}
	if m := modalityOf(d.Modality); m != nil {
		out += "; " + m.describe(d)
	}
	if d.DType == "f16" {
		out += "; float16"
	}
	return out
}

package models

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Exported is what an exported model says of how it is fed, and of the features
// that its head takes: all that makes it a backbone again. It stands in the
// model's metadata as JSON.
type Exported struct {
	Modality Modality     `json:"modality"`
	Image    *ImageSpec   `json:"image,omitempty"` // of images
	Text     *TextSpec    `json:"text,omitempty"`  // of texts, without the tokenizer, which is a file
	Numbers  *NumbersSpec `json:"numbers,omitempty"`
	// Taps are tensors of the model that are side by side the features, each
	// with its pooling.
	Taps []ExportedTap `json:"taps"`
}

// ExportedTap is a Tap as an exported model names it.
type ExportedTap struct {
	Output  string `json:"output"`
	Pooling string `json:"pooling"`
	Post    string `json:"post,omitempty"`
}

// NewExported describes how a model is fed, and its taps.
func NewExported(contract Contract, taps []Tap) *Exported {
	e := new(Exported)
	switch c := contract.(type) {
	case *ImageSpec:
		e.Modality, e.Image = Image, c
	case *TextSpec:
		own := *c
		own.Tokenizer, own.TokenizerSHA256 = nil, ""
		e.Modality, e.Text = Text, &own
	case *NumbersSpec:
		e.Modality, e.Numbers = Numbers, c
	}
	for _, t := range taps {
		e.Taps = append(e.Taps, ExportedTap{t.Output, t.Pooling, t.Post})
	}
	return e
}

// ParseExported reads what stands in a model's metadata. What this version does
// not know is an error.
func ParseExported(text string) (*Exported, error) {
	e := new(Exported)
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.DisallowUnknownFields()
	if err := d.Decode(e); err != nil {
		return nil, err
	}
	if (e.Image != nil) != (e.Modality == Image) || (e.Text != nil) != (e.Modality == Text) || (e.Numbers != nil) != (e.Modality == Numbers) ||
		e.Image == nil && e.Text == nil && e.Numbers == nil {
		return nil, fmt.Errorf("the contract is none of modality %.40q", e.Modality)
	}
	if len(e.Taps) == 0 || len(e.Taps) > maxTaps {
		return nil, fmt.Errorf("%d taps, must be 1 to %d", len(e.Taps), maxTaps)
	}
	for _, t := range e.Taps {
		if t.Output == "" || t.Pooling == "" || t.Post != "" && t.Post != "l2" {
			return nil, fmt.Errorf("tap %.80q:%.40q with post %.40q", t.Output, t.Pooling, t.Post)
		}
	}
	return e, nil
}

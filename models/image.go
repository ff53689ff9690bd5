package models

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/headstart-ml/headstart/models/onnx"
)

// ImageSpec is the input contract of an image backbone. Every field is part of
// the identity of its embeddings.
type ImageSpec struct {
	Policies
	Convert string // "rgb"
	Resize  Resize
	Crop    Crop
	Rescale float64 // factor of a uint8 level
	Offset  float64 // added to the product, as by EfficientNet's rescale_offset
	Mean    [3]float64
	Std     [3]float64
	// StdTwice divides by Std a second time, as EfficientNet's processor does
	// with include_top.
	StdTwice bool
	Layout   string // "nchw" or "nhwc"
	// Channels is the order of the channels that the backbone gets: "" for red,
	// green, blue, "bgr" for the reverse. Mean and Std are in that order.
	Channels string
	// Inside says that the graph resizes, crops and normalises itself: it takes
	// one image at a time, upright and RGB, of any size and as levels,
	// [1,H,W,3]. What stands above is what the graph does then, but for the
	// Policies.
	Inside bool `json:",omitempty"`
	// Decode names what decodes, as spaces record it; "": what this version of
	// the program decodes with. An earlier version's is for what was embedded
	// by that; see image.Decodes.
	Decode string
}

var _ Contract = (*ImageSpec)(nil)

// Policies say what happens to images of which there is more than one reading.
// No file of a backbone says it, so a user may choose.
type Policies struct {
	Alpha  string // transparency: "drop", "white" or a colour, "R,G,B"
	EXIF   string // the orientation tag: "apply" or "ignore"
	Grey16 string // 16-bit grey: "clip" (as Pillow does) or "scale"
}

// Policy is one of Policies.
type Policy struct {
	Name  string   // in the identity of a space
	Value string   // "": it is not chosen
	Words []string // what it can be, the default first
	Free  bool     // it can be something else too: alpha, a colour
}

// fields is the one list of Policies.
func (p *Policies) fields() []policyField {
	return []policyField{
		{&p.Alpha, Policy{Name: "alpha", Words: []string{"drop", "white"}, Free: true}},
		{&p.EXIF, Policy{Name: "exif", Words: []string{"apply", "ignore"}}},
		{&p.Grey16, Policy{Name: "grey16", Words: []string{"clip", "scale"}}},
	}
}

type policyField struct {
	value *string
	Policy
}

// List returns all of p, chosen or not.
func (p Policies) List() []Policy {
	var all []Policy
	for _, f := range p.fields() {
		f.Value = *f.value
		all = append(all, f.Policy)
	}
	return all
}

// Chosen returns those of p that are chosen.
func (p Policies) Chosen() []Policy {
	var chosen []Policy
	for _, one := range p.List() {
		if one.Value != "" {
			chosen = append(chosen, one)
		}
	}
	return chosen
}

// Set sets the one of that name, if there is one.
func (p *Policies) Set(name, value string) {
	for _, f := range p.fields() {
		if f.Name == name {
			*f.value = value
		}
	}
}

// DefaultPolicies are what image pipelines do: an orientation tag is applied,
// transparency dropped.
func DefaultPolicies() Policies {
	var p Policies
	for _, f := range p.fields() {
		*f.value = f.Words[0]
	}
	return p
}

// Resize says how an image is brought to size. Width and Height are pixels.
type Resize struct {
	// Engine is "pillow/1", which resizes levels and rounds to levels, or
	// "torch/1", which resizes numbers from 0 to 1 in float32.
	Engine string
	Order  string // "hv": horizontal pass first; "pillow13": as Pillow 13 chooses
	// Mode says what becomes of the size:
	//
	//	short    the shorter side becomes Width (= Height), the longer one is truncated
	//	exact    Width×Height, the aspect is lost
	//	contain  as large as fits into Width×Height, sides rounded half to even
	//	cover    as small as covers Width×Height, sides rounded half to even
	//	max      as large as fits into Width×Height, sides truncated
	//	none     as it is
	Mode   string
	Width  int
	Height int
	// Longest is how long the longer side of "short" may become; where it would
	// be longer, it becomes that, and the shorter side is truncated. 0: there
	// is no limit.
	Longest int
	Filter  string // "bicubic", "bilinear", "lanczos", "box", "hamming", "nearest"
}

// Crop is a centre crop. A zero Width means no crop: the model then gets the
// image as it was resized.
type Crop struct {
	Width  int
	Height int
	Offset string   // "floor" or "half-even": how an odd margin is split
	Fill   [3]uint8 // RGB of what lies around an image that is smaller; black
}

// Size returns the width and height, in pixels, of what the backbone gets.
func (s *ImageSpec) Size() (w, h int) {
	if s.Crop.Width > 0 {
		return s.Crop.Width, s.Crop.Height
	}
	return s.Resize.Width, s.Resize.Height
}

// InputDims returns the dimensions of the graph's input.
func (s *ImageSpec) InputDims() []onnx.Dim {
	w, h := s.Size()
	batch := onnx.Dim{Size: -1, Name: openBatch}
	if s.Inside {
		return []onnx.Dim{{Size: 1}, {Size: -1, Name: openHeight}, {Size: -1, Name: openWidth}, {Size: 3}}
	}
	if s.Layout == "nhwc" {
		return []onnx.Dim{batch, {Size: int64(h)}, {Size: int64(w)}, {Size: 3}}
	}
	return []onnx.Dim{batch, {Size: 3}, {Size: int64(h)}, {Size: int64(w)}}
}

// Poolings takes three dimensions for tokens, four for a map.
func (s *ImageSpec) Poolings(shape []int64, _ string) (takes []string, channelsLast bool) {
	switch len(shape) {
	case 3:
		return []string{"", "cls", "mean", "max", "meanstd"}, false // a token of its own, or none: nobody knows
	case 4:
		return []string{"gap", "gem", "max", "meanstd"}, s.Layout == "nhwc"
	}
	return nil, false
}

// Prep returns the contract as it stands in a space's identity.
func (s *ImageSpec) Prep() map[string]any {
	resize := map[string]any{
		"engine": s.Resize.Engine, "order": s.Resize.Order, "mode": s.Resize.Mode,
		"w": s.Resize.Width, "h": s.Resize.Height, "filter": s.Resize.Filter,
	}
	if s.Resize.Longest > 0 {
		resize["longest"] = s.Resize.Longest
	}
	m := map[string]any{
		"convert": s.Convert,
		"resize":  resize,
		"rescale": decimal(s.Rescale),
		"mean":    decimals(s.Mean[:]),
		"std":     decimals(s.Std[:]),
		"layout":  s.Layout,
	}
	for _, p := range s.List() {
		m[p.Name] = p.Value
	}
	if s.Crop.Width > 0 {
		crop := map[string]any{"w": s.Crop.Width, "h": s.Crop.Height, "offset": s.Crop.Offset}
		if f := s.Crop.Fill; f != [3]uint8{} {
			crop["fill"] = fmt.Sprintf("%d,%d,%d", f[0], f[1], f[2])
		}
		m["crop"] = crop
	}
	// What most backbones have nothing of is left out, so that spaces of before
	// stay the same.
	if s.Offset != 0 {
		m["offset"] = decimal(s.Offset)
	}
	if s.StdTwice {
		m["std_twice"] = "true"
	}
	if s.Channels != "" {
		m["channels"] = s.Channels
	}
	if s.Inside {
		m["inside"] = "true"
	}
	return m
}

// decimal writes x with the fewest digits that give x back.
func decimal(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }

func decimals(xs []float64) string {
	s := make([]string, len(xs))
	for i, x := range xs {
		s[i] = decimal(x)
	}
	return strings.Join(s, ",")
}

package folder

import (
	"fmt"

	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/onnx"
)

const maxSide = 1 << 14 // pixels of a side of what a backbone gets

// filters are the words of Resize.Filter, at the place of Pillow's code.
var filters = []string{"nearest", "lanczos", "bilinear", "bicubic", "box", "hamming"}

// imageSpec reads the contract of an image backbone into s.
func (f *layout) imageSpec(s *models.Spec) (compare, error) {
	image, err := f.imageContract(s)
	s.Contract = image
	return func(sum *onnx.Summary, place string) error { return imageGraph(s, sum, place) }, err
}

func (f *layout) imageContract(s *models.Spec) (*models.ImageSpec, error) {
	config, err := f.optional(configFile)
	if err != nil {
		return nil, err
	}
	var timm *models.ImageSpec
	if config != nil && config.has("pretrained_cfg") {
		cfg, err := config.sub("pretrained_cfg")
		if err != nil {
			return nil, err
		}
		if timm, err = timmSpec(cfg); err != nil {
			return nil, err
		}
		for field, dst := range map[string]*string{"license": &s.Licence, "hf_hub_id": &s.Source} {
			if cfg.has(field) {
				if *dst, err = cfg.text(field); err != nil {
					return nil, err
				}
			}
		}
	}
	pre, err := f.optional(preprocessorFile)
	if err != nil {
		return nil, err
	}
	if pre == nil {
		return timm, nil
	}
	image, err := processorSpec(pre)
	if err != nil {
		return nil, err
	}
	if timm != nil {
		s.Overruled = contradictions(image, timm)
	}
	return image, nil
}

// base is what no file of a folder says: how images are read.
func base() *models.ImageSpec {
	return &models.ImageSpec{
		Policies: models.DefaultPolicies(), Convert: "rgb",
		Resize: models.Resize{Engine: "pillow/1", Order: "hv"},
		Layout: "nchw",
	}
}

// contradictions lists where timm's contract says something else than the one
// that is used.
func contradictions(used, timm *models.ImageSpec) []string {
	var out []string
	say := func(field string, used, timm any) {
		if used != timm {
			out = append(out, fmt.Sprintf("%s: pretrained_cfg: %s %v does not count: %s says %v", configFile, field, timm, preprocessorFile, used))
		}
	}
	side := func(r models.Resize) string { return fmt.Sprintf("%s %d×%d", r.Mode, r.Width, r.Height) }
	say("resize", side(used.Resize), side(timm.Resize))
	say("interpolation", used.Resize.Filter, timm.Resize.Filter)
	say("crop", fmt.Sprintf("%d×%d", used.Crop.Width, used.Crop.Height), fmt.Sprintf("%d×%d", timm.Crop.Width, timm.Crop.Height))
	say("mean", used.Mean, timm.Mean)
	say("std", used.Std, timm.Std)
	return out
}

// imageGraph compares the graph with the contract and fills in input and tap.
func imageGraph(s *models.Spec, sum *onnx.Summary, place string) error {
	if len(sum.Inputs) != 1 {
		return fmt.Errorf("models: %s: an image backbone has one input, this graph has %d: %s", place, len(sum.Inputs), list(sum.Inputs))
	}
	in := sum.Inputs[0]
	if !isFloat(in, 4) {
		return fmt.Errorf("models: %s: input %q is %s; an image backbone takes FLOAT[batch,3,height,width]", place, in.Name, form(in))
	}
	if err := free(in, 1, place); err != nil {
		return err
	}
	if in.Shape[1].Size != 3 && in.Shape[3].Size == 3 {
		return fmt.Errorf("models: %s: input %q is %s: channels last is not supported yet by this version", place, in.Name, form(in))
	}
	want := s.Contract.InputDims()
	for i, d := range want[1:] {
		if have := in.Shape[i+1].Size; have >= 0 && have != d.Size {
			return fmt.Errorf("models: %s: input %q is %s, but the folder's files make images of 3×%d×%d", place, in.Name, form(in), want[2].Size, want[3].Size)
		}
	}
	s.Inputs = []models.Input{{Name: in.Name, DType: dtypes[in.Elem], Role: "pixels"}}

	var fit []onnx.Value
	for _, v := range sum.Outputs {
		if isFloat(v, 2) {
			fit = append(fit, v)
		}
	}
	switch len(fit) {
	case 0:
		return fmt.Errorf("models: %s: no output is FLOAT[batch,length], one embedding a sample; there are: %s", place, list(sum.Outputs))
	case 1:
		return setTap(s, fit[0], "none", place)
	}
	return fmt.Errorf("models: %s: several outputs fit: %s; which of them is the embedding? keep that one alone in the graph", place, list(fit))
}

package folder

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/onnx"
)

const maxSide = 1 << 13 // pixels of a side of what a backbone gets

// filters are the words of Resize.Filter, at the place of Pillow's code.
var filters = []string{"nearest", "lanczos", "bilinear", "bicubic", "box", "hamming"}

// timmWrapper is the class of processors that read timm's pretrained_cfg.
const timmWrapper = "TimmWrapperImageProcessor"

// processorObject returns the object that describes the processor of images:
// preprocessor_config.json, or image_processor in processor_config.json, where
// newer releases of transformers write it; nil if there is none.
// What backbone.json says overrules both.
func (f *layout) processorObject() (*object, error) {
	for _, name := range []string{backboneFile, preprocessorFile, processorFile} {
		o, err := f.optional(name)
		if err != nil {
			return nil, err
		}
		switch {
		case o == nil:
		case name == preprocessorFile:
			return o, nil
		case o.has("image_processor"):
			return o.sub("image_processor")
		case name == backboneFile && o.has("pretrained_cfg"):
			return nil, nil // it is timm's
		}
	}
	return nil, nil
}

// timmObject returns timm's pretrained_cfg in backbone.json or config.json, or
// all of config.json in the oldest files; nil if there is none.
func (f *layout) timmObject(config *object) (*object, error) {
	own, err := f.optional(backboneFile)
	switch {
	case err != nil:
		return nil, err
	case own != nil && own.has("pretrained_cfg"):
		return own.sub("pretrained_cfg")
	case config == nil:
		return nil, nil
	case config.has("pretrained_cfg"):
		return config.sub("pretrained_cfg")
	case isFlatTimm(config):
		return config, nil
	}
	return nil, nil
}

// isFlatTimm tells whether a config.json is one of timm's oldest, in which
// pretrained_cfg is not an object of its own.
func isFlatTimm(config *object) bool {
	return config.has("architecture") && (config.given("input_size") || config.has("interpolation") || config.has("mean"))
}

// imageContract reads the contract of an image backbone, nil if no file has it.
func (f *layout) imageContract(s *models.Spec, config *object) (*models.ImageSpec, error) {
	var timm *models.ImageSpec
	cfg, err := f.timmObject(config)
	if err != nil {
		return nil, err
	}
	pre, err := f.processorObject()
	if err != nil {
		return nil, err
	}
	if pre != nil {
		pre.pixels = true
	}
	wrapped := false
	if pre != nil && pre.has("image_processor_type") {
		if name, err := pre.text("image_processor_type"); err != nil {
			return nil, err
		} else if wrapped = name == timmWrapper; wrapped {
			if cfg == nil && pre.has("pretrained_cfg") {
				if cfg, err = pre.sub("pretrained_cfg"); err != nil {
					return nil, err
				}
			}
			if cfg == nil {
				return nil, pre.errorf("image_processor_type", "a processor of class %s reads pretrained_cfg, which %s does not have", timmWrapper, f.path(configFile))
			}
		}
	}
	if cfg != nil {
		pixels := *cfg
		pixels.pixels = pre == nil || wrapped
		if !pixels.pixels {
			pixels.log = nil // it is overruled
		}
		if timm, err = timmSpec(&pixels); err != nil {
			if pixels.pixels {
				return nil, err
			}
			pre.note(fmt.Sprintf("it decides, and not pretrained_cfg, of which this is not read: %v", err))
		}
		for _, f := range []struct {
			name string
			dst  *string
		}{{"license", &s.Licence}, {"hf_hub_id", &s.Source}} {
			if cfg.has(f.name) {
				if *f.dst, err = cfg.text(f.name); err != nil {
					return nil, err
				}
			}
		}
	}
	if pre == nil && timm == nil {
		clip, err := f.openClipObject()
		if err != nil || clip == nil {
			return nil, err
		}
		return openClipSpec(clip)
	}
	if pre == nil || wrapped {
		return timm, nil
	}
	kind := ""
	if config != nil && config.has("model_type") {
		if kind, err = config.text("model_type"); err != nil {
			return nil, err
		}
	}
	image, err := processorSpec(pre, kind)
	if err != nil {
		return nil, err
	}
	if timm != nil {
		s.Overruled = append(s.Overruled, contradictions(image, timm)...)
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

// imageSpec reads the contract of an image backbone into s and compares the
// graph with it.
func (f *layout) imageSpec(s *models.Spec, w *wanted) (own func() error, err error) {
	sum, place := w.sum, w.place
	config, err := f.optional(configFile)
	if err != nil {
		return nil, err
	}
	in, err := pixelInput(sum, place)
	if err != nil {
		return nil, err
	}
	said, err := f.ownSays(models.Image)
	if err != nil {
		return nil, err
	}
	var image *models.ImageSpec
	if !said {
		if image, err = f.imageContract(s, config); err != nil {
			return nil, &ProcessorError{err, f.path(backboneFile)}
		}
	}
	if image == nil {
		facts, err := f.say(models.Image, w.facts)
		if err != nil {
			return nil, err
		}
		if image, err = f.factImage(facts, in, place); err != nil {
			return nil, err
		}
	}
	s.Contract = image
	from := "what was said"
	for _, o := range f.log.origins {
		if o.Pixels && o.File != "" {
			from = path.Base(o.File)
			break
		}
	}
	if err := fitPixels(s, image, in, &made{place, from}); err != nil {
		return nil, err
	}
	return func() error {
		tap, err := f.ownTap(sum, place)
		if err == nil && tap == "" {
			tap, err = imageTap(config, sum.Outputs, place)
		}
		if e, ok := errors.AsType[*NoTapError](err); ok && len(e.Taps) == 1 { // a classifier's
			if input := classified(s.Weights.Data, strings.TrimSuffix(e.Taps[0], ":none")); input != "" {
				e.Taps = append([]string{input + ":none"}, e.Taps...)
			}
		}
		if err != nil {
			return err
		}
		err = setTap(s, tap, sum)
		if _, unknown := errors.AsType[*NoLengthError](err); unknown {
			return err
		}
		if err != nil {
			w, h := image.Size()
			return fmt.Errorf("%w; the preprocessing makes images of 3×%d×%d", err, h, w)
		}
		s.Taps[0].Post = f.post
		return nil
	}, nil
}

// pixelInput finds the input that takes pixels. Others may be there, which no
// tap of images needs.
func pixelInput(sum *onnx.Summary, place string) (in onnx.Value, err error) {
	var fit []onnx.Value
	for _, v := range sum.Inputs {
		if v.Kind == "tensor" && (v.Shape == nil || len(v.Shape) == 4) && roles[v.Name] == "" {
			fit = append(fit, v)
		}
	}
	if len(fit) != 1 || !isFloat(fit[0], 4) {
		return in, fmt.Errorf("models: %s: an image backbone has one input FLOAT[batch,3,height,width]; this graph has: %s", place, list(sum.Inputs))
	}
	return fit[0], free(fit[0], 1, place)
}

// ProcessorError is an error about a file that says how images are prepared:
// it is broken, or says what is not read here. Err names the file and the
// field. File is where it can be said otherwise.
type ProcessorError struct {
	Err  error
	File string
}

func (e *ProcessorError) Error() string { return e.Err.Error() }
func (e *ProcessorError) Unwrap() error { return e.Err }

// made says where a graph is, and which file makes images for it.
type made struct{ place, from string }

// fitPixels compares the input that takes pixels with the contract, and
// completes both.
func fitPixels(s *models.Spec, image *models.ImageSpec, in onnx.Value, m *made) error {
	// The graph decides: the library's own data_format is that of arrays that
	// its processor returns where the caller asks for no other.
	switch {
	case in.Shape[1].Size != 3 && in.Shape[3].Size == 3:
		image.Layout = "nhwc"
	case in.Shape[1].Size == 3 && in.Shape[3].Size != 3:
		image.Layout = "nchw"
	}
	want := image.InputDims()
	for i, d := range want[1:] {
		if have := in.Shape[i+1].Size; have >= 0 && have != d.Size {
			w, h := image.Size()
			return fmt.Errorf("models: %s: input %q is %s, but %s makes images of 3×%d×%d, %s; the size there must be that of the export", m.place, in.Name, form(in), m.from, h, w, image.Layout)
		}
	}
	s.Inputs = []models.Input{{Name: in.Name, DType: dtypes[in.Elem], Role: "pixels"}}
	return nil
}

// ownTap returns the tap that backbone.json names, "" if it names none.
func (f *layout) ownTap(sum *onnx.Summary, place string) (string, error) {
	o, err := f.optional(backboneFile)
	if err != nil || o == nil || !o.has("tap") {
		return "", err
	}
	tap, err := o.text("tap")
	if err != nil {
		return "", err
	}
	output, pooling, ok := strings.Cut(tap, ":")
	if !ok || pooling == "" || !slices.ContainsFunc(sum.Outputs, func(v onnx.Value) bool { return v.Name == output }) {
		return "", o.errorf("tap", "%.100q is not OUTPUT:POOLING with an output of %s: %s", tap, place, list(sum.Outputs))
	}
	return tap, nil
}

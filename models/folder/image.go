package folder

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/onnx"
)

const maxSide = 1 << 14 // pixels of a side of what a backbone gets

// filters are the words of Resize.Filter, at the place of Pillow's code.
var filters = []string{"nearest", "lanczos", "bilinear", "bicubic", "box", "hamming"}

// imageSpec reads the contract of an image backbone into s.
func (f *layout) imageSpec(s *models.Spec) error {
	config, err := f.optional(configFile)
	if err != nil {
		return err
	}
	var timm *models.ImageSpec
	if config != nil && config.has("pretrained_cfg") {
		cfg, err := config.sub("pretrained_cfg")
		if err != nil {
			return err
		}
		if timm, err = timmSpec(cfg); err != nil {
			return err
		}
		for field, dst := range map[string]*string{"license": &s.Licence, "hf_hub_id": &s.Source} {
			if cfg.has(field) {
				if *dst, err = cfg.text(field); err != nil {
					return err
				}
			}
		}
	}
	pre, err := f.optional(preprocessorFile)
	if err != nil {
		return err
	}
	if pre == nil {
		s.Image = timm
		return nil
	}
	if s.Image, err = clipSpec(pre); err != nil {
		return err
	}
	if timm != nil {
		s.Overruled = contradictions(s.Image, timm)
	}
	return nil
}

// base is what no file of a folder says: how images are read. An orientation
// tag is applied and transparency dropped, as image pipelines do.
func base() *models.ImageSpec {
	return &models.ImageSpec{
		EXIF: "apply", Alpha: "drop", Grey16: "clip", Convert: "rgb",
		Resize: models.Resize{Engine: "pillow/1", Order: "hv"},
		Layout: "nchw",
	}
}

// clipClasses are the processor classes that work as CLIP's does.
var clipClasses = []string{"CLIPImageProcessor", "CLIPFeatureExtractor"}

// clipKeys are the keys of preprocessor_config.json that are read, or have
// nothing to do with pixels.
var clipKeys = []string{
	"do_resize", "size", "resample", "do_center_crop", "crop_size", "do_rescale", "rescale_factor",
	"do_normalize", "image_mean", "image_std", "do_convert_rgb", "default_to_square", "data_format",
	"image_processor_type", "feature_extractor_type", "processor_class", "_valid_processor_keys",
	"auto_map", "return_tensors", "device", "disable_grouping",
}

// clipSpec reads preprocessor_config.json. A key that is missing has the
// default of the class CLIPImageProcessor of the library transformers.
func clipSpec(o *object) (*models.ImageSpec, error) {
	if err := clipClass(o); err != nil {
		return nil, err
	}
	for _, key := range slices.Sorted(maps.Keys(o.fields)) {
		raw := string(o.fields[key])
		if !slices.Contains(clipKeys, key) && raw != "null" && raw != "false" {
			return nil, o.errorf(key, "%.100s is not supported yet by this version; it may change pixels", raw)
		}
	}
	for key, want := range map[string]bool{"do_resize": true, "do_convert_rgb": true} {
		on, err := o.flagOr(key, want)
		if err != nil {
			return nil, err
		}
		if on != want {
			return nil, o.errorf(key, "%v is not supported yet by this version", on)
		}
	}
	if o.has("data_format") {
		if format, err := o.text("data_format"); err != nil {
			return nil, err
		} else if format != "channels_first" {
			return nil, o.errorf("data_format", "%q is not supported yet by this version, only channels_first", format)
		}
	}
	s := base()
	var err error
	if s.Resize.Mode, s.Resize.Width, s.Resize.Height, err = clipSize(o); err != nil {
		return nil, err
	}
	s.Resize.Filter = "bicubic"
	if o.given("resample") {
		code, err := o.number("resample")
		if err != nil {
			return nil, err
		}
		if code != math.Trunc(code) || code < 0 || code >= float64(len(filters)) {
			return nil, o.errorf("resample", "%s is not one of Pillow's filters, 0 to %d", o.fields["resample"], len(filters)-1)
		}
		s.Resize.Filter = filters[int(code)]
	}
	if s.Crop, err = clipCrop(o); err != nil {
		return nil, err
	}
	switch {
	case s.Crop.Width == 0 && s.Resize.Mode == "short":
		return nil, o.errorf("do_center_crop", "false with size.shortest_edge gives images of different sizes")
	case s.Crop.Width > s.Resize.Width || s.Crop.Height > s.Resize.Height:
		return nil, o.errorf("crop_size", "%d×%d is larger than the resized image, %d×%d; padding is not supported yet by this version",
			s.Crop.Width, s.Crop.Height, s.Resize.Width, s.Resize.Height)
	}
	return s, clipLevels(o, s)
}

// clipClass checks the class of the processor.
func clipClass(o *object) error {
	class := ""
	for _, key := range []string{"image_processor_type", "feature_extractor_type"} {
		if !o.has(key) {
			continue
		}
		name, err := o.text(key)
		if err != nil {
			return err
		}
		if !slices.Contains(clipClasses, strings.TrimSuffix(name, "Fast")) {
			return o.errorf(key, "processor class %.100s is not supported yet by this version: it takes %s and their Fast variants",
				name, strings.Join(clipClasses, ", "))
		}
		class = name
	}
	if class == "" {
		return o.errorf("image_processor_type", "the field is missing; the meaning of the others depends on it")
	}
	return nil
}

// clipSize reads how the image is resized.
func clipSize(o *object) (mode string, w, h int, err error) {
	if !o.given("size") {
		return "short", 224, 224, nil
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(o.fields["size"], &fields) != nil || fields == nil {
		n, err := o.whole("size", maxSide)
		if err != nil {
			return "", 0, 0, o.errorf("size", "%.100s is not supported yet by this version: it takes a number of pixels, shortest_edge, or height and width", o.fields["size"])
		}
		// The class's variants disagree on what the key means for a number.
		if o.has("default_to_square") {
			if square, err := o.flag("default_to_square"); err != nil {
				return "", 0, 0, err
			} else if square {
				return "", 0, 0, o.errorf("default_to_square", "true with a number as size is not supported yet by this version; write size as shortest_edge, or height and width")
			}
		}
		return "short", n, n, nil
	}
	size := &object{file: o.file + ": size", fields: fields}
	switch keys := strings.Join(slices.Sorted(maps.Keys(fields)), ","); keys {
	case "shortest_edge":
		n, err := size.whole("shortest_edge", maxSide)
		return "short", n, n, err
	case "height,width":
		if h, err = size.whole("height", maxSide); err == nil {
			w, err = size.whole("width", maxSide)
		}
		return "exact", w, h, err
	default:
		return "", 0, 0, o.errorf("size", "the form {%.100s} is not supported yet by this version: it takes shortest_edge, or height and width", keys)
	}
}

// clipCrop reads the centre crop; a zero crop is none.
func clipCrop(o *object) (models.Crop, error) {
	if on, err := o.flagOr("do_center_crop", true); err != nil || !on {
		return models.Crop{}, err
	}
	c := models.Crop{Width: 224, Height: 224, Offset: "floor"}
	if !o.given("crop_size") {
		return c, nil
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(o.fields["crop_size"], &fields) != nil || fields == nil {
		n, err := o.whole("crop_size", maxSide)
		c.Width, c.Height = n, n
		return c, err
	}
	size := &object{file: o.file + ": crop_size", fields: fields}
	if len(fields) != 2 {
		return c, o.errorf("crop_size", "%.100s is not supported yet by this version: it takes a number of pixels, or height and width", o.fields["crop_size"])
	}
	var err error
	if c.Height, err = size.whole("height", maxSide); err != nil {
		return c, err
	}
	c.Width, err = size.whole("width", maxSide)
	return c, err
}

// clipLevels reads how the levels of a pixel become numbers.
func clipLevels(o *object, s *models.ImageSpec) error {
	s.Rescale = 1
	if on, err := o.flagOr("do_rescale", true); err != nil {
		return err
	} else if on {
		s.Rescale = 1. / 255
		if o.given("rescale_factor") {
			if s.Rescale, err = o.number("rescale_factor"); err != nil {
				return err
			}
			if s.Rescale <= 0 {
				return o.errorf("rescale_factor", "%v is not positive", s.Rescale)
			}
		}
	}
	s.Std = [3]float64{1, 1, 1}
	if on, err := o.flagOr("do_normalize", true); err != nil || !on {
		return err
	}
	// OPENAI_CLIP_MEAN and OPENAI_CLIP_STD of the library transformers.
	s.Mean = [3]float64{0.48145466, 0.4578275, 0.40821073}
	s.Std = [3]float64{0.26862954, 0.26130258, 0.27577711}
	var err error
	if o.given("image_mean") {
		if s.Mean, err = o.triple("image_mean"); err != nil {
			return err
		}
	}
	if o.given("image_std") {
		if s.Std, err = o.triple("image_std"); err != nil {
			return err
		}
	}
	return checkStd(o, "image_std", s)
}

func checkStd(o *object, field string, s *models.ImageSpec) error {
	if slices.Min(s.Std[:]) <= 0 {
		return o.errorf(field, "%s: a deviation is not positive", o.fields[field])
	}
	return nil
}

// timmSpec reads pretrained_cfg of the library timm. What decides about pixels
// must stand there.
func timmSpec(o *object) (*models.ImageSpec, error) {
	s := base()
	var size []int
	if err := o.decode("input_size", &size, "[3, height, width]"); err != nil {
		return nil, err
	}
	if len(size) != 3 || size[0] != 3 || size[1] < 1 || size[1] > maxSide || size[1] != size[2] {
		return nil, o.errorf("input_size", "%s is not supported yet by this version: it takes [3, n, n]", o.fields["input_size"])
	}
	// Without a crop_pct timm takes 0.875, and for 0 too.
	pct := 0.875
	if o.given("crop_pct") {
		x, err := o.number("crop_pct")
		if err != nil {
			return nil, err
		}
		if x < 0 || x > 1 {
			return nil, o.errorf("crop_pct", "%v is not from 0 to 1", x)
		}
		if x != 0 {
			pct = x
		}
	}
	if o.given("crop_mode") {
		if mode, err := o.text("crop_mode"); err != nil {
			return nil, err
		} else if mode != "center" {
			return nil, o.errorf("crop_mode", "%q is not supported yet by this version, only center", mode)
		}
	}
	scale := math.Floor(float64(size[1]) / pct)
	if scale > maxSide {
		return nil, o.errorf("crop_pct", "%v: the image is resized to more than %d pixels", pct, maxSide)
	}
	s.Resize.Mode, s.Resize.Width, s.Resize.Height = "short", int(scale), int(scale)
	filter, err := o.text("interpolation")
	if err != nil {
		return nil, err
	}
	if !slices.Contains(filters, filter) {
		return nil, o.errorf("interpolation", "%q is not supported yet by this version: it takes %s", filter, strings.Join(filters, ", "))
	}
	s.Resize.Filter = filter
	s.Crop = models.Crop{Width: size[2], Height: size[1], Offset: "half-even"}
	s.Rescale = 1. / 255
	if s.Mean, err = o.triple("mean"); err != nil {
		return nil, err
	}
	if s.Std, err = o.triple("std"); err != nil {
		return nil, err
	}
	return s, checkStd(o, "std", s)
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
	w, h := s.Image.Size()
	for i, want := range []int64{3, int64(h), int64(w)} {
		if have := in.Shape[i+1].Size; have >= 0 && have != want {
			return fmt.Errorf("models: %s: input %q is %s, but the folder's files make images of 3×%d×%d", place, in.Name, form(in), h, w)
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

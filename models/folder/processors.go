package folder

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/headstart-ml/headstart/models"
)

// A processor is a class of image processors of the library transformers: what
// it does where preprocessor_config.json does not say otherwise.
type processor struct {
	classes []string // names of the class, without the suffix Fast

	size          models.Resize // of size: Mode, Width and Height
	filter        string        // of resample
	centerCrop    bool          // of do_center_crop
	cropSize      int           // of crop_size, pixels
	rescale       bool          // of do_rescale
	rescaleFactor float64       // of rescale_factor
	normalize     bool          // of do_normalize
	imageMean     [3]float64    // of image_mean
	imageStd      [3]float64    // of image_std
	convertRGB    bool          // of do_convert_rgb
	defaultSquare bool          // of default_to_square: whether a number as size is both sides
	keys          []string      // that it reads beside those of every class
	// quirk changes the contract s that the file o gives by all keys but these,
	// where the class does what others do not; nil: it does nothing of its own.
	quirk func(o *object, s *models.ImageSpec) error
}

// processors are the classes that are read. To read one more is its entry here
// and a golden in processors_test.go.
var processors = []*processor{
	{
		classes: []string{"CLIPImageProcessor", "CLIPFeatureExtractor"},
		size:    models.Resize{Mode: "short", Width: 224, Height: 224}, filter: "bicubic",
		centerCrop: true, cropSize: 224,
		rescale: true, rescaleFactor: 1. / 255,
		// OPENAI_CLIP_MEAN and OPENAI_CLIP_STD of the library transformers.
		normalize:  true,
		imageMean:  [3]float64{0.48145466, 0.4578275, 0.40821073},
		imageStd:   [3]float64{0.26862954, 0.26130258, 0.27577711},
		convertRGB: true,
	},
}

// processorKeys are the keys of preprocessor_config.json that every class
// reads, or that have nothing to do with pixels.
var processorKeys = []string{
	"do_resize", "size", "resample", "do_center_crop", "crop_size", "do_rescale", "rescale_factor",
	"do_normalize", "image_mean", "image_std", "do_convert_rgb", "default_to_square", "data_format",
	"image_processor_type", "feature_extractor_type", "processor_class", "_valid_processor_keys",
	"auto_map", "return_tensors", "device", "disable_grouping",
}

// processorSpec reads preprocessor_config.json.
func processorSpec(o *object) (*models.ImageSpec, error) {
	p, err := processorOf(o)
	if err != nil {
		return nil, err
	}
	s, err := p.spec(o)
	if err == nil && p.quirk != nil {
		err = p.quirk(o, s)
	}
	return s, err
}

// processorOf returns the processor of the class that the file names.
func processorOf(o *object) (*processor, error) {
	var found *processor
	for _, key := range []string{"image_processor_type", "feature_extractor_type"} {
		if !o.has(key) {
			continue
		}
		name, err := o.text(key)
		if err != nil {
			return nil, err
		}
		var known []string
		found = nil
		for _, p := range processors {
			if slices.Contains(p.classes, strings.TrimSuffix(name, "Fast")) {
				found = p
			}
			known = append(known, p.classes...)
		}
		if found == nil {
			return nil, o.errorf(key, "processor class %.100s is not supported yet by this version: it takes %s and their Fast variants",
				name, strings.Join(known, ", "))
		}
	}
	if found == nil {
		return nil, o.errorf("image_processor_type", "the field is missing; the meaning of the others depends on it")
	}
	return found, nil
}

// spec reads the contract. A key that is missing has the class's default.
func (p *processor) spec(o *object) (*models.ImageSpec, error) {
	for _, key := range slices.Sorted(maps.Keys(o.fields)) {
		raw := string(o.fields[key])
		if known := slices.Contains(processorKeys, key) || slices.Contains(p.keys, key); !known && raw != "null" && raw != "false" {
			return nil, o.errorf(key, "%.100s is not supported yet by this version; it may change pixels", raw)
		}
	}
	for key, want := range map[string]bool{"do_resize": true, "do_convert_rgb": p.convertRGB} {
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
	if s.Resize.Mode, s.Resize.Width, s.Resize.Height, err = p.resize(o); err != nil {
		return nil, err
	}
	s.Resize.Filter = p.filter
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
	if s.Crop, err = p.crop(o); err != nil {
		return nil, err
	}
	switch {
	case s.Crop.Width == 0 && s.Resize.Mode == "short":
		return nil, o.errorf("do_center_crop", "false with size.shortest_edge gives images of different sizes")
	case s.Crop.Width > s.Resize.Width || s.Crop.Height > s.Resize.Height:
		return nil, o.errorf("crop_size", "%d×%d is larger than the resized image, %d×%d; padding is not supported yet by this version",
			s.Crop.Width, s.Crop.Height, s.Resize.Width, s.Resize.Height)
	}
	return s, p.levels(o, s)
}

// resize reads how the image is resized.
func (p *processor) resize(o *object) (mode string, w, h int, err error) {
	if !o.given("size") {
		return p.size.Mode, p.size.Width, p.size.Height, nil
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(o.fields["size"], &fields) != nil || fields == nil {
		n, err := o.whole("size", maxSide)
		if err != nil {
			return "", 0, 0, o.errorf("size", "%.100s is not supported yet by this version: it takes a number of pixels, shortest_edge, or height and width", o.fields["size"])
		}
		// A class's variants disagree on what another value than the default
		// means for a number.
		if o.has("default_to_square") {
			if square, err := o.flag("default_to_square"); err != nil {
				return "", 0, 0, err
			} else if square != p.defaultSquare {
				return "", 0, 0, o.errorf("default_to_square", "%v with a number as size is not supported yet by this version; write size as shortest_edge, or height and width", square)
			}
		}
		if p.defaultSquare {
			return "exact", n, n, nil
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

// crop reads the centre crop; a zero crop is none.
func (p *processor) crop(o *object) (models.Crop, error) {
	if on, err := o.flagOr("do_center_crop", p.centerCrop); err != nil || !on {
		return models.Crop{}, err
	}
	c := models.Crop{Width: p.cropSize, Height: p.cropSize, Offset: "floor"}
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

// levels reads how the levels of a pixel become numbers.
func (p *processor) levels(o *object, s *models.ImageSpec) error {
	s.Rescale = 1
	if on, err := o.flagOr("do_rescale", p.rescale); err != nil {
		return err
	} else if on {
		s.Rescale = p.rescaleFactor
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
	if on, err := o.flagOr("do_normalize", p.normalize); err != nil || !on {
		return err
	}
	s.Mean, s.Std = p.imageMean, p.imageStd
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

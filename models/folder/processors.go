package folder

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/headstart-ml/headstart/models"
)

// A processor is a class of image processors of the library transformers: what
// it does where preprocessor_config.json does not say otherwise.
type processor struct {
	// classes are the names of the class, without ImageProcessor,
	// FeatureExtractor or a suffix behind them.
	classes []string
	// modelTypes are the values of config.json's model_type whose processor it
	// is where preprocessor_config.json names none.
	modelTypes []string

	size          models.Resize // of size: Mode, Width and Height
	filter        string        // of resample
	centerCrop    bool          // of do_center_crop
	cropSize      int           // of crop_size, pixels
	normalize     bool          // of do_normalize
	image         levels        // of image_mean and image_std
	defaultSquare bool          // of default_to_square: whether a number as size is both sides
	keys          []string      // that it reads beside those of every class
	ignored       []string      // keys of every class that it does not read
	ownResize     bool          // it computes the size of the resized image itself
	// differs has the keys whose default another release of the library has
	// too, with that default in words. What is used stands in Spec.Overruled.
	differs map[string]string
	// quirk changes the contract s that the file o gives by all keys but these,
	// where the class does what others do not; nil: it does nothing of its own.
	quirk func(o *object, s *models.ImageSpec) error
}

// levels are the mean and the deviation of normalised levels.
type levels struct{ mean, std [3]float64 }

// What the library transformers calls OPENAI_CLIP, IMAGENET_DEFAULT and
// IMAGENET_STANDARD.
var (
	clipLevels     = levels{[3]float64{0.48145466, 0.4578275, 0.40821073}, [3]float64{0.26862954, 0.26130258, 0.27577711}}
	imagenetLevels = levels{[3]float64{0.485, 0.456, 0.406}, [3]float64{0.229, 0.224, 0.225}}
	standardLevels = levels{[3]float64{0.5, 0.5, 0.5}, [3]float64{0.5, 0.5, 0.5}}
)

func short(n int) models.Resize  { return models.Resize{Mode: "short", Width: n, Height: n} }
func square(n int) models.Resize { return models.Resize{Mode: "exact", Width: n, Height: n} }

// processors are the classes that are read, with the defaults of transformers
// 5.23. The reference is the variant of a class that computes with Pillow, with
// which checkpoints were made, also where a file names the one called Fast:
// that one resizes tensors of levels, which differ from Pillow's by up to 2
// levels in one value of twenty, and its ConvNext splits an odd margin
// otherwise. DINOv3ViT has no other variant, and is read as it is. To read one
// more is its entry here and a golden in processors_test.go.
var processors = []*processor{
	{
		classes: []string{"CLIP", "Bit", "ChineseCLIP", "ViTHybrid"},
		modelTypes: []string{"clip", "clip_vision_model", "bit", "dinov2", "dinov2_with_registers", "focalnet", "hiera", "chinese_clip", "vit_hybrid",
			"aimv2", "aimv2_vision_model", "metaclip_2", "mlcd", "groupvit"},
		size: short(224), filter: "bicubic", centerCrop: true, cropSize: 224,
		normalize: true, image: clipLevels,
	},
	{
		classes: []string{"ViT"},
		modelTypes: []string{"vit", "vit_mae", "vit_msn", "swin", "swinv2", "ijepa", "swiftformer", "dinat", "nat", "clipseg",
			"mgp-str"},
		size: square(224), filter: "bilinear",
		normalize: true, image: standardLevels, defaultSquare: true,
	},
	{
		classes: []string{"DeiT"}, modelTypes: []string{"deit"},
		size: square(256), filter: "bicubic", centerCrop: true, cropSize: 224,
		normalize: true, image: standardLevels, defaultSquare: true,
	},
	{
		classes: []string{"Beit"}, modelTypes: []string{"beit", "data2vec-vision"},
		size: square(224), filter: "bicubic", cropSize: 224,
		normalize: true, image: standardLevels, defaultSquare: true,
		differs: map[string]string{"size": "256×256", "do_center_crop": "true"},
	},
	{
		classes: []string{"Siglip"}, modelTypes: []string{"siglip", "siglip_vision_model"},
		size: square(224), filter: "bicubic",
		normalize: true, image: standardLevels, defaultSquare: false,
	},
	{
		classes: []string{"ConvNext"}, modelTypes: []string{"convnext", "convnextv2", "cvt", "regnet", "resnet", "van"},
		size: short(384), filter: "bicubic",
		normalize: true, image: standardLevels, keys: []string{"crop_pct"}, ownResize: true, quirk: convNext,
		differs: map[string]string{"resample": "bilinear"},
	},
	{
		classes: []string{"EfficientNet"}, modelTypes: []string{"efficientnet"},
		size: square(346), filter: "bicubic", cropSize: 289,
		normalize: true, image: standardLevels, defaultSquare: true, keys: []string{"include_top", "rescale_offset"}, quirk: efficientNet,
		differs: map[string]string{"resample": "nearest"},
	},
	{
		classes: []string{"MobileNetV1", "MobileNetV2"}, modelTypes: []string{"mobilenet_v1", "mobilenet_v2"},
		size: short(256), filter: "bilinear", centerCrop: true, cropSize: 224,
		normalize: true, image: standardLevels,
	},
	{
		classes: []string{"MobileViT"}, modelTypes: []string{"mobilevit", "mobilevitv2"},
		size: short(224), filter: "bicubic", centerCrop: true, cropSize: 256,
		image: standardLevels, keys: []string{"do_flip_channel_order"}, quirk: mobileViT,
		ignored: []string{"do_normalize", "image_mean", "image_std"},
		differs: map[string]string{"resample": "bilinear"},
	},
	{
		classes: []string{"DINOv3ViT"}, modelTypes: []string{"dinov3_vit", "dinov3_convnext"},
		size: square(224), filter: "bilinear",
		normalize: true, image: imagenetLevels, defaultSquare: true, quirk: dinoV3,
	},
	{
		classes: []string{"Segformer"}, modelTypes: []string{"segformer"},
		size: square(512), filter: "bilinear",
		normalize: true, image: imagenetLevels, defaultSquare: true,
	},
	{
		classes: []string{"Levit"}, modelTypes: []string{"levit"},
		size: short(224), filter: "bicubic", centerCrop: true, cropSize: 224,
		normalize: true, image: imagenetLevels, ownResize: true, quirk: levit,
	},
	{
		classes: []string{"PoolFormer"}, modelTypes: []string{"poolformer"},
		size: short(224), filter: "bicubic", centerCrop: true, cropSize: 224,
		normalize: true, image: imagenetLevels, keys: []string{"crop_pct"}, ownResize: true, quirk: poolFormer,
	},
	{
		classes: []string{"Pvt"}, modelTypes: []string{"pvt", "pvt_v2"},
		size: square(224), filter: "bicubic",
		normalize: true, image: imagenetLevels, defaultSquare: true,
		differs: map[string]string{"resample": "bilinear"},
	},
	{
		classes: []string{"EfficientFormer"}, modelTypes: []string{"efficientformer"},
		size: square(224), filter: "bicubic", centerCrop: true, cropSize: 224,
		normalize: true, image: imagenetLevels, defaultSquare: true,
	},
	{
		classes: []string{"Blip"}, modelTypes: []string{"blip", "blip_vision_model"},
		size: square(384), filter: "bicubic",
		normalize: true, image: clipLevels, defaultSquare: true,
	},
	{
		classes: []string{"OwlViT"}, modelTypes: []string{"owlvit"},
		size: square(768), filter: "bicubic", cropSize: 768,
		normalize: true, image: clipLevels, defaultSquare: true, keys: []string{"rescale"}, quirk: owlViT,
	},
}

// others are classes that are known and not read, with what they do that no
// contract here can say.
var others = map[string]string{
	"Swin2SR":             padsToMultiple,
	"VitMatte":            padsToMultiple,
	"Perceiver":           "it crops before it resizes",
	"Siglip2":             patches,
	"Pix2Struct":          patches,
	"Pixtral":             patches,
	"Qwen2VL":             patches,
	"LlavaNext":           patches,
	"Idefics2":            patches,
	"Idefics3":            patches,
	"SmolVLM":             patches,
	"ImageGPT":            "it turns pixels into the numbers of colour clusters",
	"Donut":               "it pads images at their sides",
	"Nougat":              "it cuts margins off and pads images at their sides",
	"Owlv2":               "it pads images to a square",
	"Sam":                 "it pads images to a square",
	"ZoeDepth":            "it pads images with their reflection",
	"Detr":                padsToBatch,
	"ConditionalDetr":     padsToBatch,
	"DeformableDetr":      padsToBatch,
	"Deta":                padsToBatch,
	"GroundingDino":       padsToBatch,
	"Yolos":               padsToBatch,
	"MaskFormer":          padsToBatch,
	"Mask2Former":         padsToBatch,
	"OneFormer":           padsToBatch,
	"Vilt":                padsToBatch,
	"BridgeTower":         padsToBatch,
	"TextNet":             roundsSides,
	"DPT":                 roundsSides,
	"GLPN":                roundsSides,
	"PromptDepthAnything": roundsSides,
	"DepthPro":            "it normalises before it resizes",
	"Flava":               "it prepares two images of each, one for a codebook",
	"LayoutLMv2":          "it reads the words of a page, too",
	"LayoutLMv3":          "it reads the words of a page, too",
	"VideoMAE":            "it prepares videos",
	"Vivit":               "it prepares videos",
	"Tvlt":                "it prepares videos",
	"Tvp":                 "it prepares videos",
}

const (
	padsToMultiple = "it pads images to a multiple of size_divisor, so that they differ in size"
	padsToBatch    = "it pads the images of a batch to the largest of them"
	roundsSides    = "it rounds both sides to multiples of a divisor"
	patches        = "it cuts images of any size into patches"
)

// uncropped tells whether the class has no centre crop in some releases.
func (p *processor) uncropped() bool { return p.cropSize == 0 && p.classes[0] != "DINOv3ViT" }

// cropPct returns the share of the resized image that is shown.
func cropPct(o *object, otherwise float64) (float64, error) {
	if !o.has("crop_pct") {
		o.assume("crop_pct", otherwise)
		return otherwise, nil
	}
	pct, err := o.number("crop_pct")
	if err == nil && !(pct > 0 && pct <= 1) {
		err = o.errorf("crop_pct", "%v is not over 0 and up to 1", pct)
	}
	return pct, err
}

// convNext: below 384 the shortest side is resized to more than is shown; from
// 384 on the whole image is squashed
// (models/convnext/image_processing_convnext.py).
func convNext(o *object, s *models.ImageSpec) error {
	pct, err := cropPct(o, 224./256)
	if err != nil {
		return err
	}
	switch n := s.Resize.Width; {
	case s.Resize.Mode == "none":
		return nil
	case s.Resize.Mode != "short":
		return o.errorf("size", "a processor of class ConvNext takes shortest_edge alone")
	case n >= 384:
		s.Resize.Mode = "exact"
		if c := s.Crop; c.Width > 0 && (c.Width != n || c.Height != n) {
			return o.errorf("crop_size", "%d×%d, but the resize of a processor of class ConvNext leaves %d×%[3]d", c.Width, c.Height, n)
		}
	default:
		if float64(n)/pct > maxSide {
			return o.errorf("crop_pct", "%v: the image is resized to more than %d pixels", pct, maxSide)
		}
		if s.Crop.Width == 0 {
			s.Crop = models.Crop{Width: n, Height: n, Offset: "floor"}
		} else if s.Crop.Width != n || s.Crop.Height != n {
			return o.errorf("crop_size", "%d×%d, but the resize of a processor of class ConvNext leaves %d×%[3]d", s.Crop.Width, s.Crop.Height, n)
		}
		n = int(float64(n) / pct)
		s.Resize.Width, s.Resize.Height = n, n
	}
	return nil
}

// efficientNet: levels may be put around zero, and are divided by the deviation
// twice where the classifier wants it
// (models/efficientnet/image_processing_efficientnet.py).
func efficientNet(o *object, s *models.ImageSpec) error {
	offset, err := o.flagOr("rescale_offset", false)
	if err != nil {
		return err
	}
	if rescaled, err := o.flagOr("do_rescale", true); err != nil {
		return err
	} else if offset && rescaled {
		s.Offset = -1
	}
	top, err := o.flagOr("include_top", true)
	if err != nil || !top {
		return err
	}
	if normalised, err := o.flagOr("do_normalize", true); err != nil {
		return err
	} else if normalised {
		s.StdTwice = true
		return nil
	}
	s.Std = standardLevels.std
	if o.has("image_std") {
		if s.Std, err = o.triple("image_std"); err != nil {
			return err
		}
	}
	return checkStd(o, "image_std", s)
}

// mobileViT: the channels are turned round
// (models/mobilevit/image_processing_mobilevit.py).
func mobileViT(o *object, s *models.ImageSpec) error {
	flip, err := o.flagOr("do_flip_channel_order", true)
	if flip {
		s.Channels = "bgr"
	}
	return err
}

// dinoV3: the class multiplies levels by the factor before it resizes, and so
// resizes numbers (models/dinov3_vit/image_processing_dinov3_vit.py).
func dinoV3(o *object, s *models.ImageSpec) error {
	if rescaled, err := o.flagOr("do_rescale", true); err != nil {
		return err
	} else if !rescaled {
		return o.errorf("do_rescale", "false for a processor of class DINOv3ViT, which resizes numbers, is not read here")
	}
	if s.Resize.Mode == "none" {
		return nil
	}
	if s.Rescale == math.Trunc(s.Rescale) {
		return o.errorf("rescale_factor", "%v: a processor of class DINOv3ViT resizes numbers, and leaves levels as they are with a whole factor, which is not read here", s.Rescale)
	}
	if f := s.Resize.Filter; f != "bilinear" && f != "bicubic" {
		return o.errorf("resample", "a processor of class DINOv3ViT resizes numbers, with bilinear (2) or bicubic (3); %s is not read here", f)
	}
	// What it puts around a smaller image lies otherwise than with levels.
	if c := s.Crop; c.Width > 0 && (s.Resize.Mode == "max" || c.Width > s.Resize.Width || c.Height > s.Resize.Height) {
		return o.errorf("crop_size", "%d×%d may be more than the resized image, which is not read here for a processor of class DINOv3ViT", c.Width, c.Height)
	}
	s.Resize.Engine = "torch/1"
	return nil
}

// levit: the shortest side is resized to 256/224 of what is said
// (models/levit/image_processing_levit.py).
func levit(o *object, s *models.ImageSpec) error {
	if s.Resize.Mode == "short" {
		n := int(256. / 224 * float64(s.Resize.Width))
		s.Resize.Width, s.Resize.Height = n, n
	}
	return nil
}

// poolFormer: crop_pct makes the resized image larger
// (models/poolformer/image_processing_poolformer.py).
func poolFormer(o *object, s *models.ImageSpec) error {
	if o.given("crop_pct") && !o.has("crop_pct") {
		return nil // null: the image is as large as size says
	}
	pct, err := cropPct(o, 0.9)
	if err != nil {
		return err
	}
	w, h := int(float64(s.Resize.Width)/pct), int(float64(s.Resize.Height)/pct)
	switch {
	case max(w, h) > maxSide:
		return o.errorf("crop_pct", "%v: the image is resized to more than %d pixels", pct, maxSide)
	case s.Resize.Mode == "exact" && w == h:
		s.Resize.Mode = "short"
	}
	s.Resize.Width, s.Resize.Height = w, h
	return nil
}

// owlViT: the sides are always told both. Early files call do_rescale rescale,
// which releases that know the name still do not follow
// (models/owlvit/image_processing_owlvit.py).
func owlViT(o *object, s *models.ImageSpec) error {
	if m := s.Resize.Mode; m != "exact" && m != "none" {
		return o.errorf("size", "a processor of class OwlViT takes height and width alone")
	}
	if !o.has("rescale") {
		return nil
	}
	named, err := o.flag("rescale")
	if err != nil {
		return err
	}
	if on, err := o.flagOr("do_rescale", true); err != nil {
		return err
	} else if on != named {
		return o.errorf("rescale", "%v, but do_rescale is %v: releases of the library disagree on which of the two counts; write do_rescale alone", named, on)
	}
	return nil
}

// processorKeys are the keys of preprocessor_config.json that every class
// reads.
var processorKeys = []string{
	"do_resize", "size", "resample", "do_center_crop", "crop_size", "do_rescale", "rescale_factor",
	"do_normalize", "image_mean", "image_std", "do_convert_rgb", "default_to_square", "data_format",
	"image_processor_type", "feature_extractor_type",
}

// pixelless are keys that have nothing to do with the pixels of one image: they
// are about segmentation maps, about how a batch is computed, or about how the
// class is found. So are those that begin with an underscore.
var pixelless = []string{
	"processor_class", "auto_map", "input_data_format", "return_tensors", "device", "disable_grouping", "use_fast",
	"do_reduce_labels", "reduce_labels", "num_labels", "ignore_index", "image_seq_length",
}

// processorSpec reads preprocessor_config.json. modelType is that of
// config.json, "" if it is not known.
func processorSpec(o *object, modelType string) (*models.ImageSpec, error) {
	p, err := processorOf(o, modelType)
	if err != nil {
		return nil, err
	}
	s, err := p.spec(o)
	if err != nil {
		return nil, err
	}
	asked := s.Crop.Width > 0
	if p.quirk != nil {
		if err := p.quirk(o, s); err != nil {
			return nil, err
		}
	}
	whole := p.ownResize || s.Resize.Mode == "exact" && s.Crop.Width == s.Resize.Width && s.Crop.Height == s.Resize.Height
	if asked && p.uncropped() && !whole {
		return nil, o.errorf("do_center_crop", "true for a processor of class %s: releases of the library disagree on whether it crops; write false, or name a class that crops", p.classes[0])
	}
	if s.Crop.Width == 0 {
		switch {
		case s.Resize.Mode == "short" || s.Resize.Mode == "max":
			return nil, o.errorf("do_center_crop", "false with size.%s gives images of different sizes", map[string]string{"short": "shortest_edge", "max": "max_height"}[s.Resize.Mode])
		case s.Resize.Mode == "none":
			return nil, o.errorf("do_resize", "false without a crop gives images of different sizes")
		}
	}
	for _, key := range slices.Sorted(maps.Keys(p.differs)) {
		if !o.has(key) {
			o.note(fmt.Sprintf("%s: the field is missing: the default of transformers 5 is used; in releases before it is %s", key, p.differs[key]))
		}
	}
	return s, nil
}

// className strips what stands behind the name of a class: ImageProcessor or
// FeatureExtractor, and the suffix of a variant.
func className(name string) string {
	for _, suffix := range []string{"Fast", "Pil"} {
		name = strings.TrimSuffix(name, suffix)
	}
	for _, suffix := range []string{"ImageProcessor", "FeatureExtractor"} {
		if stem, ok := strings.CutSuffix(name, suffix); ok {
			return stem
		}
	}
	return name
}

// processorOf returns the processor of the class that the file names, or that
// goes with the type of the model.
func processorOf(o *object, modelType string) (*processor, error) {
	for _, key := range []string{"image_processor_type", "feature_extractor_type"} {
		if !o.has(key) {
			continue
		}
		name, err := o.text(key)
		if err != nil {
			return nil, err
		}
		var known []string
		stem := className(name)
		for _, p := range processors {
			if slices.Contains(p.classes, stem) && stem != name {
				return p, nil
			}
			known = append(known, p.classes...)
		}
		if why := others[stem]; why != "" {
			return nil, o.errorf(key, "processor class %.100s is not read here: %s", name, why)
		}
		return nil, o.errorf(key, "processor class %.100s is not known here; known are the image processors and feature extractors %s", name, strings.Join(known, ", "))
	}
	for _, p := range processors {
		if slices.Contains(p.modelTypes, modelType) {
			o.assume("image_processor_type", p.classes[0]+"ImageProcessor")
			return p, nil
		}
	}
	if modelType != "" {
		return nil, o.errorf("image_processor_type", "the field is missing; the meaning of the others depends on it, and no class is known here for the model_type %.100s of %s", modelType, configFile)
	}
	return nil, o.errorf("image_processor_type", "the field is missing; the meaning of the others depends on it")
}

// flagOr reads a flag for which null means what a missing field does, if that
// is false: classes disagree only on a default of true.
func (p *processor) flagOr(o *object, key string, missing bool) (bool, error) {
	if o.given(key) && !o.has(key) && !missing {
		return false, nil
	}
	return o.flagOr(key, missing)
}

// spec reads the contract. A key that is missing has the class's default.
func (p *processor) spec(o *object) (*models.ImageSpec, error) {
	for _, key := range slices.Sorted(maps.Keys(o.fields)) {
		raw := string(o.fields[key])
		known := slices.Contains(processorKeys, key) || slices.Contains(pixelless, key) || slices.Contains(p.keys, key) || strings.HasPrefix(key, "_")
		if !known && raw != "null" && raw != "false" {
			return nil, o.errorf(key, "%.100s is not read here for a processor of class %s; it may change pixels", raw, p.classes[0])
		}
	}
	for _, key := range p.ignored {
		if o.has(key) {
			o.note(key + ": a processor of class " + p.classes[0] + " does not read it")
		}
	}
	s := base()
	if o.has("data_format") {
		switch format, err := o.text("data_format"); {
		case err != nil:
			return nil, err
		case format == "channels_last" || format == "ChannelDimension.LAST":
			s.Layout = "nhwc"
		case format != "channels_first" && format != "ChannelDimension.FIRST":
			return nil, o.errorf("data_format", "%q is neither channels_first nor channels_last", format)
		}
	}
	// Every image is RGB here, whatever the class does with others.
	if o.has("do_convert_rgb") {
		if _, err := o.flag("do_convert_rgb"); err != nil {
			return nil, err
		}
	}
	resized, err := p.flagOr(o, "do_resize", true)
	if err != nil {
		return nil, err
	}
	if !resized {
		s.Resize = models.Resize{Mode: "none"}
	} else if err := p.resize(o, s); err != nil {
		return nil, err
	}
	if s.Crop, err = p.crop(o); err != nil {
		return nil, err
	}
	return s, p.levels(o, s)
}

// resize reads how the image is resized.
func (p *processor) resize(o *object, s *models.ImageSpec) (err error) {
	s.Resize.Filter = p.filter
	if o.given("resample") {
		code, err := o.number("resample")
		if err != nil {
			return err
		}
		if code != math.Trunc(code) || code < 0 || code >= float64(len(filters)) {
			return o.errorf("resample", "%s is not one of Pillow's filters, 0 to %d", o.fields["resample"], len(filters)-1)
		}
		s.Resize.Filter = filters[int(code)]
	} else {
		o.assume("resample", p.filter)
	}
	s.Resize.Mode, s.Resize.Width, s.Resize.Height, err = p.sizes(o)
	return err
}

func (p *processor) sizes(o *object) (mode string, w, h int, err error) {
	if !o.has("size") {
		o.assume("size", fmt.Sprintf("%s %d×%d", p.size.Mode, p.size.Width, p.size.Height))
		return p.size.Mode, p.size.Width, p.size.Height, nil
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(o.fields["size"], &fields) != nil || fields == nil {
		return p.plainSize(o)
	}
	size := &object{file: o.file + ": size", fields: fields, log: o.log, pixels: o.pixels}
	for key := range fields { // newer files have all forms, those that are not meant as null
		if !size.has(key) {
			delete(fields, key)
		}
	}
	switch keys := strings.Join(slices.Sorted(maps.Keys(fields)), ","); keys {
	case "shortest_edge":
		n, err := size.whole("shortest_edge", maxSide)
		return "short", n, n, err
	case "height,width":
		if h, err = size.whole("height", maxSide); err == nil {
			w, err = size.whole("width", maxSide)
		}
		return "exact", w, h, err
	case "max_height,max_width":
		if p.ownResize {
			return "", 0, 0, o.errorf("size", "a processor of class %s takes shortest_edge, or height and width", p.classes[0])
		}
		if h, err = size.whole("max_height", maxSide); err == nil {
			w, err = size.whole("max_width", maxSide)
		}
		return "max", w, h, err
	case "longest_edge,shortest_edge":
		return "", 0, 0, o.errorf("size", "shortest_edge with longest_edge: releases of the library disagree on whether longest_edge counts; write shortest_edge alone")
	default:
		return "", 0, 0, o.errorf("size", "the form {%.100s} is not read here: it is shortest_edge, height and width, or max_height and max_width", keys)
	}
}

// plainSize reads a size that is a number or, in old files, a list of two.
func (p *processor) plainSize(o *object) (mode string, w, h int, err error) {
	var list []float64
	if json.Unmarshal(o.fields["size"], &list) == nil && len(list) == 2 {
		if list[0] != list[1] {
			return "", 0, 0, o.errorf("size", "%.100s is width and height in old releases, height and width in newer ones; write size as height and width", o.fields["size"])
		}
		if n := list[0]; n == math.Trunc(n) && n >= 1 && n <= maxSide {
			o.used("size")
			return "exact", int(n), int(n), nil
		}
	}
	n, err := o.whole("size", maxSide)
	if err != nil {
		return "", 0, 0, o.errorf("size", "%.100s is neither a number of pixels from 1 to %d nor an object with shortest_edge, or with height and width", o.fields["size"], maxSide)
	}
	// A class's variants disagree on what another value than the default
	// means for a number.
	if o.has("default_to_square") {
		if square, err := o.flag("default_to_square"); err != nil {
			return "", 0, 0, err
		} else if square != p.defaultSquare {
			return "", 0, 0, o.errorf("default_to_square", "%v with a number as size: releases disagree on what it means; write size as shortest_edge, or height and width", square)
		}
	}
	if p.defaultSquare {
		return "exact", n, n, nil
	}
	return "short", n, n, nil
}

// crop reads the centre crop; a zero crop is none.
func (p *processor) crop(o *object) (models.Crop, error) {
	if on, err := p.flagOr(o, "do_center_crop", p.centerCrop); err != nil || !on {
		return models.Crop{}, err
	}
	c := models.Crop{Width: p.cropSize, Height: p.cropSize, Offset: "floor"}
	if !o.has("crop_size") {
		if p.cropSize == 0 {
			return c, o.errorf("crop_size", "the field is missing, and do_center_crop is true")
		}
		o.assume("crop_size", p.cropSize)
		return c, nil
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(o.fields["crop_size"], &fields) != nil || fields == nil {
		var list []json.RawMessage
		if json.Unmarshal(o.fields["crop_size"], &list) == nil && len(list) == 2 { // height, width
			fields = map[string]json.RawMessage{"height": list[0], "width": list[1]}
		}
	}
	if fields == nil {
		n, err := o.whole("crop_size", maxSide)
		c.Width, c.Height = n, n
		return c, err
	}
	size := &object{file: o.file + ": crop_size", fields: fields, log: o.log, pixels: o.pixels}
	for key := range fields {
		if !size.has(key) {
			delete(fields, key)
		}
	}
	if len(fields) != 2 {
		return c, o.errorf("crop_size", "%.100s is neither a number of pixels nor an object with height and width", o.fields["crop_size"])
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
	if on, err := p.flagOr(o, "do_rescale", true); err != nil {
		return err
	} else if on {
		s.Rescale = 1. / 255
		if o.has("rescale_factor") {
			if s.Rescale, err = o.number("rescale_factor"); err != nil {
				return err
			}
			if s.Rescale <= 0 {
				return o.errorf("rescale_factor", "%v is not positive", s.Rescale)
			}
		}
	}
	s.Std = [3]float64{1, 1, 1}
	if slices.Contains(p.ignored, "do_normalize") {
		return nil
	}
	if on, err := p.flagOr(o, "do_normalize", p.normalize); err != nil || !on {
		return err
	}
	s.Mean, s.Std = p.image.mean, p.image.std
	var err error
	if o.has("image_mean") {
		if s.Mean, err = o.triple("image_mean"); err != nil {
			return err
		}
	} else {
		o.assume("image_mean", s.Mean)
	}
	if o.has("image_std") {
		if s.Std, err = o.triple("image_std"); err != nil {
			return err
		}
	} else {
		o.assume("image_std", s.Std)
	}
	return checkStd(o, "image_std", s)
}

func checkStd(o *object, field string, s *models.ImageSpec) error {
	if slices.Min(s.Std[:]) <= 0 {
		return o.errorf(field, "%s: a deviation is not positive", o.fields[field])
	}
	return nil
}

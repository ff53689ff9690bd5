package folder

import (
	"encoding/json"

	"github.com/headstart-ml/headstart/models"
)

// openClipFile is the file of the library open_clip, as its towers have it on
// the Hub.
const openClipFile = "open_clip_config.json"

// openClipSpec reads model_cfg and preprocess_cfg of open_clip_config.json,
// with the library's own defaults (open_clip/transform.py, PreprocessCfg and
// image_transform). The size is that of the model. The library resizes before
// it converts to RGB; here images are RGB first, as loaders give them.
func openClipSpec(o *object) (*models.ImageSpec, error) {
	s := base()
	w, h, err := openClipSize(o)
	if err != nil {
		return nil, err
	}
	s.Crop = models.Crop{Width: w, Height: h, Offset: "half-even"}
	pre := &object{file: o.file + ": preprocess_cfg", log: o.log, pixels: true}
	if o.has("preprocess_cfg") {
		if pre, err = o.sub("preprocess_cfg"); err != nil {
			return nil, err
		}
	}
	mode, filter := "shortest", "bicubic"
	for _, f := range []struct {
		name string
		dst  *string
	}{{"resize_mode", &mode}, {"interpolation", &filter}} {
		if !pre.has(f.name) {
			pre.assume(f.name, *f.dst)
		} else if *f.dst, err = pre.text(f.name); err != nil {
			return nil, err
		}
	}
	switch filter {
	case "random": // is bicubic where nothing is trained
		filter = "bicubic"
	case "bicubic", "bilinear":
	default:
		return nil, pre.errorf("interpolation", "%q is neither bicubic nor bilinear", filter)
	}
	s.Resize.Width, s.Resize.Height, s.Resize.Filter = w, h, filter
	switch mode {
	case "shortest":
		s.Resize.Mode = "short"
		if w != h { // another class, which is not told the filter
			s.Resize.Mode, s.Resize.Filter = "cover", "bicubic"
		}
	case "squash":
		s.Resize.Mode, s.Crop = "exact", models.Crop{}
	case "longest":
		s.Resize.Mode = "contain"
		if pre.has("fill_color") {
			level, err := pre.number("fill_color")
			if err != nil {
				return nil, err
			}
			if level != float64(uint8(level)) {
				return nil, pre.errorf("fill_color", "%v is no level from 0 to 255", level)
			}
			s.Crop.Fill = [3]uint8{uint8(level), uint8(level), uint8(level)}
		}
	default:
		return nil, pre.errorf("resize_mode", "%q is neither shortest, longest nor squash", mode)
	}
	if pre.has("mode") {
		if colours, err := pre.text("mode"); err != nil || colours != "RGB" {
			return nil, pre.errorf("mode", "%.100s is not RGB", pre.fields["mode"])
		}
	}
	s.Rescale = 1. / 255
	s.Mean, s.Std = clipLevels.mean, clipLevels.std
	for _, f := range []struct {
		name string
		dst  *[3]float64
	}{{"mean", &s.Mean}, {"std", &s.Std}} {
		if pre.blank(f.name) {
			pre.assume(f.name, *f.dst)
		} else if *f.dst, err = pre.triple(f.name); err != nil {
			return nil, err
		}
	}
	return s, checkStd(pre, "std", s)
}

// openClipSize returns the size, in pixels, of what the image tower takes.
func openClipSize(o *object) (w, h int, err error) {
	model, err := o.sub("model_cfg")
	if err != nil {
		return 0, 0, err
	}
	vision, err := model.sub("vision_cfg")
	if err != nil {
		return 0, 0, err
	}
	if !vision.has("image_size") {
		vision.assume("image_size", 224)
		return 224, 224, nil
	}
	var sides []int // height, width
	if json.Unmarshal(vision.fields["image_size"], &sides) == nil {
		if len(sides) != 2 || min(sides[0], sides[1]) < 1 || max(sides[0], sides[1]) > maxSide {
			return 0, 0, vision.errorf("image_size", "%.100s is not height and width, with sides up to %d", vision.fields["image_size"], maxSide)
		}
		vision.used("image_size")
		return sides[1], sides[0], nil
	}
	n, err := vision.whole("image_size", maxSide)
	return n, n, err
}

// openClipObject returns open_clip_config.json, nil if there is none or it is
// not about images.
func (f *layout) openClipObject() (*object, error) {
	o, err := f.optional(openClipFile)
	if err != nil || o == nil || !o.has("model_cfg") {
		return nil, err
	}
	o.pixels = true
	return o, nil
}

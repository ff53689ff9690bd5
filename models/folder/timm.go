package folder

import (
	"math"
	"slices"
	"strings"

	"github.com/headstart-ml/headstart/models"
)

// timmSpec reads pretrained_cfg of the library timm. What decides about pixels
// must stand there.
func timmSpec(o *object) (*models.ImageSpec, error) {
	s := base()
	var size []int
	if err := o.decode("input_size", &size, "[3, height, width]"); err != nil {
		return nil, err
	}
	if len(size) != 3 || size[0] != 3 || min(size[1], size[2]) < 1 || max(size[1], size[2]) > maxSide {
		return nil, o.errorf("input_size", "%s is not [3, height, width], with sides up to %d", o.fields["input_size"], maxSide)
	}
	// Without a crop_pct timm takes 0.875, and for 0 too.
	pct := 0.875
	if o.has("crop_pct") {
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
	mode := "center"
	if o.has("crop_mode") {
		var err error
		if mode, err = o.text("crop_mode"); err != nil {
			return nil, err
		}
	} else {
		o.assume("crop_mode", mode)
	}
	h, w := math.Floor(float64(size[1])/pct), math.Floor(float64(size[2])/pct)
	if max(h, w) > maxSide {
		return nil, o.errorf("crop_pct", "%v: the image is resized to more than %d pixels", pct, maxSide)
	}
	s.Resize.Width, s.Resize.Height = int(w), int(h)
	s.Crop = models.Crop{Width: size[2], Height: size[1], Offset: "half-even"}
	switch mode {
	case "center":
		// timm/data/transforms_factory.py: another class, with another
		// rounding, for oblong images.
		s.Resize.Mode = "short"
		if h != w {
			s.Resize.Mode = "cover"
		}
	case "squash":
		s.Resize.Mode = "exact"
	case "border":
		s.Resize.Mode = "contain"
	default:
		return nil, o.errorf("crop_mode", "%q is neither center, squash nor border", mode)
	}
	filter, err := o.text("interpolation")
	if err != nil {
		return nil, err
	}
	if !slices.Contains(filters, filter) {
		return nil, o.errorf("interpolation", "%q is none of %s", filter, strings.Join(filters, ", "))
	}
	s.Resize.Filter = filter
	s.Rescale = 1. / 255
	if s.Mean, err = o.triple("mean"); err != nil {
		return nil, err
	}
	if s.Std, err = o.triple("std"); err != nil {
		return nil, err
	}
	if mode == "border" {
		for c, mean := range s.Mean {
			level := math.RoundToEven(255 * mean)
			if !(level >= 0 && level <= 255) {
				return nil, o.errorf("mean", "%v is no level for a border: it must be from 0 to 1", s.Mean)
			}
			s.Crop.Fill[c] = uint8(level)
		}
	}
	return s, checkStd(o, "std", s)
}

package folder

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/headstart-ml/headstart/models"
)

// timmDefaults are what the library timm takes where pretrained_cfg says
// nothing, or null, of what decides about pixels
// (timm/data/config.py, resolve_data_config).
var timmDefaults = struct {
	inputSize     [3]int
	cropPct       float64
	cropMode      string
	interpolation string
	levels
}{[3]int{3, 224, 224}, 0.875, "center", "bicubic", imagenetLevels}

// blank tells whether timm takes its default for a field: it is missing, null,
// zero, an empty list or empty.
func (o *object) blank(field string) bool {
	return !o.has(field) || slices.Contains([]string{`0`, `0.0`, `[]`, `""`}, string(o.fields[field]))
}

// timmDefault records that timm's default is used for a field.
func (o *object) timmDefault(field string, value any) {
	o.assume(field, value)
	o.note(fmt.Sprintf("%s: the default of timm is used, %v", field, value))
}

// timmLevels reads mean or std, of which one number is for all channels.
func timmLevels(o *object, field string, otherwise [3]float64) (x [3]float64, err error) {
	if o.blank(field) {
		o.timmDefault(field, otherwise)
		return otherwise, nil
	}
	var list []float64
	if json.Unmarshal(o.fields[field], &list) == nil && len(list) == 1 {
		o.used(field)
		return [3]float64{list[0], list[0], list[0]}, nil
	}
	return o.triple(field)
}

// timmSpec reads pretrained_cfg of the library timm.
func timmSpec(o *object) (s *models.ImageSpec, err error) {
	s = base()
	size := slices.Clone(timmDefaults.inputSize[:])
	if o.blank("input_size") {
		o.timmDefault("input_size", size)
	} else if err := o.decode("input_size", &size, "[3, height, width]"); err != nil {
		return nil, err
	}
	if len(size) != 3 || size[0] != 3 || min(size[1], size[2]) < 1 || max(size[1], size[2]) > maxSide {
		return nil, o.errorf("input_size", "%s is not [3, height, width], with sides up to %d", o.fields["input_size"], maxSide)
	}
	pct := timmDefaults.cropPct
	if o.blank("crop_pct") {
		o.timmDefault("crop_pct", pct)
	} else {
		x, err := o.number("crop_pct")
		if err != nil {
			return nil, err
		}
		if x <= 0 || math.Floor(float64(min(size[1], size[2]))/x) < 1 {
			return nil, o.errorf("crop_pct", "%v is not positive, or leaves nothing of the image", x)
		}
		pct = x
	}
	mode := timmDefaults.cropMode
	if o.blank("crop_mode") { // as in all but the newest files
		o.assume("crop_mode", mode)
	} else if mode, err = o.text("crop_mode"); err != nil {
		return nil, err
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
	filter := timmDefaults.interpolation
	if o.blank("interpolation") {
		o.timmDefault("interpolation", filter)
	} else if filter, err = o.text("interpolation"); err != nil {
		return nil, err
	}
	if filter == "random" {
		return nil, o.errorf("interpolation", "random: the library draws a filter for each image; write the one that is meant, bilinear or bicubic")
	}
	if !slices.Contains(filters, filter) {
		return nil, o.errorf("interpolation", "%q is none of %s", filter, strings.Join(filters, ", "))
	}
	s.Resize.Filter = filter
	s.Rescale = 1. / 255
	if s.Mean, err = timmLevels(o, "mean", timmDefaults.mean); err != nil {
		return nil, err
	}
	if s.Std, err = timmLevels(o, "std", timmDefaults.std); err != nil {
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

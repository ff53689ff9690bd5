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

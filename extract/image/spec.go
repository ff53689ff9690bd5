package image

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/headstart-ml/headstart/models"
)

// Options say what a Preprocessor takes. nil means the defaults.
type Options struct {
	// MaxPixels is how many pixels an image may have, at most MaxPixels of
	// this package; 0: DefaultPixels. It changes the pixels of no image.
	MaxPixels int
}

// New returns a preprocessor for the contract s. It checks every field of s:
// an error names the field, its value and what would be understood.
func New(s *models.ImageSpec, o *Options) (*Preprocessor, error) {
	if s == nil {
		return nil, fmt.Errorf("image: spec: missing")
	}
	p := &Preprocessor{resize: s.Resize, most: DefaultPixels}
	if o != nil && o.MaxPixels != 0 {
		if o.MaxPixels < 0 || o.MaxPixels > MaxPixels {
			return nil, fmt.Errorf("image: a limit of %d pixels is not in 1…%d", o.MaxPixels, MaxPixels)
		}
		p.most = o.MaxPixels
	}
	p.scratches.New = func() any { return new(scratch) }
	for _, f := range []struct {
		name, value string
		known       []string
	}{
		{"convert", s.Convert, []string{"rgb"}},
		{"layout", s.Layout, []string{"nchw", "nhwc"}},
		{"resize.mode", s.Resize.Mode, []string{"short", "exact", "contain", "cover", "max", "none"}},
	} {
		if err := oneOf(f.name, f.value, f.known...); err != nil {
			return nil, err
		}
	}
	for _, policy := range s.List() {
		if policy.Free {
			continue
		}
		if err := oneOf(policy.Name, policy.Value, policy.Words...); err != nil {
			return nil, err
		}
	}
	p.turn = s.EXIF == "apply"
	p.scale16 = s.Grey16 == "scale"
	p.nhwc = s.Layout == "nhwc"
	if s.Channels != "" {
		if err := oneOf("channels", s.Channels, "bgr"); err != nil {
			return nil, err
		}
		p.bgr = true
	}

	var err error
	if p.backdrop, err = parseAlpha(s.Alpha); err != nil {
		return nil, err
	}
	if err := p.setDecoder(s.Decode); err != nil {
		return nil, err
	}
	if err := p.setResize(&s.Resize); err != nil {
		return nil, err
	}
	if err := p.setCrop(s); err != nil {
		return nil, err
	}
	if err := p.setTable(s); err != nil {
		return nil, err
	}
	return p, nil
}

func oneOf(field, value string, known ...string) error {
	for _, k := range known {
		if value == k {
			return nil
		}
	}
	return fmt.Errorf("image: spec: %s: %q is not one of %s", field, value, strings.Join(known, ", "))
}

// parseAlpha reads "drop", "white" or "R,G,B" with decimal levels.
func parseAlpha(s string) (backdrop, error) {
	switch s {
	case "drop":
		return backdrop{}, nil
	case "white":
		return backdrop{lay: true, colour: [3]uint8{255, 255, 255}}, nil
	}
	b := backdrop{lay: true}
	parts := strings.Split(s, ",")
	if len(parts) == len(b.colour) {
		for i, part := range parts {
			v, err := strconv.ParseUint(part, 10, 8)
			if err != nil || strconv.FormatUint(v, 10) != part {
				break
			}
			b.colour[i] = uint8(v)
			if i == len(parts)-1 {
				return b, nil
			}
		}
	}
	return backdrop{}, fmt.Errorf("image: spec: alpha: %q is not drop, white or R,G,B with three levels from 0 to 255", s)
}

// side checks a side of the resized or cropped image, in pixels.
func side(field string, n int) error {
	if n < 1 || n > maxTarget {
		return fmt.Errorf("image: spec: %s: %d pixels is not in 1…%d", field, n, maxTarget)
	}
	return nil
}

// maxTarget is the longest side, in pixels, of what a backbone may get.
const maxTarget = 8192

func (p *Preprocessor) setResize(r *models.Resize) error {
	none := r.Mode == "none"
	for _, f := range []struct {
		name, value string
		known       []string
	}{
		{"resize.engine", r.Engine, []string{"pillow/1", numbersEngine}},
		{"resize.order", r.Order, []string{"hv", "pillow13"}},
		{"resize.filter", r.Filter, []string{"nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"}},
	} {
		if none && f.value == "" {
			continue
		}
		if err := oneOf(f.name, f.value, f.known...); err != nil {
			return err
		}
	}
	if r.Engine == numbersEngine {
		for _, f := range []struct {
			name, value string
			known       []string
		}{
			{"resize.order", r.Order, []string{"hv"}},
			{"resize.filter", r.Filter, []string{"bilinear", "bicubic"}},
		} {
			if err := oneOf(f.name+" of "+numbersEngine, f.value, f.known...); err != nil {
				return err
			}
		}
		p.numbers = numberFilters[r.Filter]
	}
	if none {
		if r.Width != 0 || r.Height != 0 || r.Longest != 0 {
			return fmt.Errorf("image: spec: resize: mode none has no size, but %d×%d, longest %d, is given", r.Width, r.Height, r.Longest)
		}
		p.filter = filters["bilinear"] // of views, which are resized all the same
		if r.Filter != "" {
			p.filter = filters[r.Filter]
		}
		return nil
	}
	p.filter = filters[r.Filter]
	if err := side("resize.width", r.Width); err != nil {
		return err
	}
	if err := side("resize.height", r.Height); err != nil {
		return err
	}
	switch {
	case r.Longest == 0:
	case r.Mode != "short":
		return fmt.Errorf("image: spec: resize.longest: %d pixels with mode %s; it is for mode short", r.Longest, r.Mode)
	case r.Longest <= r.Width || r.Longest > maxTarget:
		return fmt.Errorf("image: spec: resize.longest: %d pixels is not in %d…%d, over the shorter side's", r.Longest, r.Width+1, maxTarget)
	}
	if r.Mode == "short" && r.Width != r.Height {
		return fmt.Errorf("image: spec: resize: mode short has one size, but width is %d and height is %d", r.Width, r.Height)
	}
	return nil
}

func (p *Preprocessor) setCrop(s *models.ImageSpec) error {
	offsets := []string{"floor", "half-even"}
	if s.Crop.Width == 0 && s.Crop.Height == 0 {
		if s.Crop.Offset != "" {
			if err := oneOf("crop.offset", s.Crop.Offset, offsets...); err != nil {
				return err
			}
		}
		if s.Crop.Fill != [3]uint8{} {
			return fmt.Errorf("image: spec: crop.fill: there is no crop to fill")
		}
		if s.Resize.Mode != "exact" {
			return fmt.Errorf("image: spec: crop: resize mode %s leaves images of different sizes, so a crop is needed", s.Resize.Mode)
		}
		p.w, p.h = s.Resize.Width, s.Resize.Height
		return nil
	}
	if err := side("crop.width", s.Crop.Width); err != nil {
		return err
	}
	if err := side("crop.height", s.Crop.Height); err != nil {
		return err
	}
	if err := oneOf("crop.offset", s.Crop.Offset, offsets...); err != nil {
		return err
	}
	p.w, p.h = s.Crop.Width, s.Crop.Height
	p.halfEven = s.Crop.Offset == "half-even"
	p.fill = s.Crop.Fill
	return nil
}

// setTable fills the table of what each level of each channel becomes. The
// arithmetic and its types are those of the numpy image processors of
// transformers 4 and 5 (image_transforms.py, rescale and normalize): the
// product in float64, rounded to float32, then (x−mean)/std in float32.
func (p *Preprocessor) setTable(s *models.ImageSpec) error {
	if !(s.Rescale > 0) || math.IsInf(s.Rescale, 0) {
		return fmt.Errorf("image: spec: rescale: %g is not a positive factor", s.Rescale)
	}
	if math.IsNaN(s.Offset) || math.IsInf(s.Offset, 0) {
		return fmt.Errorf("image: spec: offset: %g is not a finite number", s.Offset)
	}
	p.offset, p.stdTwice = float32(s.Offset), s.StdTwice
	for c := range p.table {
		mean, std := float32(s.Mean[c]), float32(s.Std[c])
		if math.IsNaN(s.Mean[c]) || math.IsInf(float64(mean), 0) {
			return fmt.Errorf("image: spec: mean[%d]: %g is not a finite number", c, s.Mean[c])
		}
		if !(std > 0) || math.IsInf(float64(std), 0) {
			return fmt.Errorf("image: spec: std[%d]: %g is not a positive number", c, s.Std[c])
		}
		p.mean[c], p.std[c] = mean, std
		for level := range p.table[c] {
			p.number[level] = float32(level) * float32(s.Rescale)
			p.wide[level] = float64(p.number[level])
			x := p.normal(c, float32(float64(level)*s.Rescale))
			if math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) {
				return fmt.Errorf("image: spec: rescale, mean and std: level %d of channel %d becomes %g", level, c, x)
			}
			p.table[c][level] = x
		}
	}
	return nil
}

// normal returns what the backbone gets of a number of channel c.
func (p *Preprocessor) normal(c int, x float32) float32 {
	// The addition is one of float32, as in numpy; without an offset it
	// changes nothing.
	x = (x + p.offset - p.mean[c]) / p.std[c]
	if p.stdTwice {
		x /= p.std[c]
	}
	return x
}

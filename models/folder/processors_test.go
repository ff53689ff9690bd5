package folder

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/models"
)

// bare are the contracts of files that name a class and say nothing else, by
// class, as the library transformers has them. A class without one fails.
var bare = map[string]models.ImageSpec{
	"CLIPImageProcessor":   clipDefaults,
	"CLIPFeatureExtractor": clipDefaults,
}

var clipDefaults = models.ImageSpec{
	Policies: models.Policies{EXIF: "apply", Alpha: "drop", Grey16: "clip"}, Convert: "rgb",
	Resize:  models.Resize{Engine: "pillow/1", Order: "hv", Mode: "short", Width: 224, Height: 224, Filter: "bicubic"},
	Crop:    models.Crop{Width: 224, Height: 224, Offset: "floor"},
	Rescale: 1. / 255,
	Mean:    [3]float64{0.48145466, 0.4578275, 0.40821073}, Std: [3]float64{0.26862954, 0.26130258, 0.27577711}, Layout: "nchw",
}

// processed reads a preprocessor_config.json.
func processed(t *testing.T, format string, a ...any) (*models.ImageSpec, error) {
	t.Helper()
	o, err := parseObject("preprocessor_config.json", fmt.Appendf(nil, format, a...))
	if err != nil {
		t.Fatal(err)
	}
	return processorSpec(o)
}

// Walks the table: each class is known by its name, also as its Fast variant
// and by the key of older files, belongs to one entry and has its own defaults.
func TestProcessors(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range processors {
		for _, class := range p.classes {
			want, ok := bare[class]
			if !ok || seen[class] {
				t.Errorf("%s: golden %v, seen before %v", class, ok, seen[class])
			}
			seen[class] = true
			for _, key := range []string{"image_processor_type", "feature_extractor_type"} {
				for _, suffix := range []string{"", "Fast"} {
					s, err := processed(t, `{%q: %q}`, key, class+suffix)
					if err != nil || !reflect.DeepEqual(*s, want) {
						t.Errorf("%s %s%s: %+v, %v, want %+v", key, class, suffix, s, err, want)
					}
				}
			}
			// What a file says counts more than what the class does.
			s, err := processed(t, `{"image_processor_type": %q, "size": {"height": 30, "width": 20}, "do_center_crop": false, "resample": 2,
				"rescale_factor": 0.5, "image_mean": [1, 2, 3], "image_std": [4, 5, 6]}`, class)
			want.Resize.Mode, want.Resize.Width, want.Resize.Height, want.Resize.Filter = "exact", 20, 30, "bilinear"
			want.Crop, want.Rescale, want.Mean, want.Std = models.Crop{}, 0.5, [3]float64{1, 2, 3}, [3]float64{4, 5, 6}
			if p.quirk == nil && (err != nil || !reflect.DeepEqual(*s, want)) {
				t.Errorf("%s: %+v, %v, want %+v", class, s, err, want)
			}
		}
	}
	if len(seen) != len(bare) {
		t.Errorf("goldens of %d classes, %d in the table", len(bare), len(seen))
	}
}

// A class that differs is one entry: its defaults, its keys, its quirk.
func TestANewProcessorIsOneEntry(t *testing.T) {
	before := processors
	defer func() { processors = before }()
	processors = append(processors, &processor{
		classes: []string{"OddImageProcessor"},
		size:    models.Resize{Mode: "exact", Width: 346, Height: 346}, filter: "nearest", cropSize: 289,
		rescale: true, rescaleFactor: 1. / 255, normalize: true, imageMean: [3]float64{0.5, 0.5, 0.5}, imageStd: [3]float64{0.5, 0.5, 0.5},
		convertRGB: true, defaultSquare: true, keys: []string{"include_top"},
		quirk: func(o *object, s *models.ImageSpec) error {
			top, err := o.flagOr("include_top", true)
			if top {
				for c, std := range s.Std {
					s.Std[c] = std * std
				}
			}
			return err
		},
	})
	want := base()
	want.Resize.Mode, want.Resize.Width, want.Resize.Height, want.Resize.Filter = "exact", 346, 346, "nearest"
	want.Rescale, want.Mean, want.Std = 1./255, [3]float64{0.5, 0.5, 0.5}, [3]float64{0.25, 0.25, 0.25}
	if s, err := processed(t, `{"image_processor_type": "OddImageProcessor"}`); err != nil || !reflect.DeepEqual(s, want) {
		t.Errorf("%+v, %v, want %+v", s, err, want)
	}
	want.Std, want.Resize.Width, want.Resize.Height = [3]float64{0.5, 0.5, 0.5}, 64, 64
	if s, err := processed(t, `{"image_processor_type": "OddImageProcessorFast", "include_top": false, "size": 64}`); err != nil || !reflect.DeepEqual(s, want) {
		t.Errorf("%+v, %v, want %+v", s, err, want)
	}
	if _, err := processed(t, `{"image_processor_type": "OddImageProcessor", "include_top": 1}`); err == nil || !strings.Contains(err.Error(), "include_top: 1 is not true or false") {
		t.Errorf("error %v", err)
	}
	// Its key is none of another class.
	if _, err := processed(t, `{"image_processor_type": "CLIPImageProcessor", "include_top": true}`); err == nil || !strings.Contains(err.Error(), "include_top: true is not supported") {
		t.Errorf("error %v", err)
	}
	if _, err := processed(t, `{"image_processor_type": "EvenImageProcessor"}`); err == nil || !strings.Contains(err.Error(), "it takes CLIPImageProcessor, CLIPFeatureExtractor, OddImageProcessor and their Fast variants") {
		t.Errorf("error %v", err)
	}
}

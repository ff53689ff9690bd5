package folder

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/models"
)

// processed reads a preprocessor_config.json.
func processed(t *testing.T, format string, a ...any) (*models.ImageSpec, error) {
	t.Helper()
	o, err := parseObject("preprocessor_config.json", fmt.Appendf(nil, format, a...))
	if err != nil {
		t.Fatal(err)
	}
	return processorSpec(o, "")
}

// Walks the table: a file that names a class and says nothing else is read as
// the file that the library writes for that class, which has all of its fields;
// also under the names of older and of newer files.
func TestProcessors(t *testing.T) {
	data, err := os.ReadFile("testdata/hub/processors.json")
	if err != nil {
		t.Fatal(err)
	}
	var saved map[string]json.RawMessage
	if err := json.Unmarshal(data, &saved); err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, p := range processors {
		for _, class := range p.classes {
			seen++
			want, err := processed(t, "%s", saved[class])
			if err != nil {
				t.Errorf("%s: %v", class, err)
				continue
			}
			// A file with other fields counts more than what the class does.
			if p.filter == "nearest" || want.Resize.Filter != p.filter {
				t.Errorf("%s: the filter is %s, in the library %s", class, p.filter, want.Resize.Filter)
			}
			for _, key := range []string{"image_processor_type", "feature_extractor_type"} {
				for _, suffix := range []string{"ImageProcessor", "ImageProcessorFast", "ImageProcessorPil", "FeatureExtractor"} {
					s, err := processed(t, `{%q: %q}`, key, class+suffix)
					if err != nil || !reflect.DeepEqual(s, want) {
						t.Errorf("%s %s%s: %+v, %v, want %+v", key, class, suffix, s, err, want)
					}
				}
			}
		}
	}
	if seen != len(saved) {
		t.Errorf("goldens of %d classes, %d in the table", len(saved), seen)
	}
}

// No class and no type of model belongs to two entries.
func TestProcessorsAreTold(t *testing.T) {
	var classes, types []string
	for _, p := range processors {
		classes, types = append(classes, p.classes...), append(types, p.modelTypes...)
	}
	for class := range others {
		classes = append(classes, class)
	}
	for _, names := range [][]string{classes, types} {
		slices.Sort(names)
		if n := len(names); len(slices.Compact(names)) != n {
			t.Errorf("a name stands twice: %v", names)
		}
	}
	for _, kind := range types {
		if _, ok := embeddings[kind]; !ok && !slices.Contains([]string{"clipseg", "mgp-str", "groupvit", "aimv2", "mlcd", "blip", "blip_vision_model", "cvt", "owlvit"}, kind) {
			t.Errorf("the processor of a %s is known, its embedding is not", kind)
		}
	}
}

// What classes do that others do not, against their code in the library.
func TestProcessorQuirks(t *testing.T) {
	exact := func(w, h int, filter string) models.Resize {
		return models.Resize{Engine: "pillow/1", Order: "hv", Mode: "exact", Width: w, Height: h, Filter: filter}
	}
	shortest := func(n int, filter string) models.Resize {
		r := exact(n, n, filter)
		r.Mode = "short"
		return r
	}
	crop := func(n int) models.Crop { return models.Crop{Width: n, Height: n, Offset: "floor"} }
	for _, test := range []struct {
		file string
		want func(s *models.ImageSpec) // what is looked at, put right
	}{
		{`{"image_processor_type":"ConvNextImageProcessor","size":{"shortest_edge":224},"crop_pct":0.9,"resample":2}`,
			func(s *models.ImageSpec) { s.Resize, s.Crop = shortest(248, "bilinear"), crop(224) }},
		{`{"feature_extractor_type":"ConvNextFeatureExtractor","size":224}`,
			func(s *models.ImageSpec) { s.Resize, s.Crop = shortest(256, "bicubic"), crop(224) }},
		{`{"image_processor_type":"ConvNextImageProcessor","size":{"shortest_edge":384},"crop_pct":0.9}`,
			func(s *models.ImageSpec) { s.Resize, s.Crop = exact(384, 384, "bicubic"), models.Crop{} }},
		{`{"image_processor_type":"EfficientNetImageProcessor","resample":0,"rescale_factor":0.00784313725490196,"rescale_offset":true,"include_top":false}`,
			func(s *models.ImageSpec) {
				s.Resize.Filter, s.Rescale, s.Offset, s.StdTwice = "nearest", 0.00784313725490196, -1, false
			}},
		{`{"image_processor_type":"EfficientNetImageProcessor"}`, func(s *models.ImageSpec) { s.StdTwice, s.Offset = true, 0 }},
		{`{"image_processor_type":"EfficientNetImageProcessor","do_normalize":false,"image_std":[0.1,0.2,0.3]}`,
			func(s *models.ImageSpec) {
				s.Mean, s.Std, s.StdTwice = [3]float64{}, [3]float64{0.1, 0.2, 0.3}, false
			}},
		{`{"image_processor_type":"MobileViTImageProcessor","size":288,"resample":2}`,
			func(s *models.ImageSpec) {
				s.Resize, s.Crop, s.Channels, s.Mean, s.Std = shortest(288, "bilinear"), crop(256), "bgr", [3]float64{}, [3]float64{1, 1, 1}
			}},
		{`{"image_processor_type":"MobileViTImageProcessor","do_flip_channel_order":false}`, func(s *models.ImageSpec) { s.Channels = "" }},
		{`{"image_processor_type":"LevitImageProcessor"}`, func(s *models.ImageSpec) { s.Resize, s.Crop = shortest(256, "bicubic"), crop(224) }},
		{`{"image_processor_type":"LevitImageProcessor","size":{"height":224,"width":230}}`, func(s *models.ImageSpec) { s.Resize = exact(230, 224, "bicubic") }},
		{`{"image_processor_type":"PoolFormerImageProcessor"}`, func(s *models.ImageSpec) { s.Resize, s.Crop = shortest(248, "bicubic"), crop(224) }},
		{`{"image_processor_type":"PoolFormerImageProcessor","crop_pct":null}`, func(s *models.ImageSpec) { s.Resize = shortest(224, "bicubic") }},
		{`{"image_processor_type":"PoolFormerImageProcessor","crop_pct":0.5,"size":{"height":20,"width":20},"crop_size":20}`,
			func(s *models.ImageSpec) { s.Resize = shortest(40, "bicubic") }},
		{`{"image_processor_type":"OwlViTImageProcessor","do_center_crop":true}`,
			func(s *models.ImageSpec) { s.Resize, s.Crop = exact(768, 768, "bicubic"), crop(768) }},
		{`{"feature_extractor_type":"OwlViTFeatureExtractor","size":32,"rescale":true}`,
			func(s *models.ImageSpec) { s.Resize, s.Rescale = exact(32, 32, "bicubic"), 1./255 }},
		// A number as size is one side or both, by class; a list in an old file
		// is both.
		{`{"feature_extractor_type":"ViTFeatureExtractor","size":384}`, func(s *models.ImageSpec) { s.Resize = exact(384, 384, "bilinear") }},
		{`{"feature_extractor_type":"SegformerFeatureExtractor","size":[512,512]}`, func(s *models.ImageSpec) { s.Resize = exact(512, 512, "bilinear") }},
		{`{"image_processor_type":"BitImageProcessor","size":256}`, func(s *models.ImageSpec) { s.Resize = shortest(256, "bicubic") }},
		// null is what a missing field is.
		{`{"image_processor_type":"DINOv3ViTImageProcessorFast","do_center_crop":null,"crop_size":null,"do_pad":null,"size":{"height":8,"width":9,"shortest_edge":null}}`,
			func(s *models.ImageSpec) {
				s.Resize, s.Crop = exact(9, 8, "bilinear"), models.Crop{}
				s.Resize.Engine = "torch/1" // it resizes numbers
			}},
		// One number is for all channels; a list is height and width.
		{`{"image_processor_type":"ViTImageProcessor","image_mean":0.4,"image_std":0.25}`,
			func(s *models.ImageSpec) { s.Mean, s.Std = [3]float64{0.4, 0.4, 0.4}, [3]float64{0.25, 0.25, 0.25} }},
		{`{"image_processor_type":"CLIPImageProcessor","crop_size":[200,100]}`,
			func(s *models.ImageSpec) { s.Crop = models.Crop{Width: 100, Height: 200, Offset: "floor"} }},
		{`{"image_processor_type":"CLIPImageProcessor","size":{"max_height":300,"max_width":200}}`,
			func(s *models.ImageSpec) {
				s.Resize = exact(200, 300, "bicubic")
				s.Resize.Mode = "max"
			}},
		// A crop of the whole image, of a class that has none.
		{`{"image_processor_type":"ViTImageProcessor","do_center_crop":true,"crop_size":224}`,
			func(s *models.ImageSpec) { s.Resize = exact(224, 224, "bilinear") }},
		// Normalisation that the class never does; names that decide nothing.
		{`{"image_processor_type":"MobileViTImageProcessor","do_normalize":true,"image_mean":[0.1,0.2,0.3],"_processor_class":"ViTProcessor"}`,
			func(s *models.ImageSpec) { s.Mean, s.Std = [3]float64{}, [3]float64{1, 1, 1} }},
		// The image may be smaller than the crop.
		{`{"image_processor_type":"CLIPImageProcessor","size":{"shortest_edge":100}}`, func(s *models.ImageSpec) { s.Resize, s.Crop = shortest(100, "bicubic"), crop(224) }},
		{`{"image_processor_type":"CLIPImageProcessor","do_resize":false}`, func(s *models.ImageSpec) { s.Resize = models.Resize{Mode: "none"} }},
		{`{"image_processor_type":"ViTImageProcessor","data_format":"channels_last"}`, func(s *models.ImageSpec) { s.Layout = "nhwc" }},
	} {
		s, err := processed(t, "%s", test.file)
		if err != nil {
			t.Errorf("%s: %v", test.file, err)
			continue
		}
		want := *s
		if test.want(&want); !reflect.DeepEqual(*s, want) {
			t.Errorf("%s: %+v\nwant %+v", test.file, *s, want)
		}
	}
}

// What no contract says is refused by its name.
func TestProcessorsThatAreRefused(t *testing.T) {
	for file, want := range map[string]string{
		`{"image_processor_type":"EvenImageProcessor"}`:                                                        "class EvenImageProcessor is not known here; known are the image processors and feature extractors CLIP, Bit",
		`{"image_processor_type":"CLIP"}`:                                                                      "class CLIP is not known",
		`{"image_processor_type":"Swin2SRImageProcessor"}`:                                                     "Swin2SRImageProcessor is not read here: it pads",
		`{"image_processor_type":"DPTImageProcessor"}`:                                                         "it rounds both sides",
		`{"image_processor_type":"DetrFeatureExtractor"}`:                                                      "it pads the images of a batch",
		`{"image_processor_type":"PerceiverImageProcessor"}`:                                                   "it crops before it resizes",
		`{"image_processor_type":"Siglip2ImageProcessorFast"}`:                                                 "patches",
		`{"image_processor_type":"CLIPImageProcessor","include_top":true}`:                                     "include_top: true is not read here for a processor of class CLIP",
		`{"image_processor_type":"CLIPImageProcessor","crop_pct":0.9}`:                                         "crop_pct: 0.9 is not read",
		`{"image_processor_type":"ViTImageProcessor","do_pad":true}`:                                           "do_pad: true is not read",
		`{"image_processor_type":"EfficientNetImageProcessor","include_top":1}`:                                "include_top: 1 is not true or false",
		`{"image_processor_type":"ConvNextImageProcessor","size":{"height":224,"width":224}}`:                  "takes shortest_edge alone",
		`{"image_processor_type":"ConvNextImageProcessor","size":{"shortest_edge":224},"crop_pct":0}`:          "crop_pct: 0 is not over 0",
		`{"image_processor_type":"PoolFormerImageProcessor","crop_pct":1.5}`:                                   "crop_pct: 1.5 is not over 0",
		`{"feature_extractor_type":"SegformerFeatureExtractor","size":[512,640]}`:                              "write size as height and width",
		`{"image_processor_type":"DINOv3ViTImageProcessor","resample":1}`:                                      "resizes numbers",
		`{"image_processor_type":"ViTImageProcessor","size":{"shortest_edge":224}}`:                            "images of different sizes",
		`{"image_processor_type":"DINOv3ViTImageProcessor","do_rescale":false}`:                                "resizes numbers",
		`{"image_processor_type":"DINOv3ViTImageProcessor","rescale_factor":1}`:                                "with a whole factor",
		`{"image_processor_type":"DINOv3ViTImageProcessor","do_center_crop":true,"crop_size":300}`:             "may be more than the resized image",
		`{"image_processor_type":"ViTImageProcessor","do_resize":false}`:                                       "do_resize: false without a crop",
		`{"image_processor_type":"ViTImageProcessor","do_center_crop":true}`:                                   "crop_size: the field is missing, and do_center_crop is true",
		`{"image_processor_type":"CLIPImageProcessor","do_center_crop":null}`:                                  "do_center_crop: null is not true or false",
		`{"image_processor_type":"ViTImageProcessor","size":{"longest_edge":224}}`:                             "size: the form {longest_edge} is not read",
		`{"image_processor_type":"ViTImageProcessor","size":{"max_height":224,"max_width":224}}`:               "false with size.max_height gives images of different sizes",
		`{"image_processor_type":"LevitImageProcessor","size":{"max_height":224,"max_width":224}}`:             "class Levit takes shortest_edge, or height and width",
		`{"image_processor_type":"CLIPImageProcessor","size":{"shortest_edge":224,"longest_edge":300}}`:        "releases of the library disagree on whether longest_edge counts",
		`{"image_processor_type":"ViTImageProcessor","do_center_crop":true,"crop_size":200}`:                   "disagree on whether it crops",
		`{"image_processor_type":"ConvNextImageProcessor","do_center_crop":true,"crop_size":200}`:              "leaves 384×384",
		`{"image_processor_type":"ViTImageProcessor","size":{"longest_edge":224},"default_to_square":"maybe"}`: "size: the form",
		`{"image_processor_type":"OwlViTImageProcessor","size":{"shortest_edge":32},"do_center_crop":true}`:    "class OwlViT takes height and width alone",
		`{"image_processor_type":"OwlViTImageProcessor","rescale":false}`:                                      "rescale: false, but do_rescale is true",
		`{"image_processor_type":"Owlv2ImageProcessor"}`:                                                       "Owlv2ImageProcessor is not read here: it pads images to a square",
		`{"size":224}`: "image_processor_type: the field is missing",
	} {
		if s, err := processed(t, "%s", file); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %+v, error %v\nwant %q", file, s, err, want)
		}
	}
}

// A file without a class has that of the type of model; a default that releases
// of the library disagree on is told.
func TestProcessorByModelType(t *testing.T) {
	o, err := parseObject("preprocessor_config.json", []byte(`{"size":224}`))
	if err != nil {
		t.Fatal(err)
	}
	o.log = new(reading)
	s, err := processorSpec(o, "convnext")
	if err != nil || s.Resize.Width != 256 || s.Resize.Filter != "bicubic" {
		t.Fatalf("%+v, %v", s, err)
	}
	if got := strings.Join(o.log.notes, "; "); !strings.Contains(got, "resample: the field is missing") || !strings.Contains(got, "bilinear") {
		t.Errorf("notes %s", got)
	}
	if _, err := processorSpec(o, "martian"); err == nil || !strings.Contains(err.Error(), "model_type martian") {
		t.Errorf("error %v", err)
	}
}

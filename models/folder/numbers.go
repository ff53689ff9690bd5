package folder

import (
	"fmt"
	"slices"

	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// numeric tells whether v can be fed numbers as they are: it counts samples
// first, and has a type that is fed.
func numeric(v onnx.Value) bool {
	return v.Kind == "tensor" && len(v.Shape) > 1 && dtypes[v.Elem] != ""
}

// bareNumbers tells whether a graph that no file says anything of takes
// numbers, and can take nothing else: one input of floats whose samples have a
// fixed number of them. What could be a picture or the ids of tokens is asked
// for.
func bareNumbers(sum *onnx.Summary) bool {
	if len(sum.Inputs) != 1 {
		return false
	}
	v := sum.Inputs[0]
	if !numeric(v) || v.Elem != pb.TensorProto_FLOAT || roles[v.Name] != "" || v.Shape[0].Size >= 0 {
		return false
	}
	for _, d := range v.Shape[1:] {
		if d.Size < 1 {
			return false
		}
	}
	colours := func(i int) bool { return v.Shape[i].Size == 1 || v.Shape[i].Size == 3 }
	return len(v.Shape) != 4 || !colours(1) && !colours(3)
}

// numbersSpec compares the graph with what a backbone of numbers is fed, and
// reads the shape of a sample where the graph leaves it open.
func (f *layout) numbersSpec(s *models.Spec, w *wanted) (own func() error, err error) {
	sum, place := w.sum, w.place
	if len(sum.Inputs) != 1 || !numeric(sum.Inputs[0]) {
		return nil, fmt.Errorf("models: %s: a backbone of numbers has one input of FLOAT, FLOAT16, DOUBLE, UINT8, INT32 or INT64 whose first dimension counts samples; this graph has: %s", place, list(sum.Inputs))
	}
	in := sum.Inputs[0]
	if err := free(in, 1, place); err != nil {
		return nil, err
	}
	numbers := &models.NumbersSpec{DType: dtypes[in.Elem]}
	if slices.Contains(s.Weights.Levels, in.Name) {
		numbers.DType = "u8"
	}
	for _, d := range in.Shape[1:] {
		numbers.Shape = append(numbers.Shape, d.Size)
	}
	if err := f.sampleShape(numbers, in, place); err != nil {
		return nil, err
	}
	n := int64(1)
	for _, d := range numbers.Shape {
		if d < 1 || d > models.MaxNumbers || n*d > models.MaxNumbers {
			return nil, fmt.Errorf("models: %s: input %q is %s; a sample has from 1 to %d numbers", place, in.Name, form(in), models.MaxNumbers)
		}
		n *= d
	}
	s.Contract, s.Inputs = numbers, []models.Input{{Name: in.Name, DType: dtypes[in.Elem], Role: "numbers"}}
	return func() error {
		config, err := f.optional(configFile)
		if err != nil {
			return err
		}
		tap, err := f.ownTap(sum, place)
		if err == nil && tap == "" {
			tap, err = imageTap(config, sum.Outputs, place)
		}
		if err != nil {
			return err
		}
		return setTap(s, tap, sum)
	}, nil
}

// sampleShape fills in what the graph leaves open of the shape of a sample,
// with "shape" in backbone.json.
func (f *layout) sampleShape(numbers *models.NumbersSpec, in onnx.Value, place string) error {
	o, err := f.optional(backboneFile)
	if err != nil {
		return err
	}
	if o == nil || !o.has("shape") {
		if slices.ContainsFunc(numbers.Shape, func(d int64) bool { return d < 0 }) {
			return fmt.Errorf("models: %s: input %q is %s, which leaves open how many numbers a sample has; %s says it with \"shape\", without the samples", place, in.Name, form(in), f.path(backboneFile))
		}
		return nil
	}
	var shape []int64
	if err := o.decode("shape", &shape, "a list of whole numbers"); err != nil {
		return err
	}
	fits := len(shape) == len(numbers.Shape)
	for i := range shape {
		fits = fits && (numbers.Shape[i] < 0 || numbers.Shape[i] == shape[i])
	}
	if !fits {
		return o.errorf("shape", "%v is not that of a sample of input %q of %s, which is %s with the samples in front", shape, in.Name, place, form(in))
	}
	numbers.Shape = shape
	return nil
}

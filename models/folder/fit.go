package folder

import (
	"fmt"

	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// fit makes a model one that can be fed: its nodes in order, float32 in place
// of float16 and of bytes, and the number of samples left to the batch. Where
// the graph takes one sample at a time, and shapes in it forbid more, s says
// so. What is made of the file is in s.Weights.Data; the digest stays that of
// the file.
func fit(s *models.Spec, model *pb.ModelProto, sum *onnx.Summary) (*onnx.Summary, error) {
	m, widened := onnx.Widen(onnx.Order(model))
	var levels []string
	inside := insidePixels(s.Exported)
	if !inside {
		m, levels = onnx.FeedFloats(m)
	}
	alone := len(sum.Inputs) > 0
	for _, v := range sum.Inputs {
		alone = alone && len(v.Shape) > 1 && v.Shape[0].Size == 1
	}
	opened := false
	if s.Single = alone; alone && !inside {
		m, opened = onnx.OpenBatch(m)
		s.Single = !opened
	}
	if m != model {
		var err error
		if s.Weights.Data, err = onnx.Encode(m); err != nil {
			return nil, err
		}
		if sum, err = onnx.Walk(m); err != nil {
			return nil, err
		}
	}
	s.Weights.Widened, s.Weights.Levels = widened, levels
	if s.Single {
		for _, list := range [][]onnx.Value{sum.Inputs, sum.Outputs} {
			for i := range list {
				if len(list[i].Shape) > 1 && list[i].Shape[0].Size == 1 {
					list[i].Shape[0] = onnx.Dim{Size: -1}
				}
			}
		}
	}
	return sum, nil
}

// fitNotes says what was done to a graph so that it can be fed.
func fitNotes(s *models.Spec) (notes []string) {
	if s.Weights.Widened {
		notes = append(notes, "the graph computes in float16; it is computed in float32, with the weights as they are stored")
	}
	switch image, ok := s.Contract.(*models.ImageSpec); {
	case ok && image.Inside:
		notes = append(notes, "the graph resizes images itself, by ONNX Runtime's operator in place of Pillow's arithmetic: they are only decoded here, and go through one by one; it cannot be retrained")
	case s.Single:
		notes = append(notes, "the graph takes one sample at a time, and shapes in it forbid more: samples go through one by one, and it cannot be retrained; an export with a dynamic batch is faster and can")
	}
	return notes
}

// checkLevels compares a contract with inputs that take the levels of an image
// as bytes: nothing may be done to the levels before.
func checkLevels(s *models.Spec, place string) error {
	for _, name := range s.Weights.Levels {
		image, ok := s.Contract.(*models.ImageSpec)
		if !ok || len(s.Inputs) != 1 || s.Inputs[0].Name != name {
			continue
		}
		if image.Rescale != 1 || image.Mean != [3]float64{} || image.Std != [3]float64{1, 1, 1} {
			return fmt.Errorf("models: %s: input %q takes levels from 0 to 255 as bytes, but the folder's files rescale or normalise them (rescale %g, mean %v, std %v); set do_rescale and do_normalize to false, or use a model that takes floats",
				place, name, image.Rescale, image.Mean, image.Std)
		}
	}
	return nil
}

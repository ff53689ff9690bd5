package folder

import (
	"fmt"
	"slices"
	"strings"

	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// Metadata of an exported model: what begins their names, and the one that
// makes the model a backbone again.
const (
	exportedProps    = "headstart."
	exportedContract = "contract"
	exportedInput    = "input" // "pixels": the graph prepares images itself
)

// insidePixels tells whether metadata are those of a model that prepares images
// itself.
func insidePixels(meta map[string]string) bool { return meta[exportedInput] == "pixels" }

// exportedMetadata returns the metadata of an exported model, by their names
// without what all begin with; nil if it is none.
func exportedMetadata(m *pb.ModelProto) map[string]string {
	all := make(map[string]string)
	for _, p := range m.GetMetadataProps() {
		if name, ok := strings.CutPrefix(p.GetKey(), exportedProps); ok {
			all[name] = p.GetValue()
		}
	}
	if all[exportedContract] == "" {
		return nil
	}
	return all
}

// exportedSpec reads the contract that an exported model has in its metadata
// into s, and compares the graph with it. What it returns sets the features of
// the head, or the output that is asked for.
func (f *layout) exportedSpec(s *models.Spec, sum *onnx.Summary, weights string) (own func() error, err error) {
	place := f.path(weights)
	text := s.Exported[exportedContract]
	wrong := func(err error) error {
		return fmt.Errorf("models: %s: metadata %s: %w", place, exportedProps+exportedContract, err)
	}
	e, err := models.ParseExported(text)
	if err != nil {
		return nil, wrong(err)
	}
	s.Modality, s.Licence, s.Source = e.Modality, s.Exported["backbone_licence"], s.Exported["backbone_source"]
	f.log.origins = append(f.log.origins, models.Origin{File: f.path(weights), Field: "metadata " + exportedProps + exportedContract, Value: text, Pixels: e.Image != nil})
	switch {
	case e.Image != nil:
		w, h := e.Image.Size()
		for _, n := range []int{w, h, e.Image.Resize.Width, e.Image.Resize.Height, e.Image.Resize.Longest} {
			if n < 0 || n > 4*maxSide {
				return nil, wrong(fmt.Errorf("a side of %d pixels", n))
			}
		}
		if e.Image.Inside != insidePixels(s.Exported) {
			return nil, wrong(fmt.Errorf("it does not go with the metadata %s, %q", exportedProps+exportedInput, s.Exported[exportedInput]))
		}
		s.Contract = e.Image
		if e.Image.Inside {
			if err := levelInput(s, sum, place); err != nil {
				return nil, err
			}
			break
		}
		in, err := pixelInput(sum, place)
		if err != nil {
			return nil, err
		}
		if err := fitPixels(s, e.Image, in, &made{place, "its metadata"}); err != nil {
			return nil, err
		}
	case e.Text != nil:
		t := e.Text
		if t.MaxLen < 1 || t.MaxLen > maxTokens || t.Length < 0 || t.Length > maxTokens {
			return nil, wrong(fmt.Errorf("texts of %d tokens, filled up to %d", t.MaxLen, t.Length))
		}
		if t.Tokenizer, err = f.read(tokenizerFile, maxTokenizer); err != nil {
			return nil, err
		}
		t.TokenizerSHA256 = digest(t.Tokenizer)
		if asked := f.options.Prompt; asked != nil {
			t.Prefix = asked.Of(nil)
		}
		s.Contract = t
		if err := tokenInputs(s, t, &wanted{sum: sum, place: place}); err != nil {
			return nil, err
		}
	default:
		if _, err := f.numbersSpec(s, &wanted{sum: sum, place: place}); err != nil {
			return nil, err
		}
	}
	return func() error {
		if asked := f.options.Taps; len(asked) == 1 {
			output, ok := strings.CutSuffix(asked[0], ":none")
			if ok && slices.ContainsFunc(sum.Outputs, func(v onnx.Value) bool { return v.Name == output && isFloat(v, 2) }) {
				return setTap(s, asked[0], sum)
			}
		}
		var taps []string
		for _, t := range e.Taps {
			taps = append(taps, t.Output+":"+t.Pooling)
		}
		if err := s.SetTaps(taps); err != nil {
			return err
		}
		for i, t := range e.Taps {
			s.Taps[i].Post = t.Post
		}
		return nil
	}, nil
}

// levelInput compares the input of a graph that prepares images itself with
// what it is fed.
func levelInput(s *models.Spec, sum *onnx.Summary, place string) error {
	fits := len(sum.Inputs) == 1 && sum.Inputs[0].Elem == pb.TensorProto_UINT8 && len(sum.Inputs[0].Shape) == 4
	for i, want := range []int64{-1, -1, -1, 3} { // one at a time, see fit
		fits = fits && sum.Inputs[0].Shape[i].Size == want
	}
	if !fits {
		return fmt.Errorf("models: %s: a graph that prepares images itself has one input UINT8[1,height,width,3]; this graph has: %s", place, list(sum.Inputs))
	}
	s.Inputs = []models.Input{{Name: sum.Inputs[0].Name, DType: "u8", Role: "pixels"}}
	return nil
}

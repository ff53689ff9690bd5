package folder

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"path"

	"github.com/headstart-ml/headstart/models"
)

// Compiled is a file system whose files are part of the program, such as
// builtin.FS: they cannot have changed since it was built, so that their
// digests and what they come to are taken from records, which a test compares
// with the files. A backbone is then resolved without reading its model.
type Compiled interface {
	fs.FS
	// Content returns a large file without copying it; nobody may write to it.
	Content(name string) ([]byte, bool)
}

// specsFile holds a record for each built-in backbone, by name.
const specsFile = "specs.json"

// record is what the files of a backbone come to: a models.Spec without names,
// contents and digests.
type record struct {
	Model          string // path of the ONNX file in the folder
	Inputs         []models.Input
	Taps           []models.Tap
	BatchDependent []string
	Random         []string
	Image          *models.ImageSpec
	Text           *models.TextSpec
	Overruled      []string
	Notes          []string `json:",omitempty"`
	Origins        []models.Origin
}

// compiledSpec returns the spec of a built-in backbone from its record.
func compiledSpec(b *Backbone, c Compiled) (*models.Spec, error) {
	data, err := readFile(c, specsFile, maxConfig)
	if err != nil {
		return nil, fmt.Errorf("models: built-in backbones: %s: %w", specsFile, err)
	}
	records := map[string]*record{}
	if err := json.Unmarshal(data, &records); err != nil {
		return nil, fmt.Errorf("models: built-in backbones: %s: %w", specsFile, err)
	}
	r := records[b.Name]
	if r == nil {
		return nil, fmt.Errorf("models: built-in backbones: %s: %s is not on record", specsFile, b.Name)
	}
	s := &models.Spec{
		Name: b.Name, Modality: b.Modality, Inputs: r.Inputs, Taps: r.Taps, BatchDependent: r.BatchDependent, Random: r.Random,
		Licence: b.Licence, Source: b.Source, Overruled: r.Overruled, Notes: r.Notes, Origins: r.Origins,
	}
	place := path.Join(b.Name, r.Model)
	var ok bool
	s.Weights = models.Weights{Path: place, SHA256: b.Files[r.Model].SHA256}
	if s.Weights.Data, ok = c.Content(place); !ok {
		return nil, fmt.Errorf("models: %s: the file is missing", place)
	}
	s.Weights.Size = len(s.Weights.Data)
	switch {
	case r.Image != nil:
		s.Contract = r.Image
	case r.Text != nil:
		place := path.Join(b.Name, tokenizerFile)
		r.Text.TokenizerSHA256 = b.Files[tokenizerFile].SHA256
		if r.Text.Tokenizer, ok = c.Content(place); !ok {
			return nil, fmt.Errorf("models: %s: the file is missing", place)
		}
		s.Contract = r.Text
	default:
		return nil, fmt.Errorf("models: built-in backbones: %s: %s has no contract", specsFile, b.Name)
	}
	return s, nil
}

package folder

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/headstart-ml/headstart/cache/draft"
	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/onnx"
)

// The files of a folder that Resolve reads.
const (
	preprocessorFile = "preprocessor_config.json"
	configFile       = "config.json"
	tokenizerFile    = "tokenizer.json"
	tokenizerConfig  = "tokenizer_config.json"
	sentenceConfig   = "sentence_bert_config.json"
	promptConfig     = "config_sentence_transformers.json"
	modulesFile      = "modules.json"
)

// Resolve returns the complete description of a backbone. A name is that of a
// built-in backbone, the path of a folder in the Hugging Face layout, or the
// path of an .onnx file in such a folder or in its subfolder "onnx". A
// built-in name wins over a folder of the same name, which is reached as
// ./NAME. builtin holds the built-in backbones; with nil there are none.
//
// The weights are read and digested, the graph is walked and compared with the
// rest of the folder. See the package's comment for what is taken and which
// file decides.
func Resolve(name string, builtin fs.FS) (*models.Spec, error) {
	var known []Backbone
	if builtin != nil {
		var err error
		if known, err = Builtin(builtin); err != nil {
			return nil, err
		}
		for _, b := range known {
			if b.Name == name {
				return resolveBuiltin(&b, builtin)
			}
		}
	}
	info, err := os.Stat(name)
	if err != nil {
		switch {
		case name == "":
			return nil, fmt.Errorf("models: no backbone is named; built in are: %s", names(known))
		case !os.IsNotExist(err):
			return nil, fmt.Errorf("models: %s: %w", name, cause(err))
		}
		if builtin == nil {
			return nil, fmt.Errorf("models: %s: neither a folder nor an .onnx file, and no built-in backbones are at hand here", name)
		}
		return nil, fmt.Errorf("models: %s: neither a built-in backbone (%s) nor a folder nor an .onnx file", name, names(known))
	}
	if info.IsDir() {
		f := &layout{fsys: draft.FS(name), place: name}
		weights, err := f.weights()
		if err != nil {
			return nil, err
		}
		return f.resolve(name, weights, filepath.Join(name, filepath.FromSlash(path.Dir(weights))))
	}
	if filepath.Ext(name) != ".onnx" {
		return nil, fmt.Errorf("models: %s: not an .onnx file", name)
	}
	f, weights, err := around(name)
	if err != nil {
		return nil, err
	}
	return f.resolve(name, weights, filepath.Dir(name))
}

func resolveBuiltin(b *Backbone, builtin fs.FS) (*models.Spec, error) {
	if c, ok := builtin.(Compiled); ok {
		return compiledSpec(b, c)
	}
	fsys, err := fs.Sub(builtin, b.Name)
	if err != nil {
		return nil, fmt.Errorf("models: %s: %w", b.Name, err)
	}
	f := &layout{fsys: fsys, place: b.Name, files: b.Files}
	weights, err := f.weights()
	if err != nil {
		return nil, err
	}
	s, err := f.resolve(b.Name, weights, "")
	if err != nil {
		return nil, err
	}
	if s.Modality != b.Modality || s.Taps[0].Dim != b.Dim {
		return nil, fmt.Errorf("models: %s: the files give %d numbers for a sample of kind %s, on record are %d for %s",
			b.Name, s.Taps[0].Dim, s.Modality, b.Dim, b.Modality)
	}
	s.Licence, s.Source = b.Licence, b.Source
	return s, nil
}

// weights returns the path of the graph in a folder.
func (f *layout) weights() (string, error) {
	var found []string
	for _, name := range []string{"onnx/model.onnx", "model.onnx"} {
		ok, err := f.has(name)
		if err != nil {
			return "", err
		}
		if ok {
			found = append(found, name)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 2:
		return "", fmt.Errorf("models: %s: there are %s and %s; name the file that is meant", f.place, found[0], found[1])
	}
	var others []string
	for _, pattern := range []string{"onnx/*.onnx", "*.onnx"} {
		m, err := fs.Glob(f.fsys, pattern)
		if err != nil {
			return "", fmt.Errorf("models: %s: %w", f.place, err)
		}
		others = append(others, m...)
	}
	if len(others) > 0 {
		return "", fmt.Errorf("models: %s: there is neither onnx/model.onnx nor model.onnx; name the file that is meant (%s)", f.place, strings.Join(others, ", "))
	}
	return "", fmt.Errorf("models: %s: there is neither onnx/model.onnx nor model.onnx; a backbone is exported to ONNX first", f.place)
}

// around returns the folder that an .onnx file belongs to, and its path there:
// the folder that it lies in, or, if that one is called onnx and has no
// contract, the one above.
func around(name string) (*layout, string, error) {
	dir, base := filepath.Split(name)
	if dir == "" {
		dir = "."
	}
	dir = filepath.Clean(dir)
	f := &layout{fsys: draft.FS(dir), place: dir}
	kind, err := f.contract()
	if err != nil {
		return nil, "", err
	}
	if kind != "" {
		return f, base, nil
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, "", fmt.Errorf("models: %s: %w", name, err)
	}
	if filepath.Base(abs) == "onnx" {
		up := filepath.Dir(abs)
		if !filepath.IsAbs(dir) {
			up = filepath.Join(dir, "..")
		}
		return &layout{fsys: draft.FS(up), place: up}, "onnx/" + base, nil
	}
	return f, base, nil
}

// contract returns the file that tells the modality of a folder: the first
// that exists of preprocessor_config.json and timm's config.json for images,
// tokenizer.json for texts; "" if there is none.
func (f *layout) contract() (string, error) {
	image, err := f.has(preprocessorFile)
	if err != nil {
		return "", err
	}
	text, err := f.has(tokenizerFile)
	if err != nil {
		return "", err
	}
	timm := false
	if config, err := f.optional(configFile); err != nil {
		return "", err
	} else if config != nil {
		timm = config.has("pretrained_cfg")
	}
	switch {
	case image && text:
		return "", fmt.Errorf("models: %s: there are %s and %s: backbones of several modalities are not supported yet by this version", f.place, preprocessorFile, tokenizerFile)
	case timm && text:
		return "", fmt.Errorf("models: %s: there are %s and, in %s, pretrained_cfg: backbones of several modalities are not supported yet by this version", f.place, tokenizerFile, configFile)
	case image:
		return preprocessorFile, nil
	case text:
		return tokenizerFile, nil
	case timm:
		return configFile, nil
	}
	return "", nil
}

// resolve reads the folder's contract and the graph at weights, whose external
// data lies in dir.
func (f *layout) resolve(name, weights, dir string) (*models.Spec, error) {
	kind, err := f.contract()
	if err != nil {
		return nil, err
	}
	if kind == "" {
		return nil, fmt.Errorf("models: %s: nothing says what the backbone takes: %s is missing for images, %s for texts", f.place, preprocessorFile, tokenizerFile)
	}
	s := &models.Spec{Name: name, Modality: contracts[kind].modality}
	compare, err := contracts[kind].read(f, s)
	if err != nil {
		return nil, err
	}
	sum, err := f.graph(s, weights, dir)
	if err != nil {
		return nil, err
	}
	return s, compare(sum, f.path(weights))
}

// contracts says, for each file that tells the modality of a folder, how the
// folder's contract is read. What read returns compares the graph with it, and
// fills in the inputs and the tap.
var contracts = map[string]struct {
	modality models.Modality
	read     func(f *layout, s *models.Spec) (compare, error)
}{
	preprocessorFile: {models.Image, (*layout).imageSpec},
	configFile:       {models.Image, (*layout).imageSpec},
	tokenizerFile:    {models.Text, (*layout).textSpec},
}

// compare compares the graph at place with a contract.
type compare func(sum *onnx.Summary, place string) error

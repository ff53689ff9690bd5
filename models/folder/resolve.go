package folder

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
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
	processorFile    = "processor_config.json"
	backboneFile     = "backbone.json" // whoever has no other files writes it
)

// Options say what is wanted of a backbone. nil and the zero value mean what
// its files say.
type Options struct {
	Builtin fs.FS // the built-in backbones, such as builtin.FS; nil: there are none
	// Taps are taken in place of the backbone's own, each TENSOR or
	// TENSOR:POOLING, see models.Spec.SetTaps. With them a folder may leave
	// open which tensor is the embedding.
	Taps []string
	// Modality is what the samples are, "" if that is not known. It chooses in
	// a folder that has a backbone for each of several.
	Modality models.Modality
	// Precision chooses in a folder that has several files of one backbone:
	// "fp16" is onnx/model_fp16.onnx, "f32" onnx/model.onnx. "" takes the one
	// without a word behind model if there is one.
	Precision string
	// Facts are said of a graph that has no files around it, or not all of
	// them. One that a file says otherwise is a *ContradictionError, one that
	// is missing an *UnsaidError.
	Facts Facts
	// Prompt is put in front of every text, in place of the folder's default;
	// nil: that one.
	Prompt *Prompt
	// Tokens returns how many tokens the backbone makes of the contract's
	// Prefix, special ones before it included. It is called where the folder
	// leaves them out of the pooling, and nil refuses such a folder if there is
	// a prompt.
	Tokens func(t *models.TextSpec) (int, error)
}

// Prompt is what is put in front of every text.
type Prompt struct {
	// Name is that of one of the folder's prompts or, if it has none of that
	// name, the text itself.
	Name string
	Text string // if Name is ""
}

// Of returns the text of a prompt, given those of a folder.
func (p *Prompt) Of(known []models.Prompt) string {
	for _, k := range known {
		if p.Name != "" && k.Name == p.Name {
			return k.Text
		}
	}
	return cmp.Or(p.Name, p.Text)
}

// FilesError says that several files of a folder may be meant.
type FilesError struct {
	Folder string
	Files  []string // relative to Folder, slash-separated, sorted
	Asked  string   // Options.Precision, which none of Files has; "" if nothing was asked for
	// Modalities are those of Files, if they differ in that alone.
	Modalities []models.Modality
}

func (e *FilesError) Error() string {
	switch {
	case e.Asked != "":
		return fmt.Sprintf("models: %s: no file of the backbone has the precision %s; there are: %s", e.Folder, e.Asked, strings.Join(e.Files, ", "))
	case len(e.Modalities) > 0:
		return fmt.Sprintf("models: %s: there is a backbone each for %s: %s; name the file that is meant", e.Folder, plurals(e.Modalities), strings.Join(e.Files, ", "))
	}
	return fmt.Sprintf("models: %s: several files may be the backbone: %s; name the file that is meant", e.Folder, strings.Join(e.Files, ", "))
}

// plurals writes modalities for a message: "images and texts".
func plurals(ms []models.Modality) string {
	var words []string
	for _, m := range ms {
		words = append(words, m.Plural())
	}
	return strings.Join(words, " and ")
}

// ModalitiesError says that one file has a backbone for each of several kinds
// of samples, and that nothing says which is meant.
type ModalitiesError struct {
	Backbone   string
	Modalities []models.Modality
}

func (e *ModalitiesError) Error() string {
	return fmt.Sprintf("models: %s: the graph takes %s; which of them is meant?", e.Backbone, plurals(e.Modalities))
}

// HubError says that a name is the form of one on the Hugging Face Hub, and
// nothing of that name is on this machine.
type HubError struct{ Name string }

func (e *HubError) Error() string {
	return fmt.Sprintf("models: %s: there is no such folder here; a backbone of the Hub is downloaded first", e.Name)
}

// hubName is the form of a name on the Hugging Face Hub.
var hubName = regexp.MustCompile(`^[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*$`)

// Resolve is ResolveFor with the defaults of Options but for Builtin.
func Resolve(name string, builtin fs.FS) (*models.Spec, error) {
	return ResolveFor(name, &Options{Builtin: builtin})
}

// ResolveFor returns the complete description of a backbone. A name is that of
// a built-in backbone, the path of a folder in the Hugging Face layout, or the
// path of an .onnx file in such a folder or in its subfolder "onnx". A
// built-in name wins over a folder of the same name, which is reached as
// ./NAME.
//
// The weights are read and digested, the graph is walked and compared with the
// rest of the folder. See the package's comment for what is taken and which
// file decides. The name in the Spec is that of the file if the folder has
// several from which o chose.
func ResolveFor(name string, o *Options) (*models.Spec, error) {
	if o == nil {
		o = new(Options)
	}
	if err := o.Facts.Check(); err != nil {
		return nil, err
	}
	var known []Backbone
	if o.Builtin != nil {
		var err error
		if known, err = Builtin(o.Builtin); err != nil {
			return nil, err
		}
		for _, b := range known {
			if b.Name == name {
				if o.Precision != "" {
					return nil, &FilesError{Folder: name, Files: []string{"onnx/model.onnx"}, Asked: o.Precision}
				}
				s, err := resolveBuiltin(&b, o.Builtin)
				if err == nil {
					err = agree(s, name, o.Facts)
				}
				if against, ok := errors.AsType[*ContradictionError](err); ok {
					against.File = "" // nobody can change it
				}
				if err != nil {
					return nil, err
				}
				return s, chooseTaps(s, o.Taps, nil)
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
		case hubName.MatchString(name) && filepath.Ext(name) != ".onnx":
			return nil, &HubError{name}
		case o.Builtin == nil:
			return nil, fmt.Errorf("models: %s: neither a folder nor an .onnx file, and no built-in backbones are at hand here", name)
		}
		return nil, fmt.Errorf("models: %s: neither a built-in backbone (%s) nor a folder nor an .onnx file", name, names(known))
	}
	if info.IsDir() {
		f, dir, err := inner(name)
		if err != nil {
			return nil, err
		}
		f.options = *o
		weights, several, err := f.weights(o)
		if err != nil {
			return nil, err
		}
		file := filepath.Join(dir, filepath.FromSlash(weights))
		s, err := f.resolve(name, weights, filepath.Dir(file), o)
		if err == nil && several {
			s.Name = file
		}
		return s, err
	}
	if filepath.Ext(name) != ".onnx" {
		return nil, fmt.Errorf("models: %s: not an .onnx file", name)
	}
	f, weights, err := around(name)
	if err != nil {
		return nil, err
	}
	f.options = *o
	if o.Precision != "" {
		return nil, &FilesError{Folder: f.place, Files: []string{weights}, Asked: o.Precision}
	}
	return f.resolve(name, weights, filepath.Dir(name), o)
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
	weights, _, err := f.weights(new(Options))
	if err != nil {
		return nil, err
	}
	s, err := f.resolve(b.Name, weights, "", new(Options))
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

// A weightsFile is an .onnx file of a folder, by its name: onnx/ or not, what
// it is for, and its precision.
type weightsFile struct {
	path      string
	tower     models.Modality // "" if the name does not say
	precision string          // what stands behind "model_"; "f32" if nothing does
}

// towers are what stands before "model" in the names of the files of a
// backbone with a part for each modality.
var towers = map[string]models.Modality{"": "", "vision_": models.Image, "image_": models.Image, "visual_": models.Image, "text_": models.Text}

// weightsFiles lists the files of a folder that may be its backbone: those that
// are called so, or else all.
func (f *layout) weightsFiles() ([]weightsFile, error) {
	var called, all []weightsFile
	for _, pattern := range []string{"onnx/*.onnx", "*.onnx"} {
		found, err := fs.Glob(f.fsys, pattern)
		if err != nil {
			return nil, fmt.Errorf("models: %s: %w", f.place, err)
		}
		for _, p := range found {
			stem := strings.TrimSuffix(path.Base(p), ".onnx")
			before, behind, ok := strings.Cut(stem, "model")
			tower, known := towers[before]
			w := weightsFile{path: p, tower: tower, precision: "f32"}
			if word, cut := strings.CutPrefix(behind, "_"); cut {
				w.precision = word
			} else if behind != "" {
				ok = false
			}
			if all = append(all, w); ok && known {
				called = append(called, w)
			}
		}
	}
	if len(called) > 0 {
		return called, nil
	}
	return all, nil
}

// weights returns the path of the graph in a folder, and whether it was chosen
// from several.
func (f *layout) weights(o *Options) (name string, several bool, err error) {
	files, err := f.weightsFiles()
	if err != nil {
		return "", false, err
	}
	if len(files) == 0 {
		if table, err := f.table(); table != "" || err != nil {
			return table, false, err
		}
		return "", false, f.noGraph()
	}
	fit, plain := files, o.Precision == ""
	keep := func(want func(w weightsFile) bool) {
		if kept := slices.DeleteFunc(slices.Clone(fit), func(w weightsFile) bool { return !want(w) }); len(kept) > 0 {
			fit = kept
		}
	}
	if !plain {
		keep(func(w weightsFile) bool { return samePrecision(w.precision, o.Precision) })
		if !samePrecision(fit[0].precision, o.Precision) {
			return "", false, &FilesError{Folder: f.place, Files: paths(files), Asked: o.Precision}
		}
	}
	// One part alone, or the whole; of each the file without a word behind it.
	if o.Modality != "" && !slices.ContainsFunc(fit, func(w weightsFile) bool { return w.tower == "" && (!plain || w.precision == "f32") }) {
		keep(func(w weightsFile) bool { return w.tower == o.Modality })
	}
	keep(func(w weightsFile) bool { return w.tower == "" })
	if plain {
		keep(func(w weightsFile) bool { return w.precision == "f32" })
	}
	if len(fit) == 1 {
		return fit[0].path, len(files) > 1 && (!plain || o.Modality != "" && fit[0].tower != ""), nil
	}
	e := &FilesError{Folder: f.place, Files: paths(fit)}
	for _, w := range fit {
		if w.tower == "" || slices.Contains(e.Modalities, w.tower) {
			e.Modalities = nil
			break
		}
		e.Modalities = append(e.Modalities, w.tower)
	}
	return "", false, e
}

// foreign are files of models that are no ONNX graphs, with what makes one of
// them: %[1]s is the folder, %[2]s the file.
var foreign = []struct{ pattern, does string }{
	{"*.ort", "%[2]s is of ONNX Runtime's own format; the .onnx file that it was made of is needed"},
	{"*.safetensors", exporting}, {"pytorch_model*.bin", exporting},
	{"tf_model.h5", exporting}, {"saved_model.pb", "python -m tf2onnx.convert --saved-model %[1]s --output %[1]s/model.onnx makes one of %[2]s"},
}

const exporting = "optimum-cli export onnx --model %[1]s --task feature-extraction NEW makes one of %[2]s"

// noGraph is the error for a folder that has no ONNX graph.
func (f *layout) noGraph() error {
	how := "no .onnx file is there at all"
	for _, other := range foreign {
		found, err := fs.Glob(f.fsys, other.pattern)
		if err != nil {
			return fmt.Errorf("models: %s: %w", f.place, err)
		}
		if len(found) > 0 {
			how = fmt.Sprintf(other.does, f.place, found[0])
			break
		}
	}
	return fmt.Errorf("models: %s: there is neither onnx/model.onnx nor model.onnx; a backbone is exported to ONNX first: %s", f.place, how)
}

// samePrecision tells whether a file's word is that which was asked for.
func samePrecision(word, asked string) bool {
	same := map[string]string{"fp16": "f16", "float16": "f16", "fp32": "f32", "float32": "f32", "quantized": "int8", "q8": "int8"}
	return cmp.Or(same[word], word) == cmp.Or(same[asked], asked)
}

func paths(files []weightsFile) []string {
	var all []string
	for _, w := range files {
		all = append(all, w.path)
	}
	slices.Sort(all)
	return all
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
	kinds, err := f.contracts()
	if err != nil {
		return nil, "", err
	}
	if len(kinds) > 0 {
		return f, base, f.outer(dir)
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
		f = &layout{fsys: draft.FS(up), place: up}
		return f, "onnx/" + base, f.outer(up)
	}
	return f, base, nil
}

// said returns the modality that backbone.json says, "" if it says none.
func (f *layout) said() (models.Modality, error) {
	o, err := f.optional(backboneFile)
	if err != nil || o == nil || !o.has("modality") {
		return "", err
	}
	word, err := o.text("modality")
	if err != nil {
		return "", err
	}
	switch m := models.Modality(word); m {
	case models.Image, models.Text, models.Numbers:
		return m, nil
	}
	return "", o.errorf("modality", "%.100q is none of image, text and numbers", word)
}

// contracts returns the modalities for which a folder has a contract: the one
// that backbone.json says, if it says one.
func (f *layout) contracts() ([]models.Modality, error) {
	if said, err := f.said(); err != nil || said != "" {
		return []models.Modality{said}, err
	}
	var kinds []models.Modality
	image, err := f.has(preprocessorFile)
	if err != nil {
		return nil, err
	}
	own, err := f.ownSays(models.Image)
	if err != nil {
		return nil, err
	}
	clip, err := f.openClipObject()
	if err != nil {
		return nil, err
	}
	image = image || own || clip != nil
	for _, name := range []string{configFile, processorFile, backboneFile} {
		o, err := f.optional(name)
		if err != nil {
			return nil, err
		}
		image = image || o != nil && (name == configFile && isFlatTimm(o) ||
			name != processorFile && o.has("pretrained_cfg") || name != configFile && o.has("image_processor"))
	}
	if image {
		kinds = append(kinds, models.Image)
	}
	text, err := f.has(path.Join(f.textDir(), tokenizerFile))
	if err == nil && !text {
		var older string
		if older, err = f.slowFile(f.textDir()); older != "" {
			text = true
		}
	}
	if text {
		kinds = append(kinds, models.Text)
	}
	return kinds, err
}

// fed returns the modalities that the inputs of a graph are for.
func fed(sum *onnx.Summary) []models.Modality {
	var kinds []models.Modality
	for _, v := range sum.Inputs {
		kind := models.Image
		if roles[v.Name] != "" {
			kind = models.Text
		} else if v.Kind != "tensor" || v.Shape != nil && len(v.Shape) != 4 || strings.HasPrefix(v.Name, cachedInput) {
			continue
		}
		if !slices.Contains(kinds, kind) {
			kinds = append(kinds, kind)
		}
	}
	slices.Sort(kinds)
	return kinds
}

// cachedInput begins the names of a decoder's inputs that hold what it has
// computed of earlier tokens, in four dimensions as an image has.
const cachedInput = "past_key_values"

// modality decides what the backbone takes: what the folder has a contract for
// and the graph inputs for and, if that is more than one, what is asked for. A
// folder without a contract leaves it to the graph.
func (f *layout) modality(name string, sum *onnx.Summary, o *Options) (models.Modality, error) {
	if said, err := f.said(); err != nil || said != "" {
		return said, err
	}
	kinds, err := f.contracts()
	if err != nil {
		return "", err
	}
	if len(kinds) == 0 && (bareNumbers(sum) || o.Modality == models.Numbers) {
		return models.Numbers, nil
	}
	graph := fed(sum)
	both := slices.DeleteFunc(slices.Clone(kinds), func(m models.Modality) bool { return !slices.Contains(graph, m) })
	if len(both) == 0 && len(graph) == 1 {
		return graph[0], nil // what is missing is asked for by name
	}
	switch {
	case len(kinds) == 1:
		return kinds[0], nil
	case len(kinds) == 0 && len(graph) == 0:
		return "", fmt.Errorf("models: %s: the graph takes neither images, FLOAT[batch,3,height,width], nor token ids called input_ids, nor numbers, FLOAT[batch,length]; its inputs are: %s; {\"modality\": \"numbers\"} in %s says that numbers are fed as they are", f.place, list(sum.Inputs), f.path(backboneFile))
	case len(kinds) == 0:
		kinds, both = graph, graph
	}
	switch {
	case len(both) == 1:
		return both[0], nil
	case slices.Contains(both, o.Modality), len(both) == 0 && slices.Contains(kinds, o.Modality):
		return o.Modality, nil
	case len(both) == 0:
		return "", fmt.Errorf("models: %s: the files are those of a backbone for %s, but the graph takes neither; its inputs are: %s", f.place, plurals(kinds), list(sum.Inputs))
	}
	return "", &ModalitiesError{name, both}
}

// resolve reads the folder's contract and the graph at weights, whose external
// data lies in dir.
func (f *layout) resolve(name, weights, dir string, o *Options) (*models.Spec, error) {
	s := &models.Spec{Name: name}
	f.log = new(reading)
	sum, err := f.graph(s, weights, dir)
	if err != nil {
		return nil, err
	}
	var own func() error
	if s.Exported != nil {
		own, err = f.exportedSpec(s, sum, weights)
	} else if s.Modality, err = f.modality(name, sum, o); err == nil {
		own, err = contracts[s.Modality](f, s, &wanted{sum, f.path(weights), o.Facts})
	}
	if err == nil {
		err = checkLevels(s, f.path(weights))
	}
	if err != nil {
		return nil, err
	}
	if err := chooseTaps(s, o.Taps, own); err != nil {
		if random, ok := errors.AsType[*onnx.RandomError](err); ok {
			return nil, f.masked(s, random.Operator)
		}
		return nil, err
	}
	for i := range f.log.origins {
		f.log.origins[i].File = strings.TrimPrefix(f.log.origins[i].File, f.place+"/")
	}
	// By file, in the order in which the files were read first.
	var files []string
	for _, from := range f.log.origins {
		if !slices.Contains(files, from.File) {
			files = append(files, from.File)
		}
	}
	slices.SortStableFunc(f.log.origins, func(a, b models.Origin) int {
		return slices.Index(files, a.File) - slices.Index(files, b.File)
	})
	s.Origins, s.Notes = f.log.origins, append(f.log.notes, fitNotes(s)...)
	if f.aside != "" {
		s.Notes = append(s.Notes, f.aside)
	}
	if err := agree(s, f.place, o.Facts); err != nil {
		return nil, err
	}
	return s, nil
}

// noisy says of a model_type of config.json whose exports draw random numbers
// what they are drawn for, and what to export in its place.
var noisy = map[string]string{
	"vit_mae": "a vit_mae leaves out most of an image, by noise, in every forward pass; the same weights see all of it in a ViTModel: ViTModel.from_pretrained(DIR, add_pooling_layer=False).save_pretrained(NEW) of the library transformers makes one of its PyTorch files; export that",
}

// masked is the error for a graph in which what is tapped depends on random
// numbers.
func (f *layout) masked(s *models.Spec, operator string) error {
	config, err := f.optional(configFile)
	if err != nil {
		return err
	}
	why := "export the model for inference, with noise, masks and dropout off"
	if config != nil && config.has("model_type") {
		kind, err := config.text("model_type")
		if err != nil {
			return err
		}
		why = cmp.Or(noisy[kind], why)
	}
	return fmt.Errorf("models: %s: the graph draws random numbers (%s), so that an embedding is another one each time: %s", s.Weights.Path, operator, why)
}

// chooseTaps gives s the taps that were asked for, if any. own sets the
// backbone's own tap, nil if it stands in s.
func chooseTaps(s *models.Spec, taps []string, own func() error) error {
	if own != nil {
		if err := own(); err != nil && len(taps) == 0 {
			return err
		}
	}
	if len(taps) == 0 || len(taps) == 1 && len(s.Taps) == 1 && taps[0] == s.Taps[0].Output+":"+s.Taps[0].Pooling {
		return nil
	}
	return s.SetTaps(taps)
}

// wanted is a graph that a contract is wanted for.
type wanted struct {
	sum   *onnx.Summary
	place string
	facts Facts // that are given
}

// contracts says, for each modality, how the folder's contract is read into s
// and compared with the graph, whose inputs it fills in. What it returns sets
// the backbone's own tap.
var contracts = map[models.Modality]func(f *layout, s *models.Spec, w *wanted) (own func() error, err error){
	models.Image:   (*layout).imageSpec,
	models.Text:    (*layout).textSpec,
	models.Numbers: (*layout).numbersSpec,
}

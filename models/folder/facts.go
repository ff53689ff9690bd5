package folder

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/onnx"
)

// Facts are what a user knows of a graph that has no files around it: how an
// image becomes what the graph is fed, or how long a text may be. The keys are
// those of FactList; an empty value says nothing. They are the plain keys of
// backbone.json too, with these values as strings, or as the numbers and lists
// that they stand for.
type Facts map[string]string

// Fact is one of what Facts may say.
type Fact struct {
	Key      string
	Modality models.Modality // of the samples that it is about
	Needed   bool            // a graph without files needs it
	Words    []string        // what it can be; nil: a value of the form Form
	Form     string          // "N|WxH"
	Default  string          // what stands for it where it is not said, "" if it is needed
}

// A factKind is a Fact, and how it stands in a contract.
type factKind struct {
	Fact
	set  func(c models.Contract, word string) error
	word func(c models.Contract) string
	// named are the last parts of the fields of other files that say the same,
	// those that decide first.
	named []string
}

func ofImage(f Fact, named []string, set func(s *models.ImageSpec, word string) error, word func(s *models.ImageSpec) string) factKind {
	f.Modality = models.Image
	return factKind{f,
		func(c models.Contract, w string) error { return set(c.(*models.ImageSpec), w) },
		func(c models.Contract) string { return word(c.(*models.ImageSpec)) }, named}
}

// layoutKey is the fact that the shape of an input may tell.
const layoutKey = "layout"

// factKinds is the one list of facts. How much levels are, rescale, comes
// before the mean that is taken off them.
var factKinds = []factKind{
	ofImage(Fact{Key: "size", Needed: true, Form: "N|WxH"}, []string{"size", "height", "width", "shortest_edge", "input_size", "crop_pct", "crop_mode"},
		func(s *models.ImageSpec, word string) error {
			w, h, one, err := sidesOf(word)
			s.Resize.Mode, s.Resize.Width, s.Resize.Height = "exact", w, h
			if one {
				s.Resize.Mode = "short"
			}
			return err
		},
		func(s *models.ImageSpec) string {
			switch r := s.Resize; r.Mode {
			case "short":
				return strconv.Itoa(r.Width)
			case "exact":
				return fmt.Sprintf("%dx%d", r.Width, r.Height)
			default:
				return fmt.Sprintf("%s %dx%d", r.Mode, r.Width, r.Height)
			}
		}),
	ofImage(Fact{Key: "filter", Needed: true, Words: filters}, []string{"resample", "interpolation"},
		func(s *models.ImageSpec, word string) error { s.Resize.Filter = word; return nil },
		func(s *models.ImageSpec) string { return s.Resize.Filter }),
	ofImage(Fact{Key: "crop", Form: "N|WxH|none", Default: "none"}, []string{"do_center_crop", "crop_size", "input_size"},
		func(s *models.ImageSpec, word string) (err error) {
			if s.Crop = (models.Crop{}); word != "none" {
				// Rounded as by torchvision, which bare graphs come from.
				s.Crop.Offset = "half-even"
				s.Crop.Width, s.Crop.Height, _, err = sidesOf(word)
			}
			return err
		},
		func(s *models.ImageSpec) string {
			if s.Crop.Width == 0 {
				return "none"
			}
			return fmt.Sprintf("%dx%d", s.Crop.Width, s.Crop.Height)
		}),
	ofImage(Fact{Key: "rescale", Form: "N", Default: "1/255"}, []string{"do_rescale", "rescale_factor"},
		func(s *models.ImageSpec, word string) (err error) {
			if s.Rescale, err = numberOf(word); err == nil && s.Rescale <= 0 {
				err = fmt.Errorf("%s is not positive", word)
			}
			return err
		},
		func(s *models.ImageSpec) string { return strconv.FormatFloat(s.Rescale, 'g', -1, 64) }),
	ofImage(Fact{Key: "mean", Needed: true, Form: "N|R,G,B"}, []string{"mean", "image_mean", "do_normalize"},
		func(s *models.ImageSpec, word string) (err error) {
			if s.Mean, err = triplesOf(word); err != nil {
				return err
			}
			if most := 255 * s.Rescale; slices.Min(s.Mean[:]) < 0 || slices.Max(s.Mean[:]) > most*1.0001 {
				return fmt.Errorf("%s is no mean of values from 0 to %g, which levels are times rescale, %g", word, most, s.Rescale)
			}
			return nil
		},
		func(s *models.ImageSpec) string { return joined(s.Mean) }),
	ofImage(Fact{Key: "std", Needed: true, Form: "N|R,G,B"}, []string{"std", "image_std", "do_normalize"},
		func(s *models.ImageSpec, word string) (err error) {
			if s.Std, err = triplesOf(word); err == nil && slices.Min(s.Std[:]) <= 0 {
				err = fmt.Errorf("%s: a deviation is not positive", word)
			}
			return err
		},
		func(s *models.ImageSpec) string { return joined(s.Std) }),
	ofImage(Fact{Key: "channels", Words: []string{"rgb", "bgr"}, Default: "rgb"}, []string{"do_flip_channel_order"},
		func(s *models.ImageSpec, word string) error {
			s.Channels = strings.TrimPrefix(word, "rgb")
			return nil
		},
		func(s *models.ImageSpec) string { return cmp.Or(s.Channels, "rgb") }),
	ofImage(Fact{Key: layoutKey, Words: []string{"nchw", "nhwc"}, Default: "what the graph's input says"}, []string{"data_format"},
		func(s *models.ImageSpec, word string) error { s.Layout = word; return nil },
		func(s *models.ImageSpec) string { return s.Layout }),
	{
		Fact:  Fact{Key: "max_length", Modality: models.Text, Needed: true, Form: "N"},
		named: []string{"max_seq_length", "model_max_length", "max_position_embeddings", "max_length"},
		set: func(c models.Contract, word string) error {
			n, err := strconv.Atoi(word)
			if err != nil || n < 1 || n > maxTokens {
				return fmt.Errorf("%.100s is not a number of tokens from 1 to %d", word, maxTokens)
			}
			c.(*models.TextSpec).MaxLen = n
			return nil
		},
		word: func(c models.Contract) string { return strconv.Itoa(c.(*models.TextSpec).MaxLen) },
	},
}

// FactList lists what Facts may say.
func FactList() []Fact {
	var all []Fact
	for _, k := range factKinds {
		all = append(all, k.Fact)
	}
	return all
}

// Same tells whether f says nothing else than other does of what both say.
// Where it does, key is the first that differs.
func (f Facts) Same(other Facts) (key string, same bool) {
	for i := range factKinds {
		k := &factKinds[i]
		if a, b := f[k.Key], other[k.Key]; a != "" && b != "" && !k.same(a, b) {
			return k.Key, false
		}
	}
	return "", true
}

// Check is an error, a *FactError, if facts are none or not of their form.
func (f Facts) Check() error {
	for _, key := range slices.Sorted(maps.Keys(f)) {
		if f[key] == "" {
			continue
		}
		k := factOf(key)
		if k == nil {
			return fmt.Errorf("models: %w", &FactError{key, f[key], fmt.Errorf("it is none of %s", strings.Join(factKeys(), ", "))})
		}
		if err := k.check(f[key]); err != nil {
			return fmt.Errorf("models: %w", &FactError{key, f[key], err})
		}
	}
	return nil
}

// FactError says that a fact is not of its form.
type FactError struct {
	Key, Value string
	Err        error // what is wrong with it
}

func (e *FactError) Error() string { return fmt.Sprintf("%s: %v", e.Key, e.Err) }
func (e *FactError) Unwrap() error { return e.Err }

// ContradictionError says that a fact in Options is not what a file of the
// folder says.
type ContradictionError struct {
	Backbone string
	Key      string
	Given    string // in Options
	File     string // "": it is a built-in backbone
	Says     string // as a fact is written
}

func (e *ContradictionError) Error() string {
	return fmt.Sprintf("models: %s: %s is given as %s, but %s says %s", e.Backbone, e.Key, e.Given, cmp.Or(e.File, "the built-in backbone"), e.Says)
}

// UnsaidError says what has to be known of a graph and stands neither in a file
// beside it nor in Options.Facts.
type UnsaidError struct {
	Place    string // of the graph, or of the folder
	Why      string // what is not known
	Modality models.Modality
	Facts    []Fact // that are missing
	File     string // where they can be written down
	Width    int    // of the images that the graph takes, pixels; 0: it does not say
	Height   int
}

func (e *UnsaidError) Error() string { return fmt.Sprintf("models: %s: %s", e.Place, e.Why) }

func factOf(key string) *factKind {
	if i := slices.IndexFunc(factKinds, func(k factKind) bool { return k.Key == key }); i >= 0 {
		return &factKinds[i]
	}
	return nil
}

func factKeys() []string {
	var keys []string
	for _, k := range factKinds {
		keys = append(keys, k.Key)
	}
	return keys
}

// about tells whether a fact is about samples of a contract.
func (k *factKind) about(c models.Contract) bool {
	switch c.(type) {
	case *models.ImageSpec:
		return k.Modality == models.Image
	case *models.TextSpec:
		return k.Modality == models.Text
	}
	return false
}

// blank returns a contract of the fact's modality for it to stand in by itself:
// levels are as large as can be, so that any mean is one of theirs.
func (k *factKind) blank() models.Contract {
	if k.Modality == models.Image {
		s := base()
		s.Rescale = math.MaxFloat32
		return s
	}
	return new(models.TextSpec)
}

// check is an error if a word is none for the fact.
func (k *factKind) check(word string) error { return k.put(k.blank(), word) }

// put writes a fact into a contract.
func (k *factKind) put(c models.Contract, word string) error {
	if k.Words != nil && !slices.Contains(k.Words, word) {
		return fmt.Errorf("%.100s is none of %s", word, strings.Join(k.Words, ", "))
	}
	return k.set(c, word)
}

// same tells whether two words say the same of a contract like c.
func (k *factKind) same(a, b string) bool {
	ca, cb := k.blank(), k.blank()
	return k.put(ca, a) == nil && k.put(cb, b) == nil && k.word(ca) == k.word(cb)
}

// sidesOf reads "N", both sides, or "WxH".
func sidesOf(word string) (w, h int, one bool, err error) {
	a, b, both := strings.Cut(word, "x")
	if !both {
		b = a
	}
	w, err = strconv.Atoi(a)
	if err == nil {
		h, err = strconv.Atoi(b)
	}
	if err != nil || min(w, h) < 1 || max(w, h) > maxSide {
		return 0, 0, false, fmt.Errorf("%.100s is neither N nor WIDTHxHEIGHT, pixels from 1 to %d", word, maxSide)
	}
	return w, h, !both, nil
}

// numberOf reads a number, or a fraction such as 1/255.
func numberOf(word string) (float64, error) {
	above, below, fraction := strings.Cut(word, "/")
	x, err := strconv.ParseFloat(strings.TrimSpace(above), 64)
	if err == nil && fraction {
		var y float64
		if y, err = strconv.ParseFloat(strings.TrimSpace(below), 64); err == nil {
			x /= y
		}
	}
	if err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
		return 0, fmt.Errorf("%.100s is not a number", word)
	}
	return x, nil
}

// triplesOf reads three numbers, or one that stands for all three.
func triplesOf(word string) (x [3]float64, err error) {
	words := strings.Split(word, ",")
	if len(words) == 1 {
		words = []string{word, word, word}
	}
	if len(words) != 3 {
		return x, fmt.Errorf("%.100s is neither one number nor three, of red, green and blue, with commas between", word)
	}
	for i, w := range words {
		if x[i], err = numberOf(w); err != nil {
			return x, err
		}
	}
	return x, nil
}

// joined writes three numbers, one if they are the same.
func joined(x [3]float64) string {
	var words []string
	for _, v := range x {
		words = append(words, strconv.FormatFloat(v, 'g', -1, 64))
	}
	if x[0] == x[1] && x[1] == x[2] {
		return words[0]
	}
	return strings.Join(words, ",")
}

// ownKeys are the keys of backbone.json beside the plain ones.
var ownKeys = []string{"image_processor", "pretrained_cfg", "tap", "modality", "shape"}

// own returns backbone.json and the facts in it. nil: there is no such file.
func (f *layout) own() (*object, Facts, error) {
	o, err := f.optional(backboneFile)
	if err != nil || o == nil {
		return nil, nil, err
	}
	facts := Facts{}
	for _, key := range slices.Sorted(maps.Keys(o.fields)) {
		k := factOf(key)
		switch {
		case k == nil && slices.Contains(ownKeys, key):
			continue
		case k == nil:
			return nil, nil, o.errorf(key, "the key is not known; known are %s, %s", strings.Join(factKeys(), ", "), strings.Join(ownKeys, ", "))
		case !o.has(key):
			continue
		}
		for _, whole := range ownKeys[:2] {
			if o.has(whole) && k.Modality == models.Image {
				return nil, nil, o.errorf(key, "%s says it; leave one of them out", whole)
			}
		}
		word, err := wordOf(o.fields[key])
		if err == nil {
			err = k.check(word)
		}
		if err != nil {
			return nil, nil, o.errorf(key, "%w", err)
		}
		facts[key] = word
	}
	return o, facts, nil
}

// wordOf writes a value of JSON as a fact is given: a string, a number or a
// list of numbers.
func wordOf(raw json.RawMessage) (string, error) {
	var word string
	if json.Unmarshal(raw, &word) == nil {
		return word, nil
	}
	list := []json.Number{""}
	err := json.Unmarshal(raw, &list[0])
	if err != nil {
		err = json.Unmarshal(raw, &list)
	}
	if err != nil {
		return "", fmt.Errorf("%.100s is neither a string, a number nor a list of numbers", raw)
	}
	var words []string
	for _, n := range list {
		words = append(words, n.String())
	}
	return strings.Join(words, ","), nil
}

// say reads what is said of samples of modality m: the facts of backbone.json,
// and those that are given, which may not contradict them.
func (f *layout) say(m models.Modality, given Facts) (facts Facts, err error) {
	o, own, err := f.own()
	if err != nil {
		return nil, err
	}
	facts = Facts{}
	for i := range factKinds {
		k := &factKinds[i]
		a, b := own[k.Key], given[k.Key]
		switch {
		case k.Modality != m:
			continue
		case a != "" && b != "" && !k.same(a, b):
			return nil, &ContradictionError{f.place, k.Key, b, backboneFile, a}
		case a != "":
			facts[k.Key] = a
			o.pixels = m == models.Image
			o.used(k.Key)
		case b != "":
			facts[k.Key] = b
			if f.log != nil {
				f.log.origins = append(f.log.origins, models.Origin{Field: k.Key, Value: b, Pixels: m == models.Image})
			}
		}
	}
	return facts, nil
}

// ownSays tells whether backbone.json has facts about samples of modality m:
// then it decides, and other files do not.
func (f *layout) ownSays(m models.Modality) (bool, error) {
	_, own, err := f.own()
	for key := range own {
		if factOf(key).Modality == m {
			return true, err
		}
	}
	return false, err
}

// factImage makes a contract of facts, for a graph that has the input in.
func (f *layout) factImage(facts Facts, in onnx.Value, place string) (*models.ImageSpec, error) {
	s := base()
	s.Rescale = 1. / 255
	e := &UnsaidError{Place: place, Modality: models.Image, File: f.path(backboneFile)}
	first, last := int64(-1), int64(-1) // where channels may be
	if len(in.Shape) == 4 {
		first, last = in.Shape[1].Size, in.Shape[3].Size
	}
	if last == 3 && first != 3 {
		s.Layout = "nhwc"
	}
	for i := range factKinds {
		k := &factKinds[i]
		word := facts[k.Key]
		switch {
		case k.Modality != models.Image:
		case word != "":
			if err := k.put(s, word); err != nil {
				return nil, fmt.Errorf("models: %s: %w", place, &FactError{k.Key, word, err})
			}
		case k.Needed, k.Key == layoutKey && first != 3 && last != 3,
			// The shorter side alone leaves the longer one open.
			k.Key == "crop" && s.Resize.Mode == "short":
			e.Facts = append(e.Facts, k.Fact)
		case k.Default != "" && k.Key != layoutKey && f.log != nil:
			f.log.origins = append(f.log.origins, models.Origin{Field: k.Key, Value: k.Default, Default: true, Pixels: true})
		}
	}
	if s.Crop.Width == 0 && s.Resize.Mode == "short" && facts["crop"] != "" {
		return nil, fmt.Errorf("models: %s: %w", place, &FactError{"crop", facts["crop"],
			fmt.Errorf("without a crop a size of one number, %d, gives images of different sizes; a size of WIDTHxHEIGHT gives one size", s.Resize.Width)})
	}
	if len(e.Facts) > 0 {
		var keys []string
		for _, k := range e.Facts {
			keys = append(keys, k.Key)
		}
		e.Why = fmt.Sprintf("nothing says how an image becomes what the graph takes, %q %s; missing: %s (there is no %s, no pretrained_cfg in %s, and %s does not have it; if it takes numbers as they are and no image, that says \"modality\": \"numbers\")",
			in.Name, form(in), strings.Join(keys, ", "), preprocessorFile, configFile, backboneFile)
		if len(in.Shape) == 4 {
			h, w := in.Shape[2].Size, in.Shape[3].Size
			if s.Layout == "nhwc" {
				h, w = in.Shape[1].Size, h
			}
			if h > 0 && w > 0 {
				e.Width, e.Height = int(w), int(h)
			}
		}
		return nil, e
	}
	return s, nil
}

// agree is an error if facts that are given are not those of the contract that
// files gave.
func agree(s *models.Spec, place string, given Facts) error {
	for i := range factKinds {
		k := &factKinds[i]
		word := given[k.Key]
		if word == "" || !k.about(s.Contract) || k.same(word, k.word(s.Contract)) {
			continue
		}
		says, file := k.word(s.Contract), ""
		if k.Key == layoutKey {
			file = s.Weights.Path
		}
		// Of several files that limit the length of a text, it is the one that
		// has that limit.
		decides := func(o models.Origin) bool { return o.Pixels || k.Modality == models.Text && o.Value == says }
		for _, name := range k.named {
			for _, o := range s.Origins {
				if file == "" && o.Field[strings.LastIndexByte(o.Field, '.')+1:] == name && decides(o) {
					file = o.File
				}
			}
		}
		for _, o := range s.Origins {
			if file == "" && o.Pixels {
				file = o.File
			}
		}
		if file == "" { // the graph takes no more tokens
			file = s.Weights.Path
		}
		return &ContradictionError{place, k.Key, word, path.Base(file), says}
	}
	return nil
}

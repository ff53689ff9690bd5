package contract

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/headstart-ml/headstart/extract/text"
	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/folder"
)

// DTypes lists how a value of an embedding can be kept, the default first.
var DTypes = []string{"f32", "f16"}

// Choice is what a user may choose of a backbone's contract. An empty field
// leaves what the backbone has.
type Choice struct {
	Taps  []string        // each TENSOR or TENSOR:POOLING
	DType string          // how embeddings are kept, one of DTypes
	Image models.Policies // of an image backbone
	// Modality and Precision choose in a folder that has several backbones, or
	// several files of one, see folder.Options.
	Modality  models.Modality
	Precision string
	// Facts are said of a graph that has no files around it, see
	// folder.Options.
	Facts folder.Facts
	Text  TextChoice // of a text backbone
	// Dim keeps the first numbers of each embedding, see models.Spec.SetDim; 0
	// keeps all.
	Dim int
}

// TextChoice is what a user may choose of how texts are read.
type TextChoice struct {
	Prompt *folder.Prompt // see folder.Options
	// Long says what becomes of texts with more tokens than the backbone takes:
	// one of Longs.
	Long string
	// Overlap is that of windows; 0: an eighth of what the backbone takes.
	Overlap int
}

// Truncate is the value of TextChoice.Long that leaves what a backbone has.
const Truncate = "truncate"

// Longs lists the values of TextChoice.Long, the default first.
var Longs = []string{Truncate, models.LongChunks, models.LongError}

// Chosen names what is chosen of texts, "prompt" or "long", "" if nothing is.
func (c *TextChoice) Chosen() string {
	switch {
	case c.Prompt != nil:
		return "prompt"
	case c.Long != "":
		return "long"
	}
	return ""
}

// Resolve resolves a backbone as c says; nil means what its files say. builtin
// holds the built-in backbones; with nil there are none. Errors are those of
// folder.ResolveFor and of Apply.
func (c *Choice) Resolve(backbone string, builtin fs.FS) (*models.Spec, error) {
	if c == nil {
		c = new(Choice)
	}
	spec, err := folder.ResolveFor(backbone, &folder.Options{
		Builtin: builtin, Taps: c.Taps, Modality: c.Modality, Precision: c.Precision, Facts: c.Facts, Prompt: c.Text.Prompt, Tokens: PromptTokens,
	})
	if err != nil {
		return nil, err
	}
	return spec, c.rest(spec)
}

// PromptTokens is a folder.Options.Tokens: the tokens of the prompt alone, but
// for the special one at its end, as the library sentence-transformers counts
// them.
func PromptTokens(t *models.TextSpec) (int, error) {
	tok, err := text.New(t.Tokenizer, &text.Options{Truncation: &text.Truncation{MaxLen: t.MaxLen}, Lowercase: t.Lowercase})
	if err != nil {
		return 0, err
	}
	ids, err := tok.AppendIDs(nil, t.Prefix)
	if err != nil {
		return 0, err
	}
	if _, after := tok.Special(); len(after) > 0 {
		return len(ids) - 1, nil
	}
	return len(ids), nil
}

// PolicyError says that something was chosen for a backbone that takes other
// samples.
type PolicyError struct {
	Backbone string
	Policy   string          // its name in a space, "alpha"
	Of       models.Modality // what it is for
	Takes    models.Modality
}

func (e *PolicyError) Error() string {
	return fmt.Sprintf("contract: backbone %s: %s is for %s, and it takes %s", e.Backbone, e.Policy, e.Of.Plural(), e.Takes.Plural())
}

// Apply changes spec as c says. An error of SetTaps is as it is; a policy that
// does not fit is a *PolicyError.
func (c *Choice) Apply(spec *models.Spec) error {
	if len(c.Taps) > 0 && !own(spec, c.Taps) {
		if err := spec.SetTaps(c.Taps); err != nil {
			return err
		}
	}
	return c.rest(spec)
}

// rest is Apply without taps.
func (c *Choice) rest(spec *models.Spec) error {
	if c.DType != "" {
		taps := make([]models.Tap, len(spec.Taps))
		for i, t := range spec.Taps {
			t.DType = c.DType
			taps[i] = t
		}
		spec.Taps = taps
	}
	if c.Dim != 0 {
		if err := spec.SetDim(c.Dim); err != nil {
			return err
		}
	}
	if err := c.Text.apply(spec); err != nil {
		return err
	}
	policies := c.Image.Chosen()
	if len(policies) == 0 {
		return nil
	}
	own, ok := spec.Contract.(*models.ImageSpec)
	if !ok {
		return &PolicyError{spec.Name, policies[0].Name, models.Image, spec.Modality}
	}
	image := *own
	for _, p := range policies {
		image.Set(p.Name, p.Value)
	}
	spec.Contract = &image
	return nil
}

// apply changes how texts are read.
func (c *TextChoice) apply(spec *models.Spec) error {
	name := c.Chosen()
	if name == "" {
		return nil
	}
	own, ok := spec.Contract.(*models.TextSpec)
	if !ok {
		return &PolicyError{spec.Name, name, models.Text, spec.Modality}
	}
	t := *own
	if c.Prompt != nil {
		t.Prefix = c.Prompt.Of(spec.Prompts)
	}
	if t.Long = c.Long; t.Long == Truncate {
		t.Long = ""
	}
	if t.Long == models.LongChunks {
		const share = 8 // of a window that it has in common with the next one
		if t.Overlap = c.Overlap; t.Overlap == 0 {
			t.Overlap = t.MaxLen / share
		}
	}
	if t.Long != "" && !slices.Contains(Longs, t.Long) {
		return fmt.Errorf("contract: backbone %s: long %.40q is none of %s", spec.Name, t.Long, strings.Join(Longs, ", "))
	}
	spec.Contract = &t
	return nil
}

// own tells whether the taps that are asked for are the backbone's own, whose
// graph is run as it is.
func own(spec *models.Spec, taps []string) bool {
	t := spec.Taps[0]
	return len(taps) == 1 && len(spec.Taps) == 1 && taps[0] == TapName(t)
}

// TapName writes a tap as Choice.Taps takes it.
func TapName(t models.Tap) string { return t.Tensor() + ":" + t.Pooling }

package contract

import (
	"fmt"
	"io/fs"

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
}

// Resolve resolves a backbone as c says; nil means what its files say. builtin
// holds the built-in backbones; with nil there are none. Errors are those of
// folder.ResolveFor and of Apply.
func (c *Choice) Resolve(backbone string, builtin fs.FS) (*models.Spec, error) {
	if c == nil {
		c = new(Choice)
	}
	spec, err := folder.ResolveFor(backbone, &folder.Options{Builtin: builtin, Taps: c.Taps, Modality: c.Modality, Precision: c.Precision, Facts: c.Facts})
	if err != nil {
		return nil, err
	}
	return spec, c.rest(spec)
}

// PolicyError says that a policy for images was chosen for a backbone that
// takes none.
type PolicyError struct {
	Backbone string
	Policy   string // its name in a space, "alpha"
	Takes    models.Modality
}

func (e *PolicyError) Error() string {
	return fmt.Sprintf("contract: backbone %s: %s is for images, and it takes %ss", e.Backbone, e.Policy, e.Takes)
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
	policies := c.Image.Chosen()
	if len(policies) == 0 {
		return nil
	}
	own, ok := spec.Contract.(*models.ImageSpec)
	if !ok {
		return &PolicyError{spec.Name, policies[0].Name, spec.Modality}
	}
	image := *own
	for _, p := range policies {
		image.Set(p.Name, p.Value)
	}
	spec.Contract = &image
	return nil
}

// own tells whether the taps that are asked for are the backbone's own, whose
// graph is run as it is.
func own(spec *models.Spec, taps []string) bool {
	t := spec.Taps[0]
	return len(taps) == 1 && len(spec.Taps) == 1 && taps[0] == TapName(t)
}

// TapName writes a tap as Choice.Taps takes it.
func TapName(t models.Tap) string { return t.Output + ":" + t.Pooling }

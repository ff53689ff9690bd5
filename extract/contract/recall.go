package contract

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract/image"
	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/folder"
)

// DifferenceError says that a backbone does not give embeddings of a space any
// more: it is another one now, or this program prepares samples in another way.
type DifferenceError struct {
	Backbone string
	Space    int    // the number of the space, from 0
	Field    string // of the space's identity, such as "prep.alpha"
	Was      string // in the space, "" if it is absent
	Is       string // now, "" if it is absent
}

func (e *DifferenceError) Error() string {
	return fmt.Sprintf("contract: backbone %s: %s is %s in the space, and %s now", e.Backbone, e.Field, e.Was, e.Is)
}

// ModalityError says that a backbone takes other samples than there are.
type ModalityError struct {
	Backbone    string
	Takes, Have models.Modality
}

func (e *ModalityError) Error() string {
	return fmt.Sprintf("contract: backbone %s: it takes %s, not %s", e.Backbone, e.Takes.Plural(), e.Have.Plural())
}

// Recall resolves a backbone with the contract that spaces record, one a tap:
// the taps, how they are kept, the policies for images, and what decodes them,
// if that was an earlier version's; of a graph without files around it, what
// was said in their place. spaces differ in their taps alone, see
// OneBackbone. builtin holds the built-in backbones; with
// nil there are none. If the backbone does not give embeddings of these spaces,
// the error is a *DifferenceError, or a *ModalityError if it takes other
// samples.
func Recall(backbone string, spaces []json.RawMessage, builtin fs.FS) (*models.Spec, error) {
	if !OneBackbone(spaces) {
		return nil, fmt.Errorf("contract: backbone %s: the %d spaces are not those of taps of one backbone", backbone, len(spaces))
	}
	d, err := Describe(spaces[0])
	if err != nil {
		return nil, err
	}
	c, dims, err := chosen(spaces)
	if err != nil {
		return nil, err
	}
	o := &folder.Options{Builtin: builtin, Taps: c.Taps, Modality: d.Modality, Prompt: c.Text.Prompt, Tokens: PromptTokens}
	spec, err := folder.ResolveFor(backbone, o)
	if _, unsaid := errors.AsType[*folder.UnsaidError](err); unsaid {
		o.Facts = d.Facts
		spec, err = folder.ResolveFor(backbone, o)
	}
	if err != nil {
		// Taps of a backbone for other samples do not fit it either.
		if own, plain := folder.Resolve(backbone, builtin); plain == nil && own.Modality != d.Modality {
			return nil, &ModalityError{backbone, own.Modality, d.Modality}
		}
		return nil, err
	}
	if d.Modality != spec.Modality {
		return nil, &ModalityError{backbone, spec.Modality, d.Modality}
	}
	// Taps that are shorter than the backbone's were cut, all to one length.
	for i := range spec.Taps {
		if n := dims[i]; n < spec.Taps[i].Dim {
			c.Dim = n
		}
	}
	if err := c.rest(spec); err != nil {
		if _, short := errors.AsType[*models.DimError](err); !short {
			return nil, err
		}
	}
	if own, ok := spec.Contract.(*models.ImageSpec); ok && image.Decodes(d.Decode) {
		earlier := *own
		earlier.Decode = d.Decode
		spec.Contract = &earlier
	}
	now, err := SpacesOf(spec)
	if err != nil {
		return nil, err
	}
	for i, raw := range spaces {
		was, err := cache.ParseSpace(raw)
		if err != nil {
			return nil, fmt.Errorf("contract: space: %w", err)
		}
		if ds := was.Diff(now[i]); len(ds) > 0 {
			return nil, &DifferenceError{spec.Name, i, ds[0].Field, ds[0].A, ds[0].B}
		}
	}
	return spec, nil
}

// chosen is the choice that spaces record, and the lengths of their vectors.
func chosen(spaces []json.RawMessage) (c *Choice, dims []int, err error) {
	c = new(Choice)
	for _, raw := range spaces {
		d, err := Describe(raw)
		if err != nil {
			return nil, nil, err
		}
		c.Taps, dims = append(c.Taps, d.Tap()), append(dims, d.Dim)
		c.DType, c.Image = d.DType, d.Image
		if d.Modality == models.Text {
			c.Text = TextChoice{Prompt: &folder.Prompt{Text: d.Prompt}, Long: cmp.Or(d.Long, Truncate), Overlap: d.Overlap}
		}
	}
	return c, dims, nil
}

// OneBackbone tells whether spaces, at least one, differ in their taps alone,
// so that one forward pass gives embeddings of them all.
func OneBackbone(spaces []json.RawMessage) bool {
	if len(spaces) == 0 {
		return false
	}
	first, err := cache.ParseSpace(spaces[0])
	for _, raw := range spaces {
		if err != nil {
			return false
		}
		var other *cache.Space
		if other, err = cache.ParseSpace(raw); err != nil {
			return false
		}
		for _, d := range first.Diff(other) {
			field, _, _ := strings.Cut(d.Field, ".")
			if !slices.Contains([]string{"output", "pool", "dim", "shape", "post", "behind"}, field) {
				return false
			}
		}
	}
	return err == nil
}

package extract

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract/contract"
	"github.com/headstart-ml/headstart/extract/features"
	"github.com/headstart-ml/headstart/extract/source"
	"github.com/headstart-ml/headstart/models"
)

// Again embeds the samples of a feature set once more, in other spaces than the
// set's: at other taps of its backbone, or by another one that takes the same
// samples.
type Again struct {
	Set   *features.Set
	Name  string // of the set, as messages call it
	Root  string // where the samples are now, see Reread; "": where they were
	Cache *cache.Cache
	// Run sends every sample of src that the cache lacks through the backbone
	// of spec, as the function Run does, whose errors it returns.
	Run func(ctx context.Context, spec *models.Spec, src *source.Source) error
}

// GoneError says that samples of a feature set cannot be embedded again: they
// are not where they were, have another content, or are bad now.
type GoneError struct {
	Set     string
	Gone, N int // rows: gone ones, and all
}

func (e *GoneError) Error() string {
	return fmt.Sprintf("extract: %s: %d of %d samples are not where they were extracted from any more, or are bad now", e.Set, e.Gone, e.N)
}

// Embed puts the embeddings at the taps of spec into the cache, as far as they
// are not there. It reads the source of the set, once. The errors are those of
// Reread and of Run: a cache that cannot be written is an *UnwritableError.
func (a *Again) Embed(ctx context.Context, spec *models.Spec) error {
	if a.Run == nil {
		return errors.New("extract: there is nothing that runs the backbone")
	}
	src, err := Reread(&a.Set.Meta, a.Root)
	if err != nil {
		return err
	}
	defer src.Close()
	if n := a.Set.Meta.MaxPixels(); spec.MaxPixels == 0 && n > 0 {
		limited := *spec
		limited.MaxPixels = n
		spec = &limited
	}
	return a.Run(ctx, spec, src)
}

// Joined returns the set in the spaces of spec's taps, whose columns stand
// beside each other. What the cache lacks of them is embedded first, see Embed;
// samples of which it lacks something then are a *GoneError. The caller closes
// what is returned before the cache.
func (a *Again) Joined(ctx context.Context, spec *models.Spec) (*features.Joined, error) {
	spaces, err := contract.SpacesOf(spec)
	if err != nil {
		return nil, err
	}
	set := *a.Set
	set.Meta.Spaces = nil
	for _, s := range spaces {
		set.Meta.Spaces = append(set.Meta.Spaces, json.RawMessage(s.JSON()))
	}
	join := func() (*features.Joined, error) {
		return features.OpenSets([]*features.Set{&set}, []string{a.Name}, a.Cache)
	}
	j, err := join()
	if len(features.Missing(err)) == 0 {
		return j, err
	}
	if err := a.Embed(ctx, spec); err != nil {
		return nil, err
	}
	j, err = join()
	if missing := features.Missing(err); len(missing) > 0 {
		return nil, &GoneError{a.Name, missing[0].Missing, a.Set.N()}
	}
	return j, err
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract"
	"github.com/headstart-ml/headstart/extract/features"
	"github.com/headstart-ml/headstart/extract/source"
	"github.com/headstart-ml/headstart/head/file"
	"github.com/headstart-ml/headstart/models"
)

const (
	checkedSamples = 32   // how many samples an export is checked on
	checkedAmong   = 2048 // they are among so many first ones of their feature set
)

// cachedSamples reads contents of samples of the feature set that a head was
// trained on, which one the seed 0 says. Where there are none any more it says
// why.
func cachedSamples(ctx context.Context, f *file.File, t *training, m models.Modality) (contents [][]byte, why string) {
	if len(t.Features) == 0 {
		return nil, "the head does not say which feature set it was trained on"
	}
	name := t.Features[0].Name
	set, err := features.Read(name)
	if err != nil {
		return nil, fmt.Sprintf("%s, which the head was trained on, cannot be read", name)
	}
	spaces := false
	for _, space := range set.Meta.Spaces {
		spaces = spaces || string(space) == string(f.Spaces[0].JSON)
	}
	if !spaces {
		return nil, fmt.Sprintf("%s has features of another space now", name)
	}
	src, err := extract.Reread(&set.Meta, "")
	if err != nil {
		return nil, fmt.Sprintf("the samples of %s are not where they were", name)
	}
	defer src.Close()
	wanted := map[string]cache.Key{}
	for _, i := range rand.New(rand.NewPCG(0, 0)).Perm(min(set.N(), checkedAmong)) {
		if len(wanted) == checkedSamples {
			break
		}
		wanted[set.IDs[i]] = set.Keys[i]
	}
	for len(wanted) > 0 && ctx.Err() == nil {
		s, err := src.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return contents, fmt.Sprintf("the samples of %s cannot be read", name)
		}
		key, ok := wanted[s.ID]
		if !ok {
			continue
		}
		delete(wanted, s.ID)
		content, err := s.Read(source.MaxContent)
		if err == nil && cache.KeyOf(string(m), content) == key {
			contents = append(contents, content)
		}
	}
	if len(contents) == 0 {
		return nil, fmt.Sprintf("the samples of %s are others now, or gone", name)
	}
	return contents, ""
}

package main

import (
	"fmt"

	"github.com/headstart-ml/headstart/cmd/headstart/internal/report"
	"github.com/headstart-ml/headstart/extract/contract"
	"github.com/headstart-ml/headstart/extract/features"
	"github.com/headstart-ml/headstart/head/file"
	"github.com/headstart-ml/headstart/head/predict"
	"github.com/headstart-ml/headstart/models/builtin"
	"github.com/headstart-ml/headstart/models/export"
	"github.com/headstart-ml/headstart/models/folder"
)

// embedderOf reads what an embedding model is made of, as if it were a head:
// that of a head file is the backbone with the taps that the head's features
// have, that of a feature set the same, and that of a backbone has its own
// taps.
func (o *fuseOptions) embedderOf() (*file.File, *training, error) {
	switch thingAt(o.head) {
	case aSet:
		meta, err := features.ReadMeta(o.head)
		if err != nil {
			return nil, nil, err
		}
		f := new(file.File)
		for _, space := range meta.Spaces {
			f.Spaces = append(f.Spaces, file.Space{JSON: space, Backbone: meta.Backbone})
		}
		return f, &training{Features: []report.Features{{Name: o.head}}}, nil
	case aBackbone:
		if o.backbone != "" {
			return nil, nil, usagef("--backbone %s: %s is a backbone itself", o.backbone, o.head)
		}
		spec, err := folder.Resolve(o.head, builtin.FS())
		if err != nil {
			return nil, nil, err
		}
		f := new(file.File)
		for _, tap := range spec.Taps {
			space, err := contract.SpaceOf(spec, tap)
			if err != nil {
				return nil, nil, err
			}
			f.Spaces = append(f.Spaces, file.Space{JSON: space.JSON(), Backbone: o.head})
		}
		return f, new(training), nil
	}
	f, err := file.Read(o.head)
	if err != nil {
		return nil, nil, err
	}
	t, err := trainingOf(o.head, f)
	return f, t, err
}

// subject reads the head that is exported, with how it was trained.
func (o *fuseOptions) subject() (*file.File, *training, error) {
	if o.embedder {
		return o.embedderOf()
	}
	f, err := file.Read(o.head)
	if err != nil {
		return nil, nil, err
	}
	t, err := trainingOf(o.head, f)
	return f, t, err
}

// embeddingCard is the model card of an embedding model.
func (o *fuseOptions) embeddingCard(c *export.Card, f *file.File, t *training) *export.Card {
	if f.Tail != nil && len(t.Features) > 0 { // its layers are not those of the backbone
		c.Training = o.trainCommand(t)
	}
	return c
}

// embeddings says what an embedding model gives.
func embeddings(w *predict.Exported) string {
	return fmt.Sprintf("embeddings of %s numbers", count(int64(w.Dim)))
}

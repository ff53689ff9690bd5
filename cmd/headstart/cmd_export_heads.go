package main

import (
	"context"
	"fmt"
	"iter"
	"path/filepath"

	"github.com/headstart-ml/headstart/extract/contract"
	"github.com/headstart-ml/headstart/head/file"
	"github.com/headstart-ml/headstart/head/predict"
	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/export"
)

// exportSubject is a head that is to be exported, with how it was trained.
type exportSubject struct {
	path     string
	file     *file.File
	training *training
}

// subjects reads the heads that are exported, or what the embedding model is
// made of.
func (o *fuseOptions) subjects() ([]*exportSubject, error) {
	var all []*exportSubject
	seen := map[string]bool{}
	for _, path := range append([]string{o.head}, o.more...) {
		if seen[path] {
			return nil, usagef("%s is given twice", path)
		}
		seen[path] = true
		one := *o
		one.head = path
		f, t, err := one.subject()
		if err != nil {
			return nil, err
		}
		if len(f.Spaces) > 1 && !contract.OneBackbone(spacesOf(f)) {
			return nil, fmt.Errorf("%s takes %d feature sets of several backbones; only a head on one backbone is a model with it", path, len(f.Spaces))
		}
		all = append(all, &exportSubject{path: path, file: f, training: t})
	}
	return all, nil
}

// others are several heads as they are exported together; nil: there is one.
func others(heads []*exportSubject) []*predict.Another {
	if len(heads) < 2 {
		return nil
	}
	var all []*predict.Another
	for _, h := range heads {
		all = append(all, &predict.Another{Path: h.path, File: h.file})
	}
	return all
}

// labelled are samples that the head is measured on, nil if there are none that
// can be read again.
func (h *exportSubject) labelled(ctx context.Context, m models.Modality) iter.Seq2[*predict.Labelled, error] {
	on, _ := trainingSet(h.file, h.training, m)
	if on == nil {
		return nil
	}
	if samples, _ := on.checked(ctx); len(samples) == 0 {
		return nil
	}
	return on.labelled(ctx, h.file)
}

// addHead puts into a model card what it says of a further head.
func (o *fuseOptions) addHead(card *export.Card, h *exportSubject, spec *models.Spec) error {
	one := *o
	one.head, one.more = h.path, nil
	c, err := one.card(h.file, h.training, spec)
	if err != nil {
		return err
	}
	for _, part := range []struct{ to, more *string }{{&card.Figures, &c.Figures}, {&card.Training, &c.Training}} {
		if *part.to != "" && *part.more != "" {
			*part.to += "\n"
		}
		*part.to += *part.more
	}
	if c.Data != "" {
		card.Data += "; " + filepath.Base(h.path) + " on " + c.Data
	}
	return nil
}

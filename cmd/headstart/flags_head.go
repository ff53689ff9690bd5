package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/headstart-ml/headstart/extract/contract"
	"github.com/headstart-ml/headstart/extract/features"
	"github.com/headstart-ml/headstart/extract/image"
	"github.com/headstart-ml/headstart/head/file"
	"github.com/headstart-ml/headstart/head/predict"
	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/builtin"
	"github.com/headstart-ml/headstart/models/folder"
)

// recall returns the backbone of a head, for samples of modality m, with the
// input contract and the taps that the head's features had.
func (s *sampling) recall(headFile string, f *file.File, m models.Modality) (*models.Spec, error) {
	name := s.backbone
	if name == "" {
		name = f.Spaces[0].Backbone
	}
	d, err := contract.Describe(f.Spaces[0].JSON)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", headFile, err)
	}
	if d.Modality != m {
		return nil, usagef("the backbone %s takes %s, the source holds %s", name, d.Modality.Plural(), m.Plural())
	}
	if err := s.agree(f); err != nil {
		return nil, err
	}
	if s.pixels > 0 && m != models.Image {
		return nil, usagef("--max-pixels is for images; the source holds %s", m.Plural())
	}
	if err := s.agreeText(d); err != nil {
		return nil, err
	}
	spec, err := predict.Recall(headFile, f, &predict.Options{Backbone: s.backbone, Builtin: builtin.FS(), MaxPixels: s.pixels})
	if m, ok := errors.AsType[*contract.ModalityError](err); ok {
		return nil, usagef("the backbone %s takes %s, the source holds %s", name, m.Takes.Plural(), m.Have.Plural())
	}
	if d, ok := errors.AsType[*contract.DifferenceError](err); ok {
		return nil, fmt.Errorf("%s was fitted on features of another space: %s is %s there and %s here\ngive the same backbone with --backbone, or train a head on features of this one", headFile, fieldInWords(d.Field), valueInWords(d.Was), valueInWords(d.Is))
	}
	if err != nil && name == f.Spaces[0].Backbone {
		return nil, fmt.Errorf("%w\n%s was fitted on features of that backbone; --backbone says where it is now", err, headFile)
	}
	if err == nil {
		err = s.agreePrompt(d, spec)
	}
	return spec, err
}

// sayEarlier says that images are decoded as an earlier version did, if the
// backbone of a head was recalled so.
func (e *env) sayEarlier(headFile string, spec *models.Spec) {
	if s, ok := spec.Contract.(*models.ImageSpec); ok && s.Decode != "" && s.Decode != image.Decode() {
		e.noteOf("earlier-decoder", 0, "%s was fitted on images that an earlier version decoded (%s), and these are decoded so, too; extract --replace and train-head make a head of this version's decoders", headFile, s.Decode)
	}
}

// otherSpace says in words that features are of another space than a head was
// fitted on, and what to do.
func otherSpace(headFile string, s *features.SpaceError) error {
	switch s.Field {
	case "number":
		return fmt.Errorf("%s was fitted on features of %s spaces, and these are of %s; headstart inspect %s lists the feature sets, in their order", headFile, s.Want, s.Got, features.Quoted(headFile))
	case "order":
		return fmt.Errorf("the feature sets are those of %s in another order; headstart inspect %s lists them in theirs", headFile, features.Quoted(headFile))
	}
	return fmt.Errorf("the features are of another space than %s was fitted on: %s is %s, where %s is needed; give the source of the samples in their place, which are embedded as the head needs them",
		headFile, fieldInWords(s.Field), valueInWords(s.Got), valueInWords(s.Want))
}

// agree is an error if a flag says otherwise than the spaces that a head was
// fitted on, which differ in their taps alone.
func (s *sampling) agree(f *file.File) error {
	taps, err := tapsOf(f)
	if err != nil {
		return err
	}
	if len(s.choice.Taps) > 0 && !slices.Equal(s.choice.Taps, taps) {
		return usagef("--tap %s: the head was fitted on features of %s; leave the flag out", strings.Join(s.choice.Taps, " --tap "), strings.Join(taps, ", "))
	}
	d, err := contract.Describe(f.Spaces[0].JSON)
	if err != nil {
		return err
	}
	for _, fact := range folder.FactList() {
		switch {
		case s.choice.Facts[fact.Key] == "":
		case fact.Modality != d.Modality:
			return usagef("--%s is for %s; the source holds %s", factFlag(fact.Key), fact.Modality.Plural(), d.Modality.Plural())
		case d.Facts == nil:
			return usagef("--%s: the head was fitted on features that say how samples are prepared; leave the flag out", factFlag(fact.Key))
		}
	}
	if key, same := s.choice.Facts.Same(d.Facts); !same {
		return usagef("--%s %s: the head was fitted on features with %s; leave the flag out", factFlag(key), s.choice.Facts[key], d.Facts[key])
	}
	fixed := append(d.Image.Chosen(), models.Policy{Name: "dtype", Value: d.DType})
	for _, given := range append(s.choice.Image.Chosen(), models.Policy{Name: "dtype", Value: s.choice.DType}) {
		i := slices.IndexFunc(fixed, func(p models.Policy) bool { return p.Name == given.Name })
		switch {
		case given.Value == "":
		case i < 0:
			return usagef("--%s is for images; the source holds %s", given.Name, d.Modality.Plural())
		case fixed[i].Value != "" && fixed[i].Value != given.Value:
			return usagef("--%s %s: the head was fitted on features with %s; leave the flag out", given.Name, given.Value, fixed[i].Value)
		}
	}
	return nil
}

// tapsOf lists the taps of a head's features, as --tap takes them.
func tapsOf(f *file.File) ([]string, error) {
	var taps []string
	for _, space := range f.Spaces {
		d, err := contract.Describe(space.JSON)
		if err != nil {
			return nil, err
		}
		taps = append(taps, d.Tap())
	}
	return taps, nil
}

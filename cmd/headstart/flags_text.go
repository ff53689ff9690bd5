package main

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"

	"github.com/urfave/cli/v2"

	"github.com/headstart-ml/headstart/extract/contract"
	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/folder"
)

// textFlags say how texts are read, and how much of an embedding is kept.
func textFlags() []cli.Flag {
	const texts = "Texts"
	return []cli.Flag{
		&cli.StringFlag{Name: "prompt", Category: texts,
			Usage: "`NAME|TEXT`: what is put in front of every text, one of the backbone's prompts (headstart inspect BACKBONE lists them) or a text of your own; '' for none", DefaultText: "the backbone's own default, mostly none"},
		&cli.StringFlag{Name: "long", Category: texts,
			Usage: choices(contract.Longs...) + "what becomes of a text with more tokens than the backbone takes: the rest is not read, or it is read in windows that overlap by an eighth and their embeddings are averaged, or it counts as bad", DefaultText: contract.Truncate},
		&cli.IntFlag{Name: "dim", Category: "Backbone",
			Usage: "keep the first `N` numbers of an embedding, normalised again where the backbone does; for backbones that were trained for it (Matryoshka)", DefaultText: "all"},
	}
}

// readText reads the textFlags.
func readText(ctx *cli.Context, c *contract.Choice) error {
	if ctx.IsSet("prompt") {
		c.Text.Prompt = &folder.Prompt{Name: ctx.String("prompt")}
	}
	if c.Text.Long = ctx.String("long"); c.Text.Long != "" {
		if err := oneOf("long", c.Text.Long, contract.Longs...); err != nil {
			return err
		}
	}
	if c.Dim = ctx.Int("dim"); ctx.IsSet("dim") && (c.Dim < 1 || c.Dim > models.MaxDim) {
		return usagef("--dim %d: it is how many numbers of an embedding are kept, from 1 on", c.Dim)
	}
	return nil
}

// textReading is what textFlags said, by flag.
func textReading(c *contract.Choice, out map[string]string) {
	if c.Text.Prompt != nil {
		out["prompt"] = c.Text.Prompt.Name
	}
	if c.Text.Long != "" {
		out["long"] = c.Text.Long
	}
	if c.Dim > 0 {
		out["dim"] = strconv.Itoa(c.Dim)
	}
}

// word is what a prompt's name may look like. A text has a space or a colon in
// it as a rule.
var word = regexp.MustCompile(`^[\w-]+$`)

// likePrompt is an error if what stands behind --prompt looks like the name of
// one of a backbone's prompts and is none of them.
func likePrompt(p *folder.Prompt, spec *models.Spec) error {
	if p == nil || !word.MatchString(p.Name) {
		return nil
	}
	var names []string
	for _, k := range spec.Prompts {
		if k.Name == p.Name {
			return nil
		}
		names = append(names, k.Name)
	}
	if near := nearest(p.Name, names); near != "" {
		return usagef("--prompt %s: did you mean %s, which is a prompt of %s? A text of your own ends in a space or a colon as a rule", p.Name, near, spec.Name)
	}
	return nil
}

// tooShort says of an error about --dim what there is.
func tooShort(err error) error {
	if d, ok := errors.AsType[*models.DimError](err); ok {
		if d.Dim > d.Have {
			return usagef("--dim %d: an embedding of %s has %d numbers", d.Dim, d.Backbone, d.Have)
		}
		return usagef("--dim %d: the first numbers of what pooling %s makes of %s are no embedding", d.Dim, d.Pooling, d.Tap)
	}
	return nil
}

// agreeText is an error if a text flag says otherwise than a space that a head
// was fitted on.
func (s *sampling) agreeText(d *contract.Description) error {
	if name := s.choice.Text.Chosen(); name != "" && d.Modality != models.Text {
		return usagef("--%s is for texts; the source holds %s", name, d.Modality.Plural())
	}
	was := d.Long
	if was == "" {
		was = contract.Truncate
	}
	switch {
	case s.choice.Text.Long != "" && s.choice.Text.Long != was:
		return usagef("--long %s: the head was fitted on features with %s; leave the flag out", s.choice.Text.Long, was)
	case s.choice.Dim != 0 && s.choice.Dim != d.Dim:
		return usagef("--dim %d: the head was fitted on features of %d numbers; leave the flag out", s.choice.Dim, d.Dim)
	}
	return nil
}

// agreePrompt is agreeText for the prompt, which may be given by name.
func (s *sampling) agreePrompt(d *contract.Description, spec *models.Spec) error {
	if p := s.choice.Text.Prompt; p != nil && p.Of(spec.Prompts) != d.Prompt {
		return usagef("--prompt %s: the head was fitted on features with %s; leave the flag out", shellWord(p.Name), promptWords(d.Prompt))
	}
	return nil
}

// promptWords are a prompt in a message.
func promptWords(text string) string {
	if text == "" {
		return "no prompt"
	}
	return fmt.Sprintf("the prompt %q", text)
}

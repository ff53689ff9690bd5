package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/folder"
)

// factUsage is what the help says of each of folder.FactList. The value of the
// flag follows from the list.
var factUsage = map[string]string{
	"size":       "images are resized to width × height, or, with one number, so that the shorter side has that length",
	"filter":     "the filter of resizing, as Pillow has it",
	"crop":       "what is cut out of the middle of the resized image, as torchvision does",
	"rescale":    "the factor of levels, which go from 0 to 255",
	"mean":       "what is taken off the rescaled levels, of red, green and blue",
	"std":        "what is divided by then",
	"channels":   "the order of the channels that the graph takes",
	"layout":     "the order of the axes that the graph takes",
	"max_length": "texts are cut to `N` tokens, special ones included",
}

// factFlag is the name of a fact's flag.
func factFlag(key string) string { return strings.ReplaceAll(key, "_", "-") }

// factFlags say of a graph what no file beside it says. Each is a key of
// backbone.json.
func factFlags() []cli.Flag {
	var flags []cli.Flag
	for _, f := range folder.FactList() {
		usage := factUsage[f.Key]
		switch {
		case f.Words != nil:
			usage = choices(f.Words...) + usage
		case !strings.Contains(usage, "`"):
			usage = choices(f.Form) + usage
		}
		text := f.Default
		if text == "" {
			text = "what the backbone's files say"
		}
		flags = append(flags, &cli.StringFlag{Name: factFlag(f.Key), Category: "Graph without files (each a key of backbone.json, too)", Usage: usage, DefaultText: text})
	}
	return flags
}

// readFacts reads the factFlags.
func readFacts(ctx *cli.Context) (folder.Facts, error) {
	facts := folder.Facts{}
	for _, f := range folder.FactList() {
		word := ctx.String(factFlag(f.Key))
		if word == "" {
			continue
		}
		if f.Words != nil {
			if err := oneOf(factFlag(f.Key), word, f.Words...); err != nil {
				return nil, err
			}
		}
		facts[f.Key] = word
		if wrong, ok := errors.AsType[*folder.FactError](facts.Check()); ok {
			return nil, usagef("--%s %s: %v", factFlag(f.Key), word, wrong.Err)
		}
	}
	return facts, nil
}

// sayFacts is what is to be typed, or written into a file, so that what is
// missing is known. Where the graph tells the size of its images it stands in
// the example.
func sayFacts(e *folder.UnsaidError) string {
	var flags, keys []string
	for _, f := range e.Facts {
		word := exampleOf(&f, e)
		flags = append(flags, "--"+factFlag(f.Key)+" "+word)
		value := word
		switch {
		case strings.Contains(word, ","):
			value = "[" + strings.ReplaceAll(word, ",", ", ") + "]"
		case strings.Trim(word, "0123456789") != "":
			value = strconv.Quote(word)
		}
		keys = append(keys, fmt.Sprintf("%q: %s", f.Key, value))
	}
	what := "the values that it was trained with"
	if e.Modality == models.Text {
		what = "the length that it was trained with"
	}
	return fmt.Sprintf("say them with %s, with %s in place of these, or write {%s} into %s", strings.Join(flags, " "), what, strings.Join(keys, ", "), e.File)
}

// exampleOf is a value of a fact that is missing: many image backbones have it.
func exampleOf(f *folder.Fact, e *folder.UnsaidError) string {
	w, h := e.Width, e.Height
	if w == 0 {
		w, h = 224, 224
	}
	switch f.Key {
	case "size", "crop":
		return fmt.Sprintf("%dx%d", w, h)
	case "filter":
		return "bilinear"
	case "mean":
		return "0.485,0.456,0.406"
	case "std":
		return "0.229,0.224,0.225"
	case "max_length":
		return "512"
	}
	return f.Words[0]
}

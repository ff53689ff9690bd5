package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/headstart-ml/headstart/cache/draft"
	"github.com/headstart-ml/headstart/extract/features"
	"github.com/headstart-ml/headstart/head/file"
	"github.com/headstart-ml/headstart/models/builtin"
	"github.com/headstart-ml/headstart/models/export"
	"github.com/headstart-ml/headstart/models/folder"
)

// thing is what an argument is, told by its content.
type thing string

const (
	nothing   thing = "not there"
	aHead     thing = "a head"
	aSet      thing = "a feature set"
	aCache    thing = "a cache"
	aBackbone thing = "a backbone"
	aFolder   thing = "a folder"
	aFile     thing = "a file" // a table, a picture, a text or something else
	anInput   thing = "the standard input"
)

// thingAt tells by its content what an argument is.
func thingAt(name string) thing {
	if name == "-" {
		return anInput
	}
	info, err := os.Stat(name)
	switch {
	case err != nil:
		if slices.Contains(builtinNames(), name) {
			return aBackbone
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nothing
		}
		return aFile
	case info.IsDir():
		for _, mark := range []struct {
			file string
			is   thing
		}{{"FORMAT", aCache}, {"model.onnx", aBackbone}, {"onnx/model.onnx", aBackbone}} {
			if exists(filepath.Join(name, mark.file)) {
				return mark.is
			}
		}
		return aFolder
	}
	if _, err := features.ReadMeta(name); err == nil {
		return aSet
	}
	if beginsAsModel(name) {
		if _, err := file.Read(name); err == nil {
			return aHead
		}
	}
	if strings.HasSuffix(name, ".onnx") && !strings.HasSuffix(name, ".head.onnx") {
		return aBackbone
	}
	return aFile
}

// builtinNames are the names of the built-in backbones.
func builtinNames() []string {
	var names []string
	all, _ := folder.Builtin(builtin.FS()) // an error has been met where they are used
	for _, b := range all {
		names = append(names, b.Name)
	}
	return names
}

// beginsAsModel says whether a file begins as headstart writes ONNX models,
// with the tag of the first field of a ModelProto. What does not is not read
// further: it may be large.
func beginsAsModel(path string) bool {
	f, err := draft.OpenRegular(path)
	if err != nil {
		return false
	}
	defer f.Close()
	tag := make([]byte, 1)
	_, err = f.Read(tag)
	return err == nil && tag[0] == 0x08
}

// misplaced says of a command that failed which of its arguments is something
// else than it takes, and what to type; "" if none is.
func misplaced(command string, args []string) string {
	things := make([]thing, len(args))
	for i, a := range args {
		things[i] = thingAt(a)
	}
	switch command {
	case "extract", "preprocess":
		for i, a := range args {
			if text := noSource(a, things[i], slices.Delete(slices.Clone(args), i, i+1)); text != "" {
				return text
			}
		}
	case "train-head", "study", "cache export":
		for i, a := range args {
			if text := noSet(command, a, things[i]); text != "" {
				return text
			}
		}
	case "predict", "evaluate", "export":
		return noHead(command, args, things)
	case "inspect", "models show":
		for i, a := range args {
			switch things[i] {
			case nothing:
				return absent(a, "", builtinNames()...) + "; nor is it a built-in backbone: headstart models list lists them"
			case aFolder, aFile:
				if modelFolder(a) || strings.HasSuffix(a, ".onnx") || strings.HasSuffix(a, ".features") {
					continue // what is wrong with it has been said
				}
				return fmt.Sprintf("%s is %s, and no backbone, head, feature set or cache; if it holds samples, headstart extract %s makes a feature set of them", a, things[i], features.Quoted(a))
			}
		}
	}
	return ""
}

// modelFolder tells whether a folder holds files of a model.
func modelFolder(dir string) bool {
	for _, pattern := range []string{"*.onnx", "onnx/*.onnx", "config.json", "*.safetensors", "pytorch_model*.bin", "tf_model.h5", "*.ort"} {
		if found, _ := filepath.Glob(filepath.Join(dir, filepath.FromSlash(pattern))); len(found) > 0 {
			return true
		}
	}
	return false
}

// noSource says of an argument of extract why it is no source of samples; rest
// are the others.
func noSource(arg string, is thing, rest []string) string {
	q := features.Quoted(arg)
	switch is {
	case nothing:
		if strings.ContainsAny(arg, "{*? \t\n") {
			return "" // a pattern, or a text
		}
		return absent(arg, "")
	case aSet:
		return fmt.Sprintf("%s is a feature set already; headstart train-head %s trains a head on it", arg, q)
	case aHead:
		return fmt.Sprintf("%s is a head; headstart predict %s SOURCE asks it about samples", arg, q)
	case aCache:
		return fmt.Sprintf("%s is a cache of embeddings; headstart cache stat --cache %s shows what it holds", arg, q)
	case aBackbone:
		sources := "SOURCE"
		if len(rest) > 0 {
			sources = quotedAll(rest)
		}
		return fmt.Sprintf("%s is a backbone; headstart extract --backbone %s %s embeds samples with it", arg, q, sources)
	}
	return ""
}

// noSet says of an argument of a command why it is no feature set.
func noSet(command, arg string, is thing) string {
	q := features.Quoted(arg)
	switch is {
	case nothing:
		return absent(arg, ".features") + "; headstart extract SOURCE makes a feature set"
	case aHead:
		return fmt.Sprintf("%s is a head and no feature set, which %s takes; headstart predict %s SOURCE asks the head about samples", arg, command, q)
	case aFolder, aFile:
		if strings.HasSuffix(arg, ".features") {
			return "" // what is wrong with it has been said
		}
		return fmt.Sprintf("%s is %s and no feature set, which %s takes; headstart extract %s makes one of samples", arg, is, command, q)
	case aCache, aBackbone, anInput:
		return fmt.Sprintf("%s is %s and no feature set, which %s takes; headstart extract makes them", arg, is, command)
	}
	return ""
}

// noHead says of the arguments of a command whose first is a head which is no
// head, and the order in which they are meant.
func noHead(command string, args []string, things []thing) string {
	if len(args) == 0 {
		return ""
	}
	first, is := args[0], things[0]
	heads := slices.DeleteFunc(slices.Clone(args), func(a string) bool { return things[slices.Index(args, a)] != aHead })
	others := slices.DeleteFunc(slices.Clone(args), func(a string) bool { return slices.Contains(heads, a) })
	switch {
	case is == aHead:
		for i, a := range args[1:] {
			switch things[i+1] {
			case aHead:
				if command == "export" {
					continue // it takes several
				}
				return fmt.Sprintf("%s is a head too, and %s takes one; headstart inspect %s compares them", a, command, quotedAll(heads))
			case nothing, aBackbone, aCache:
				if text := noSource(a, things[i+1], nil); text != "" && (things[i+1] != aBackbone || command != "export") {
					return text
				}
			}
		}
		return ""
	case len(heads) == 1 && is != anInput:
		return fmt.Sprintf("the head comes first: headstart %s %s", command, quotedAll(append(heads, others...)))
	case is == nothing:
		return absent(first, ".head.onnx") + "; headstart train-head NAME.features makes a head"
	case is == aSet:
		return fmt.Sprintf("%s is a feature set, not a head file; headstart train-head %s makes a head of it", first, features.Quoted(first))
	case is == aFile && strings.HasSuffix(first, ".head.onnx"):
		return "" // what is wrong with it has been said
	case is == aBackbone && command != "export":
		exported, err := export.Exported(first)
		switch {
		case exported && command == "evaluate":
			return fmt.Sprintf("%s is an exported model, and evaluate takes the head file that it was made of: headstart evaluate NAME.head.onnx %s; headstart predict %s SOURCE asks the model", first, quotedAll(args[1:]), features.Quoted(first))
		case exported || err != nil:
			return "" // the same
		}
	}
	if command == "export" {
		return fmt.Sprintf("%s is %s, not a head file, as headstart train-head makes it", first, is)
	}
	return fmt.Sprintf("%s is %s, not a head file; the head comes first: headstart %s NAME.head.onnx %s", first, is, command, quotedAll(args))
}

// absent says that nothing is at a path and what may be meant: one of others,
// or what is beside it and has a name that ends so.
func absent(path, suffix string, others ...string) string {
	text := path + " is not there"
	if near := nearest(path, others); near != "" {
		return text + " (did you mean " + near + "?)"
	}
	entries, err := draft.ReadDir(filepath.Dir(path))
	if err != nil {
		return text
	}
	var names []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), suffix) {
			names = append(names, e.Name())
		}
	}
	if near := nearest(filepath.Base(path), names); near != "" {
		text += " (did you mean " + features.Quoted(filepath.Join(filepath.Dir(path), near)) + "?)"
	}
	return text
}

// quotedAll are words as a shell reads them.
func quotedAll(words []string) string {
	var all []string
	for _, w := range words {
		all = append(all, features.Quoted(w))
	}
	return strings.Join(all, " ")
}

// settledError is the error of a command whose arguments are what it takes.
type settledError struct{ error }

func (e *settledError) Unwrap() error { return e.error }

// placed is the error of a command, or one that says which argument is
// something else than it takes. What is wrong with the flags comes first.
func placed(command string, args []string, err error) error {
	if err == nil || errors.As(err, new(*settledError)) || errors.As(err, new(*badSamplesError)) || errors.As(err, new(*interruptedError)) || errors.As(err, new(*usageError)) {
		return err
	}
	if text := misplaced(command, args); text != "" {
		return errors.New(text)
	}
	return err
}

// tooFew is the error of a command line that lacks arguments. Those that are
// there may be something else than comes first.
func tooFew(c *command, path string, args []string) error {
	if !slices.ContainsFunc(args, func(a string) bool { return thingAt(a) == nothing }) {
		if text := misplaced(path, args); text != "" {
			return usagef("%s", text)
		}
	}
	return c.missing(len(args))
}

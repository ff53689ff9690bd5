package main

import (
	"fmt"
	"slices"
	"strings"
)

// commandSynonyms are the names that other tools, and habit, have for what
// headstart's commands do, with what is typed instead. A name that is a command
// is not looked up here.
var commandSynonyms = map[string]string{
	"version": "--version", "v": "--version",
	"usage": "help", "man": "help", "commands": "help", "?": "help", "/?": "help",

	"embed": "extract", "embeddings": "extract", "encode": "extract", "featurize": "extract", "features": "extract",
	"index": "extract", "import": "extract", "add": "extract", "run": "extract", "compute": "extract",

	"train": "train-head", "fit": "train-head", "learn": "train-head", "head": "train-head", "cv": "train-head", "classifier": "train-head", "probe": "train-head",
	"finetune": "train-head --tail", "fine-tune": "train-head --tail", "tune": "train-head --tail", "retrain": "train-head --tail", "unfreeze": "train-head --tail",
	"report": "train-head --report",

	"test": "evaluate", "eval": "evaluate", "score": "evaluate", "validate": "evaluate", "metrics": "evaluate", "measure": "evaluate", "benchmark": "evaluate",

	"classify": "predict", "infer": "predict", "inference": "predict", "label": "predict", "apply": "predict", "tag": "predict",

	"convert": "export", "onnx": "export", "fuse": "export", "save": "export", "deploy": "export",

	"prepare": "preprocess", "preprocessing": "preprocess", "tokenize": "preprocess", "tokenise": "preprocess", "transform": "preprocess", "crop": "preprocess",

	"info": "inspect", "describe": "inspect", "summary": "inspect", "cat": "inspect", "compare": "inspect", "diff": "cache why",

	"ls": "models list", "backbones": "models list", "model": "models list", "zoo": "models list",

	"check": "doctor", "health": "doctor", "status": "doctor", "diagnose": "doctor", "env": "doctor", "setup": "doctor", "install": "doctor", "init": "doctor",

	"clean": "cache gc", "prune": "cache gc", "purge": "cache gc", "clear": "cache gc", "stats": "cache stat", "fsck": "cache verify",
}

// flagSynonyms are the names that other tools, and habit, have for headstart's
// flags: of those that are listed, the first that a command has is meant.
var flagSynonyms = map[string][]string{
	"v": {"version"}, "V": {"version"},
	"?": {"help"}, "H": {"help"}, "usage": {"help"}, "info": {"help"},

	"o": {"out"}, "output": {"out"}, "output-dir": {"out"}, "output-file": {"out"}, "save": {"out"}, "dest": {"out"}, "name": {"out"},
	"html": {"report"}, "output-format": {"to"}, "fmt": {"to", "format"}, "type": {"head", "to", "format"},

	"model": {"backbone"}, "model-name": {"backbone"}, "m": {"backbone"}, "arch": {"backbone"}, "encoder": {"backbone"}, "pretrained": {"backbone"}, "checkpoint": {"backbone"},
	"classifier": {"head"}, "head-type": {"head"}, "algorithm": {"head"},
	"layer": {"tap", "tail"}, "layers": {"tap", "tail"}, "pooling": {"tap"}, "pool": {"tap"}, "output-layer": {"tap"},
	"freeze": {"tail"}, "unfreeze": {"tail"}, "finetune": {"tail"}, "fine-tune": {"tail"}, "full": {"tail"},
	"fp16": {"precision", "dtype"}, "quantized": {"precision"}, "half": {"dtype"}, "f16": {"dtype"}, "float16": {"dtype"},

	"device": {"provider"}, "gpu": {"provider"}, "gpus": {"provider"}, "cuda": {"provider"}, "cpu": {"provider"}, "accelerator": {"provider"}, "mps": {"provider"},
	"batch": {"batch-size"}, "bs": {"batch-size"}, "b": {"batch-size"}, "per-device-batch-size": {"batch-size"},
	"jobs": {"threads"}, "j": {"threads"}, "n-jobs": {"threads"}, "workers": {"threads"}, "num-workers": {"threads"}, "cpus": {"threads"}, "t": {"threads"},
	"ddp": {"replicas"}, "data-parallel": {"replicas"}, "num-replicas": {"replicas"}, "num-processes": {"replicas", "threads"}, "nproc-per-node": {"replicas"},
	"library": {"runtime"}, "ort": {"runtime"}, "onnxruntime": {"runtime"},
	"cache-dir": {"cache"}, "cachedir": {"cache"}, "cache-folder": {"cache"},

	"labels": {"label"}, "y": {"label"}, "target": {"label"}, "class": {"label"}, "label-column": {"label"},
	"text-column": {"text"}, "image-column": {"image"}, "path": {"image"}, "paths": {"image"}, "img": {"image"}, "id-column": {"id"}, "weights": {"weight"}, "sample-weight": {"weight"},
	"groups": {"group", "by"}, "base-dir": {"root"}, "dir": {"root"}, "image-dir": {"root"}, "data-root": {"root"}, "prefix": {"root"},
	"background": {"alpha"}, "transparency": {"alpha"}, "rotate": {"exif"}, "orientation": {"exif"},

	"C": {"l2"}, "c": {"l2"}, "lambda": {"l2"}, "reg": {"l2"}, "regularization": {"l2"}, "penalty": {"l2"},
	"learning-rate": {"lr"}, "wd": {"weight-decay"}, "decay": {"weight-decay"}, "early-stopping": {"patience"}, "warmup-ratio": {"warmup"}, "grad-clip": {"clip"}, "max-grad-norm": {"clip"},
	"num-epochs": {"epochs"}, "num-train-epochs": {"epochs"}, "e": {"epochs"}, "steps": {"epochs"}, "iterations": {"epochs"}, "max-iter": {"epochs"}, "tol": {"tolerance"},
	"normalize": {"l2-normalize"}, "scale": {"standardize"}, "balanced": {"class-weight"}, "class-weights": {"class-weight"},
	"test-size": {"split"}, "test-split": {"split"}, "val-split": {"split"}, "validation-split": {"split"}, "train-size": {"split"}, "holdout": {"split"},
	"k-fold": {"cv"}, "kfold": {"cv"}, "n-splits": {"cv", "folds"}, "cross-validation": {"cv"}, "stratify": {"by"},
	"random-state": {"seed"}, "random-seed": {"seed"}, "rng": {"seed"}, "score": {"metric"}, "scoring": {"metric"}, "few-shot": {"shots"},
	"augmentation": {"augment"}, "views": {"augment"},

	"k": {"top"}, "topk": {"top"}, "top-k": {"top"}, "n-best": {"top"}, "proba": {"probabilities"}, "probs": {"probabilities"}, "scores": {"probabilities"}, "logits": {"probabilities"},

	"q": {"quiet"}, "s": {"quiet"}, "silent": {"quiet"}, "no-progress": {"quiet"}, "no-colour": {"no-color"}, "plain": {"no-color"},
	"n": {"dry-run"}, "plan": {"dry-run"}, "what-if": {"dry-run"}, "max-errors": {"max-bad"}, "ignore-errors": {"max-bad"}, "tolerate": {"max-bad"},
}

// flagAnswers answer flags of other tools for which there is none here.
var flagAnswers = map[string]string{
	"v": verboseAnswer, "vv": verboseAnswer, "verbose": verboseAnswer, "debug": verboseAnswer, "progress": verboseAnswer, "log-level": verboseAnswer,
	"i": inputAnswer, "input": inputAnswer, "in": inputAnswer, "data": inputAnswer, "data-dir": inputAnswer, "dataset": inputAnswer, "source": inputAnswer,
	"file": inputAnswer, "folder": inputAnswer, "images": inputAnswer, "texts": inputAnswer, "csv": inputAnswer, "head-file": inputAnswer, "features": inputAnswer,
}

const (
	verboseAnswer = "progress and notes are shown without a flag, and --quiet turns them off"
	inputAnswer   = "what is read is given without a flag"
)

// suggestCommand says what may be meant by a word that is no command of c: ""
// if nothing is near.
func suggestCommand(root, c *command, word string) string {
	called := func(names ...string) string { return "did you mean " + strings.Join(names, " ") + "?" }
	if c == root {
		if meant, ok := commandSynonyms[strings.ToLower(word)]; ok {
			return called(root.name, meant)
		}
	}
	near := nearest(word, append(names(c), "help"))
	if near != "" && edits(word, near) == 1 {
		return called(near)
	}
	// A command of a command is often called without the first one, or under
	// another.
	for _, s := range root.subcommands {
		if s != c && s.find(word) != nil {
			return called(root.name, s.name, word)
		}
	}
	if near != "" {
		return called(near)
	}
	if root.find(word) != nil {
		return called(root.name, word)
	}
	return ""
}

// suggestFlag says what may be meant by a name that is no flag of the command,
// "" if nothing is near.
func suggestFlag(call *call, name string) string {
	root, c := call.root, call.command
	own := []string{"help"}
	if c == root {
		own = append(own, "version")
	}
	for _, f := range c.flags {
		own = append(own, f.Names()[0])
	}
	var meant []string
	for _, key := range []string{name, strings.ToLower(strings.ReplaceAll(name, "_", "-"))} {
		if slices.Contains(own, key) {
			return "did you mean --" + key + "?"
		}
		if meant = flagSynonyms[key]; meant != nil {
			break
		}
	}
	for _, m := range meant {
		if slices.Contains(own, m) {
			return "did you mean --" + m + "?"
		}
	}
	if answer, ok := flagAnswers[strings.ToLower(name)]; ok && c != root {
		if answer == inputAnswer && c.args != "" {
			answer += ": " + strings.Join(call.path, " ") + " " + c.args
		}
		if answer != verboseAnswer || slices.Contains(own, "quiet") {
			return answer
		}
	}
	near, of := nearest(name, own), owner(root, c, append([]string{name}, meant...))
	switch {
	case near == "help" && of != "": // far from both
		return of
	case near != "" && of != "":
		return fmt.Sprintf("did you mean --%s? (%s)", near, of)
	case near != "":
		return "did you mean --" + near + "?"
	}
	return of
}

// owner says which other command has a flag of one of these names, "" if none
// has.
func owner(root, c *command, names []string) string {
	var find func(at *command, path, name string) string
	find = func(at *command, path, name string) string {
		if at != c && lookup(at, name) != nil {
			return path
		}
		for _, s := range at.subcommands {
			if found := find(s, path+" "+s.name, name); found != "" {
				return found
			}
		}
		return ""
	}
	for _, name := range names {
		if name == "version" {
			return root.name + " --version shows the version"
		}
		if of := find(root, root.name, name); of != "" {
			return fmt.Sprintf("--%s is a flag of %s", name, of)
		}
	}
	return ""
}

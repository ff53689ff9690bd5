package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract"
	"github.com/headstart-ml/headstart/extract/contract"
	"github.com/headstart-ml/headstart/extract/features"
	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/file"
)

// leads says whether a person is told what to type next: at a terminal, unless
// the results go elsewhere, or --json or --quiet is given.
func (e *env) leads(c *common) bool {
	return !c.json && !e.quiet && e.stdoutIsTerminal && e.stderrIsTerminal
}

// next says what to type after a command that has done its work: the words of a
// command line that works as it stands; nothing if there are none.
func (e *env) next(c *common, words []string) {
	if len(words) == 0 || !e.leads(c) {
		return
	}
	command := program(e).find(words[0])
	for _, flag := range []string{"cache", "runtime"} { // what the command was told of its surroundings
		value := map[string]string{"cache": c.cacheDir, "runtime": c.runtime}[flag]
		if flag == "runtime" && command.name == "train-head" {
			continue // of use with --tail alone
		}
		if value != "" && e.onLine(flag) && lookup(command, flag) != nil {
			words = append(words, "--"+flag, value)
		}
	}
	line := e.self
	if line == "" {
		line = "headstart"
	}
	line = features.Quoted(line)
	for _, w := range words {
		line += " " + features.Quoted(w)
	}
	fmt.Fprintf(e.stderr, "next: %s\n", line)
}

// operand is a path as it stands on a command line: it does not look like a
// flag.
func operand(path string) string {
	if looksLikeFlag(path) {
		return "." + string(filepath.Separator) + path
	}
	return path
}

// operands are paths as they stand on a command line.
func operands(paths []string) []string {
	var all []string
	for _, p := range paths {
		all = append(all, operand(p))
	}
	return all
}

// free returns path if nothing is there yet, else "".
func free(path string) string {
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return path
	}
	return ""
}

// afterExtract are the words to type after a feature set was made: a head is
// trained where there are classes, one a sample, else the embeddings are
// written for other programs.
func (e *env) afterExtract(out string, record *extract.Record) []string {
	why := "no sample has a label, and a head needs two classes: folders that are called as them, or --label COL"
	switch labels := record.Labels(); {
	case record.Several() && labels >= 1, labels >= 2:
		return []string{"train-head", operand(out)}
	case labels == 1:
		why = "all labels are the same, and a head needs two classes: folders that are called as them, or --label COL"
	}
	npy := free(strings.TrimSuffix(out, ".features") + ".npy")
	if npy == "" {
		return nil
	}
	e.note("%s", why)
	return []string{"cache", "export", operand(out), "--out", operand(npy)}
}

// afterTraining are the words to type after a head was trained on sets: it is
// asked about new samples, for which those that it was trained on stand.
func (e *env) afterTraining(head string, f *file.File, names []string, sets []*features.Set) []string {
	words := []string{"predict", operand(head)}
	predict := program(e).find("predict")
	d, err := contract.Describe(f.Spaces[0].JSON)
	samples := err == nil && (len(f.Spaces) == 1 || contract.OneBackbone(spacesOf(f)))
	switch meta := &sets[0].Meta; {
	case samples && string(d.Modality) == "text" && lookup(predict, "sample") != nil:
		return append(words, "--sample", "a text of your own")
	case samples && !slices.Contains(meta.Source, "-"):
		return append(append(words, readingWords(predict, meta.Reading)...), operands(meta.Source)...)
	}
	return append(words, operands(names)...)
}

// readingWords are the flags of a command that say where in a source the
// samples are. What else was said of them a head knows, or needs not.
func readingWords(c *command, reading map[string]string) []string {
	var words []string
	for _, flag := range []string{"format", "image", "text", "numbers", "delimiter", "no-header", "encoding", "root"} {
		value, ok := reading[flag]
		f := lookup(c, flag)
		switch {
		case !ok || f == nil:
		case takesValue(f):
			words = append(words, "--"+flag, value)
		default:
			words = append(words, "--"+flag+"="+value)
		}
	}
	return words
}

// afterEvaluating are the words to type after a head was measured: it becomes
// one model with its backbone, where it has one.
func afterEvaluating(head string, f *file.File) []string {
	dir := free(strings.TrimSuffix(filepath.Base(head), ".head.onnx") + "-model")
	if len(f.Spaces) > 1 || dir == "" {
		return nil
	}
	return []string{"export", operand(head), "--out", operand(dir)}
}

// sameLine are the words of the command line that runs, without some flags.
func (e *env) sameLine(command string, args []string, without ...string) []string {
	words := []string{command}
	to := program(e).find(command)
	for _, given := range e.given {
		name, _, _, _ := splitFlag(given)
		if !slices.Contains(without, name) && lookup(to, name) != nil {
			words = append(words, given)
		}
	}
	return append(words, operands(args)...)
}

// labelsSeen counts the labels of samples that a head predicts, for what is to
// be typed next. It is a sink before another.
type labelsSeen struct {
	file    *file.File
	sink    extract.Sink
	fresh   int // samples of classes that the head knows, not among those that it was fitted on
	unknown int // samples of other classes
}

var _ extract.Sink = (*labelsSeen)(nil)

// Take counts the labels of rows and passes them on.
func (l *labelsSeen) Take(rows []extract.Row) error {
	for i := range rows {
		if row := &rows[i]; row.Bad == "" {
			l.add(row.Sample.Label, row.Sample.Labels, row.Key)
		}
	}
	return l.sink.Take(rows)
}

// add counts a label, or the labels of a sample that may have several.
func (l *labelsSeen) add(label string, labels []string, key cache.Key) {
	known := label != ""
	switch l.file.Head.Task {
	case head.AnyOf:
		known = labels != nil
	case head.Number:
		if numbers, err := head.Numbers(label); err != nil || len(numbers) != len(l.file.Head.Classes) {
			return
		}
	default:
		_, known = slices.BinarySearch(l.file.Head.Classes, label)
		if l.file.Head.Task == head.Grade { // in an order of their own
			known = slices.Contains(l.file.Head.Classes, label)
		}
		if label != "" && !known {
			l.unknown++
		}
	}
	if known && (l.file.Fitted == nil || !l.file.Fitted.Seen(key)) {
		l.fresh++
	}
}

// afterPredicting are the words to type after samples were predicted: labelled
// ones are measured; else what stood on the terminal goes into a file, or the
// head becomes a model.
func (e *env) afterPredicting(o *predictOptions, l *labelsSeen) []string {
	stdin := slices.Contains(o.sources, "-")
	switch args := append([]string{o.head}, o.sources...); {
	case l.fresh > 0 && !stdin:
		words := e.sameLine("evaluate", args, "cache", "runtime", "json", "quiet")
		if l.unknown > 0 {
			words = append(words, "--ignore-unknown-classes")
		}
		return words
	case o.out == "" && !o.inWords && !stdin && free("predictions.csv") != "":
		return append(e.sameLine("predict", args, "cache", "runtime", "to"), "--out", "predictions.csv")
	}
	return afterEvaluating(o.head, l.file)
}

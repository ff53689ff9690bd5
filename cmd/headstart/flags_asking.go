package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract"
	"github.com/headstart-ml/headstart/extract/contract"
	"github.com/headstart-ml/headstart/extract/source"
	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/file"
	"github.com/headstart-ml/headstart/head/predict"
)

// asking is a head that is asked about the samples of a source: they are
// prepared as for the features that it was fitted on, and pass through the
// cache.
type asking struct {
	command string // "predict", "evaluate"
	head    string // its file
	file    *file.File
	*common
	*sampling
	env *env
}

// onlySets says whether sources are feature sets; some of them alone are an
// error.
func onlySets(sources []string) (bool, error) {
	sets := 0
	for _, path := range sources {
		if isFeatureSet(path) {
			sets++
		}
	}
	if sets > 0 && sets < len(sources) {
		return false, usagef("give either feature sets or sources of samples, not both")
	}
	return sets > 0, nil
}

// readAlready is an error if a flag says how samples are read, which those of
// a feature set have been. With retrained layers they are read again, and where
// shown says so they are looked for.
func (s *sampling) readAlready(f *file.File, shown bool, e *env) error {
	for _, flag := range s.given {
		switch {
		case !e.onLine(flag), flag == "root" && (f.Tail != nil || shown):
		case flag == "root":
			return usagef("--root says where the samples are; a head with no retrained layers reads none of a feature set")
		default:
			return usagef("--%s says how samples are read; a feature set has been read already", flag)
		}
	}
	return nil
}

// openFor opens samples for a head. One of several backbones is an error that
// says what to type instead.
func openFor(command, headFile string, f *file.File, sources []string, s *sampling) (*source.Source, error) {
	if len(f.Spaces) > 1 && !contract.OneBackbone(spacesOf(f)) {
		return nil, fmt.Errorf("%s takes %d feature sets; extract them first:\n%s\nthen: headstart %s %s %s",
			headFile, len(f.Spaces), extractCommands(f), command, headFile, strings.Join(setNames(f), " "))
	}
	return source.Open(sources, &s.source)
}

// run sends the samples of src through the backbone of the head to the sink
// that sinkOf returns for the model that answers: the head, or, with retrained
// layers, what is left of it behind them.
func (a *asking) run(ctx context.Context, src *source.Source, stats *extract.Stats, sinkOf func(model *head.Head) (extract.Sink, error)) error {
	spec, err := a.recall(a.head, a.file, src.Modality())
	if err != nil {
		return err
	}
	a.env.sayEarlier(a.head, spec)
	model := a.file.Head
	if a.file.Tail != nil {
		model = a.file.OfLogits()
		if spec, err = predict.WithTail(spec, a.file); err != nil {
			return err
		}
	}
	said := false
	unkept := func(reason error) error {
		if !said {
			a.env.noteOf("unwritable-cache", 0, "the cache at %s cannot be written (%s); what it lacks is computed and not kept", a.cacheDir, denial(reason))
		}
		said = true
		return nil
	}
	var store *cache.Cache // nil: nothing is held and nothing kept
	if a.cacheDir != "" {
		if store, err = createOrOpen(a.cacheDir, unkept); err != nil {
			return err
		}
	}
	if store != nil {
		defer store.Close()
	}
	backbone := newSession(spec, a.common)
	defer backbone.Close()
	sink, err := sinkOf(model)
	if err != nil {
		return err
	}
	return a.sampling.run(ctx, a.command, a.common, spec, backbone, store, src, sink, stats, true, unkept, a.env)
}

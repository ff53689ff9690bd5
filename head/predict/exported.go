package predict

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/headstart-ml/headstart/extract/contract"
	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/file"
	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/export"
	"github.com/headstart-ml/headstart/models/folder"
	"github.com/headstart-ml/headstart/models/onnx/layer"
)

// Read reads a head: a head file, or the folder that Export has written, or the
// model in it. The head of a folder takes the logits that the model gives, and
// its backbone is the folder; which samples it was fitted on is not known of
// it. What is neither is the error of file.Read. builtin holds the built-in
// backbones; with nil there are none.
func Read(path string, builtin fs.FS) (*file.File, error) {
	f, _, err := ReadHead(path, "", builtin)
	return f, err
}

// ReadHead is Read for one of several heads of an exported model, by its name;
// "" is the first one, or the only one. It returns the names of all, nil if
// there is one. A name that it does not have is a *HeadNameError.
func ReadHead(path, name string, builtin fs.FS) (f *file.File, names []string, err error) {
	f, err = file.Read(path)
	if err == nil && name != "" {
		return nil, nil, &HeadNameError{Path: path, Name: name}
	}
	if err == nil || !errors.Is(err, file.ErrNotHead) {
		return f, nil, err
	}
	f, names, other := readExported(path, name, builtin)
	if other != nil {
		return nil, nil, other
	}
	if f == nil {
		return nil, nil, err
	}
	return f, names, nil
}

// readExported reads the head of an exported model, nil if it is none. name is
// that of one of several, "" the first.
func readExported(path, name string, builtin fs.FS) (*file.File, []string, error) {
	spec, err := folder.ResolveFor(path, &folder.Options{Builtin: builtin})
	exported, damaged := export.Exported(path)
	switch {
	case err != nil && exported:
		return nil, nil, fmt.Errorf("predict: %s was exported with its head, but it cannot be read any more: %w", path, err)
	case err != nil && damaged != nil:
		return nil, nil, fmt.Errorf("predict: %s: %w, nor an exported model that can be read: %w", path, file.ErrNotHead, err)
	case err == nil && spec.Exported == nil && exported:
		return nil, nil, fmt.Errorf("predict: %s was exported with its head, but nothing in it says how samples become inputs any more; export it again", path)
	case err != nil || spec.Exported == nil:
		return nil, nil, nil // what it is instead is said of it as a head
	}
	names := HeadNames(spec)
	if spec.Exported["embedding"] != "" {
		return nil, nil, &EmbedderError{path}
	}
	meta, prefix := spec.Exported, ""
	if name != "" {
		several := headsIn(meta)
		i := slices.IndexFunc(several, func(h map[string]string) bool { return h["name"] == name })
		if i < 0 {
			return nil, nil, &HeadNameError{path, name, names}
		}
		meta, prefix = several[i], name+"_"
	}
	h, err := exportedHead(meta)
	if err != nil {
		return nil, nil, fmt.Errorf("predict: %s: its metadata: %w", path, err)
	}
	output := prefix + layer.Logits
	if h.Task == head.Grade {
		output = prefix + export.Steps
	}
	if spec, err = folder.ResolveFor(path, &folder.Options{Builtin: builtin, Taps: []string{output + ":none"}}); err != nil {
		return nil, nil, err
	}
	if d := spec.Taps[0].Dim; d != h.Task.Scores(len(h.Classes)) {
		return nil, nil, fmt.Errorf("predict: %s: its output %s has %d columns for %d %s", path, output, d, len(h.Classes), h.Task.Nouns())
	}
	space, err := contract.SpaceOf(spec, spec.Taps[0])
	if err != nil {
		return nil, nil, err
	}
	return &file.File{
		Head: h, Spaces: []file.Space{{JSON: space.JSON(), Backbone: path}}, Fitted: new(file.Fitted), Created: meta["created"],
	}, names, nil
}

// exportedHead is the head that takes the logits of an exported model with
// these metadata.
func exportedHead(meta map[string]string) (*head.Head, error) {
	h := &head.Head{Kind: meta["head"], Temperature: 1}
	if word := meta["task"]; word != "" {
		task, ok := head.TaskOf(strings.TrimSuffix(word, "s")) // "grades"
		if !ok {
			return nil, fmt.Errorf("task %.80q is not known", word)
		}
		h.Task = task
	}
	for name, to := range map[string]any{"classes": &h.Classes, "reject": &h.Reject, "thresholds": &h.Thresholds} {
		if text := meta[name]; text != "" {
			if err := json.Unmarshal([]byte(text), to); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	if len(h.Classes) == 0 {
		return nil, fmt.Errorf("there are no classes")
	}
	h.Model = head.Scores(h.Task.Scores(len(h.Classes)))
	return h, h.Check()
}

// ExportedFrom says what is in the folder that Export has written at path: its
// classes and what they are, for who shows it. ok is false where spec is of no
// exported model.
func ExportedFrom(spec *models.Spec) (h *head.Head, ok bool) {
	if spec.Exported == nil {
		return nil, false
	}
	h, err := exportedHead(spec.Exported)
	return h, err == nil
}

package predict

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
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
	f, err := file.Read(path)
	if err == nil || !errors.Is(err, file.ErrNotHead) {
		return f, err
	}
	f, other := readExported(path, builtin)
	if other != nil {
		return nil, other
	}
	if f == nil {
		return nil, err
	}
	return f, nil
}

// readExported reads the head of an exported model, nil if it is none.
func readExported(path string, builtin fs.FS) (*file.File, error) {
	spec, err := folder.ResolveFor(path, &folder.Options{Builtin: builtin})
	exported, damaged := export.Exported(path)
	switch {
	case err != nil && exported:
		return nil, fmt.Errorf("predict: %s was exported with its head, but it cannot be read any more: %w", path, err)
	case err != nil && damaged != nil:
		return nil, fmt.Errorf("predict: %s: %w, nor an exported model that can be read: %w", path, file.ErrNotHead, err)
	case err == nil && spec.Exported == nil && exported:
		return nil, fmt.Errorf("predict: %s was exported with its head, but nothing in it says how samples become inputs any more; export it again", path)
	case err != nil || spec.Exported == nil:
		return nil, nil // what it is instead is said of it as a head
	}
	if spec.Exported["embedding"] != "" {
		return nil, &EmbedderError{path}
	}
	h, err := exportedHead(spec.Exported)
	if err != nil {
		return nil, fmt.Errorf("predict: %s: its metadata: %w", path, err)
	}
	output := layer.Logits
	if h.Task == head.Grade {
		output = export.Steps
	}
	if spec, err = folder.ResolveFor(path, &folder.Options{Builtin: builtin, Taps: []string{output + ":none"}}); err != nil {
		return nil, err
	}
	if d := spec.Taps[0].Dim; d != h.Task.Scores(len(h.Classes)) {
		return nil, fmt.Errorf("predict: %s: its output %s has %d columns for %d %s", path, output, d, len(h.Classes), h.Task.Nouns())
	}
	space, err := contract.SpaceOf(spec, spec.Taps[0])
	if err != nil {
		return nil, err
	}
	return &file.File{
		Head: h, Spaces: []file.Space{{JSON: space.JSON(), Backbone: path}}, Fitted: new(file.Fitted), Created: spec.Exported["created"],
	}, nil
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

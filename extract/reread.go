package extract

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/headstart-ml/headstart/extract/features"
	"github.com/headstart-ml/headstart/extract/source"
	"github.com/headstart-ml/headstart/models"
)

// ErrStandardInput is the error for samples that came from the standard input
// and cannot be read again.
var ErrStandardInput = errors.New("they came from the standard input and cannot be read again")

// MovedError says that the source of a feature set cannot be opened where it
// was, nor below the root that was given.
type MovedError struct {
	Source []string // where it was looked for
	Err    error
}

func (e *MovedError) Error() string { return fmt.Sprintf("they cannot be read again: %v", e.Err) }
func (e *MovedError) Unwrap() error { return e.Err }

// Reread opens the source that a feature set was extracted from once more.
// root, if it is not empty, is where the samples are now: the folder of images,
// and of a table that is not where it was. The error is ErrStandardInput or a
// *MovedError.
func Reread(meta *features.Meta, root string) (*source.Source, error) {
	read := &source.Options{
		Recorded: true,
		Format:   meta.Reading["format"], Root: meta.Reading["root"], Image: meta.Reading["image"], Text: meta.Reading["text"], Numbers: meta.Reading["numbers"],
		Label: meta.Reading["label"], Group: meta.Reading["group"], Split: meta.Reading["split"], ID: meta.Reading["id"], Weight: meta.Reading["weight"],
		MultiLabel: meta.Reading["multi-label"] == "true",
		Delimiter:  meta.Reading["delimiter"], NoHeader: meta.Reading["no-header"] == "true", Encoding: meta.Reading["encoding"],
	}
	if slices.Contains(meta.Source, "-") {
		return nil, ErrStandardInput
	}
	paths := slices.Clone(meta.Source)
	if root != "" {
		moved(paths, read, models.Modality(meta.Modality) == models.Image, root)
	}
	src, err := source.Open(paths, read)
	if err != nil {
		return nil, &MovedError{paths, err}
	}
	return src, nil
}

// moved puts what has moved to root.
func moved(paths []string, read *source.Options, image bool, root string) {
	if image && read.Image != "" {
		read.Root = root
	}
	for i, p := range paths {
		switch _, err := os.Stat(p); {
		case image && read.Image == "" && len(paths) == 1: // a folder
			paths[i] = root
		case image && read.Image == "":
			paths[i] = filepath.Join(root, filepath.Base(p))
		case errors.Is(err, fs.ErrNotExist): // a table or lines, that have moved too
			paths[i] = filepath.Join(root, filepath.Base(p))
		}
	}
}

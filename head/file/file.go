package file

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/headstart-ml/headstart/cache/draft"
	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/models/onnx"
)

// Versions of the layout of head files that this package writes. It reads older
// ones, too; a program that knows only those refuses these.
const (
	featuresVersion = 3 // of a head on features
	tailVersion     = 4 // of a head with a tail
)

// ErrNotHead is wrapped by Read's error for a file that is no head file at all.
var ErrNotHead = errors.New("not a head file")

// File is a head with what belongs to it.
type File struct {
	Head   *head.Head // its model is a *head.Affine or a *head.Perceptron
	Spaces []Space    // where the features come from, in the order of the columns; their lengths add up to Head.D()
	Fitted *Fitted    // the rows that the head was fitted on

	// Tail is the part of the backbone that was trained with the head; nil: the
	// head was trained on features alone. With a tail, Head is of the features
	// that the tail computes, without a standardisation, and Spaces holds one
	// space: that of the features which the backbone gave before the training.
	Tail *Tail

	// BareLogits says that the file was read in a layout whose logits are
	// without the temperature, as were logits that a cache keeps of its tail.
	// Write makes no such files.
	BareLogits bool

	Settings json.RawMessage   // how the head was trained; nil: not known
	Data     string            // digest of the data set, hex; "": not known
	Metrics  json.RawMessage   // how well it did; nil: not known
	Versions map[string]string // names of programs and their versions; nil: not known
	Created  string            // date, RFC 3339; "": not known
}

// Space is where some columns of the features come from.
type Space struct {
	JSON     json.RawMessage // space.json, verbatim
	Backbone string          // a name or path, as the user gave it
}

// OfLogits returns the head for features that are the logits of f with its
// tail, as a cache keeps them.
func (f *File) OfLogits() *head.Head {
	h := f.Head.OfLogits()
	if f.BareLogits {
		h.Temperature = f.Head.Temperature
	}
	return h
}

// Write writes a head file: whole or not at all. The weights are rounded to
// float32. The same File gives the same bytes.
func Write(path string, f *File) error {
	data, err := encode(f)
	if err == nil {
		err = draft.Write(path, data)
	}
	if err != nil {
		return fmt.Errorf("head/file: %s: %w", path, err)
	}
	return nil
}

// Read reads a head file. Its Head computes in float64 what the file's graph
// computes in float32.
func Read(path string) (*File, error) {
	data, err := load(path)
	if err == nil {
		var f *File
		if f, err = decode(data); err == nil {
			return f, nil
		}
	}
	return nil, fmt.Errorf("head/file: %s: %w", path, err)
}

// load returns the content of a regular file.
func load(path string) ([]byte, error) {
	file, err := draft.OpenRegular(path)
	if errors.Is(err, draft.ErrIrregular) {
		return nil, fmt.Errorf("%w: %w", ErrNotHead, cause(err))
	}
	if err != nil {
		return nil, cause(err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, cause(err)
	}
	if info.Size() > onnx.MaxSize {
		return nil, fmt.Errorf("%w: it has %d bytes", ErrNotHead, info.Size())
	}
	var b bytes.Buffer
	b.Grow(int(info.Size()) + bytes.MinRead)
	if _, err := io.Copy(&b, io.LimitReader(file, onnx.MaxSize+1)); err != nil {
		return nil, cause(err)
	}
	return b.Bytes(), nil
}

// cause strips the path from an error whose message names it already.
func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

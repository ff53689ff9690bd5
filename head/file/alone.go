package file

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/headstart-ml/headstart/cache/draft"
	"github.com/headstart-ml/headstart/head"
)

// A Format is a way to write a head alone, without its backbone, for programs
// that have embeddings.
type Format struct {
	Name   string // as a user says it
	About  string // what is written, in a few words
	Ending string // of the file's name, usually; "" for a folder
	Folder bool   // a folder is written, not a file
	// sign is the file of a folder whose content tells what wrote the others.
	sign string
	// files are what is written, by names in the folder; of a file the name is
	// "".
	files func(a *alone) (map[string][]byte, error)
	// ours tells whether files would write one of that name that begins, or
	// ends, as content does. It reads no more than it needs.
	ours func(name string, content *io.SectionReader) bool
	// load is what loads it, in lines.
	load func(a *alone) []string
}

// Formats are the formats in which heads alone are written.
var Formats = []Format{
	{Name: "safetensors", About: "weights as tensors, all else in the metadata", Ending: ".safetensors", files: (*alone).safetensors, ours: isSafetensors, load: (*alone).loadSafetensors},
	{Name: "json", About: "weights and all else as JSON", Ending: ".json", files: (*alone).json, ours: isJSON, load: (*alone).loadJSON},
	{Name: "go", About: "a Go package without dependencies", Folder: true, sign: goFile, files: (*alone).goPackage, ours: isGoPackage, load: (*alone).loadGo},
	{Name: "sklearn", About: "arrays by the names of scikit-learn's attributes", Ending: ".npz", files: (*alone).sklearn, ours: isSklearn, load: (*alone).loadSklearn},
}

// FormatOf returns the format of that name, nil if there is none.
func FormatOf(name string) *Format {
	for i := range Formats {
		if Formats[i].Name == name {
			return &Formats[i]
		}
	}
	return nil
}

// AloneOptions say where a head alone is written to.
type AloneOptions struct {
	Path    string // of the file or the folder
	Replace bool   // what an earlier call has written there may be replaced
	Licence string // of the backbone's weights, for the metadata; "": it is not said
	Tool    string // what writes, likewise
}

// Written says what WriteAlone has written.
type Written struct {
	Files []string // names in the folder, sorted; of a file its path alone
	Bytes int64    // of all files
	Load  []string // what loads it, in lines
}

// AloneError says that a format cannot hold a head.
type AloneError struct {
	Format string
	Kind   string   // of the head
	Tail   bool     // the head has layers of its backbone, which no format holds
	Why    string   // what it is that the format has no place for
	Can    []string // formats that can hold it
}

func (e *AloneError) Error() string {
	if e.Tail {
		return "head/file: the head was trained together with layers of its backbone, which compute nothing without the layers before them; it cannot leave alone"
	}
	return fmt.Sprintf("head/file: %s cannot hold a head of the kind %s: %s", e.Format, e.Kind, e.Why)
}

// ThereError says that something is at a path already that is not replaced.
type ThereError struct {
	Path string
	// Exported says that an earlier call of WriteAlone has written it, in the
	// same format.
	Exported bool
}

func (e *ThereError) Error() string {
	if e.Exported {
		return fmt.Sprintf("head/file: %s is there already: an earlier export", e.Path)
	}
	return fmt.Sprintf("head/file: %s is there already, and no head in this format; name another place", e.Path)
}

// WriteAlone writes the head of f in a format, whole or not at all. The
// standardisation, the temperature and corrections of the classes' frequencies
// are folded into weights and biases, in float64. The same File gives the same
// bytes. A head that the format cannot hold is an *AloneError, something that
// is not replaced a *ThereError.
func WriteAlone(f *File, format *Format, o *AloneOptions) (*Written, error) {
	if err := f.check(); err != nil {
		return nil, fmt.Errorf("head/file: %w", err)
	}
	a := &alone{File: f, format: format, options: o}
	if f.Tail != nil {
		return nil, a.refuse("", &AloneError{Tail: true})
	}
	a.fold()
	if err := o.vacant(format); err != nil {
		return nil, err
	}
	files, err := format.files(a)
	if err != nil {
		return nil, err
	}
	w := &Written{Load: format.load(a)}
	for name, content := range files {
		w.Bytes += int64(len(content))
		w.Files = append(w.Files, name)
	}
	slices.Sort(w.Files)
	if format.Folder {
		err = o.folder(files)
	} else {
		w.Files[0] = o.Path
		err = draft.Write(o.Path, files[""])
	}
	if err != nil {
		return nil, fmt.Errorf("head/file: %s: %w", o.Path, err)
	}
	return w, nil
}

// vacant checks that something can be written to o.Path.
func (o *AloneOptions) vacant(format *Format) error {
	if format.Folder {
		if err := draft.Mend(filepath.Clean(o.Path)); err != nil {
			return fmt.Errorf("head/file: %s: %w", o.Path, err)
		}
	}
	info, err := os.Stat(o.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("head/file: %w", err)
	}
	e := &ThereError{Path: o.Path, Exported: true}
	check := func(name, path string) error {
		f, err := draft.OpenRegular(path)
		if errors.Is(err, draft.ErrIrregular) {
			e.Exported = false
			return nil
		}
		if err != nil {
			return err
		}
		defer f.Close()
		info, err := f.Stat()
		if err == nil && !format.ours(name, io.NewSectionReader(f, 0, info.Size())) {
			e.Exported = false
		}
		return err
	}
	switch {
	case !format.Folder:
		err = check("", o.Path)
	case !info.IsDir():
		e.Exported = false
	default:
		entries, rerr := draft.ReadDir(o.Path)
		if rerr == nil && len(entries) == 0 {
			return nil
		}
		err = rerr
		e.Exported = slices.ContainsFunc(entries, func(entry fs.DirEntry) bool { return entry.Name() == format.sign })
		for _, entry := range entries {
			if err == nil {
				err = check(entry.Name(), filepath.Join(o.Path, entry.Name()))
			}
		}
	}
	switch {
	case err != nil:
		return fmt.Errorf("head/file: %w", err)
	case e.Exported && o.Replace:
		return nil
	}
	return e
}

// begins tells whether text is in content from a place on.
func begins(content *io.SectionReader, at int64, text string) bool {
	have := make([]byte, len(text))
	n, _ := content.ReadAt(have, at)
	return string(have[:n]) == text
}

// folder writes files into the folder o.Path.
func (o *AloneOptions) folder(files map[string][]byte) (err error) {
	target := o.Path
	if real, err := filepath.EvalSymlinks(target); err == nil {
		target = real
	}
	if target, err = filepath.Abs(target); err != nil {
		return err
	}
	d, err := draft.CreateFolder(target)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Discard()) }()
	for name, content := range files {
		if err := draft.Write(filepath.Join(d.Name(), name), content); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if o.Replace {
		return d.Replace()
	}
	return d.Place()
}

// alone is a head that is written alone.
type alone struct {
	*File
	format     *Format
	options    *AloneOptions
	layers     []head.Dense // the last one gives logits, the temperature included; nil of a head that keeps rows
	normalize  bool
	neighbours *head.Neighbours // likewise; nil of a head of layers
}

// fold folds the temperature into the model.
func (a *alone) fold() {
	scale := slices.Repeat([]float64{1 / a.Head.Temperature}, a.Head.Task.Scores(len(a.Head.Classes)))
	m := a.Head.Model
	if r, ok := m.(head.Rescaler); ok && a.Head.Temperature != 1 {
		m = r.Rescaled(scale, nil)
	}
	if n, ok := m.(*head.Neighbours); ok {
		a.neighbours, a.normalize = n, n.Normalize
		return
	}
	n := networkOf(m)
	a.layers, a.normalize = n.layers, n.normalize
}

// refuse is the error for a head that the format cannot hold.
func (a *alone) refuse(why string, e *AloneError) error {
	e.Format, e.Kind, e.Why = a.format.Name, a.Head.Kind, why
	return e
}

// widths are the numbers of values before and behind each layer.
func (a *alone) widths() []int {
	all := []int{a.Head.D()}
	for _, l := range a.layers {
		all = append(all, len(l.Bias))
	}
	return all
}

// part says where some of the features come from.
type part struct {
	Dim      int             `json:"dim"`
	Backbone string          `json:"backbone"`
	Space    json.RawMessage `json:"space"`
}

// parts say where the features come from. Files are called by their names
// alone, since what is written may be published.
func (a *alone) parts() []part {
	var all []part
	for _, s := range a.Spaces {
		p := part{Backbone: filepath.Base(s.Backbone), Space: s.JSON}
		json.Unmarshal(s.JSON, &p) // checked before; dim alone is in it
		p.Backbone, p.Space = filepath.Base(s.Backbone), s.JSON
		all = append(all, p)
	}
	return all
}

// aloneVersion is the version of the fields that safetensors and JSON have.
const aloneVersion = 1

// field is what is said of a head beside its weights.
type field struct {
	name  string
	value any
}

// fields are what is said of a head beside its weights, in their order: what
// the package's comment lists.
func (a *alone) fields() []field {
	h := a.Head
	all := []field{
		{aboutName, aloneVersion}, {"head", h.Kind}, {"task", h.Task.Word()}, {"classes", h.Classes}, {"features", a.parts()},
		{"l2_normalize", a.normalize}, {"link", linkWords[h.Task]},
	}
	if len(a.layers) > 1 {
		all = append(all, field{"activation", "relu"})
	}
	if n := a.neighbours; n != nil {
		all = append(all, field{"neighbours", min(n.K, len(n.Labels))}, field{"vote_temperature", n.T}, field{"doubt", head.Doubt})
	}
	if h.Reject > 0 {
		all = append(all, field{"reject", h.Reject})
	}
	if h.Thresholds != nil {
		all = append(all, field{"thresholds", h.Thresholds})
	}
	for _, f := range []struct{ name, value string }{{"data", a.Data}, {"created", a.Created}, {"backbone_licence", a.options.Licence}, {"exported_by", a.options.Tool}} {
		if f.value != "" {
			all = append(all, field{f.name, f.value})
		}
	}
	return all
}

// linkWords are what makes answers of logits, by task.
var linkWords = map[head.Task]string{head.OneOf: "softmax", head.AnyOf: "sigmoid", head.Number: "identity", head.Grade: "cumulative"}

// compact writes JSON with <, > and & as they are.
func compact(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// quoted is a text as Python, Go and JSON write it.
func quoted(s string) string {
	text, _ := compact(s) // a string is never an error
	return string(text)
}

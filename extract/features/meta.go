package features

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/cache/draft"
)

// FormatVersion is the newest version of the file format that this package
// reads. It writes that of sets with several labels a sample, and the one
// before of others, so that programs that know only those go on reading them.
const FormatVersion = 2

// listsVersion is the version of sets with several labels a sample.
const listsVersion = 2

// metaKey is the name of the metadata in the file.
const metaKey = "headstart"

// maxSpaces is how many spaces a feature set may have.
const maxSpaces = 256

// Meta is what a feature set says about itself.
type Meta struct {
	FormatVersion int               `json:"format_version"` // set when writing
	Spaces        []json.RawMessage `json:"spaces"`         // space.json of each space, in column order; at least one
	Backbone      string            `json:"backbone"`       // as given: a built-in name or a path
	Modality      string            `json:"modality"`       // "image" or "text"
	Source        []string          `json:"source"`         // as given
	// Reading holds what else decides which rows the set has and in which
	// spaces, as flags of extract without their dashes: format, image, text,
	// label, root, alpha, …; the values of one that is repeated are divided by
	// line ends.
	Reading map[string]string `json:"reading,omitempty"`
	// MultiLabel says that a sample may have several labels: column label holds
	// lists. It is set before a Writer begins.
	MultiLabel bool   `json:"multi_label,omitempty"`
	Counts     Counts `json:"counts"`
	Tool       string `json:"tool"`    // "headstart VERSION"
	Created    string `json:"created"` // RFC 3339, UTC; "" when writing means SOURCE_DATE_EPOCH, or now
}

// MaxPixels returns how many pixels an image of the set may have, 0 if nobody
// said it.
func (m *Meta) MaxPixels() int {
	n, err := strconv.Atoi(m.Reading["max-pixels"])
	if err != nil || n < 0 {
		return 0 // it is not for this version
	}
	return n
}

// Counts are facts about the data.
type Counts struct {
	Samples    int `json:"samples"`    // rows; filled in when writing
	Bad        int `json:"bad"`        // samples of the source that are not in the set
	Duplicates int `json:"duplicates"` // rows whose content an earlier row has as well
	// Pixels is how many of the bad samples are images with more pixels than
	// the limit.
	Pixels int `json:"pixels,omitempty"`
	// Cut is how many rows are of texts that are longer than the backbone
	// takes, so that it got their beginnings only.
	Cut int `json:"cut,omitempty"`
}

// version returns the version of the format that a set is written in.
func (m *Meta) version() int {
	if m.MultiLabel {
		return listsVersion
	}
	return 1
}

// encode returns the metadata of a set of n rows as JSON.
func (m *Meta) encode(n int) (string, error) {
	whole := *m
	whole.FormatVersion, whole.Counts.Samples = m.version(), n
	if whole.Created == "" {
		now, err := draft.Date()
		if err != nil {
			return "", err
		}
		whole.Created = now
	}
	if _, err := whole.spaces(); err != nil {
		return "", err
	}
	if whole.Source == nil {
		whole.Source = []string{}
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // spaces stay as they are, byte for byte
	if err := e.Encode(whole); err != nil {
		return "", err
	}
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n"))), nil
}

// decodeMeta reads what encode wrote.
func decodeMeta(text string) (Meta, error) {
	var m Meta
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		return Meta{}, err
	}
	if m.FormatVersion > FormatVersion {
		return Meta{}, fmt.Errorf("format version %d, written by a newer headstart; this one reads up to %d", m.FormatVersion, FormatVersion)
	}
	if m.FormatVersion < 1 {
		return Meta{}, fmt.Errorf("format version %d", m.FormatVersion)
	}
	if m.MultiLabel && m.FormatVersion < listsVersion {
		return Meta{}, fmt.Errorf("format version %d with several labels a sample, which came with %d", m.FormatVersion, listsVersion)
	}
	_, err := m.spaces()
	return m, err
}

// spaces returns the set's spaces in column order.
func (m *Meta) spaces() ([]*cache.Space, error) {
	if n := len(m.Spaces); n < 1 || n > maxSpaces {
		return nil, fmt.Errorf("%d spaces, where a feature set has 1 to %d", n, maxSpaces)
	}
	spaces := make([]*cache.Space, len(m.Spaces))
	for i, text := range m.Spaces {
		s, err := cache.ParseSpace(text)
		if err != nil {
			return nil, fmt.Errorf("space %d: %w", i+1, err)
		}
		spaces[i] = s
	}
	return spaces, nil
}

// CheckReplace says whether a feature set with meta may take the place of the
// file at path: if there is none, or if it is a feature set from the same
// source in the same spaces. Else the error is an *OtherError that says what
// differs.
func CheckReplace(path string, meta *Meta) error {
	if _, err := os.Lstat(path); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	have, err := ReadMeta(path)
	if err != nil {
		return &OtherError{Path: path, Err: err}
	}
	clean := func(paths []string) []string {
		s := make([]string, len(paths))
		for i, p := range paths {
			s[i] = filepath.Clean(p)
		}
		return s
	}
	if h, w := clean(have.Source), clean(meta.Source); !slices.Equal(h, w) {
		return &OtherError{Path: path, What: "source", Have: words(h), Want: words(w)}
	}
	for _, role := range []string{"image", "text", "numbers"} {
		if h, w := have.Reading[role], meta.Reading[role]; h != w {
			return &OtherError{Path: path, What: role + " column", Have: h, Want: w}
		}
	}
	err = compareSpaces(meta.Spaces, have.Spaces)
	if other, ok := errors.AsType[*SpaceError](err); ok {
		what := other.Field
		if what == "number" || what == "order" {
			what += " of spaces"
		}
		return &OtherError{Path: path, What: what, Have: other.Got, Want: other.Want}
	}
	if err != nil {
		return fmt.Errorf("features: %s: %w", path, err)
	}
	return nil
}

// OtherError says that a file is not the feature set that was about to be
// written anew, but another one or something else.
type OtherError struct {
	Path string
	What string // what differs: "source", "text column", a space's field such as "prep.alpha"; "": it is no feature set
	Have string // in the file
	Want string // in what was to be written
	Err  error  // why it cannot be read, if What is ""
}

func (e *OtherError) Error() string {
	if e.What == "" {
		return fmt.Sprintf("features: %s: it exists and is no feature set that can be read, so it is not replaced", e.Path)
	}
	return fmt.Sprintf("features: %s: it exists and its %s is %s, not %s, so it is not replaced", e.Path, e.What, shown(e.Have), shown(e.Want))
}

func (e *OtherError) Unwrap() error { return e.Err }

// shown writes a value in a message.
func shown(v string) string {
	if v == "" {
		return "absent"
	}
	return v
}

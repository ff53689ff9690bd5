package folder

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/headstart-ml/headstart/models"
)

const modelCard = "README.md"

// PapersOf reads the files that lie beside a backbone's graph and say what it
// is, and what may be done with its weights. name and builtin are those of
// Resolve; licences of built-in backbones are those of the folder of them all.
func PapersOf(name string, builtin fs.FS) (*models.Papers, error) {
	f, texts, err := papersAt(name, builtin)
	if err != nil {
		return nil, err
	}
	p := &models.Papers{Texts: make(map[string][]byte)}
	if p.Config, err = readFile(f.fsys, configFile, maxConfig); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("models: %s: %w", f.path(configFile), err)
	}
	entries, err := fs.ReadDir(texts, ".")
	if err != nil {
		return nil, fmt.Errorf("models: %s: %w", f.place, cause(err))
	}
	for _, e := range entries {
		if !models.Travels(e.Name()) || e.IsDir() {
			continue
		}
		if p.Texts[e.Name()], err = readFile(texts, e.Name(), maxConfig); err != nil {
			return nil, fmt.Errorf("models: %s: %w", f.path(e.Name()), err)
		}
	}
	card, err := readFile(f.fsys, modelCard, maxConfig)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("models: %s: %w", f.path(modelCard), err)
	}
	p.Licence = cardLicence(card)
	return p, nil
}

// papersAt returns the folder of a backbone, and the one that has its licences.
func papersAt(name string, builtin fs.FS) (f *layout, texts fs.FS, err error) {
	if builtin != nil {
		known, err := Builtin(builtin)
		if err != nil {
			return nil, nil, err
		}
		for _, b := range known {
			if b.Name == name {
				sub, err := fs.Sub(builtin, name)
				return &layout{fsys: sub, place: name}, builtin, err
			}
		}
	}
	info, err := os.Stat(name)
	if err != nil {
		return nil, nil, fmt.Errorf("models: %s: %w", name, cause(err))
	}
	if info.IsDir() {
		f, _, err = inner(name)
	} else {
		f, _, err = around(filepath.Clean(name))
	}
	if err != nil {
		return nil, nil, err
	}
	return f, f.fsys, nil
}

// cardLicence returns the licence that a model card names between the lines
// "---" at its beginning, "" if it names none. Several are joined by " AND ",
// since a card does not say whether one of them is enough.
func cardLicence(card []byte) string {
	head, ok := bytes.CutPrefix(bytes.ReplaceAll(card, []byte("\r\n"), []byte("\n")), []byte("---\n"))
	if !ok {
		return ""
	}
	head, _, ok = bytes.Cut(append([]byte("\n"), head...), []byte("\n---"))
	if !ok {
		return ""
	}
	var names []string
	for _, name := range cardValues(string(head), "license") {
		if name == "other" {
			if own := cardValues(string(head), "license_name"); len(own) > 0 {
				name = own[0]
			}
		}
		if name != "unknown" {
			names = append(names, name)
		}
	}
	return strings.Join(names, " AND ")
}

// cardValues returns the values of a key at the outermost level of YAML, as
// model cards have them: a scalar, a list in brackets, or one line an item.
func cardValues(yaml, key string) []string {
	var values []string
	add := func(text string) {
		if v := yamlScalar(text); v != "" {
			values = append(values, v)
		}
	}
	inside := false // the lines below the key
	for line := range strings.Lines(yaml) {
		line = strings.TrimRight(line, "\n")
		text := strings.TrimSpace(line)
		item, isItem := strings.CutPrefix(text+" ", "- ")
		name, value, ok := strings.Cut(line, ":")
		switch {
		case text == "" || strings.HasPrefix(text, "#"):
		case inside && isItem:
			add(item)
		case ok && strings.Trim(name, `"'`) == key:
			values, inside = nil, true
			value = strings.TrimSpace(value)
			list, open := strings.CutPrefix(value, "[")
			if list, _, closed := strings.Cut(list, "]"); open && closed {
				for item := range strings.SplitSeq(list, ",") {
					add(item)
				}
			} else {
				add(value)
			}
		default:
			inside = false
		}
	}
	return values
}

// yamlScalar is a text of YAML without what is around it: quotes, a comment.
func yamlScalar(text string) string {
	text = strings.TrimSpace(text)
	for _, quote := range []string{`"`, `'`} {
		if inner, ok := strings.CutPrefix(text, quote); ok {
			inner, _, _ = strings.Cut(inner, quote)
			return strings.TrimSpace(inner)
		}
	}
	if strings.HasPrefix(text, "#") {
		return ""
	}
	text, _, _ = strings.Cut(text, " #")
	text = strings.TrimSpace(text)
	if text == "null" || text == "~" {
		return ""
	}
	return text
}

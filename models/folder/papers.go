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
// "---" at its beginning, "" if it names none.
func cardLicence(card []byte) string {
	head, ok := bytes.CutPrefix(bytes.ReplaceAll(card, []byte("\r\n"), []byte("\n")), []byte("---\n"))
	if !ok {
		return ""
	}
	head, _, ok = bytes.Cut(head, []byte("\n---"))
	if !ok {
		return ""
	}
	found := map[string]string{}
	for line := range strings.Lines(string(head)) {
		if key, value, ok := strings.Cut(line, ":"); ok {
			found[key] = strings.Trim(strings.TrimSpace(value), `"'`)
		}
	}
	licence := found["license"]
	switch licence {
	case "unknown":
		return ""
	case "other":
		if name := found["license_name"]; name != "" {
			return name
		}
	}
	return licence
}

package folder

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"

	"github.com/headstart-ml/headstart/models"
)

// Backbone is the record of a backbone that comes with headstart.
type Backbone struct {
	Name     string          `json:"name"`
	Modality models.Modality `json:"modality"`
	Dim      int             `json:"dim"`     // length of an embedding
	About    string          `json:"about"`   // what it is, in one line
	Licence  string          `json:"licence"` // SPDX identifier
	Source   string          `json:"source"`  // where the weights come from
	Files    map[string]File `json:"files"`   // by path in the backbone's folder
}

// File is the size and digest of one file.
type File struct {
	Size   int64  `json:"size"`   // bytes
	SHA256 string `json:"sha256"` // hex
}

// Size returns the size of all files, in bytes.
func (b *Backbone) Size() int64 {
	var n int64
	for _, f := range b.Files {
		n += f.Size
	}
	return n
}

// Builtin lists the backbones of a file system that has backbones.json at its
// root and a folder for each, such as builtin.FS returns. It is sorted by name.
func Builtin(builtin fs.FS) ([]Backbone, error) {
	const name = "backbones.json"
	data, err := readFile(builtin, name, maxConfig)
	if err != nil {
		return nil, fmt.Errorf("models: built-in backbones: %s: %w", name, err)
	}
	var list []Backbone
	if err := json.Unmarshal(data, &list); err != nil {
		return nil, fmt.Errorf("models: built-in backbones: %s: %w", name, err)
	}
	for i, b := range list {
		if i > 0 && list[i-1].Name >= b.Name {
			return nil, fmt.Errorf("models: built-in backbones: %s: %s and %s are not in order", name, list[i-1].Name, b.Name)
		}
		if b.Modality != models.Image && b.Modality != models.Text {
			return nil, fmt.Errorf("models: built-in backbones: %s: %s: modality %q", name, b.Name, b.Modality)
		}
	}
	return list, nil
}

// names lists the names of backbones for a message.
func names(list []Backbone) string {
	var s []string
	for _, b := range list {
		s = append(s, b.Name)
	}
	return strings.Join(s, ", ")
}

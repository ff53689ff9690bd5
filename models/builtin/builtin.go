// Package builtin holds the backbones that come with headstart: one folder in
// the Hugging Face layout for each, their licence texts, and backbones.json
// with name, licence, source and the digest of every file.
package builtin

import (
	"embed"
	"io/fs"
)

//go:embed all-minilm-l6-v2 efficientnet-lite0 backbones.json LICENSE NOTICE
var files embed.FS

// FS returns the folders. folder.Resolve and folder.Builtin read them.
func FS() fs.FS { return files }

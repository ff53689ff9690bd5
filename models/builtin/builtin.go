// Package builtin holds the backbones that come with headstart: one folder in
// the Hugging Face layout for each, their licence texts, backbones.json with
// name, licence, source and the digest of every file, and specs.json with what
// the files of each come to.
package builtin

import (
	"embed"
	"io/fs"
	"unsafe"
)

//go:embed all-minilm-l6-v2 efficientnet-lite0 backbones.json specs.json LICENSE NOTICE
var files embed.FS

// The large files once more, as strings: the program holds the bytes once, and
// they can be used without being copied.
//
//go:embed all-minilm-l6-v2/onnx/model.onnx
var minilm string

//go:embed all-minilm-l6-v2/tokenizer.json
var minilmTokenizer string

//go:embed efficientnet-lite0/onnx/model.onnx
var lite0 string

var large = map[string]string{
	"all-minilm-l6-v2/onnx/model.onnx":   minilm,
	"all-minilm-l6-v2/tokenizer.json":    minilmTokenizer,
	"efficientnet-lite0/onnx/model.onnx": lite0,
}

// FS returns the folders. folder.Resolve and folder.Builtin read them.
func FS() fs.FS { return compiled{files} }

// compiled is a folder.Compiled.
type compiled struct{ embed.FS }

// Content returns the bytes of a large file without copying them, or false if
// it has none of that name. They are part of the program: to write to them ends
// it.
func (compiled) Content(name string) ([]byte, bool) {
	s, ok := large[name]
	return unsafe.Slice(unsafe.StringData(s), len(s)), ok
}

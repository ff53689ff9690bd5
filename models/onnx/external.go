package onnx

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/headstart-ml/headstart/cache/draft"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// ExternalTensor is a tensor whose values lie in another file.
type ExternalTensor struct {
	Name   string // of the tensor
	Path   string // of the file, relative to the model's folder, slash-separated
	Offset int64  // of the first byte
	Length int64  // in bytes; -1: to the end of the file
}

// ExternalFile is a file of external data.
type ExternalFile struct {
	Path   string // relative to the model's folder, slash-separated
	Size   int64  // bytes
	SHA256 string // of its content, hex
}

// external reads where the values of a tensor lie.
// https://onnx.ai/onnx/repo-docs/ExternalData.html
func external(t *pb.TensorProto) (ExternalTensor, error) {
	x := ExternalTensor{Name: t.GetName(), Length: -1}
	n, err := elements(t.GetDims())
	if err != nil {
		return x, err
	}
	if t.RawData != nil {
		return x, fmt.Errorf("external_data: the tensor has raw_data too")
	}
	seen := make(map[string]bool)
	for _, e := range t.GetExternalData() {
		key, value := e.GetKey(), e.GetValue()
		if seen[key] {
			return x, fmt.Errorf("external_data: key %s stands there twice", quote(key))
		}
		seen[key] = true
		switch key {
		case "location":
			if x.Path, err = localPath(value); err != nil {
				return x, fmt.Errorf("external_data: location %s: %w", quote(value), err)
			}
		case "offset":
			if x.Offset, err = size(value); err != nil {
				return x, fmt.Errorf("external_data: offset %s: %w", quote(value), err)
			}
		case "length":
			if x.Length, err = size(value); err != nil {
				return x, fmt.Errorf("external_data: length %s: %w", quote(value), err)
			}
		}
	}
	if x.Path == "" {
		return x, fmt.Errorf("external_data: location is missing")
	}
	if s, ok := storages[pb.TensorProto_DataType(t.GetDataType())]; ok {
		if s.bits == 0 {
			return x, fmt.Errorf("external_data: values of type STRING cannot be external")
		}
		want := (n*s.bits + 7) / 8
		if x.Length >= 0 && x.Length != want {
			return x, fmt.Errorf("external_data: length %d: %v%v needs %d bytes",
				x.Length, pb.TensorProto_DataType(t.GetDataType()), clip(t.GetDims()), want)
		}
		x.Length = want
	}
	if x.Length > math.MaxInt64-x.Offset {
		return x, fmt.Errorf("external_data: offset %d and length %d are too large", x.Offset, x.Length)
	}
	return x, nil
}

// size reads a number of bytes.
func size(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("not a number of bytes")
	}
	return n, nil
}

// localPath returns the clean form of a path that stays inside the folder of
// the model on every platform. A star is refused since ONNX Runtime writes
// addresses of memory as locations that start with "*/".
func localPath(location string) (string, error) {
	if location == "" {
		return "", fmt.Errorf("it is empty")
	}
	if strings.ContainsFunc(location, func(r rune) bool { return r < ' ' || r == 0x7f || strings.ContainsRune(`\:*`, r) }) {
		return "", fmt.Errorf(`it has a control character, "\", ":" or "*"`)
	}
	if strings.HasPrefix(location, "/") {
		return "", fmt.Errorf("it is absolute; it must be relative to the model's folder")
	}
	if slices.Contains(strings.Split(location, "/"), "..") {
		return "", fmt.Errorf(`it has a ".." element; it must stay inside the model's folder`)
	}
	clean := path.Clean(location)
	if clean == "." || !fs.ValidPath(clean) {
		return "", fmt.Errorf("it is not the path of a file")
	}
	return clean, nil
}

// ErrShort is wrapped by CheckExternal's error for a file that ends before the
// bytes of a tensor do.
var ErrShort = errors.New("the file is too short")

// CheckExternal checks the files of external data in the model's folder dir:
// each is a regular file, no symbolic link is on its way, and each tensor's
// bytes lie inside it. It returns the files with their digests, sorted by path.
func CheckExternal(dir string, tensors []ExternalTensor) ([]ExternalFile, error) {
	if len(tensors) == 0 {
		return nil, nil
	}
	root, err := draft.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("onnx: external data: %w", err)
	}
	defer root.Close()
	sizes := make(map[string]int64)
	var files []ExternalFile
	for _, x := range tensors {
		if _, ok := sizes[x.Path]; !ok {
			if _, err := localPath(x.Path); err != nil {
				return nil, fmt.Errorf("onnx: external data: %s: %w", quote(x.Path), err)
			}
			f, err := digestFile(root, x.Path)
			if err != nil {
				return nil, fmt.Errorf("onnx: external data: %s: %w", path.Join(dir, x.Path), err)
			}
			sizes[x.Path] = f.Size
			files = append(files, f)
		}
		if have := sizes[x.Path]; x.Offset > have || x.Length > have-x.Offset {
			return nil, fmt.Errorf("onnx: external data: %s: tensor %s: %w: offset %d and length %d lie outside the file of %d bytes",
				path.Join(dir, x.Path), quote(x.Name), ErrShort, x.Offset, max(x.Length, 0), have)
		}
	}
	slices.SortFunc(files, func(a, b ExternalFile) int { return cmp.Compare(a.Path, b.Path) })
	return files, nil
}

// digestFile reads the file at name in root, which must be a regular file that
// is reached without a symbolic link.
func digestFile(root *os.Root, name string) (ExternalFile, error) {
	file := ExternalFile{Path: name}
	f, size, err := openLocal(root, name)
	if err != nil {
		return file, err
	}
	defer f.Close()
	h := sha256.New()
	if file.Size, err = io.Copy(h, f); err != nil {
		return file, cause(err)
	}
	if file.Size != size {
		return file, fmt.Errorf("the file changed while it was read")
	}
	file.SHA256 = hex.EncodeToString(h.Sum(nil))
	return file, nil
}

// openLocal opens the file at name in root, which must be a regular file that
// is reached without a symbolic link, and returns its size.
func openLocal(root *os.Root, name string) (*os.File, int64, error) {
	var last fs.FileInfo
	for i := range len(name) + 1 {
		if i < len(name) && name[i] != '/' {
			continue
		}
		info, err := root.Lstat(name[:i])
		if err != nil {
			return nil, 0, cause(err)
		}
		if info.Mode()&fs.ModeSymlink != 0 {
			return nil, 0, fmt.Errorf("%s is a symbolic link; put a copy of the file there", name[:i])
		}
		last = info
	}
	if !last.Mode().IsRegular() {
		return nil, 0, fmt.Errorf("not a regular file")
	}
	// Should the file be replaced by a pipe meanwhile, opening does not block.
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, 0, cause(err)
	}
	info, err := f.Stat()
	if err == nil && !os.SameFile(last, info) {
		err = fmt.Errorf("the file was replaced while it was opened")
	}
	if err != nil {
		f.Close()
		return nil, 0, cause(err)
	}
	return f, info.Size(), nil
}

// cause strips the path from an error whose message names it already.
func cause(err error) error {
	if e, ok := err.(*fs.PathError); ok {
		return e.Err
	}
	return err
}

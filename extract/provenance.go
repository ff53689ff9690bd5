package extract

import (
	"encoding/binary"
	"encoding/json"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/headstart-ml/headstart/cache"
)

// provenance writes what computes in one line, "provider cpu, runtime
// onnxruntime 1.32.0".
func provenance(fields map[string]string) string {
	var words []string
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		words = append(words, name+" "+fields[name])
	}
	return strings.Join(words, ", ")
}

// computedBy lists what the segments of a space say that computed them, each
// once, sorted. It is for a message: a segment that cannot be read says
// nothing.
func computedBy(c *cache.Cache, space *cache.Space) []string {
	names, err := filepath.Glob(filepath.Join(c.Dir(), "spaces", space.Fingerprint(), "seg", "*.safetensors"))
	if err != nil {
		return nil
	}
	var all []string
	for _, name := range names {
		fields := segmentMetadata(name)
		for _, own := range []string{"format", "fp", "space"} {
			delete(fields, own)
		}
		if p := provenance(fields); p != "" {
			all = append(all, p)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// segmentMetadata reads __metadata__ of a safetensors file: the length of the
// JSON as uint64 LE, then the JSON.
func segmentMetadata(name string) map[string]string {
	const maxHeader = 64 << 10
	if fi, err := os.Lstat(name); err != nil || !fi.Mode().IsRegular() {
		return nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil
	}
	defer f.Close()
	var size uint64
	if err := binary.Read(f, binary.LittleEndian, &size); err != nil || size > maxHeader {
		return nil
	}
	text := make([]byte, size)
	if _, err := io.ReadFull(f, text); err != nil {
		return nil
	}
	var header struct {
		Metadata map[string]string `json:"__metadata__"`
	}
	if err := json.Unmarshal(text, &header); err != nil {
		return nil
	}
	return header.Metadata
}

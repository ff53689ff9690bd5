package extract

import (
	"maps"
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

// computedBy lists what the segments of a reader say that computed them, each
// once, sorted.
func computedBy(reader *cache.Reader) []string {
	var all []string
	for _, fields := range reader.Provenance() {
		if p := provenance(fields); p != "" {
			all = append(all, p)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

package extract

import (
	"maps"
	"slices"
	"strings"
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

// computedBy lists what the segments of readers say that computed them, each
// once, sorted.
func (r *readers) computedBy() []string {
	var all []string
	for _, one := range r.all {
		for _, fields := range one.Provenance() {
			if p := provenance(fields); p != "" {
				all = append(all, p)
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

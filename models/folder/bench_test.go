package folder

import (
	"testing"

	"github.com/headstart-ml/headstart/models/builtin"
)

// The time until a built-in backbone is described, which every run pays.
func BenchmarkResolveBuiltin(b *testing.B) {
	for _, name := range []string{"all-minilm-l6-v2", "efficientnet-lite0"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Resolve(name, builtin.FS()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

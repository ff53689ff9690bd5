package text

import (
	"encoding/json"
	"fmt"
	"math"
	"testing"
)

// Bytes a second, on one core: MB/s.
func BenchmarkAppendIDs(b *testing.B) {
	tok := build(b, spec(b))
	var latin, real []string
	for _, g := range golden(b) {
		if g.Kind != "real" || len(g.IDs) == 256 { // the end of a long text is not read
			continue
		}
		real = append(real, g.Text)
		if script(g.Text) == "Latin" {
			latin = append(latin, g.Text)
		}
	}
	for _, set := range []struct {
		name  string
		texts []string
	}{{"latin", latin}, {"all scripts", real}} {
		b.Run(set.name, func(b *testing.B) {
			n := 0
			for _, text := range set.texts {
				n += len(text)
			}
			b.SetBytes(int64(n))
			b.ReportAllocs()
			var ids []int32
			for b.Loop() {
				for _, text := range set.texts {
					ids, _ = tok.AppendIDs(ids[:0], text)
				}
			}
		})
	}
}

func BenchmarkNew(b *testing.B) {
	s := spec(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := load(s); err != nil {
			b.Fatal(err)
		}
	}
}

// The time for texts that are made to be slow, with and without added tokens
// that they nearly spell out.
func BenchmarkHostile(b *testing.B) {
	for _, patch := range []map[string]json.RawMessage{nil, {"added_tokens": hostileAdded}} {
		s := patched(b, patch)
		s.MaxLen = math.MaxInt
		tok := build(b, s)
		for name, text := range hostile() {
			b.Run(fmt.Sprintf("%s/%d parts replaced", name, len(patch)), func(b *testing.B) {
				b.SetBytes(int64(len(text)))
				for b.Loop() {
					if _, err := tok.AppendIDs(nil, text); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

package text

import (
	"testing"
)

// Bytes a second, on one core: MB/s.
func BenchmarkAppendIDs(b *testing.B) {
	tok := build(b, spec(b))
	license := golden(b)
	var english, real []string
	for _, g := range license {
		if g.Kind != "real" {
			continue
		}
		real = append(real, g.Text)
		if script(g.Text) == "Latin" && len(g.Text) < 2000 {
			english = append(english, g.Text)
		}
	}
	for _, set := range []struct {
		name  string
		texts []string
	}{{"latin", english}, {"all scripts", real}} {
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
		if _, err := New(s); err != nil {
			b.Fatal(err)
		}
	}
}

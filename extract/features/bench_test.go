package features_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/headstart-ml/headstart/extract/features"
)

const benchRows = 200_000

func BenchmarkWrite(b *testing.B) {
	s := big(b, benchRows)
	path := filepath.Join(b.TempDir(), "x.features")
	b.ReportAllocs()
	for b.Loop() {
		if err := features.Write(path, s); err != nil {
			b.Fatal(err)
		}
	}
	info, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchRows, "ns/row")
	b.ReportMetric(float64(info.Size())/benchRows, "B/row")
}

func BenchmarkRead(b *testing.B) {
	path := write(b, big(b, benchRows))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := features.Read(path); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchRows, "ns/row")
}

func BenchmarkJoin(b *testing.B) {
	one, two := big(b, benchRows), big(b, benchRows)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := features.Join([]*features.Set{one, two}, []string{"one", "two"}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchRows, "ns/row")
}

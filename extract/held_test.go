package extract_test

import (
	"fmt"
	"io"
	"sync/atomic"
	"testing"

	"github.com/headstart-ml/headstart/extract"
	"github.com/headstart-ml/headstart/extract/source"
)

// heldSource yields samples that hold their content in memory, as those of a
// compressed archive do, and keeps how many were on their way at once.
type heldSource struct {
	content  []byte
	n, most  int
	finished atomic.Int64
	furthest int
}

func (s *heldSource) Next() (*source.Sample, error) {
	if s.n == s.most {
		return nil, io.EOF
	}
	s.n++
	s.furthest = max(s.furthest, s.n-int(s.finished.Load()))
	return source.Bytes(fmt.Sprint(s.n), s.content), nil
}

func (s *heldSource) Take(rows []extract.Row) error {
	s.finished.Add(int64(len(rows)))
	return nil
}

// What samples hold in memory bounds how many are read ahead.
func TestSamplesInMemoryAreBounded(t *testing.T) {
	const size = 8 << 20
	src := &heldSource{content: make([]byte, size), most: 64}
	if err := extract.Run(t.Context(), imageSpec(), &fake{}, store(t, t.TempDir()), src, src, nil, &extract.Settings{Threads: 2}); err != nil {
		t.Fatal(err)
	}
	// Five windows of 32 MiB.
	if most := 5 * (32 << 20) / size; src.furthest > most {
		t.Errorf("%d samples of 8 MiB are held at once, more than %d", src.furthest, most)
	}
}

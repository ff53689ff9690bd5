package source

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/headstart-ml/headstart/models"
)

// inHand reads samples that are in memory.
type inHand struct {
	samples []*Sample
	n       int // how many there were
}

// Texts returns a source of texts in memory, with the ids BASE#1, BASE#2, …
// With may name what Options.With names of texts that are in no table: the
// text. There must be one text at least.
func Texts(base string, texts []string, with []string) (*Source, error) {
	r := &inHand{n: len(texts)}
	for i, text := range texts {
		r.samples = append(r.samples, Bytes(base+"#"+strconv.Itoa(i+1), []byte(text)))
	}
	p := &part{
		opened: &opened{
			reader: r, modality: models.Text, empty: "there are no texts",
			place: func(_ string, n int) string { return fmt.Sprintf("%s %d", base, n+1) },
		},
		name: base, base: base, format: "lines",
	}
	p.state.whole.Store(int64(len(texts)))
	if err := p.has(with); err != nil {
		return nil, err
	}
	return &Source{parts: []*part{p}, opts: Options{With: slices.Clone(with)}}, nil
}

func (r *inHand) next() (*Sample, error) {
	if len(r.samples) == 0 {
		return nil, io.EOF
	}
	s := r.samples[0]
	r.samples = r.samples[1:]
	return s, nil
}

func (r *inHand) count(context.Context) int { return r.n }
func (r *inHand) close() error              { return nil }

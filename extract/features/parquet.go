package features

import (
	"io"

	"github.com/parquet-go/parquet-go"
)

// embedded is a row of an exported Parquet file as the Parquet library sees
// it: the columns of a feature set and a list.
type embedded struct {
	record
	Embedding []float32 `parquet:"embedding,list"`
}

// listEmbedded is embedded of a set with several labels a sample.
type listEmbedded struct {
	listRecord
	Embedding []float32 `parquet:"embedding,list"`
}

// embeddedGroup is about how many bytes of embeddings a row group has; what
// is in memory until it is written.
const embeddedGroup = 32 << 20

// parquetEncoder writes a feature set as a Writer does, with a column embedding
// more: a list of d float32.
type parquetEncoder[T any] struct {
	set     *Set
	d       int
	parquet *parquet.GenericWriter[T]
	record  func(*Row, []float32) T
	batch   []T
}

func newParquet(w io.Writer, s *Set, d int) (encoder, error) {
	text, err := s.Meta.encode(s.N())
	if err != nil {
		return nil, err
	}
	options := append(settings(int64(max(1, min(rowGroup, embeddedGroup/(4*d))))), parquet.KeyValueMetadata(metaKey, text))
	if s.Meta.MultiLabel {
		return &parquetEncoder[listEmbedded]{
			set: s, d: d, parquet: parquet.NewGenericWriter[listEmbedded](w, options...),
			record: func(r *Row, x []float32) listEmbedded { return listEmbedded{newListRecord(r), x} },
		}, nil
	}
	return &parquetEncoder[embedded]{
		set: s, d: d, parquet: parquet.NewGenericWriter[embedded](w, options...),
		record: func(r *Row, x []float32) embedded { return embedded{newRecord(r), x} },
	}, nil
}

func (e *parquetEncoder[T]) rows(lo int, x []float32) error {
	e.batch = e.batch[:0]
	for i := 0; len(x) > 0; i, x = i+1, x[e.d:] {
		r := e.set.row(lo + i)
		e.batch = append(e.batch, e.record(&r, x[:e.d]))
	}
	_, err := e.parquet.Write(e.batch)
	return err
}

func (e *parquetEncoder[T]) close() error { return e.parquet.Close() }

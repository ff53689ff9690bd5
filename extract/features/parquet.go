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

// embeddedGroup is about how many bytes of embeddings a row group has; what
// is in memory until it is written.
const embeddedGroup = 32 << 20

// parquetEncoder writes a feature set as a Writer does, with a column embedding
// more: a list of d float32.
type parquetEncoder struct {
	set     *Set
	d       int
	parquet *parquet.GenericWriter[embedded]
	batch   []embedded
}

func newParquet(w io.Writer, s *Set, d int) (*parquetEncoder, error) {
	text, err := s.Meta.encode(s.N())
	if err != nil {
		return nil, err
	}
	return &parquetEncoder{set: s, d: d, parquet: parquet.NewGenericWriter[embedded](w,
		parquet.MaxRowsPerRowGroup(int64(max(1, min(rowGroup, embeddedGroup/(4*d))))),
		parquet.DictionaryMaxBytes(dictionaryMost),
		parquet.DataPageStatistics(false),
		parquet.CreatedBy("headstart", "1", "parquet-go"),
		parquet.KeyValueMetadata(metaKey, text),
	)}, nil
}

func (e *parquetEncoder) rows(lo int, x []float32) error {
	e.batch = e.batch[:0]
	for i := 0; len(x) > 0; i, x = i+1, x[e.d:] {
		r := e.set.row(lo + i)
		e.batch = append(e.batch, embedded{newRecord(&r), x[:e.d]})
	}
	_, err := e.parquet.Write(e.batch)
	return err
}

func (e *parquetEncoder) close() error { return e.parquet.Close() }

package features

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/cache/draft"
)

// ExportFormats are the formats that embeddings are exported in, by the usual
// endings of their files.
var ExportFormats = []string{"npy", "npz", "safetensors", "csv", "parquet"}

// exportBlock is how many bytes of embeddings are in memory at once.
const exportBlock = 8 << 20

// Export is a feature set with its embeddings, to be written for other
// programs: n rows in the set's order, spaces beside each other as in a
// Matrix. Unlike a Table it takes rows of augmented views.
type Export struct {
	// Progress, if it is not nil, is called now and then with the number of
	// rows that are written so far.
	Progress func(done, n int)

	set    *Set
	name   string
	matrix *Matrix
}

// NewExport finds the rows of s in c. Name says what messages call the set:
// its path. If c lacks some rows, the error is or joins a *MissingError for
// each space. The caller closes the export before c.
func NewExport(s *Set, name string, c *cache.Cache) (*Export, error) {
	spaces, err := s.Meta.spaces()
	if err == nil {
		err = s.check()
	}
	if err != nil {
		return nil, fmt.Errorf("features: %s: %w", name, err)
	}
	m, err := newMatrix(c, s.N(), []part{{name: name, meta: &s.Meta, spaces: spaces, keys: s.Keys}})
	if err != nil {
		return nil, err
	}
	return &Export{set: s, name: name, matrix: m}, nil
}

// N returns the number of rows.
func (x *Export) N() int { return x.matrix.N() }

// D returns the number of values a row: the sum of the spaces' dimensions.
func (x *Export) D() int { return x.matrix.D() }

// Close closes the cache's readers.
func (x *Export) Close() error { return x.matrix.Close() }

// Exported says what an export has written or would write.
type Exported struct {
	Labels string // path of the file of labels beside it; "": the format has them in itself
	Bytes  int64  // of the file itself
}

// Write writes the embeddings to path in a format, a name of ExportFormats,
// and beside an npy or safetensors file its labels as NAME.labels.csv, where
// NAME is path without the format's ending. Each
// file appears when it is complete and on the disk, the labels first; after an
// error neither does, and a file that was there stays as it is. What the
// feature set was made from is not replaced. A row that turns out to be
// damaged is a *cache.CorruptError. The memory that it takes is in proportion
// to neither n nor the size of the files.
func (x *Export) Write(ctx context.Context, path, format string) (*Exported, error) {
	out, err := x.write(ctx, path, format)
	if err != nil {
		return nil, fmt.Errorf("features: %s: %w", path, err)
	}
	return out, nil
}

// Plan does all that Write does, reading and checking every row, but leaves
// no file.
func (x *Export) Plan(ctx context.Context, path, format string) (*Exported, error) {
	out, err := x.prepare(path, format)
	if err == nil {
		out.Bytes, err = x.encode(ctx, format, io.Discard, io.Discard)
	}
	if err != nil {
		return nil, fmt.Errorf("features: %s: %w", path, err)
	}
	return out, nil
}

func (x *Export) write(ctx context.Context, path, format string) (*Exported, error) {
	out, err := x.prepare(path, format)
	if err != nil {
		return nil, err
	}
	main, err := draft.Create(path)
	if err != nil {
		return nil, err
	}
	defer main.Discard()
	drafts := []*draft.File{main}
	labels := io.Discard
	if out.Labels != "" {
		beside, err := draft.Create(out.Labels)
		if err != nil {
			return nil, err
		}
		defer beside.Discard()
		drafts, labels = []*draft.File{beside, main}, beside
	}
	if out.Bytes, err = x.encode(ctx, format, main, labels); err != nil {
		return nil, err
	}
	for _, d := range drafts {
		if err := d.Sync(); err != nil {
			return nil, err
		}
	}
	for _, d := range drafts {
		if err := d.Place(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// prepare checks that files can be put where they are to be.
func (x *Export) prepare(path, format string) (*Exported, error) {
	if !slices.Contains(ExportFormats, format) {
		return nil, fmt.Errorf("format %q: it is one of %s", format, strings.Join(ExportFormats, ", "))
	}
	out := new(Exported)
	places := []string{path}
	if format == "npy" || format == "safetensors" {
		base := path
		if ending := filepath.Ext(path); strings.EqualFold(ending, "."+format) {
			base = strings.TrimSuffix(path, ending)
		}
		out.Labels = base + ".labels.csv"
		places = append(places, out.Labels)
	}
	folder, err := os.Stat(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	if !folder.IsDir() {
		return nil, fmt.Errorf("%s is no folder", filepath.Dir(path))
	}
	for _, place := range places {
		there, err := os.Stat(place)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		what := "it"
		if place != path {
			what = place
		}
		if !there.Mode().IsRegular() {
			return nil, fmt.Errorf("%s is there already and is no file that could be replaced; export to another name", what)
		}
		for _, from := range append([]string{x.name}, x.set.Meta.Source...) {
			if info, err := os.Stat(from); err == nil && os.SameFile(info, there) {
				return nil, fmt.Errorf("%s is what the export is made from, so it stays as it is; export to another name", what)
			}
		}
	}
	return out, nil
}

// encoder writes embeddings in one format.
type encoder interface {
	// rows writes the next rows, from row lo on; x is their embeddings,
	// row-major.
	rows(lo int, x []float32) error
	// close writes what comes after the rows.
	close() error
}

// encode writes the export to main and, of formats that have none, the labels
// to labels. It returns the bytes that went to main.
func (x *Export) encode(ctx context.Context, format string, main, labels io.Writer) (int64, error) {
	to := &tally{w: main}
	var (
		enc encoder
		err error
	)
	switch format {
	case "npy":
		enc, err = newNPY(to, x.N(), x.D())
	case "npz":
		enc, err = newNPZ(to, x.set, x.D())
	case "safetensors":
		enc, err = newSafetensors(to, x.set, x.D())
	case "csv":
		enc, err = newCSV(to, x.set, x.D())
	case "parquet":
		enc, err = newParquet(to, x.set, x.D())
	default:
		err = fmt.Errorf("format %q", format)
	}
	if err == nil && (format == "npy" || format == "safetensors") {
		err = writeLabels(labels, x.set)
	}
	if err != nil {
		return 0, err
	}
	n, d := x.N(), x.D()
	step := max(1, exportBlock/(4*d))
	block := make([]float32, min(step, n)*d)
	for lo := 0; lo < n; lo += step {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		hi := min(n, lo+step)
		b := block[:(hi-lo)*d]
		if err := x.matrix.blockTo(b, lo, hi); err != nil {
			return 0, err
		}
		if err := enc.rows(lo, b); err != nil {
			return 0, err
		}
		if x.Progress != nil {
			x.Progress(hi, n)
		}
	}
	if err := enc.close(); err != nil {
		return 0, err
	}
	return to.n, ctx.Err()
}

// tally counts the bytes that go through it.
type tally struct {
	w io.Writer
	n int64
}

func (t *tally) Write(b []byte) (int, error) {
	n, err := t.w.Write(b)
	t.n += int64(n)
	return n, err
}

// floats writes float32, little-endian.
type floats struct {
	w     io.Writer
	bytes []byte // buffer
}

func (f *floats) write(x []float32) error {
	var err error
	if f.bytes, err = binary.Append(f.bytes[:0], binary.LittleEndian, x); err != nil {
		return err
	}
	_, err = f.w.Write(f.bytes)
	return err
}

package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/headstart-ml/headstart/cache/draft"
	"github.com/headstart-ml/headstart/extract/numpy"
)

// npyRecords reads the rows of arrays of NumPy: of the one of a .npy file, of
// those of a .npz file side by side. The content of a sample is a .npy file of
// its row.
type npyRecords struct {
	stream *stream    // of a .npy file that is none of its own; nil: it is
	file   *sectioned // of one that is
	beside *sectioned // the labels beside a .npy file; nil: there are none
	all    []npyColumn
	n      int64  // rows of the samples
	sample int    // of all; -1: not yet known
	head   []byte // of a sample's content
	chosen []*npyColumn
	record record
}

// npyColumn is an array, or what the name of the file says of all rows.
type npyColumn struct {
	name  string
	array *numpy.Array // nil: it is text
	rows  *numpy.Rows  // nil: not opened
	text  string
}

// numbersColumn is what the array of a .npy file is called.
const numbersColumn = "numbers"

// openNPY is the open of the format npy.
func openNPY(in *input) (*opened, error) {
	r := &npyRecords{sample: -1}
	if err := r.open(in); err != nil {
		r.close()
		return nil, fmt.Errorf("source: %s: %w", in.name, err)
	}
	return openTable(in, r)
}

func (r *npyRecords) open(in *input) error {
	if in.stream == nil { // the format was said
		if _, err := in.peek(); err != nil {
			return cause(err)
		}
	}
	if !in.again || in.stream.zipped {
		return r.openStream(in)
	}
	arrays, file, err := openArrays(in.path)
	if err != nil {
		return err
	}
	r.file = file
	for _, a := range arrays {
		r.all = append(r.all, npyColumn{name: a.Name, array: a})
	}
	if len(arrays) != 1 || arrays[0].Name != "" {
		if r.has("indices") && r.has("indptr") {
			return errors.New("a sparse matrix of SciPy's; in Python numpy.save(FILE, scipy.sparse.load_npz(…).toarray()) makes an array of it")
		}
		return nil
	}
	r.all[0].name = numbersColumn
	name := filepath.Base(in.path)
	if err := r.openLabels(in.path, name); err != nil && !in.opts.OptionalLabels {
		return err
	}
	if split := idxSplit(name); split != "" {
		r.all = append(r.all, npyColumn{name: "split", text: split})
	}
	return nil
}

// openArrays opens a file of arrays.
func openArrays(path string) ([]*numpy.Array, *sectioned, error) {
	f, err := draft.OpenRegular(path)
	if err != nil {
		return nil, nil, cause(err)
	}
	info, err := f.Stat()
	var arrays []*numpy.Array
	file := &sectioned{path: path, file: f}
	if err == nil {
		arrays, err = numpy.Open(readerAt{file}, info.Size())
	}
	if err != nil {
		f.Close()
		return nil, nil, cause(err)
	}
	return arrays, file, nil
}

// readerAt is a file of parts as an io.ReaderAt.
type readerAt struct{ *sectioned }

func (r readerAt) ReadAt(p []byte, at int64) (int, error) { return r.readAt(p, at) }

// openStream reads the header of a .npy file that is compressed or comes from a
// pipe.
func (r *npyRecords) openStream(in *input) error {
	var err error
	if r.stream, err = in.take(); err != nil {
		return cause(err)
	}
	if head, _ := r.stream.Peek(2); string(head) == "PK" {
		return errors.New("a .npz file must be a file of its own, since its list of arrays is at its end")
	}
	a, err := numpy.Read(r.stream)
	if err != nil {
		return cause(err)
	}
	r.all = []npyColumn{{name: numbersColumn, array: a}}
	return nil
}

// labelNames are what labels are called, and samples in whose place they stand.
var (
	labelNames  = []string{"y", "Y", "label", "labels", "target", "targets"}
	sampleNames = []string{"X", "x", "features", "data"}
	otherNames  = map[string][]string{"label": labelNames, "group": {"groups"}, "id": {"ids"}, "split": {"splits"}, "weight": {"weights", "sample_weight"}}
)

// openLabels opens the file of labels beside a .npy file, if there is one: the
// same name with y, labels or target for X, features or data.
func (r *npyRecords) openLabels(path, name string) error {
	for _, other := range labelFiles(name) {
		other = filepath.Join(filepath.Dir(path), other)
		info, err := os.Stat(other)
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		arrays, file, err := openArrays(other)
		if err != nil {
			return fmt.Errorf("the labels beside it, %s: %w", other, err)
		}
		if len(arrays) != 1 || arrays[0].Name != "" {
			err = errors.New("a .npz file under the name of a .npy file")
		} else if of := r.all[0].array; len(of.Shape) > 0 {
			err = onePerRow(arrays[0], of.Shape[0])
		}
		if err != nil {
			file.close()
			return fmt.Errorf("the labels beside it, %s: %w", other, err)
		}
		r.beside = file
		r.all = append(r.all, npyColumn{name: "label", array: arrays[0]})
		return nil
	}
	return nil
}

// labelFiles returns the names that the labels of a file may have.
func labelFiles(name string) (others []string) {
	stem := strings.TrimSuffix(name, filepath.Ext(name))
	isMark := func(c rune) bool { return c == '-' || c == '_' || c == '.' }
	for from := 0; from <= len(stem); {
		n := strings.IndexFunc(stem[from:], isMark)
		if n < 0 {
			n = len(stem) - from
		}
		if slices.Contains(sampleNames, stem[from:from+n]) {
			for _, label := range labelNames {
				others = append(others, stem[:from]+label+stem[from+n:]+filepath.Ext(name))
			}
		}
		from += n + 1
	}
	return others
}

// onePerRow says why an array has not one value for each of n samples.
func onePerRow(a *numpy.Array, n int64) error {
	switch {
	case a.Refused != nil:
		return a.Refused
	case len(a.Shape) == 0:
		return fmt.Errorf("one value without dimensions, where each of %d rows has one", n)
	case a.Shape[0] != n:
		return fmt.Errorf("%d rows, where the samples have %d", a.Shape[0], n)
	}
	for _, d := range a.Shape[1:] {
		if d != 1 {
			return fmt.Errorf("its shape is %s, where each of %d rows has one value", numpy.ShapeText(a.Shape), n)
		}
	}
	return nil
}

func (r *npyRecords) columns() []string {
	names := make([]string, len(r.all))
	for i, c := range r.all {
		names[i] = c.name
	}
	return names
}

// rows returns the array whose rows are the samples.
func (r *npyRecords) rows(at int) (int, error) {
	if at < 0 {
		at = slices.IndexFunc(r.all, func(c npyColumn) bool { return c.name == numbersColumn })
	}
	for _, name := range sampleNames {
		if at < 0 {
			at = slices.IndexFunc(r.all, func(c npyColumn) bool { return c.name == name })
		}
	}
	if at < 0 { // the only one that can be
		for i, c := range r.all {
			if c.array == nil || c.array.Refused != nil || !c.array.Type.Number() || len(c.array.Shape) < 2 || r.named(c.name) {
				continue
			}
			if at >= 0 {
				at = -1
				break
			}
			at = i
		}
	}
	if at < 0 {
		return -1, &UnsettledError{Reason: "which array has the samples? " + r.list(), Columns: r.columns(), Arrays: true}
	}
	if err := r.take(r.all[at].array); err != nil {
		if r.all[at].name != numbersColumn {
			err = fmt.Errorf("array %q: %w", r.all[at].name, err)
		}
		return -1, err
	}
	r.sample = at
	return at, nil
}

func (r *npyRecords) has(name string) bool {
	return slices.ContainsFunc(r.all, func(c npyColumn) bool { return c.name == name })
}

// named tells whether an array has the name of one that is beside the samples.
func (r *npyRecords) named(name string) bool {
	for role, names := range otherNames {
		if name == role || slices.Contains(names, name) {
			return true
		}
	}
	return false
}

// list lists the arrays with their shapes, for messages.
func (r *npyRecords) list() string {
	const most = 20
	var shown []string
	for _, c := range r.all[:min(len(r.all), most)] {
		what := "not read"
		if c.array.Refused == nil {
			what = fmt.Sprintf("%s of %s", numpy.ShapeText(c.array.Shape), c.array.Type)
		}
		shown = append(shown, fmt.Sprintf("%.60q (%s)", c.name, what))
	}
	if more := len(r.all) - most; more > 0 {
		shown = append(shown, fmt.Sprintf("and %d more", more))
	}
	if len(shown) == 0 {
		return "there is none"
	}
	return "its arrays are " + strings.Join(shown, ", ")
}

// take checks the array of the samples.
func (r *npyRecords) take(a *numpy.Array) error {
	switch {
	case a == nil:
		return errors.New("it is no array")
	case a.Refused != nil:
		return a.Refused
	case !a.Type.Number():
		return fmt.Errorf("an array of texts (%s), where numbers are wanted", a.Type.Descr())
	case len(a.Shape) < 2:
		return fmt.Errorf("its shape is %s, where rows have several values; one sample is a[None] in Python, samples of one value each are a[:, None]", shapeOf(a.Shape))
	case a.Shape[0] == 0:
		return fmt.Errorf("an array without rows, of shape %s", shapeOf(a.Shape))
	case a.Shape[0] > math.MaxInt32:
		return fmt.Errorf("%d rows, over the limit of %d", a.Shape[0], math.MaxInt32)
	case a.RowBytes() == 0:
		return fmt.Errorf("its rows have no values: its shape is %s", shapeOf(a.Shape))
	case a.RowBytes() > MaxContent-1024:
		return fmt.Errorf("a row has %d bytes, over the limit of %d", a.RowBytes(), MaxContent-1024)
	}
	r.n = a.Shape[0]
	r.head = numpy.Header(a.Type.Descr(), a.Shape[1:]...)
	return nil
}

func shapeOf(shape []int64) string {
	if len(shape) == 1 {
		return fmt.Sprintf("(%d,)", shape[0])
	}
	return numpy.ShapeText(shape)
}

// other returns the array that has a role under another name.
func (r *npyRecords) other(role string) (int, error) {
	for _, name := range otherNames[role] {
		if at := slices.IndexFunc(r.all, func(c npyColumn) bool { return c.name == name }); at >= 0 {
			return at, nil
		}
	}
	return -1, errNone
}

// readable says which of columns have not one value for each sample.
func (r *npyRecords) readable(columns []int) error {
	for _, at := range columns {
		if c := r.all[at]; at != r.sample && c.array != nil {
			if err := onePerRow(c.array, r.n); err != nil {
				return fmt.Errorf("array %q: %w", c.name, err)
			}
		}
	}
	return nil
}

func (r *npyRecords) choose(columns []int) {
	r.record.cells = make([]cell, len(columns))
	for _, at := range columns {
		r.chosen = append(r.chosen, &r.all[at])
	}
}

func (r *npyRecords) next() (*record, error) {
	if int64(r.record.n) == r.n {
		return nil, r.end()
	}
	for i, c := range r.chosen {
		if err := r.read(&r.record.cells[i], c); err != nil {
			return nil, r.of(c, err)
		}
	}
	r.record.n++
	return &r.record, nil
}

// of says which of several arrays an error is about.
func (r *npyRecords) of(c *npyColumn, err error) error {
	if len(r.all) == 1 {
		return cause(err)
	}
	return fmt.Errorf("array %q: %w", c.name, cause(err))
}

// end reads the arrays to their ends, which shows whether they are whole.
func (r *npyRecords) end() error {
	for _, c := range r.chosen {
		if c.rows == nil {
			continue
		}
		if _, err := c.rows.Next(); err != io.EOF {
			return r.of(c, err)
		}
	}
	return io.EOF
}

// read reads the next cell of a column.
func (r *npyRecords) read(to *cell, c *npyColumn) error {
	*to = cell{kind: textCell, text: to.text[:0]}
	if c.array == nil {
		to.text = append(to.text, c.text...)
		return nil
	}
	sample := c == &r.all[r.sample]
	if sample && c.array.Direct() {
		*to = cell{kind: fileCell, content: &inArray{c.array, r.head, int64(r.record.n)}}
		return nil
	}
	if c.rows == nil {
		var err error
		if c.rows, err = c.array.Rows(); err != nil {
			return err
		}
	}
	row, err := c.rows.Next()
	switch {
	case err == io.EOF:
		return fmt.Errorf("it ends after %d of %d rows", r.record.n, r.n)
	case err != nil:
		return err
	case sample:
		*to = cell{kind: fileCell, content: inMemory(append(bytes.Clone(r.head), row...))}
		return nil
	}
	to.text = c.array.Type.AppendText(to.text, row)
	if len(to.text) == 0 || c.array.Type.Kind == 'f' && string(to.text) == "nan" {
		to.kind = nullCell
	}
	return nil
}

func (r *npyRecords) count(context.Context) int { return int(r.n) }

// rest closes the file of the samples after the last. A sample that is read
// later opens it again.
func (r *npyRecords) rest() { r.closeFiles() }

func (r *npyRecords) close() error { return errors.Join(r.closeFiles(), r.stream.close()) }

func (r *npyRecords) closeFiles() error {
	var errs []error
	for i := range r.all {
		errs = append(errs, r.all[i].rows.Close())
		r.all[i].rows = nil
	}
	for _, f := range []*sectioned{r.file, r.beside} {
		if f != nil {
			errs = append(errs, f.close())
		}
	}
	return errors.Join(errs...)
}

// inArray is a row of a .npy file.
type inArray struct {
	array *numpy.Array
	head  []byte // of the content
	row   int64
}

func (c *inArray) size() int64 { return int64(len(c.head)) + c.array.RowBytes() }

func (c *inArray) read(limit int64) ([]byte, fs.FileInfo, error) {
	if c.size() > limit {
		return nil, nil, tooLarge(c.size(), limit)
	}
	content := make([]byte, c.size())
	n := copy(content, c.head)
	if err := c.array.Row(content[n:], c.row); err != nil {
		if m := machine(err); m != nil {
			return nil, nil, m
		}
		return nil, nil, reasonOf(KindRecord, "%v", cause(err))
	}
	return content, nil, nil
}

// info has nothing for a cache of digests: the file is that of all rows.
func (c *inArray) info() (string, fs.FileInfo, error) { return "", nil, nil }

var _ content = (*inArray)(nil)

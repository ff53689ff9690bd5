package source

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/headstart-ml/headstart/cache/draft"
	"github.com/headstart-ml/headstart/extract/parquet"
)

// parquetRecords reads the rows of a Parquet file.
type parquetRecords struct {
	file    *os.File
	parquet *parquet.File
	header  []string
	all     []*parquetColumn // as header
	readers []*parquetReader
	record  record
}

// parquetColumn is a column of a table.
type parquetColumn struct {
	node   *parquet.Node // its values, the elements of its lists, the contents of its files; nil: files have none
	list   *parquet.Node // the list that node is in; nil: it is in none
	path   *parquet.Node // the paths of its files; nil: they have none
	file   bool          // its values are files, as Hugging Face's data sets have them
	names  []string      // of classes, for which it has numbers; nil: it has what it says
	refuse error         // why it cannot be read
	sound  bool          // because it holds sound or video
}

// FeatureSetError says that what was given as a source is a feature set.
type FeatureSetError struct{ Path string }

func (e *FeatureSetError) Error() string {
	return fmt.Sprintf("source: %s: a feature set: it lists samples that were extracted, and does not hold them", e.Path)
}

// openParquet is the open of the format parquet.
func openParquet(in *input) (*opened, error) {
	if !in.again {
		return nil, fmt.Errorf("source: %s: a Parquet file must be a file of its own, since what says where its columns are is at its end", in.name)
	}
	if in.stream != nil && in.stream.zipped {
		return nil, fmt.Errorf("source: %s: a Parquet file inside gzip, which cannot be read from its end; decompress it to a file", in.name)
	}
	file, err := draft.OpenRegular(in.path)
	if err != nil {
		return nil, fmt.Errorf("source: %s: %w", in.name, cause(err))
	}
	r := &parquetRecords{file: file}
	if err := r.open(); err != nil {
		r.close()
		if err == errFeatureSet {
			return nil, &FeatureSetError{in.name}
		}
		return nil, fmt.Errorf("source: %s: %w", in.name, err)
	}
	o, err := openTable(in, r)
	if _, unsettled := errors.AsType[*UnsettledError](err); unsettled {
		// A data set of sound has a column of it and none of pictures or texts.
		for at, c := range r.all {
			if c.sound {
				return nil, fmt.Errorf("source: %s: %w", in.name, r.readable([]int{at}))
			}
		}
	}
	return o, err
}

var errFeatureSet = errors.New("a feature set")

// open reads what the file says of its columns.
func (r *parquetRecords) open() error {
	info, err := r.file.Stat()
	if err != nil {
		return cause(err)
	}
	if r.parquet, err = parquet.Open(r.file, info.Size(), nil); err != nil {
		return cause(err)
	}
	if _, ok := r.parquet.Metadata("headstart"); ok {
		return errFeatureSet
	}
	if r.parquet.Rows() == 0 {
		return errors.New("an empty table: it has no rows")
	}
	r.add(r.parquet.Columns(), "")
	if text, ok := r.parquet.Metadata("huggingface"); ok {
		return r.annotate(text)
	}
	return nil
}

// add adds the columns that nodes are, with the names of what they are in.
func (r *parquetRecords) add(nodes []*parquet.Node, prefix string) {
	for _, n := range nodes {
		c := &parquetColumn{node: n}
		element := n.List()
		switch {
		case element != nil && (element.Group() || element.Repetition > n.Repetition+1 || element.Repetition > 1):
			c.refuse = errors.New("it holds lists of groups or of lists")
		case element != nil:
			c.node, c.list = element, n
		case isFile(n):
			c.node, c.path, c.file = n.Child("bytes"), n.Child("path"), true
		case n.Group():
			r.add(n.Children, prefix+n.Name+".")
			continue
		}
		if c.refuse == nil && !c.file {
			_, c.refuse = c.node.Text()
		}
		r.header, r.all = append(r.header, prefix+n.Name), append(r.all, c)
	}
}

// isFile says whether n holds files: their bytes, their paths or both.
func isFile(n *parquet.Node) bool {
	for _, c := range n.Children {
		if c.Name != "bytes" && c.Name != "path" || c.Group() || c.Repeated || !c.Plain() {
			return false
		}
	}
	return n.Group() && !n.Repeated && len(n.Children) > 0 && n.Repetition == 0
}

// annotate gives columns what Hugging Face's data sets say of them in the
// file's metadata: names of classes, and that files are sound.
func (r *parquetRecords) annotate(text string) error {
	var meta struct {
		Info struct {
			Features map[string]json.RawMessage `json:"features"`
		} `json:"info"`
	}
	if err := json.Unmarshal([]byte(text), &meta); err != nil {
		return fmt.Errorf("its metadata of Hugging Face's data sets, key huggingface: %w", err)
	}
	columns := make(map[string]*parquetColumn, len(r.header))
	for i, name := range r.header {
		columns[name] = r.all[i]
	}
	for name, feature := range meta.Info.Features {
		annotate(columns, name, feature)
	}
	return nil
}

// annotate says of the column, or the columns in it, what its feature does:
// an object with a type, a list of one, or an object of columns.
func annotate(columns map[string]*parquetColumn, name string, feature json.RawMessage) {
	var list []json.RawMessage
	if json.Unmarshal(feature, &list) == nil && len(list) == 1 {
		annotate(columns, name, list[0])
		return
	}
	var f struct {
		Type    string          `json:"_type"`
		Names   []string        `json:"names"`
		Feature json.RawMessage `json:"feature"`
	}
	if json.Unmarshal(feature, &f) == nil && f.Type != "" {
		switch c := columns[name]; {
		case f.Feature != nil:
			annotate(columns, name, f.Feature)
		case c == nil:
		case f.Type == "ClassLabel" && c.node != nil && c.node.Integer():
			c.names = f.Names
		case f.Type == "Audio" || f.Type == "Video":
			c.sound, c.refuse = true, fmt.Errorf("it holds %s (Hugging Face's type %s)", map[string]string{"Audio": "sound", "Video": "video"}[f.Type], f.Type)
		}
		return
	}
	var inner map[string]json.RawMessage
	if json.Unmarshal(feature, &inner) == nil {
		for key, feature := range inner {
			annotate(columns, name+"."+key, feature)
		}
	}
}

func (r *parquetRecords) columns() []string { return r.header }

// readable says which of columns cannot be read, and why.
func (r *parquetRecords) readable(columns []int) error {
	for _, at := range columns {
		if why := r.all[at].refuse; why != nil {
			return fmt.Errorf("column %q: %w, which this version does not read", r.header[at], why)
		}
	}
	return nil
}

func (r *parquetRecords) choose(columns []int) {
	r.record.cells = make([]cell, len(columns))
	for _, at := range columns {
		r.readers = append(r.readers, newParquetReader(r.parquet, r.all[at], r.header[at]))
	}
}

func (r *parquetRecords) next() (*record, error) {
	r.record.n++
	r.record.bad = nil
	for i, c := range r.readers {
		bad, err := c.read(&r.record.cells[i])
		if err == io.EOF {
			return nil, err
		}
		if err != nil {
			return nil, fmt.Errorf("record %d: %w", r.record.n, cause(err))
		}
		if bad != nil && r.record.bad == nil {
			r.record.bad = bad
		}
	}
	return &r.record, nil
}

func (r *parquetRecords) count(context.Context) int { return int(r.parquet.Rows()) }

func (r *parquetRecords) close() error {
	for _, c := range r.readers {
		c.close()
	}
	return r.file.Close()
}

// parquetReader reads the cells of a column.
type parquetReader struct {
	*parquetColumn
	name   string
	values *parquet.Column // nil: there is no node
	paths  *parquet.Column // nil: there are no paths
	text   parquet.AppendText
	raw    bool // a value is its text
	buf    []byte
}

// newParquetReader returns the reader of a column that can be read.
func newParquetReader(f *parquet.File, c *parquetColumn, name string) *parquetReader {
	r := &parquetReader{parquetColumn: c, name: name}
	if c.node != nil {
		r.values = f.Column(c.node)
		r.text, _ = c.node.Text()
		r.raw = c.node.Plain()
	}
	if c.path != nil {
		r.paths = f.Column(c.path)
	}
	return r
}

func (r *parquetReader) close() {
	if r.values != nil {
		r.values.Close()
	}
	if r.paths != nil {
		r.paths.Close()
	}
}

// read reads the next cell, valid until the next call. bad says why it is none
// of a sample; io.EOF comes after the last.
func (r *parquetReader) read(c *cell) (bad, err error) {
	*c = cell{}
	switch {
	case r.file:
		return r.readFile(c)
	case r.list != nil:
		return r.readList(c)
	}
	v, err := r.values.Next()
	if err != nil || v == nil {
		return nil, err
	}
	text, bad := r.textOf(r.buf[:0], v)
	if bad != nil || text == nil {
		return bad, nil
	}
	if !r.raw {
		r.buf = text
	}
	c.kind, c.text, c.bytes = textCell, text, r.raw && !r.node.String()
	limit := maxRecord
	if c.bytes {
		limit = MaxContent
	}
	if len(text) > limit {
		return tooLarge(int64(len(text)), int64(limit)), nil
	}
	return nil, nil
}

// textOf returns the text of a value, in dst unless it is the value, and nil
// for what stands for nothing.
func (r *parquetReader) textOf(dst, v []byte) (text []byte, bad error) {
	if r.names == nil {
		if r.raw {
			return v, nil
		}
		text, there := r.text(dst, v)
		if !there {
			return nil, nil
		}
		return text, nil
	}
	class := int64(int32(binary.LittleEndian.Uint32(v)))
	if len(v) == 8 {
		class = int64(binary.LittleEndian.Uint64(v))
	}
	switch {
	case class == -1: // no class is said, as in a part for tests
		return nil, nil
	case class < 0 || class >= int64(len(r.names)):
		return nil, reasonOf(KindValue, "class %d in column %q, which has names for %d classes", class, r.name, len(r.names))
	}
	return append(dst, r.names[class]...), nil
}

// maxList is how many elements a list of labels may have.
const maxList = 1 << 16

func (r *parquetReader) readList(c *cell) (bad, err error) {
	n := 0
	err = r.values.Row(func(v parquet.Value) error {
		// Of a list that is null or empty there is one value, which is absent.
		if v.Definition < r.list.Definition || v.Bytes == nil && r.list != r.node && v.Definition == r.list.Definition {
			if v.Definition == r.list.Definition {
				c.kind, c.list = listCell, []string{}
			}
			return nil
		}
		if n++; n > maxList {
			bad = reasonOf(KindValue, "a list of more than %d in column %q", maxList, r.name)
			c.list = nil
			return nil
		}
		text, wrong := r.textOf(r.buf[:0], v.Bytes)
		switch {
		case wrong != nil && bad == nil:
			bad = wrong
		case text == nil && bad == nil:
			bad = reasonOf(KindValue, "a null in a list of column %q", r.name)
		case len(text) > maxName && bad == nil:
			bad = reasonOf(KindValue, "a label of %d bytes in column %q, over the limit of %d", len(text), r.name, maxName)
		case bad == nil:
			c.kind, c.list = listCell, append(c.list, string(text))
		}
		return nil
	})
	return bad, err
}

func (r *parquetReader) readFile(c *cell) (bad, err error) {
	var content, path []byte
	if r.values != nil {
		if content, err = r.values.Next(); err != nil {
			return nil, err
		}
	}
	if r.paths != nil {
		if path, err = r.paths.Next(); err != nil {
			return nil, err
		}
	}
	if content == nil && path == nil {
		return nil, nil
	}
	c.kind, c.text, c.path = fileCell, content, string(path[:min(len(path), maxName+1)])
	switch {
	case len(content) > MaxContent:
		return tooLarge(int64(len(content)), MaxContent), nil
	case len(path) > maxName:
		return reasonOf(KindName, "a path of %d bytes, over the limit of %d", len(path), maxName), nil
	}
	return nil, nil
}

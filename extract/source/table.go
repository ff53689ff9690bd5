package source

import (
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/headstart-ml/headstart/models"
)

// maxName is how long an id, a label or a group may be, in bytes: as long as a
// path.
const maxName = 4096

// table makes samples of the records of a table, whatever its format, by the
// roles that Options give to columns.
type table struct {
	records
	name  string // as given, for messages
	file  string // its last element
	base  string
	multi bool // a sample has several labels
	// A sample without a label that can be read is as good as any.
	optional bool
	words    *words
	decoding

	scratch []byte

	header   []string
	modality models.Modality
	images   *dir // what image paths are relative to
	// The columns that are read, as indices of header, and what each of those
	// below is among them; -1: there is none.
	chosen                                  []int
	sample, label, split, group, id, weight int
	with                                    []int
}

// openTable returns the samples of the records of r, and closes it if it
// fails.
func openTable(in *input, r records) (*opened, error) {
	t := &table{records: r, name: in.name, file: filepath.Base(in.path), base: in.base, multi: in.opts.MultiLabel, optional: in.opts.OptionalLabels, words: in.words, decoding: in.decoding, header: r.columns()}
	if in.path == "-" {
		t.file = "stdin"
	}
	if err := t.open(in.path, in.opts); err != nil {
		t.close()
		if e, ok := errors.AsType[*UnsettledError](err); ok {
			e.Source = in.name
			return nil, e
		}
		return nil, fmt.Errorf("source: %s: %w", in.name, err)
	}
	return &opened{
		reader: t, modality: t.modality, column: t.header[t.chosen[t.sample]], ids: t.id >= 0,
		empty: "an empty table: it has no records, only a header",
		place: func(_ string, n int) string { return fmt.Sprintf("%s record %d", t.name, n+1) },
	}, nil
}

func (t *table) open(path string, o *Options) error {
	if err := t.assign(o); err != nil {
		return err
	}
	if r, ok := t.records.(picky); ok {
		if err := r.readable(t.chosen); err != nil {
			return err
		}
	}
	t.choose(t.chosen)
	if t.modality != models.Image {
		return nil
	}
	root := o.Root
	if root == "" {
		root = filepath.Dir(path) // "." for "-"
	}
	var err error
	if t.images, err = openDir(root); err != nil {
		return fmt.Errorf("the folder of its images: %s: %w", root, cause(err))
	}
	return nil
}

// assign finds the columns that o names, and the default ones.
func (t *table) assign(o *Options) (err error) {
	t.label, t.split, t.group, t.id, t.weight = -1, -1, -1, -1, -1
	_, hasImage := t.find("image")
	_, hasText := t.find("text")
	arrays, numeric := t.records.(arrays)
	switch {
	case numeric && o.Image+o.Text != "":
		return fmt.Errorf("it holds numbers, so that no column of it is %s", map[bool]string{true: "of images", false: "of texts"}[o.Image != ""])
	case numeric:
		t.modality = models.Numbers
		if t.sample = -1; o.Numbers != "" {
			err = t.named(&t.sample, o.Numbers)
		}
		if err == nil {
			t.sample, err = arrays.rows(t.sample)
		}
	case o.Numbers != "":
		return fmt.Errorf("it is no file of NumPy's, so that %q is no array of numbers", o.Numbers)
	case o.Image != "":
		t.modality, t.sample = models.Image, -1
		err = t.named(&t.sample, o.Image)
	case o.Text != "":
		t.modality, t.sample = models.Text, -1
		err = t.named(&t.sample, o.Text)
	case hasImage == nil && hasText == nil:
		return &UnsettledError{Reason: "it has a column image and a column text, and which of them is the sample is not said", Columns: []string{"image", "text"}}
	case hasImage == nil:
		t.modality = models.Image
		t.sample, err = t.find("image")
	case hasText == nil:
		t.modality = models.Text
		t.sample, err = t.find("text")
	default:
		return &UnsettledError{Reason: "which column is the sample? " + t.list(), Columns: t.header, NoHeader: o.NoHeader}
	}
	if err != nil {
		return err
	}
	roles := []struct {
		at           *int
		name, option string
	}{
		{&t.label, "label", o.Label}, {&t.split, "split", o.Split}, {&t.group, "group", o.Group},
		{&t.id, "id", o.ID}, {&t.weight, "weight", o.Weight},
	}
	taken := map[int]bool{t.sample: true}
	for _, r := range roles {
		if r.option == "" {
			continue
		}
		if err := t.named(r.at, r.option); err != nil {
			return err
		}
		taken[*r.at] = true
	}
	for _, r := range roles {
		if r.option != "" {
			continue
		}
		at, err := t.find(r.name)
		if errors.Is(err, errTwice) {
			return err
		}
		if err != nil && numeric {
			at, err = arrays.other(r.name)
		}
		if err == nil && !taken[at] && !(r.at == &t.label && t.optional && t.unreadable(at)) {
			*r.at = at
		}
	}
	t.with = make([]int, len(o.With))
	for i, name := range o.With {
		if err := t.named(&t.with[i], name); err != nil {
			return err
		}
		t.read(&t.with[i])
	}
	for _, at := range []*int{&t.sample, &t.label, &t.split, &t.group, &t.id, &t.weight} {
		t.read(at)
	}
	return nil
}

// unreadable says whether a column can't be read.
func (t *table) unreadable(at int) bool {
	r, ok := t.records.(picky)
	return ok && r.readable([]int{at}) != nil
}

// read has the column at read, and makes at its index among those that are.
func (t *table) read(at *int) {
	if *at < 0 {
		return
	}
	i := slices.Index(t.chosen, *at)
	if i < 0 {
		i, t.chosen = len(t.chosen), append(t.chosen, *at)
	}
	*at = i
}

var (
	errTwice = errors.New("is there twice")
	errNone  = errors.New("no such column")
)

// list lists the columns, for messages.
func (t *table) list() string {
	if r, ok := t.records.(*csvRecords); ok && r.first {
		return listRecord(r.taken)
	}
	return listColumns(t.header)
}

// find returns the index of the one column of that name.
func (t *table) find(name string) (int, error) {
	at := slices.Index(t.header, name)
	if at < 0 {
		return -1, errNone
	}
	if slices.Contains(t.header[at+1:], name) {
		return -1, fmt.Errorf("column %q %w", name, errTwice)
	}
	return at, nil
}

// named sets at to the column that an option names.
func (t *table) named(at *int, name string) (err error) {
	*at, err = t.find(name)
	if err != errNone {
		return err
	}
	if near, ok := nearest(name, t.header); ok {
		return fmt.Errorf("no column %q; is it %q? %s", name, near, t.list())
	}
	return fmt.Errorf("no column %q; %s", name, t.list())
}

func (t *table) next() (*Sample, error) {
	r, err := t.records.next()
	if err == io.EOF {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("source: %s: %w", t.name, err)
	}
	var s *Sample
	var text *textSample // s, if it is one of text
	if t.modality == models.Text {
		text = new(textSample)
		s = &text.Sample
	} else {
		s = new(Sample)
	}
	s.Weight = 1
	bad := r.bad
	if bad == nil {
		bad = t.fill(s, r)
	}
	if bad != nil {
		if s.ID == "" {
			s.ID = t.numbered(r)
		}
		s.Path, s.content = t.at(r), &nowhere{kinded(KindRecord, bad)}
		return s, nil
	}
	if s.Path = t.at(r); text != nil {
		t.fillText(text, r)
	} else {
		t.fillImage(s, r)
	}
	return s, nil
}

// numbered returns the id of a record that has none of its own.
func (t *table) numbered(r *record) string {
	if r.id != "" {
		return r.id
	}
	return t.join(t.base, '#', r.n)
}

// at says where a record stands.
func (t *table) at(r *record) string {
	if r.path != "" {
		return r.path
	}
	if r.line > 0 {
		return t.join(t.file, ':', r.line)
	}
	return t.join(t.file, '#', r.n)
}

// join returns name, mark and number.
func (t *table) join(name string, mark byte, number int) string {
	t.scratch = strconv.AppendInt(append(append(t.scratch[:0], name...), mark), int64(number), 10)
	return string(t.scratch)
}

// text returns what the cell of a column holds, nil if it is empty or there is
// no such column.
func (t *table) text(r *record, at int) ([]byte, error) {
	if at < 0 || r.cells[at].empty() {
		return nil, nil
	}
	if c := &r.cells[at]; c.kind != textCell {
		return nil, reasonOf(KindValue, "%s in column %q, where a text is wanted", c.what(), t.column(at))
	}
	return r.cells[at].text, nil
}

// column returns the name of a column that is read.
func (t *table) column(at int) string { return t.header[t.chosen[at]] }

// nameable says why v, in that column, can be no id, no label and no group.
func (d decoding) nameable(v []byte, column string) error {
	if len(v) > maxName {
		return reasonOf(KindValue, "%q… in column %q has %d bytes, over the limit of %d", v[:40], column, len(v), maxName)
	}
	return d.proper(v, column)
}

// nameIn returns the id, the label or the group in a column.
func (t *table) nameIn(r *record, at int) ([]byte, error) {
	v, err := t.text(r, at)
	if len(v) > 0 {
		err = t.nameable(v, t.column(at))
	}
	if err != nil {
		return nil, err
	}
	return v, nil
}

// fill says of s what its record does.
func (t *table) fill(s *Sample, r *record) error {
	for _, at := range t.with {
		s.With = append(s.With, r.cells[at].String())
	}
	id, err := t.nameIn(r, t.id)
	if err != nil {
		return err
	}
	switch {
	case t.id < 0:
		s.ID = t.numbered(r)
	case len(id) == 0:
		return reasonOf(KindValue, "an empty id in column %q", t.column(t.id))
	default:
		s.ID = string(id)
	}
	if err := t.fillLabel(s, r); err != nil {
		return err
	}
	group, err := t.nameIn(r, t.group)
	if err != nil {
		return err
	}
	s.Group = t.words.internBytes(group)
	word, err := t.text(r, t.split)
	if err != nil {
		return err
	}
	if len(word) > 0 {
		split, ok := splitOf(string(word))
		if !ok {
			return reasonOf(KindValue, "split %q in column %q; splits are train · val, valid, validation, dev · test", word, t.column(t.split))
		}
		s.Split = split
	}
	number, err := t.text(r, t.weight)
	if err != nil {
		return err
	}
	if len(number) > 0 {
		w, err := strconv.ParseFloat(string(number), 64)
		if err != nil || math.IsNaN(w) || math.IsInf(w, 0) || w < 0 {
			return reasonOf(KindValue, "weight %q in column %q; a weight is a finite number, with a decimal point, and not negative", number, t.column(t.weight))
		}
		s.Weight, s.Weighted = w, true
	}
	return nil
}

func (t *table) fillLabel(s *Sample, r *record) error {
	if t.label < 0 {
		return nil
	}
	var err error
	switch c := &r.cells[t.label]; {
	case t.multi:
		s.Labels, err = t.labelsOf(c, t.column(t.label))
	case c.kind == listCell:
		err = reasonOf(KindLabels, "a list in column %q, where one label is wanted", t.column(t.label))
	default:
		var label []byte
		label, err = t.nameIn(r, t.label)
		s.Label = t.words.internBytes(label)
	}
	if t.optional {
		return nil
	}
	return err
}

// fillText sets the text of s, or why there is none.
func (t *table) fillText(s *textSample, r *record) {
	switch c := &r.cells[t.sample]; c.kind {
	case nullCell, textCell:
		t.decoding.fill(s, c.text)
	default:
		s.content = &nowhere{reasonOf(KindRecord, "%s in column %q, where a text is wanted", c.what(), t.column(t.sample))}
	}
}

// fillImage sets where the bytes of s are, or why there are none.
func (t *table) fillImage(s *Sample, r *record) {
	c := &r.cells[t.sample]
	var path string
	switch {
	case c.kind == fileCell && c.content != nil:
		if s.content = c.content; c.path != "" {
			s.Path = c.path
		}
		return
	case c.kind == textCell && c.bytes:
		s.content = inMemory(slices.Clone(c.text))
		return
	case c.kind == fileCell && c.text != nil:
		if c.path != "" {
			s.Path = printable(c.path)
		}
		s.content = inMemory(slices.Clone(c.text))
		return
	case c.kind == fileCell:
		path = c.path
	case c.kind == nullCell, c.kind == textCell:
		path = string(c.text)
	default:
		s.content = &nowhere{reasonOf(KindRecord, "%s in column %q, where a path or an image is wanted", c.what(), t.column(t.sample))}
		return
	}
	s.Path = printable(path)
	if path == "" {
		s.content = &nowhere{reasonOf(KindNoPath, "its path is empty")}
	} else if inside, err := t.images.inside(path); err != nil {
		s.content = &nowhere{err}
	} else {
		s.content = &inFile{t.images, inside}
	}
}

func (t *table) rest() {
	if r, ok := t.records.(rester); ok {
		r.rest()
	}
}

func (t *table) skipped() []Kind {
	if r, ok := t.records.(skipper); ok {
		return r.skipped()
	}
	return nil
}

func (t *table) close() error {
	return errors.Join(t.records.close(), t.images.close())
}

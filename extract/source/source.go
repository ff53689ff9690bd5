package source

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/headstart-ml/headstart/models"
)

// Options say how sources are read. A nil *Options and the zero value are the
// defaults.
type Options struct {
	// Format is one of Formats. The default, "", is "auto".
	Format string

	// Image and Text name the column that is the sample, for tables: a path to
	// an image, or a text. At most one of them is set. The default is the
	// column named "image" or "text" if exactly one of the two exists.
	Image, Text string

	// Label, Group, Split, ID and Weight name columns of tables. The default
	// of each is the column of that very name ("label", …) if there is one and
	// no other option names it.
	Label, Group, Split, ID, Weight string

	// Root is the folder that image paths in tables are relative to. The
	// default, "", is the folder that the table lies in, and the working
	// directory for a table on the standard input.
	Root string

	// Recorded says that the paths are those of an earlier run, so that a FIFO
	// is refused: nobody need be there who writes into it. By default the
	// caller knows, and it is read.
	Recorded bool

	// Stdin is what the source "-" reads. The default, nil, is os.Stdin.
	Stdin io.Reader
}

// role is what a column of a table is to a sample.
type role struct{ name, column string }

// columns returns the roles that options give a column to.
func (o *Options) columns() []role {
	roles := []role{
		{"image", o.Image}, {"text", o.Text}, {"label", o.Label}, {"group", o.Group},
		{"split", o.Split}, {"id", o.ID}, {"weight", o.Weight},
	}
	return slices.DeleteFunc(roles, func(r role) bool { return r.column == "" })
}

// Source yields the samples of one or several data sets, in order.
type Source struct {
	parts []*part
	opts  Options
	words words
	ids   *idSet // nil: no two samples can have one id
	at    int    // of the part that is being read
	n     int    // samples so far
	err   error
}

// part is one of the data sets of a Source.
type part struct {
	path     string // as given
	name     string // for messages
	base     string
	prefix   string // of its files' ids: "" or BASE/
	format   string
	modality models.Modality
	again    bool // it can be read a second time
	start    int  // samples of the parts before it
	reader
}

// reader reads one data set.
type reader interface {
	next() (*Sample, error) // io.EOF after the last
	count() int             // what is to come, reading it up; -1: not known
	close() error
}

var (
	_ reader = (*folder)(nil)
	_ reader = (*single)(nil)
	_ reader = (*table)(nil)
	_ reader = (*lines)(nil)
)

// Open opens the sources at paths (folders, tables, image files, or "-" for
// the standard input), which must all be of one modality. Samples come in the
// order of paths. The caller closes the Source when no Sample of it will be
// read any more.
func Open(paths []string, opts *Options) (*Source, error) {
	s := &Source{}
	if opts != nil {
		s.opts = *opts
	}
	if s.opts.Stdin == nil {
		s.opts.Stdin = os.Stdin
	}
	if err := s.open(paths); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Source) open(paths []string) error {
	if err := checkFormat(s.opts.Format); err != nil {
		return err
	}
	if s.opts.Image != "" && s.opts.Text != "" {
		return fmt.Errorf("source: both an image column (%q) and a text column (%q); a run takes one", s.opts.Image, s.opts.Text)
	}
	if len(paths) == 0 {
		return errors.New("source: none was given")
	}
	stdin, tables, ids := false, false, len(paths) > 1
	for _, path := range paths {
		if path == "-" && stdin {
			return errors.New("source: standard input: given twice")
		}
		stdin = stdin || path == "-"
		p, err := s.openPart(path, len(paths) > 1)
		if err != nil {
			return err
		}
		s.parts = append(s.parts, p)
		if first := s.parts[0]; p.modality != first.modality {
			return fmt.Errorf("source: %s holds %ss and %s holds %ss; a run takes one kind", first.name, first.modality, p.name, p.modality)
		}
		if t, ok := p.reader.(*table); ok {
			tables, ids = true, ids || t.id >= 0
		}
	}
	if roles := s.opts.columns(); len(roles) > 0 && !tables {
		return fmt.Errorf("source: %s: no table, so it has no %s column %q", s.parts[0].name, roles[0].name, roles[0].column)
	}
	if ids {
		s.ids = &idSet{}
	}
	return nil
}

func (s *Source) openPart(path string, several bool) (*part, error) {
	p := &part{path: path, name: path, format: s.opts.Format, modality: models.Image}
	if p.format == "auto" {
		p.format = ""
	}
	if path == "-" {
		p.name, p.base = "standard input", "stdin"
		return p, s.openFile(p)
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("source: %s: %w", path, &badError{"no such file or folder", err})
	}
	if err != nil {
		return nil, fmt.Errorf("source: %s: %w", path, cause(err))
	}
	p.again = info.Mode().IsRegular() || info.IsDir()
	if s.opts.Recorded && !p.again {
		return nil, fmt.Errorf("source: %s: %w", path, regular(info))
	}
	if p.base, err = baseOf(path, info.IsDir()); err != nil {
		return nil, fmt.Errorf("source: %s: %w", path, err)
	}
	if !info.IsDir() {
		return p, s.openFile(p)
	}
	if p.format != "" && p.format != "folder" {
		return nil, fmt.Errorf("source: %s: a folder, where format %s needs a file", path, p.format)
	}
	p.format = "folder"
	if several {
		p.prefix = p.base + "/"
	}
	if p.reader, err = openFolder(path, p.base, p.prefix, &s.words); err != nil {
		return nil, err
	}
	return p, nil
}

// openFile opens a part that is no folder.
func (s *Source) openFile(p *part) error {
	if p.format == "folder" {
		return s.openSingle(p)
	}
	in, err := openStream(p.path, s.opts.Stdin)
	if err != nil {
		return fmt.Errorf("source: %s: %w", p.name, cause(err))
	}
	if p.format == "" {
		head, err := in.Peek(512)
		if err != nil && err != io.EOF {
			in.close()
			return fmt.Errorf("source: %s: %w", p.name, cause(err))
		}
		if p.format, err = tell(p.path, head, &s.opts); err != nil {
			in.close()
			return fmt.Errorf("source: %s: %w", p.name, err)
		}
	}
	switch p.format {
	case "folder":
		in.close()
		return s.openSingle(p)
	case "lines":
		p.modality = models.Text
		p.reader = newLines(in, p.path, p.base)
		return nil
	}
	t, err := openTable(in, p.path, p.base, comma(p.format), &s.words, &s.opts)
	if err != nil {
		return err
	}
	p.modality, p.reader = t.modality, t
	return nil
}

func (s *Source) openSingle(p *part) (err error) {
	if !p.again {
		return fmt.Errorf("source: %s: an image must be a file of its own", p.name)
	}
	p.format = "folder"
	if p.reader, err = newSingle(p.path); err != nil {
		return fmt.Errorf("source: %s: %w", p.name, err)
	}
	return nil
}

func comma(format string) rune {
	if format == "tsv" {
		return '\t'
	}
	return ','
}

// baseOf returns the BASE of the folder or file at path.
func baseOf(path string, folder bool) (string, error) {
	base := filepath.Base(path)
	if folder {
		abs, err := filepath.Abs(path) // "." and ".." have names too
		if err != nil {
			return "", err
		}
		return strings.TrimSuffix(filepath.Base(abs), "/"), nil
	}
	if stem := strings.TrimSuffix(base, ".gz"); stem != "" {
		base = stem
	}
	if stem := strings.TrimSuffix(base, filepath.Ext(base)); stem != "" {
		base = stem
	}
	return base, nil
}

// cause drops operation and path of an error whose message names the path.
func cause(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

// Next returns the next sample, and io.EOF after the last. A source without
// samples is an error, and so is an id that was there before. After an error
// there are no further samples. Next must not be called concurrently; the
// samples that it returned may be read meanwhile.
func (s *Source) Next() (*Sample, error) {
	if s.err != nil {
		return nil, s.err
	}
	sample, err := s.next()
	s.err = err
	return sample, err
}

func (s *Source) next() (*Sample, error) {
	for s.at < len(s.parts) {
		p := s.parts[s.at]
		sample, err := p.next()
		if err == io.EOF {
			if s.n == p.start {
				return nil, fmt.Errorf("source: %s: %s", p.name, p.empty())
			}
			if s.at++; s.at < len(s.parts) {
				s.parts[s.at].start = s.n
			}
			continue
		}
		if err != nil {
			return nil, err
		}
		if s.ids != nil {
			if before, twice := s.ids.add(sample.ID, s.n); twice {
				return nil, fmt.Errorf("source: id %q is there twice: %s and %s", sample.ID, s.place(sample.ID, before), s.place(sample.ID, s.n))
			}
		}
		s.n++
		return sample, nil
	}
	return nil, io.EOF
}

// empty says that a part has no samples.
func (p *part) empty() string {
	switch p.format {
	case "folder":
		return "a folder without files (hidden ones do not count)"
	case "lines":
		return "an empty file"
	}
	return "an empty table: it has no records, only a header"
}

// place says where the n-th sample is.
func (s *Source) place(id string, n int) string {
	p := s.parts[0]
	for _, q := range s.parts[:s.at+1] {
		if q.start <= n {
			p = q
		}
	}
	switch p.reader.(type) {
	case *folder:
		return filepath.Join(p.path, filepath.FromSlash(strings.TrimPrefix(id, p.prefix)))
	case *table:
		return fmt.Sprintf("%s record %d", p.name, n-p.start+1)
	case *lines:
		return fmt.Sprintf("%s line %d", p.name, n-p.start+1)
	}
	return p.name
}

// Modality says what the samples are: models.Image or models.Text.
func (s *Source) Modality() models.Modality { return s.parts[0].modality }

// Len returns the number of samples, or -1 where it cannot be known without
// reading a stream to its end. It lists the folders and reads through the
// tables, beside what Next reads.
func (s *Source) Len() int {
	n := 0
	for _, p := range s.parts {
		if !p.again {
			return -1
		}
		k := s.count(p)
		if k < 0 {
			return -1
		}
		n += k
	}
	return n
}

func (s *Source) count(p *part) int {
	if p.format == "folder" {
		return p.reader.count()
	}
	in, err := openStream(p.path, nil)
	if err != nil {
		return -1
	}
	defer in.close()
	if p.format == "lines" {
		return newLines(in, p.path, p.base).count()
	}
	return newTable(in, comma(p.format)).count()
}

// Base returns the BASE of the first source: a folder's name, a file's name
// without its extension, "stdin".
func (s *Source) Base() string { return s.parts[0].base }

// Describe says how the sources were read, for the metadata of a feature set:
// the options that were set ("format", "root", "label", "group", "split",
// "id", "weight") and, for tables, the column of the samples ("image" or
// "text"). Open with the same paths and these options gives the same samples.
func (s *Source) Describe() map[string]string {
	d := make(map[string]string)
	for _, r := range s.opts.columns() {
		d[r.name] = r.column
	}
	if s.opts.Format != "" && s.opts.Format != "auto" {
		d["format"] = s.opts.Format
	}
	if s.opts.Root != "" {
		d["root"] = s.opts.Root
	}
	for _, p := range s.parts {
		if t, ok := p.reader.(*table); ok {
			d[string(t.modality)] = t.header[t.sample]
		}
	}
	return d
}

// Close closes what Open opened. Samples cannot be read afterwards.
func (s *Source) Close() error {
	var errs []error
	for _, p := range s.parts {
		errs = append(errs, p.close())
	}
	return errors.Join(errs...)
}

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

	// Numbers names the array of a .npz file whose rows are the samples. The
	// default is the one named "X", "x", "features" or "data", or the only one
	// of several numbers a row.
	Numbers string

	// Label, Group, Split, ID and Weight name columns of tables. The default
	// of each is the column of that very name ("label", …) if there is one and
	// no other option names it.
	Label, Group, Split, ID, Weight string

	// With names columns of tables whose values Sample.With gets. Where samples
	// are in no table, "text", "label", "split", "group" and "weight" are what
	// is known of them; of lines that is the text.
	With []string

	// MultiLabel says that a sample may have several labels: Sample.Labels
	// gets them, from a list or a text like "a;b", and Sample.Label stays
	// empty. A sample of a folder has one.
	MultiLabel bool

	// OptionalLabels says that a sample is good whatever its label is: one that
	// cannot be read is left out.
	OptionalLabels bool

	// Delimiter is the one character that separates the fields of a table of
	// text, or "tab". The default, "", is told by what the table begins with:
	// a comma, a semicolon, a tab or a vertical bar.
	Delimiter string

	// NoHeader says that a table of text begins with its first record. Its
	// columns are called "1", "2" and so on then.
	NoHeader bool

	// Encoding names the encoding of texts, tables of text and lines: one of
	// Encodings, or another that is registered. The default, "", is UTF-8, or
	// UTF-16 or UTF-32 where a byte order mark says so.
	Encoding string

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

// Check says which option cannot be what it is: an *OptionError, or nil. Open
// checks them, too.
func (o *Options) Check() error {
	if _, err := delimiterOf(o.Delimiter); err != nil {
		return err
	}
	_, err := encodingOf(o.Encoding)
	return err
}

// role is what a column of a table is to a sample.
type role struct{ name, column string }

// columns returns the roles that options give a column to.
func (o *Options) columns() []role {
	roles := []role{
		{"image", o.Image}, {"text", o.Text}, {"numbers", o.Numbers}, {"label", o.Label}, {"group", o.Group},
		{"split", o.Split}, {"id", o.ID}, {"weight", o.Weight},
	}
	return slices.DeleteFunc(roles, func(r role) bool { return r.column == "" })
}

// samples returns the roles of samples that options give a column to.
func (o *Options) samples() []role {
	return slices.DeleteFunc([]role{{"image", o.Image}, {"text", o.Text}, {"numbers", o.Numbers}}, func(r role) bool { return r.column == "" })
}

// called is the role with its article.
func (r role) called() string {
	if r.name == "image" {
		return "an image"
	}
	return "a " + r.name
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

	undecoded Undecoded
}

// part is one of the data sets of a Source.
type part struct {
	*opened
	path   string // as given
	name   string // for messages
	base   string
	format string // its name
	start  int    // samples of the parts before it

	stream *stream // that it is read from; nil: from none
	state  state

	late *input // one that is opened when Next comes to it; nil: one that is open from the beginning
	size int64  // of the file of a late one, in bytes
}

// Open opens the sources at paths (folders, tables, image files, or "-" for
// the standard input), which must all be of one modality. Samples come in the
// order of paths. The caller closes the Source when no Sample of it will be
// read any more. Where it cannot know how a source is to be read, the error is
// an *UnsettledError.
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
	format, err := named(s.opts.Format)
	if err != nil {
		return err
	}
	if err := s.opts.Check(); err != nil {
		return err
	}
	if roles := s.opts.samples(); len(roles) > 1 {
		return fmt.Errorf("source: both %s column (%q) and a %s column (%q); a run takes one", roles[0].called(), roles[0].column, roles[1].name, roles[1].column)
	}
	if len(paths) == 0 {
		return errors.New("source: none was given")
	}
	shards, err := expandAll(paths)
	if err != nil {
		return err
	}
	stdin, tables, ids := false, false, len(shards) > 1
	for _, shard := range shards {
		path := shard.path
		if path == "-" && stdin {
			return errors.New("source: standard input: given twice")
		}
		stdin = stdin || path == "-"
		in, err := s.input(path)
		if err != nil {
			return err
		}
		if len(shards) > 1 && in.folder {
			in.prefix = in.base + "/"
		}
		if shard.late && !in.folder && in.again {
			p := &part{name: in.name, base: in.base, late: in, size: in.size}
			p.state.whole.Store(unknown)
			s.parts = append(s.parts, p)
			continue
		}
		p, err := in.open(format)
		if err != nil {
			return err
		}
		s.parts = append(s.parts, p)
		if err := s.parts[0].fits(p); err != nil {
			return err
		}
		if p.column == "" {
			if err := p.has(s.opts.With); err != nil {
				return err
			}
		}
		if !p.separated && (s.opts.Delimiter != "" || s.opts.NoHeader) {
			return fmt.Errorf("source: %s: no table of text, so it has no delimiter and no header", p.name)
		}
		tables, ids = tables || p.column != "", ids || p.ids
	}
	if err := distinguish(s.parts); err != nil {
		return err
	}
	if roles := s.opts.columns(); len(roles) > 0 && !tables {
		return fmt.Errorf("source: %s: no table, so it has no %s column %q", s.parts[0].name, roles[0].name, roles[0].column)
	}
	if ids {
		s.ids = &idSet{}
	}
	return nil
}

// fits says why a run does not take both p and q.
func (p *part) fits(q *part) error {
	if p.modality != q.modality {
		return fmt.Errorf("source: %s holds %s and %s holds %s; a run takes one kind", p.name, p.modality.Plural(), q.name, q.modality.Plural())
	}
	return nil
}

// openLate opens a late part, of the same format as the first.
func (s *Source) openLate(p *part) error {
	format, err := named(s.opts.Format)
	if err != nil {
		return err
	}
	q, err := p.late.open(format)
	if err != nil {
		return err
	}
	p.opened, p.format, p.stream = q.opened, q.format, q.stream
	return s.parts[0].fits(p)
}

// input looks at what stands at path.
func (s *Source) input(path string) (*input, error) {
	in := &input{path: path, name: path, opts: &s.opts, words: &s.words}
	if path == "-" {
		in.name, in.base = "standard input", "stdin"
		return in, nil
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("source: %s: %w", path, &badError{KindMissing, "no such file or folder", err})
	}
	if err != nil {
		return nil, fmt.Errorf("source: %s: %w", path, cause(err))
	}
	in.folder = info.IsDir()
	in.again = info.Mode().IsRegular() || in.folder
	in.size = info.Size()
	if info.Mode()&(fs.ModeSocket|fs.ModeDevice) != 0 && info.Mode()&fs.ModeNamedPipe == 0 && !terminal(info) {
		return nil, fmt.Errorf("source: %s: %w", path, regular(info))
	}
	if s.opts.Recorded && !in.again {
		return nil, fmt.Errorf("source: %s: %w", path, regular(info))
	}
	if in.base, err = baseOf(path, in.folder); err != nil {
		return nil, fmt.Errorf("source: %s: %w", path, err)
	}
	return in, nil
}

// open opens the data set; f is its format, nil if nobody said it.
func (in *input) open(f *format) (*part, error) {
	defer in.done()
	switch {
	case in.folder && f != nil && f.name != "folder" && f.name != "texts":
		return nil, fmt.Errorf("source: %s: a folder, where format %s needs a file", in.name, f.name)
	case in.folder && f == nil:
		f = formats[0]
	case f == nil:
		head, err := in.peek()
		if err != nil {
			return nil, fmt.Errorf("source: %s: %w", in.name, cause(err))
		}
		f, err = tell(in.path, head, in.opts)
		if e, ok := errors.AsType[*UnsettledError](err); ok && e.Formats != nil && in.path == "-" && in.single(head) {
			f, err = named("lines")
		}
		if e, ok := errors.AsType[*UnsettledError](err); ok {
			e.Source = in.name
			return nil, e
		}
		if err != nil {
			return nil, fmt.Errorf("source: %s: %w", in.name, err)
		}
	}
	if f.open == nil {
		return nil, &FormatError{in.name, f.title}
	}
	o, err := f.open(in)
	if err != nil {
		return nil, err
	}
	p := &part{opened: o, path: in.path, name: in.name, base: in.base, format: f.name, stream: in.taken}
	p.state.whole.Store(unknown)
	return p, nil
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
		if p.opened == nil {
			if err := s.openLate(p); err != nil {
				return nil, err
			}
		}
		sample, err := p.next()
		if err == io.EOF {
			if r, ok := p.reader.(rester); ok {
				r.rest()
			}
			p.state.whole.Store(int64(s.n - p.start))
			if s.n == p.start {
				return nil, fmt.Errorf("source: %s: %s", p.name, p.empty)
			}
			if s.at++; s.at < len(s.parts) {
				s.parts[s.at].start = s.n
			}
			continue
		}
		if err != nil {
			return nil, err
		}
		s.undecoded.add(sample)
		if p.column == "" {
			sample.carry(s.opts.With)
			if s.opts.MultiLabel && sample.Label != "" {
				sample.Labels, sample.Label = []string{sample.Label}, ""
			}
		}
		if s.ids != nil {
			if before, twice := s.ids.add(sample.ID, s.n); twice {
				return nil, fmt.Errorf("source: id %q is there twice: %s and %s", sample.ID, s.place(sample.ID, before), s.place(sample.ID, s.n))
			}
		}
		s.n++
		p.note(s.n - p.start)
		return sample, nil
	}
	return nil, io.EOF
}

// place says where the n-th sample is.
func (s *Source) place(id string, n int) string {
	p := s.parts[0]
	for _, q := range s.parts[:s.at+1] {
		if q.start <= n {
			p = q
		}
	}
	return p.place(id, n-p.start)
}

// Modality says what the samples are.
func (s *Source) Modality() models.Modality { return s.parts[0].modality }

// Skipped returns what the folders and archives among the sources hold that are
// no samples, by kind, the most frequent kind first. It is complete once Next
// has returned io.EOF.
func (s *Source) Skipped() []Kind {
	var all kinds
	for _, p := range s.parts {
		if p.opened == nil {
			continue
		}
		if r, ok := p.reader.(skipper); ok {
			for _, k := range r.skipped() {
				all.merge(&k)
			}
		}
	}
	return all.list()
}

// Paths returns the paths of the sources, as given to Open.
func (s *Source) Paths() []string {
	var paths []string
	for _, p := range s.parts {
		paths = append(paths, p.path)
	}
	return paths
}

// Undecoded returns what Next has met so far of texts that are not in their
// encoding. It must not be called beside Next.
func (s *Source) Undecoded() Undecoded { return s.undecoded }

// Base returns the BASE of the first source: a folder's name, a file's name
// without its extension, "stdin".
func (s *Source) Base() string { return s.parts[0].base }

// Describe says how the sources were read, for the metadata of a feature set:
// the options that were set ("format", "root", "label", "group", "split", "id",
// "weight", "multi-label", "delimiter", "no-header", "encoding") and, for
// tables, the column of the samples ("image", "text" or "numbers"). Open with
// the same paths and these options gives the same samples.
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
	if s.opts.MultiLabel {
		d["multi-label"] = "true"
	}
	if s.opts.Delimiter != "" {
		d["delimiter"] = s.opts.Delimiter
	}
	if s.opts.NoHeader {
		d["no-header"] = "true"
	}
	if s.opts.Encoding != "" {
		d["encoding"] = s.opts.Encoding
	}
	for _, p := range s.parts {
		if p.opened != nil && p.column != "" {
			d[string(p.modality)] = p.column
		}
	}
	return d
}

// Close closes what Open opened. Samples cannot be read afterwards.
func (s *Source) Close() error {
	var errs []error
	for _, p := range s.parts {
		if p.opened != nil {
			errs = append(errs, p.close())
		}
	}
	return errors.Join(errs...)
}

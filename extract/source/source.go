package source

import (
	"io"

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

	// Stdin is what the source "-" reads. The default, nil, is os.Stdin.
	Stdin io.Reader
}

// Formats lists what Options.Format may be.
var Formats = []string{"auto", "folder", "csv", "tsv", "lines"}

// Source yields the samples of one or several data sets, in order.
type Source struct {
	modality models.Modality
}

// Open opens the sources at paths (folders, tables, image files, or "-" for
// the standard input), which must all be of one modality. Samples come in the
// order of paths. The caller closes the Source when no Sample of it will be
// read any more.
func Open(paths []string, opts *Options) (*Source, error) { panic("source: Open") }

// Next returns the next sample, and io.EOF after the last. A source without
// samples is an error, and so is an id that was there before. After an error
// there are no further samples. Next must not be called concurrently; the
// samples that it returned may be read meanwhile.
func (s *Source) Next() (*Sample, error) { panic("source: Next") }

// Modality says what the samples are: models.Image or models.Text.
func (s *Source) Modality() models.Modality { return s.modality }

// Len returns the number of samples, or -1 where it cannot be known without
// reading a stream to its end. The first call counts: it lists the folders and
// reads through the tables, once.
func (s *Source) Len() int { panic("source: Len") }

// Base returns the BASE of the first source: a folder's name, a table's name
// without its extension, "stdin".
func (s *Source) Base() string { panic("source: Base") }

// Describe says how the sources were read, for the metadata of a feature set:
// the keys are "format", "root" (if it was set) and, for tables, "image" or
// "text", "label", "group", "split", "id", "weight" with the columns' names.
// Open with the same paths and these settings gives the same samples.
func (s *Source) Describe() map[string]string { panic("source: Describe") }

// Close closes what Open opened. Samples cannot be read afterwards.
func (s *Source) Close() error { panic("source: Close") }

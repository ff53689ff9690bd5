package features

// Write writes s to path, whole or not at all: into a temporary file beside it
// that takes its place once it is on the disk.
func Write(path string, s *Set) error { panic("features: Write") }

// Read reads the feature set at path.
func Read(path string) (*Set, error) { panic("features: Read") }

// ReadMeta reads the metadata of the feature set at path, and no rows.
func ReadMeta(path string) (*Meta, error) { panic("features: ReadMeta") }

// CheckReplace says whether a feature set with meta may take the place of the
// file at path: if there is none, or if it is a feature set from the same
// source in the same spaces. Else the error is an *OtherError that says what
// differs.
func CheckReplace(path string, meta *Meta) error { panic("features: CheckReplace") }

// OtherError says that a file is not the feature set that was about to be
// written anew, but another one or something else.
type OtherError struct {
	Path string
	What string // what differs: "source", "backbone", a space's field, …
	Have string // in the file
	Want string // in what was to be written
}

func (e *OtherError) Error() string { panic("features: OtherError") }

// Writer writes a feature set row by row, in bounded memory.
type Writer struct{}

// NewWriter begins a feature set at path. The file appears there when Close
// returns nil, and not before. Meta is read by Close, so that counts may be
// filled in meanwhile.
func NewWriter(path string, meta *Meta) (*Writer, error) { panic("features: NewWriter") }

// Append adds rows. An error names the row and ends the writing.
func (w *Writer) Append(rows ...Row) error { panic("features: Append") }

// Close finishes the file and puts it in its place. After an error of Append
// it does what Abort does and returns that error.
func (w *Writer) Close() error { panic("features: Close") }

// Abort gives the file up and leaves nothing behind. After Close it does
// nothing, so that it can be deferred.
func (w *Writer) Abort() { panic("features: Abort") }

package source

import "io/fs"

// Sample is one input of a backbone with what its data set says about it. The
// empty string is "not said".
type Sample struct {
	ID    string // unique among the samples of a Source
	Path  string // where it stands, for messages: the path relative to its folder or table, or "table.csv:LINE"
	Label string
	Split string // "train", "validation", "test" or ""
	Group string

	Weight   float64 // finite, ≥ 0; 1 if not Weighted
	Weighted bool    // the data set says the weight
}

// Read returns the sample's bytes: an image file's content, or a text. More
// than limit bytes are an error (and are not read). An error is the reason why
// this sample is bad, in words that do not repeat its path. Read may be called
// from several goroutines.
func (s *Sample) Read(limit int64) ([]byte, error) { panic("source: Read") }

// Info returns the absolute path of the sample's file and what the file system
// says about it, for a cache of digests by path, size and time. Samples that
// are no files of their own (texts) have the path "" and a nil info. Errors
// are as Read's.
func (s *Sample) Info() (path string, info fs.FileInfo, err error) { panic("source: Info") }

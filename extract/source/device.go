package source

import (
	"io/fs"
	"slices"
)

// terminal says whether info is that of a device that a person types on, or of
// the one that is always empty, and not of one that gives bytes for ever or is
// a disk.
func terminal(info fs.FileInfo) bool {
	return info.Mode()&fs.ModeCharDevice != 0 && (slices.Contains(typed, info.Name()) || digits(info.Name()))
}

// typed are the names of such devices; those of others are numbers.
var typed = []string{"null", "tty", "stdin", "console"}

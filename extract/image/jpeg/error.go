package jpeg

import "fmt"

// Reason says why a file is not read.
type Reason int

// The reasons.
const (
	Damaged      Reason = iota // it contradicts T.81, or its samples cannot be decoded
	Truncated                  // it ends before its image does
	Unsupported                // a kind of JPEG that is not read
	TooManyScans               // its scans come to its blocks too often
)

// Error is why a file is not read.
type Error struct {
	Reason Reason
	text   string
}

// Error returns the reason in words, which begin with "jpeg: ".
func (e *Error) Error() string { return "jpeg: " + e.text }

func damaged(format string, a ...any) error {
	return &Error{Damaged, fmt.Sprintf(format, a...)}
}

func truncated(format string, a ...any) error {
	return &Error{Truncated, "truncated: " + fmt.Sprintf(format, a...)}
}

func unsupported(format string, a ...any) error {
	return &Error{Unsupported, fmt.Sprintf(format, a...)}
}

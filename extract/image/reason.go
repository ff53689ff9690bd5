package image

import "fmt"

// The kinds of reasons why an image file is not read, which Error.Kind returns.
// That of a format that is recognised and not read is KindFormat and its name,
// such as "format:WebP".
const (
	KindEmpty     = "empty"
	KindNoImage   = "no-image"  // of no format that is recognised
	KindFormat    = "format:"   // of a format that is not read
	KindPixels    = "pixels"    // more pixels than the limit
	KindSide      = "side"      // a longer side than the limit
	KindLarge     = "large"     // more bytes than the limit
	KindNarrow    = "narrow"    // resized, it has no width or no height
	KindTruncated = "truncated" // it ends before its pixels do
	KindDamaged   = "damaged"   // it cannot be decoded
)

// Error is the reason why an image file is not read.
type Error struct {
	kind string
	err  error
}

func (e *Error) Error() string { return "image: " + e.err.Error() }
func (e *Error) Unwrap() error { return e.err }

// Kind returns the kind of the reason, which many files may share.
func (e *Error) Kind() string { return e.kind }

// refuse returns an error of a kind.
func refuse(kind, format string, a ...any) *Error { return &Error{kind, fmt.Errorf(format, a...)} }

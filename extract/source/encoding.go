package source

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/encoding/unicode/utf32"
)

// Encodings lists encodings of texts that Options.Encoding may name, those that
// are met most. Others that the registry of IANA or the WHATWG list is read,
// too.
var Encodings = []string{
	"utf-8", "utf-16", "utf-16le", "utf-16be", "utf-32",
	"latin1", "windows-1252", "iso-8859-2", "iso-8859-7", "iso-8859-15", "windows-1250", "windows-1251", "windows-1253", "windows-1254", "windows-1255", "windows-1256",
	"macintosh", "cp437", "cp850", "koi8-r", "koi8-u",
	"gbk", "gb18030", "big5", "shift_jis", "euc-jp", "iso-2022-jp", "euc-kr",
}

// aliases are names of encodings by which Python and others know them.
var aliases = map[string]string{
	"latin-1": "latin1", "ansi": "windows-1252", "utf8": "utf-8", "utf-8-sig": "utf-8", "utf16": "utf-16", "utf-16-le": "utf-16le", "utf-16-be": "utf-16be",
	"cp437": "ibm437", "cp850": "ibm850", "cp852": "ibm852", "cp858": "ibm00858", "cp866": "ibm866", "mac-roman": "macintosh", "ascii": "utf-8", "us-ascii": "utf-8",
}

// encodingOf returns the encoding of that name; nil for UTF-8, and where none
// is said.
func encodingOf(name string) (encoding.Encoding, error) {
	plain := strings.ReplaceAll(strings.ToLower(strings.TrimSpace(name)), "_", "-")
	if alias, ok := aliases[plain]; ok {
		plain = alias
	}
	switch plain {
	case "", "utf-8":
		return nil, nil
	case "utf-16":
		return unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), nil
	case "utf-16le":
		return unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), nil
	case "utf-16be":
		return unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM), nil
	case "utf-32":
		return utf32.UTF32(utf32.LittleEndian, utf32.UseBOM), nil
	}
	for _, spelled := range []string{plain, strings.ReplaceAll(plain, "-", "_")} {
		if e, err := ianaindex.IANA.Encoding(spelled); err == nil && e != nil {
			return e, nil
		}
		if e, err := htmlindex.Get(spelled); err == nil && e != encoding.Replacement {
			return e, nil
		}
	}
	reason := "unknown; one of " + strings.Join(Encodings, ", ") + ", or another that is registered"
	if near, ok := nearest(plain, Encodings); ok {
		reason = "unknown; is it " + near + "?"
	}
	return nil, &OptionError{"encoding", name, reason}
}

// bom is the byte order mark of UTF-8.
const bom = "\xef\xbb\xbf"

// marked returns the encoding that a byte order mark says, nil if it is UTF-8
// or there is no such mark.
func marked(head []byte) encoding.Encoding {
	switch {
	case bytes.HasPrefix(head, []byte("\xff\xfe\x00\x00")), bytes.HasPrefix(head, []byte("\x00\x00\xfe\xff")):
		return utf32.UTF32(utf32.LittleEndian, utf32.ExpectBOM)
	case bytes.HasPrefix(head, []byte("\xff\xfe")), bytes.HasPrefix(head, []byte("\xfe\xff")):
		return unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM)
	}
	return nil
}

// decode makes UTF-8 without a byte order mark of what s gives. The encoding is
// the one that name says, or a byte order mark, or else UTF-8: then the bytes
// stay what they are.
func (s *stream) decode(name string) error {
	e, err := encodingOf(name)
	if err != nil {
		return err
	}
	if e == nil && name == "" {
		head, _ := s.Peek(4)
		e = marked(head)
	}
	if e != nil {
		s.plain = &counter{Reader: e.NewDecoder().Reader(s.Reader)}
		s.Reader, s.decoding = bufio.NewReaderSize(s.plain, beginning), decoding{true, name}
	}
	if head, _ := s.Peek(3); bytes.Equal(head, []byte(bom)) {
		s.Discard(3)
	}
	return nil
}

// decodedHead returns what a text begins with as UTF-8, without a byte order
// mark, if head is what its file begins with.
func decodedHead(head []byte, name string) []byte {
	s := &stream{Reader: bufio.NewReader(bytes.NewReader(head))}
	if s.decode(name) != nil {
		return head
	}
	text, _ := io.ReadAll(s)
	return text
}

// EncodingError says that bytes that should be text are not in the encoding
// that they should be in.
type EncodingError struct {
	Encoding string // that they should be in: "UTF-8", or what Options.Encoding says
	Column   string // of a table that they are in, if it is not that of the sample
	Bytes    []byte // the first that are not; nil where they were decoded already
	Offset   int    // of them in the text, in bytes
	Likely   string // an encoding in which the text can be read, "" if none is known
	Text     string // what is around them, if it is in that encoding
}

// Kind returns KindEncoding.
func (e *EncodingError) Kind() string { return KindEncoding }

func (e *EncodingError) Error() string {
	in := ""
	if e.Column != "" {
		in = fmt.Sprintf(" in column %q", e.Column)
	}
	if len(e.Bytes) == 1 && e.Bytes[0] == 0 {
		return fmt.Sprintf("every second byte is zero, as in UTF-16 without a byte order mark; as %s it begins %q", e.Likely, e.Text)
	}
	if e.Bytes == nil {
		return fmt.Sprintf("bytes%s are not %s (at the place of byte %d)", in, e.Encoding, e.Offset+1)
	}
	s := fmt.Sprintf("% #x%s is not %s (byte %d)", e.Bytes, in, e.Encoding, e.Offset+1)
	if e.Likely != "" {
		s += fmt.Sprintf("; as %s it reads %q", e.Likely, e.Text)
	}
	return s
}

// Undecoded says how many samples of a source are bad because their bytes are
// not in the encoding that they should be in.
type Undecoded struct {
	Samples int
	Place   string         // where the first of them stands
	First   *EncodingError // what is wrong with it; nil if there is none
}

// add counts s if it is one of them.
func (u *Undecoded) add(s *Sample) {
	bad, ok := s.content.(*nowhere)
	if !ok {
		return
	}
	e, ok := errors.AsType[*EncodingError](bad.reason)
	if !ok {
		return
	}
	if u.Samples++; u.First == nil {
		u.Place, u.First = s.Place(), e
	}
}

// proper says why b is no text: it is not in its encoding, or holds a zero
// byte. It is in column, which is "" for what is a sample itself.
func (d decoding) proper(b []byte, column string) error {
	if !utf8.Valid(b) {
		return notUTF8(b, column)
	}
	if d.decoded {
		if i := bytes.Index(b, []byte("\ufffd")); i >= 0 {
			name := d.name
			if name == "" {
				name = "UTF-16"
			}
			return &EncodingError{Encoding: name, Column: column, Offset: i}
		}
	}
	if i := bytes.IndexByte(b, 0); i >= 0 {
		if column != "" {
			return reasonOf(KindZero, "a zero byte in column %q (byte %d), so it is no text", column, i+1)
		}
		return reasonOf(KindZero, "it holds a zero byte (byte %d), so it is no text", i+1)
	}
	return nil
}

// decoding is how a text was read.
type decoding struct {
	decoded bool   // from another encoding than UTF-8
	name    string // of that, if Options.Encoding says it
}

// fill makes the text b, which is copied, the content of s, or says there why b
// is no text.
func (d decoding) fill(s *textSample, b []byte) {
	if err := d.proper(b, ""); err != nil {
		s.content = &nowhere{err}
		return
	}
	s.text = inText(b)
	s.content = &s.text
}

// notUTF8 says where b is not UTF-8, and whether it is Windows-1252, as what is
// not UTF-8 is most of the time.
func notUTF8(b []byte, column string) error {
	at := 0
	for at < len(b) {
		r, n := utf8.DecodeRune(b[at:])
		if r == utf8.RuneError && n == 1 {
			break
		}
		at += n
	}
	e := &EncodingError{Encoding: "UTF-8", Column: column, Bytes: slices.Clone(b[at:min(at+1, len(b))]), Offset: at}
	// C1 controls are what Windows-1252 leaves undefined.
	around := b[max(0, at-20):min(at+20, len(b))]
	text, err := charmap.Windows1252.NewDecoder().Bytes(around)
	if err == nil && bytes.IndexFunc(text, func(r rune) bool { return r >= 0x80 && r < 0xa0 || r == utf8.RuneError }) < 0 {
		e.Likely, e.Text = "windows-1252", string(text)
	}
	return e
}

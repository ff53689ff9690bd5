package source

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// delimiters are those that are told by content. Where several may be, an
// earlier one is taken: what seldom stands in a text, first.
var delimiters = []string{"\t", ";", "|", ","}

// delimiterOf returns the character that Options.Delimiter names, "" if it is
// not said.
func delimiterOf(name string) (string, error) {
	switch {
	case name == "":
		return "", nil
	case name == "tab":
		return "\t", nil
	case utf8.RuneCountInString(name) != 1:
		return "", &OptionError{"delimiter", name, "not one character; a tab is written tab"}
	case !utf8.ValidString(name) || strings.ContainsAny(name, "\"\r\n\x00\ufffd"):
		return "", &OptionError{"delimiter", name, "it separates no fields; a comma, a semicolon, a tab or the like does"}
	}
	return name, nil
}

// layout is how a table of text is laid out.
type layout struct {
	delimiter string
	lone      bool // its lines end with a CR by itself
	marked    int  // how long a first line is that only names the delimiter
}

// layoutOf tells the layout of a table of text by what it begins with. The
// delimiter that is not said is the one that the first line names, as Excel
// writes it ("sep=;"); or the one with which the header has the column of the
// samples, and most others that are known; or one with which the first records
// have equally many fields, and more than one; or the usual one.
func layoutOf(in *stream, o *Options, usual string) (layout, error) {
	l := layout{}
	head, err := in.firstLine()
	if err != nil {
		return l, err
	}
	var named string
	named, l.marked = markOf(head)
	if l.marked > 0 {
		in.Discard(l.marked)
		if head, err = in.firstLine(); err != nil {
			return l, err
		}
	}
	l.lone = endsWithCR(head)
	if l.delimiter, err = delimiterOf(o.Delimiter); err != nil {
		return l, err
	}
	if l.delimiter == "" {
		l.delimiter = named
	}
	if l.delimiter == "" && !o.NoHeader {
		l.delimiter = toldByHeader(head, o, usual, l.lone)
	}
	if l.delimiter == "" {
		if head, err = in.peek(beginning); err != nil {
			return l, err
		}
		l.delimiter = toldByRecords(head, usual, l.lone)
	}
	return l, nil
}

// markOf returns the delimiter that the first line names, "" if it names none,
// and how long that line is.
func markOf(head []byte) (delimiter string, length int) {
	line, rest, _ := bytes.Cut(head, []byte("\n"))
	length = len(head) - len(rest)
	line = bytes.Trim(bytes.TrimSuffix(line, []byte("\r")), `"`)
	if len(line) < 5 || !bytes.EqualFold(line[:4], []byte("sep=")) {
		return "", 0
	}
	delimiter, err := delimiterOf(string(line[4:]))
	if err != nil {
		return "", 0
	}
	return delimiter, length
}

// endsWithCR says whether the first line that ends outside quotes ends with a
// CR that no LF follows.
func endsWithCR(head []byte) bool {
	quoted := false
	for i, c := range head {
		switch {
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '\n':
			return false
		case c == '\r':
			return i+1 < len(head) && head[i+1] != '\n'
		}
	}
	return false
}

// toldByHeader tells the delimiter by the header: the one with which most
// columns have a role; "" if there is none with which the samples' has.
func toldByHeader(head []byte, o *Options, usual string, lone bool) string {
	best, most := "", 0
	for _, d := range append([]string{usual}, delimiters...) {
		s := newSplitter(bytes.NewReader(head), d, lone)
		if _, bad, err := s.next(); bad != nil || err != nil {
			continue
		}
		if n := known(s.taken, o); n > most {
			best, most = d, n
		}
	}
	return best
}

// toldByRecords tells the delimiter by the first records.
func toldByRecords(head []byte, usual string, lone bool) string {
	for _, d := range delimiters {
		if regularBy(head, d, lone) {
			return d
		}
	}
	return usual
}

// known counts the columns that have a role; 0 if none is the samples'.
func known(header [][]byte, o *Options) int {
	n, sample := 0, false
	for _, name := range header {
		switch name := string(name); name {
		case "":
		case o.Image, o.Text:
			n, sample = n+1, true
		case "image", "text":
			if o.Image == "" && o.Text == "" {
				n, sample = n+1, true
			}
		case o.Label, o.Group, o.Split, o.ID, o.Weight, "label", "group", "split", "id", "weight":
			n++
		}
	}
	if !sample {
		return 0
	}
	return n
}

// regularBy says whether the first records, but for one in four, have as many
// fields as the first one, and more than one, if d is what separates them.
func regularBy(head []byte, d string, lone bool) bool {
	const most = 20
	s := newSplitter(bytes.NewReader(head), d, lone)
	fields, records, others := 0, 0, 0
	for range most {
		_, bad, err := s.next()
		if err != nil || s.at == len(s.buf) && len(head) >= beginning {
			break // the end, or a record that may go on
		}
		n := len(s.taken)
		if bad != nil {
			n = 0
			s.at = s.endOfRecord(s.buf, s.at)
		}
		if records++; records == 1 {
			fields = n
		}
		if n != fields {
			others++
		}
	}
	return fields > 1 && others*4 <= records
}

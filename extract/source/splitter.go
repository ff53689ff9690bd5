package source

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
)

// maxRecord is how long a record of a table, or a line, may be, in bytes.
const maxRecord = 1 << 20

// maxSkipped is how long a line may be that is passed over because it is longer
// than maxRecord, in bytes. What is longer is no text.
const maxSkipped = 1 << 31

// splitter splits a table of text into its records (RFC 4180): fields between
// delimiters, where one that begins with a quote may hold delimiters, line
// breaks and doubled quotes. A quote inside a field that does not begin with
// one is read as it is. Empty lines are skipped.
type splitter struct {
	in        io.Reader
	delimiter []byte // one character
	lone      bool   // a CR by itself ends a line too
	whose     string // number of fields the others should have, for messages: "the header's"
	limit     int    // maxRecord, less in tests
	skipped   int    // maxSkipped, less in tests

	fields int   // of a record; 0: as many as there are, which all are taken
	slots  []int // of each field: its index in taken; -1: it is not taken
	last   int   // the last one that is taken

	taken   [][]byte // of the last record, valid until the next
	scratch []byte   // what fields with doubled quotes become

	buf     []byte // what was read and not yet split is buf[at:]
	at      int
	line    int   // of buf[at], from 1
	looked  uint  // bytes that were looked at for the end of a quoted field
	readErr error // of in, behind buf
}

func newSplitter(in io.Reader, delimiter string, lone bool) *splitter {
	return &splitter{in: in, delimiter: []byte(delimiter), lone: lone, limit: maxRecord, skipped: maxSkipped, line: 1}
}

// take says that a record has that many fields, and which of them are taken, by
// their indices: taken has them in this order.
func (s *splitter) take(fields int, chosen []int) {
	s.fields, s.slots, s.last = fields, make([]int, fields), -1
	for i := range s.slots {
		s.slots[i] = -1
	}
	for slot, at := range chosen {
		s.slots[at], s.last = slot, max(s.last, at)
	}
	s.taken = make([][]byte, len(chosen))
}

// next reads the next record, which begins in that line, and io.EOF after the
// last. bad says why its fields cannot be known; the reading goes on behind
// what is lost with it. An error ends the reading.
func (s *splitter) next() (line int, bad error, err error) {
	for {
		b, final := s.view()
		r := s.scan(b, final, false)
		switch {
		case r.blank:
			s.consume(r.size)
			continue
		case r.more && s.unsure():
			s.fill()
			continue
		case final && s.readErr != io.EOF && (r.ended || r.fault == unclosed || len(b) == 0):
			return s.line, nil, s.readErr // the record may go on
		case len(b) == 0:
			return 0, nil, io.EOF
		case r.more && r.open >= 0:
			r.fault = unclosed
		case r.more:
			r.fault = tooLong
		case r.fault == none && s.fields > 0 && r.fields != s.fields:
			r.fault = ragged
		}
		line = s.line
		if r.fault == none {
			s.consume(r.size)
			return line, nil, nil
		}
		bad, err = s.pass(r)
		return line, bad, err
	}
}

// view returns what was read and not yet split, as far as a record may go on,
// and whether nothing comes behind it.
func (s *splitter) view() (b []byte, final bool) {
	b = s.buf[s.at:]
	if len(b) > s.limit {
		return b[:s.limit], false
	}
	return b, s.readErr != nil
}

// unsure says whether a record that goes on behind the view may still end
// within the limit.
func (s *splitter) unsure() bool {
	return s.readErr == nil && len(s.buf)-s.at <= s.limit
}

// pass goes on behind a record that has a fault, and says which. If the fault
// may be a quote that is not closed, what seems to be records behind its line
// is not lost.
func (s *splitter) pass(r scanned) (bad, err error) {
	b, final := s.view()
	where := ""
	if r.open >= 0 {
		where = fmt.Sprintf("field %d (line %d)", r.field, s.line+s.lines(b[:r.open]))
	}
	end := -1 // of what is lost, for sure; -1: that of the line in which the quote opens
	switch r.fault {
	case ragged:
		bad = reasonOf(KindFields, "number of fields is %d, %s is %d", r.fields, s.whose, s.fields)
		end = r.size
	case stray:
		bad = reasonOf(KindQuote, "%s holds a quote that is not doubled; a field that holds a quote stands in quotes, its own quotes doubled", where)
		end = s.lazyEnd()
		b, final = s.view()
	case unclosed:
		bad = reasonOf(KindQuote, "the quote that opens %s is not closed", where)
		if final && s.fields > 0 && !s.seemRecords(b[s.endOfRecord(b, r.open):]) {
			end = len(b)
		}
	case tooLong:
		bad = errLong
	}
	if s.fields == 0 {
		return bad, nil // of a header; nothing is read behind it
	}
	first := s.endOfRecord(b, max(r.open, 0))
	if r.open >= 0 && end > first && r.fault != unclosed {
		last := end - 1 // where the last line begins
		for last > first && b[last-1] != '\n' && !(s.lone && b[last-1] == '\r') {
			last--
		}
		if s.seemRecords(b[first:last]) {
			bad = reasonOf(KindQuote, "the quote that opens %s seems not to be closed: the lines behind it are records", where)
			end = first
		}
	}
	if end < 0 && (first < len(b) || final) {
		end = first
	}
	if end >= 0 {
		s.consume(end)
		return bad, nil
	}
	s.consume(max(r.open, 0))
	return bad, s.skipLine()
}

// lazyEnd returns where the record that has a stray quote ends if that quote
// and those like it belong to their field; -1 if it has not the right number of
// fields then.
func (s *splitter) lazyEnd() int {
	for {
		b, final := s.view()
		r := s.scan(b, final, true)
		switch {
		case r.more && s.unsure():
			s.fill()
		case r.more || r.fault != none || r.fields != s.fields:
			return -1
		default:
			return r.size
		}
	}
}

// seemRecords says whether more than half of the lines in b are records, each
// by itself.
func (s *splitter) seemRecords(b []byte) bool {
	records, others := 0, 0
	for len(b) > 0 {
		n := s.endOfRecord(b, 0)
		r := s.scan(b[:n], true, false)
		switch {
		case r.blank:
		case r.fault == none && r.fields == s.fields && r.size == n:
			records++
		default:
			others++
		}
		b = b[n:]
	}
	return records > others
}

// skipLine goes on behind the end of the line.
func (s *splitter) skipLine() error {
	for n := 0; ; s.fill() {
		b := s.buf[s.at:]
		i := s.endOfLine(b)
		if i < 0 {
			i = len(b)
		}
		switch {
		case n+i > s.skipped:
			return errEndless
		case i+1 < len(b), i < len(b) && b[i] == '\n':
			s.consume(s.endOfRecord(b, i))
			return nil
		case s.readErr == io.EOF:
			s.consume(len(b))
			return nil
		case s.readErr != nil:
			return s.readErr
		}
		n += i
		s.consume(i) // a CR at the end may be followed by its LF
	}
}

var (
	errLong    = reasonOf(KindLarge, "longer than 1 MiB; is a quote missing?")
	errEndless = errors.New("longer than 2 GiB, so it is no text")
)

// consume goes on behind n bytes.
func (s *splitter) consume(n int) {
	s.line += s.lines(s.buf[s.at : s.at+n])
	s.at += n
}

// lines counts the line ends in b.
func (s *splitter) lines(b []byte) int {
	n := bytes.Count(b, []byte{'\n'})
	if s.lone {
		n += bytes.Count(b, []byte{'\r'}) - bytes.Count(b, []byte("\r\n"))
	}
	return n
}

// fill reads on.
func (s *splitter) fill() {
	if s.at > 0 {
		s.buf = s.buf[:copy(s.buf, s.buf[s.at:])]
		s.at = 0
	}
	if len(s.buf) == cap(s.buf) {
		s.buf = slices.Grow(s.buf, max(64<<10, len(s.buf)))
	}
	for range 100 {
		n, err := s.in.Read(s.buf[len(s.buf):cap(s.buf)])
		s.buf = s.buf[:len(s.buf)+n]
		if s.readErr = err; n > 0 || err != nil {
			return
		}
	}
	s.readErr = io.ErrNoProgress
}

// fault is what is wrong with a record.
type fault uint8

const (
	none     fault = iota
	ragged         // too few or too many fields
	stray          // a quote in a field that began with one, neither doubled nor at its end
	unclosed       // such a field does not end
	tooLong
)

// scanned is what scan finds.
type scanned struct {
	size   int  // the record with its line end, in bytes
	fields int  // how many
	blank  bool // it is an empty line
	ended  bool // it ends where the bytes do
	more   bool // it may go on behind the bytes
	fault  fault
	field  int // the one at open, from 1
	open   int // where the quoted field of the fault begins, or the first that has a line break; -1: there is none
}

// scan splits off the record that b begins with; final: nothing comes behind b.
// With lazy, a quote in a quoted field that is neither doubled nor at its end
// is passed over, unless it looks as if it began a field.
func (s *splitter) scan(b []byte, final, lazy bool) scanned {
	eol := s.endOfLine(b)
	if eol < 0 && !final {
		if bytes.IndexByte(b, '"') >= 0 {
			return s.scanQuoted(b, final, lazy)
		}
		return scanned{more: true, open: -1}
	}
	line, size := b, len(b)
	if eol >= 0 {
		line, size = b[:eol], eol+1
		if b[eol] == '\r' && s.lone {
			if eol+1 == len(b) && !final {
				return scanned{more: true, open: -1}
			}
			if eol+1 < len(b) && b[eol+1] == '\n' {
				size++
			}
		}
	}
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	if len(line) == 0 {
		return scanned{size: size, blank: size > 0, open: -1}
	}
	if bytes.IndexByte(line, '"') >= 0 {
		return s.scanQuoted(b, final, lazy)
	}
	r := scanned{size: size, open: -1, ended: eol < 0}
	s.begin()
	for {
		i := s.endOfField(line)
		if i < 0 {
			s.keep(r.fields, line)
			r.fields++
			return r
		}
		s.keep(r.fields, line[:i])
		r.fields++
		line = line[i+len(s.delimiter):]
		if s.fields > 0 && r.fields > s.last {
			r.fields += bytes.Count(line, s.delimiter) + 1
			return r
		}
	}
}

// scanQuoted is scan for a record that has a quote.
func (s *splitter) scanQuoted(b []byte, final, lazy bool) scanned {
	r := scanned{open: -1}
	s.begin()
	pos, eol := 0, -1 // eol: where the line of pos ends, if it is not before pos
	for {
		if pos < len(b) && b[pos] == '"' {
			open, doubled := pos, false
			multi, field := r.open, r.field
			r.open, r.field = open, r.fields+1
			for pos++; ; {
				i := bytes.IndexByte(b[pos:], '"')
				s.looked += min(uint(i), uint(len(b)-pos))
				if i < 0 || pos+i+1 == len(b) && !final {
					r.more, r.fault = !final, unclosed
					return r
				}
				quote := pos + i
				pos = quote + 1
				opens := b[quote-1] == '\n' || s.lone && b[quote-1] == '\r' || bytes.HasSuffix(b[:quote], s.delimiter)
				if lazy && opens && quote-1 > open {
					r.fault = stray
					return r
				}
				if pos < len(b) && b[pos] == '"' {
					doubled = true
					pos++
					continue
				}
				end, more := s.fieldEnds(b[pos:], final)
				if more {
					r.more = true
					return r
				}
				if end {
					break
				}
				if !lazy {
					r.fault = stray
					r.more = !final && s.endOfLine(b[pos:]) < 0
					return r
				}
			}
			content := b[open+1 : pos-1]
			if multi >= 0 || s.lines(content) == 0 {
				r.open, r.field = multi, field
			}
			s.keepQuoted(r.fields, content, doubled)
		} else {
			if eol < pos {
				if eol = s.endOfLine(b[pos:]); eol < 0 {
					eol = len(b)
				} else {
					eol += pos
				}
			}
			if i := s.endOfField(b[pos:eol]); i >= 0 {
				s.keep(r.fields, b[pos:pos+i])
				r.fields++
				pos += i + len(s.delimiter)
				continue
			}
			if eol == len(b) && !final {
				r.more, r.open = true, -1
				return r
			}
			field := b[pos:eol]
			if n := len(field); n > 0 && field[n-1] == '\r' {
				field = field[:n-1]
			}
			s.keep(r.fields, field)
			pos += len(field)
		}
		r.fields++
		if bytes.HasPrefix(b[pos:], s.delimiter) {
			pos += len(s.delimiter)
			continue
		}
		r.size = s.endOfRecord(b, pos)
		if r.size == len(b) && b[len(b)-1] != '\n' {
			// A CR that ends lines may be followed by its LF.
			r.ended, r.more, r.open = true, !final, -1
		}
		return r
	}
}

// endOfLine returns where the first line of b ends, -1 if that is not in b: at
// a LF, or a CR by itself where that ends lines.
func (s *splitter) endOfLine(b []byte) int {
	if s.lone {
		return bytes.IndexAny(b, "\r\n")
	}
	return bytes.IndexByte(b, '\n')
}

// endOfField returns where the first delimiter in b is.
func (s *splitter) endOfField(b []byte) int {
	if len(s.delimiter) == 1 {
		return bytes.IndexByte(b, s.delimiter[0])
	}
	return bytes.Index(b, s.delimiter)
}

// fieldEnds says whether b, which follows a quote, begins with what ends a
// field, or more of it is needed to say so.
func (s *splitter) fieldEnds(b []byte, final bool) (ends, more bool) {
	switch {
	case len(b) == 0, b[0] == '\n', bytes.HasPrefix(b, s.delimiter):
		return true, false
	case b[0] == '\r':
		if len(b) == 1 {
			return final, !final
		}
		return s.lone || b[1] == '\n', false
	case !final && len(b) < len(s.delimiter):
		return false, true
	}
	return false, false
}

// endOfRecord returns where what follows the line of b[pos:] begins.
func (s *splitter) endOfRecord(b []byte, pos int) int {
	i := s.endOfLine(b[pos:])
	if i < 0 {
		return len(b)
	}
	pos += i + 1
	if s.lone && b[pos-1] == '\r' && pos < len(b) && b[pos] == '\n' {
		pos++
	}
	return pos
}

// begin begins a record.
func (s *splitter) begin() {
	s.scratch = s.scratch[:0]
	if s.fields == 0 {
		s.taken = s.taken[:0]
	}
}

// keep takes a field if it is one that is taken.
func (s *splitter) keep(field int, content []byte) {
	if s.fields == 0 {
		s.taken = append(s.taken, content)
	} else if field < len(s.slots) && s.slots[field] >= 0 {
		s.taken[s.slots[field]] = content
	}
}

// keepQuoted is keep for what stands between quotes. A line break in it is read
// as LF.
func (s *splitter) keepQuoted(field int, content []byte, doubled bool) {
	if s.fields > 0 && (field >= len(s.slots) || s.slots[field] < 0) {
		return
	}
	if !doubled && bytes.IndexByte(content, '\r') < 0 {
		s.keep(field, content)
		return
	}
	start := len(s.scratch)
	for doubled {
		i := bytes.IndexByte(content, '"')
		if i < 0 {
			break
		}
		s.scratch = append(s.scratch, content[:i+1]...)
		content = content[i+2:]
	}
	s.scratch = append(s.scratch, content...)
	if text := s.scratch[start:]; bytes.IndexByte(text, '\r') >= 0 {
		s.scratch = s.scratch[:start+len(s.breaks(text))]
	}
	s.keep(field, s.scratch[start:len(s.scratch):len(s.scratch)])
}

// breaks makes LF of the line breaks in text, in its place.
func (s *splitter) breaks(text []byte) []byte {
	to := text[:0]
	for i, c := range text {
		if c == '\r' && i+1 < len(text) && text[i+1] == '\n' {
			continue
		}
		if c == '\r' && s.lone {
			c = '\n'
		}
		to = append(to, c)
	}
	return to
}

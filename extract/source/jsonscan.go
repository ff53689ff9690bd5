package source

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxJSONDepth is how deep values may be nested in a record.
const maxJSONDepth = 1000

// jsonScanner checks that a text is one JSON value (RFC 8259) and takes out of
// it the values of columns. It unescapes no string but those.
type jsonScanner struct {
	b      []byte
	at     int
	depth  int
	record int // so many so far

	cells []cell
	room  [][]byte   // of each cell, for what is unescaped
	name  []byte     // for a key that is unescaped
	keys  *jsonKeys  // finds the columns; nil: they are known
	odd   *jsonError // what is wrong with a value, in valid JSON

	// strange is told the keys of the record that are no column's; nil: nobody
	// is.
	strange func(key []byte)
}

// jsonError says what is wrong with a record.
type jsonError struct {
	at   int // in the record, in bytes
	what string
}

func (e *jsonError) Error() string { return e.what }

// jsonNode is an object that columns are in, or the value of one.
type jsonNode struct {
	column int // of which it is the value; -1: none
	record int // that had it last
	edges  []jsonEdge
}

// jsonEdge leads to the value of a key. A key with dots leads where the keys in
// each other lead that it is made of.
type jsonEdge struct {
	key  string
	node *jsonNode
}

// jsonTree returns the node of a record, for the columns of these names.
func jsonTree(columns []string) *jsonNode {
	nodes := map[string]*jsonNode{}
	node := func(path string) *jsonNode {
		n, ok := nodes[path]
		if !ok {
			n = &jsonNode{column: -1}
			nodes[path] = n
		}
		return n
	}
	root := &jsonNode{column: -1}
	for i, name := range columns {
		node(name).column = i
		// The objects that the name can lead through: before each dot.
		dots := []int{-1}
		for j := range len(name) {
			if name[j] == '.' && len(dots) < 32 {
				dots = append(dots, j)
			}
		}
		dots = append(dots, len(name))
		for f, from := range dots[:len(dots)-1] {
			parent := root
			if f > 0 {
				parent = node(name[:from])
			}
			for _, to := range dots[f+1:] {
				parent.lead(name[from+1:to], node(name[:to]))
			}
		}
	}
	return root
}

// lead adds an edge unless it is there.
func (n *jsonNode) lead(key string, to *jsonNode) {
	for _, e := range n.edges {
		if e.key == key {
			return
		}
	}
	n.edges = append(n.edges, jsonEdge{key, to})
}

// scan checks the value b and sets cells. The error is a *jsonError.
func (s *jsonScanner) scan(b []byte, root *jsonNode) error {
	s.b, s.at, s.depth, s.odd = b, 0, 0, nil
	if s.record++; root != nil {
		s.forget(root)
	}
	s.space()
	if s.at < len(b) && b[s.at] != '{' {
		if err := s.value(nil); err != nil {
			return err
		}
		if err := s.end(); err != nil {
			return err
		}
		return &jsonError{0, "it is no object of columns"}
	}
	if err := s.value(root); err != nil {
		return err
	}
	if err := s.end(); err != nil {
		return err
	}
	if s.odd != nil {
		return s.odd
	}
	return nil
}

// end checks that nothing follows.
func (s *jsonScanner) end() error {
	if s.space(); s.at < len(s.b) {
		return s.fail("%s after its end", s.here())
	}
	return nil
}

func (s *jsonScanner) fail(format string, args ...any) error {
	return &jsonError{s.at, fmt.Sprintf(format, args...)}
}

// here names what stands at the present place.
func (s *jsonScanner) here() string {
	if s.at >= len(s.b) {
		return "the end of the record"
	}
	r, _ := utf8.DecodeRune(s.b[s.at:])
	return strconv.QuoteRune(r)
}

func (s *jsonScanner) space() {
	for s.at < len(s.b) && isJSONSpace(s.b[s.at]) {
		s.at++
	}
}

func isJSONSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }

// value reads a value, which n is interested in unless n is nil.
func (s *jsonScanner) value(n *jsonNode) error {
	if s.at >= len(s.b) {
		return s.fail("a value is missing at the end of the record")
	}
	if n != nil {
		if n.record == s.record {
			s.forget(n) // of a key that is there twice the last value counts
		}
		n.record = s.record
	}
	from := s.at
	c := s.b[s.at]
	switch {
	case c == '{':
		return s.object(n)
	case c == '[':
		return s.array(n)
	case c == '"':
		escaped, err := s.text()
		if err != nil || n == nil || n.column < 0 {
			return err
		}
		return s.setText(n.column, from, escaped)
	case c == '-' || c >= '0' && c <= '9':
		if err := s.number(); err != nil {
			return err
		}
	case c == 't':
		if err := s.word("true"); err != nil {
			return err
		}
	case c == 'f':
		if err := s.word("false"); err != nil {
			return err
		}
	case c == 'n':
		return s.word("null")
	default:
		return s.noValue()
	}
	if n != nil && n.column >= 0 {
		c := &s.cells[n.column]
		c.kind, c.text = textCell, s.b[from:s.at]
	}
	return nil
}

// forget empties the cells of n and of what is in it.
func (s *jsonScanner) forget(n *jsonNode) {
	if n.column >= 0 {
		s.cells[n.column] = cell{}
	}
	for _, e := range n.edges {
		s.forget(e.node)
	}
}

// noValue says what stands where a value should.
func (s *jsonScanner) noValue() error {
	for _, word := range []string{"NaN", "Infinity", "None", "True", "False"} {
		if bytes.HasPrefix(s.b[s.at:], []byte(word)) {
			return s.fail("%s is no JSON value", word)
		}
	}
	return s.fail("%s where a value is wanted", s.here())
}

func (s *jsonScanner) word(word string) error {
	if !bytes.HasPrefix(s.b[s.at:], []byte(word)) {
		return s.noValue()
	}
	s.at += len(word)
	return nil
}

// number reads a number.
func (s *jsonScanner) number() error {
	digits := func() bool {
		from := s.at
		for s.at < len(s.b) && s.b[s.at] >= '0' && s.b[s.at] <= '9' {
			s.at++
		}
		return s.at > from
	}
	is := func(set string) bool { return s.at < len(s.b) && strings.IndexByte(set, s.b[s.at]) >= 0 }
	if is("-") {
		if s.at++; is("I") {
			s.at--
			return s.fail("-Infinity is no JSON value")
		}
	}
	if is("0") {
		s.at++
	} else if !digits() {
		return s.fail("%s where a digit is wanted", s.here())
	}
	if is(".") {
		if s.at++; !digits() {
			return s.fail("%s where a digit is wanted", s.here())
		}
	}
	if is("eE") {
		if s.at++; is("+-") {
			s.at++
		}
		if !digits() {
			return s.fail("%s where a digit is wanted", s.here())
		}
	}
	return nil
}

// plainText are the bytes that stand for themselves in a string.
var plainText = func() (is [256]bool) {
	for i := range is {
		is[i] = i >= ' ' && i != '"' && i != '\\'
	}
	return is
}()

// text reads a string, and says whether something in it is escaped.
func (s *jsonScanner) text() (escaped bool, err error) {
	b, at, from := s.b, s.at+1, s.at
	for {
		for at < len(b) && plainText[b[at]] {
			at++
		}
		if at >= len(b) {
			s.at = from
			return false, s.fail("a string without its closing quote")
		}
		switch b[at] {
		case '"':
			s.at = at + 1
			return escaped, nil
		case '\\':
			escaped = true
			if at++; at >= len(b) {
				continue
			}
			switch b[at] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
				at++
			case 'u':
				if _, ok := hex4(b[at+1:]); !ok {
					s.at = at - 1
					return false, s.fail("\\u without four digits")
				}
				at += 5
			default:
				s.at = at - 1
				r, _ := utf8.DecodeRune(b[at:])
				return false, s.fail("the escape \\%c is none of JSON", r)
			}
		default:
			s.at = at
			return false, s.fail("a control character (0x%02x) in a string", b[at])
		}
	}
}

// hex4 reads four hexadecimal digits.
func hex4(b []byte) (r rune, ok bool) {
	if len(b) < 4 {
		return 0, false
	}
	for _, c := range b[:4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

var errSurrogate = "half of a surrogate pair (\\ud800 to \\udfff), which is no character"

// unescape appends the content of a string, which is valid, to dst. It returns
// false if half of a surrogate pair stands alone in it.
func unescape(dst, b []byte) ([]byte, bool) {
	for {
		i := bytes.IndexByte(b, '\\')
		if i < 0 {
			return append(dst, b...), true
		}
		dst = append(dst, b[:i]...)
		c := b[i+1]
		b = b[i+2:]
		switch c {
		case 'b':
			c = '\b'
		case 'f':
			c = '\f'
		case 'n':
			c = '\n'
		case 'r':
			c = '\r'
		case 't':
			c = '\t'
		case 'u':
			r, _ := hex4(b)
			b = b[4:]
			if utf16.IsSurrogate(r) {
				if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
					return dst, false
				}
				second, _ := hex4(b[2:])
				if r = utf16.DecodeRune(r, second); r == utf8.RuneError {
					return dst, false
				}
				b = b[6:]
			}
			dst = utf8.AppendRune(dst, r)
			continue
		}
		dst = append(dst, c)
	}
}

// setText sets a cell to the string that begins at from and ends here.
func (s *jsonScanner) setText(column, from int, escaped bool) error {
	c, text := &s.cells[column], s.b[from+1:s.at-1]
	if escaped {
		var ok bool
		if text, ok = unescape(s.room[column][:0], text); !ok {
			s.oddly(from, errSurrogate)
		}
		s.room[column] = text
	}
	c.kind, c.text = textCell, text
	return nil
}

// oddly notes what is wrong with a value of a record that is valid JSON.
func (s *jsonScanner) oddly(at int, what string) {
	if s.odd == nil {
		s.odd = &jsonError{at, what}
	}
}

// enter goes into an object or an array.
func (s *jsonScanner) enter() error {
	if s.depth++; s.depth > maxJSONDepth {
		return s.fail("nested deeper than %d", maxJSONDepth)
	}
	s.at++
	s.space()
	return nil
}

// next reads what stands between the members of an object or an array, and says
// whether there is one more.
func (s *jsonScanner) next(end byte) (more bool, err error) {
	s.space()
	switch {
	case s.at >= len(s.b):
		return false, s.fail("the record ends where a comma or %q is wanted", end)
	case s.b[s.at] == ',':
		s.at++
		s.space()
		return true, nil
	case s.b[s.at] == end:
		s.at++
		s.depth--
		return false, nil
	}
	return false, s.fail("%s where a comma or %q is wanted", s.here(), end)
}

func (s *jsonScanner) object(n *jsonNode) error {
	from := s.at
	if err := s.enter(); err != nil {
		return err
	}
	own := n != nil && n.column >= 0
	file := jsonFile{is: own || s.keys != nil}
	if s.at < len(s.b) && s.b[s.at] == '}' {
		s.at++
		s.depth--
		file.is = false
	} else {
		for more := true; more; {
			key, err := s.key()
			if err != nil {
				return err
			}
			begin := s.at
			if err := s.member(n, key); err != nil {
				return err
			}
			if file.is {
				file.take(key, s.b[begin:s.at])
			}
			if more, err = s.next('}'); err != nil {
				return err
			}
		}
	}
	if s.keys != nil {
		s.keys.file = file.is
	}
	if !own {
		return nil
	}
	c := &s.cells[n.column]
	if !file.is {
		c.kind, c.text = otherCell, s.b[from:s.at]
		return nil
	}
	if what := file.to(c, &s.room[n.column]); what != "" {
		s.oddly(from, what)
	}
	return nil
}

// member reads the value of a key of the object n.
func (s *jsonScanner) member(n *jsonNode, key []byte) error {
	if s.keys != nil {
		return s.found(key)
	}
	var to *jsonNode
	if n != nil {
		for i := range n.edges {
			if e := &n.edges[i]; string(key) == e.key {
				to = e.node
				break
			}
		}
		if to == nil && s.depth == 1 && s.strange != nil {
			s.strange(key)
		}
	}
	return s.value(to)
}

// key reads the key of a member, and what stands between it and the value. It
// is valid until the next one; of one that is no text it returns nil.
func (s *jsonScanner) key() ([]byte, error) {
	if s.at >= len(s.b) || s.b[s.at] != '"' {
		return nil, s.fail("%s where a key in quotes is wanted", s.here())
	}
	from := s.at
	escaped, err := s.text()
	if err != nil {
		return nil, err
	}
	key := s.b[from+1 : s.at-1]
	if escaped {
		var ok bool
		if s.name, ok = unescape(s.name[:0], key); ok {
			key = s.name
		} else {
			key = nil
		}
	}
	if s.space(); s.at >= len(s.b) || s.b[s.at] != ':' {
		return nil, s.fail("%s where a colon is wanted", s.here())
	}
	s.at++
	s.space()
	return key, nil
}

// array reads an array: of texts and numbers it is a list, else no value of a
// sample.
func (s *jsonScanner) array(n *jsonNode) error {
	from := s.at
	if err := s.enter(); err != nil {
		return err
	}
	keys := s.keys
	s.keys = nil // what is in a list is no column
	defer func() { s.keys = keys }()
	own := n != nil && n.column >= 0
	list, is := []string{}, own
	if s.at < len(s.b) && s.b[s.at] == ']' {
		s.at++
		s.depth--
	} else {
		for more := true; more; {
			begin := s.at
			if err := s.value(nil); err != nil {
				return err
			}
			if is {
				var text string
				if text, is = s.element(begin); is {
					list = append(list, text)
				}
			}
			var err error
			if more, err = s.next(']'); err != nil {
				return err
			}
		}
	}
	if !own {
		return nil
	}
	c := &s.cells[n.column]
	if c.kind, c.text = otherCell, s.b[from:s.at]; is {
		c.kind, c.list = listCell, list
	}
	return nil
}

// element returns the element of a list that begins at from and ends here, if
// it is a text or a number.
func (s *jsonScanner) element(from int) (string, bool) {
	b := s.b[from:s.at]
	switch c := b[0]; {
	case c == '"':
		text, ok := unescape(nil, b[1:len(b)-1])
		if !ok {
			s.oddly(from, errSurrogate)
		}
		return string(text), true
	case c == '-' || c >= '0' && c <= '9':
		return string(b), true
	}
	return "", false
}

// jsonFile is an object that may be a file, as Hugging Face's data sets write
// one: {"bytes": …, "path": …}, where bytes are in base64.
type jsonFile struct {
	is          bool
	bytes, path []byte // values, in JSON
}

// take notes a member.
func (f *jsonFile) take(key, value []byte) {
	if len(value) == 0 || value[0] != '"' && value[0] != 'n' {
		f.is = false
		return
	}
	switch string(key) {
	case "bytes":
		f.bytes = value
	case "path":
		f.path = value
	default:
		f.is = false
	}
}

// to makes c the file, and says what is wrong with it.
func (f *jsonFile) to(c *cell, room *[]byte) (wrong string) {
	text := func(value []byte) (text []byte, there bool) {
		if len(value) == 0 || value[0] != '"' {
			return nil, false
		}
		text, ok := unescape(nil, value[1:len(value)-1])
		if !ok {
			wrong = errSurrogate
		}
		return text, true
	}
	path, _ := text(f.path)
	c.kind, c.path = fileCell, string(path)
	if content, there := text(f.bytes); there {
		b, err := base64.StdEncoding.AppendDecode((*room)[:0], content)
		if err != nil {
			return "bytes that are no base64"
		}
		*room = b
		c.text = b[:len(b):len(b)]
	}
	return wrong
}

// maxColumns is how many columns a table may have.
const maxColumns = 1 << 16

// jsonKeys finds the columns of records: their keys, those of objects in them
// as "outer.inner", in the order in which they come. An object that is a file
// is a column itself.
type jsonKeys struct {
	names  []string
	seen   map[string]bool
	prefix []byte
	file   bool // the last object is one
}

// found reads the value of a key and notes which columns it is or holds.
func (s *jsonScanner) found(key []byte) error {
	k := s.keys
	before, inner := len(k.prefix), len(k.names)
	k.prefix = append(k.prefix, key...)
	object := s.at < len(s.b) && s.b[s.at] == '{'
	if object {
		k.prefix = append(k.prefix, '.')
	}
	err := s.value(nil)
	name := string(k.prefix[:before+len(key)])
	k.prefix = k.prefix[:before]
	if err != nil || key == nil {
		return err
	}
	if object && k.file {
		for _, name := range k.names[inner:] {
			delete(k.seen, name)
		}
		k.names, object = k.names[:inner], false
	}
	if !object && !k.seen[name] && len(k.names) <= maxColumns {
		k.names, k.seen[name] = append(k.names, name), true
	}
	return nil
}

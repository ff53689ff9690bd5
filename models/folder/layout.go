package folder

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/headstart-ml/headstart/models"
)

const (
	maxConfig    = 1 << 20   // bytes of a configuration file
	maxTokenizer = 128 << 20 // bytes of tokenizer.json
	maxNesting   = 100       // levels of objects and lists in a JSON file
)

// layout is a folder in the Hugging Face layout.
type layout struct {
	fsys    fs.FS
	place   string          // for messages: its path, or a built-in name
	log     *reading        // what was read; nil: nobody wants to know
	options Options         // those of ResolveFor
	aside   string          // what deserves a word about how the folder was found
	post    string          // what is done to vectors last, Tap.Post, of two towers; "": nothing, or modules.json says it
	files   map[string]File // of a built-in backbone: every file with its digest; nil otherwise
}

// path returns the place of a file of the folder, for messages.
func (f *layout) path(name string) string { return path.Join(f.place, name) }

// has reports whether the folder has a file of that name.
func (f *layout) has(name string) (bool, error) {
	info, err := fs.Stat(f.fsys, name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("models: %s: %w", f.path(name), cause(err))
	}
	if info.IsDir() {
		return false, fmt.Errorf("models: %s: a folder in place of a file; take it away, and download the file", f.path(name))
	}
	return true, nil
}

// read returns the content of a file of at most limit bytes. A file of a
// built-in backbone must have the digest that is on record.
func (f *layout) read(name string, limit int64) ([]byte, error) {
	data, err := readFile(f.fsys, name, limit)
	if err != nil {
		return nil, fmt.Errorf("models: %s: %w", f.path(name), err)
	}
	if f.files != nil {
		if err := f.check(name, digest(data)); err != nil {
			return nil, err
		}
	}
	return data, nil
}

// check compares the digest of a file of a built-in backbone with the one that
// is on record.
func (f *layout) check(name, sha256 string) error {
	want, ok := f.files[name]
	if !ok {
		return fmt.Errorf("models: %s: the file is not on record for this built-in backbone", f.path(name))
	}
	if sha256 != want.SHA256 {
		return fmt.Errorf("models: %s: digest is %s, on record is %s: the file was changed", f.path(name), sha256, want.SHA256)
	}
	return nil
}

// readFile reads a regular file of at most limit bytes, once, into memory of
// its size.
func readFile(fsys fs.FS, name string, limit int64) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			listed, _ := fs.ReadDir(fsys, path.Dir(name))
			if slices.ContainsFunc(listed, func(e fs.DirEntry) bool { return e.Name() == path.Base(name) }) {
				return nil, fmt.Errorf("a link to a file that is not there: download that one, too (git annex get does it in a folder of git-annex): %w", fs.ErrNotExist)
			}
			return nil, fmt.Errorf("the file is missing: %w", fs.ErrNotExist)
		}
		return nil, cause(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, cause(err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("not a regular file")
	}
	if info.Size() > limit {
		return nil, fmt.Errorf("%d bytes, more than the %d that such a file may have", info.Size(), limit)
	}
	data := make([]byte, info.Size())
	if _, err := io.ReadFull(f, data); err != nil {
		return nil, cause(err)
	}
	if n, err := f.Read(make([]byte, 1)); n != 0 || (err != nil && err != io.EOF) {
		return nil, fmt.Errorf("the file changed while it was read")
	}
	return data, nil
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// cause strips the path from an error whose message names it already.
func cause(err error) error {
	var e *fs.PathError
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}

// object is a JSON object of a file. Its methods return errors that name the
// file and the field. Names are compared exactly, which decoding into structs
// does not do.
type object struct {
	file   string // for messages
	fields map[string]json.RawMessage
	log    *reading // what was read of it; nil: nobody wants to know
	pixels bool     // what is read of it decides pixels
}

// reading is what was read of a folder's files.
type reading struct {
	origins []models.Origin
	notes   []string
}

// used records that a field was read.
func (o *object) used(field string) {
	var value bytes.Buffer
	if json.Compact(&value, o.fields[field]) != nil {
		return // it has been decoded: this cannot be
	}
	o.put(models.Origin{Field: field, Value: value.String()})
}

// assume records the value that is used for a field which is missing.
func (o *object) assume(field string, value any) {
	o.put(models.Origin{Field: field, Value: fmt.Sprint(value), Default: true})
}

func (o *object) put(origin models.Origin) {
	// An object inside another one is named in front of the field.
	file, inside, ok := strings.Cut(o.file, ": ")
	origin.File, origin.Pixels = file, o.pixels
	if ok {
		origin.Field = strings.ReplaceAll(inside, ": ", ".") + "." + origin.Field
	}
	if o.log == nil || slices.Contains(o.log.origins, origin) {
		return
	}
	o.log.origins = append(o.log.origins, origin)
}

// note records a word about how the file was read.
func (o *object) note(word string) {
	if o.log != nil {
		file, _, _ := strings.Cut(o.file, ": ")
		o.log.notes = append(o.log.notes, path.Base(file)+": "+word)
	}
}

// object reads a file that holds one JSON object.
func (f *layout) object(name string, limit int64) (*object, []byte, error) {
	data, err := f.read(name, limit)
	if err != nil {
		return nil, nil, err
	}
	o, err := parseObject(f.path(name), data)
	if err == nil {
		o.log = f.log
	}
	return o, data, err
}

// optional is object for a file that may be missing: then there is no object.
func (f *layout) optional(name string) (*object, error) {
	if ok, err := f.has(name); err != nil || !ok {
		return nil, err
	}
	o, _, err := f.object(name, maxConfig)
	return o, err
}

func parseObject(file string, data []byte) (*object, error) {
	if text := standIn(data, "the file"); text != "" {
		return nil, fmt.Errorf("models: %s: %s", file, text)
	}
	if err := checkJSON(data); err != nil {
		return nil, fmt.Errorf("models: %s: %w", file, err)
	}
	o := &object{file: file}
	if err := json.Unmarshal(data, &o.fields); err != nil || o.fields == nil {
		return nil, fmt.Errorf("models: %s: it does not hold a JSON object; download it again", file)
	}
	return o, nil
}

// checkJSON checks that data is one JSON value in UTF-8 in which no object has
// a key twice: readers disagree on which of two counts.
func checkJSON(data []byte) error {
	if !utf8.Valid(data) {
		return fmt.Errorf("not UTF-8")
	}
	if bytes.HasPrefix(data, []byte("\uFEFF")) {
		return fmt.Errorf("not JSON: it begins with a byte order mark; save the file as UTF-8 without one")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	// One entry a level: the keys of an object, nil for a list.
	var levels []map[string]bool
	wantKey := false // whether the next token is a key of the object at the end of levels
	for {
		token, err := d.Token()
		if err != nil {
			switch {
			case len(bytes.TrimSpace(data)) == 0:
				return fmt.Errorf("not JSON: the file is empty; download it again")
			case err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF):
				return fmt.Errorf("not JSON: it is cut short; download it again")
			}
			return fmt.Errorf("not JSON: %w", err)
		}
		switch t := token.(type) {
		case json.Delim:
			switch t {
			case '{':
				levels = append(levels, make(map[string]bool))
			case '[':
				levels = append(levels, nil)
			default:
				levels = levels[:len(levels)-1]
			}
			if len(levels) > maxNesting {
				return fmt.Errorf("not JSON that is used here: nested more than %d levels deep", maxNesting)
			}
			wantKey = len(levels) > 0 && levels[len(levels)-1] != nil
		case string:
			if wantKey {
				keys := levels[len(levels)-1]
				if keys[t] {
					return fmt.Errorf("key %.100q stands twice in one object", t)
				}
				keys[t] = true
				wantKey = false
				continue
			}
			wantKey = len(levels) > 0 && levels[len(levels)-1] != nil
		default:
			wantKey = len(levels) > 0 && levels[len(levels)-1] != nil
		}
		if len(levels) == 0 {
			break
		}
	}
	if _, err := d.Token(); err != io.EOF {
		return fmt.Errorf("not JSON: there is more after the end of the value")
	}
	return nil
}

// errorf returns an error about a field.
func (o *object) errorf(field, format string, a ...any) error {
	return fmt.Errorf("models: %s: %s: %w", o.file, field, fmt.Errorf(format, a...))
}

// has reports whether the field is there and not null.
func (o *object) has(field string) bool {
	raw, ok := o.fields[field]
	return ok && string(raw) != "null"
}

// given reports whether the field is there, be it null.
func (o *object) given(field string) bool {
	_, ok := o.fields[field]
	return ok
}

// decode reads a field, which must be there and not null.
func (o *object) decode(field string, dst any, what string) error {
	if !o.given(field) {
		return o.errorf(field, "the field is missing")
	}
	if err := json.Unmarshal(o.fields[field], dst); err != nil || !o.has(field) {
		return o.errorf(field, "%.100s is not %s", o.fields[field], what)
	}
	o.used(field)
	return nil
}

func (o *object) text(field string) (s string, err error) {
	err = o.decode(field, &s, "a string")
	return s, err
}

func (o *object) flag(field string) (b bool, err error) {
	err = o.decode(field, &b, "true or false")
	return b, err
}

// flagOr is flag with the value that a missing field stands for.
func (o *object) flagOr(field string, missing bool) (bool, error) {
	if _, ok := o.fields[field]; !ok {
		o.assume(field, missing)
		return missing, nil
	}
	return o.flag(field)
}

func (o *object) number(field string) (x float64, err error) {
	err = o.decode(field, &x, "a number")
	return x, err
}

// whole reads a whole number from 1 to limit.
func (o *object) whole(field string, limit int) (int, error) {
	x, err := o.number(field)
	if err != nil {
		return 0, err
	}
	if x != math.Trunc(x) || x < 1 || x > float64(limit) {
		return 0, o.errorf(field, "%s is not a whole number from 1 to %d", o.fields[field], limit)
	}
	return int(x), nil
}

// triple reads three numbers, one for each of red, green and blue, or one for
// all of them.
func (o *object) triple(field string) (x [3]float64, err error) {
	var one float64
	if o.has(field) && json.Unmarshal(o.fields[field], &one) == nil {
		o.used(field)
		return [3]float64{one, one, one}, nil
	}
	var list []float64
	if err := o.decode(field, &list, "a list of three numbers"); err != nil {
		return x, err
	}
	if len(list) != 3 {
		return x, o.errorf(field, "%.100s is not a list of three numbers", o.fields[field])
	}
	return [3]float64(list), nil
}

// sub reads an object inside the object.
func (o *object) sub(field string) (*object, error) {
	s := &object{file: o.file + ": " + field, log: o.log, pixels: o.pixels}
	quiet := *o // what is read of the object is recorded, not the whole of it
	quiet.log = nil
	if err := quiet.decode(field, &s.fields, "an object"); err != nil {
		return nil, err
	}
	return s, nil
}

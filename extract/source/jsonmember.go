package source

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

var errNoObject = errors.New("no JSON object")

// eachValue calls f for each key of a JSON object with its value, in order. The
// decoder bounds how deep they may be nested.
func eachValue(object []byte, f func(key string, value json.RawMessage) error) error {
	d := json.NewDecoder(bytes.NewReader(object))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return errNoObject
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return noObject(err)
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return noObject(err)
		}
		if err := f(key.(string), value); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil {
		return noObject(err)
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("no JSON object: something follows it")
	}
	return nil
}

func noObject(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return errors.New("no JSON object: it ends too early")
	}
	return fmt.Errorf("no JSON object: %w", err)
}

// keysOf returns the keys of the JSON object in a member, none if it cannot be
// read.
func keysOf(m *member) (keys []string) {
	content, err := textIn(m, "")
	if err != nil {
		return nil
	}
	err = eachValue(content, func(key string, _ json.RawMessage) error {
		keys = append(keys, key)
		return nil
	})
	if err != nil {
		return nil
	}
	return keys
}

// cellsOf returns the values of a JSON object. Of a key that stands twice the
// last value counts, as everywhere.
func cellsOf(object []byte) (map[string]cell, error) {
	cells := make(map[string]cell)
	err := eachValue(object, func(key string, value json.RawMessage) error {
		c, err := cellOf(value)
		cells[key] = c
		return err
	})
	return cells, err
}

// cellOf returns the cell that a JSON value is.
func cellOf(value json.RawMessage) (cell, error) {
	switch value[0] {
	case 'n':
		return cell{kind: nullCell}, nil
	case '"':
		var text string
		err := json.Unmarshal(value, &text)
		return cell{kind: textCell, text: []byte(text)}, err
	case '[':
		var list []string
		if json.Unmarshal(value, &list) == nil {
			return cell{kind: listCell, list: list}, nil
		}
		return cell{kind: otherCell, text: value}, nil
	case '{':
		return cell{kind: otherCell, text: value}, nil
	}
	return cell{kind: textCell, text: value}, nil
}

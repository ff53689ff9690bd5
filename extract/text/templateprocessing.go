package text

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
)

// readTemplateProcessing is the entry of TemplateProcessing, of which the
// template for one text counts.
func readTemplateProcessing(o object) (postProcessor, error) {
	return func(size int) (template, error) { return readSingle(o, size) }, nil
}

// readSingle reads the template for one text.
func readSingle(o object, size int) (t template, err error) {
	var single []map[string]json.RawMessage
	if err := o.read("single", &single); err != nil {
		return t, err
	}
	special, err := o.object("special_tokens")
	if err != nil {
		return t, err
	}
	texts := 0
	for i, fields := range single {
		p := object{place: fmt.Sprintf("%s: single: piece %d", o.place, i), fields: fields}
		if len(fields) != 1 || !p.has("SpecialToken") && !p.has("Sequence") {
			return t, p.errorf("neither a SpecialToken nor a Sequence")
		}
		var name string
		if p.has("Sequence") {
			typ, err := p.readPiece("Sequence", &name)
			if err != nil {
				return t, err
			}
			if name != "A" {
				return t, p.errorf("Sequence %q: one text has A alone", name)
			}
			texts++
			t.textType = typ
			continue
		}
		typ, err := p.readPiece("SpecialToken", &name)
		if err != nil {
			return t, err
		}
		token, err := special.object(name)
		if err != nil {
			return t, err
		}
		var ids []uint32
		if err := token.read("ids", &ids); err != nil {
			return t, err
		}
		for _, id := range ids {
			checked, err := checkID(token, "ids", id, size)
			if err != nil {
				return t, err
			}
			if texts == 0 {
				t.before, t.beforeType = append(t.before, checked), append(t.beforeType, typ)
			} else {
				t.after, t.afterType = append(t.after, checked), append(t.afterType, typ)
			}
		}
	}
	if texts != 1 {
		return t, o.errorf("single: the text stands there %d times: once is supported", texts)
	}
	return t, nil
}

// readPiece reads one piece of a template: its id and type id.
func (o object) readPiece(name string, id *string) (int32, error) {
	in, err := o.object(name)
	if err != nil {
		return 0, err
	}
	var typ uint32
	if err := errors.Join(in.read("id", id), in.read("type_id", &typ)); err != nil {
		return 0, err
	}
	if typ > math.MaxInt32 {
		return 0, in.errorf("type_id %d: the limit is %d", typ, math.MaxInt32)
	}
	return int32(typ), nil
}

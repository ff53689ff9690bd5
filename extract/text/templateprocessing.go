package text

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
)

// templateProcessing is the post-processor TemplateProcessing, which has a
// template for a text by itself and one for a pair.
type templateProcessing struct{ single, pair []templatePiece }

// A templatePiece is a text, or special tokens.
type templatePiece struct {
	text     int // 0 or 1; −1: special tokens
	specials []special
	typ      int32 // type id
}

// readTemplateProcessing is the entry of TemplateProcessing.
func readTemplateProcessing(o object) (postProcessor, error) {
	specials, err := o.object("special_tokens")
	if err != nil {
		return nil, err
	}
	p := &templateProcessing{}
	if p.single, err = readTemplate(o, "single", specials); err == nil {
		p.pair, err = readTemplate(o, "pair", specials)
	}
	return p, err
}

// readTemplate reads one of the templates.
func readTemplate(o object, name string, specials object) ([]templatePiece, error) {
	var list []map[string]json.RawMessage
	if err := o.read(name, &list); err != nil {
		return nil, err
	}
	if len(list) > maxTemplate {
		return nil, o.errorf("%s: %d pieces: the limit is %d", name, len(list), maxTemplate)
	}
	pieces := make([]templatePiece, len(list))
	for i, fields := range list {
		p := object{place: fmt.Sprintf("%s: %s: piece %d", o.place, name, i), fields: fields}
		if len(fields) != 1 || !p.has("SpecialToken") && !p.has("Sequence") {
			return nil, p.errorf("neither a SpecialToken nor a Sequence")
		}
		var id string
		var err error
		piece := &pieces[i]
		if p.has("Sequence") {
			if piece.typ, err = p.readPiece("Sequence", &id); err != nil {
				return nil, err
			}
			switch {
			case id == "A":
			case id != "B":
				return nil, p.errorf("Sequence %q is neither A nor B", id)
			case name == "single":
				return nil, p.errorf("Sequence B: one text has A alone")
			default:
				piece.text = 1
			}
			continue
		}
		piece.text = -1
		if piece.typ, err = p.readPiece("SpecialToken", &id); err != nil {
			return nil, err
		}
		token, err := specials.object(id)
		if err != nil {
			return nil, err
		}
		var ids []uint32
		var names []string
		if err := errors.Join(token.read("ids", &ids), token.read("tokens", &names)); err != nil {
			return nil, err
		}
		if len(ids) != len(names) || len(ids) > maxTemplate {
			return nil, token.errorf("%d ids, but %d tokens: want as many, and at most %d", len(ids), len(names), maxTemplate)
		}
		for i, id := range ids {
			piece.specials = append(piece.specials, special{names[i], checkedID(id)})
		}
	}
	return pieces, nil
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
	return checkTypeID(in, "type_id", typ)
}

// checkTypeID converts a type id of the file.
func checkTypeID(o object, name string, typ uint32) (int32, error) {
	if typ > math.MaxInt32 {
		return 0, o.errorf("%s %d: the limit is %d", name, typ, math.MaxInt32)
	}
	return int32(typ), nil
}

func (p *templateProcessing) added(pair bool) int {
	n := 0
	for _, piece := range p.template(pair) {
		n += len(piece.specials)
	}
	return n
}

func (p *templateProcessing) template(pair bool) []templatePiece {
	if pair {
		return p.pair
	}
	return p.single
}

func (p *templateProcessing) process(list []Encoding, special bool) []Encoding {
	var out []Encoding
	for _, piece := range p.template(len(list) == 2) {
		switch {
		case piece.text >= 0 && piece.text < len(list):
			e := list[piece.text].withType(piece.typ)
			e.Offsets = slices.Clone(e.Offsets) // the text may stand there twice
			out = append(out, e)
		case special:
			var all []Encoding
			for _, s := range piece.specials {
				all = append(all, s.encoding(piece.typ))
			}
			out = append(out, concat(all...))
		}
	}
	return out
}

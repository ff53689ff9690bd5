package folder

import (
	"encoding/base64"
	"fmt"
	"math"
	"path"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// pieces is a SentencePiece model
// (https://github.com/google/sentencepiece/blob/master/src/sentencepiece_model.proto).
type pieces struct {
	list     []piece
	kind     uint64 // 1: unigram
	unknown  int
	bytes    bool   // what is unknown falls back to bytes
	charsmap []byte // of the normaliser
}

type piece struct {
	text  string
	score float32
	kind  uint64
}

// eachField calls f with every field of a message.
func eachField(data []byte, f func(n protowire.Number, v uint64, b []byte) error) error {
	for len(data) > 0 {
		n, kind, size := protowire.ConsumeTag(data)
		if size < 0 {
			return protowire.ParseError(size)
		}
		data = data[size:]
		var v uint64
		var b []byte
		switch kind {
		case protowire.VarintType:
			v, size = protowire.ConsumeVarint(data)
		case protowire.BytesType:
			b, size = protowire.ConsumeBytes(data)
		case protowire.Fixed32Type:
			var x uint32
			x, size = protowire.ConsumeFixed32(data)
			v = uint64(x)
		default:
			size = protowire.ConsumeFieldValue(n, kind, data)
		}
		if size < 0 {
			return protowire.ParseError(size)
		}
		data = data[size:]
		if err := f(n, v, b); err != nil {
			return err
		}
	}
	return nil
}

// readPieces reads a SentencePiece model.
func readPieces(data []byte) (*pieces, error) {
	p := &pieces{kind: 1}
	const most = 1 << 20
	err := eachField(data, func(n protowire.Number, _ uint64, b []byte) error {
		switch n {
		case 1:
			one := piece{kind: 1}
			if len(p.list) == most {
				return fmt.Errorf("more than %d pieces", most)
			}
			err := eachField(b, func(n protowire.Number, v uint64, b []byte) error {
				switch n {
				case 1:
					one.text = string(b)
				case 2:
					one.score = math.Float32frombits(uint32(v))
				case 3:
					one.kind = v
				}
				return nil
			})
			if err == nil && !utf8.ValidString(one.text) {
				err = fmt.Errorf("piece %d is not UTF-8", len(p.list))
			}
			p.list = append(p.list, one)
			return err
		case 2: // how it was trained
			return eachField(b, func(n protowire.Number, v uint64, _ []byte) error {
				switch n {
				case 3:
					p.kind = v
				case 35:
					p.bytes = v != 0
				case 40:
					p.unknown = int(int32(v))
				}
				return nil
			})
		case 3: // its normaliser
			return eachField(b, func(n protowire.Number, _ uint64, b []byte) error {
				if n == 2 {
					p.charsmap = b
				}
				return nil
			})
		}
		return nil
	})
	if err == nil && len(p.list) == 0 {
		err = fmt.Errorf("it has no pieces")
	}
	return p, err
}

// unigram reads the SentencePiece model, and makes the model's vocabulary of
// what order does to its pieces.
func (c *conversion) unigram(order func(list []piece) []piece) (*pieces, error) {
	data, err := c.f.read(path.Join(c.dir, c.file), maxTokenizer)
	if err != nil {
		return nil, err
	}
	p, err := readPieces(data)
	if err != nil {
		return nil, c.errorf("it is no SentencePiece model: %w", err)
	}
	e := &SlowError{Folder: c.f.path(c.dir), File: c.file}
	switch {
	case p.kind != 1:
		e.Why = "it is none of unigrams"
		return nil, e
	case p.bytes:
		e.Why = "what it does not know falls back to bytes"
		return nil, e
	}
	vocab := [][2]any{}
	for i, one := range order(p.list) {
		if _, again := c.ids[one.text]; !again {
			c.ids[one.text] = i
		}
		vocab = append(vocab, [2]any{one.text, float64(one.score)})
		if one.kind == 3 || one.kind == 4 { // those that control, and those of the user
			c.more = append(c.more, one.text)
		}
	}
	c.size = len(vocab)
	c.out["model"] = written{"type": "Unigram", "unk_id": p.unknown, "byte_fallback": false, "vocab": vocab}
	c.metaspace("always")
	return p, nil
}

// metaspace puts a mark in front of words.
func (c *conversion) metaspace(scheme string) {
	c.out["pre_tokenizer"] = written{"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": true}
	c.out["decoder"] = c.out["pre_tokenizer"]
}

// charsmap is the normaliser of a SentencePiece model, if it has one.
func (p *pieces) normalizers() []written {
	if len(p.charsmap) == 0 {
		return nil
	}
	return []written{{"type": "Precompiled", "precompiled_charsmap": base64.StdEncoding.EncodeToString(p.charsmap)}}
}

// ends takes white space at the end away, and more than one space elsewhere.
var ends = []written{
	{"type": "Strip", "strip_left": false, "strip_right": true}, {"type": "Replace", "pattern": written{"Regex": " {2,}"}, "content": "▁"},
}

func (c *conversion) xlmRoberta() error {
	p, err := c.unigram(func(list []piece) []piece {
		all := []piece{{text: "<s>"}, {text: "<pad>"}, {text: "</s>"}, {text: "<unk>"}}
		return append(append(all, list[min(3, len(list)):]...), piece{text: "<mask>"})
	})
	if err != nil {
		return err
	}
	c.left = true
	c.out["model"].(written)["unk_id"] = 3
	c.out["normalizer"] = written{"type": "Sequence", "normalizers": append(p.normalizers(), ends...)}
	return c.around("cls_token $A sep_token", "cls_token $A sep_token sep_token $B sep_token", 0)
}

func (c *conversion) t5() error {
	extra := 100
	if c.config != nil && c.config.has("extra_ids") {
		n, err := c.config.number("extra_ids")
		if err != nil || n < 0 || n > 1<<16 || n != math.Trunc(n) {
			return c.config.errorf("extra_ids", "%.40s is not a number of tokens", c.config.fields["extra_ids"])
		}
		extra = int(n)
	}
	p, err := c.unigram(func(list []piece) []piece {
		all := append([]piece(nil), list...)
		for i := extra - 1; i >= 0; i-- {
			all = append(all, piece{text: fmt.Sprintf("<extra_id_%d>", i), kind: 3})
		}
		return all
	})
	if err != nil {
		return err
	}
	if legacy, err := c.flag("legacy", true); err != nil {
		return err
	} else if !legacy {
		c.metaspace("first")
	}
	c.out["normalizer"] = written{"type": "Sequence", "normalizers": append(p.normalizers(), ends...)}
	return c.around("$A eos_token", "$A eos_token $B eos_token", 0)
}

func (c *conversion) albert() error {
	p, err := c.unigram(func(list []piece) []piece { return list })
	if err != nil {
		return err
	}
	accents, err := c.flag("keep_accents", false)
	if err != nil {
		return err
	}
	lower, err := c.flag("do_lower_case", true)
	if err != nil {
		return err
	}
	steps := []written{
		{"type": "Replace", "pattern": written{"String": "``"}, "content": `"`}, {"type": "Replace", "pattern": written{"String": "''"}, "content": `"`},
	}
	if !accents {
		steps = append(steps, written{"type": "NFKD"}, written{"type": "StripAccents"})
	}
	if lower {
		steps = append(steps, written{"type": "Lowercase"})
	}
	steps = append(append(steps, p.normalizers()...), written{"type": "Replace", "pattern": written{"Regex": " {2,}"}, "content": " "})
	c.left = true
	c.out["normalizer"] = written{"type": "Sequence", "normalizers": steps}
	return c.around("cls_token $A sep_token", "cls_token $A sep_token $B sep_token", 1)
}

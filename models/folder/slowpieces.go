package folder

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"math"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// pieces is a SentencePiece model
// (https://github.com/google/sentencepiece/blob/master/src/sentencepiece_model.proto).
type pieces struct {
	list     []piece
	kind     uint64 // 1: unigrams, 2: byte pairs
	unknown  int
	word     string // what it calls what is unknown
	charsmap []byte // of the normaliser
}

type piece struct {
	text  string
	score float64
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
	p := &pieces{kind: 1, word: "<unk>"}
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
					one.score = float64(math.Float32frombits(uint32(v)))
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
			return eachField(b, func(n protowire.Number, v uint64, b []byte) error {
				switch n {
				case 3:
					p.kind = v
				case 40:
					p.unknown = int(int32(v))
				case 45:
					p.word = string(b)
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

// A conversionOf is how a class makes a model of pieces.
type conversionOf struct {
	order    func(list []piece) []piece // of the vocabulary
	unknown  int                        // the number of what is unknown among unigrams; −1: as the file says
	bytes    bool                       // what is unknown falls back to bytes
	tab      bool                       // <0x09> merges as a tab does
	specials []string                   // pieces of the user that are special tokens
}

// fromPieces reads the SentencePiece model, and makes the model of its pieces.
// As the library does, a class that does not fall back to bytes does not do so
// even where the file says it.
func (c *conversion) fromPieces(how *conversionOf) (*pieces, error) {
	data, err := c.f.read(path.Join(c.dir, c.file), maxTokenizer)
	if err != nil {
		return nil, err
	}
	p, err := readPieces(data)
	if err != nil {
		return nil, c.errorf("it is no SentencePiece model: %w", err)
	}
	for _, one := range p.list {
		if one.kind == 3 || one.kind == 4 { // those that control, and those of the user
			c.pieces = append(c.pieces, addedToken{Content: one.text, Special: one.kind == 3 || slices.Contains(how.specials, one.text)})
		}
	}
	list := how.order(p.list)
	for i, one := range list {
		c.ids[one.text] = i
	}
	c.size = len(list)
	switch p.kind {
	case 1:
		vocab := [][2]any{}
		for _, one := range list {
			vocab = append(vocab, [2]any{one.text, one.score})
		}
		unknown := how.unknown
		if unknown < 0 {
			unknown = p.unknown
		}
		c.out["model"] = written{"type": "Unigram", "unk_id": unknown, "byte_fallback": how.bytes, "vocab": vocab}
	case 2:
		merges, err := p.merges(list, how.tab)
		if err != nil {
			return nil, c.errorf("%w", err)
		}
		c.out["model"] = written{"type": "BPE", "dropout": nil, "unk_token": p.word, "continuing_subword_prefix": nil, "end_of_word_suffix": nil,
			"fuse_unk": true, "byte_fallback": how.bytes, "ignore_merges": false, "vocab": c.ids, "merges": merges}
	default:
		return nil, &SlowError{Folder: c.f.path(c.dir), File: c.file, Why: "it is a SentencePiece model neither of unigrams nor of byte pairs"}
	}
	c.metaspace("always")
	return p, nil
}

// merges are the merges that lead to the pieces of a list, the better ones
// first: each piece from every two of the file that make it.
func (p *pieces) merges(list []piece, tab bool) ([][2]string, error) {
	ids := make(map[string]int, len(p.list))
	for i, one := range p.list {
		ids[one.text] = i
	}
	if _, ok := ids["\t"]; tab && !ok {
		ids["\t"] = -1
		if id, ok := ids["<0x09>"]; ok {
			ids["\t"] = id
		}
	}
	// The last score of a piece counts, at its first place.
	scores := make(map[string]float64, len(list))
	for _, one := range list {
		scores[one.text] = one.score
	}
	type merge struct {
		left, right       string
		score             float64
		leftSize, allSize int // in code points
	}
	var all []merge
	const most = 1 << 30
	work := 0
	for _, one := range list {
		score, ok := scores[one.text]
		if !ok {
			continue
		}
		delete(scores, one.text)
		if work += len(one.text) * len(one.text); work > most {
			return nil, fmt.Errorf("its pieces are too long: the squares of their bytes add up to more than %d", most)
		}
		first, size := len(all), 0
		for i := range one.text {
			if i > 0 {
				_, left := ids[one.text[:i]]
				_, right := ids[one.text[i:]]
				if left && right {
					all = append(all, merge{one.text[:i], one.text[i:], score, size, 0})
				}
			}
			size++
		}
		for i := first; i < len(all); i++ {
			all[i].allSize = size
		}
		slices.SortStableFunc(all[first:], func(a, b merge) int {
			return cmp.Or(cmp.Compare(ids[a.left], ids[b.left]), cmp.Compare(ids[a.right], ids[b.right]))
		})
	}
	slices.SortStableFunc(all, func(a, b merge) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(b.leftSize, a.leftSize), cmp.Compare(b.allSize-b.leftSize, a.allSize-a.leftSize))
	})
	merges := make([][2]string, len(all))
	for i, m := range all {
		merges[i] = [2]string{m.left, m.right}
	}
	return merges, nil
}

// metaspace puts a mark in front of words.
func (c *conversion) metaspace(scheme string) {
	c.out["pre_tokenizer"] = written{"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": true}
	c.out["decoder"] = c.out["pre_tokenizer"]
}

// normalizers are the normaliser of a SentencePiece model, if it has one.
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
	p, err := c.fromPieces(&conversionOf{unknown: 3, order: func(list []piece) []piece {
		all := []piece{{text: "<s>"}, {text: "<pad>"}, {text: "</s>"}, {text: "<unk>"}}
		return append(append(all, list[min(3, len(list)):]...), piece{text: "<mask>"})
	}})
	if err != nil {
		return err
	}
	c.out["normalizer"] = written{"type": "Sequence", "normalizers": append(p.normalizers(), ends...)}
	return c.around("cls_token $A sep_token", "cls_token $A sep_token sep_token $B sep_token", 0)
}

// otherDigits are the digits that are no decimal ones.
var otherDigits = &unicode.RangeTable{
	R16: []unicode.Range16{
		{0xb2, 0xb3, 1}, {0xb9, 0xb9, 1}, {0x1369, 0x1371, 1}, {0x19da, 0x19da, 1}, {0x2070, 0x2070, 1}, {0x2074, 0x2079, 1}, {0x2080, 0x2089, 1},
		{0x2460, 0x2468, 1}, {0x2474, 0x247c, 1}, {0x2488, 0x2490, 1}, {0x24ea, 0x24ea, 1}, {0x24f5, 0x24fd, 1}, {0x24ff, 0x24ff, 1},
		{0x2776, 0x277e, 1}, {0x2780, 0x2788, 1}, {0x278a, 0x2792, 1},
	},
	R32:         []unicode.Range32{{0x10a40, 0x10a43, 1}, {0x10e60, 0x10e68, 1}, {0x11052, 0x1105a, 1}, {0x1f100, 0x1f10a, 1}},
	LatinOffset: 2,
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
	p, err := c.fromPieces(&conversionOf{unknown: -1, order: func(list []piece) []piece {
		all := append([]piece(nil), list...)
		for i := extra - 1; i >= 0; i-- {
			word := fmt.Sprintf("<extra_id_%d>", i)
			all = append(all, piece{text: word})
			c.pieces = append(c.pieces, addedToken{Content: word, Special: true})
		}
		return all
	}})
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
	p, err := c.fromPieces(&conversionOf{unknown: -1, order: func(list []piece) []piece {
		all := slices.Clone(list)
		for i, one := range all {
			before, comma := strings.CutSuffix(one.text, ",")
			if r, _ := utf8.DecodeLastRuneInString(before); comma && (unicode.Is(unicode.Nd, r) || unicode.Is(otherDigits, r)) {
				all[i].score -= 100 // no number goes with the comma behind it
			}
		}
		return all
	}})
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
	c.out["normalizer"] = written{"type": "Sequence", "normalizers": steps}
	return c.around("cls_token $A sep_token", "cls_token $A sep_token $B sep_token", 1)
}

// aroundLlama is what Llama's and Gemma's tokenizers put around texts.
func (c *conversion) aroundLlama() error {
	begins, err := c.flag("add_bos_token", true)
	if err != nil {
		return err
	}
	ends, err := c.flag("add_eos_token", false)
	if err != nil {
		return err
	}
	template := func(text, kind string) string {
		if begins {
			text = "bos_token" + kind + " " + text
		}
		if ends {
			text += " eos_token"
		}
		return text
	}
	return c.around(template("$A", ""), template("$A", "")+" "+template("$B", ":1"), 1)
}

// spaces are marks in place of spaces.
var spaces = written{"type": "Replace", "pattern": written{"String": " "}, "content": "▁"}

func (c *conversion) llama() error {
	_, err := c.fromPieces(&conversionOf{bytes: true, order: func(list []piece) []piece {
		all := slices.Clone(list)
		for i := range min(3, len(all)) {
			all[i].score = 0
		}
		return all
	}})
	if err != nil {
		return err
	}
	legacy, err := c.flag("legacy", true)
	if err != nil {
		return err
	}
	prefix, err := c.flag("add_prefix_space", true)
	if err != nil {
		return err
	}
	if legacy {
		steps := []written{spaces}
		if prefix {
			steps = []written{{"type": "Prepend", "prepend": "▁"}, spaces}
		}
		c.out["normalizer"], c.out["pre_tokenizer"] = written{"type": "Sequence", "normalizers": steps}, nil
	} else {
		c.out["normalizer"] = nil
		c.metaspace("never")
		if prefix {
			c.metaspace("first")
		}
		c.out["pre_tokenizer"].(written)["split"] = false
	}
	steps := decodeBytes
	if prefix {
		steps = append(slices.Clone(steps), written{"type": "Strip", "content": " ", "start": 1, "stop": 0})
	}
	c.out["decoder"] = written{"type": "Sequence", "decoders": steps}
	return c.aroundLlama()
}

// decodeBytes makes a text of marks and of tokens of bytes.
var decodeBytes = []written{{"type": "Replace", "pattern": written{"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"}}

func (c *conversion) gemma() error {
	_, err := c.fromPieces(&conversionOf{unknown: 3, bytes: true, tab: true, specials: []string{"<start_of_turn>", "<end_of_turn>"}, order: func(list []piece) []piece {
		all := []piece{{text: c.words["pad_token"]}, {text: c.words["eos_token"]}, {text: c.words["bos_token"]}}
		all = append(all, list[min(3, len(list)):]...)
		if !slices.ContainsFunc(all, func(one piece) bool { return one.text == "\t" }) {
			if i := slices.IndexFunc(all, func(one piece) bool { return one.text == "<0x09>" }); i >= 0 {
				all[i] = piece{text: "\t"}
			}
		}
		return all
	}})
	if err != nil {
		return err
	}
	c.out["normalizer"] = spaces
	c.out["pre_tokenizer"] = written{"type": "Split", "pattern": written{"String": " "}, "behavior": "MergedWithPrevious", "invert": false}
	c.out["decoder"] = written{"type": "Sequence", "decoders": decodeBytes}
	return c.aroundLlama()
}

func (c *conversion) debertaV2() error {
	p, err := c.fromPieces(&conversionOf{unknown: -1, order: func(list []piece) []piece { return list }})
	if err != nil {
		return err
	}
	lower, err := c.flag("do_lower_case", false)
	if err != nil {
		return err
	}
	punctuation, err := c.flag("split_by_punct", false)
	if err != nil {
		return err
	}
	var steps []written
	if lower {
		steps = append(steps, written{"type": "Lowercase"})
	}
	steps = append(append(steps, written{"type": "Strip", "strip_left": true, "strip_right": true}), p.normalizers()...)
	steps = append(steps, written{"type": "Replace", "pattern": written{"Regex": " {2,}"}, "content": " "})
	c.out["normalizer"] = written{"type": "Sequence", "normalizers": steps}
	var cuts []written
	if punctuation {
		cuts = append(cuts, written{"type": "Punctuation", "behavior": "Isolated"})
	}
	c.out["pre_tokenizer"] = written{"type": "Sequence", "pretokenizers": append(cuts, c.out["pre_tokenizer"].(written))}
	return c.around("cls_token $A sep_token", "cls_token $A sep_token $B sep_token", 1)
}

func (c *conversion) camembert() error {
	p, err := c.fromPieces(&conversionOf{unknown: 3, order: func(list []piece) []piece {
		all := []piece{{text: "<s>NOTUSED"}, {text: "<pad>"}, {text: "</s>NOTUSED"}, {text: "<unk>"}, {text: "<unk>NOTUSED", score: -100}}
		return append(append(all, list[min(1, len(list)):]...), piece{text: "<mask>"})
	}})
	if err != nil {
		return err
	}
	c.out["normalizer"] = written{"type": "Sequence", "normalizers": append(p.normalizers(), ends...)}
	return c.around("cls_token $A sep_token", "cls_token $A sep_token sep_token $B sep_token", 0)
}

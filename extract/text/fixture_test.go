package text

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode"
)

const miniLM = "../../models/builtin/all-minilm-l6-v2/tokenizer.json"

// A contract is a tokenizer.json and how it is used.
type contract struct {
	Tokenizer []byte
	MaxLen    int
	Lowercase bool
	Prefix    string
}

// load builds the tokenizer of a contract.
func load(c *contract) (*Tokenizer, error) {
	return New(c.Tokenizer, &Options{Truncation: &Truncation{MaxLen: c.MaxLen}, Lowercase: c.Lowercase, Prefix: c.Prefix})
}

// spec returns the contract of the built-in MiniLM.
func spec(t testing.TB) *contract {
	t.Helper()
	data, err := os.ReadFile(miniLM)
	if err != nil {
		t.Fatal(err)
	}
	return &contract{Tokenizer: data, MaxLen: 256}
}

func (v *variant) spec(t testing.TB) *contract {
	t.Helper()
	s := patched(t, v.Patch)
	s.Lowercase, s.Prefix, s.MaxLen = v.Lowercase, v.Prefix, v.MaxLen
	return s
}

func build(t testing.TB, s *contract) *Tokenizer {
	t.Helper()
	tok, err := load(s)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func encode(t testing.TB, tok *Tokenizer, text string) []int32 {
	t.Helper()
	ids, err := tok.AppendIDs(nil, text)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return ids
}

// normal returns a text as the tokenizer normalises it.
func normal(tok *Tokenizer, text string) string {
	var p passage
	p.begin(repair(text), 0, false)
	if tok.normalizer != nil {
		tok.normalizer.normalize(&p)
	}
	return string(p.bytes)
}

// encodeAtMost returns ids cut to n, of which the last one stays.
func encodeAtMost(ids []int32, n int) []int32 {
	if len(ids) > n {
		ids = append(slices.Clone(ids[:n-1]), ids[len(ids)-1])
	}
	return ids
}

// open unpacks a file of testdata.
func open(t testing.TB, name string) []byte {
	t.Helper()
	f, err := os.Open("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// A goldenText is a text and its ids by the reference.
type goldenText struct {
	Kind  string
	Text  string
	Bytes []byte // in place of Text where it is not UTF-8
	IDs   []int32
	// Normal is the CRC-32 of the normalised text: most words of rare scripts
	// are unknown, so that ids alone show little of them.
	Normal uint32
}

func golden(t testing.TB) []goldenText {
	t.Helper()
	var texts []goldenText
	lines := bufio.NewScanner(bytes.NewReader(open(t, "golden.jsonl.gz")))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var g goldenText
		if err := json.Unmarshal(lines.Bytes(), &g); err != nil {
			t.Fatal(err)
		}
		if g.Bytes != nil {
			g.Text = string(g.Bytes)
		}
		texts = append(texts, g)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return texts
}

// script names the script of most letters of a text.
func script(text string) string {
	count := map[string]int{}
	best := ""
	for _, r := range text {
		if !unicode.IsLetter(r) {
			continue
		}
		for name, table := range unicode.Scripts {
			if unicode.Is(table, r) {
				count[name]++
				if n := count[name]; n > count[best] || n == count[best] && name < best {
					best = name
				}
				break
			}
		}
	}
	return best
}

// A variant is another tokenizer, or another contract around it.
type variant struct {
	Name      string
	Patch     map[string]json.RawMessage
	Lowercase bool
	Prefix    string
	MaxLen    int `json:"max_len"`
	Cases     []struct {
		Text  string
		IDs   []int32
		Types []int32
	}
}

func readVariants(t testing.TB) []variant {
	t.Helper()
	var variants []variant
	if err := json.Unmarshal(open(t, "variants.json.gz"), &variants); err != nil {
		t.Fatal(err)
	}
	return variants
}

// patched returns MiniLM's contract with parts of tokenizer.json replaced.
func patched(t testing.TB, patch map[string]json.RawMessage) *contract {
	t.Helper()
	s := spec(t)
	top, err := miniLMParts()
	if err != nil {
		t.Fatal(err)
	}
	top = maps.Clone(top)
	maps.Copy(top, patch)
	if _, ok := patch["model"]; ok {
		delete(top, "padding") // a small vocabulary lacks its id
	}
	if s.Tokenizer, err = json.Marshal(top); err != nil {
		t.Fatal(err)
	}
	return s
}

var miniLMParts = sync.OnceValues(func() (top map[string]json.RawMessage, err error) {
	data, err := os.ReadFile(miniLM)
	if err == nil {
		err = json.Unmarshal(data, &top)
	}
	return top, err
})

// parts are those of a small tokenizer.json that is right.
func parts() map[string]string {
	return map[string]string{
		"version":        `"1.0"`,
		"truncation":     `null`,
		"padding":        `null`,
		"added_tokens":   `[{"id":0,"content":"[UNK]","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}]`,
		"normalizer":     `{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,"strip_accents":null,"lowercase":true}`,
		"pre_tokenizer":  `{"type":"BertPreTokenizer"}`,
		"post_processor": `null`,
		"decoder":        `{"type":"WordPiece","prefix":"##","cleanup":true}`,
		"model":          `{"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"##","max_input_chars_per_word":100,"vocab":{"[UNK]":0,"a":1,"##a":2}}`,
	}
}

func join(parts map[string]string) []byte {
	var b strings.Builder
	b.WriteByte('{')
	for name, part := range parts {
		if part == "" {
			continue
		}
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%q:%s", name, part)
	}
	b.WriteByte('}')
	return []byte(b.String())
}

func small(data []byte) *contract {
	return &contract{Tokenizer: data, MaxLen: 8}
}

// hostile are texts of a mebibyte that are made to be slow. BenchmarkHostile
// says how fast they are; quadratic time would be minutes for each.
func hostile() map[string]string {
	const size = 1 << 20
	fill := func(s string) string { return strings.Repeat(s, size/len(s)) }
	return map[string]string{
		"one word":                     fill("a"),
		"one word of two bytes":        fill("é"),
		"words that fail at their end": fill(strings.Repeat("a", 98) + "\u0378 "),
		"white space":                  fill(" "),
		"controls":                     fill("\x00"),
		"marks that are dropped":       fill("\u0301"),
		"marks that stay":              fill("\u302e"),
		"marks to be sorted":           "x" + fill("\u302e\U0001d165\u302f\U0001d166"),
		"short runs to be sorted":      fill("x\u302e\U0001d165"),
		"signs that decompose":         fill("\U0001d160"),
		"hangul":                       fill("한"),
		"ideographs":                   fill("中"),
		"punctuation":                  fill("."),
		"brackets":                     fill("["),
		"almost special":               fill("[SEP"),
		"special":                      fill("[SEP]"),
		"not UTF-8":                    fill("\xf0\x9f\x98"),
	}
}

// hostileAdded are added tokens that hostile texts nearly spell out.
var hostileAdded = json.RawMessage(`[
	{"id":30522,"content":"aaaaaaaab","single_word":true,"lstrip":true,"rstrip":true,"normalized":true,"special":false},
	{"id":30523,"content":"[[[[[[[[]","single_word":false,"lstrip":true,"rstrip":true,"normalized":false,"special":false}]`)

package text

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"os"
	"sort"
	"testing"
	"unicode"
	"unicode/utf8"
)

func boolByte(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// valueOf looks up one value.
func valueOf(stretches []stretch, r rune) uint8 {
	i := sort.Search(len(stretches), func(i int) bool { return stretches[i].lo > r })
	return stretches[i-1].value
}

// Every component gives the reference's answer to every code point.
func TestComponents(t *testing.T) {
	data, err := os.ReadFile("testdata/components.json")
	if err != nil {
		t.Fatal(err)
	}
	var want struct {
		CodePoints int `json:"code_points"`
		Block      rune
		Components map[string]struct {
			SHA256 string
			Blocks string // CRC-32 of each block of code points, in hex
		}
	}
	if err := json.Unmarshal(data, &want); err != nil {
		t.Fatal(err)
	}

	bit := func(table *unicode.RangeTable) func([]byte, rune) []byte {
		return func(dst []byte, r rune) []byte {
			if unicode.Is(table, r) {
				return append(dst, 1)
			}
			return append(dst, 0)
		}
	}
	// A string's end is marked by a byte that UTF-8 never has.
	rewritten := func(s steps) func([]byte, rune) []byte {
		n := newBertNormalizer(s)
		var p passage
		return func(dst []byte, r rune) []byte {
			p.begin(string(r), 0, false)
			n.normalize(&p)
			return append(append(dst, p.bytes...), 0xFF)
		}
	}
	var p passage
	normalised := func(n normalizer) func([]byte, rune) []byte {
		return func(dst []byte, r rune) []byte {
			p.begin(string(r), 0, false)
			n.normalize(&p)
			return append(append(dst, p.bytes...), 0xFF)
		}
	}
	// Without the short cut for what is normal by other tables.
	formed := func(f form) func([]byte, rune) []byte {
		return func(dst []byte, r rune) []byte {
			changes := f.decompose(nil, string(r))
			if f.composes {
				changes = compose(nil, changes)
			}
			for _, c := range changes {
				dst = utf8.AppendRune(dst, c.r)
			}
			p.begin(string(r), 0, false)
			f.normalize(&p)
			for _, c := range changes {
				if b := utf8.AppendRune(nil, c.r); !bytes.HasPrefix(p.bytes, b) {
					t.Fatalf("U+%04X: %q is not made of %v", r, p.bytes, changes)
				} else {
					p.bytes = p.bytes[len(b):]
				}
			}
			return append(dst, 0xFF)
		}
	}
	value := func(table *paged) func([]byte, rune) []byte {
		return func(dst []byte, r rune) []byte { return append(dst, table.at(r)) }
	}
	components := map[string]func([]byte, rune) []byte{
		"whitespace": bit(whitespace),
		"mark":       bit(mark),
		"numeric":    bit(numeric),
		"nfkd":       formed(nfkd),
		"nfc":        formed(nfc),
		"nfkc":       formed(nfkc),
		"nmt":        normalised(nmt{}),
		"script":     value(byScript()),

		"joins_before": func(dst []byte, r rune) []byte {
			c := clusters{text: "a" + string(r)}
			return append(dst, boolByte(r >= utf8.RuneSelf && c.end(0) > 1))
		},
		"joins_behind": func(dst []byte, r rune) []byte {
			c := clusters{text: string(r) + "a"}
			return append(dst, boolByte(r >= utf8.RuneSelf && c.end(0) > utf8.RuneLen(r)))
		},

		"category":                   func(dst []byte, r rune) []byte { return append(dst, valueOf(regexCategories, r)) },
		"regex_script":               func(dst []byte, r rune) []byte { return append(dst, valueOf(regexScripts, r)) },
		"regex_alpha":                bit(regexAlpha),
		"regex_lower":                bit(regexLower),
		"regex_upper":                bit(regexUpper),
		"regex_emoji":                bit(regexEmoji),
		"regex_emojiPresentation":    bit(regexEmojiPresentation),
		"regex_extendedPictographic": bit(regexExtendedPictographic),
		"regex_ideographic":          bit(regexIdeographic),

		"punctuation": bit(punctuation),
		"word":        bit(wordChar),
		"combining":   func(dst []byte, r rune) []byte { return append(dst, combiningClass(r)) },
		"nfd": func(dst []byte, r rune) []byte {
			for _, r := range appendDecomposed(nil, r) {
				dst = utf8.AppendRune(dst, r)
			}
			return append(dst, 0xFF)
		},
		"clean":     rewritten(steps{clean: true}),
		"cjk":       rewritten(steps{cjk: true}),
		"accents":   rewritten(steps{accents: true}),
		"lowercase": rewritten(steps{lower: true}),
		"cased":     rewritten(steps{clean: true, cjk: true}),
		"uncased":   rewritten(steps{clean: true, cjk: true, accents: true, lower: true}),
	}
	if len(components) != len(want.Components) {
		t.Errorf("%d components, %d digests", len(components), len(want.Components))
	}
	for name, answer := range components {
		t.Run(name, func(t *testing.T) {
			n := 0
			whole := sha256.New()
			var blocks, buf []byte
			var bad []string
			for lo := rune(0); lo <= unicode.MaxRune; lo += want.Block {
				buf = buf[:0]
				for r := lo; r < lo+want.Block; r++ {
					if utf8.ValidRune(r) {
						n++
						buf = answer(buf, r)
					}
				}
				whole.Write(buf)
				sum := fmt.Appendf(nil, "%08x", crc32.ChecksumIEEE(buf))
				if at := len(blocks); !bytes.Equal(sum, []byte(want.Components[name].Blocks[at:at+8])) {
					bad = append(bad, fmt.Sprintf("U+%04X to U+%04X", lo, lo+want.Block-1))
				}
				blocks = append(blocks, sum...)
			}
			if n != want.CodePoints {
				t.Errorf("%d code points, want %d", n, want.CodePoints)
			}
			if got := hex.EncodeToString(whole.Sum(nil)); got != want.Components[name].SHA256 {
				t.Errorf("other answers than the reference for some of %v", bad)
			}
		})
	}
}

package text

import (
	"strings"
	"unicode/utf8"
)

// The regexes with which published tokenizers cut texts, and scanners that
// find their matches in one pass without going back. A regex that is not here
// is run as it is written (regex.go); a test holds the two equal.
var lexers = map[string]lexer{
	// GPT-2, RoBERTa, ModernBERT and most that are called ByteLevel.
	gpt2Regex: scanGPT2,
	`'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`: scanGPT2,

	// CLIP.
	`'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+`:                                   scanCLIP,
	`<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+`: scanCLIPSpecials,

	// GPT-4 (cl100k), Llama 3.
	`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`: scanLines{digits: 3}.scan,
	// Qwen 2 and 3.
	`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`: scanLines{digits: 1}.scan,
	// StableLM 2, OLMo 2 and others that number as they please.
	`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}+| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`: scanLines{}.scan,

	// GPT-4o (o200k), Llama 4, gpt-oss.
	`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`: scanCases{digits: 3, contracted: true}.scan,
	// Mistral's Tekken.
	`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`: scanCases{digits: 1}.scan,

	// DeepSeek V3 cuts numbers and East Asian scripts out first.
	"[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+": scanDeepSeek,
	`\p{N}{1,3}`:   scanNumbers,
	`[一-龥぀-ゟ゠-ヿ]+`: scanEastAsian,

	// BLOOM. A class within a class adds to it.
	` ?[^(\s|[.,!?…。，、।۔،])]+`: scanBLOOM,
}

// gpt2Regex is that of ByteLevel.
const gpt2Regex = `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`

// A lexer returns where the match that begins at byte i of the text ends; i
// if none begins there.
type lexer func(r *reader, i int) int

// others are what is neither white space nor a letter nor a number.
var anyOther = ^(anySpace | anyLetter | anyNumber)

// contraction returns where 's, 't, 're, 've, 'm, 'll or 'd at byte i ends; i
// if there is none.
func contraction(text string, i int) int {
	if i+1 >= len(text) || text[i] != '\'' {
		return i
	}
	switch text[i+1] {
	case 's', 't', 'm', 'd':
		return i + 2
	case 'r', 'v':
		if i+2 < len(text) && text[i+2] == 'e' {
			return i + 3
		}
	case 'l':
		if i+2 < len(text) && text[i+2] == 'l' {
			return i + 3
		}
	}
	return i
}

// contractionFold is contraction where case is ignored: the long s is an s.
func contractionFold(text string, i int) int {
	if i+1 >= len(text) || text[i] != '\'' {
		return i
	}
	if strings.HasPrefix(text[i+1:], "ſ") {
		return i + 1 + len("ſ")
	}
	const lower = 0x20
	second := byte(0)
	if i+2 < len(text) {
		second = text[i+2] | lower
	}
	switch text[i+1] | lower {
	case 's', 't', 'm', 'd':
		return i + 2
	case 'r', 'v':
		if second == 'e' {
			return i + 3
		}
	case 'l':
		if second == 'l' {
			return i + 3
		}
	}
	return i
}

// blank returns where \s+(?!\S)|\s+ ends that begins at byte i: a run of white
// space without its last code point, unless the text ends or that is all.
func (r *reader) blank(i int) int {
	end := r.run(i, anySpace)
	if end == len(r.text) || end == i {
		return end
	}
	_, size := utf8.DecodeLastRuneInString(r.text[i:end])
	if end-size > i {
		return end - size
	}
	return end
}

// lines returns where \s*[\r\n]+|\s+(?!\S)|\s+ ends that begins at byte i.
func (r *reader) lines(i int) int {
	end := r.run(i, anySpace)
	if k := strings.LastIndexAny(r.text[i:end], "\r\n"); k >= 0 {
		return i + k + 1
	}
	if end == len(r.text) || end == i {
		return end
	}
	_, size := utf8.DecodeLastRuneInString(r.text[i:end])
	if end-size > i {
		return end - size
	}
	return end
}

// among returns where bytes of chars from i on end.
func (r *reader) among(i int, chars string) int {
	for i < len(r.text) && strings.IndexByte(chars, r.text[i]) >= 0 {
		i++
	}
	return i
}

// numbers returns where at most so many numbers from byte i on end; 0 is any
// number of them.
func (r *reader) numbers(i, most int) int {
	if most == 0 {
		return r.run(i, anyNumber)
	}
	for range most {
		c, size := r.at(i)
		if size == 0 || !anyNumber.has(c) {
			break
		}
		i += size
	}
	return i
}

func scanGPT2(r *reader, i int) int {
	if end := contraction(r.text, i); end > i {
		return end
	}
	c, size := r.at(i)
	start := i
	if r.text[i] == ' ' {
		var next int
		if c, next = r.at(i + 1); next > 0 && !anySpace.has(c) {
			start, size = i+1, next
		} else {
			return r.blank(i)
		}
	}
	switch {
	case anyLetter.has(c):
		return r.run(start+size, anyLetter)
	case anyNumber.has(c):
		return r.run(start+size, anyNumber)
	case anySpace.has(c):
		return r.blank(i)
	}
	return r.run(start+size, anyOther)
}

func scanCLIP(r *reader, i int) int {
	if end := contraction(r.text, i); end > i {
		return end
	}
	c, size := r.at(i)
	switch {
	case anyLetter.has(c):
		return r.run(i+size, anyLetter)
	case anyNumber.has(c):
		return i + size
	case anySpace.has(c):
		return i
	}
	return r.run(i+size, anyOther)
}

func scanCLIPSpecials(r *reader, i int) int {
	for _, special := range []string{"<|startoftext|>", "<|endoftext|>"} {
		if strings.HasPrefix(r.text[i:], special) {
			return i + len(special)
		}
	}
	return scanCLIP(r, i)
}

// scanLines keeps the ends of lines with what comes before them.
type scanLines struct {
	digits int // that many numbers are one match; 0: all in a row
}

func (s scanLines) scan(r *reader, i int) int {
	if end := contractionFold(r.text, i); end > i {
		return end
	}
	c, size := r.at(i)
	switch {
	case anyLetter.has(c):
		return r.run(i+size, anyLetter)
	case anyNumber.has(c):
		return r.numbers(i, s.digits)
	}
	b := r.text[i]
	next, nextSize := r.at(i + size)
	if b != '\r' && b != '\n' && nextSize > 0 && anyLetter.has(next) {
		return r.run(i+size+nextSize, anyLetter)
	}
	start := i
	if b == ' ' && nextSize > 0 && anyOther.has(next) {
		start = i + 1
	} else if anySpace.has(c) {
		return r.lines(i)
	}
	return r.among(r.run(start, anyOther), "\r\n")
}

// What upper and lower case begin and go on with, in the regexes that cut
// between the two.
var (
	upperLike = setOf(lu, lt, lm, lo) | anyMark
	lowerLike = setOf(ll, lm, lo) | anyMark
)

// scanCases cuts before an upper-case letter that follows a lower-case one,
// too.
type scanCases struct {
	digits     int  // as of scanLines
	contracted bool // 's and the like belong to the word before them
}

func (s scanCases) scan(r *reader, i int) int {
	c, size := r.at(i)
	prefix := !anyLetter.has(c) && !anyNumber.has(c) && r.text[i] != '\r' && r.text[i] != '\n'
	if prefix {
		if end := s.lower(r, i+size); end > i+size {
			return s.contraction(r, end)
		}
	}
	if end := s.lower(r, i); end > i {
		return s.contraction(r, end)
	}
	if prefix {
		if end := r.run(i+size, upperLike); end > i+size {
			return s.contraction(r, end)
		}
	}
	if end := r.run(i, upperLike); end > i {
		return s.contraction(r, end)
	}
	if anyNumber.has(c) {
		return r.numbers(i, s.digits)
	}
	start := i
	if r.text[i] == ' ' {
		if next, nextSize := r.at(i + 1); nextSize > 0 && anyOther.has(next) {
			start = i + 1
		}
	}
	if start == i && anySpace.has(c) {
		return r.lines(i)
	}
	return r.among(r.run(start, anyOther), "\r\n/")
}

// lower returns where U*l+ that begins at byte i ends, U being upperLike and l
// lowerLike; i if there is none.
func (s scanCases) lower(r *reader, i int) int {
	last := i // where the last code point that is both ends
	for at := i; ; {
		c, size := r.at(at)
		if size == 0 || !upperLike.has(c) {
			if size > 0 && lowerLike.has(c) {
				return r.run(at+size, lowerLike)
			}
			return last
		}
		at += size
		if lowerLike.has(c) {
			last = at
		}
	}
}

func (s scanCases) contraction(r *reader, i int) int {
	if !s.contracted {
		return i
	}
	return contractionFold(r.text, i)
}

func scanDeepSeek(r *reader, i int) int {
	b := r.text[i]
	c, size := r.at(i)
	if b < utf8.RuneSelf && (anyPunctuation | anySymbol).has(c) {
		end := i + 1
		for end < len(r.text) && 'a' <= r.text[end]|0x20 && r.text[end]|0x20 <= 'z' {
			end++
		}
		if end > i+1 {
			return end
		}
	}
	if b != '\r' && b != '\n' && !(anyLetter | anyPunctuation | anySymbol).has(c) {
		if end := r.run(i+size, anyLetter|anyMark); end > i+size {
			return end
		}
	}
	if end := r.run(i, anyLetter|anyMark); end > i {
		return end
	}
	start := i
	if b == ' ' {
		start = i + 1
	}
	if end := r.run(start, anyPunctuation|anySymbol); end > start {
		return r.among(end, "\r\n")
	}
	return r.lines(i)
}

func scanNumbers(r *reader, i int) int { return r.numbers(i, 3) }

func scanEastAsian(r *reader, i int) int {
	for i < len(r.text) {
		c, size := utf8.DecodeRuneInString(r.text[i:])
		if !('一' <= c && c <= '龥' || '\u3040' <= c && c <= '\u30ff') {
			break
		}
		i += size
	}
	return i
}

func scanBLOOM(r *reader, i int) int {
	start := i
	if r.text[i] == ' ' {
		start = i + 1
	}
	end := start
	for end < len(r.text) {
		c, size := r.at(end)
		if anySpace.has(c) || strings.Contains("(|).,!?…。，、।۔،", r.text[end:end+size]) {
			break
		}
		end += size
	}
	if end == start {
		return i
	}
	return end
}

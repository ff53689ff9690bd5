package folder

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Files of tokenizers from before tokenizer.json.
const (
	vocabText   = "vocab.txt"
	vocabObject = "vocab.json"
	mergesFile  = "merges.txt"
)

// pieceFiles are what a SentencePiece model is called.
var pieceFiles = []string{"sentencepiece.bpe.model", "spiece.model", "tokenizer.model", "spm.model"}

// SlowError says that a folder has a tokenizer from before tokenizer.json which
// is not converted here.
type SlowError struct {
	Folder string
	File   string // that was found, "" if there is none
	Why    string
}

func (e *SlowError) Error() string {
	place := path.Join(e.Folder, tokenizerFile)
	if e.File == "" {
		return fmt.Sprintf("models: %s: the file is missing, which says how a text becomes the token ids that the graph takes", place)
	}
	return fmt.Sprintf("models: %s: the file is missing, and %s is not converted here: %s", place, e.File, e.Why)
}

// A slow is a tokenizer from before tokenizer.json, by its class: the file that
// it is made of, and what becomes of it, as convert_slow_tokenizer of the
// library transformers has it.
type slow struct {
	file  string // vocabText, mergesFile or "" for a SentencePiece model
	class tokenClass
	build func(c *conversion) error
}

// Special tokens by their keys, and how those are found that have their own
// way.
var (
	mask         = map[string]addedToken{"mask_token": {Left: true, Special: true}}
	exact        = flags(false, "bos_token", "eos_token", "unk_token", "pad_token")
	normal       = flags(true, "bos_token", "eos_token", "unk_token", "pad_token", "sep_token", "cls_token")
	bertWords    = tokenClass{words: map[string]string{"unk_token": "[UNK]", "sep_token": "[SEP]", "pad_token": "[PAD]", "cls_token": "[CLS]", "mask_token": "[MASK]"}}
	robertaWords = tokenClass{words: map[string]string{"bos_token": "<s>", "eos_token": "</s>", "sep_token": "</s>", "cls_token": "<s>", "unk_token": "<unk>", "pad_token": "<pad>", "mask_token": "<mask>"}, flags: normal}
	xlmWords     = tokenClass{words: robertaWords.words, flags: mask}
	mpnetWords   = tokenClass{words: map[string]string{"bos_token": "<s>", "eos_token": "</s>", "sep_token": "</s>", "cls_token": "<s>", "unk_token": "[UNK]", "pad_token": "<pad>", "mask_token": "<mask>"}, flags: flags(false, "bos_token", "eos_token", "unk_token", "pad_token", "sep_token", "cls_token")}
	gptWords     = tokenClass{words: map[string]string{"unk_token": "<|endoftext|>", "bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>"}, flags: normal}
	qwenWords    = tokenClass{words: map[string]string{"eos_token": "<|endoftext|>", "pad_token": "<|endoftext|>"}, flags: exact}
	clipWords    = tokenClass{words: map[string]string{"unk_token": "<|endoftext|>", "bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>", "pad_token": "<|endoftext|>"}, flags: flags(true, "bos_token", "eos_token", "unk_token")}
	t5Words      = tokenClass{words: map[string]string{"eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}, flags: exact}
	albertWords  = tokenClass{words: map[string]string{"bos_token": "[CLS]", "eos_token": "[SEP]", "unk_token": "<unk>", "sep_token": "[SEP]", "pad_token": "<pad>", "cls_token": "[CLS]", "mask_token": "[MASK]"}, flags: mask}
	llamaWords   = tokenClass{words: map[string]string{"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}, flags: exact}
	gemmaWords   = tokenClass{words: map[string]string{"bos_token": "<bos>", "eos_token": "<eos>", "unk_token": "<unk>", "pad_token": "<pad>"}, flags: exact}
	debertaWords = tokenClass{words: map[string]string{"bos_token": "[CLS]", "eos_token": "[SEP]", "unk_token": "[UNK]", "sep_token": "[SEP]", "pad_token": "[PAD]", "cls_token": "[CLS]", "mask_token": "[MASK]"},
		flags: map[string]addedToken{"unk_token": {Normalized: true, Special: true}}}
	camembertWords = tokenClass{words: robertaWords.words, more: []string{"<s>NOTUSED", "</s>NOTUSED", "<unk>NOTUSED"}, flags: mask}
)

// flags says that special tokens are looked for in the normalised text, or not,
// and the mask token with the white space before it.
func flags(normalized bool, keys ...string) map[string]addedToken {
	all := maps.Clone(mask)
	for _, key := range keys {
		all[key] = addedToken{Normalized: normalized, Special: true}
	}
	return all
}

// slows has an entry for each class of tokenizers that is converted.
var slows = map[string]slow{
	"Bert":       {vocabText, bertWords, (*conversion).wordPiece},
	"DistilBert": {vocabText, bertWords, (*conversion).wordPiece},
	"Electra":    {vocabText, bertWords, (*conversion).wordPiece},
	"MPNet":      {vocabText, mpnetWords, (*conversion).wordPiece},
	"Roberta":    {mergesFile, robertaWords, (*conversion).roberta},
	"Longformer": {mergesFile, robertaWords, (*conversion).roberta},
	"GPT2":       {mergesFile, gptWords, (*conversion).gpt2},
	"Qwen2":      {mergesFile, qwenWords, (*conversion).qwen2},
	"CLIP":       {mergesFile, clipWords, (*conversion).clip},
	"XLMRoberta": {"", xlmWords, (*conversion).xlmRoberta},
	"T5":         {"", t5Words, (*conversion).t5},
	"Albert":     {"", albertWords, (*conversion).albert},
	"Llama":      {"", llamaWords, (*conversion).llama},
	"Gemma":      {"", gemmaWords, (*conversion).gemma},
	"DebertaV2":  {"", debertaWords, (*conversion).debertaV2},
	"Camembert":  {"", camembertWords, (*conversion).camembert},
}

// slowTypes are the classes by model_type of config.json, where
// tokenizer_config.json names none.
var slowTypes = map[string]string{
	"bert": "Bert", "distilbert": "DistilBert", "electra": "Electra", "mpnet": "MPNet", "roberta": "Roberta", "longformer": "Longformer", "gpt2": "GPT2",
	"qwen2": "Qwen2", "qwen3": "Qwen2", "clip": "CLIP", "clip_text_model": "CLIP", "xlm-roberta": "XLMRoberta", "t5": "T5", "albert": "Albert",
	"llama": "Llama", "mistral": "Llama", "mixtral": "Llama", "phi3": "Llama", "gemma": "Gemma", "gemma2": "Gemma", "gemma3": "Gemma", "gemma3_text": "Gemma",
	"deberta-v2": "DebertaV2", "camembert": "Camembert",
}

// slowClass is the class of a tokenizer without Tokenizer and Fast, "" if
// nothing says it.
func slowClass(model, config *object) string {
	return cmp.Or(statedClass(config), slowTypes[quietText(model, "model_type")])
}

// fields of a JSON object that is written.
type written = map[string]any

// A conversion makes a tokenizer.json.
type conversion struct {
	f      *layout
	dir    string
	file   string  // that is converted, relative to the folder
	config *object // tokenizer_config.json; nil: there is none
	out    written
	ids    map[string]int // of the model's tokens
	size   int            // of the model
	pieces []addedToken   // those of a SentencePiece model that are added tokens
	*additions
}

// slowFile returns the file of a tokenizer from before tokenizer.json, "" if
// there is none.
func (f *layout) slowFile(dir string) (string, error) {
	for _, name := range append([]string{vocabText, mergesFile}, pieceFiles...) {
		if ok, err := f.has(path.Join(dir, name)); err != nil || ok {
			return name, err
		}
	}
	return "", nil
}

// slowTokenizer makes a tokenizer.json of older files.
func (f *layout) slowTokenizer(dir string, config *object) (*object, []byte, error) {
	file, err := f.slowFile(dir)
	if err != nil {
		return nil, nil, err
	}
	e := &SlowError{Folder: f.path(dir), File: file}
	if file == "" {
		return nil, nil, e
	}
	model, err := f.optional(path.Join(dir, configFile))
	if err != nil {
		return nil, nil, err
	}
	class := slowClass(model, config)
	how, ok := slows[class]
	switch {
	case class == "":
		e.Why = fmt.Sprintf("neither %s names a tokenizer_class nor %s a model_type that is known", tokenizerConfig, configFile)
		return nil, nil, e
	case !ok, how.file != "" && how.file != file, how.file == "" && !slices.Contains(pieceFiles, file):
		e.Why = fmt.Sprintf("it is that of a %sTokenizer", class)
		return nil, nil, e
	}
	c := &conversion{f: f, dir: dir, file: file, config: config, ids: make(map[string]int), out: written{
		"version": "1.0", "truncation": nil, "padding": nil, "normalizer": nil, "pre_tokenizer": nil, "post_processor": nil, "decoder": nil,
	}}
	if c.additions, err = f.additions(dir, config, &how.class, nil); err != nil {
		return nil, nil, err
	}
	if err := how.build(c); err != nil {
		return nil, nil, err
	}
	if err := c.added(); err != nil {
		return nil, nil, err
	}
	data, err := json.Marshal(c.out)
	if err != nil {
		return nil, nil, fmt.Errorf("models: %s: %w", f.path(path.Join(dir, file)), err)
	}
	o, err := parseObject(f.path(path.Join(dir, file)), data)
	if err == nil && f.log != nil {
		f.log.notes = append(f.log.notes, fmt.Sprintf("%s is made of %s, for a %sTokenizer, as the library transformers does", tokenizerFile, file, class))
	}
	return o, data, err
}

// errorf says what is wrong with the file that is converted.
func (c *conversion) errorf(format string, a ...any) error {
	return fmt.Errorf("models: %s: %w", c.f.path(path.Join(c.dir, c.file)), fmt.Errorf(format, a...))
}

// text reads the file that is converted, where it is one of text.
func (c *conversion) text() (string, error) {
	data, err := c.f.read(path.Join(c.dir, c.file), maxTokenizer)
	if err == nil && !utf8.Valid(data) {
		err = c.errorf("it is not UTF-8")
	}
	return string(data), err
}

// flag reads a key of tokenizer_config.json.
func (c *conversion) flag(key string, missing bool) (bool, error) {
	if c.config == nil || !c.config.has(key) {
		return missing, nil
	}
	return c.config.flag(key)
}

// id returns the number of a special token by its key.
func (c *conversion) id(key string) (int, error) {
	id, ok := c.ids[c.words[key]]
	if !ok {
		return 0, c.errorf("there is no token %.40q, the %s", c.words[key], key)
	}
	return id, nil
}

// added lists the added tokens: those of the SentencePiece model, and those
// that the library adds when it loads the tokenizer.
func (c *conversion) added() error {
	own := newAddedTokens(nil, func() (map[string]int, int, error) { return c.ids, c.size, nil })
	for _, t := range c.pieces {
		if err := own.add(t); err != nil {
			return err
		}
	}
	if err := own.load(c.additions); err != nil {
		return err
	}
	found, err := own.found(c.out["normalizer"] != nil)
	if err != nil {
		return c.errorf("%w", err)
	}
	c.out["added_tokens"] = found
	return nil
}

// around is a template of special tokens around a text, in words: "[CLS] $A
// [SEP]", and around a pair. Types is that of the second text of a pair, and of
// what is before it with ":1".
func (c *conversion) around(single, pair string, types int) error {
	specials := written{}
	read := func(words string) ([]written, error) {
		out := []written{}
		kind := 0
		for _, word := range strings.Fields(words) {
			if letter, ok := strings.CutPrefix(word, "$"); ok {
				if letter == "B" {
					kind = types
				}
				out = append(out, written{"Sequence": written{"id": letter, "type_id": kind}})
				continue
			}
			word, second := strings.CutSuffix(word, ":1")
			if second {
				kind = 1
			}
			token := c.words[word]
			id, err := c.id(word)
			if err != nil {
				return nil, err
			}
			specials[token] = written{"id": token, "ids": []int{id}, "tokens": []string{token}}
			out = append(out, written{"SpecialToken": written{"id": token, "type_id": kind}})
		}
		return out, nil
	}
	one, err := read(single)
	if err != nil {
		return err
	}
	two, err := read(pair)
	if err != nil {
		return err
	}
	c.out["post_processor"] = written{"type": "TemplateProcessing", "single": one, "pair": two, "special_tokens": specials}
	return nil
}

// wordPiece reads vocab.txt, a token a line.
func (c *conversion) wordPiece() error {
	text, err := c.text()
	if err != nil {
		return err
	}
	lines := strings.Split(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text), "\n")
	if lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	for i, line := range lines {
		c.ids[line] = i
	}
	c.size = len(lines)
	lower, err := c.flag("do_lower_case", true)
	if err != nil {
		return err
	}
	chinese, err := c.flag("tokenize_chinese_chars", true)
	if err != nil {
		return err
	}
	var accents any
	if c.config != nil && c.config.has("strip_accents") {
		if accents, err = c.config.flag("strip_accents"); err != nil {
			return err
		}
	}
	c.out["normalizer"] = written{"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": chinese, "strip_accents": accents, "lowercase": lower}
	c.out["pre_tokenizer"] = written{"type": "BertPreTokenizer"}
	c.out["decoder"] = written{"type": "WordPiece", "prefix": "##", "cleanup": true}
	c.out["model"] = written{"type": "WordPiece", "unk_token": c.words["unk_token"], "continuing_subword_prefix": "##", "max_input_chars_per_word": 100, "vocab": c.ids}
	if c.words["bos_token"] != "" { // MPNet's, with two tokens between a pair
		return c.around("cls_token $A sep_token", "cls_token $A sep_token sep_token $B sep_token", 1)
	}
	return c.around("cls_token $A sep_token", "cls_token $A sep_token $B sep_token", 1)
}

// bytePairs reads vocab.json and merges.txt, of whose lines it takes part.
func (c *conversion) bytePairs(part func(lines []string) []string, suffix string, unknown any) error {
	o, _, err := c.f.object(path.Join(c.dir, vocabObject), maxTokenizer)
	if err != nil {
		return err
	}
	for word, raw := range o.fields {
		id, err := strconv.Atoi(string(raw))
		if err != nil || id < 0 || id > maxID {
			return o.errorf(word, "%.40s is not the number of a token", raw)
		}
		c.ids[word] = id
		c.size = max(c.size, id+1)
	}
	text, err := c.text()
	if err != nil {
		return err
	}
	merges := [][2]string{}
	seen := make(map[[2]string]bool)
	for i, line := range part(strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")) {
		words := strings.Fields(line)
		if len(words) != 2 {
			return c.errorf("merge %d is %.60q, not two tokens", i+1, line)
		}
		if pair := [2]string(words); !seen[pair] {
			merges, seen[pair] = append(merges, pair), true
		}
	}
	c.out["decoder"] = written{"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true}
	c.out["model"] = written{"type": "BPE", "dropout": nil, "unk_token": unknown, "continuing_subword_prefix": "", "end_of_word_suffix": suffix,
		"fuse_unk": false, "byte_fallback": false, "ignore_merges": false, "vocab": c.ids, "merges": merges}
	return nil
}

// between are the lines between the first and the last, as GPT-2's tokenizer
// takes them.
func between(lines []string) []string { return lines[min(1, len(lines)):max(1, len(lines)-1)] }

// byteLevel is the pre-tokenizer of GPT-2.
func byteLevel(space, regex bool) written {
	return written{"type": "ByteLevel", "add_prefix_space": space, "trim_offsets": true, "use_regex": regex}
}

func (c *conversion) roberta() error {
	space, err := c.flag("add_prefix_space", false)
	if err != nil {
		return err
	}
	if err := c.bytePairs(between, "", nil); err != nil {
		return err
	}
	c.out["pre_tokenizer"] = byteLevel(space, true)
	return c.robertaProcessing("cls_token", "sep_token", space)
}

// robertaProcessing puts special tokens around texts, given by their keys.
func (c *conversion) robertaProcessing(cls, sep string, space bool) error {
	first, err := c.id(cls)
	if err != nil {
		return err
	}
	last, err := c.id(sep)
	if err != nil {
		return err
	}
	c.out["post_processor"] = written{"type": "RobertaProcessing", "sep": []any{c.words[sep], last}, "cls": []any{c.words[cls], first}, "trim_offsets": true, "add_prefix_space": space}
	return nil
}

func (c *conversion) gpt2() error {
	space, err := c.flag("add_prefix_space", false)
	if err != nil {
		return err
	}
	if begins, err := c.flag("add_bos_token", false); err != nil || begins {
		if err == nil {
			err = &SlowError{c.f.path(c.dir), c.file, "add_bos_token of a GPT2Tokenizer"}
		}
		return err
	}
	if err := c.bytePairs(between, "", nil); err != nil {
		return err
	}
	c.out["pre_tokenizer"] = byteLevel(space, true)
	c.out["post_processor"] = written{"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": false, "use_regex": true}
	return nil
}

// qwenWord is the regex of words of Qwen2's tokenizer.
const qwenWord = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`

func (c *conversion) qwen2() error {
	space, err := c.flag("add_prefix_space", false)
	if err != nil {
		return err
	}
	err = c.bytePairs(func(lines []string) []string {
		var out []string
		for i, line := range lines {
			line = strings.TrimSpace(line)
			if line != "" && !(i == 0 && strings.HasPrefix(line, "#version:")) {
				out = append(out, line)
			}
		}
		return out
	}, "", nil)
	c.out["normalizer"] = written{"type": "NFC"}
	c.out["pre_tokenizer"] = written{"type": "Sequence", "pretokenizers": []written{
		{"type": "Split", "pattern": written{"Regex": qwenWord}, "behavior": "Isolated", "invert": false}, byteLevel(space, false),
	}}
	c.out["post_processor"] = written{"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": false, "use_regex": true}
	return err
}

// clipWord is the regex of words of CLIP's tokenizer.
const clipWord = `'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+`

func (c *conversion) clip() error {
	const most = 49152 - 256 - 2 // merges
	err := c.bytePairs(func(lines []string) []string {
		lines = strings.Split(strings.TrimSpace(strings.Join(lines, "\n")), "\n")
		return lines[min(1, len(lines)):min(most+1, len(lines))]
	}, "</w>", c.words["unk_token"])
	if err != nil {
		return err
	}
	c.out["normalizer"] = written{"type": "Sequence", "normalizers": []written{
		{"type": "NFC"}, {"type": "Replace", "pattern": written{"Regex": `\s+`}, "content": " "}, {"type": "Lowercase"},
	}}
	c.out["pre_tokenizer"] = written{"type": "Sequence", "pretokenizers": []written{
		{"type": "Split", "pattern": written{"Regex": clipWord}, "behavior": "Removed", "invert": true}, byteLevel(false, true),
	}}
	return c.robertaProcessing("bos_token", "eos_token", false)
}

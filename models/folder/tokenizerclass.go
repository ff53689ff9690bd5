package folder

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/headstart-ml/headstart/models"
)

// normalizing are the tokenizer classes of the library transformers that hold
// the normalizer of tokenizer.json to their own settings, which stand in
// tokenizer_config.json or else have the class's value. chinese: the spaces
// around Chinese characters, too.
var normalizing = map[string]struct{ chinese bool }{
	"Bert": {true}, "DistilBert": {true}, "Electra": {true}, "MobileBert": {true}, "Funnel": {true}, "LayoutLM": {true}, "Lxmert": {true},
	"ConvBert": {true}, "SqueezeBert": {true}, "Retribert": {true}, "MPNet": {false},
}

// framing are those that put their own special tokens around texts, whatever
// the post_processor of tokenizer.json says: bos_token unless add_bos_token is
// false, eos_token if add_eos_token is true.
var framing = []string{"Llama", "CodeLlama", "Gemma"}

// classOf is the class of a folder's tokenizer, without Tokenizer and Fast: of
// tokenizer_config.json, or else that of the model's family. "" if it is
// nothing but what tokenizer.json says.
func classOf(model, config *object) string {
	if class := statedClass(config); class != "" {
		return class
	}
	family := strings.ReplaceAll(quietText(model, "model_type"), "-", "")
	for class := range normalizing {
		if strings.EqualFold(family, class) {
			return class
		}
	}
	return ""
}

// statedClass is tokenizer_class of tokenizer_config.json without Tokenizer and
// Fast, "" if nothing says it.
func statedClass(config *object) string {
	return strings.TrimSuffix(strings.TrimSuffix(quietText(config, "tokenizer_class"), "Fast"), "Tokenizer")
}

// tokenizerBytes returns tokenizer.json as the class of the tokenizer reads it:
// what tokenizer_config.json says otherwise counts where the class heeds it.
// What it changes stands in s.Overruled. If it changes nothing, these are the
// bytes of the file.
func (f *layout) tokenizerBytes(s *models.Spec, data []byte, l *textFiles) ([]byte, error) {
	class := classOf(l.model, l.config)
	changed := make(map[string]any)
	overrule := func(part, field, was, by string) {
		s.Overruled = append(s.Overruled, fmt.Sprintf("%s: %s.%s %s does not count: %s", tokenizerFile, part, field, was, by))
	}
	part := func(name string) map[string]json.RawMessage {
		var fields map[string]json.RawMessage
		_ = json.Unmarshal(l.tokenizer.fields[name], &fields)
		return fields
	}
	// hold sets a field of a part, which must be there, to what a key of the
	// configuration says, or else to a value.
	hold := func(name string, fields map[string]json.RawMessage, field, key, value string) {
		is, ok := fields[field]
		by := fmt.Sprintf("%s is %s for a %sTokenizer", key, value, class)
		if class == "" {
			by = fmt.Sprintf("%s is %s where %s does not say it", key, value, tokenizerConfig)
		}
		if l.config != nil && l.config.given(key) && (l.config.has(key) || key == "strip_accents") {
			value = string(l.config.fields[key])
			by = fmt.Sprintf("%s says %s %.40s", tokenizerConfig, key, value)
		}
		if !ok || string(is) == value {
			return
		}
		overrule(name, field, string(is), by)
		fields[field] = json.RawMessage(value)
		changed[name] = fields
	}
	if normal, ok := normalizing[class]; ok {
		n := part("normalizer")
		hold("normalizer", n, "lowercase", "do_lower_case", "true")
		hold("normalizer", n, "strip_accents", "strip_accents", "null")
		if normal.chinese {
			hold("normalizer", n, "handle_chinese_chars", "tokenize_chinese_chars", "true")
		}
	}
	// A Metaspace of older files has a field of that name, too, which no class
	// looks at.
	if pre := part("pre_tokenizer"); string(pre["type"]) == `"ByteLevel"` {
		hold("pre_tokenizer", pre, "add_prefix_space", "add_prefix_space", "false")
	}
	if slices.Contains(framing, class) {
		frame, err := framed(class, l)
		if err != nil {
			return nil, err
		}
		is, err := json.Marshal(part("post_processor"))
		if err != nil {
			return nil, err
		}
		if own := singleOf(part("post_processor")); own != frame.single {
			s.Overruled = append(s.Overruled, fmt.Sprintf("%s: post_processor does not count: a %sTokenizer puts %s around texts (add_bos_token and add_eos_token of %s)", tokenizerFile, class, frame.single, tokenizerConfig))
			if !bytes.Equal(is, frame.json) {
				changed["post_processor"] = json.RawMessage(frame.json)
			}
		}
	}
	if len(changed) == 0 {
		return data, nil
	}
	fields := make(map[string]any, len(l.tokenizer.fields))
	for name, raw := range l.tokenizer.fields {
		fields[name] = raw
	}
	for name, v := range changed {
		fields[name] = v
	}
	return json.Marshal(fields)
}

// A frame is the special tokens around a text, in words, as in "<s> $A </s>",
// and as a post_processor.
type frame struct {
	single string
	json   []byte
}

// framed is what a class of framing puts around texts.
func framed(class string, l *textFiles) (*frame, error) {
	type special struct {
		ID     string   `json:"id"`
		IDs    []int    `json:"ids"`
		Tokens []string `json:"tokens"`
	}
	type piece map[string]any
	single, pair := []piece{}, []piece{}
	specials := make(map[string]special)
	var words []string
	add := func(field string, on bool) error {
		if l.config != nil && l.config.has("add_"+field) {
			if err := json.Unmarshal(l.config.fields["add_"+field], &on); err != nil {
				return l.config.errorf("add_"+field, "%.40s is not true or false", l.config.fields["add_"+field])
			}
		}
		if !on {
			return nil
		}
		word := tokenOf(l.config, field)
		if word == "" && (l.config == nil || !l.config.given(field)) {
			word = slows[class].class.words[field]
		}
		id, ok := idOf(l.tokenizer, word)
		if word == "" || !ok {
			return fmt.Errorf("models: %s: %s %.40q, which is put around texts, is no token of it", l.tokenizer.file, field, word)
		}
		specials[word] = special{word, []int{id}, []string{word}}
		single = append(single, piece{"SpecialToken": map[string]any{"id": word, "type_id": 0}})
		words = append(words, word)
		return nil
	}
	if err := add("bos_token", true); err != nil {
		return nil, err
	}
	single, words = append(single, piece{"Sequence": map[string]any{"id": "A", "type_id": 0}}), append(words, "$A")
	if err := add("eos_token", false); err != nil {
		return nil, err
	}
	pair = append(append(pair, single...), piece{"Sequence": map[string]any{"id": "B", "type_id": 1}})
	data, err := json.Marshal(map[string]any{"type": "TemplateProcessing", "single": single, "pair": pair, "special_tokens": specials})
	return &frame{strings.Join(words, " "), data}, err
}

// singleOf writes the template of a post_processor for one text as frame.single
// does, "" if it has none.
func singleOf(post map[string]json.RawMessage) string {
	var pieces []struct {
		SpecialToken *struct{ ID string }
		Sequence     *struct{ ID string }
	}
	if json.Unmarshal(post["single"], &pieces) != nil {
		return ""
	}
	var words []string
	for _, p := range pieces {
		switch {
		case p.SpecialToken != nil:
			words = append(words, p.SpecialToken.ID)
		case p.Sequence != nil:
			words = append(words, "$"+p.Sequence.ID)
		}
	}
	return strings.Join(words, " ")
}

// idOf returns the number of a token of tokenizer.json.
func idOf(tokenizer *object, word string) (id int, ok bool) {
	var added []struct {
		ID      int
		Content string
	}
	if json.Unmarshal(tokenizer.fields["added_tokens"], &added) == nil {
		for _, t := range added {
			if t.Content == word {
				return t.ID, true
			}
		}
	}
	var m struct{ Vocab map[string]int }
	if json.Unmarshal(tokenizer.fields["model"], &m) == nil {
		id, ok = m.Vocab[word]
	}
	return id, ok
}

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

	"github.com/headstart-ml/headstart/models"
)

// Files of the library transformers from before added_tokens_decoder.
const (
	specialsFile = "special_tokens_map.json"
	addedFile    = "added_tokens.json"
)

// An addedToken is an entry of added_tokens.
type addedToken struct {
	ID         int    `json:"id"`
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"`
	Left       bool   `json:"lstrip"`
	Right      bool   `json:"rstrip"`
	Normalized bool   `json:"normalized"`
	Special    bool   `json:"special"`
}

// readToken reads a token: a word, or an object. Plain is true of a word, of
// which nothing says how it is found.
func readToken(raw json.RawMessage) (t addedToken, plain bool, err error) {
	if json.Unmarshal(raw, &t.Content) == nil {
		t.Special = true
		return t, true, nil
	}
	var is struct {
		addedToken
		Normalized *bool `json:"normalized"`
	}
	if err = json.Unmarshal(raw, &is); err != nil {
		return t, false, err
	}
	if t = is.addedToken; is.Normalized != nil {
		t.Normalized = *is.Normalized
	} else {
		t.Normalized = !t.Special
	}
	return t, false, nil
}

// specialKeys are the keys of special tokens, in the order in which the library
// adds them.
var specialKeys = []string{"bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"}

// additions are the tokens that the library transformers adds to those of a
// tokenizer when it loads it.
type additions struct {
	listed   []addedToken      // those of added_tokens_decoder, by number
	specials []addedToken      // special ones, in order
	plain    []bool            // by special one: it is left as it is if it is there
	words    map[string]string // special ones, by key
}

// A stated is what a file says of a key.
type stated struct {
	raw json.RawMessage
	in  *object // nil: it is what the class says
}

// A tokenClass is what a class of tokenizers says of added tokens.
type tokenClass struct {
	words map[string]string     // special tokens, by key
	more  []string              // special tokens without a key
	flags map[string]addedToken // how those are found that are found otherwise than special tokens are, by key
}

// additions reads what the files beside a tokenizer say of added tokens. Own
// are those of tokenizer.json, nil where there is none.
func (f *layout) additions(dir string, config *object, class *tokenClass, own []addedToken) (*additions, error) {
	a := &additions{words: make(map[string]string)}
	values := make(map[string]stated)
	if config != nil {
		for _, key := range append([]string{"additional_special_tokens"}, specialKeys...) {
			if config.given(key) {
				values[key] = stated{config.fields[key], config}
			}
		}
	}
	known := make(map[string]bool)
	if config != nil && config.has("added_tokens_decoder") {
		byID := make(map[string]json.RawMessage)
		if err := json.Unmarshal(config.fields["added_tokens_decoder"], &byID); err != nil {
			return nil, config.errorf("added_tokens_decoder", "it is not an object of tokens: %w", err)
		}
		for _, word := range slices.Sorted(maps.Keys(byID)) {
			t, plain, err := readToken(byID[word])
			if err == nil {
				t.ID, err = strconv.Atoi(word)
			}
			if err != nil || plain || t.ID < 0 || t.Content == "" {
				return nil, config.errorf("added_tokens_decoder", "%.40q is not the number of a token", word)
			}
			a.listed = append(a.listed, t)
		}
	} else if err := f.olderTokens(dir, a, values); err != nil {
		return nil, err
	} else {
		for _, t := range own {
			known[t.Content] = true
		}
	}
	for _, t := range a.listed {
		known[t.Content] = true
	}
	special := make(map[string]bool)
	put := func(key string, s stated) error {
		t, plain, err := readToken(s.raw)
		switch {
		case err != nil:
			return s.in.errorf(cmp.Or(key, "additional_special_tokens"), "%.60s is no token", s.raw)
		case t.Content == "":
			return nil
		case key != "" && known[t.Content]: // it is found as that one is
			t, plain = addedToken{Content: t.Content}, true
		case plain && class.flags[key] != addedToken{}:
			flags := class.flags[key]
			flags.Content = t.Content
			t, plain = flags, false
		}
		if key != "" {
			a.words[key] = t.Content
		}
		t.Special, special[t.Content] = true, true
		a.specials, a.plain = append(a.specials, t), append(a.plain, plain)
		return nil
	}
	for _, key := range specialKeys {
		s, ok := values[key]
		if !ok && class.words[key] != "" {
			s.raw, _ = json.Marshal(class.words[key])
		}
		if s.raw == nil || string(s.raw) == "null" {
			continue
		}
		if err := put(key, s); err != nil {
			return nil, err
		}
	}
	var more []stated
	if s, ok := values["additional_special_tokens"]; ok {
		var list []json.RawMessage
		if err := json.Unmarshal(s.raw, &list); err != nil {
			return nil, s.in.errorf("additional_special_tokens", "it is not a list of tokens: %w", err)
		}
		for _, raw := range list {
			more = append(more, stated{raw, s.in})
		}
	} else {
		for _, word := range class.more {
			raw, err := json.Marshal(word)
			if err != nil {
				return nil, err
			}
			more = append(more, stated{raw: raw})
		}
	}
	if config != nil && config.has("extra_special_tokens") {
		var extra map[string]json.RawMessage
		if json.Unmarshal(config.fields["extra_special_tokens"], &extra) == nil {
			names, err := keysInOrder(config.fields["extra_special_tokens"])
			if err != nil {
				return nil, config.errorf("extra_special_tokens", "%w", err)
			}
			for _, name := range names {
				more = append(more, stated{extra[name], config})
			}
		}
	}
	for _, s := range more {
		if err := put("", s); err != nil {
			return nil, err
		}
	}
	for i, t := range a.listed {
		a.listed[i].Special = t.Special || special[t.Content]
	}
	slices.SortStableFunc(a.listed, func(a, b addedToken) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), strings.Compare(a.Content, b.Content))
	})
	return a, nil
}

// keysInOrder returns the keys of a JSON object as they stand there.
func keysInOrder(data json.RawMessage) (keys []string, err error) {
	d := json.NewDecoder(strings.NewReader(string(data)))
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, err
		}
		keys = append(keys, fmt.Sprint(key))
		var skipped json.RawMessage
		if err := d.Decode(&skipped); err != nil {
			return nil, err
		}
	}
	return keys, nil
}

// olderTokens reads the files that count where tokenizer_config.json has no
// added_tokens_decoder. Values are special tokens by key, which they overrule.
func (f *layout) olderTokens(dir string, a *additions, values map[string]stated) error {
	o, err := f.optional(path.Join(dir, specialsFile))
	if err != nil {
		return err
	}
	if o != nil {
		for _, key := range specialKeys {
			if o.has(key) {
				values[key] = stated{o.fields[key], o}
			}
		}
		if o.has("additional_special_tokens") {
			var before, list []json.RawMessage
			if s, ok := values["additional_special_tokens"]; ok {
				_ = json.Unmarshal(s.raw, &before)
			}
			seen := make(map[string]bool)
			for _, raw := range before {
				seen[string(raw)] = true
			}
			if err := json.Unmarshal(o.fields["additional_special_tokens"], &list); err != nil {
				return o.errorf("additional_special_tokens", "it is not a list of tokens: %w", err)
			}
			for _, raw := range list {
				if !seen[string(raw)] {
					before, seen[string(raw)] = append(before, raw), true
				}
			}
			all, err := json.Marshal(before)
			if err != nil {
				return err
			}
			values["additional_special_tokens"] = stated{all, o}
		}
	}
	if o, err = f.optional(path.Join(dir, addedFile)); err != nil || o == nil {
		return err
	}
	special := make(map[string]bool)
	for _, value := range values {
		if s, _, err := readToken(value.raw); err == nil {
			special[s.Content] = true
		}
	}
	for _, word := range slices.Sorted(maps.Keys(o.fields)) {
		raw := o.fields[word]
		t := addedToken{Content: word, Normalized: !special[word], Special: special[word]}
		if json.Unmarshal(raw, &t.ID) != nil || t.ID < 0 || word == "" {
			return o.errorf(word, "%.40s is not the number of a token", raw)
		}
		a.listed = append(a.listed, t)
	}
	return nil
}

// addedTokens are the added tokens of a tokenizer, as they are added one after
// the other.
type addedTokens struct {
	list []addedToken
	at   map[string]int
	ways []ways // by token
	next int    // above the numbers of list

	model func() (ids map[string]int, size int, err error)
	ids   map[string]int // of the model's tokens; nil: model is not asked yet
	size  int            // of the model
}

// ways are those in which a token is found. The reference keeps those of what a
// token was before it was added again, and of a special one the first.
type ways struct{ raw, normalized, special bool }

func (w *ways) add(t addedToken) {
	if w.special && t.Special {
		return
	}
	w.special = w.special || t.Special
	w.raw, w.normalized = w.raw || !t.Normalized, w.normalized || t.Normalized
}

func newAddedTokens(list []addedToken, model func() (map[string]int, int, error)) *addedTokens {
	l := &addedTokens{list: slices.Clone(list), at: make(map[string]int), ways: make([]ways, len(list)), model: model}
	for i, t := range list {
		l.at[t.Content] = i
		l.ways[i].add(t)
		l.next = max(l.next, t.ID+1)
	}
	return l
}

// add adds a token as the reference does: one that is there has another form
// from now on, one that the model knows has its number there, any other gets
// the next one.
func (l *addedTokens) add(t addedToken) error {
	if i, ok := l.at[t.Content]; ok {
		t.ID = l.list[i].ID
		l.list[i] = t
		l.ways[i].add(t)
		return nil
	}
	if l.ids == nil {
		var err error
		if l.ids, l.size, err = l.model(); err != nil {
			return err
		}
	}
	id, ok := l.ids[t.Content]
	if !ok {
		id = max(l.size, l.next)
	}
	t.ID, l.next = id, max(l.next, id+1)
	l.at[t.Content] = len(l.list)
	l.list, l.ways = append(l.list, t), append(l.ways, ways{})
	l.ways[len(l.ways)-1].add(t)
	return nil
}

// load adds what the library adds when it loads the tokenizer. As there, a
// token that had that form before is left out, even where it has another one by
// now.
func (l *addedTokens) load(a *additions) error {
	was := make(map[addedToken]bool)
	for _, t := range l.list {
		t.ID = 0
		was[t] = true
	}
	add := func(t addedToken) error {
		t.ID = 0
		if was[t] {
			return nil
		}
		was[t] = true
		return l.add(t)
	}
	for _, t := range a.listed {
		if err := add(t); err != nil {
			return err
		}
	}
	for i, t := range a.specials {
		if _, ok := l.at[t.Content]; ok && a.plain[i] {
			continue
		}
		if err := add(t); err != nil {
			return err
		}
	}
	return nil
}

// found returns the tokens by number, as they are found. Normalizes says that
// texts are normalised: then no token can be written that is found both before
// and after that.
func (l *addedTokens) found(normalizes bool) ([]addedToken, error) {
	list := slices.Clone(l.list)
	for i, w := range l.ways {
		if w.raw && w.normalized && normalizes {
			return nil, fmt.Errorf("token %.40q is added twice, once to be looked for in the text and once in the normalised text", list[i].Content)
		}
		list[i].Normalized = !w.raw
	}
	slices.SortStableFunc(list, func(a, b addedToken) int { return cmp.Compare(a.ID, b.ID) })
	return list, nil
}

// loaded is tokenizer.json as the library transformers loads it: with the added
// tokens that the files beside it name, and those found as they say.
func (f *layout) loaded(s *models.Spec, dir string, l *textFiles, data []byte) (*object, []byte, error) {
	var own []addedToken
	if l.tokenizer.has("added_tokens") && json.Unmarshal(l.tokenizer.fields["added_tokens"], &own) != nil {
		return l.tokenizer, data, nil // whoever reads the file says what is wrong
	}
	how := tokenClass{words: slows[slowClass(l.model, l.config)].class.words}
	a, err := f.additions(dir, l.config, &how, own)
	if err != nil {
		return nil, nil, err
	}
	tokens := newAddedTokens(own, func() (map[string]int, int, error) { return modelTokens(l.tokenizer) })
	if err := tokens.load(a); err != nil {
		return nil, nil, err
	}
	found, err := tokens.found(l.tokenizer.has("normalizer"))
	if err != nil {
		return nil, nil, l.tokenizer.errorf("added_tokens", "%w: as the files beside it say it", err)
	}
	var changed []string
	for _, t := range found {
		if i := tokens.at[t.Content]; i >= len(own) || own[i] != t {
			changed = append(changed, t.Content)
		}
	}
	if len(changed) == 0 {
		return l.tokenizer, data, nil
	}
	fields := make(map[string]any, len(l.tokenizer.fields))
	for name, raw := range l.tokenizer.fields {
		fields[name] = raw
	}
	fields["added_tokens"] = found
	if data, err = json.Marshal(fields); err != nil {
		return nil, nil, fmt.Errorf("models: %s: %w", l.tokenizer.file, err)
	}
	o := *l.tokenizer
	o.fields = make(map[string]json.RawMessage)
	if err := json.Unmarshal(data, &o.fields); err != nil {
		return nil, nil, fmt.Errorf("models: %s: %w", l.tokenizer.file, err)
	}
	word := fmt.Sprintf("%.40q", changed[0])
	if n := len(changed) - 1; n > 0 {
		word += fmt.Sprintf(" and %d more", n)
	}
	s.Overruled = append(s.Overruled, fmt.Sprintf("%s: added_tokens: %s: as the library transformers does, the files beside it say that there are such tokens, or how they are found", tokenizerFile, word))
	return &o, data, nil
}

// modelTokens returns the numbers of the tokens of a tokenizer.json's model,
// and how many there are.
func modelTokens(tokenizer *object) (ids map[string]int, size int, err error) {
	var model struct{ Vocab json.RawMessage }
	_ = json.Unmarshal(tokenizer.fields["model"], &model)
	if json.Unmarshal(model.Vocab, &ids) == nil && ids != nil {
		return ids, len(ids), nil
	}
	var list [][]json.RawMessage
	if err := json.Unmarshal(model.Vocab, &list); err != nil {
		return nil, 0, tokenizer.errorf("model", "its vocab is neither an object of numbers nor a list of tokens")
	}
	ids = make(map[string]int, len(list))
	for i, entry := range list {
		var word string
		if len(entry) == 0 || json.Unmarshal(entry[0], &word) != nil {
			return nil, 0, tokenizer.errorf("model", "token %d of its vocab has no text", i)
		}
		ids[word] = i
	}
	return ids, len(list), nil
}

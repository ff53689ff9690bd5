package folder

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"

	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/onnx"
)

const maxTokens = 1 << 16 // of one text

// textSpec reads the contract of a text backbone into s.
func (f *layout) textSpec(s *models.Spec, w *wanted) (own func() error, err error) {
	sum, place := w.sum, w.place
	t, err := f.textContract(s, w)
	if err != nil {
		return nil, err
	}
	return func() error {
		tap, err := f.ownTap(sum, place)
		if err != nil {
			return err
		}
		if tap != "" {
			return setTap(s, tap, sum)
		}
		p, err := f.sentence()
		if err != nil {
			return err
		}
		if err := f.leaveOut(p, t); err != nil {
			return err
		}
		return textTap(s, p, sum, place)
	}, nil
}

// leaveOut counts the tokens of the prompt if they are left out of the pooling.
func (f *layout) leaveOut(p *sentence, t *models.TextSpec) (err error) {
	switch {
	case !p.skip:
		return nil
	case t.Prefix == "":
		p.skip = false
		return nil
	case f.options.Tokens == nil:
		return fmt.Errorf("models: %s: include_prompt is false, and nothing here counts the tokens of the prompt %.100q", p.place, t.Prefix)
	}
	p.prompt, err = f.options.Tokens(t)
	return err
}

func (f *layout) textContract(s *models.Spec, w *wanted) (*models.TextSpec, error) {
	dir := f.textDir()
	config, err := f.optional(path.Join(dir, tokenizerConfig))
	if err != nil {
		return nil, err
	}
	tokenizer, data, err := f.object(path.Join(dir, tokenizerFile), maxTokenizer)
	slow := errors.Is(err, fs.ErrNotExist)
	if slow {
		tokenizer, data, err = f.slowTokenizer(dir, config)
	}
	if err != nil {
		return nil, err
	}
	if err := checkTokenizer(tokenizer); err != nil {
		return nil, err
	}
	model, err := f.optional(path.Join(dir, configFile))
	if err != nil {
		return nil, err
	}
	static := f.static(s, w.sum)
	if !static && !slow {
		if tokenizer, data, err = f.loaded(s, dir, &textFiles{tokenizer, config, model, w.facts}, data); err != nil {
			return nil, err
		}
	}
	l := &textFiles{tokenizer, config, model, w.facts}
	t := &models.TextSpec{Truncation: "right"}
	s.Contract = t
	if static { // the library reads nothing but the file
		if t.Tokenizer, err = bareTokenizer(tokenizer); err == nil {
			err = staticLength(t, tokenizer)
		}
	} else if t.Tokenizer, err = f.tokenizerBytes(s, data, l); err == nil {
		err = f.maxLen(s, t, l)
	}
	if err != nil {
		return nil, err
	}
	t.TokenizerSHA256 = digest(t.Tokenizer)
	if err := f.prompt(s, t); err != nil {
		return nil, err
	}
	if err := tokenInputs(s, t, w); err != nil {
		return nil, err
	}
	return t, f.fill(s, t, l)
}

// prompt reads what is put in front of every text.
func (f *layout) prompt(s *models.Spec, t *models.TextSpec) error {
	config, err := f.optional(promptConfig)
	if err != nil {
		return err
	}
	if config != nil && config.has("prompts") {
		all, err := config.sub("prompts")
		if err != nil {
			return err
		}
		for _, name := range slices.Sorted(maps.Keys(all.fields)) {
			if !all.has(name) {
				continue // it is there for a name that the library knows
			}
			text, err := all.text(name)
			if err != nil {
				return err
			}
			s.Prompts = append(s.Prompts, models.Prompt{Name: name, Text: text})
		}
	}
	asked := f.options.Prompt
	switch {
	case asked != nil:
		t.Prefix = asked.Of(s.Prompts)
	case config != nil && config.has("default_prompt_name"):
		name, err := config.text("default_prompt_name")
		if err != nil {
			return err
		}
		all, err := config.sub("prompts")
		if err != nil {
			return err
		}
		if t.Prefix, err = all.text(name); err != nil {
			return err
		}
	}
	return nil
}

// checkTokenizer checks how tokenizer.json cuts texts. Its components are read,
// and refused by name, by whoever runs it.
func checkTokenizer(o *object) error {
	if !o.has("truncation") {
		return nil
	}
	cut, err := o.sub("truncation")
	if err != nil || !cut.given("strategy") {
		return err
	}
	strategy, err := cut.text("strategy")
	if err == nil && !slices.Contains([]string{"LongestFirst", "OnlyFirst"}, strategy) {
		err = cut.errorf("strategy", "%.100s cuts no text that is alone", strategy)
	}
	return err
}

// sentenceConfig reads what the library sentence-transformers says about its
// first module. Older folders call the file after the model's family.
func (f *layout) sentenceConfig() (o *object, name string, err error) {
	for _, family := range []string{"bert", "roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet"} {
		name = "sentence_" + family + "_config.json"
		if o, err = f.optional(path.Join(f.textDir(), name)); err != nil || o != nil {
			return o, name, err
		}
	}
	return nil, "", nil
}

// textFiles are the files that say how texts are read.
type textFiles struct {
	tokenizer *object // tokenizer.json
	config    *object // tokenizer_config.json; nil: there is none
	model     *object // config.json; nil: there is none
	given     Facts   // what none of them says
}

// maxLen reads how many tokens a text may have: what backbone.json says, or
// else, as the library sentence-transformers does, max_seq_length, else
// model_max_length, at most max_position_embeddings, or else what is given;
// what tokenizer.json says does not count.
func (f *layout) maxLen(s *models.Spec, t *models.TextSpec, l *textFiles) (err error) {
	tokenizer, config, model := l.tokenizer, l.config, l.model
	positions := maxTokens
	if model != nil && model.has("max_position_embeddings") {
		if positions, err = model.whole("max_position_embeddings", maxTokens); err != nil {
			return err
		}
	}
	length := 0. // model_max_length; huge if the tokenizer has no limit
	if config != nil && config.has("model_max_length") {
		if length, err = config.number("model_max_length"); err != nil {
			return err
		}
	}
	bert, file, err := f.sentenceConfig()
	if err != nil {
		return err
	}
	source := ""
	if bert != nil {
		if t.Lowercase, err = bert.flagOr("do_lower_case", false); err != nil {
			return err
		}
		if bert.has("max_seq_length") {
			if t.MaxLen, err = bert.whole("max_seq_length", maxTokens); err != nil {
				return err
			}
			if t.MaxLen > positions {
				return bert.errorf("max_seq_length", "%d, but %s: max_position_embeddings is %d", t.MaxLen, f.path(configFile), positions)
			}
			source = fmt.Sprintf("%s says max_seq_length %d", file, t.MaxLen)
		}
	}
	own, err := f.ownSays(models.Text)
	if err != nil {
		return err
	}
	if own || t.MaxLen == 0 && length == 0 {
		facts, err := f.say(models.Text, l.given)
		if err != nil {
			return err
		}
		k := factOf("max_length")
		word := facts[k.Key]
		if word == "" {
			return &UnsaidError{Place: f.place, Modality: models.Text, Facts: []Fact{k.Fact}, File: f.path(backboneFile),
				Why: fmt.Sprintf("nothing says how long a text may be: %s has no max_seq_length, %s no model_max_length, %s no %s", sentenceConfig, tokenizerConfig, backboneFile, k.Key)}
		}
		if err := k.put(t, word); err != nil {
			return fmt.Errorf("models: %s: %w", f.place, err)
		}
		if t.MaxLen > positions {
			return &ContradictionError{f.place, k.Key, word, configFile, fmt.Sprintf("max_position_embeddings %d", positions)}
		}
		if source = fmt.Sprintf("%s says %s %s", backboneFile, k.Key, word); !own {
			source = fmt.Sprintf("%s is given as %s", k.Key, word)
		}
	}
	switch {
	case t.MaxLen > 0:
		if length != 0 && length != float64(t.MaxLen) {
			s.Overruled = append(s.Overruled, fmt.Sprintf("%s: model_max_length %s does not count: %s", tokenizerConfig, config.fields["model_max_length"], source))
		}
	case length < 1:
		return config.errorf("model_max_length", "%s is not a number of tokens", config.fields["model_max_length"])
	default:
		if length > float64(positions) {
			length = float64(positions)
			source = fmt.Sprintf("%s says max_position_embeddings %d", configFile, positions)
		} else {
			source = fmt.Sprintf("%s says model_max_length %g", tokenizerConfig, length)
		}
		if length >= maxTokens {
			return config.errorf("model_max_length", "%s tokens; nothing says how long a text may be", config.fields["model_max_length"])
		}
		t.MaxLen = int(length)
	}
	if !tokenizer.has("truncation") {
		return nil
	}
	cut, err := tokenizer.sub("truncation")
	if err != nil {
		return err
	}
	n, err := cut.whole("max_length", 1<<30)
	if err != nil {
		return err
	}
	if n != t.MaxLen {
		s.Overruled = append(s.Overruled, fmt.Sprintf("%s: truncation.max_length %d does not count: %s", tokenizerFile, n, source))
	}
	return nil
}

// textTap fills in the tap of a text backbone: token vectors that the folder
// says how to pool, else a vector that the graph has pooled itself.
func textTap(s *models.Spec, p *sentence, sum *onnx.Summary, place string) error {
	var tokens, flat []onnx.Value
	var last, pooled *onnx.Value
	for _, v := range sum.Outputs {
		switch {
		case isFloat(v, 3):
			tokens = append(tokens, v)
			if v.Name == hiddenOutput {
				last = &v
			}
		case isFloat(v, 2):
			flat = append(flat, v)
			if v.Name == sentenceOutput || v.Name == textOutput {
				pooled = &v
			}
		}
	}
	if last == nil && len(tokens) == 1 {
		last = &tokens[0]
	}
	if pooled == nil && (p.first == staticFirst || s.Inputs[0].Role == "run" || s.Inputs[0].Role == "starts") && len(flat) == 1 {
		pooled = &flat[0]
	}
	if p.modes == nil && last != nil && last.Name == staticTokens && (p.first == staticFirst || s.Weights.Static) {
		p.modes = []string{"mean"}
	}
	tap := ""
	switch {
	case last != nil && p.modes != nil && p.plain():
		tap = last.Name + ":" + p.modes[0]
	case last != nil && p.modes != nil, pooled != nil && p.first == staticFirst && len(p.behind) > 0:
		from := last
		if from == nil {
			from = pooled
		}
		if err := sentenceTap(s, p, from); err != nil {
			return fmt.Errorf("models: %s: %w", p.place, err)
		}
		return nil
	case pooled != nil:
		tap = pooled.Name + ":none"
	case last != nil:
		return &NoTapError{Place: place,
			Why:  fmt.Sprintf("%s is missing, which says how the token vectors of output %q are pooled", p.missing, last.Name),
			Taps: []string{last.Name + ":mean", last.Name + ":cls"}}
	case len(tokens) > 1:
		e := &NoTapError{Place: place, Why: fmt.Sprintf("several outputs fit: %s; which of them holds the token vectors?", list(tokens))}
		for _, v := range tokens {
			e.Taps = append(e.Taps, v.Name+":mean")
		}
		return e
	default:
		return &NoTapError{Place: place, Why: fmt.Sprintf("no output is FLOAT[batch,tokens,length], token vectors, or is called sentence_embedding and is FLOAT[batch,length]; there are: %s", list(sum.Outputs))}
	}
	if err := setTap(s, tap, sum); err != nil {
		return err
	}
	s.Taps[0].Post = p.post
	if tap := &s.Taps[0]; len(tap.Shape) == 3 && p.dim != 0 && p.dim != tap.Dim {
		return fmt.Errorf("models: %s: output %q has %d numbers for a token, but the pooling module says %d", place, tap.Output, tap.Dim, p.dim)
	}
	return nil
}

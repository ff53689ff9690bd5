package folder

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

const maxTokens = 1 << 16 // of one text

// sentence is what a folder says about the way from tokens to one vector.
type sentence struct {
	pooling string // "mean", "cls", or "" if the folder does not say
	dim     int    // length of the vector, 0 if the folder does not say
	post    string // Tap.Post
	missing string // for a message: the file that would say it
}

// textSpec reads the contract of a text backbone into s.
func (f *layout) textSpec(s *models.Spec, w *wanted) (own func() error, err error) {
	sum, place := w.sum, w.place
	p, err := f.textContract(s, w.facts)
	if err != nil {
		return nil, err
	}
	if err := tokenInputs(s, sum, place); err != nil {
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
		return textTap(s, p, sum, place)
	}, nil
}

func (f *layout) textContract(s *models.Spec, given Facts) (*sentence, error) {
	tokenizer, data, err := f.object(tokenizerFile, maxTokenizer)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("models: %s: the file is missing, which says how a text becomes the token ids that the graph takes; AutoTokenizer.from_pretrained(…).save_pretrained(…) of the library transformers writes it", f.path(tokenizerFile))
	}
	if err != nil {
		return nil, err
	}
	if err := checkTokenizer(tokenizer); err != nil {
		return nil, err
	}
	config, err := f.optional(tokenizerConfig)
	if err != nil {
		return nil, err
	}
	if config != nil {
		if err := compareTokenizers(tokenizer, config); err != nil {
			return nil, err
		}
	}
	t := &models.TextSpec{Tokenizer: data, TokenizerSHA256: digest(data), Truncation: "right"}
	s.Contract = t
	if err := f.maxLen(s, t, &lengths{tokenizer, config, given}); err != nil {
		return nil, err
	}
	prompts, err := f.optional(promptConfig)
	if err != nil {
		return nil, err
	}
	if prompts != nil && prompts.has("default_prompt_name") {
		name, err := prompts.text("default_prompt_name")
		if err != nil {
			return nil, err
		}
		all, err := prompts.sub("prompts")
		if err != nil {
			return nil, err
		}
		if t.Prefix, err = all.text(name); err != nil {
			return nil, err
		}
	}
	return f.modules(t.Prefix)
}

// checkTokenizer checks how tokenizer.json cuts texts. Its components are read,
// and refused by name, by whoever runs it.
func checkTokenizer(o *object) error {
	if !o.has("truncation") {
		return nil
	}
	cut, err := o.sub("truncation")
	if err != nil {
		return err
	}
	for _, f := range []struct {
		name string
		only []string
	}{{"direction", []string{"Right"}}, {"strategy", []string{"LongestFirst", "OnlyFirst"}}} {
		field, only := f.name, f.only
		if !cut.given(field) {
			continue
		}
		if value, err := cut.text(field); err != nil {
			return err
		} else if !slices.Contains(only, value) {
			return cut.errorf(field, "%.100s is not supported yet by this version, only %s", value, strings.Join(only, " and "))
		}
	}
	return nil
}

// compareTokenizers refuses a tokenizer_config.json that says something else
// about normalisation than tokenizer.json: which of the two counts depends on
// the library and its version.
func compareTokenizers(tokenizer, config *object) error {
	normalizer := &object{}
	if tokenizer.has("normalizer") {
		var err error
		if normalizer, err = tokenizer.sub("normalizer"); err != nil {
			return err
		}
	}
	for _, pair := range [][2]string{
		{"do_lower_case", "lowercase"},
		{"strip_accents", "strip_accents"},
		{"tokenize_chinese_chars", "handle_chinese_chars"},
	} {
		if !config.given(pair[0]) || !normalizer.given(pair[1]) {
			continue
		}
		if a, b := string(config.fields[pair[0]]), string(normalizer.fields[pair[1]]); a != b {
			return fmt.Errorf("models: %s: %s is %.100s, but %s: %s is %.100s: make them equal", config.file, pair[0], a, normalizer.file, pair[1], b)
		}
	}
	if config.given("truncation_side") {
		if side, err := config.text("truncation_side"); err != nil {
			return err
		} else if side != "right" {
			return config.errorf("truncation_side", "%.100s is not supported yet by this version, only right", side)
		}
	}
	return nil
}

// lengths are where the length of texts may stand.
type lengths struct {
	tokenizer, config *object
	given             Facts
}

// maxLen reads how many tokens a text may have: what backbone.json says, or
// else, as the library sentence-transformers does, max_seq_length, else
// model_max_length, at most max_position_embeddings, or else what is given;
// what tokenizer.json says does not count.
func (f *layout) maxLen(s *models.Spec, t *models.TextSpec, l *lengths) error {
	tokenizer, config := l.tokenizer, l.config
	positions := maxTokens
	model, err := f.optional(configFile)
	if err != nil {
		return err
	}
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
	bert, err := f.optional(sentenceConfig)
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
			source = fmt.Sprintf("%s says max_seq_length %d", sentenceConfig, t.MaxLen)
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

// modules reads pooling and normalisation from modules.json and the pooling
// module's own file. A folder without modules.json says nothing about them.
func (f *layout) modules(prefix string) (*sentence, error) {
	modules, err := f.moduleList()
	if err != nil {
		return nil, err
	}
	place := f.path(modulesFile)
	if modules == nil {
		return &sentence{missing: place, post: f.post}, nil
	}
	if len(modules) > 0 && modules[0].kind == clipModule { // its graph pools
		return &sentence{missing: place, post: f.post}, nil
	}
	pooling, post := "", ""
	for i, m := range modules {
		switch {
		case m.kind == "Transformer" && i == 0:
			if m.path != "" {
				return nil, m.o.errorf("path", "%q: a transformer in a subfolder is not supported yet by this version", m.path)
			}
		case m.kind == "Pooling" && i == 1:
			if !fs.ValidPath(m.path) || m.path == "." {
				return nil, m.o.errorf("path", "%q is not a folder inside this one", m.path)
			}
			pooling = m.path
		case m.kind == "Normalize" && i == 2:
			post = "l2"
		default:
			return nil, m.o.errorf("type", "%.100s as module %d is not supported yet by this version: it takes Transformer, Pooling and, perhaps, Normalize", m.kind, i)
		}
	}
	if pooling == "" {
		return nil, fmt.Errorf("models: %s: it lists no module of type Pooling", place)
	}
	o, _, err := f.object(path.Join(pooling, "config.json"), maxConfig)
	if err != nil {
		return nil, err
	}
	p, err := readPooling(o, prefix)
	if err != nil {
		return nil, err
	}
	p.post = post
	return p, nil
}

// poolings are the words of Tap.Pooling for those of sentence-transformers.
var poolings = map[string]string{
	"mean": "mean", "mean_tokens": "mean",
	"cls": "cls", "cls_token": "cls",
}

// readPooling reads the configuration of a pooling module: either one flag
// pooling_mode_… is true, or pooling_mode has the name.
func readPooling(o *object, prefix string) (*sentence, error) {
	var modes []string
	p := new(sentence)
	for _, key := range slices.Sorted(maps.Keys(o.fields)) {
		mode, isFlag := strings.CutPrefix(key, "pooling_mode_")
		switch {
		case isFlag:
			on, err := o.flag(key)
			if err != nil {
				return nil, err
			}
			if on {
				modes = append(modes, cmp.Or(poolings[mode], mode))
			}
		case key == "pooling_mode":
			name, err := o.text(key)
			if err != nil {
				return nil, err
			}
			modes = append(modes, cmp.Or(poolings[name], name))
		case key == "include_prompt":
			on, err := o.flag(key)
			if err != nil {
				return nil, err
			}
			if !on && prefix != "" {
				return nil, o.errorf(key, "false together with a default prompt is not supported yet by this version")
			}
		case key == "word_embedding_dimension" || key == "embedding_dimension":
			n, err := o.whole(key, models.MaxDim)
			if err != nil {
				return nil, err
			}
			p.dim = n
		}
	}
	// Newer files may have the name and its flag.
	slices.Sort(modes)
	modes = slices.Compact(modes)
	if len(modes) == 0 {
		return nil, o.errorf("pooling_mode", "the field is missing and no flag pooling_mode_… is true")
	}
	if len(modes) > 1 {
		return nil, o.errorf("pooling_mode", "several at once (%s) are not supported yet by this version", strings.Join(modes, ", "))
	}
	if p.pooling = poolings[modes[0]]; p.pooling == "" {
		return nil, o.errorf("pooling_mode", "%.100s is not supported yet by this version, only mean and cls", modes[0])
	}
	return p, nil
}

// roles are the words of Input.Role, by the name of the graph's input.
var roles = map[string]string{"input_ids": "ids", "attention_mask": "mask", "token_type_ids": "types"}

// tokenInputs compares the graph with the contract and fills in the inputs.
// Pixels may be fed beside them, which no tap of texts needs.
func tokenInputs(s *models.Spec, sum *onnx.Summary, place string) error {
	have := make(map[string]bool)
	for _, v := range sum.Inputs {
		role, ok := roles[v.Name]
		if !ok && v.Kind == "tensor" && len(v.Shape) == 4 {
			continue
		}
		if !ok {
			return fmt.Errorf("models: %s: input %q is not supported yet by this version: it feeds input_ids, attention_mask and token_type_ids", place, v.Name)
		}
		if v.Kind != "tensor" || len(v.Shape) != 2 || (v.Elem != pb.TensorProto_INT64 && v.Elem != pb.TensorProto_INT32) {
			return fmt.Errorf("models: %s: input %q is %s, not INT64[batch,tokens] or INT32[batch,tokens]", place, v.Name, form(v))
		}
		if err := free(v, 2, place); err != nil {
			return err
		}
		have[role] = true
		s.Inputs = append(s.Inputs, models.Input{Name: v.Name, DType: dtypes[v.Elem], Role: role})
	}
	for _, name := range []string{"input_ids", "attention_mask"} {
		if !have[roles[name]] {
			return fmt.Errorf("models: %s: the graph has no input %q", place, name)
		}
	}
	return nil
}

// textTap fills in the tap of a text backbone: token vectors that the folder
// says how to pool, else a vector that the graph has pooled itself.
func textTap(s *models.Spec, p *sentence, sum *onnx.Summary, place string) error {
	var tokens []onnx.Value
	var last *onnx.Value
	pooled := "" // an output
	for _, v := range sum.Outputs {
		if isFloat(v, 3) {
			tokens = append(tokens, v)
			if v.Name == hiddenOutput {
				last = &v
			}
		}
		if (v.Name == "sentence_embedding" || v.Name == textOutput) && isFloat(v, 2) {
			pooled = v.Name
		}
	}
	if last == nil && len(tokens) == 1 {
		last = &tokens[0]
	}
	tap := ""
	switch {
	case last != nil && p.pooling != "":
		tap = last.Name + ":" + p.pooling
	case pooled != "":
		tap = pooled + ":none"
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
	if tap := &s.Taps[0]; p.dim != 0 && p.dim != tap.Dim {
		return fmt.Errorf("models: %s: output %q has %d numbers for a token, but the pooling module says %d", place, tap.Output, tap.Dim, p.dim)
	}
	return nil
}

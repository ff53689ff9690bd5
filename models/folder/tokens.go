package folder

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// roles are the words of Input.Role, by the name of the graph's input.
var roles = map[string]string{"input_ids": "ids", "attention_mask": "mask", "token_type_ids": "types", "position_ids": "positions"}

// runs are the words of Input.Role of a graph that takes the tokens of all
// texts one after the other.
var runs = map[string]string{"input_ids": "run", "offsets": "starts"}

// InputError says that a graph takes something that no text has.
type InputError struct {
	Place string
	Input string
	Past  bool // it is what a text generator has computed before
}

func (e *InputError) Error() string {
	if e.Past {
		return fmt.Sprintf("models: %s: input %q: the graph continues a text from what it has computed before; one that embeds texts is exported for feature extraction: optimum-cli export onnx --task feature-extraction", e.Place, e.Input)
	}
	return fmt.Sprintf("models: %s: input %q is nothing that a text has: input_ids, attention_mask, token_type_ids, position_ids and, of static embeddings, offsets are fed", e.Place, e.Input)
}

// tokenInputs compares the graph with the contract and fills in the inputs.
// Pixels may be fed beside them, which no tap of texts needs.
func tokenInputs(s *models.Spec, t *models.TextSpec, w *wanted) error {
	names, rank := roles, 2
	if slices.ContainsFunc(w.sum.Inputs, func(v onnx.Value) bool { return v.Name == "offsets" }) {
		names, rank = runs, 1
	}
	have := make(map[string]bool)
	for _, v := range w.sum.Inputs {
		role, ok := names[v.Name]
		if !ok && v.Kind == "tensor" && len(v.Shape) == 4 && !strings.HasPrefix(v.Name, cachedInput) {
			continue
		}
		if !ok {
			return &InputError{w.place, v.Name, strings.HasPrefix(v.Name, cachedInput) || v.Name == "use_cache_branch"}
		}
		if v.Kind != "tensor" || len(v.Shape) != rank || (v.Elem != pb.TensorProto_INT64 && v.Elem != pb.TensorProto_INT32) {
			if rank == 1 {
				return fmt.Errorf("models: %s: input %q is %s, not INT64[number] beside offsets", w.place, v.Name, form(v))
			}
			return fmt.Errorf("models: %s: input %q is %s, not INT64[batch,tokens] or INT32[batch,tokens]", w.place, v.Name, form(v))
		}
		if err := free(v, 1, w.place); err != nil {
			return err
		}
		if n := v.Shape[rank-1].Size; rank == 2 && n >= 0 {
			if n < 1 || n > maxTokens || t.Length > 0 && n != int64(t.Length) {
				return fmt.Errorf("models: %s: input %q %s: texts of %d tokens and of %d", w.place, v.Name, form(v), n, t.Length)
			}
			t.Length = int(n)
		}
		have[role] = true
		s.Inputs = append(s.Inputs, models.Input{Name: v.Name, DType: dtypes[v.Elem], Role: role})
	}
	if !have[names["input_ids"]] {
		return fmt.Errorf("models: %s: the graph has no input %q", w.place, "input_ids")
	}
	return nil
}

// behindPad are the families, by model_type of config.json, whose first
// position is behind the number of the token that fills up: RoBERTa's.
var behindPad = []string{
	"roberta", "xlm-roberta", "xlm-roberta-xl", "camembert", "mpnet", "data2vec-text", "longformer", "ibert", "xmod", "roberta-prelayernorm",
}

// filledUp are the families whose texts are always filled up to as many tokens
// as they may have, since they were trained so.
var filledUp = []string{"siglip", "siglip2", "siglip_text_model", "siglip2_text_model"}

// causal are the families in which what fills up behind a text changes nothing
// of it, so that they need no mask: CLIP's.
var causal = []string{"clip", "clip_text_model", "metaclip_2"}

// fill says how rows are filled up and positions are numbered.
func (f *layout) fill(s *models.Spec, t *models.TextSpec, l *textFiles) (err error) {
	model := l.model
	kind := quietText(model, "model_type")
	has := func(role string) bool {
		return slices.ContainsFunc(s.Inputs, func(in models.Input) bool { return in.Role == role })
	}
	if t.Truncation, err = side("truncation", l); err != nil {
		return err
	}
	padding, err := side("padding", l)
	if err != nil {
		return err
	}
	if padding == "left" && !has("run") {
		t.Padding = padding
	}
	if has("ids") && slices.Contains(filledUp, kind) && t.Length == 0 {
		t.Length = t.MaxLen
	}
	if t.Length > 0 && t.MaxLen > t.Length {
		s.Overruled = append(s.Overruled, fmt.Sprintf("a text may have %d tokens, but the graph takes %d of each", t.MaxLen, t.Length))
		t.MaxLen = t.Length
	}
	t.Causal = !has("mask") && slices.Contains(causal, kind) && t.Padding == ""
	pad, known, err := padToken(l)
	if err != nil {
		return err
	}
	if known && (!has("mask") && (t.Length > 0 || t.Causal) || t.Padding == "left") {
		t.PadID = &pad
	}
	if slices.Contains(behindPad, kind) {
		first := 2 // behind pad token 1, as all of them have it
		if known {
			first = pad + 1
		}
		var positions int
		_ = json.Unmarshal(model.fields["max_position_embeddings"], &positions)
		if n := positions - first; n > 0 && t.MaxLen > n {
			s.Overruled = append(s.Overruled, fmt.Sprintf("a text may have %d tokens, but %s has %d positions, of which those of %s begin at %d", t.MaxLen, configFile, positions, kind, first))
			t.MaxLen = n
		}
	}
	if !has("positions") {
		return nil
	}
	t.Positions = &models.Positions{Pad: 1} // cumsum(mask) − 1, and 1 where the mask is 0
	if slices.Contains(behindPad, kind) {
		if !known {
			return fmt.Errorf("models: %s: input position_ids of a model of type %s: the first position is behind the number of the pad token, and neither pad_token of %s nor pad_token_id of %s says it", f.place, kind, tokenizerConfig, configFile)
		}
		t.Positions = &models.Positions{First: pad + 1, Pad: pad}
	}
	return nil
}

// side is where texts are cut off, or filled up: what tokenizer_config.json
// says, or else tokenizer.json, or else the right.
func side(what string, l *textFiles) (string, error) {
	if l.config != nil && l.config.has(what+"_side") {
		word, err := l.config.text(what + "_side")
		if err == nil && word != "left" && word != "right" {
			err = l.config.errorf(what+"_side", "%.40q is neither left nor right", word)
		}
		return word, err
	}
	var own struct{ Direction string }
	if !l.tokenizer.has(what) || json.Unmarshal(l.tokenizer.fields[what], &own) != nil || own.Direction == "" {
		return "right", nil
	}
	word := strings.ToLower(own.Direction)
	if word != "left" && word != "right" {
		return "", l.tokenizer.errorf(what, "direction %.40q is neither Left nor Right", own.Direction)
	}
	return word, nil
}

// padToken returns the number of the token that rows are filled up with: that
// of pad_token in tokenizer_config.json, or else of padding in tokenizer.json,
// or else pad_token_id of config.json.
func padToken(l *textFiles) (id int, known bool, err error) {
	if word := tokenOf(l.config, "pad_token"); word != "" {
		if id, ok := idOf(l.tokenizer, word); ok {
			return id, true, nil
		}
	}
	var padding struct {
		ID *int `json:"pad_id"`
	}
	if l.tokenizer.has("padding") && json.Unmarshal(l.tokenizer.fields["padding"], &padding) == nil && padding.ID != nil && *padding.ID >= 0 {
		return *padding.ID, true, nil
	}
	if model := l.model; model != nil && model.has("pad_token_id") {
		x, err := model.number("pad_token_id")
		if err != nil || x < 0 || x > maxID || x != float64(int(x)) {
			return 0, false, model.errorf("pad_token_id", "%.40s is not the number of a token", model.fields["pad_token_id"])
		}
		return int(x), true, nil
	}
	return 0, false, nil
}

// maxID is the largest number of a token.
const maxID = 1 << 24

// quietText reads a field that is a string, "" if it is none, and does not
// record it.
func quietText(o *object, field string) (word string) {
	if o != nil {
		_ = json.Unmarshal(o.fields[field], &word)
	}
	return word
}

// tokenOf reads a special token of tokenizer_config.json: a string, or an
// object with content. "" if there is none.
func tokenOf(config *object, field string) string {
	if config == nil || !config.has(field) {
		return ""
	}
	var word string
	if json.Unmarshal(config.fields[field], &word) == nil {
		return word
	}
	var token struct{ Content string }
	_ = json.Unmarshal(config.fields[field], &token)
	return token.Content
}

package export

import (
	"fmt"
	"maps"
	"slices"

	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/layer"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// Outputs of an embedding model.
const (
	Tokens    = "last_hidden_state"  // of texts: f32[batch,sequence,D], a vector for each token
	Sentence  = "sentence_embedding" // of texts: f32[batch,D]
	Image     = "image_embeds"       // of images: f32[batch,D]
	Pooler    = "pooler_output"      // of images: the same
	Embedding = "embedding"          // of numbers: f32[batch,D]
)

// Vectors is the link of an embedding model: what is pooled is what it gives.
const Vectors layer.Link = "vectors"

// EmbeddingOutputs lists what an embedding model of a modality may give.
func EmbeddingOutputs(m models.Modality) []string {
	switch m {
	case models.Text:
		return []string{Tokens, Sentence}
	case models.Image:
		return []string{Image, Pooler}
	}
	return []string{Embedding}
}

// Embedder describes an embedding model: a backbone with its pooling.
type Embedder struct {
	// Head says which tensor is pooled and how, which weights of the backbone
	// are others, and the metadata. It has no layers.
	Head
	Dim      int // of an embedding
	Modality models.Modality
	// Tokens says that Features are the vectors of the tokens of texts,
	// N×S×Dim, which clients pool by themselves: they are an output, too.
	Tokens bool
}

// Embed returns the backbone with its pooling as an embedding model, its
// external data read in. Outputs are those of EmbeddingOutputs, of texts Tokens
// only if e says so. No tensor of the backbone that stays has one of their
// names; see onnx.Rename. The metadata are headstart.embedding, the name of the
// output with an embedding, and those of Provenance. The backbone is not
// changed, and shared as far as it can be.
func Embed(backbone *pb.ModelProto, e *Embedder) (*pb.ModelProto, error) {
	m, err := onnx.RewriteBehind(backbone, e.Cut, e.Weights, e.Features)
	if err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	rows := layer.Rows{
		Features: e.Features, Pooling: e.Pooling, Mask: e.Mask, ChannelsFirst: e.ChannelsFirst, Space: e.Space, D: int64(e.Dim), Normalize: e.Post == "l2",
	}
	m, pooled, err := Gather(m, []layer.Rows{rows})
	if err != nil {
		return nil, err
	}
	names := EmbeddingOutputs(e.Modality)
	if e.Modality == models.Text && !e.Tokens {
		names = names[1:]
	}
	part := new(pb.GraphProto)
	dims := []onnx.Dim{{Size: -1, Name: "batch"}, {Size: int64(e.Dim)}}
	for _, name := range names {
		from, shape := pooled, dims
		if name == Tokens {
			from, shape = e.Features, slices.Insert(slices.Clone(dims), 1, onnx.Dim{Size: -1, Name: "sequence"})
		}
		part.Node = append(part.Node, onnx.Node("Identity", []string{from}, []string{name}))
		part.Output = append(part.Output, onnx.TensorValue(name, pb.TensorProto_FLOAT, shape...))
	}
	m, made, err := onnx.Append(m, part)
	if err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	for _, name := range names {
		if made[name] != name {
			return nil, fmt.Errorf("export: the backbone has a tensor %.80q already", name)
		}
	}
	if m, err = onnx.Prune(m, names...); err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	m.MetadataProps, m.TrainingInfo = nil, nil
	Note(m, "embedding", names[len(names)-1])
	for _, name := range slices.Sorted(maps.Keys(e.Provenance)) {
		Note(m, name, e.Provenance[name])
	}
	return m, nothingBeside(m)
}

// nothingBeside is an error for a model with values in other files.
func nothingBeside(m *pb.ModelProto) error {
	sum, err := onnx.Walk(m)
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	if len(sum.External) > 0 {
		return fmt.Errorf("export: tensor %.80q lies in an external file; its values are to be read into the backbone first", sum.External[0].Name)
	}
	return nil
}

// sentencePoolings are the keys of 1_Pooling/config.json.
var sentencePoolings = []struct{ pooling, key string }{
	{"cls", "pooling_mode_cls_token"}, {"mean", "pooling_mode_mean_tokens"}, {"max", "pooling_mode_max_tokens"}, {"mean_sqrt_len", "pooling_mode_mean_sqrt_len_tokens"},
	{"weightedmean", "pooling_mode_weightedmean_tokens"}, {"last", "pooling_mode_lasttoken"},
}

// Pooled says how clients pool the vectors of tokens that an embedding model
// gives.
type Pooled struct {
	Dim       int
	Tokens    bool   // they get vectors of tokens, which they pool
	Pooling   string // as models.Tap has it
	Normalize bool   // embeddings have the length 1
}

// known tells whether sentence-transformers pools so.
func (p *Pooled) known() bool {
	return p.Tokens && slices.ContainsFunc(sentencePoolings, func(s struct{ pooling, key string }) bool { return s.pooling == p.Pooling })
}

// Where the files of sentence-transformers lie.
const (
	modulesFile  = "modules.json"
	poolingFile  = "1_Pooling/config.json"
	sentenceFile = "sentence_bert_config.json"
	promptsFile  = "config_sentence_transformers.json"
)

// sentenceFiles gives put what sentence-transformers reads.
func (f *Folder) sentenceFiles(put func(name string, v any), c *models.TextSpec) {
	const module = "sentence_transformers.models."
	p := f.Pooled
	list := []fields{
		{{"idx", 0}, {"name", "0"}, {"path", ""}, {"type", module + "Transformer"}},
		{{"idx", 1}, {"name", "1"}, {"path", "1_Pooling"}, {"type", module + "Pooling"}},
	}
	if p.Normalize {
		list = append(list, fields{{"idx", 2}, {"name", "2"}, {"path", "2_Normalize"}, {"type", module + "Normalize"}})
	}
	put(modulesFile, list)
	pooling := fields{{"word_embedding_dimension", p.Dim}}
	for _, s := range sentencePoolings {
		pooling.add(s.key, s.pooling == p.Pooling)
	}
	pooling.add("include_prompt", true)
	put(poolingFile, pooling)
	put(sentenceFile, fields{{"max_seq_length", c.MaxLen}, {"do_lower_case", false}})
	prompts, first := fields{}, any(nil)
	if c.Prefix != "" {
		prompts, first = fields{{"default", c.Prefix}}, "default"
	}
	put(promptsFile, fields{{"prompts", prompts}, {"default_prompt_name", first}, {"similarity_fn_name", "cosine"}})
}

package folder

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/headstart-ml/headstart/models"
)

// A module is an entry of modules.json, which lists in order what a text passes
// through.
type module struct {
	kind string // the last word of its type: "Pooling"
	dir  string // of its files, "" for the folder itself
	o    *object
	i    int
}

// errorf says what is wrong with a module.
func (m *module) errorf(format string, a ...any) error { return m.o.errorf("type", format, a...) }

// modules lists those of modules.json, nil if there is no such file.
func (f *layout) modules() ([]module, error) {
	if ok, err := f.has(modulesFile); err != nil || !ok {
		return nil, err
	}
	data, err := f.read(modulesFile, maxConfig)
	if err != nil {
		return nil, err
	}
	place := f.path(modulesFile)
	if err := checkJSON(data); err != nil {
		return nil, fmt.Errorf("models: %s: %w", place, err)
	}
	var list []map[string]json.RawMessage
	if err := json.Unmarshal(data, &list); err != nil {
		return nil, fmt.Errorf("models: %s: it does not hold a list of JSON objects", place)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("models: %s: it lists no modules", place)
	}
	var all []module
	for i, fields := range list {
		m := module{o: &object{file: fmt.Sprintf("%s: module %d", place, i), fields: fields}, i: i}
		kind, err := m.o.text("type")
		if err != nil {
			return nil, err
		}
		if m.dir, err = m.o.text("path"); err != nil {
			return nil, err
		}
		if m.dir = strings.TrimSuffix(m.dir, "/"); m.dir != "" && (!fs.ValidPath(m.dir) || m.dir == ".") {
			return nil, m.o.errorf("path", "%q is not a folder inside this one", m.dir)
		}
		if !strings.HasPrefix(kind, "sentence_transformers.") {
			return nil, m.errorf("%.100s is code of the folder's own, which is not run; --tap decides without it", kind)
		}
		m.kind = kind[strings.LastIndexByte(kind, '.')+1:]
		all = append(all, m)
	}
	return all, nil
}

// textDir is the folder of what tells about texts: that of the first module, or
// this one.
func (f *layout) textDir() string {
	list, err := f.modules()
	if err != nil || len(list) == 0 || list[0].kind != "Transformer" && list[0].kind != staticFirst {
		return "" // whoever reads the modules says why
	}
	return list[0].dir
}

// A sentence is what a folder says about the way from tokens to one vector.
type sentence struct {
	first   string   // the kind of the module that makes token vectors
	modes   []string // of pooling, as Tap.Pooling has them; nil if the folder says nothing
	skip    bool     // the prompt's tokens are left out of the pooling
	prompt  int      // how many these are, special ones before them included
	dim     int      // length of a token's vector, 0 if the folder does not say
	before  []step   // on vectors of tokens
	behind  []step   // on the pooled vector
	post    string   // Tap.Post
	missing string   // for a message: the file that would say it
	place   string   // for messages
}

// plain tells whether a tap alone says it all, so that nothing need be put
// behind the graph.
func (p *sentence) plain() bool {
	return len(p.before)+len(p.behind) == 0 && !p.skip && len(p.modes) == 1 && (p.modes[0] == "mean" || p.modes[0] == "cls")
}

// words says what is put behind the graph, one word or more a step: it is part
// of the identity of embeddings.
func (p *sentence) words() []string {
	var all []string
	for _, s := range p.before {
		all = append(all, "tokens: "+s.word())
	}
	if p.modes != nil {
		word := "pooling " + strings.Join(p.modes, "+")
		if p.skip {
			word += fmt.Sprintf(" without the first %d tokens", p.prompt)
		}
		all = append(all, word)
	}
	for _, s := range p.behind {
		all = append(all, s.word())
	}
	return all
}

// A step is what is done to vectors behind the backbone.
type step interface {
	word() string
	// build puts it behind the tensor x, which has a vector of dim numbers for
	// each sample, or for each token of it, and says what it makes.
	build(g *behind, x string, dim int) (y string, made int, err error)
}

// moduleKinds has an entry for each kind of module that may follow the first
// one.
var moduleKinds = map[string]func(f *layout, m *module, p *sentence) error{
	"Pooling":   (*layout).poolingModule,
	"Dense":     (*layout).denseModule,
	"LayerNorm": (*layout).layerNormModule,
	"Normalize": func(_ *layout, _ *module, p *sentence) error {
		if p.modes != nil || p.first == staticFirst {
			p.behind = append(p.behind, normalize{})
		}
		return nil // before there is a pooled vector it does nothing
	},
	"Dropout": func(*layout, *module, *sentence) error { return nil }, // in training only
}

// sentence reads the way from tokens to one vector from modules.json and the
// modules' own files. A folder without modules.json says nothing about it.
func (f *layout) sentence() (*sentence, error) {
	p := &sentence{place: f.path(modulesFile)}
	list, err := f.modules()
	if err != nil {
		return nil, err
	}
	if list == nil || list[0].kind == clipModule { // its graph pools
		p.missing, p.post = f.path(modulesFile), f.post
		return p, nil
	}
	known := strings.Join(slices.Sorted(maps.Keys(moduleKinds)), ", ")
	for i := range list {
		m := &list[i]
		if i == 0 {
			if p.first = m.kind; p.first != "Transformer" && p.first != staticFirst {
				return nil, m.errorf("%.100s comes first; taken are Transformer and StaticEmbedding", m.kind)
			}
			continue
		}
		read := moduleKinds[m.kind]
		if read == nil {
			return nil, m.errorf("%.100s is not a module that is taken here; behind the first one are: %s", m.kind, known)
		}
		if err := read(f, m, p); err != nil {
			return nil, err
		}
	}
	if p.modes == nil && p.first == "Transformer" {
		return nil, fmt.Errorf("models: %s: it lists no module of type Pooling", p.place)
	}
	if n := len(p.behind) - 1; n >= 0 && p.behind[n] == (normalize{}) {
		p.behind, p.post = p.behind[:n], "l2"
	}
	return p, nil
}

// config reads a module's own file.
func (f *layout) config(m *module) (*object, error) {
	o, _, err := f.object(path.Join(m.dir, configFile), maxConfig)
	return o, err
}

// poolings are the words of Tap.Pooling for those of sentence-transformers, in
// the order in which its flags are put together.
var poolings = []struct{ flag, name, pooling string }{
	{"pooling_mode_cls_token", "cls", "cls"},
	{"pooling_mode_max_tokens", "max", "max"},
	{"pooling_mode_mean_tokens", "mean", "mean"},
	{"pooling_mode_mean_sqrt_len_tokens", "mean_sqrt_len_tokens", "mean_sqrt_len"},
	{"pooling_mode_weightedmean_tokens", "weightedmean", "weightedmean"},
	{"pooling_mode_lasttoken", "lasttoken", "last"},
}

// poolingModule reads how token vectors are pooled: pooling_mode has a name or
// a list of them, or else flags pooling_mode_… are true.
func (f *layout) poolingModule(m *module, p *sentence) error {
	if p.modes != nil {
		return m.errorf("Pooling as module %d is the second one", m.i)
	}
	o, err := f.config(m)
	if err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(o.fields)) {
		switch {
		case strings.HasPrefix(key, "pooling_mode_"):
			on, err := o.flag(key)
			if err != nil {
				return err
			}
			known := slices.ContainsFunc(poolings, func(x struct{ flag, name, pooling string }) bool { return x.flag == key })
			if on && !known {
				return o.errorf(key, "such a pooling is not known")
			}
		case key == "word_embedding_dimension" || key == "embedding_dimension":
			if p.dim, err = o.whole(key, models.MaxDim); err != nil {
				return err
			}
		}
	}
	if o.given("include_prompt") {
		included, err := o.flag("include_prompt")
		if err != nil {
			return err
		}
		p.skip = !included
	}
	var names []string
	if o.has("pooling_mode") {
		if names, err = o.words("pooling_mode"); err != nil {
			return err
		}
		for _, name := range names {
			mode := ""
			for _, x := range poolings {
				if x.name == name || strings.TrimPrefix(x.flag, "pooling_mode_") == name {
					mode = x.pooling
				}
			}
			if mode == "" {
				return o.errorf("pooling_mode", "%.100s is not known; there are cls, max, mean, mean_sqrt_len_tokens, weightedmean and lasttoken", name)
			}
			p.modes = append(p.modes, mode)
		}
	} else {
		for _, x := range poolings {
			if !o.given(x.flag) {
				continue
			}
			if on, err := o.flag(x.flag); err != nil {
				return err
			} else if on {
				p.modes = append(p.modes, x.pooling)
			}
		}
	}
	if len(p.modes) == 0 {
		return o.errorf("pooling_mode", "the field is missing and no flag pooling_mode_… is true")
	}
	return nil
}

// words reads a string, or a list of them.
func (o *object) words(field string) ([]string, error) {
	var list []string
	if json.Unmarshal(o.fields[field], &list) == nil {
		o.used(field)
		return list, nil
	}
	word, err := o.text(field)
	return []string{word}, err
}

// weightsOf reads the file of a module's weights.
func (f *layout) weightsOf(m *module) (*safetensors, error) {
	const file, pickled = "model.safetensors", "pytorch_model.bin"
	ok, err := f.has(path.Join(m.dir, file))
	if err != nil {
		return nil, err
	}
	if old, err := f.has(path.Join(m.dir, pickled)); !ok && err == nil && old {
		return nil, &PickleError{Folder: f.path(m.dir), File: pickled, Wanted: file}
	}
	return f.safetensors(path.Join(m.dir, file))
}

// PickleError says that weights lie in a file that only Python reads.
type PickleError struct {
	Folder string
	File   string // which is there
	Wanted string // which is read
}

func (e *PickleError) Error() string {
	return fmt.Sprintf("models: %s: the weights of the module are a pickle, which only Python reads; they are wanted as %s", path.Join(e.Folder, e.File), e.Wanted)
}

package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract"
	"github.com/headstart-ml/headstart/extract/contract"
	"github.com/headstart-ml/headstart/extract/features"
	"github.com/headstart-ml/headstart/extract/image"
	"github.com/headstart-ml/headstart/extract/source"
	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/builtin"
	"github.com/headstart-ml/headstart/models/folder"
)

func cacheWhyCommand(e *env) *command {
	return &command{
		name: "why",
		args: "NAME.features…|SOURCE…",
		does: "says why samples are not cached: which field of their space differs",
		about: "A feature set is asked for in its own spaces. Anything else is a source, a single image too, and is asked for in the space that extract would use with the same flags. " +
			"Where rows are missing, the nearest space of the cache that has them is named, with each field in which it differs. " +
			"Contents that are there twice count once; what a file is called never counts.",
		examples: []string{
			"headstart cache why images.features",
			"headstart cache why photos/",
			"headstart cache why --alpha white images/1f34e.png    # would extract --alpha white compute it?",
			"headstart cache why --text name --json emoji.csv",
		},
		exits:   []int{exitCorrupt},
		minArgs: 1, maxArgs: -1,
		flags: append(readingFlags(), commonFlags("cache", "quiet", "json", "no-color")...),
		action: func(ctx *cli.Context) error {
			c, err := e.common(ctx)
			if err != nil {
				return err
			}
			s, err := newSampling(ctx)
			if err != nil {
				return err
			}
			return runCacheWhy(ctx.Context, c, s, ctx.Args().Slice(), e)
		},
	}
}

// question is what is asked about: keys in a space.
type question struct {
	name  string // of the feature set or the source
	space *cache.Space
	keys  []cache.Key // distinct
	// lost says how contents that no space has may have come to be missing,
	// and what to do.
	lost string
}

// answer is a line of `cache why --json`.
type answer struct {
	Space   string     `json:"space"`
	Known   bool       `json:"known"`   // the space is in the cache
	Samples int        `json:"samples"` // distinct contents
	Cached  int        `json:"cached"`  // of them with a valid row
	Waiting int        `json:"waiting"` // journals of the space with rows that are not sealed yet
	Nearest *neighbour `json:"nearest"`

	damaged int // segments and rows of the space that count as missing
}

// neighbour is another space that has what is missing, or else the one that
// is nearest to a space which the cache does not know.
type neighbour struct {
	Space       string       `json:"space"`
	Cached      int          `json:"cached"` // of the contents that are missing
	Differences []difference `json:"differences"`

	space *cache.Space
}

type difference struct {
	Field string `json:"field"`
	Here  string `json:"here"`  // "": absent
	There string `json:"there"` // "": absent
}

func runCacheWhy(ctx context.Context, c *common, s *sampling, names []string, e *env) error {
	sets := 0
	for _, name := range names {
		if isFeatureSet(name) {
			sets++
		}
	}
	store, err := openCache(c)
	if err != nil {
		return err
	}
	defer store.Close()
	var questions []question
	switch {
	case sets == 0:
		questions, err = askSource(ctx, s, names, e)
	case sets < len(names):
		return usagef("give either feature sets or sources of samples, not both")
	case len(s.given) > 0:
		return usagef("--%s says how samples are read; a feature set has been read already", s.given[0])
	default:
		questions, err = askFeatures(names)
	}
	if err != nil {
		return err
	}
	spaces, err := store.Spaces()
	if err != nil {
		e.note("spaces that are refused are left out: %v", err)
	}
	for i := range questions {
		if err := ctx.Err(); err != nil {
			return err
		}
		q := &questions[i]
		a, err := why(store, spaces, q)
		if err != nil {
			return err
		}
		if c.json {
			err = e.printJSON(a)
		} else {
			err = writeWhy(e.stdout, q, a)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// askFeatures asks for every space of every set.
func askFeatures(paths []string) ([]question, error) {
	var all []question
	for _, path := range paths {
		set, err := features.Read(path)
		if err != nil {
			return nil, err
		}
		keys := slices.Clone(set.Keys)
		slices.SortFunc(keys, cache.Key.Compare)
		keys = slices.Compact(keys)
		for _, raw := range set.Meta.Spaces {
			space, err := cache.ParseSpace(raw)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
			all = append(all, question{path, space, keys, fmt.Sprintf(
				"they are in another cache, which --cache names, or were removed; extract computes them again from %s", strings.Join(set.Meta.Source, ", "))})
		}
	}
	return all, nil
}

// askSource asks for the samples of a source in the space that extract would
// use.
func askSource(ctx context.Context, s *sampling, paths []string, e *env) ([]question, error) {
	src, err := source.Open(paths, &s.source)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	spec, err := s.resolve(src.Modality())
	if err != nil {
		return nil, err
	}
	spaces, err := contract.SpacesOf(spec)
	if err != nil {
		return nil, err
	}
	unread, first := 0, ""
	keys, err := extract.Keys(ctx, spec.Modality, src, func(sample *source.Sample, reason string) {
		if unread++; unread == 1 {
			first = sample.Path + ": " + reason
		}
	})
	if err != nil {
		return nil, err
	}
	if unread > 0 {
		e.note("%s cannot be read, which no cache has rows for; the first: %s", counted(unread, "sample"), first)
	}
	var questions []question
	for _, space := range spaces {
		questions = append(questions, question{strings.Join(paths, ", "), space, keys,
			"it was never embedded (what extract cannot decode it lists in the quarantine list), or the file's content has changed since"})
	}
	return questions, nil
}

// why finds what the cache has for a question.
func why(store *cache.Cache, spaces []*cache.Space, q *question) (*answer, error) {
	same := func(s *cache.Space) bool { return s.Fingerprint() == q.space.Fingerprint() }
	a := &answer{Space: q.space.Fingerprint(), Known: slices.ContainsFunc(spaces, same), Samples: len(q.keys)}
	r, err := store.Reader(q.space)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	missing, err := r.Missing(q.keys)
	if err != nil {
		return nil, err
	}
	a.Cached, a.Waiting, a.damaged = len(q.keys)-len(missing), r.Waiting(), len(r.Corrupt())
	if len(missing) == 0 {
		return a, nil
	}
	keys := make([]cache.Key, len(missing))
	for k, i := range missing {
		keys[k] = q.keys[i]
	}
	held := make([]int, len(spaces))
	for i, s := range spaces {
		if same(s) {
			continue
		}
		if held[i], err = holds(store, s, keys); err != nil {
			return nil, err
		}
	}
	i := q.space.Nearest(spaces, held)
	if i < 0 || held[i] == 0 && a.Known {
		return a, nil
	}
	a.Nearest = &neighbour{Space: spaces[i].Fingerprint(), Cached: held[i], space: spaces[i]}
	for _, d := range q.space.Diff(spaces[i]) {
		a.Nearest.Differences = append(a.Nearest.Differences, difference{d.Field, d.A, d.B})
	}
	return a, nil
}

// holds is how many of the keys a space has rows for.
func holds(store *cache.Cache, s *cache.Space, keys []cache.Key) (int, error) {
	r, err := store.Reader(s)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	return len(keys) - r.Locate(keys, make([]cache.Ref, len(keys))), nil
}

// writeWhy writes the paragraph of a space.
func writeWhy(w io.Writer, q *question, a *answer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: space %s (%s) holds %s of %s", q.name, short(a.Space), inWords(q.space), count(int64(a.Cached)), counted(a.Samples, "sample"))
	if !a.Known {
		b.WriteString("; this cache does not have the space")
	}
	b.WriteString(".\n")
	missing := a.Samples - a.Cached
	if missing > 0 && a.Waiting > 0 {
		fmt.Fprintf(&b, "  %s of the space may hold some of the missing: rows that are not sealed yet. The next extract seals those that nobody writes to.\n", counted(a.Waiting, "journal"))
	}
	if missing > 0 && a.damaged > 0 {
		fmt.Fprintf(&b, "  Damaged, so that it counts as missing: %s of the space; headstart cache verify --full lists them.\n", counted(a.damaged, "segment or row"))
	}
	if n := a.Nearest; missing > 0 {
		if n == nil || n.Cached == 0 {
			fmt.Fprintf(&b, "  No space of this cache holds what is missing: %s.\n", q.lost)
		}
		if n != nil {
			writeNeighbour(&b, n, missing)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// writeNeighbour names a space and what it differs in, the model first.
func writeNeighbour(b *strings.Builder, n *neighbour, missing int) {
	fields := "one field"
	if k := len(n.Differences); k > 1 {
		fields = fmt.Sprintf("%d fields", k)
	}
	if n.Cached > 0 {
		fmt.Fprintf(b, "  Space %s (%s) holds %s of the %s missing and differs in %s:\n",
			short(n.Space), inWords(n.space), count(int64(n.Cached)), count(int64(missing)), fields)
	} else {
		fmt.Fprintf(b, "  The nearest space is %s (%s); it differs in %s:\n", short(n.Space), inWords(n.space), fields)
	}
	ds := slices.Clone(n.Differences)
	slices.SortStableFunc(ds, func(x, y difference) int {
		isModel := func(d difference) int {
			if strings.HasPrefix(d.Field, "model.") {
				return 0
			}
			return 1
		}
		return isModel(x) - isModel(y)
	})
	// Another model differs in much else, and where it has nothing either, that
	// it is another says all.
	most := 6
	if n.Cached == 0 && strings.HasPrefix(ds[0].Field, "model.") {
		most = 1
	}
	var flags []string
	for i, d := range ds {
		if i == most {
			fmt.Fprintf(b, "    and %d more, which --json lists\n", len(ds)-most)
			break
		}
		fmt.Fprintf(b, "    %s: %s here, %s there\n", fieldInWords(d.Field), valueInWords(d.Here), valueInWords(d.There))
	}
	if slices.ContainsFunc(ds, func(d difference) bool { return d.Field == "prep.decode" && image.Decodes(d.There) }) {
		b.WriteString("  That space is an earlier version's: heads and feature sets on it go on with its decoders; extract computes samples for this version's.\n")
	}
	known := 0
	for _, d := range ds {
		flag, ok := flagOf(d)
		if ok {
			known++
		}
		if flag != "" {
			flags = append(flags, flag)
		}
	}
	if n.Cached > 0 && known == len(ds) && len(flags) > 0 {
		fmt.Fprintf(b, "  With %s extract finds them there.\n", strings.Join(flags, " "))
	}
}

// flagOf is the flag with which a field is as it is there, "" where another
// field's does it; !ok: none does.
func flagOf(d difference) (flag string, ok bool) {
	name := strings.TrimPrefix(d.Field, "prep.")
	switch {
	case d.Field == "prep.prefix":
		return "--prompt " + shellWord(d.There), true
	case d.Field == "prep.long":
		return "--long " + cmp.Or(d.There, contract.Truncate), true
	case d.Field == "prep.overlap":
		return "", true // goes with prep.long
	case d.Field == "dim":
		return "--dim " + d.There, true
	case slices.ContainsFunc((models.Policies{}).List(), func(p models.Policy) bool { return p.Name == name }):
		return "--" + name + " " + d.There, true
	}
	return "", false
}

// fieldWords say what the fields of an identity are.
var fieldWords = map[string]string{
	"model.sha256": "the model's bytes", "output": "the tap", "pool": "its pooling", "post": "what is done to a vector last",
	"dim": "the length of a vector", "shape": "the dimensions of the tensor", "dtype": "how values are kept", "numerics": "what kind of processor computes",
	"prep.impl": "the version of the preprocessing", "prep.decode": "the version of the image decoders",
	"prep.alpha": "what becomes of transparency", "prep.exif": "the orientation tag", "prep.grey16": "what becomes of 16-bit grey",
	"prep.convert": "the colours", "prep.resize.w": "the width to resize to", "prep.resize.h": "the height to resize to", "prep.resize.filter": "the filter of resizing",
	"prep.resize.mode": "how the size is found", "prep.crop.w": "the width of the crop", "prep.crop.h": "the height of the crop",
	"prep.rescale": "the factor of the values", "prep.mean": "the mean that is taken off", "prep.std": "what is divided by", "prep.layout": "the order of the axes",
	"prep.tokenizer_sha256": "the tokenizer's bytes", "prep.max_len": "the most tokens of a text", "prep.truncation": "where long texts are cut",
	"prep.lowercase": "whether letters are made small", "prep.prefix": "what is put before a text",
	"prep.padding": "the side on which texts are filled up", "prep.length": "how many tokens texts are filled up to", "prep.pad_id": "the token that fills up",
	"prep.first_position": "the number of the first token", "prep.pad_position": "the number of what fills up",
	"prep.long": "what becomes of longer texts", "prep.overlap": "the tokens that windows share", "behind": "what the folder puts behind the graph",
}

// fieldInWords is a field's name with what it is.
func fieldInWords(field string) string {
	words := fieldWords[field]
	if strings.HasPrefix(field, "shape.") {
		words = fieldWords["shape"]
	}
	if strings.HasPrefix(field, "behind.") {
		words = fieldWords["behind"]
	}
	if words != "" {
		return field + " (" + words + ")"
	}
	return field
}

// valueInWords shows a value: a digest by the backbone that has it, or by its
// beginning.
func valueInWords(value string) string {
	if value == "" {
		return "absent"
	}
	if len(value) != 64 || strings.Trim(value, "0123456789abcdef") != "" {
		return value
	}
	if name := backboneOf(value); name != "" {
		return short(value) + " of " + name
	}
	return short(value)
}

// backboneOf names the built-in backbone that has a file of this digest, ""
// if there is none.
func backboneOf(sha256 string) string {
	list, err := folder.Builtin(builtin.FS())
	if err != nil {
		return "" // only a name is missing
	}
	for _, b := range list {
		for _, f := range b.Files {
			if f.SHA256 == sha256 {
				return b.Name
			}
		}
	}
	return ""
}

// inWords describes a space, with its backbone's name if that is known.
func inWords(s *cache.Space) string {
	d, err := contract.Describe(s.JSON())
	if err != nil {
		return err.Error()
	}
	if name := backboneOf(d.Model); name != "" {
		return name + ", " + d.String()
	}
	return d.String()
}

package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/cmd/headstart/internal/report"
	"github.com/headstart-ml/headstart/extract/contract"
	"github.com/headstart-ml/headstart/extract/features"
	"github.com/headstart-ml/headstart/head/file"
	"github.com/headstart-ml/headstart/head/predict"
	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/builtin"
	"github.com/headstart-ml/headstart/models/folder"
)

func inspectCommand(e *env) *command {
	return &command{
		name: "inspect",
		args: "NAME|PATH…",
		does: "says in plain words what a backbone, head, feature set or cache is",
		about: "What it is is told apart by content: a built-in backbone's name, a backbone's folder or ONNX file, a head, a feature set, a cache's folder. " +
			"Several heads are compared in one table. Of a backbone it shows, too, which tensors can be tapped, " +
			"and where it can be cut so that what follows is retrained, with the parameters that this trains.",
		examples: []string{
			"headstart inspect all-minilm-l6-v2",
			"headstart inspect names.features",
			"headstart inspect images.head.onnx names.head.onnx    # side by side",
		},
		minArgs: 1, maxArgs: -1,
		wants: []string{"what to look at: a file, a folder or the name of a backbone"},
		flags: append(factFlags(), commonFlags("json", "no-color")...),
		action: func(ctx *cli.Context) error {
			c, err := e.common(ctx)
			if err != nil {
				return err
			}
			facts, err := readFacts(ctx)
			if err != nil {
				return err
			}
			return runInspect(&inspectOptions{*c, facts}, ctx.Args().Slice(), e)
		},
	}
}

// inspectOptions are what inspect is asked for.
type inspectOptions struct {
	common
	facts folder.Facts // about a backbone
}

func runInspect(c *inspectOptions, names []string, e *env) error {
	var heads []*file.File
	for _, name := range names {
		if f, err := file.Read(name); err == nil {
			heads = append(heads, f)
		}
	}
	if len(heads) == len(names) && len(heads) > 1 {
		if c.json {
			for i, f := range heads {
				if err := e.printJSON(newHeadSummary(names[i], f)); err != nil {
					return err
				}
			}
			return nil
		}
		return printHeads(e, &c.common, names, heads)
	}
	for i, name := range names {
		if i > 0 && !c.json {
			fmt.Fprintln(e.stdout)
		}
		if err := inspect(c, name, e); err != nil {
			return err
		}
	}
	return nil
}

// inspect tells by its content what name is.
func inspect(c *inspectOptions, name string, e *env) error {
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return inspectBackbone(c, name, e)
	case info.IsDir():
		if _, err := os.Stat(filepath.Join(name, "FORMAT")); err == nil {
			in := c.common
			in.cacheDir = name
			return runCacheStat(&in, e)
		}
		return inspectBackbone(c, name, e)
	case isFeatureSet(name):
		return inspectFeatures(name, c.json, e)
	}
	f, err := file.Read(name)
	if err == nil {
		if c.json {
			return e.printJSON(newHeadSummary(name, f))
		}
		return printHead(e, &c.common, name, f)
	}
	if strings.HasSuffix(name, ".head.onnx") {
		return err
	}
	return inspectBackbone(c, name, e)
}

// backboneSummary is what `inspect BACKBONE --json` prints.
type backboneSummary struct {
	Name           string          `json:"name"`
	Modality       models.Modality `json:"modality"`
	Licence        string          `json:"licence,omitempty"`
	Source         string          `json:"source,omitempty"`
	SHA256         string          `json:"sha256"`
	Bytes          int             `json:"bytes"`
	Opset          int64           `json:"opset"`
	IRVersion      int64           `json:"ir_version"`
	Parameters     int64           `json:"parameters"`
	Inputs         []tensorSummary `json:"inputs"`
	Outputs        []tensorSummary `json:"outputs"`
	Operators      map[string]int  `json:"operators"`
	Tap            tapSummary      `json:"tap"`
	Prep           map[string]any  `json:"prep"`
	RowIndependent bool            `json:"row_independent"` // as far as the graph tells
	Overruled      []string        `json:"overruled,omitempty"`
	Prompts        []models.Prompt `json:"prompts,omitempty"`
	Notes          []string        `json:"notes,omitempty"`
	Read           []originSummary `json:"read,omitempty"`
	// Head is what an exported model answers; nil: it is none.
	Head *exportedHead `json:"head,omitempty"`
	*layerSummary

	batchDependent []string // operators
	ask            string   // what has to be said before samples can be embedded, "" if nothing
}

// exportedHead is the head of an exported model.
type exportedHead struct {
	Type    string   `json:"type"`
	Task    string   `json:"task,omitempty"` // of another head than for one of several classes
	Classes []string `json:"classes"`
	// Names are those of several heads, of which the first is this one.
	Names []string `json:"names,omitempty"`
	noun  string
}

// originSummary is a value that was read from one of a backbone's files.
type originSummary struct {
	File    string `json:"file"` // "": it was said with a flag, or is a default
	Field   string `json:"field"`
	Value   string `json:"value"`
	Default bool   `json:"default"` // the file has no such field
	Pixels  bool   `json:"pixels"`  // it decides pixels
}

type tensorSummary struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	Shape string `json:"shape"`
}

func newTensorSummary(v models.Value) tensorSummary {
	return tensorSummary{v.Name, v.Type, v.Dims()}
}

type tapSummary struct {
	Output  string `json:"output"`
	Pooling string `json:"pooling"`
	Post    string `json:"post,omitempty"`
	Dim     int    `json:"dim"`
	// Behind says what the folder puts behind the graph before the output.
	Behind []string `json:"behind,omitempty"`
}

func newBackboneSummary(name string, facts folder.Facts) (*backboneSummary, error) {
	// What would have to be said is shown as a remark, with the first choice
	// taken, so that there is something to choose by.
	o := &folder.Options{Builtin: builtin.FS(), Facts: facts, Tokens: contract.PromptTokens}
	spec, err := folder.ResolveFor(name, o)
	ask := ""
	if both, ok := errors.AsType[*folder.ModalitiesError](err); ok {
		ask = both.Error() + "; what is shown is the part for " + string(both.Modalities[0]) + "s"
		o.Modality = both.Modalities[0]
		spec, err = folder.ResolveFor(name, o)
	}
	if tap, ok := errors.AsType[*folder.NoTapError](err); ok && len(tap.Taps) > 0 {
		ask = tap.Error() + "; " + advice(err)
		o.Taps = tap.Taps[:1]
		spec, err = folder.ResolveFor(name, o)
	}
	if err != nil {
		return nil, err
	}
	inside, err := models.Look(spec)
	if err != nil {
		return nil, err
	}
	b := &backboneSummary{
		Name: spec.Name, Modality: spec.Modality, Licence: spec.Licence, Source: spec.Source,
		SHA256: spec.Weights.SHA256, Bytes: spec.Weights.Size, Opset: inside.Opset, IRVersion: inside.IRVersion, Parameters: inside.Parameters,
		Operators:      inside.Operators,
		Tap:            tapSummary{spec.Taps[0].Output, spec.Taps[0].Pooling, spec.Taps[0].Post, spec.Taps[0].Dim, spec.Taps[0].Behind},
		RowIndependent: len(spec.BatchDependent) == 0, Overruled: spec.Overruled,
		Prompts: spec.Prompts, batchDependent: spec.BatchDependent, Notes: spec.Notes, ask: strings.TrimPrefix(ask, "models: "),
	}
	if h, ok := predict.ExportedFrom(spec); ok {
		b.Head = &exportedHead{h.Kind, taskWord(h.Task), h.Classes, predict.HeadNames(spec), counted(len(h.Classes), h.Task.Noun())}
	}
	for _, from := range spec.Origins {
		b.Read = append(b.Read, originSummary(from))
	}
	for _, f := range spec.Weights.External {
		b.Bytes += int(f.Size)
	}
	for _, v := range inside.Inputs {
		b.Inputs = append(b.Inputs, newTensorSummary(v))
	}
	for _, v := range inside.Outputs {
		b.Outputs = append(b.Outputs, newTensorSummary(v))
	}
	b.Prep = spec.Contract.Prep()
	b.layerSummary = newLayerSummary(inside)
	b.oneByOne = spec.Single
	return b, nil
}

func inspectBackbone(c *inspectOptions, name string, e *env) error {
	b, err := newBackboneSummary(name, c.facts)
	if err != nil {
		return err
	}
	if c.json {
		return e.printJSON(b)
	}
	var facts []report.Fact
	line := func(what, format string, a ...any) {
		facts = append(facts, report.Fact{Name: what, Value: fmt.Sprintf(format, a...)})
	}
	line("backbone", "%s, for %s", b.Name, b.Modality.Plural())
	if b.Head != nil {
		line("head", "%s, %s: %s; headstart predict %s SOURCE asks it", b.Head.Type, b.Head.noun, strings.Join(b.Head.Classes, ", "), features.Quoted(name))
		if b.Head.Names != nil {
			line("heads", "%s; that is the first, predict --head NAME asks another one", strings.Join(b.Head.Names, ", "))
		}
	}
	line("licence", "%s", orUnknown(b.Licence))
	line("source", "%s", orUnknown(b.Source))
	line("model", "%s, %s parameters, opset %d, IR version %d", bytesOf(uint64(b.Bytes)), count(b.Parameters), b.Opset, b.IRVersion)
	line("sha256", "%s", b.SHA256)
	for _, t := range b.Inputs {
		line("input", "%s %s%s", t.Name, t.Type, t.Shape)
	}
	for _, t := range b.Outputs {
		line("output", "%s %s%s", t.Name, t.Type, t.Shape)
	}
	features := fmt.Sprintf("%s, pooling %s", b.Tap.Output, b.Tap.Pooling)
	if b.Tap.Post != "" {
		features += ", " + b.Tap.Post
	}
	line("features", "%s: %d values", features, b.Tap.Dim)
	for _, step := range b.Tap.Behind {
		line("behind the graph", "%s", step)
	}
	for _, p := range b.Prompts {
		line("prompt", "%s: %q", p.Name, p.Text)
	}
	var prep []string
	for _, name := range slices.Sorted(maps.Keys(b.Prep)) {
		value, err := json.Marshal(b.Prep[name])
		if err != nil {
			return err
		}
		prep = append(prep, name+" "+strings.Trim(string(value), `"`))
	}
	line("prep", "%s", strings.Join(prep, ", "))
	var ops []string
	for op, n := range b.Operators {
		ops = append(ops, fmt.Sprintf("%s %d", op, n))
	}
	slices.Sort(ops)
	line("operators", "%s", strings.Join(ops, ", "))
	if b.RowIndependent {
		line("batches", "no operator is known to compute over the whole batch, so an embedding does not depend on its neighbours; extract checks it on the first samples")
	} else {
		line("batches", "%s computes over the whole batch, so an embedding depends on its neighbours; extract runs one sample at a time", strings.Join(b.batchDependent, ", "))
	}
	for _, o := range b.Overruled {
		line("overruled", "%s", o)
	}
	for _, n := range b.Notes {
		line("note", "%s", n)
	}
	if b.ask != "" {
		line("to say", "%s", b.ask)
	}
	if err := report.FactsTo(e.stdout, facts, e.style(nil)); err != nil {
		return err
	}
	if err := printOrigins(e, b.Read); err != nil {
		return err
	}
	return b.layerSummary.print(e)
}

// printOrigins prints what was read from which file.
func printOrigins(e *env, read []originSummary) error {
	if len(read) == 0 {
		return nil
	}
	t := &report.Table{Columns: []report.Column{{Name: "read"}, {Name: "value"}, {Name: "decides pixels"}}}
	last := "\x00"
	for _, o := range read {
		if o.File != last {
			t.Rows = append(t.Rows, []string{cmp.Or(o.File, "in no file")})
			last = o.File
		}
		value, pixels := o.Value, ""
		if r := []rune(value); len(r) > 36 {
			value = string(r[:35]) + "…"
		}
		if o.Default {
			value += ", not in the file"
		}
		if o.Pixels {
			pixels = "yes"
		}
		t.Rows = append(t.Rows, []string{"  " + o.Field, value, pixels})
	}
	fmt.Fprintln(e.stdout)
	return report.TableTo(e.stdout, t, e.style(nil))
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}

// setSummary is what `inspect NAME.features --json` prints.
type setSummary struct {
	Path    string         `json:"path"`
	Meta    *features.Meta `json:"meta"`
	Rows    int            `json:"rows"`
	Classes map[string]int `json:"classes,omitempty"`
	Splits  map[string]int `json:"splits,omitempty"`
	Groups  int            `json:"groups,omitempty"`
	Labels  *labelSummary  `json:"labels,omitempty"`
}

// labelSummary are the numbers of labels of a set with several a sample.
type labelSummary struct {
	Total      int `json:"total"`
	Most       int `json:"most"`       // of a sample
	None       int `json:"none"`       // samples that have none
	Unlabelled int `json:"unlabelled"` // samples of which nothing is said
}

// summarizeLabels counts lists of labels of n samples.
func summarizeLabels(lists [][]string, n int) (*labelSummary, map[string]int) {
	s, classes := &labelSummary{Unlabelled: n - len(lists)}, map[string]int{}
	for _, labels := range lists {
		switch {
		case labels == nil:
			s.Unlabelled++
		case len(labels) == 0:
			s.None++
		}
		s.Total += len(labels)
		s.Most = max(s.Most, len(labels))
		for _, label := range labels {
			classes[label]++
		}
	}
	return s, classes
}

// said is the summary in words.
func (s *labelSummary) said(samples int) string {
	labelled := samples - s.Unlabelled
	text := fmt.Sprintf("several a sample: %s on %s, up to %d each", counted(s.Total, "label"), counted(labelled, "sample"), s.Most)
	if s.None > 0 {
		text += fmt.Sprintf("; %s with none", count(int64(s.None)))
	}
	if s.Unlabelled > 0 {
		text += fmt.Sprintf("; %s of which nothing is said", count(int64(s.Unlabelled)))
	}
	return text
}

func inspectFeatures(path string, asJSON bool, e *env) error {
	set, err := features.Read(path)
	if err != nil {
		return err
	}
	tally := func(column []string) map[string]int {
		counts := map[string]int{}
		for _, v := range column {
			if v != "" {
				counts[v]++
			}
		}
		return counts
	}
	s := &setSummary{Path: path, Meta: &set.Meta, Rows: set.N(), Classes: tally(set.Labels), Splits: tally(set.Splits), Groups: len(tally(set.Groups))}
	if set.Meta.MultiLabel {
		s.Labels, s.Classes = summarizeLabels(set.LabelLists, set.N())
	}
	if asJSON {
		return e.printJSON(s)
	}
	var facts []report.Fact
	line := func(what, format string, a ...any) {
		facts = append(facts, report.Fact{Name: what, Value: fmt.Sprintf(format, a...)})
	}
	line("feature set", "%s: %s from %s", path, countedSamples(s.Rows, models.Modality(set.Meta.Modality)), strings.Join(set.Meta.Source, ", "))
	line("backbone", "%s", set.Meta.Backbone)
	for _, raw := range set.Meta.Spaces {
		space, err := cache.ParseSpace(raw)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		line("space", "%s × %d: %s", space.Fingerprint()[:12], space.Dim(), describe(space))
	}
	for _, said := range []struct {
		n                  int
		what, one, several string
	}{
		{set.Meta.Counts.Bad, "bad", "sample was bad and is not in it", "samples were bad and are not in it"},
		{set.Meta.Counts.Pixels, "", "of them is an image with more pixels than the limit; extract --max-pixels N raises it", "of them are images with more pixels than the limit; extract --max-pixels N raises it"},
		{set.Meta.Counts.Duplicates, "duplicates", "sample has the content of an earlier one", "samples have the content of earlier ones"},
		{set.Meta.Counts.Cut, "cut", "text is longer than the backbone takes; what is beyond was not read", "texts are longer than the backbone takes; what is beyond was not read"},
	} {
		switch {
		case said.n == 1:
			line(said.what, "1 %s", said.one)
		case said.n > 1:
			line(said.what, "%s %s", count(int64(said.n)), said.several)
		}
	}
	if s.Labels != nil {
		line("labels", "%s", s.Labels.said(s.Rows))
	}
	if len(s.Classes) > 0 {
		line("classes", "%d: %s", len(s.Classes), listed(s.Classes))
	}
	if len(s.Splits) > 0 {
		line("splits", "%s", listed(s.Splits))
	}
	if s.Groups > 0 {
		line("groups", "%d", s.Groups)
	}
	line("made", "%s by %s", set.Meta.Created, set.Meta.Tool)
	return report.FactsTo(e.stdout, facts, e.style(nil))
}

// listed writes counts by name, the largest first, at most twelve of them.
func listed(counts map[string]int) string {
	var all []string
	for name := range counts {
		all = append(all, name)
	}
	slices.SortFunc(all, func(a, b string) int {
		if d := counts[b] - counts[a]; d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	var out []string
	for i, name := range all {
		if i == 12 {
			out = append(out, fmt.Sprintf("and %d more", len(all)-i))
			break
		}
		out = append(out, fmt.Sprintf("%s %d", name, counts[name]))
	}
	return strings.Join(out, ", ")
}

// countedSamples is counted for samples of a modality.
func countedSamples[N int | int64](n N, m models.Modality) string {
	if m == models.Numbers {
		return counted(n, "sample") + " of numbers"
	}
	return counted(n, string(m))
}

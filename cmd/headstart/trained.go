package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/cache/draft"
	"github.com/headstart-ml/headstart/cmd/headstart/internal/report"
	"github.com/headstart-ml/headstart/extract/contract"
	"github.com/headstart-ml/headstart/extract/features"
	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/experiment"
	"github.com/headstart-ml/headstart/head/file"
)

// training is what a head file keeps of how its head was trained.
type training struct {
	Features  []report.Features `json:"features"`
	Groups    bool              `json:"groups"`
	Unmatched int               `json:"unmatched"`
	Flags     []report.Fact     `json:"flags"`
	Sources   [][]string        `json:"sources"` // of each feature set
}

// describeTraining notes in a head file how its head was trained on j, and by which
// program.
func describeTraining(f *file.File, o *trainOptions, j *features.Joined) error {
	t := training{
		Groups:    o.By == "group" || o.By == "auto" && j.Table.Groups != nil,
		Unmatched: j.Table.Unmatched, Flags: o.facts(), Sources: sourcesOf(j),
	}
	for k, set := range j.Sets {
		for _, raw := range set.Meta.Spaces {
			space, err := cache.ParseSpace(raw)
			if err != nil {
				return fmt.Errorf("%s: %w", o.features[k], err)
			}
			d, err := contract.Describe(raw)
			if err != nil {
				return fmt.Errorf("%s: %w", o.features[k], err)
			}
			t.Features = append(t.Features, report.Features{
				Name: o.features[k], Backbone: set.Meta.Backbone, Tap: d.Tap(), Dim: space.Dim(),
			})
		}
	}
	var err error
	if f.Settings, err = json.Marshal(&t); err != nil {
		return err
	}
	f.Versions = map[string]string{"headstart": version()}
	f.Created, err = draft.Date()
	return err
}

// sourcesOf lists, for each feature set, the sources it was extracted from and
// the column that was its sample.
func sourcesOf(j *features.Joined) [][]string {
	var all [][]string
	for _, set := range j.Sets {
		var one []string
		for _, p := range set.Meta.Source {
			one = append(one, filepath.Clean(p))
		}
		for _, column := range []string{"image", "text"} {
			if name := set.Meta.Reading[column]; name != "" {
				one = append(one, column+"="+name)
			}
		}
		all = append(all, one)
	}
	return all
}

// checkReplace says whether a head may take the place of the file at path: if
// there is none, or a head on features of the same sources and spaces. One that
// --tail auto has put on more taps of the one space is on the same.
func checkReplace(path string, spaces []json.RawMessage, sources [][]string) error {
	f, err := file.Read(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("%s is there already and is not a head that could be replaced (%w); name another file with --out", path, err)
	case len(spaces) == 1 && len(f.Spaces) > 1 && contract.OneBackbone(spacesOf(f)):
		f.Spaces = f.Spaces[:1]
	case len(f.Spaces) != len(spaces):
		return fmt.Errorf("%s is there already, a head of %d feature sets, not of %d; name another file with --out", path, len(f.Spaces), len(spaces))
	}
	for i, s := range f.Spaces {
		if bytes.Equal(s.JSON, spaces[i]) {
			continue
		}
		old, err := cache.ParseSpace(s.JSON)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		now, err := cache.ParseSpace(spaces[i])
		if err != nil {
			return err
		}
		if diff := old.Diff(now); len(diff) > 0 {
			return fmt.Errorf("%s is there already, a head on features of another space (%s was %s and is %s); name another file with --out",
				path, diff[0].Field, diff[0].A, diff[0].B)
		}
	}
	var t training
	if f.Settings != nil {
		if err := json.Unmarshal(f.Settings, &t); err != nil {
			return fmt.Errorf("%s: settings: %w", path, err)
		}
	}
	if !slices.EqualFunc(t.Sources, sources, slices.Equal) {
		return fmt.Errorf("%s is there already, a head on samples of %s and not of %s; name another file with --out", path, t.Sources, sources)
	}
	return nil
}

// spacesOf lists space.json of a head's columns.
func spacesOf(f *file.File) []json.RawMessage {
	var all []json.RawMessage
	for _, s := range f.Spaces {
		all = append(all, s.JSON)
	}
	return all
}

// reportOf is what report draws of a head that was read from a file.
func reportOf(name string, f *file.File) (*report.Head, error) {
	h := &report.Head{Name: name, Retrained: retrainedOf(f), Result: &experiment.Result{Kind: f.Head.Kind, Classes: f.Head.Classes, Dim: f.Head.D(), L2: f.Head.Params.Value(head.L2)}}
	if f.Metrics != nil {
		if err := json.Unmarshal(f.Metrics, h.Result); err != nil {
			return nil, fmt.Errorf("%s: metrics: %w", name, err)
		}
	}
	if f.Settings != nil {
		var t training
		if err := json.Unmarshal(f.Settings, &t); err != nil {
			return nil, fmt.Errorf("%s: settings: %w", name, err)
		}
		h.Features, h.Groups, h.Unmatched = t.Features, t.Groups, t.Unmatched
	}
	return h, nil
}

// retrainedOf says which layers were trained with a head, "" if none were.
func retrainedOf(f *file.File) string {
	if f.Tail == nil {
		return ""
	}
	from := "the inputs"
	if f.Tail.Cut != "" {
		from = f.Tail.Cut
	}
	return fmt.Sprintf("behind %s: %d weights of the backbone, %s parameters", from, len(f.Tail.Weights), count(f.Tail.Parameters()))
}

// style is how tables are printed.
func (e *env) style(c *common) *report.Style {
	s := new(report.Style)
	if e.stdoutIsTerminal && !c.noColor {
		s.Heading = func(text string) string { return e.paint("1", text) } // bold
	}
	return s
}

// headSummary is what `inspect HEAD --json` prints.
type headSummary struct {
	Head     string            `json:"head"`
	Type     string            `json:"type"`
	Classes  []string          `json:"classes"`
	Dim      int               `json:"dim"`
	L2       float64           `json:"l2"`
	Spaces   []headSpace       `json:"spaces"`
	Fitted   int               `json:"fitted"`
	Data     string            `json:"data"`
	Settings json.RawMessage   `json:"settings,omitempty"`
	Result   json.RawMessage   `json:"result,omitempty"`
	Versions map[string]string `json:"versions,omitempty"`
	Created  string            `json:"created,omitempty"`
	Tail     *tailSummary      `json:"tail,omitempty"`
}

// tailSummary is what is said of the layers that were trained with a head.
type tailSummary struct {
	Cut        string   `json:"cut"` // "": the inputs of the backbone
	Features   string   `json:"features"`
	Pooling    string   `json:"pooling"`
	Normalize  bool     `json:"normalize"`
	Weights    []string `json:"weights"`
	Parameters int64    `json:"parameters"`
}

type headSpace struct {
	Backbone string          `json:"backbone"`
	Space    json.RawMessage `json:"space"`
}

func newHeadSummary(name string, f *file.File) *headSummary {
	s := &headSummary{
		Head: name, Type: f.Head.Kind, Classes: f.Head.Classes, Dim: f.Head.D(), L2: f.Head.Params.Value(head.L2),
		Data: f.Data, Settings: f.Settings, Result: f.Metrics, Versions: f.Versions, Created: f.Created,
	}
	for _, space := range f.Spaces {
		s.Spaces = append(s.Spaces, headSpace{space.Backbone, space.JSON})
	}
	if f.Fitted != nil {
		s.Fitted = f.Fitted.N
	}
	if t := f.Tail; t != nil {
		s.Tail = &tailSummary{
			Cut: t.Cut, Features: t.Features, Pooling: t.Pooling, Normalize: t.Normalize,
			Weights: slices.Sorted(maps.Keys(t.Weights)), Parameters: t.Parameters(),
		}
	}
	return s
}

// printHead prints what a head file says.
func printHead(e *env, c *common, name string, f *file.File) error {
	h, err := reportOf(name, f)
	if err != nil {
		return err
	}
	if err := report.SummaryTo(e.stdout, h, 0, e.style(c)); err != nil {
		return err
	}
	return report.ComparedTo(e.stdout, h.Result.Comparison, nil, e.style(c))
}

// printHeads compares heads in one table.
func printHeads(e *env, c *common, names []string, files []*file.File) error {
	var all []*report.Head
	for i, f := range files {
		h, err := reportOf(names[i], f)
		if err != nil {
			return err
		}
		all = append(all, h)
	}
	return report.ComparisonTo(e.stdout, all, e.style(c))
}

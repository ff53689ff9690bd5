package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/headstart-ml/headstart/cmd/headstart/internal/report"
	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/experiment"
	"github.com/headstart-ml/headstart/head/file"
)

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
	h := &report.Head{Name: name, Retrained: retrainedOf(f), Result: &experiment.Result{Kind: f.Head.Kind, Task: taskWord(f.Head.Task), Classes: f.Head.Classes, Dim: f.Head.D(), L2: f.Head.Params.Value(head.L2), Params: f.Head.Params.Beside()}}
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

// taskWord is the task of a head, "" of one of several classes.
func taskWord(t head.Task) string {
	if t == head.OneOf {
		return ""
	}
	return t.Word()
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

// style is how tables are printed, with a nil c without colours.
func (e *env) style(c *common) *report.Style {
	s := new(report.Style)
	if e.stdoutWidth != nil {
		s.Width = e.stdoutWidth()
	}
	if e.stdoutIsTerminal && c != nil && !c.noColor {
		s.Heading = func(text string) string { return e.paint("1", text) } // bold
	}
	return s
}

// headSummary is what `inspect HEAD --json` prints.
type headSummary struct {
	Head     string            `json:"head"`
	Type     string            `json:"type"`
	Task     string            `json:"task,omitempty"` // of another head than for one of several classes
	Classes  []string          `json:"classes"`
	Dim      int               `json:"dim"`
	L2       float64           `json:"l2"`
	Params   head.Params       `json:"params,omitempty"`     // beside λ
	Reject   float64           `json:"reject,omitempty"`     // the probability under which it is unsure; above 1: always
	Limits   []float64         `json:"thresholds,omitempty"` // the same by class
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
		Head: name, Type: f.Head.Kind, Task: taskWord(f.Head.Task), Classes: f.Head.Classes, Dim: f.Head.D(), L2: f.Head.Params.Value(head.L2), Params: f.Head.Params.Beside(),
		Reject: f.Head.Reject, Limits: f.Head.Thresholds,
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
	h.Made = madeBy(f)
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

// madeBy says when a head was made and by which versions of which programs.
func madeBy(f *file.File) string {
	programs := slices.Sorted(maps.Keys(f.Versions))
	if i := slices.Index(programs, "headstart"); i > 0 {
		programs = slices.Insert(slices.Delete(programs, i, i+1), 0, "headstart")
	}
	for i, p := range programs {
		programs[i] = p + " " + f.Versions[p]
	}
	made := f.Created
	if len(programs) > 0 {
		made = strings.TrimSpace(made + " by " + strings.Join(programs, ", "))
	}
	return made
}

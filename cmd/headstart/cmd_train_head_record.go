package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/cache/draft"
	"github.com/headstart-ml/headstart/cmd/headstart/internal/report"
	"github.com/headstart-ml/headstart/extract/contract"
	"github.com/headstart-ml/headstart/extract/features"
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

// describeTraining notes in a head file how its head was trained on j, and by
// which program.
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
	f.Versions = map[string]string{"headstart": version(), "go": strings.TrimPrefix(thisBuild().Go, "go")}
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
		for _, column := range []string{"image", "text", "numbers"} {
			if name := set.Meta.Reading[column]; name != "" {
				one = append(one, column+"="+name)
			}
		}
		all = append(all, one)
	}
	return all
}

// sourcesInWords names the sources of feature sets.
func sourcesInWords(sources [][]string) string {
	var all []string
	for _, one := range sources {
		all = append(all, strings.Join(one, " "))
	}
	return strings.Join(all, ", ")
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
		return fmt.Errorf("%s is there already, a head on features of %s, not of %d; name another file with --out", path, counted(len(f.Spaces), "space"), len(spaces))
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
				path, fieldInWords(diff[0].Field), valueInWords(diff[0].A), valueInWords(diff[0].B))
		}
	}
	var t training
	if f.Settings != nil {
		if err := json.Unmarshal(f.Settings, &t); err != nil {
			return fmt.Errorf("%s: settings: %w", path, err)
		}
	}
	if !slices.EqualFunc(t.Sources, sources, slices.Equal) {
		return fmt.Errorf("%s is there already, a head on samples of %s and not of %s; name another file with --out", path, sourcesInWords(t.Sources), sourcesInWords(sources))
	}
	return nil
}

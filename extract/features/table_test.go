package features_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"testing"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract/features"
)

// plainSet makes a set of ids in one space, named model, with keys of their
// own.
func plainSet(t testing.TB, model string, dim int, ids ...string) *features.Set {
	s := &features.Set{Meta: features.Meta{
		Spaces: []json.RawMessage{space(t, model, dim).JSON()}, Backbone: model, Modality: "text", Source: []string{model + ".csv"},
	}}
	for _, id := range ids {
		s.IDs, s.Keys = append(s.IDs, id), append(s.Keys, key(model+id))
	}
	return s
}

func numbered(from, to int) (ids []string) {
	for i := from; i < to; i++ {
		ids = append(ids, fmt.Sprint("id", i))
	}
	return ids
}

func TestJoinOne(t *testing.T) {
	s := small(t)
	s.Views = nil
	table, err := features.Join([]*features.Set{s}, []string{"x"})
	if err != nil {
		t.Fatal(err)
	}
	if table.N() != 5 || !reflect.DeepEqual(table.IDs, s.IDs) || !reflect.DeepEqual(table.Keys, s.Keys) || !reflect.DeepEqual(table.Labels, s.Labels) ||
		!reflect.DeepEqual(table.Splits, s.Splits) || !reflect.DeepEqual(table.Groups, s.Groups) || len(table.Weights) != 5 || table.Unmatched != 0 {
		t.Errorf("%+v", table)
	}
	if len(table.Spaces) != 2 || table.Spaces[0].Dim() != 3 || table.Spaces[1].Dim() != 2 {
		t.Errorf("spaces %v", table.Spaces)
	}
}

func TestJoin(t *testing.T) {
	nan := math.NaN()
	a := plainSet(t, "a", 1, "x", "y", "z", "w")
	a.Labels, a.Groups, a.Weights = []string{"1", "", "3", ""}, []string{"g", "g", "", ""}, []float64{nan, 2, nan, 0}
	b := plainSet(t, "b", 2, "w", "z", "y", "x")
	b.Labels, b.Splits, b.Weights = []string{"", "3", "2", ""}, []string{"test", "", "train", "train"}, []float64{0, nan, 2, 1}
	c := plainSet(t, "c", 3, "y", "x", "w", "z")
	c.Groups = []string{"", "g", "h", ""}
	labels, groups := slices.Clone(a.Labels), slices.Clone(a.Groups)
	table, err := features.Join([]*features.Set{a, b, c}, []string{"a", "b", "c"})
	if err != nil {
		t.Fatal(err)
	}
	for _, column := range []struct {
		name      string
		got, want any
	}{
		{"ids", table.IDs, []string{"x", "y", "z", "w"}},
		{"keys", table.Keys, a.Keys},
		{"labels", table.Labels, []string{"1", "2", "3", ""}},
		{"splits", table.Splits, []string{"train", "train", "", "test"}},
		{"groups", table.Groups, []string{"g", "g", "", "h"}},
		{"weights", fmt.Sprint(table.Weights), "[1 2 NaN 0]"},
		{"spaces", fmt.Sprint(table.Spaces), fmt.Sprint([]*cache.Space{space(t, "a", 1), space(t, "b", 2), space(t, "c", 3)})},
	} {
		if !reflect.DeepEqual(column.got, column.want) {
			t.Errorf("%s are %v, want %v", column.name, column.got, column.want)
		}
	}
	if !slices.Equal(a.Labels, labels) || !slices.Equal(a.Groups, groups) {
		t.Error("joining changed a set")
	}
}

func TestJoinUnmatched(t *testing.T) {
	a := plainSet(t, "a", 1, numbered(0, 999)...)                       // lacks id999
	b := plainSet(t, "b", 1, numbered(1, 1000)...)                      // lacks id0
	c := plainSet(t, "c", 1, append(numbered(0, 998), "id999", "q")...) // lacks id998
	a.Labels = numbered(0, 999)
	table, err := features.Join([]*features.Set{a, b, c}, []string{"a", "b", "c"})
	if err != nil {
		t.Fatal(err)
	}
	if table.Unmatched != 4 || table.N() != 997 || !slices.Equal(table.IDs, numbered(1, 998)) || !slices.Equal(table.Labels, table.IDs) ||
		table.Keys[0] != key("aid1") {
		t.Errorf("%d unmatched, %d rows from %s", table.Unmatched, table.N(), table.IDs[0])
	}
	// Ten of a thousand are 1 %, eleven are more.
	a, b = plainSet(t, "a", 1, numbered(0, 1000)...), plainSet(t, "b", 1, numbered(10, 1000)...)
	if table, err = features.Join([]*features.Set{a, b}, []string{"a", "b"}); err != nil || table.Unmatched != 10 {
		t.Errorf("1 %% unmatched: %v", err)
	}
	b = plainSet(t, "b", 1, numbered(11, 1000)...)
	_, err = features.Join([]*features.Set{a, b}, []string{"a.features", "b.features"})
	fails(t, err, "11 of 1000 ids are not in all sets (a.features has 1000, b.features has 989)", `such as "id0"`)
}

func TestJoinErrors(t *testing.T) {
	abc := func(model string) *features.Set { return plainSet(t, model, 1, "a", "b", "c") }
	with := func(s *features.Set, change func(*features.Set)) *features.Set {
		change(s)
		return s
	}
	nan := math.NaN()
	for name, test := range map[string]struct {
		sets []*features.Set
		says []string
	}{
		"none": {nil, []string{"0 sets"}},
		"label": {[]*features.Set{
			with(abc("m"), func(s *features.Set) { s.Labels = []string{"", "cat", "x"} }),
			abc("n"),
			with(plainSet(t, "o", 1, "c", "b", "a"), func(s *features.Set) { s.Labels = []string{"y", "dog", "z"} }),
		}, []string{`id "b": its label is "cat" in set0 and "dog" in set2`}},
		"label of the second": {[]*features.Set{
			with(abc("m"), func(s *features.Set) { s.Labels = []string{"", "cat", ""} }),
			with(abc("n"), func(s *features.Set) { s.Labels = []string{"", "", "cow"} }),
			with(abc("o"), func(s *features.Set) { s.Labels = []string{"", "cat", "hen"} }),
		}, []string{`id "c": its label is "cow" in set1 and "hen" in set2`}},
		"split": {[]*features.Set{
			with(abc("m"), func(s *features.Set) { s.Splits = []string{"train", "", ""} }),
			with(abc("n"), func(s *features.Set) { s.Splits = []string{"test", "", ""} }),
		}, []string{`id "a": its split is "train" in set0 and "test" in set1`}},
		"group": {[]*features.Set{
			with(abc("m"), func(s *features.Set) { s.Groups = []string{"", "", "g"} }),
			with(abc("n"), func(s *features.Set) { s.Groups = []string{"", "", "h"} }),
		}, []string{`id "c": its group is "g" in set0 and "h" in set1`}},
		"weight": {[]*features.Set{
			with(abc("m"), func(s *features.Set) { s.Weights = []float64{nan, 1, nan} }),
			with(abc("n"), func(s *features.Set) { s.Weights = []float64{1, 0.5, nan} }),
		}, []string{`id "b": its weight is 1 in set0 and 0.5 in set1`}},
		"one space": {[]*features.Set{
			abc("o"),
			plainSet(t, "m", 1, "a", "b"),
			with(plainSet(t, "m", 1, "d", "e f"), func(s *features.Set) { s.Meta.Source = []string{"other photos/"} }),
		}, []string{"set1 and set2: sets of one space without a common id", "headstart extract --backbone m m.csv 'other photos/'"}},
		"two spaces":          {[]*features.Set{plainSet(t, "m", 1, "a"), plainSet(t, "n", 1, "b")}, []string{"2 of 2 ids are not in all sets"}},
		"twice in the first":  {[]*features.Set{plainSet(t, "m", 1, "a", "a"), abc("n")}, []string{`set0: id "a" is there twice`}},
		"twice in the second": {[]*features.Set{abc("m"), plainSet(t, "n", 1, "a", "b", "c", "b")}, []string{`set1: id "b" is there twice`}},
		"twice and unmatched": {[]*features.Set{abc("m"), plainSet(t, "n", 1, "q", "q")}, []string{`set1: id "q" is there twice`}},
		"no rows":             {[]*features.Set{plainSet(t, "m", 1)}, []string{"set0: no rows"}},
		"views":               {[]*features.Set{with(abc("m"), func(s *features.Set) { s.Views = make([]int32, 3) })}, []string{"set0: rows of augmented views"}},
		"spaces":              {[]*features.Set{abc("m"), with(abc("n"), func(s *features.Set) { s.Meta.Spaces = nil })}, []string{"set1: 0 spaces"}},
		"lengths":             {[]*features.Set{with(abc("m"), func(s *features.Set) { s.Labels = []string{"x"} })}, []string{"set0: 3 ids and 1 values in column label"}},
	} {
		t.Run(name, func(t *testing.T) {
			var names []string
			for i := range test.sets {
				names = append(names, fmt.Sprint("set", i))
			}
			_, err := features.Join(test.sets, names)
			fails(t, err, test.says...)
		})
	}
}

func TestCheckSpaces(t *testing.T) {
	a, b := plainSet(t, "a", 3, "x"), plainSet(t, "b", 2, "x")
	both := &features.Set{Meta: features.Meta{Spaces: []json.RawMessage{a.Meta.Spaces[0], b.Meta.Spaces[0]}}}
	want := both.Meta.Spaces
	for _, got := range [][]*features.Set{{both}, {a, b}} {
		if err := features.CheckSpaces(want, got...); err != nil {
			t.Error(err)
		}
	}
	other := func(change func(map[string]any)) *features.Set {
		t.Helper()
		var identity map[string]any
		if err := json.Unmarshal(b.Meta.Spaces[0], &identity); err != nil {
			t.Fatal(err)
		}
		identity["dim"] = 2
		change(identity)
		s, err := cache.NewSpace(identity)
		if err != nil {
			t.Fatal(err)
		}
		return &features.Set{Meta: features.Meta{Spaces: []json.RawMessage{s.JSON()}}}
	}
	for _, test := range []struct {
		got  []*features.Set
		want features.SpaceError
		says string
	}{
		{[]*features.Set{a}, features.SpaceError{Field: "number", Want: "2", Got: "1"}, "they have 1 spaces, where 2 are needed"},
		{[]*features.Set{b, a}, features.SpaceError{Field: "order", Want: fmt.Sprint([]*cache.Space{space(t, "a", 3), space(t, "b", 2)}),
			Got: fmt.Sprint([]*cache.Space{space(t, "b", 2), space(t, "a", 3)})}, "in another order"},
		{[]*features.Set{a, other(func(m map[string]any) { m["prep"].(map[string]any)["alpha"] = "white" })},
			features.SpaceError{Index: 1, Field: "prep.alpha", Want: "drop", Got: "white"}, "prep.alpha is white, where drop is needed"},
		{[]*features.Set{a, other(func(m map[string]any) { m["numerics"] = "cuda-f32" })},
			features.SpaceError{Index: 1, Field: "numerics", Want: "", Got: "cuda-f32"}, "numerics is cuda-f32, where absent is needed"},
		{[]*features.Set{a, other(func(m map[string]any) { m["dim"] = 4; m["model"] = map[string]any{"sha256": "c"}; m["a"] = 1 })},
			features.SpaceError{Index: 1, Field: "model.sha256", Want: "b", Got: "c", More: 2}, "model.sha256 is c, where b is needed (and 2 more fields differ)"},
	} {
		err := features.CheckSpaces(want, test.got...)
		got, ok := errors.AsType[*features.SpaceError](err)
		if !ok || *got != test.want {
			t.Errorf("got %#v, want %#v", err, test.want)
			continue
		}
		fails(t, err, test.says)
	}
	if err := features.CheckSpaces([]json.RawMessage{[]byte("{}")}, a); err == nil {
		t.Error("a space that is none is taken")
	}
	if err := features.CheckSpaces(want); err == nil {
		t.Error("no sets are taken")
	}
}

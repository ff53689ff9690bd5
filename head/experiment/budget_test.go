package experiment

import (
	"reflect"
	"testing"
	"time"

	"github.com/headstart-ml/headstart/head/fit"
)

// What is compared depends on sizes and the budget, not on threads or clocks;
// what does not go into it is said, and the first kind always does.
func TestBudget(t *testing.T) {
	d := blobs(120, 6, 3, 3, 1)
	fitted := func(budget time.Duration, threads int) *Result {
		return train(t, d, &Settings{Kind: "auto", L2Points: 4, Folds: 2, CV: 2, Budget: budget, Threads: threads})
	}
	all := fitted(0, 1)
	if len(all.Families) != len(together) || noted(all, "over-budget", "") {
		t.Errorf("by default %+v is compared: %+v", all.Families, all.Notes)
	}
	if again := fitted(0, 7); !reflect.DeepEqual(again, all) {
		t.Error("another number of threads gives another result")
	}
	least := fitted(1, 1)
	if len(least.Families) != 0 || least.Kind != fit.Families[0].Kind || !noted(least, "over-budget", "") {
		t.Errorf("in a nanosecond %+v is compared, %s chosen: %+v", least.Families, least.Kind, least.Notes)
	}
	if err := (&Settings{Budget: -1}).check(); err == nil {
		t.Error("a negative budget is taken")
	}
}

// Every family says what its path takes, and more rows, features, classes,
// parts and candidates take more.
func TestWork(t *testing.T) {
	size := fit.Size{Rows: 1000, Features: 50, Classes: 5, Parts: 5, Candidates: 10}
	for _, e := range fit.Families {
		before := e.Work(&size)
		if !(before > 0) {
			t.Errorf("%s: %v operations", e.Kind, before)
		}
		for name, more := range map[string]func(s *fit.Size){
			"rows": func(s *fit.Size) { s.Rows *= 2 }, "features": func(s *fit.Size) { s.Features *= 2 }, "classes": func(s *fit.Size) { s.Classes *= 2 },
			"parts": func(s *fit.Size) { s.Parts *= 2 }, "candidates": func(s *fit.Size) { s.Candidates *= 2 },
		} {
			larger := size
			more(&larger)
			if after := e.Work(&larger); after < before || after == before && name != "classes" && name != "candidates" {
				t.Errorf("%s: %v operations, %v for more %s", e.Kind, before, after, name)
			}
		}
	}
}

// Where rows belong together, a difference of one unit is no evidence.
func TestUnitsOfComparedRows(t *testing.T) {
	d := blobs(60, 4, 2, 2, 3)
	r := train(t, d, &Settings{Kind: "auto", L2Points: 3, Folds: 2, CV: 2})
	grouped := *d
	for i := range d.Labels {
		grouped.Groups = append(grouped.Groups, string(rune('a'+i/6)))
	}
	g := train(t, &grouped, &Settings{Kind: "auto", L2Points: 3, Folds: 2, CV: 2})
	for _, r := range []*Result{r, g} {
		for _, f := range r.Families {
			if f.Behind.Value < 0 || f.Behind.SE < 0 || f.Behind.Value > 0 && f.Behind.SE == 0 {
				t.Errorf("%+v", f)
			}
		}
	}
}

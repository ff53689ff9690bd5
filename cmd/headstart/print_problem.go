package main

import (
	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/head/experiment"
)

// cacheProblem is a problem of a cache as JSON.
type cacheProblem struct {
	Path   string `json:"path"`
	Row    *int64 `json:"row,omitempty"`
	Key    string `json:"key,omitempty"`
	Reason string `json:"reason"`
}

func cacheProblems(ps []cache.Problem) []cacheProblem {
	out := make([]cacheProblem, len(ps))
	for i, p := range ps {
		out[i] = cacheProblem{Path: p.Path, Reason: p.Err.Error()}
		if p.Row >= 0 {
			out[i].Row = &ps[i].Row
		}
		if p.Key != (cache.Key{}) {
			out[i].Key = p.Key.String()
		}
	}
	return out
}

// recovered says what was left behind by runs that ended before their time.
func (e *env) recovered(r cache.Recovery) {
	if r.Rows > 0 {
		e.noteOf("recovered", int64(r.Rows), "an earlier run ended before its time; what it had computed (%s) is in the cache", counted(int64(r.Rows), "row"))
	}
	for _, q := range r.Quarantined {
		e.warn("damaged-cache", 0, "the cache's %s was damaged and is in quarantine (%v); what it held is computed again where it is needed", q.Place(), q.Err)
	}
}

// trained tells what training found odd, each with what can be done about it,
// and remembers what else it found out.
func (e *env) trained(r *experiment.Result) {
	do := map[string]string{
		"edge":          "--l2 sets one",
		"splits-unused": "leave --cv out to use them",
		"no-test":       "--split or --cv says how to test",
		"unlabelled":    "headstart predict can say what they are",
	}
	for _, w := range r.Warnings {
		text := w.Message
		if advice := do[w.Kind]; advice != "" {
			text += "; " + advice
		}
		e.warn(w.Kind, int64(w.Count), "%s", text)
	}
	for _, n := range r.Notes {
		e.keepNote(remark{Kind: n.Kind, Count: int64(n.Count), Text: n.Message})
	}
}

// leftOut tells how many samples were left out, and why, for one and for
// several.
func (e *env) leftOut(kind string, n int, one, several string) {
	switch {
	case n == 1:
		e.noteOf(kind, 1, "1 sample %s and is left out", one)
	case n > 1:
		e.noteOf(kind, int64(n), "%s %s and are left out", counted(n, "sample"), several)
	}
}

// unmatched tells how many samples some feature sets lack.
func (e *env) unmatched(n int) {
	e.leftOut("unmatched", n, "is not in every feature set", "are not in every feature set")
}

package main

import "github.com/headstart-ml/headstart/cache"

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
		e.noteOf("recovered", int64(r.Rows), "an earlier run ended before its time; the %s rows that it had computed are kept", count(int64(r.Rows)))
	}
	for _, q := range r.Quarantined {
		e.warn("damaged-cache", 0, "the cache's %s was damaged and is in quarantine (%v); what it held is computed again where it is needed", q.Place(), q.Err)
	}
}

package models

import "testing"

// The list of policies is all that there are: each has a default, can be set by
// its name, and stands in the identity of embeddings.
func TestPolicies(t *testing.T) {
	all := (Policies{}).List()
	if len(all) != 3 || len((Policies{}).Chosen()) != 0 {
		t.Errorf("%+v", all)
	}
	for _, p := range all {
		s := &ImageSpec{Policies: DefaultPolicies()}
		if got := s.Prep()[p.Name]; got != p.Words[0] {
			t.Errorf("%s is %v by default, want %s", p.Name, got, p.Words[0])
		}
		last := p.Words[len(p.Words)-1]
		s.Set(p.Name, last)
		if got := s.Prep()[p.Name]; got != last {
			t.Errorf("%s is %v, set to %s", p.Name, got, last)
		}
		var one Policies
		one.Set(p.Name, last)
		if c := one.Chosen(); len(c) != 1 || c[0].Name != p.Name || c[0].Value != last {
			t.Errorf("%s: chosen are %+v", p.Name, c)
		}
	}
	var none Policies
	if none.Set("colour", "x"); none != (Policies{}) {
		t.Errorf("%+v", none)
	}
}

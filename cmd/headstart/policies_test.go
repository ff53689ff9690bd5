package main

import (
	"testing"

	"github.com/headstart-ml/headstart/models"
)

// Each policy for images has its flag's text, and words for its field.
func TestPoliciesHaveWords(t *testing.T) {
	all := (models.Policies{}).List()
	for _, p := range all {
		if policyUsage[p.Name] == "" || fieldWords["prep."+p.Name] == "" {
			t.Errorf("%s: flag %q, field %q", p.Name, policyUsage[p.Name], fieldWords["prep."+p.Name])
		}
	}
	if len(policyUsage) != len(all) {
		t.Errorf("%d texts for %d policies", len(policyUsage), len(all))
	}
}

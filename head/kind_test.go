package head

import (
	"encoding/json"
	"math"
	"slices"
	"testing"
)

// Parameters are written as an object in their order, and read again.
func TestParamsAsJSON(t *testing.T) {
	p := Params{{"shrinkage", 0.1}, {"a \"name\"", -1e-300}, {L2, 3}}
	text, err := json.Marshal(p)
	if err != nil || string(text) != `{"shrinkage":0.1,"a \"name\"":-1e-300,"l2":3}` {
		t.Fatalf("%s, %v", text, err)
	}
	var q Params
	if err := json.Unmarshal(text, &q); err != nil || !slices.Equal(p, q) {
		t.Errorf("%v, %v", q, err)
	}
	if err := json.Unmarshal([]byte("{}"), &q); err != nil || q != nil {
		t.Errorf("%v, %v", q, err)
	}
	for _, bad := range []string{"[]", "3", `"x"`, `{"a":"b"}`, `{"a":null,"b":[]}`} {
		if err := json.Unmarshal([]byte(bad), &q); err == nil {
			t.Errorf("%s is taken: %v", bad, q)
		}
	}
	if _, err := json.Marshal(Params{{"a", math.NaN()}}); err == nil {
		t.Error("NaN is written")
	}
	if b := p.Beside(); !slices.Equal(b, p[:2]) || (Params{{L2, 1}}).Beside() != nil {
		t.Errorf("beside λ: %v", b)
	}
	if p[0].String() != "shrinkage 0.1" || p[2].String() != "λ = 3" {
		t.Errorf("%v %v", p[0], p[2])
	}
}

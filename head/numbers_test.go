package head

import (
	"slices"
	"strings"
	"testing"
)

// Labels of numbers are one, several between semicolons, or a list.
func TestNumbers(t *testing.T) {
	for label, want := range map[string][]float64{
		"1.5": {1.5}, " -2e3 ": {-2000}, "1;2.5": {1, 2.5}, "1; 2": {1, 2}, "[1, 2.5]": {1, 2.5}, "0x10p0": {16},
	} {
		if got, err := Numbers(label); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q is %v, want %v (%v)", label, got, want, err)
		}
	}
	for label, want := range map[string]string{
		"": "no number", "a": "no number", "1;": "no number", "NaN": "no finite", "inf": "no finite", "1e400": "out of the range",
		"[]": "without a number", "[1": "no list", "[null]": "no number", "{}": "no number",
	} {
		if got, err := Numbers(label); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is %v, %v, want %q", label, got, err, want)
		}
	}
}

package text

import (
	"math"
	"testing"
)

// Numbers are those that the reference reads, in the last bit as well.
func TestParseFloat(t *testing.T) {
	for s, want := range map[string]uint64{
		"-0": 1 << 63, "1": 0x3ff0000000000000, "-12.5e-1": 0xbff4000000000000, "0.000": 0, "1e-400": 0, "0e999999999999": 0,
		"-6E+25": 0xc548d0bf423c03da, "-7E+23": 0xc4e287626ee52197, // the right ones end in 9 and 8
		"40443218176412789954820.61977143": 0x44a120dcccdc3023, "7585597522104737656443807.707011": 0x45191940433aa073,
	} {
		if got, ok := parseFloat(s); !ok || math.Float64bits(got) != want {
			t.Errorf("%s: %x, %v, want %x", s, math.Float64bits(got), ok, want)
		}
	}
	for _, s := range []string{"1e309", "-1E+400", "1e99999999999999999999"} {
		if f, ok := parseFloat(s); ok {
			t.Errorf("%s: %v", s, f)
		}
	}
}

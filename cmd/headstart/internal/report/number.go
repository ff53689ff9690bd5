package report

import (
	"math"
	"strconv"
	"strings"

	"github.com/headstart-ml/headstart/head/measure"
)

// Count writes n with a comma between thousands.
func Count[T int | int64](n T) string {
	s := strconv.FormatInt(int64(n), 10)
	start := 0
	if n < 0 {
		start = 1
	}
	for i := len(s) - 3; i > start; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// decimal writes a metric with three digits after the point.
func decimal(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "–"
	}
	return strconv.FormatFloat(v, 'f', 3, 64)
}

// figures writes v with four significant figures.
func figures(v float64) string { return short(v, 4) }

// strength writes λ with three significant figures.
func strength(v float64) string { return short(v, 3) }

// short writes v with n significant figures and without zeros that say nothing:
// 0.0373, 12, 1e-6.
func short(v float64, n int) string {
	s := strconv.FormatFloat(v, 'g', n, 64)
	mantissa, exponent, ok := strings.Cut(s, "e")
	if strings.Contains(mantissa, ".") {
		mantissa = strings.TrimRight(strings.TrimRight(mantissa, "0"), ".")
	}
	if !ok {
		return mantissa
	}
	e, err := strconv.Atoi(exponent)
	if err != nil { // strconv writes a number there
		return s
	}
	return mantissa + "e" + strconv.Itoa(e)
}

// interval writes the 95 % interval of an estimate.
func interval(e measure.Estimate) string { return decimal(e.Low) + "–" + decimal(e.High) }

// pixels writes a coordinate of a drawing.
func pixels(v float64) string {
	return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64)
}

package main

import (
	"fmt"
	"strings"

	"github.com/headstart-ml/headstart/cmd/headstart/internal/report"
)

// count writes n with commas between thousands.
func count(n int64) string { return report.Count(n) }

// speed writes a rate with two digits that mean something.
func speed(r float64) string {
	switch {
	case r >= 10:
		return count(int64(r + 0.5))
	case r >= 1:
		return fmt.Sprintf("%.1f", r)
	}
	return fmt.Sprintf("%.2g", r)
}

// span writes seconds as a person would: 0.4 s, 12 s, 3 min 20 s, 2 h 5 min.
func span(seconds float64) string {
	s := int64(seconds + 0.5)
	switch {
	case seconds < 9.95:
		return fmt.Sprintf("%.1f s", seconds)
	case s < 60:
		return fmt.Sprintf("%d s", s)
	case s < 3600:
		return fmt.Sprintf("%d min %d s", s/60, s%60)
	}
	return fmt.Sprintf("%d h %d min", s/3600, s%3600/60)
}

// counted is "1 row" or "1,234 rows". Of a noun of several words, "or" between
// them, each is in the plural.
func counted[T int | int64](n T, noun string) string {
	if n != 1 {
		words := strings.Split(noun, " or ")
		for i, w := range words {
			words[i] = plural(w)
		}
		noun = strings.Join(words, " or ")
	}
	return report.Count(n) + " " + noun
}

// plural returns the plural of a regular noun.
func plural(noun string) string {
	for _, hiss := range []string{"s", "x", "ch", "sh"} {
		if strings.HasSuffix(noun, hiss) {
			return noun + "es"
		}
	}
	if stem, ok := strings.CutSuffix(noun, "y"); ok && !strings.ContainsAny(stem[max(0, len(stem)-1):], "aeiou") {
		return stem + "ies"
	}
	return noun + "s"
}

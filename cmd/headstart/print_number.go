package main

import (
	"fmt"
	"unicode/utf8"

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

// cut shortens a line to so many columns.
func cut(line string, columns int) string {
	if utf8.RuneCountInString(line) <= columns {
		return line
	}
	r := []rune(line)
	return string(r[:max(columns-1, 0)]) + "…"
}

package source

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
)

// mostShards bounds how many paths a pattern stands for.
const mostShards = 100_000

// shard is a path of a source.
type shard struct {
	path string
	late bool // it is one of many that a pattern stands for, and opened when it is read
}

// expandAll replaces patterns, "data-{000..099}.tar" or "{a,b}.csv", by what
// they stand for, as a shell does. What is there under the very name is none.
func expandAll(paths []string) ([]shard, error) {
	var all []shard
	for _, path := range paths {
		found := []string{path}
		if strings.ContainsRune(path, '{') && path != "-" {
			if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
				if found = expand(path, mostShards); found == nil {
					return nil, fmt.Errorf("source: %s: it stands for more than %d files", path, mostShards)
				}
			}
		}
		for i, path := range found {
			all = append(all, shard{path, i > 0 && natureOf(path) != picture})
		}
	}
	return all, nil
}

// expand returns what a pattern stands for, itself if it is none, and nil if
// that is more than most.
func expand(pattern string, most int) []string {
	for from := 0; ; {
		open := strings.IndexByte(pattern[from:], '{')
		if open < 0 {
			return []string{pattern}
		}
		open += from
		shut, commas := closing(pattern[open:])
		if shut < 0 {
			return []string{pattern}
		}
		words, ok := alternatives(pattern[open+1:open+shut], commas, most)
		if !ok { // "{x}" is no pattern, but there may be one behind it
			from = open + 1
			continue
		}
		var all []string
		for _, w := range words {
			more := expand(pattern[:open]+w+pattern[open+shut+1:], most-len(all))
			if more == nil || len(all)+len(more) > most {
				return nil
			}
			all = append(all, more...)
		}
		return all
	}
}

// closing returns where the brace that s begins with is closed, -1 if it is
// not, and where the commas are that are in no brace inside, counted from the
// byte after it.
func closing(s string) (shut int, commas []int) {
	depth := 0
	for i, c := range []byte(s) {
		switch {
		case c == '{':
			depth++
		case c == '}':
			if depth--; depth == 0 {
				return i, commas
			}
		case c == ',' && depth == 1:
			commas = append(commas, i-1)
		}
	}
	return -1, nil
}

// alternatives returns what the inside of a brace stands for; ok is false if it
// is neither a list nor a range of numbers.
func alternatives(inside string, commas []int, most int) (words []string, ok bool) {
	if len(commas) > 0 {
		from := 0
		for _, at := range append(commas, len(inside)) {
			words = append(words, inside[from:at])
			from = at + 1
		}
		return words, true
	}
	first, last, ok := strings.Cut(inside, "..")
	if !ok || !digits(first) || !digits(last) {
		return nil, false
	}
	from, err := strconv.Atoi(first)
	to, err2 := strconv.Atoi(last)
	if err != nil || err2 != nil {
		return nil, false
	}
	width := 0
	if len(first) > 1 && first[0] == '0' || len(last) > 1 && last[0] == '0' {
		width = max(len(first), len(last))
	}
	step := 1
	if to < from {
		step = -1
	}
	for i := from; ; i += step {
		words = append(words, fmt.Sprintf("%0*d", width, i))
		if i == to || len(words) > most {
			return words, true
		}
	}
}

// digits says whether s is a number of at most nine digits.
func digits(s string) bool {
	return s != "" && len(s) < 10 && strings.Trim(s, "0123456789") == ""
}

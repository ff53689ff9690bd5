// Package file writes what a generator has built.
package file

import (
	"flag"
	"log"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/mmcloughlin/avo/build"
)

// Write writes ../NAME_amd64.s and its declarations, ../NAME_amd64.go, with
// comments of 80 columns.
func Write(name string) {
	assembly, stubs := "../"+name+"_amd64.s", "../"+name+"_amd64.go"
	for flags := []string{"out", assembly, "stubs", stubs, "pkg", "simd"}; len(flags) > 0; flags = flags[2:] {
		if err := flag.Set(flags[0], flags[1]); err != nil {
			log.Fatal(err)
		}
	}
	build.Generate()
	for _, path := range []string{assembly, stubs} {
		text, err := os.ReadFile(path)
		if err != nil {
			log.Fatal(err)
		}
		var wrapped strings.Builder
		for line := range strings.Lines(string(text)) {
			wrap(&wrapped, line)
		}
		if err := os.WriteFile(path, []byte(wrapped.String()), 0o666); err != nil {
			log.Fatal(err)
		}
	}
}

// wrap writes a line, and cuts it if it is a comment that is too long.
func wrap(to *strings.Builder, line string) {
	text, comment := strings.CutPrefix(line, "// ")
	if !comment {
		to.WriteString(line)
		return
	}
	columns := 0
	for word := range strings.FieldsSeq(text) {
		n := 1 + utf8.RuneCountInString(word)
		switch {
		case columns == 0:
			to.WriteString("//")
			columns = 2
		case columns+n > 80:
			to.WriteString("\n//")
			columns = 2
		}
		to.WriteString(" " + word)
		columns += n
	}
	to.WriteString("\n")
}

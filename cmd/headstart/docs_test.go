package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// inBlock and inLine find command lines of headstart: in blocks of code, and
// between back quotes.
var (
	inBlock = regexp.MustCompile(`(?m)^(?:\$ )?(?:bin/)?headstart ([^\n#<>|]+)`)
	inLine  = regexp.MustCompile("`(?:bin/)?headstart ([^`\n#<>|]+)")
)

// commandLines are those of headstart in a page, without the program's name.
func commandLines(page string) []string {
	var all []string
	for i, part := range strings.Split(page, "```") {
		find := inLine
		if i%2 == 1 {
			find = inBlock
		}
		for _, m := range find.FindAllStringSubmatch(part, -1) {
			all = append(all, strings.TrimSpace(m[1]))
		}
	}
	return all
}

// TestTheDocsTypeWhatExists checks each command line of headstart and each make
// target in the pages: commands and flags that there are.
func TestTheDocsTypeWhatExists(t *testing.T) {
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	e, _, _ := testEnv()
	known := targets(t)
	lines, targets := 0, 0
	for _, path := range append(pages, "../../README.md", "../../CONTRIBUTING.md") {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		page := filepath.Base(path)
		for target := range makes(string(content)) {
			targets++
			if !slices.Contains(known, target) {
				t.Errorf("%s: make %s is no target", page, target)
			}
		}
		for _, line := range commandLines(string(content)) {
			if strings.HasSuffix(line, "COMMAND") || strings.Contains(line, "|zsh|") {
				continue
			}
			lines++
			if _, err := arrange(program(e), words(line)); err != nil {
				t.Errorf("%s: headstart %s: %v", page, line, err)
			}
		}
	}
	if lines < 30 || targets < 10 {
		t.Errorf("only %d command lines and %d targets were found", lines, targets)
	}
}

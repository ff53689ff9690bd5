package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// instruction is one of a Containerfile, its lines put together.
type instruction struct{ name, args string }

// instructions reads a Containerfile.
func instructions(text string) []instruction {
	var all []instruction
	line := ""
	for l := range strings.Lines(text) {
		l = strings.TrimSpace(l)
		if strings.HasPrefix(l, "#") || l == "" && line == "" {
			continue
		}
		if rest, more := strings.CutSuffix(l, `\`); more {
			line += rest + " "
			continue
		}
		name, args, _ := strings.Cut(strings.TrimSpace(line+l), " ")
		all = append(all, instruction{strings.ToUpper(name), strings.TrimSpace(args)})
		line = ""
	}
	return all
}

// pinned is an image of a version: name:1.2…, or by digest.
var pinned = regexp.MustCompile(`^[a-z0-9./-]+(:v?[0-9]+\.[0-9]+[\w.-]*|@sha256:[0-9a-f]{64})$`)

// lintContainerfile lists what is wrong with a Containerfile whose context is
// the folder root.
func lintContainerfile(text, root string) []string {
	var wrong []string
	complain := func(format string, a ...any) { wrong = append(wrong, fmt.Sprintf(format, a...)) }
	args := map[string]string{}
	stages := map[string]bool{}
	user, entry, n := "", "", 0
	for _, i := range instructions(text) {
		switch i.name {
		case "ARG":
			if name, value, ok := strings.Cut(i.args, "="); ok {
				args[name] = value
			}
		case "FROM":
			image := os.Expand(strings.Fields(i.args)[0], func(name string) string { return args[name] })
			if !pinned.MatchString(image) && !stages[image] {
				complain("FROM %s: no version is pinned", image)
			}
			if fields := strings.Fields(i.args); len(fields) == 3 && strings.EqualFold(fields[1], "AS") {
				stages[fields[2]] = true
			}
			user, entry = "", ""
			n++
		case "COPY":
			fields := strings.Fields(i.args)
			from := ""
			for len(fields) > 0 && strings.HasPrefix(fields[0], "--") {
				if stage, ok := strings.CutPrefix(fields[0], "--from="); ok {
					from = stage
				}
				fields = fields[1:]
			}
			if from != "" {
				if !stages[from] {
					complain("COPY --from=%s: there is no such stage", from)
				}
				continue
			}
			for _, path := range fields[:max(0, len(fields)-1)] {
				if found, err := filepath.Glob(filepath.Join(root, path)); err != nil || len(found) == 0 {
					complain("COPY %s: it is not in the checkout", path)
				}
			}
		case "ADD":
			complain("ADD %s: COPY takes files, and what is fetched has its digest checked in RUN", i.args)
		case "RUN":
			if strings.Contains(i.args, "apt-get install") && !(strings.Contains(i.args, "apt-get update &&") || strings.Contains(i.args, "apt-get update  &&")) {
				complain("RUN %s: apt-get install without apt-get update before it, in the same layer", i.args)
			}
			if strings.Contains(i.args, "apt-get install") && !(strings.Contains(i.args, "--no-install-recommends") && strings.Contains(i.args, "rm -rf /var/lib/apt/lists/*")) {
				complain("RUN %s: it leaves behind what nobody needs", i.args)
			}
			if regexp.MustCompile(`(curl|wget)[^&;]*\|`).MatchString(i.args) {
				complain("RUN %s: what is fetched is run unseen", i.args)
			}
		case "WORKDIR":
			if !strings.HasPrefix(i.args, "/") {
				complain("WORKDIR %s: it depends on the one before", i.args)
			}
		case "USER":
			user = i.args
		case "ENTRYPOINT", "CMD":
			var words []string
			if err := json.Unmarshal([]byte(i.args), &words); err != nil {
				complain("%s %s: a shell would stand between, which takes signals away", i.name, i.args)
			}
			if i.name == "ENTRYPOINT" {
				entry = i.args
			}
		case "ENV", "LABEL", "VOLUME":
		default:
			complain("%s is not known", i.name)
		}
	}
	if n < 2 {
		complain("there is one stage: the compiler would stay in the image")
	}
	if uid, _, _ := strings.Cut(user, ":"); !regexp.MustCompile(`^[1-9][0-9]*$`).MatchString(uid) {
		complain("USER %q: a number that is not root's lets a cluster see that it is not root", user)
	}
	if entry == "" {
		complain("there is no ENTRYPOINT")
	}
	return wrong
}

// TestContainerfile lints deploy/Containerfile; make image-test builds it and
// runs the image.
func TestContainerfile(t *testing.T) {
	content, err := os.ReadFile("../Containerfile")
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range lintContainerfile(string(content), "../..") {
		t.Error(w)
	}
	// The compiler in it is not older than go.mod asks for.
	mod, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	wants := regexp.MustCompile(`(?m)^go ([0-9.]+)$`).FindSubmatch(mod)
	has := regexp.MustCompile(`(?m)^ARG GO_IMAGE=docker.io/library/golang:([0-9.]+)`).FindSubmatch(content)
	if wants == nil || has == nil {
		t.Fatalf("go.mod has %q, the Containerfile %q", wants, has)
	}
	if later(string(wants[1]), string(has[1])) {
		t.Errorf("the image has Go %s, go.mod wants %s", has[1], wants[1])
	}
	if path, err := exec.LookPath("hadolint"); err == nil {
		// DL3008 wants versions of Debian's packages, which it deletes.
		if out, err := exec.Command(path, "--ignore", "DL3008", "../Containerfile").CombinedOutput(); err != nil {
			t.Errorf("hadolint: %v\n%s", err, out)
		}
	}
}

// TestLintOfContainerfiles breaks one rule after the other.
func TestLintOfContainerfiles(t *testing.T) {
	good := "FROM golang:1.26.8 AS build\nCOPY go.mod ./\nRUN make dist\nFROM debian:12.12-slim\nCOPY --from=build /x /y\nWORKDIR /work\nUSER 65532:65532\nENTRYPOINT [\"/y\"]\n"
	if wrong := lintContainerfile(good, "../.."); len(wrong) > 0 {
		t.Fatalf("%q", wrong)
	}
	for _, test := range []struct{ old, new, want string }{
		{"debian:12.12-slim", "debian:latest", "no version is pinned"},
		{"debian:12.12-slim", "debian", "no version is pinned"},
		{"USER 65532:65532\n", "", "USER"},
		{"USER 65532:65532", "USER root", "USER"},
		{"USER 65532:65532", "USER 0", "USER"},
		{"COPY go.mod", "COPY no-such-file", "not in the checkout"},
		{"--from=build", "--from=built", "no such stage"},
		{`["/y"]`, "/y", "a shell would stand between"},
		{"ENTRYPOINT [\"/y\"]\n", "", "no ENTRYPOINT"},
		{"RUN make dist", "ADD x y", "ADD"},
		{"RUN make dist", "RUN apt-get install --yes x", "leaves behind"},
		{"RUN make dist", "RUN curl example.com \\\n | sh", "run unseen"},
		{"FROM golang:1.26.8 AS build\nCOPY go.mod ./\nRUN make dist\n", "", "one stage"},
		{"WORKDIR /work", "WORKDIR work", "depends on the one before"},
	} {
		wrong := strings.Join(lintContainerfile(strings.Replace(good, test.old, test.new, 1), "../.."), "\n")
		if !strings.Contains(wrong, test.want) {
			t.Errorf("%q for %q: %q, want %q in it", test.new, test.old, wrong, test.want)
		}
	}
}

package main

import (
	"iter"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// workflow is what the tests look at of a workflow of GitHub Actions.
type workflow struct {
	Name        string            `yaml:"name"`
	On          map[string]any    `yaml:"on"`
	Permissions map[string]string `yaml:"permissions"`
	Concurrency map[string]any    `yaml:"concurrency"`
	Jobs        map[string]job    `yaml:"jobs"`
}

type job struct {
	Needs       any               `yaml:"needs"` // a name or several
	RunsOn      string            `yaml:"runs-on"`
	Container   string            `yaml:"container"`
	Timeout     int               `yaml:"timeout-minutes"`
	Permissions map[string]string `yaml:"permissions"`
	Defaults    map[string]any    `yaml:"defaults"`
	Env         map[string]string `yaml:"env"`
	Strategy    struct {
		FailFast *bool          `yaml:"fail-fast"`
		Matrix   map[string]any `yaml:"matrix"`
	} `yaml:"strategy"`
	Steps []step `yaml:"steps"`
}

type step struct {
	Name string            `yaml:"name"`
	Uses string            `yaml:"uses"`
	With map[string]any    `yaml:"with"`
	Run  string            `yaml:"run"`
	Env  map[string]string `yaml:"env"`
}

// runners are the machines that a job or its matrix names.
func (j *job) runners() []string {
	if !strings.Contains(j.RunsOn, "${{") {
		return []string{j.RunsOn}
	}
	var all []string
	add := func(v any) {
		if s, ok := v.(string); ok {
			all = append(all, s)
		}
	}
	if list, ok := j.Strategy.Matrix["runner"].([]any); ok {
		for _, v := range list {
			add(v)
		}
	}
	if list, ok := j.Strategy.Matrix["include"].([]any); ok {
		for _, v := range list {
			if m, ok := v.(map[string]any); ok {
				add(m["runner"])
			}
		}
	}
	return all
}

// needs are the jobs that a job waits for.
func (j *job) needs() []string {
	switch n := j.Needs.(type) {
	case string:
		return []string{n}
	case []any:
		var all []string
		for _, v := range n {
			if s, ok := v.(string); ok {
				all = append(all, s)
			}
		}
		return all
	}
	return nil
}

// targets are those of the Makefile that say what they do.
func targets(t *testing.T) []string {
	t.Helper()
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, m := range regexp.MustCompile(`(?m)^([a-z0-9-]+):.*## `).FindAllSubmatch(makefile, -1) {
		all = append(all, string(m[1]))
	}
	return all
}

// TestWorkflows reads the workflows: known keys only, actions and machines
// pinned, no more rights than are needed, and targets and scripts that exist.
func TestWorkflows(t *testing.T) {
	files, err := filepath.Glob("../../.github/workflows/*.yml")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 2 {
		t.Fatalf("workflows: %q", files)
	}
	known := targets(t)
	made := map[string]bool{}
	machines := map[string]bool{}
	for _, path := range files {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(path)
		var w workflow
		if err := yaml.UnmarshalWithOptions(content, &w, yaml.Strict()); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(w.On) == 0 || len(w.Jobs) == 0 || w.Name == "" {
			t.Errorf("%s: name %q, on %v, %d jobs", name, w.Name, w.On, len(w.Jobs))
		}
		if len(w.Permissions) != 1 || w.Permissions["contents"] != "read" {
			t.Errorf("%s: the permissions of all jobs are %v, not contents: read", name, w.Permissions)
		}
		for id, j := range w.Jobs {
			if j.Timeout == 0 {
				t.Errorf("%s: %s: no timeout", name, id)
			}
			for right, of := range j.Permissions {
				if id != "publish" || right != "contents" {
					t.Errorf("%s: %s: it may %s %s", name, id, of, right)
				}
			}
			for _, n := range j.needs() {
				if _, ok := w.Jobs[n]; !ok {
					t.Errorf("%s: %s needs %s, which is no job", name, id, n)
				}
			}
			for _, r := range j.runners() {
				machines[r] = true
				if !regexp.MustCompile(`^(ubuntu|macos)-[0-9.]+(-arm)?$`).MatchString(r) {
					t.Errorf("%s: %s: it runs on %q, which is no version", name, id, r)
				}
			}
			if j.Container != "" && !regexp.MustCompile(`:[0-9]+\.[0-9]+$`).MatchString(j.Container) {
				t.Errorf("%s: %s: the container %s has no version", name, id, j.Container)
			}
			for i, s := range j.Steps {
				if (s.Uses == "") == (s.Run == "") {
					t.Errorf("%s: %s: step %d must either use or run something", name, id, i+1)
				}
				if s.Uses != "" && !regexp.MustCompile(`^actions/[a-z-]+@v[0-9]+\.[0-9]+\.[0-9]+$`).MatchString(s.Uses) {
					t.Errorf("%s: %s: %s is pinned to no version", name, id, s.Uses)
				}
				for target := range makes(s.Run) {
					made[target] = true
					if !slices.Contains(known, target) {
						t.Errorf("%s: %s: make %s is no target", name, id, target)
					}
				}
				for _, m := range regexp.MustCompile(`\bsh ([\w./-]+\.sh)`).FindAllStringSubmatch(s.Run, -1) {
					if _, err := os.Stat(filepath.Join("../..", m[1])); err != nil {
						t.Errorf("%s: %s: %v", name, id, err)
					}
				}
			}
		}
	}
	for _, target := range []string{"build", "runtime", "test", "lint", "dist", "dist-test", "image-test"} {
		if !made[target] {
			t.Errorf("no workflow runs make %s", target)
		}
	}
	for _, machine := range []string{"ubuntu", "macos", "-arm"} {
		if !slices.ContainsFunc(slices.Collect(maps.Keys(machines)), func(m string) bool { return strings.Contains(m, machine) }) {
			t.Errorf("no job runs on %s: %v", machine, machines)
		}
	}
}

// makes gives the targets of make in a script or in a page.
func makes(script string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, m := range regexp.MustCompile("(?m)(?:^|[`;&|] *|\\$ )make((?: [a-z][a-z0-9-]*)+)").FindAllStringSubmatch(script, -1) {
			for target := range strings.FieldsSeq(m[1]) {
				if !yield(target) {
					return
				}
			}
		}
	}
}

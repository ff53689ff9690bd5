package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// older is a folder of testdata/older, copied to where commands run.
type older struct {
	*place
	dir string // where its files are kept
}

// openOlder copies a folder of testdata/older, its samples and the backbones to
// a new place, with the folder's own cache.
func openOlder(t *testing.T, name string) *older {
	t.Helper()
	kept, err := filepath.Abs("../../testdata/older")
	if err != nil {
		t.Fatal(err)
	}
	backbones, err := filepath.Abs("testdata/backbones")
	if err != nil {
		t.Fatal(err)
	}
	o := &older{newPlace(t), filepath.Join(kept, name)}
	for from, to := range map[string]string{o.dir: ".", filepath.Join(kept, "samples"): "samples", backbones: "backbones"} {
		if err := os.CopyFS(to, os.DirFS(from)); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("HEADSTART_CACHE", "cache")
	return o
}

// want returns what the program of bb168b5 said.
func (o *older) want(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(o.dir, "want", name))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// olderHead is a line of testdata/older/heads.
type olderHead struct{ name, sets, samples string }

func olderHeads(t *testing.T) []olderHead {
	t.Helper()
	lines, err := os.ReadFile("../../testdata/older/heads")
	if err != nil {
		t.Fatal(err)
	}
	var all []olderHead
	for line := range strings.Lines(string(lines)) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) != 3 {
			t.Fatalf("heads: %q", line)
		}
		all = append(all, olderHead{cells[0], cells[1], cells[2]})
	}
	return all
}

// TestOlderFiles reads the head files, feature sets and caches that earlier
// versions wrote (testdata/older/README.md) and compares what is said of them
// with what was said at commit bb168b5.
func TestOlderFiles(t *testing.T) {
	heads := olderHeads(t)
	for _, name := range []string{"62d997f", "8dcd798", "bb168b5"} {
		t.Run(name, func(t *testing.T) {
			o := openOlder(t, name)
			library := os.Getenv("HEADSTART_RUNTIME")
			// What is cached needs no backbone: where the runtime is missing,
			// running one would be an error.
			t.Setenv("HEADSTART_RUNTIME", "/nowhere")
			t.Run("inspect", o.inspect)
			t.Run("cache export", o.export)
			ran := 0
			for _, h := range heads {
				if _, err := os.Stat(h.name + ".head.onnx"); err != nil {
					continue
				}
				ran++
				t.Run("predict "+h.name, func(t *testing.T) {
					o.predict(t, h.name+".head.onnx "+h.sets, h.name+".jsonl", func(s object) {
						s.wantNumbers(t, map[string]float64{"bad": 0, "computed": 0, "backbone_rows": 0, "check_rows": 0})
					})
				})
				if h.samples == "" {
					continue
				}
				t.Run("predict samples "+h.name, func(t *testing.T) {
					t.Setenv("HEADSTART_RUNTIME", library)
					t.Setenv("HEADSTART_CACHE", filepath.Join(t.TempDir(), "cache"))
					o.predict(t, h.name+".head.onnx "+h.samples, h.name+".samples.jsonl", func(s object) {
						s.wantNumbers(t, map[string]float64{"bad": 0, "cached": 0, "computed": 30})
					})
					// The samples are those of the cache: their keys are as
					// they were.
					t.Setenv("HEADSTART_CACHE", "cache")
					o.predict(t, h.name+".head.onnx "+h.samples, h.name+".samples.jsonl", func(s object) {
						s.wantNumbers(t, map[string]float64{"bad": 0, "cached": 30, "computed": 0, "backbone_rows": 0})
					})
				})
			}
			if files, err := filepath.Glob("*.head.onnx"); err != nil || len(files) != ran {
				t.Errorf("heads lists %d of %d head files (%v)", ran, len(files), err)
			}
		})
	}
}

// inspect compares what inspect --json says of each file and of the cache. A
// later version may say more.
func (o *older) inspect(t *testing.T) {
	files, err := filepath.Glob("want/*.json")
	if err != nil || len(files) < 5 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, path := range files {
		name := strings.TrimSuffix(filepath.Base(path), ".json")
		var want any
		if err := json.Unmarshal(o.want(t, name+".json"), &want); err != nil {
			t.Fatal(err)
		}
		if diff := missing(name, want, map[string]any(o.one(t, "inspect "+name))); diff != "" {
			t.Error(diff)
		}
	}
}

// missing says where got has not what want has, and returns "" if it has all.
// Objects of got may have more keys.
func missing(path string, want, got any) string {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return fmt.Sprintf("%s is %v, not an object", path, got)
		}
		for _, key := range slices.Sorted(maps.Keys(w)) {
			v, ok := g[key]
			if !ok {
				return fmt.Sprintf("%s has no %s, which was %v", path, key, w[key])
			}
			if diff := missing(path+"."+key, w[key], v); diff != "" {
				return diff
			}
		}
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return fmt.Sprintf("%s is %v, not %v", path, got, want)
		}
		for i := range w {
			if diff := missing(fmt.Sprintf("%s[%d]", path, i), w[i], g[i]); diff != "" {
				return diff
			}
		}
	default:
		if want != got {
			return fmt.Sprintf("%s is %v, not %v", path, got, want)
		}
	}
	return ""
}

// export compares the bytes that cache export writes, in every format.
func (o *older) export(t *testing.T) {
	formats := map[string]bool{}
	if err := os.Mkdir("export", 0o777); err != nil {
		t.Fatal(err)
	}
	for s := bufio.NewScanner(bytes.NewReader(o.want(t, "exports.sha256"))); s.Scan(); {
		digest, name, ok := strings.Cut(s.Text(), "  ")
		if !ok {
			t.Fatalf("exports.sha256: %q", s.Text())
		}
		set, format, _ := strings.Cut(name, ".")
		// NAME.labels.csv comes with NAME.npy.
		if format != "labels.csv" {
			formats[format] = true
			o.do(t, "cache export "+set+".features --quiet --out export/"+name)
		} else if _, err := os.Stat("export/" + name); err != nil {
			o.do(t, "cache export "+set+".features --quiet --out export/"+set+".npy")
		}
		got := sha256.Sum256(o.read("export/" + name))
		if hex.EncodeToString(got[:]) != digest {
			t.Errorf("cache export writes another %s", name)
		}
	}
	if len(formats) != 4 {
		t.Errorf("formats %v", formats)
	}
}

// predict compares the predictions of a command line with those of a file in
// want, and hands the summary to check.
func (o *older) predict(t *testing.T, args, want string, check func(summary object)) {
	t.Helper()
	code, stdout, stderr := o.try(t, "predict --json --quiet --probabilities "+args)
	if code != exitDone {
		t.Fatalf("predict %s: exit %d: %s", args, code, stderr)
	}
	check(objects(t, stderr)[0])
	now, then := objects(t, stdout), objects(t, string(o.want(t, want)))
	if len(now) != len(then) {
		t.Fatalf("predict %s: %d rows, not %d", args, len(now), len(then))
	}
	for i, w := range then {
		g := now[i]
		if g["id"] != w["id"] || g["label"] != w["label"] || g["error"] != w["error"] {
			t.Fatalf("predict %s: row %d is %v, not %v", args, i+1, g, w)
		}
		p, q := g["probabilities"].(map[string]any), w["probabilities"].(map[string]any)
		if len(p) != len(q) {
			t.Fatalf("predict %s: row %d has %v, not %v", args, i+1, p, q)
		}
		for class := range q {
			if got, ok := p[class].(float64); !ok || math.Abs(got-q[class].(float64)) > 1e-6 {
				t.Fatalf("predict %s: row %d: %s has probability %v, not %v", args, i+1, class, p[class], q[class])
			}
		}
	}
}

// TestEveryStateThatIsKeptIsAmongOlderFiles checks that the fixtures have what
// their page says they have.
func TestEveryStateThatIsKeptIsAmongOlderFiles(t *testing.T) {
	seen := map[string]bool{}
	for _, name := range []string{"62d997f", "8dcd798", "bb168b5"} {
		dir := filepath.Join("../../testdata/older", name, "want")
		files, err := filepath.Glob(filepath.Join(dir, "*.head.onnx.json"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range files {
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			h := objects(t, string(content))[0]
			seen["head "+h["type"].(string)] = true
			for _, f := range h["settings"].(map[string]any)["flags"].([]any) {
				fact := f.(map[string]any)
				seen[fmt.Sprint(fact["Name"], " ", fact["Value"])] = true
			}
			if temperature, ok := h["result"].(map[string]any)["calibration"].(map[string]any); ok && temperature["temperature"] != 1.0 {
				seen["temperature"] = true
			}
			spaces := h["spaces"].([]any)
			seen[fmt.Sprintf("%d spaces", len(spaces))] = true
			if tail, ok := h["tail"].(map[string]any); ok {
				prep := spaces[0].(map[string]any)["space"].(map[string]any)["prep"].(map[string]any)
				seen[fmt.Sprintf("tail on %.5s", prep["impl"])] = true
				seen[fmt.Sprintf("tail from the inputs: %v", tail["cut"] == "")] = true
			}
			if strings.Contains(string(content), `"dtype":"f16"`) {
				seen["f16"] = true
			}
		}
	}
	for _, what := range []string{
		"head softmax", "head ncm", "--standardize true", "--standardize false", "--l2-normalize true", "--calibrate none", "temperature", "f16",
		"1 spaces", "2 spaces", "4 spaces", "tail on text/", "tail on image", "tail from the inputs: true", "tail from the inputs: false",
	} {
		if !seen[what] {
			t.Errorf("no fixture has %s: %v", what, slices.Sorted(maps.Keys(seen)))
		}
	}
}

package main

import (
	"archive/zip"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/models/library"
)

// TestExamplesOfTheHelpRun runs every example of every command's help, in a
// folder that has what they speak of.
func TestExamplesOfTheHelpRun(t *testing.T) {
	onnx, err := filepath.Abs(testRuntime(t))
	if err != nil {
		t.Fatal(err)
	}
	emoji, err := filepath.Abs("../../testdata/emoji")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	t.Setenv("HEADSTART_RUNTIME", onnx)
	t.Setenv("HEADSTART_CACHE", filepath.Join(t.TempDir(), "cache"))
	place := func(path string, content []byte) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir("lib", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(onnx, "lib/libonnxruntime.so"); err != nil {
		t.Fatal(err)
	}
	placeRuntimes(t, onnx)

	// Three classes of emoji, twelve each, as a table and as folders, and some
	// more. No group has more than three of them, so that groups can be dealt
	// to folds; red apple is one, since examples name it.
	f, err := os.Open(filepath.Join(emoji, "emoji.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	records, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	taken := map[string]int{"food-and-drink": 0, "symbols": 0, "animals-and-nature": 0}
	grouped := map[string]int{}
	const here = 12
	table := "image,name,label,group\n"
	var later strings.Builder
	later.WriteString("name,label\n")
	for _, r := range records[1:] {
		n, ok := taken[r[2]]
		if !ok || strings.ContainsAny(r[1], `,"`) {
			continue
		}
		if grouped[r[3]]++; grouped[r[3]] > 3 && r[0] != "images/1f34e.png" {
			continue
		}
		taken[r[2]]++
		content, err := os.ReadFile(filepath.Join(emoji, r[0]))
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case n < here:
			table += strings.Join(r, ",") + "\n"
			place(r[0], content)
			place(filepath.Join("photos", r[2], filepath.Base(r[0])), content)
		case n < here+4:
			later.WriteString(r[1] + "," + r[2] + "\n")
			place(filepath.Join("new-photos", filepath.Base(r[0])), content)
			place(filepath.Join("later-photos", r[2], filepath.Base(r[0])), content)
		}
	}
	photos, err := filepath.Glob("new-photos/*")
	if err != nil || len(photos) == 0 {
		t.Fatal(photos, err)
	}
	photo, err := os.ReadFile(photos[0])
	if err != nil {
		t.Fatal(err)
	}
	place("photo.jpg", photo)
	place("emoji.csv", []byte(table))
	place("later.csv", []byte(later.String()))
	prices := "name,price\n"
	for i, r := range records[1:31] {
		prices += fmt.Sprintf("%q,%d.5\n", r[1], i%7)
	}
	place("prices.csv", []byte(prices))
	place("texts.txt", []byte("a red apple\na small dog\n"))

	do := func(line string) (int, string) {
		t.Helper()
		line, _, _ = strings.Cut(line, "#")
		line, input, _ := strings.Cut(line, "<")
		e, _, stderr := testEnv()
		if input = strings.TrimSpace(input); input != "" {
			in, err := os.Open(input)
			if err != nil {
				t.Fatal(err)
			}
			defer in.Close()
			e.stdin = in
		}
		code := run(t.Context(), program(e), words(line)[1:], e)
		return code, stderr.String()
	}
	place("curve.csv", []byte("n,error,seed\n100,0.31,0\n200,0.24,0\n400,0.2,0\n800,0.17,0\n"))
	for _, line := range []string{
		"headstart extract --text name --out names.features emoji.csv",
		"headstart extract --text name --label price --out prices.features prices.csv",
		"headstart extract --image image --alpha white --out images.features emoji.csv",
		"headstart extract --text name --out later.features later.csv",
		"headstart extract --text name --cache worker-1 --out later.features later.csv",
		"headstart extract --text name --cache worker-2 --out names.features emoji.csv",
		"headstart extract photos/",
		"headstart train-head --l2 0.1 --cv 2 names.features",
		"headstart train-head --head ncm --cv 2 --out old.head.onnx names.features",
		"headstart train-head --head ncm --cv 2 --out topic.head.onnx names.features",
		"headstart train-head --head ncm --cv 2 --out tone.head.onnx names.features",
		"headstart train-head --head ncm images.features",
		"headstart train-head --head ncm --out both.head.onnx images.features names.features",
		"headstart train-head --head ncm photos.features",
	} {
		if code, stderr := do(line); code != 0 {
			t.Fatalf("%s: exit %d: %s", line, code, stderr)
		}
	}
	t.Setenv("HEADSTART_L2_POINTS", "2")
	t.Setenv("HEADSTART_FOLDS", "2")
	t.Setenv("HEADSTART_THREADS", "1") // with more the runtime spins while it waits
	e, _, _ := testEnv()
	everyCommand(program(e), nil, func(c *command, _ []string) {
		for _, example := range c.examples {
			// Two folds are as good as five here; they go with neither of
			// these.
			cv := "2"
			if strings.Contains(example, "--split") || strings.Contains(example, "--tail") {
				cv = ""
			}
			t.Setenv("HEADSTART_CV", cv)
			if code, stderr := do(example); code != 0 {
				t.Errorf("%s: exit %d: %s", example, code, stderr)
			}
		}
	})
}

// placeRuntimes puts the library into the user's folder, as an earlier
// installation did, so that nothing is downloaded, and into a wheel.
func placeRuntimes(t *testing.T, path string) {
	t.Helper()
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	dir, err := library.Folder()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	name := filepath.Base(path)
	for _, to := range []string{filepath.Join(dir, name), filepath.Join(dir, "libonnxruntime.so")} {
		if err := os.Symlink(path, to); err != nil {
			t.Fatal(err)
		}
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	wheel, err := os.Create("onnxruntime.whl")
	if err != nil {
		t.Fatal(err)
	}
	defer wheel.Close()
	z := zip.NewWriter(wheel)
	w, err := z.CreateHeader(&zip.FileHeader{Name: "onnxruntime/capi/" + name, Method: zip.Store})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
}

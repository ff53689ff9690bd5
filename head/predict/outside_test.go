package predict_test

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/models"
)

// buildOutside compiles the program of another module.
func buildOutside(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "outside")
	build := exec.Command("go", "build", "-o", program, ".")
	build.Dir = "testdata/outside"
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

// A program of another module, of not more than 15 lines beside imports and
// braces, gives the numbers of the command for a photo, a text, a head with a
// tail and a head on several taps.
func TestTheOutsideProgram(t *testing.T) {
	program := buildOutside(t)
	for _, name := range []string{"normalized", "softmax", "tail-text", "tail-image", "taps"} {
		for _, h := range heads {
			if h.name != name {
				continue
			}
			m := models.Text
			if h.backbone == "vit" {
				m = models.Image
			}
			all, ws := contents(t, m), wanted(t, h.file)[:3]
			args := []string{older + h.name + ".head.onnx"}
			for i, w := range ws {
				path := filepath.Join(t.TempDir(), fmt.Sprint(i))
				if err := os.WriteFile(path, all[w.ID], 0o644); err != nil {
					t.Fatal(err)
				}
				args = append(args, path)
			}
			run := exec.Command(program, args...)
			run.Env = append(os.Environ(), "BACKBONE="+backbones+h.backbone)
			out, err := run.CombinedOutput()
			if err != nil {
				t.Fatalf("%s: %v\n%s", name, err, out)
			}
			for i, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
				var label, bad string
				var probability float64
				if _, err := fmt.Sscan(line, &label, &probability, &bad); err != nil || label != ws[i].Label || math.Abs(probability-ws[i].Probability) > 1e-6 || bad != "<nil>" {
					t.Errorf("%s: %s: %q, want %+v", name, ws[i].ID, line, ws[i])
				}
			}
		}
	}

	// What a reader of the program has to understand.
	source, err := os.ReadFile("testdata/outside/main.go")
	if err != nil {
		t.Fatal(err)
	}
	_, body, _ := strings.Cut(string(source), "func main()")
	lines := 0
	for line := range strings.Lines(body) {
		if strings.Trim(line, " \t\n{}") != "" {
			lines++
		}
	}
	if lines > 15 {
		t.Errorf("%d lines beside imports and braces", lines)
	}
}

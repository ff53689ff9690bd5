package main

import (
	"encoding/csv"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/headstart-ml/headstart/models"
)

// A process that trains a head takes at most twice its features and 100 MB,
// mapped files included, and what it writes does not depend on that.
func TestMemoryOfTrainHead(t *testing.T) {
	const rows, classes, d = 50_000, 26, 384
	dir := t.TempDir()
	t.Setenv("HEADSTART_CACHE", filepath.Join(dir, "cache"))
	texts := filepath.Join(dir, "texts.csv")
	f, err := os.Create(texts)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := csv.NewWriter(f)
	w.Write([]string{"text", "label"})
	var contents [][]byte
	for i := range rows {
		text := fmt.Sprintf("text %d", i)
		w.Write([]string{text, string(rune('a' + i%classes))})
		contents = append(contents, []byte(text))
	}
	if w.Flush(); w.Error() != nil {
		t.Fatal(w.Error())
	}
	madeUpRows(t, models.Text, os.Getenv("HEADSTART_CACHE"), contents)
	t.Setenv(asHeadstart, "run")
	set, head := filepath.Join(dir, "texts.features"), filepath.Join(dir, "texts.head.onnx")
	if out, err := exec.Command(os.Args[0], "extract", "--quiet", "--text", "text", "--out", set, texts).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	// A few strengths and folds of many rows: the factors of a path of them
	// take what those of the default path take.
	cmd := exec.Command(os.Args[0], "train-head", "--quiet", "--l2-points", "3", "--folds", "3", "--split", "train=0.9,validation=0.05,test=0.05",
		"--baseline", "false", "--out", head, set)
	out := new(strings.Builder)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	// Not getrusage, which gives the peak of this process where it is greater.
	var peak int64
	for running := true; running; {
		select {
		case err := <-ended:
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			running = false
		case <-time.After(5 * time.Millisecond):
			status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
			if _, line, ok := strings.Cut(string(status), "\nVmHWM:"); ok {
				var kib int64
				if _, err := fmt.Sscan(line, &kib); err != nil {
					t.Fatal(err)
				}
				peak = max(peak, kib<<10)
			}
		}
	}
	features := int64(4 * rows * d)
	t.Logf("%d MB resident for features of %d MB", peak/1e6, features/1e6)
	if most := 2*features + 100e6; peak == 0 || peak > most && !raced {
		t.Errorf("%d MB were resident, more than %d", peak/1e6, most/1e6)
	}
}

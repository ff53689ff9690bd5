//go:build cgo

package export_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/headstart-ml/headstart/models/export"
	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/layer"
	"github.com/headstart-ml/headstart/models/onnx/pb"
	"github.com/headstart-ml/headstart/models/tensor"
)

// childVariable says what a child process of the tests below does, and where.
const childVariable = "HEADSTART_EXPORT_CHILD"

// anExport writes a small model with a license that says which one it is.
func anExport(t *testing.T, dir, name string) error {
	t.Helper()
	const d = 64 << 10
	m := tiny(17, 8, []*pb.ValueInfoProto{input("x0", pb.TensorProto_FLOAT, -1, d)}, onnx.Node("Identity", []string{"x0"}, []string{"x"}))
	fused, err := export.Fuse(m, &export.Head{Head: layer.Head{Features: "x", Weight: make([]float32, 2*d), Bias: make([]float32, 2), Temperature: 1}, Classes: []string{"a", name}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = export.Write(t.Context(), &export.Output{
		Dir: dir, Replace: true, Model: fused,
		Check: &export.Check{Library: library(t), Inputs: []string{"x0"}, Classes: 2, Batches: []export.Batch{{
			Inputs: []tensor.View{{Shape: []int64{1, d}, F32: make([]float32, d)}}, Probabilities: []float64{0.5, 0.5},
		}}},
		Files: func(bool) (map[string][]byte, error) {
			return map[string][]byte{"LICENSE": []byte(name), "README.md": []byte(strings.Repeat(name, 100))}, nil
		},
	})
	return err
}

// TestExportChild is what the tests below run in a process of its own.
func TestExportChild(t *testing.T) {
	what, dir, ok := strings.Cut(os.Getenv(childVariable), " ")
	switch {
	case !ok:
		t.Skip("the other tests run it")
	case what == "full":
		signal.Ignore(syscall.SIGXFSZ)
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 64 << 10, Max: 64 << 10}); err != nil {
			t.Fatal(err)
		}
		if err := anExport(t, dir, "new"); !errors.Is(err, syscall.EFBIG) || strings.Contains(err.Error(), ".tmp") {
			t.Errorf("%v", err)
		}
	default:
		for i := 0; ; i++ {
			if err := anExport(t, dir, fmt.Sprint("export ", i)); err != nil {
				t.Fatal(err)
			}
			if i == 0 {
				fmt.Println("begun")
			}
		}
	}
}

func child(what, dir string) *exec.Cmd {
	c := exec.Command(os.Args[0], "-test.run", "^TestExportChild$", "-test.v")
	c.Env = append(os.Environ(), childVariable+"="+what+" "+dir)
	return c
}

// contents are the files of a folder.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, name := range tree(t, dir) {
		if data, err := os.ReadFile(filepath.Join(dir, name)); err == nil {
			all[name] = string(data)
		}
	}
	return all
}

// A disk that is full half-way leaves the folder as it was, and nothing else.
func TestExportOntoAFullDisk(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "model")
	for _, there := range []bool{false, true} {
		if there {
			if err := anExport(t, dir, "old"); err != nil {
				t.Fatal(err)
			}
		}
		before := contents(t, root)
		if said, err := child("full", dir).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, said)
		}
		if after := contents(t, root); !maps.Equal(after, before) || len(tree(t, root)) != map[bool]int{false: 0, true: 5}[there] {
			t.Errorf("files %q, were %d", tree(t, root), len(before))
		}
	}
}

// A process that is killed at any moment leaves the old folder or the new one,
// whole; what it leaves beside it the next one removes.
func TestExportIsKilled(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "model")
	r := rand.New(rand.NewPCG(1, 1))
	for range 20 {
		c := child("killed", dir)
		out, err := c.StdoutPipe()
		if err == nil {
			err = c.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		said, buffer := "", make([]byte, 1<<10)
		for !strings.Contains(said, "begun") {
			n, err := out.Read(buffer)
			if said += string(buffer[:n]); err != nil {
				t.Fatalf("%v: %s", err, said)
			}
		}
		time.Sleep(time.Duration(r.IntN(100_000)) * time.Microsecond)
		if err := c.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		c.Wait()
		files := contents(t, dir)
		if names := slices.Sorted(maps.Keys(files)); !slices.Equal(names, []string{"LICENSE", "README.md", "onnx/model.onnx"}) {
			t.Fatalf("files %q", names)
		}
		m, err := onnx.Decode([]byte(files["onnx/model.onnx"]))
		if err != nil {
			t.Fatal(err)
		}
		name := files["LICENSE"]
		if files["README.md"] != strings.Repeat(name, 100) || !slices.ContainsFunc(m.MetadataProps, func(p *pb.StringStringEntryProto) bool { return p.GetValue() == `["a","`+name+`"]` }) {
			t.Fatalf("the files are of several exports: %q, %v", name, m.MetadataProps)
		}
	}
	if err := anExport(t, dir, "last"); err != nil {
		t.Fatal(err)
	}
	if left := tree(t, root); len(left) != 5 {
		t.Errorf("%q is left", left)
	}
}

package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/headstart-ml/headstart/head/file"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// retrainable is a place with NAME.features of some of the emoji for each of
// the backbones of testdata.
func retrainable(t *testing.T, names ...string) *place {
	t.Helper()
	folders, err := filepath.Abs("testdata/backbones")
	if err != nil {
		t.Fatal(err)
	}
	p := newPlace(t)
	samples := p.samples(0, perClass, "symbols", "food-and-drink", "flags", "objects", "smileys-and-emotion")
	for i := range samples {
		samples[i] = samples[i][:3]
	}
	p.table("emoji.csv", "image,name,label", samples)
	t.Setenv("HEADSTART_THREADS", "1") // with more the runtime spins while it waits
	for _, name := range names {
		read := "--image image --alpha white --root " + p.emoji
		if name == "distilbert" {
			read = "--text name"
		}
		p.do(t, "extract "+read+" --label label --backbone "+filepath.Join(folders, name)+" --out "+name+".features emoji.csv")
	}
	return p
}

// checkpoints waits until there are n checkpoints beside heads.
func checkpoints(t *testing.T, n int) []string {
	t.Helper()
	for range 2000 {
		if all := existing(t); len(all) >= n {
			return all
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("there are no %d checkpoints", n)
	return nil
}

func existing(t *testing.T) []string {
	t.Helper()
	all, err := filepath.Glob("*.checkpoint")
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// child starts headstart as a process of its own.
func child(t *testing.T, line string) (cmd *exec.Cmd, stdout, stderr *bytes.Buffer) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	stdout, stderr = new(bytes.Buffer), new(bytes.Buffer)
	cmd = exec.Command(self, words(line)...)
	cmd.Env = append(os.Environ(), asHeadstart+"=run")
	cmd.Stdout, cmd.Stderr = stdout, stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, stdout, stderr
}

// TestRetrainingGoesOn interrupts and kills retraining as a process. The same
// command goes on, and its head is that of a run that was not disturbed, byte
// for byte; another command line begins anew.
func TestRetrainingGoesOn(t *testing.T) { retrainingGoesOn(t, "--threads 1") }

// TestRetrainingWithReplicasGoesOn is the same with replicas.
func TestRetrainingWithReplicasGoesOn(t *testing.T) {
	retrainingGoesOn(t, "--threads 2 --replicas 2")
}

func retrainingGoesOn(t *testing.T, flags string) {
	p := retrainable(t, "convnext")
	train := "train-head " + flags + " --tail all --l2 0.1 --lr 0.0005 --epochs 25 --patience 25 --report page.html --out x.head.onnx convnext.features"
	p.do(t, train)
	undisturbed := p.read("x.head.onnx")
	if left := existing(t); len(left) > 0 {
		t.Fatalf("a success leaves %v", left)
	}
	os.Remove("x.head.onnx")
	os.Remove("page.html")

	cmd, stdout, stderr := child(t, train+" --json")
	began := p.read(checkpoints(t, 1)[0])
	for range 2000 { // until an epoch is over
		if !bytes.Equal(p.read(checkpoints(t, 1)[0]), began) {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // an error: the exit code is not 0
	said := stderr.String()
	if code := cmd.ProcessState.ExitCode(); code != exitInterrupted || !strings.HasSuffix(said, "headstart: train-head: interrupted\n") {
		t.Errorf("exit %d: %s", code, said)
	}
	if !strings.Contains(said, "x.head.onnx has the best so far") || !strings.Contains(said, "the same command resumes there") {
		t.Errorf("it says %s", said)
	}
	all := objects(t, stdout.String())
	if len(all) != 1 {
		t.Fatalf("%d objects", len(all))
	}
	ways := all[0]["tail"].(map[string]any)["ways"].([]any)
	if last := ways[len(ways)-1].(map[string]any); last["name"] != "all" || last["status"] != "interrupted" {
		t.Errorf("%v", last)
	}
	if _, err := file.Read("x.head.onnx"); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat("page.html"); err == nil || all[0]["report"] != nil {
		t.Error("a page was drawn of what is not at its end")
	}
	p.do(t, "evaluate x.head.onnx convnext.features") // what there is so far can be used

	for i := range 4 { // one is killed before it goes on
		cmd, _, _ := child(t, train)
		time.Sleep(time.Duration(i*60) * time.Millisecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
	}
	left := checkpoints(t, 1)
	_, _, stderrOther := p.try(t, strings.NewReplacer("0.0005", "0.0004", "--epochs 25", "--epochs 1").Replace(train))
	if strings.Contains(stderrOther, "went on") || !strings.Contains(stderrOther, "is the checkpoint of another command line") {
		t.Errorf("with other settings: %s", stderrOther)
	}
	if now := existing(t); len(now) != 1 || now[0] != left[0] {
		t.Errorf("%v became %v", left, now)
	}
	code, _, said := p.try(t, train)
	if code != exitDone || !strings.Contains(said, "went on at step") {
		t.Errorf("exit %d: %s", code, said)
	}
	if !bytes.Equal(p.read("x.head.onnx"), undisturbed) {
		t.Errorf("the head differs from that of a run that was not disturbed: %s", headsDiffer(t, p.read("x.head.onnx"), undisturbed))
	}
	if left := existing(t); len(left) > 0 {
		t.Errorf("a success leaves %v", left)
	}
}

// headsDiffer says in what two head files differ: fields of JSON by their
// paths, weights by their names and by how much.
func headsDiffer(t *testing.T, got, want []byte) string {
	t.Helper()
	var files [2]*file.File
	for i, data := range [][]byte{got, want} {
		path := filepath.Join(t.TempDir(), fmt.Sprintf("%d.head.onnx", i))
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		var err error
		if files[i], err = file.Read(path); err != nil {
			return err.Error()
		}
	}
	a, b := files[0], files[1]
	var said []string
	say := func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }
	for _, part := range []struct {
		name string
		a, b any
	}{{"model", a.Head, b.Head}, {"spaces", a.Spaces, b.Spaces}, {"rows", a.Fitted, b.Fitted}, {"data", a.Data, b.Data}, {"versions", a.Versions, b.Versions}, {"date", a.Created, b.Created}} {
		if !reflect.DeepEqual(part.a, part.b) {
			say("%s", part.name)
		}
	}
	if a.Tail != nil && b.Tail != nil {
		ours := map[string]*pb.TensorProto{}
		for _, w := range a.Tail.Backbone.GetGraph().GetInitializer() {
			ours[w.GetName()] = w
		}
		for _, w := range b.Tail.Backbone.GetGraph().GetInitializer() {
			x, y := ours[w.GetName()].GetRawData(), w.GetRawData()
			if bytes.Equal(x, y) {
				continue
			}
			most := 0.0
			for i := 0; i+4 <= min(len(x), len(y)); i += 4 {
				at := func(v []byte) float64 { return float64(math.Float32frombits(binary.LittleEndian.Uint32(v[i:]))) }
				most = max(most, math.Abs(at(x)-at(y)))
			}
			say("weight %s by at most %g", w.GetName(), most)
		}
	}
	for _, text := range []struct {
		name string
		a, b json.RawMessage
	}{{"settings", a.Settings, b.Settings}, {"metrics", a.Metrics, b.Metrics}} {
		var x, y any
		if json.Unmarshal(text.a, &x) != nil || json.Unmarshal(text.b, &y) != nil {
			say("%s are no JSON", text.name)
			continue
		}
		jsonDiffers(text.name, x, y, say)
	}
	if len(said) > 12 {
		said = append(said[:12], fmt.Sprintf("and %d more", len(said)-12))
	}
	return strings.Join(said, "; ")
}

// jsonDiffers says the paths at which two decoded texts differ.
func jsonDiffers(path string, a, b any, say func(string, ...any)) {
	switch x := a.(type) {
	case map[string]any:
		if y, ok := b.(map[string]any); ok {
			for _, key := range slices.Sorted(maps.Keys(x)) {
				jsonDiffers(path+"."+key, x[key], y[key], say)
			}
			return
		}
	case []any:
		if y, ok := b.([]any); ok && len(x) == len(y) {
			for i := range x {
				jsonDiffers(fmt.Sprintf("%s[%d]", path, i), x[i], y[i], say)
			}
			return
		}
	}
	if !reflect.DeepEqual(a, b) {
		say("%s: %v, not %v", path, a, b)
	}
}

// watched passes on what is written, and calls do once what is written has this
// text in it.
type watched struct {
	to   io.Writer
	text string
	do   func()
}

func (w *watched) Write(b []byte) (int, error) {
	if strings.Contains(string(b), w.text) {
		w.do()
	}
	return w.to.Write(b)
}

// TestRetrainingIsStopped stops train-head --tail in each of its phases.
func TestRetrainingIsStopped(t *testing.T) {
	p := retrainable(t, "vit", "convnext")
	const settings = " --threads 1 --l2 0.1 --lr 0.001 --patience 20 "
	for _, c := range []struct {
		name, args  string
		text        string // in a note, at which it is stopped; "": at the start
		checkpoints int    // or at which number of them
		chosen      string // "": nothing is written
		ways        int
	}{
		{"before the head", "--tail all vit.features", "", 0, "", 0},
		{"activations", "--tail last:1 vit.features", "the activations of", 0, "head", 1},
		{"all activations", "--tail auto --epochs 2 convnext.features", "half: the activations of", 0, "head", 1},
		{"a later seed", "--tail all --repeat 2 --epochs 10 convnext.features", "", 2, "any", 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			e, stdout, stderr := testEnv()
			line := "train-head" + settings + c.args + " --json --out stopped.head.onnx"
			switch {
			case c.checkpoints > 0:
				go func() {
					for len(existing(t)) < c.checkpoints && ctx.Err() == nil {
						time.Sleep(5 * time.Millisecond)
					}
					cancel()
				}()
			case c.text == "":
				cancel()
			default:
				e.stderr = &watched{stderr, c.text, cancel}
			}
			code := run(ctx, program(e), words(line), e)
			said := stderr.String()
			if code != exitInterrupted || !strings.HasSuffix(said, "headstart: train-head: interrupted\n") {
				t.Fatalf("exit %d: %s", code, said)
			}
			f, err := file.Read("stopped.head.onnx")
			if c.chosen == "" {
				if err == nil || stdout.Len() > 0 {
					t.Error("something was written")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer os.Remove("stopped.head.onnx")
			o := objects(t, stdout.String())[0]
			tail := o["tail"].(map[string]any)
			chosen := tail["chosen"].(string)
			if c.chosen != "any" && chosen != c.chosen || (f.Tail == nil) != (chosen == "head" || chosen == "taps") || len(tail["seeds"].([]any)) != 1 {
				t.Errorf("%v", tail)
			}
			if n := len(tail["ways"].([]any)); n != c.ways {
				t.Errorf("%d ways, not %d: %v", n, c.ways, tail["ways"])
			}
			// What is not at its end is left out here, so that what there is
			// was tested.
			if o["metrics"].(map[string]any)["test"] == nil || strings.Contains(said, "not tested") || !strings.Contains(said, "has the best so far ("+chosen+")") {
				t.Errorf("it says %s", said)
			}
			// It goes on, and what was at its end is not trained again.
			went := len(existing(t)) > 0
			code, _, said = p.try(t, line)
			if code != exitDone || strings.Contains(said, "went on at step") != went {
				t.Errorf("exit %d: %s", code, said)
			}
			if left := existing(t); len(left) > 0 {
				t.Errorf("a success leaves %v", left)
			}
		})
	}
}

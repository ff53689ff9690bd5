//go:build cgo && !windows

package retrain

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/grad"
	"github.com/headstart-ml/headstart/models/onnx/pb"
	"github.com/headstart-ml/headstart/models/runtime"
	"github.com/headstart-ml/headstart/models/tensor"
)

// job is what a peer is told to do.
type job struct {
	Model              string             // file of the backbone
	Shapes             map[string][]int64 // of its inputs, for a whole batch
	Cut, Pooling, Mask string             // as in grad.Options
	Classes            int
	Blocked            bool              // in the runtime's own layout
	Threads            int               // of an operator
	Replicas           int               // how many share a batch, each on a thread of its own
	Values             map[string]string // files with the values of what is fed, little-endian, by the tensor's name
}

// peer does steps of a job. bench/peers.py puts it beside PyTorch.
type peer struct {
	library  *runtime.Library
	session  *runtime.Session
	program  *grad.Program
	in, out  [][]tensor.View // of each replica
	w, m, v  [][]float32     // of each weight
	steps    int
	replicas int
}

func openRuntime() (*runtime.Library, error) {
	for _, name := range []string{"libonnxruntime.so", "libonnxruntime.dylib"} {
		path := filepath.Join("..", "..", "lib", name)
		if _, err := os.Stat(path); err == nil {
			return runtime.Open(path)
		}
	}
	where, err := runtime.Find("")
	if err != nil {
		return nil, err
	}
	return runtime.Open(where.Path)
}

func newPeer(j *job) (*peer, error) {
	l, err := openRuntime()
	if err != nil {
		return nil, err
	}
	p := &peer{library: l, replicas: j.Replicas}
	data, err := os.ReadFile(j.Model)
	if err != nil {
		return nil, err
	}
	m, err := onnx.Decode(data)
	if err != nil {
		return nil, err
	}
	shapes := map[string][]int64{}
	for name, s := range j.Shapes {
		if s[0]%int64(j.Replicas) != 0 {
			return nil, fmt.Errorf("%d samples for %d replicas", s[0], j.Replicas)
		}
		shapes[name] = append([]int64{s[0] / int64(j.Replicas)}, s[1:]...)
	}
	g, err := onnx.Infer(m, &onnx.InferOptions{Inputs: onnx.Fixed(shapes), Values: true})
	if err != nil {
		return nil, err
	}
	o := &grad.Options{Cut: j.Cut, Pooling: j.Pooling, Mask: j.Mask, Classes: j.Classes}
	if j.Blocked {
		if o.Block, err = block(l); err != nil {
			return nil, err
		}
	}
	if p.program, err = grad.Build(g, o); err != nil {
		return nil, err
	}
	if data, err = onnx.Encode(p.program.Step); err != nil {
		return nil, err
	}
	p.session, err = l.NewSession(data, &runtime.Options{
		Inputs: p.program.InputNames(), Outputs: p.program.OutputNames(), Threads: j.Threads,
	})
	if err != nil {
		return nil, err
	}
	return p, p.fill(j)
}

// block asks the runtime how many channels its blocks have, 0 for none.
func block(l *runtime.Library) (int64, error) {
	data, err := onnx.Encode(grad.BlockProbe())
	if err != nil {
		return 0, err
	}
	s, err := l.NewSession(data, &runtime.Options{Inputs: []string{"x"}, Outputs: []string{"shape"}})
	if err != nil {
		return 0, nil
	}
	defer s.Close()
	shape := make([]int64, 4)
	err = s.Run(context.Background(), []tensor.View{{Shape: []int64{1, 8, 1, 1}, F32: make([]float32, 8)}},
		[]tensor.View{{Shape: []int64{4}, I64: shape}})
	return shape[1], err
}

// fill makes what is fed and fetched.
func (p *peer) fill(j *job) error {
	samples := append(append([]grad.Input{}, p.program.Inputs...), p.program.Target)
	p.in, p.out = make([][]tensor.View, p.replicas), make([][]tensor.View, p.replicas)
	for _, x := range samples {
		n := volume(x.Dims)
		f32, i64, err := read(j.Values[x.Name], n*p.replicas, x.Type == pb.TensorProto_INT64)
		if err != nil {
			return fmt.Errorf("%s: %w", x.Name, err)
		}
		for r := range p.replicas {
			t := tensor.View{Shape: x.Dims}
			if i64 != nil {
				t.I64 = i64[r*n : (r+1)*n]
			} else {
				t.F32 = f32[r*n : (r+1)*n]
			}
			p.in[r] = append(p.in[r], t)
		}
	}
	for r := range p.replicas {
		K := p.program.Target.Dims
		p.out[r] = []tensor.View{{Shape: []int64{1}, F32: make([]float32, 1)}, {Shape: K, F32: make([]float32, volume(K))}}
	}
	for _, w := range p.program.Weights {
		src := w.Values
		if src == nil {
			var err error
			if src, _, err = read(j.Values[w.Name], volume(w.Shape), false); err != nil {
				return fmt.Errorf("%s: %w", w.Name, err)
			}
		}
		values := make([]float32, volume(w.Dims))
		w.Pack(values, src)
		p.w = append(p.w, values)
		p.m = append(p.m, make([]float32, len(values)))
		p.v = append(p.v, make([]float32, len(values)))
		for r := range p.replicas {
			p.in[r] = append(p.in[r], tensor.View{Shape: w.Dims, F32: values})
			p.out[r] = append(p.out[r], tensor.View{Shape: w.Dims, F32: make([]float32, len(values))})
		}
	}
	return nil
}

func volume(dims []int64) int {
	n := 1
	for _, d := range dims {
		n *= int(d)
	}
	return n
}

// read reads n float32 or int64 values.
func read(path string, n int, integers bool) ([]float32, []int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	if integers {
		v := make([]int64, n)
		return nil, v, binary.Read(bufio.NewReader(f), binary.LittleEndian, v)
	}
	v := make([]float32, n)
	return v, nil, binary.Read(bufio.NewReader(f), binary.LittleEndian, v)
}

// step computes the gradients of a batch and returns its loss.
func (p *peer) step() (float64, error) {
	var wait sync.WaitGroup
	errs := make([]error, p.replicas)
	for r := range p.replicas {
		wait.Go(func() { errs[r] = p.session.Run(context.Background(), p.in[r], p.out[r]) })
	}
	wait.Wait()
	loss := 0.0
	for r, out := range p.out {
		loss += float64(out[0].F32[0])
		if r == 0 {
			continue
		}
		for i := 2; i < len(out); i++ {
			sum := p.out[0][i].F32
			for k, v := range out[i].F32 {
				sum[k] += v
			}
		}
	}
	return loss, errors.Join(errs...)
}

// update does a step of AdamW.
func (p *peer) update() {
	const beta1, beta2, rate, decay = 0.9, 0.999, 1e-4, 0.01
	p.steps++
	k := &coefficients{
		scale: 1, beta1: beta1, beta2: beta2, epsilon: 1e-8, decay: rate * decay,
		rate:       float32(rate / (1 - math.Pow(beta1, float64(p.steps)))),
		correction: float32(1 / math.Sqrt(1-math.Pow(beta2, float64(p.steps)))),
	}
	for i := range p.w {
		update(p.w[i], p.out[0][2+i].F32, p.m[i], p.v[i], k)
	}
}

func (p *peer) close() {
	p.session.Close()
	p.library.Close()
}

// serve answers each line that says "step" or "update" with a line of seconds
// of CPU, seconds of wall and the loss.
func (p *peer) serve(r io.Reader, w io.Writer) error {
	fmt.Fprintln(w, "ready", p.library.Info().Version)
	loss := 0.0
	for lines := bufio.NewScanner(r); lines.Scan(); {
		var err error
		wall, cpu := time.Now(), processor()
		switch lines.Text() {
		case "step":
			loss, err = p.step()
		case "update":
			p.update()
		default:
			err = fmt.Errorf("what is %q?", lines.Text())
		}
		if err != nil {
			return err
		}
		fmt.Fprintln(w, (processor() - cpu).Seconds(), time.Since(wall).Seconds(), loss)
	}
	return nil
}

func processor() time.Duration {
	var r syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &r) // cannot fail with these arguments
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// TestPeer is the peer of bench/peers.py if that has set HEADSTART_PEER to a
// job. Otherwise it checks that a peer learns, and that two replicas learn the
// same as one.
func TestPeer(t *testing.T) {
	if said := os.Getenv("HEADSTART_PEER"); said != "" {
		var j job
		if err := json.Unmarshal([]byte(said), &j); err != nil {
			t.Fatal(err)
		}
		p, err := newPeer(&j)
		if err != nil {
			t.Fatal(err)
		}
		defer p.close()
		if err := p.serve(os.Stdin, os.Stdout); err != nil {
			t.Fatal(err)
		}
		return
	}
	const n, classes = 4, 3
	rng, folder := rand.New(rand.NewPCG(5, 6)), t.TempDir()
	j := &job{
		Model:  filepath.Join("..", "builtin", "efficientnet-lite0", "onnx", "model.onnx"),
		Shapes: map[string][]int64{"pixel_values": {n, 3, 224, 224}}, Cut: "Add_8", Classes: classes, Threads: 1, Values: map[string]string{},
	}
	for name, size := range map[string]int{"Add_8": n * 192 * 7 * 7, "target": n * classes, "head.weight": classes * 1280, "head.bias": classes} {
		v := make([]float32, size)
		for i := range v {
			switch row, k := i/classes, i%classes; {
			case name == "target" && k == row%classes:
				v[i] = 1. / n
			case name == "Add_8":
				v[i] = float32(rng.NormFloat64())
			}
		}
		j.Values[name] = filepath.Join(folder, name)
		data, err := binary.Append(nil, binary.LittleEndian, v)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(j.Values[name], data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var ends []float64
	for _, replicas := range []int{1, 2} {
		j.Replicas = replicas
		p, err := newPeer(j)
		if err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		err = p.serve(strings.NewReader(strings.Repeat("step\nupdate\n", 4)), &out)
		p.close()
		if err != nil {
			t.Fatal(err)
		}
		var losses []float64
		for line := range strings.Lines(out.String()) {
			var cpu, wall, loss float64
			if _, err := fmt.Sscan(line, &cpu, &wall, &loss); err == nil {
				losses = append(losses, loss)
			}
		}
		if len(losses) != 8 {
			t.Fatalf("8 lines were asked for: %q", out.String())
		}
		if math.Abs(losses[0]-math.Log(classes)) > 1e-5 || !(losses[7] < 0.99*losses[0]) {
			t.Errorf("the loss falls from %v to %v", losses[0], losses[7])
		}
		ends = append(ends, losses[7])
	}
	if d := math.Abs(ends[1] - ends[0]); !(d <= 1e-3*ends[0]) {
		t.Errorf("two replicas reach %v, one %v", ends[1], ends[0])
	}
}

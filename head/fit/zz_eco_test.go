package fit

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"regexp"
	"runtime/pprof"
	"strconv"
	"syscall"
	"testing"
	"time"
)

func zzNpy(name string) (shape []int, v []uint32) {
	raw, err := os.ReadFile(name)
	if err != nil {
		panic(err)
	}
	end := 10 + int(binary.LittleEndian.Uint16(raw[8:]))
	for _, n := range regexp.MustCompile(`\d+`).FindAllString(regexp.MustCompile(`\(.*\)`).FindString(string(raw[10:end])), -1) {
		k, _ := strconv.Atoi(n)
		shape = append(shape, k)
	}
	for i := end; i+4 <= len(raw); i += 4 {
		v = append(v, binary.LittleEndian.Uint32(raw[i:]))
	}
	return
}

type zzRows struct {
	d int
	v []float32
}

func (x *zzRows) N() int { return len(x.v) / x.d }
func (x *zzRows) D() int { return x.d }
func (x *zzRows) BlockTo(dst []float32, lo, hi int) error {
	copy(dst, x.v[lo*x.d:hi*x.d])
	return nil
}
func zzCPU() float64 {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}

// ZZ=X,y,cell,cache,from,to (places in grid)
func TestZZ(t *testing.T) {
	env := os.Getenv("ZZ")
	if env == "" {
		t.Skip()
	}
	a := regexp.MustCompile(`,`).Split(env, -1)
	shape, raw := zzNpy(a[0])
	x := &zzRows{d: shape[1], v: make([]float32, len(raw))}
	for i, v := range raw {
		x.v[i] = math.Float32frombits(v)
	}
	_, ry := zzNpy(a[1])
	_, rc := zzNpy(a[2])
	y, cell := make([]int, len(ry)), make([]int, len(ry))
	classes := 0
	for i := range ry {
		y[i], cell[i] = int(ry[i]), int(int32(rc[i]))
		classes = max(classes, y[i]+1)
	}
	ctx := context.Background()
	bench := func(tol float64) *Bench {
		b, err := NewBench(ctx, &Labelled{Rows: x, Labels: y, Classes: classes}, &Settings{Threads: 1, Tolerance: tol})
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Deal(ctx, []Deal{{Cell: cell, Cells: 5}}); err != nil {
			t.Fatal(err)
		}
		return b
	}
	var parts []Part
	for f := range 5 {
		p := Part{Name: fmt.Sprint(f)}
		for c := range 5 {
			if c != f {
				p.Cells = append(p.Cells, c)
			}
		}
		parts = append(parts, p)
	}
	last, _ := strconv.Atoi(a[4])
	lambdas := logSpan(30, strongest, weakest)[:last]
	truth := map[string][]float64{}
	if raw, err := os.ReadFile(a[3]); err == nil {
		json.Unmarshal(raw, &truth)
	}
	b := bench(0)
	begin := zzCPU()
	if p := os.Getenv("ZZPROF"); p != "" {
		f, _ := os.Create(p)
		pprof.StartCPUProfile(f)
	}
	path, err := softmaxPath{lambdas: lambdas}.Begin(ctx, b, parts)
	if err != nil {
		t.Fatal(err)
	}
	lp := path.(*lambdaPath)
	total, worst := 0, 0.0
	for i := 0; ; i++ {
		before := b.Passes()
		c0 := zzCPU()
		_, err := path.Next(ctx, nil)
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		cpu := zzCPU() - c0
		key := fmt.Sprint(lambdas[i])
		ref := truth[key]
		if os.Getenv("ZZTRUTH") != "" && ref == nil {
			tb := bench(1e-7)
			tp, err := softmaxPath{lambdas: []float64{lambdas[i]}, exact: true}.Begin(ctx, tb, parts)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := tp.Next(ctx, nil); err != nil {
				t.Fatal(err)
			}
			for f := range parts {
				ref = append(ref, tp.Fitted(f).Fit.Objective)
			}
			truth[key] = ref
		}
		gap := 0.0
		est := 0.0
		status := ""
		for f := range parts {
			s := lp.searches[f]
			est = max(est, s.gap)
			if s.status != "converged" {
				status += fmt.Sprint(" ", s.status)
			}
			if ref != nil {
				gap = max(gap, s.f/ref[f]-1)
			}
		}
		worst = max(worst, gap)
		n := b.Passes() - before
		total += n
		fmt.Printf("%2d λ %-9.3g passes %3d  cpu %.3f  gap %.2e  said %.2e%s\n", i, lambdas[i], n, cpu, gap, est, status)
	}
	pprof.StopCPUProfile()
	fmt.Printf("passes %d worst %.2e cpu %.3f\n", total, worst, zzCPU()-begin)
	if os.Getenv("ZZTRUTH") != "" {
		raw, _ := json.Marshal(truth)
		os.WriteFile(a[3], raw, 0o666)
	}
}

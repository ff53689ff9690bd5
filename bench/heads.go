//go:build ignore

// Command heads fits softmax heads to features in .npy files, for heads.py,
// which puts it beside other libraries.
//
//	heads fit  X.npy y.npy C TOLERANCE    one fit to all rows, C = 1/(λN)
//	heads path X.npy y.npy                the default of train-head
//
// It prints JSON: CPU seconds from rows in memory to the fitted head, passes,
// objective, the vector instructions that it used, weights (fit, to -weights
// FILE, float64: C×D and then C).
package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/experiment"
	"github.com/headstart-ml/headstart/head/fit"
)

// rows are features in memory.
type rows struct {
	d      int
	values []float32
}

func (x *rows) N() int { return len(x.values) / x.d }
func (x *rows) D() int { return x.d }
func (x *rows) BlockTo(dst []float32, lo, hi int) error {
	copy(dst, x.values[lo*x.d:hi*x.d])
	return nil
}

// npy reads an array of the type that descr names, in C order.
func npy(name, descr string) (shape []int, data []byte) {
	raw, err := os.ReadFile(name)
	if err != nil {
		log.Fatal(err)
	}
	if len(raw) < 10 || string(raw[:6]) != "\x93NUMPY" || raw[6] != 1 {
		log.Fatalf("%s: no .npy file of version 1", name)
	}
	end := 10 + int(binary.LittleEndian.Uint16(raw[8:]))
	header := string(raw[10:end])
	if !strings.Contains(header, "'"+descr+"'") || !strings.Contains(header, "'fortran_order': False") {
		log.Fatalf("%s: %s is no array of %s in C order", name, strings.TrimSpace(header), descr)
	}
	for _, n := range regexp.MustCompile(`\d+`).FindAllString(regexp.MustCompile(`\(.*\)`).FindString(header), -1) {
		v, err := strconv.Atoi(n)
		if err != nil {
			log.Fatal(err)
		}
		shape = append(shape, v)
	}
	return shape, raw[end:]
}

// cpu is the processor time that the program has taken.
func cpu() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		log.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}

func main() {
	weights := flag.String("weights", "", "file for the weights of a fit")
	threads := flag.Int("threads", 1, "goroutines that compute")
	flag.Parse()
	if flag.NArg() < 3 {
		log.Fatal("usage: heads fit X.npy y.npy C TOLERANCE | heads path X.npy y.npy")
	}
	shape, raw := npy(flag.Arg(1), "<f4")
	x := &rows{d: shape[1], values: make([]float32, shape[0]*shape[1])}
	for i := range x.values {
		x.values[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
	}
	_, raw = npy(flag.Arg(2), "<i4")
	y := make([]string, x.N())
	for i := range y {
		y[i] = fmt.Sprintf("%05d", int32(binary.LittleEndian.Uint32(raw[4*i:])))
	}
	out := map[string]any{"instructions": fit.Instructions()}
	ctx, begin, wall := context.Background(), cpu(), time.Now()
	switch flag.Arg(0) {
	case "fit":
		c, err := strconv.ParseFloat(flag.Arg(3), 64)
		if err != nil {
			log.Fatal(err)
		}
		tolerance, err := strconv.ParseFloat(flag.Arg(4), 64)
		if err != nil {
			log.Fatal(err)
		}
		h, err := (&fit.Softmax{L2: 1 / (c * float64(x.N()))}).Fit(ctx, x, y, &fit.Settings{NoStandardize: true, Tolerance: tolerance, Threads: *threads})
		if err != nil {
			log.Fatal(err)
		}
		out["cpu"], out["fit"] = cpu()-begin, h.Fit
		if *weights != "" {
			m := h.Model.(*head.Affine)
			var b []byte
			for _, v := range append(append([]float64(nil), m.Weight...), m.Bias...) {
				b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
			}
			if err := os.WriteFile(*weights, b, 0o666); err != nil {
				log.Fatal(err)
			}
		}
	case "path":
		r, err := experiment.Train(ctx, &experiment.Data{Rows: x, Labels: y}, &experiment.Settings{Threads: *threads})
		if err != nil {
			log.Fatal(err)
		}
		out["cpu"], out["fit"], out["l2"], out["tried"] = cpu()-begin, r.Fit, r.L2, r.Selection
		out["accuracy"], out["log_loss"] = r.Metrics.Test.Accuracy.Value, r.Metrics.Test.LogLoss.Value
	default:
		log.Fatalf("%q is neither fit nor path", flag.Arg(0))
	}
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		log.Fatal(err)
	}
	out["wall"], out["rss_mb"] = time.Since(wall).Seconds(), u.Maxrss>>10
	if err := json.NewEncoder(os.Stdout).Encode(out); err != nil {
		log.Fatal(err)
	}
}

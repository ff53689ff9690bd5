//go:build !windows

package fit

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/head/internal/simd"
)

// TestMLPPeer is our side of bench/mlp.py, which starts it: it reads a number
// of rows, features and classes, hidden units, rows of a batch and epochs, and
// a file that has the features, float32, and the classes, int32, of the rows,
// which it holds as they are. Each further line is a set of instructions for an
// epoch, which it answers with its CPU seconds and the mean loss over it; at
// "again" it begins anew.
func TestMLPPeer(t *testing.T) {
	if os.Getenv("HEADSTART_PEER") == "" {
		return
	}
	fmt.Println("ready", simd.Most())
	lines := bufio.NewScanner(os.Stdin)
	var p *problem
	var l *lesson
	m := &MLP{}
	for lines.Scan() {
		switch word, rest, _ := strings.Cut(lines.Text(), " "); word {
		case "data":
			var n, d, c, hidden int
			var path string
			if _, err := fmt.Sscan(rest, &n, &d, &c, &hidden, &m.Batch, &m.Epochs, &path); err != nil {
				t.Fatal(err)
			}
			m.Hidden = []int{hidden}
			raw, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			x := &data{dense: &dense{d: d, values: make([]float32, n*d)}, classes: c}
			for i := range x.values {
				x.values[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
			}
			for i := range n {
				x.labels = append(x.labels, int(binary.LittleEndian.Uint32(raw[4*(n*d+i):])))
			}
			if p, err = x.bench(t, n, &Settings{Threads: 1, NoStandardize: true}).problem(&first); err != nil {
				t.Fatal(err)
			}
		case "again":
			l = newLesson(m, p, 1)
			l.train, l.aside = span(0, len(p.rows)), nil
			l.size = m.batch(len(l.train))
		default:
			restore := simd.Limit(map[string]simd.Instructions{"AVX2": simd.AVX2, "AVX-512": simd.AVX512}[word])
			before := processor(t)
			l.rng.Shuffle(len(l.train), func(i, j int) { l.train[i], l.train[j] = l.train[j], l.train[i] })
			loss, err := l.epoch(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			fmt.Println(processor(t)-before, loss)
			restore()
		}
	}
}

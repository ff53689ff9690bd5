package cache

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The test binary runs itself as a child, to be killed or limited.
func TestMain(m *testing.M) {
	if job := os.Getenv("CACHE_TEST_CHILD"); job != "" {
		if err := child(strings.Fields(job)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

const childDim = 24

// child appends the keys from…to in batches and prints each batch once it is
// acknowledged. Its arguments: directory, from, to, batch, segment size, and
// the limit of file sizes in bytes, 0 for none.
func child(args []string) error {
	var n [5]int
	for i := range n {
		var err error
		if n[i], err = strconv.Atoi(args[i+1]); err != nil {
			return err
		}
	}
	from, to, batch := n[0], n[1], n[2]
	if n[4] > 0 {
		limit := syscall.Rlimit{Cur: uint64(n[4]), Max: uint64(n[4])}
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
			return err
		}
	}
	c, err := Create(args[0], &Options{SegmentBytes: int64(n[3])})
	if err != nil {
		return err
	}
	s, err := NewSpace(map[string]any{"dim": childDim, "dtype": "f32", "output": "child"})
	if err != nil {
		return err
	}
	w, err := c.Writer(s, nil)
	if err != nil {
		return err
	}
	for ; from < to; from += batch {
		keys := testKeys(from, min(to, from+batch))
		if err := w.Append(keys, testRows(keys, childDim)); err != nil {
			w.Close()
			return err
		}
		fmt.Printf("%d %d\n", from, from+len(keys))
	}
	return w.Close()
}

// startChild starts a child whose acknowledged keys are added to acked by the
// time that done is called.
func startChild(t *testing.T, acked *sync.Map, dir string, args ...int) (cmd *exec.Cmd, done func() error) {
	t.Helper()
	cmd = exec.Command(os.Args[0])
	job := dir
	for _, a := range args {
		job += " " + strconv.Itoa(a)
	}
	cmd.Env = append(os.Environ(), "CACHE_TEST_CHILD="+job)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, func() error {
		for r := bufio.NewReader(out); ; {
			line, err := r.ReadString('\n')
			if err == io.EOF {
				break // what is left is not a whole line
			} else if err != nil {
				t.Fatal(err)
			}
			var from, to int
			if _, err := fmt.Sscan(line, &from, &to); err != nil {
				t.Fatalf("child printed %q", line)
			}
			for i := from; i < to; i++ {
				acked.Store(i, true)
			}
		}
		err := cmd.Wait()
		if stderr.Len() > 0 {
			return fmt.Errorf("%s (%w)", strings.TrimSpace(stderr.String()), err)
		}
		return err
	}
}

func childSpace(t testing.TB) *Space {
	t.Helper()
	s, err := NewSpace(map[string]any{"dim": childDim, "dtype": "f32", "output": "child"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func acknowledged(acked *sync.Map) (keys []Key) {
	acked.Range(func(i, _ any) bool {
		keys = append(keys, testKey(i.(int)))
		return true
	})
	return keys
}

// Up to three writers over overlapping keys are killed at a random moment, over
// and over: every acknowledged row is there afterwards, bit for bit, and
// starting again is all that is needed.
func TestKill(t *testing.T) {
	const kills, keys = 20, 6000
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	c, s := newCache(t, nil), childSpace(t)
	var acked sync.Map
	for killed := 0; killed < kills; {
		n := 1 + killed%3
		var cmds []*exec.Cmd
		var dones []func() error
		for i := range n {
			cmd, done := startChild(t, &acked, c.Dir(), i*keys/8, keys, 8, 20_000, 0)
			cmds, dones = append(cmds, cmd), append(dones, done)
		}
		time.Sleep(time.Duration(5+rnd.IntN(60)) * time.Millisecond)
		for _, cmd := range cmds {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
		for _, done := range dones {
			if err := done(); err == nil || !strings.Contains(err.Error(), "killed") {
				t.Fatalf("child: %v", err)
			}
		}
		killed += n
		write(t, c, s, 1, nil) // recovers
		if left := append(wals(t, c, s), tmps(t, c.Dir())...); len(left) > 0 {
			t.Fatalf("not recovered: %v", left)
		}
		checkRows(t, c, s, acknowledged(&acked))
	}
	n := len(acknowledged(&acked))
	t.Logf("%d rows were acknowledged, in %d segments", n, len(segments(t, c, s)))
	if n == 0 {
		t.Error("no child came as far as its first batch")
	}
	write(t, c, s, 500, testKeys(0, keys))
	checkRows(t, c, s, testKeys(0, keys))
}

// Processes that write overlapping keys at once all succeed.
func TestProcesses(t *testing.T) {
	c, s := newCache(t, nil), childSpace(t)
	var acked sync.Map
	var dones []func() error
	for i := range 3 {
		_, done := startChild(t, &acked, c.Dir(), 100*i, 100*i+300, 20, 8_000, 0)
		dones = append(dones, done)
	}
	for _, done := range dones {
		if err := done(); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(acknowledged(&acked)); n != 500 {
		t.Errorf("%d keys acknowledged, want 500", n)
	}
	checkRows(t, c, s, testKeys(0, 500))
	if left := append(wals(t, c, s), tmps(t, c.Dir())...); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// A disk that is full, here by a limit of file sizes, ends a writer with an
// error; what it had acknowledged is kept and the next run completes.
func TestDiskFull(t *testing.T) {
	for _, limit := range []int{60, 2_000, 5_000, 9_000} { // in the header of the WAL, in frames, in the segment
		t.Run(strconv.Itoa(limit), func(t *testing.T) {
			c, s := newCache(t, nil), childSpace(t)
			var acked sync.Map
			_, done := startChild(t, &acked, c.Dir(), 0, 60, 4, 1<<20, limit)
			err := done()
			if err == nil || !strings.Contains(err.Error(), syscall.EFBIG.Error()) {
				t.Fatalf("child: %v", err)
			}
			t.Logf("%d rows acknowledged: %v", len(acknowledged(&acked)), err)
			write(t, c, s, 1, nil)
			checkRows(t, c, s, acknowledged(&acked))
			write(t, c, s, 10, testKeys(0, 60))
			checkRows(t, c, s, testKeys(0, 60))
			if left := append(wals(t, c, s), tmps(t, c.Dir())...); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

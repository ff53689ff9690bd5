package cache

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
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
	code := m.Run()
	if fullScale {
		printCounts()
	}
	os.Exit(code)
}

const childDim = 24

// job is what a child does: its name and, with numbers, how.
type job struct {
	name    string // "write", "compact", "gc", "merge" or "recover"
	from    int    // keys from…to
	to      int
	batch   int // keys an append
	segment int // SegmentBytes
	limit   int // of file sizes in bytes, 0 for none
	delay   int // µs that creating, locking and renaming are put off, at most
	barrier int // 1: it says that it is ready and begins when its input ends
	again   int // how often it does it
}

func (j *job) numbers() []*int {
	return []*int{&j.from, &j.to, &j.batch, &j.segment, &j.limit, &j.delay, &j.barrier, &j.again}
}

// child does a job, args, in a directory, dir. What is acknowledged it prints,
// as "from to".
func child(args []string) error {
	dir := args[0]
	j := job{name: args[1]}
	if j.name == "full" {
		return fillDisk(dir, args[2])
	}
	for i, p := range j.numbers() {
		var err error
		if *p, err = strconv.Atoi(args[2+i]); err != nil {
			return err
		}
	}
	if j.limit > 0 {
		limit := syscall.Rlimit{Cur: uint64(j.limit), Max: uint64(j.limit)}
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
			return err
		}
	}
	s, err := NewSpace(map[string]any{"dim": childDim, "dtype": "f32", "output": "child"})
	if err != nil {
		return err
	}
	if j.barrier > 0 {
		fmt.Println("ready")
		io.Copy(io.Discard, os.Stdin)
	}
	o := &Options{SegmentBytes: int64(j.segment)}
	if j.delay > 0 {
		o.wrap = delayed(time.Duration(j.delay) * time.Microsecond)
	}
	c, err := Create(dir, o)
	if err != nil {
		return err
	}
	for range max(j.again, 1) {
		switch j.name {
		case "write":
			err = j.write(c, s)
		case "compact":
			_, err = c.Compact(context.Background(), s, false)
		case "gc":
			_, err = c.GC(context.Background(), []Keep{{s, testKeys(j.from, j.to)}}, false)
		case "merge":
			err = j.merge(c)
		case "recover":
			var w *Writer
			if w, err = c.Writer(s, nil); err == nil {
				err = w.Close()
			}
		default:
			err = fmt.Errorf("no job %q", j.name)
		}
		if errors.Is(err, ErrInUse) {
			time.Sleep(time.Millisecond)
		} else if err != nil {
			return err
		}
	}
	return nil
}

// write appends the keys from…to in batches with one writer, or, if it does so
// again and again, with a new writer for every few batches.
func (j job) write(c *Cache, s *Space) error {
	const each = 5
	var w *Writer
	for i, n := j.from, 0; i < j.to; i, n = i+j.batch, n+1 {
		if w == nil {
			var err error
			if w, err = c.Writer(s, map[string]string{"runtime": "test"}); err != nil {
				return err
			}
		}
		keys := testKeys(i, min(j.to, i+j.batch))
		if err := w.Append(keys, testRows(keys, childDim)); err != nil {
			w.Close()
			return err
		}
		fmt.Printf("%d %d\n", i, i+len(keys))
		if j.again > 1 && n%each == each-1 {
			if err := w.Close(); err != nil {
				return err
			}
			w = nil
		}
	}
	if w == nil {
		return nil
	}
	return w.Close()
}

// merge merges what lies beside the cache and has the keys from…to.
func (j job) merge(c *Cache) error {
	src, err := Open(sourceOf(c.Dir()), nil)
	if err != nil {
		return err
	}
	defer src.Close()
	if _, err := c.Merge(context.Background(), src, false); err != nil {
		return err
	}
	fmt.Printf("%d %d\n", j.from, j.to)
	return nil
}

// sourceOf returns where the cache lies that children merge into the one in
// dir.
func sourceOf(dir string) string { return dir + "-source" }

// delayed lets creating, locking and renaming wait, so that others come in
// between, and syncing a little, so that there is time to be killed in.
func delayed(most time.Duration) func(disk) disk {
	return faultyAll(0, func(op, name string) error {
		switch op {
		case "create", "lock", "rename":
			time.Sleep(rand.N(most))
		case "syncdata":
			time.Sleep(rand.N(most / 4))
		}
		return nil
	}).wrap
}

// process is a child that was started.
type process struct {
	*exec.Cmd
	out    *bufio.Reader
	stderr strings.Builder
}

// start starts a child.
func (j job) start(t testing.TB, dir string, stdin *os.File) *process {
	t.Helper()
	p := &process{Cmd: exec.Command(os.Args[0])}
	text := dir + " " + j.name
	for _, n := range j.numbers() {
		text += " " + strconv.Itoa(*n)
	}
	p.Env = append(os.Environ(), "CACHE_TEST_CHILD="+text)
	p.Stderr = &p.stderr
	if stdin != nil {
		p.Stdin = stdin
	}
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.out = bufio.NewReader(out)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}

// done waits for a child to end, adds the keys that it has acknowledged to
// acked, and returns what it ended with.
func (p *process) done(t testing.TB, acked map[int]bool) error {
	t.Helper()
	for {
		line, err := p.out.ReadString('\n')
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
			acked[i] = true
		}
	}
	err := p.Wait()
	if p.stderr.Len() > 0 {
		return fmt.Errorf("%s (%w)", strings.TrimSpace(p.stderr.String()), err)
	}
	return err
}

// killed tells whether err is how a child ends that is killed.
func killed(err error) bool {
	var exit *exec.ExitError
	return errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL
}

func childSpace(t testing.TB) *Space { return spaceOf(t, "f32", childDim, "child") }

func acknowledged(acked map[int]bool) (keys []Key) {
	for i := range acked {
		keys = append(keys, testKey(i))
	}
	return keys
}

// randomly returns a source of random numbers and says how to have it again.
func randomly(t testing.TB) *rand.Rand {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("HEADSTART_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("HEADSTART_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// Up to four processes that write overlapping keys, compact, collect and merge
// are killed at a random moment, over and over: every acknowledged row is there
// afterwards, bit for bit, and starting again is all that is needed. In the end
// the rows lie in the same bytes as if nothing had happened.
func TestKill(t *testing.T) {
	const keys, junk, segment = 3000, 200, 40_000
	kills := scaled(1000, 100)
	rnd := randomly(t)
	dir := filepath.Join(scratch(t), "cache")
	c, s := createAt(t, dir, &Options{SegmentBytes: segment}), childSpace(t)
	src := createAt(t, sourceOf(dir), unsynced)
	write(t, src, s, 50, testKeys(keys-300, keys+junk))
	other := spaceOf(t, "f16", 5, "other") // comes by merge, goes by gc
	write(t, src, other, 50, testKeys(0, 50))
	src.Close()

	writer := func(i int) job {
		return job{name: "write", from: i * keys / 8, to: keys, batch: 8, segment: 10_000}
	}
	briefly := func(i int) job {
		j := writer(i)
		j.again = 1000
		return j
	}
	compactor := job{name: "compact", segment: segment, again: 1_000_000}
	collector := job{name: "gc", from: 0, to: keys, segment: segment, again: 1_000_000}
	merging := job{name: "merge", from: keys - 300, to: keys, segment: segment, again: 1_000_000}
	rounds := [][]job{
		{writer(0)},
		{writer(0), writer(1)},
		{writer(0), writer(1), writer(2), writer(3)},
		{briefly(0), compactor},
		{briefly(0), briefly(2), compactor, collector},
		{compactor, collector, merging},
		{briefly(1), merging, collector},
		{merging, writer(3), compactor},
	}
	acked := map[int]bool{}
	all := testKeys(0, keys)
	dead := 0
	for round := 0; dead < kills; round++ {
		var ps []*process
		for _, j := range rounds[round%len(rounds)] {
			ps = append(ps, j.start(t, dir, nil))
		}
		time.Sleep(time.Duration(5+rnd.IntN(60)) * time.Millisecond)
		for _, p := range ps {
			if rnd.IntN(3) == 0 { // not all at once
				time.Sleep(time.Duration(rnd.IntN(5)) * time.Millisecond)
			}
			p.Process.Kill()
		}
		for i, p := range ps {
			if err := p.done(t, acked); killed(err) {
				dead++
				countKills.n.Add(1)
			} else if err != nil {
				t.Fatalf("%s: %v", rounds[round%len(rounds)][i].name, err)
			}
		}
		promised := func(of *Space) []Key {
			if of != s {
				return nil
			}
			return acknowledged(acked)
		}
		if err := recoverAndCheck(dir, []*Space{s, other}, promised, all, nil); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		if len(acked) > keys*9/10 { // begin again: there is more to lose in what is new
			if _, err := c.GC(t.Context(), nil, false); err != nil {
				t.Fatal(err)
			}
			clear(acked)
		}
	}
	t.Logf("%d killed, %d rows acknowledged at the end", dead, len(acked))

	write(t, c, s, 500, all)
	if _, err := c.GC(t.Context(), []Keep{{s, all}}, false); err != nil {
		t.Fatal(err)
	}
	clean := newCache(t, &Options{SegmentBytes: segment})
	write(t, clean, s, 500, all)
	for _, c := range []*Cache{c, clean} {
		compact(t, c, s)
		checkRows(t, c, s, all)
	}
	if a, b := segmentsOf(t, c, s), segmentsOf(t, clean, s); !mapsEqual(a, b) {
		t.Errorf("%d segments, a cache that nothing happened to has %d, not the same bytes", len(a), len(b))
	}
}

// Six writers start at the same instant, each slow where it matters, one
// process recovers again and again, and most are killed soon: nobody takes the
// WAL of one that is at work for one of a dead writer, and no acknowledged row
// is lost.
func TestStartTogether(t *testing.T) {
	rounds := scaled(200, 15)
	const writers, each = 6, 240
	rnd := randomly(t)
	s := childSpace(t)
	base := scratch(t)
	rows := 0
	for round := range rounds {
		dir := filepath.Join(base, strconv.Itoa(round))
		wait, begin, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		var ps []*process
		for i := range writers {
			j := job{name: "write", from: i * each * 3 / 4, to: i*each*3/4 + each, batch: 8, delay: 2000, barrier: 1}
			if i%3 == 0 {
				j.segment = 8000
			}
			ps = append(ps, j.start(t, dir, wait))
		}
		ps = append(ps, job{name: "recover", again: 1_000_000, barrier: 1}.start(t, dir, wait))
		for _, p := range ps {
			if line, err := p.out.ReadString('\n'); err != nil || line != "ready\n" {
				t.Fatalf("child printed %q, %v: %s", line, err, &p.stderr)
			}
		}
		begin.Close()
		wait.Close()
		acked := map[int]bool{}
		time.Sleep(time.Duration(10+rnd.IntN(30)) * time.Millisecond)
		for _, p := range ps[rnd.IntN(3):] { // the last one would never end
			p.Process.Kill()
		}
		for _, p := range ps {
			if err := p.done(t, acked); killed(err) {
				countKills.n.Add(1)
			} else if err != nil {
				t.Errorf("round %d: %v", round, err)
			}
		}
		rows += len(acked)
		all := testKeys(0, writers*each)
		if err := recoverAndCheck(dir, []*Space{s}, func(*Space) []Key { return acknowledged(acked) }, all, nil); err != nil {
			t.Errorf("round %d: %v", round, err) // the next may tell more
		}
		countStarts.n.Add(1)
		os.RemoveAll(dir)
	}
	t.Logf("%d rows acknowledged in %d rounds", rows, rounds)
	if rows < rounds*10 {
		t.Errorf("only %d rows were acknowledged in %d rounds: the writers were killed too early", rows, rounds)
	}
}

// Processes that write overlapping keys at once all succeed.
func TestProcesses(t *testing.T) {
	c, s := newCache(t, nil), childSpace(t)
	acked := map[int]bool{}
	var ps []*process
	for i := range 3 {
		ps = append(ps, job{name: "write", from: 100 * i, to: 100*i + 300, batch: 20, segment: 8000}.start(t, c.Dir(), nil))
	}
	for _, p := range ps {
		if err := p.done(t, acked); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(acked); n != 500 {
		t.Errorf("%d keys acknowledged, want 500", n)
	}
	checkRows(t, c, s, testKeys(0, 500))
	if left := append(wals(t, c, s), tmps(t, c.Dir())...); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// A limit of file sizes, met in the header of the WAL, in frames and in the
// segment, ends a writer with an error; what it had acknowledged is kept and
// the next run completes.
func TestFileSizeLimit(t *testing.T) {
	for _, limit := range []int{60, 2_000, 5_000, 9_000} {
		t.Run(strconv.Itoa(limit), func(t *testing.T) {
			c, s := newCache(t, nil), childSpace(t)
			acked := map[int]bool{}
			err := job{name: "write", to: 60, batch: 4, segment: 1 << 20, limit: limit}.start(t, c.Dir(), nil).done(t, acked)
			if err == nil || !strings.Contains(err.Error(), syscall.EFBIG.Error()) {
				t.Fatalf("child: %v", err)
			}
			t.Logf("%d rows acknowledged: %v", len(acked), err)
			write(t, c, s, 1, nil)
			checkRows(t, c, s, acknowledged(acked))
			write(t, c, s, 10, testKeys(0, 60))
			checkRows(t, c, s, testKeys(0, 60))
			if left := append(wals(t, c, s), tmps(t, c.Dir())...); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/headstart-ml/headstart/cache"
)

var update = flag.Bool("update", false, "write the golden files in testdata anew")

// asHeadstart, in the environment, makes the test binary be headstart, and with
// "wait" a program that waits for a signal.
const asHeadstart = "TEST_AS_HEADSTART"

func TestMain(m *testing.M) {
	switch os.Getenv(asHeadstart) {
	case "":
		os.Exit(m.Run())
	case "wait":
		os.Exit(process(waiting))
	default:
		main()
	}
}

// waiting goes on until it is interrupted, and with an argument is slow to
// stop.
func waiting(*env) *command {
	return &command{name: "headstart", subcommands: []*command{{name: "wait", maxArgs: 1, action: func(ctx *cli.Context) error {
		fmt.Println("waiting")
		<-ctx.Done()
		fmt.Println("stopping")
		if ctx.Args().Present() {
			time.Sleep(time.Minute)
		}
		return fmt.Errorf("wait: %w", ctx.Err())
	}}}}
}

// testEnv is an environment whose streams are the two buffers.
func testEnv() (e *env, stdout, stderr *bytes.Buffer) {
	stdout, stderr = new(bytes.Buffer), new(bytes.Buffer)
	return &env{stdin: strings.NewReader(""), stdout: stdout, stderr: stderr, stderrWidth: func() int { return 80 }}, stdout, stderr
}

// headstart runs a command line in this process.
func headstart(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	e, out, errs := testEnv()
	code = run(t.Context(), program(e), args, e)
	return code, out.String(), errs.String()
}

func TestCommandLine(t *testing.T) {
	for _, test := range []struct {
		line           string
		code           int
		stdout, stderr string // parts of them
	}{
		{"", 0, "USAGE\n  headstart COMMAND", ""},
		{"help", 0, "COMMANDS\n", ""},
		{"--version", 0, "; 1.24 or newer is needed", ""},
		{"--version --jsn", 2, "", "unknown flag --jsn"},
		{"--json", 2, "", "unknown flag --json"},
		{"doctro", 2, "", "headstart: unknown command \"doctro\"; did you mean doctor?\nheadstart help shows how it is used\n"},
		{"doctor --trheads 2", 2, "", "headstart: doctor: unknown flag --trheads; did you mean --threads?\nheadstart help doctor shows how it is used\n"},
		{"doctor --threads many", 2, "", "headstart: doctor: invalid value \"many\" for --threads\n"},
		{"doctor --threads 0", 2, "", "headstart: doctor: --threads 0: at least 1 is needed\n"},
		{"doctor --json=maybe", 2, "", "headstart: doctor: invalid boolean value \"maybe\" for --json\n"},
		{"doctor photos", 2, "", "headstart: doctor: it takes no arguments, not \"photos\"\n"},
		{"runtime install onnx.whl", 2, "", "headstart: runtime install: it takes no arguments, not \"onnx.whl\"; say --from onnx.whl\n"},
		{"doctor --help", 0, "EXIT STATUS", ""},
	} {
		code, stdout, stderr := headstart(t, strings.Fields(test.line)...)
		if code != test.code {
			t.Errorf("%s: exit %d, want %d\n%s", test.line, code, test.code, stderr)
		}
		if !strings.Contains(stdout, test.stdout) || test.stdout == "" && stdout != "" {
			t.Errorf("%s: stdout %q, want %q in it", test.line, stdout, test.stdout)
		}
		if !strings.Contains(stderr, test.stderr) || test.stderr == "" && stderr != "" {
			t.Errorf("%s: stderr %q, want %q in it", test.line, stderr, test.stderr)
		}
		if n := strings.Count(stderr, "\n"); n > 3 {
			t.Errorf("%s: an error of %d lines", test.line, n)
		}
	}
}

// probing returns a program with one command that hands its flags to f.
func probing(f func(ctx *cli.Context, e *env) error) (*command, *env) {
	e, _, _ := testEnv()
	flags := commonFlags("cache", "threads", "runtime", "provider", "quiet", "json", "no-color")
	flags = append(flags, &cli.StringSliceFlag{Name: "tap"}, &cli.Float64Flag{Name: "lr", Value: 0.5}, &cli.StringFlag{Name: "max-bad", Value: "1%"})
	return &command{name: "headstart", subcommands: []*command{{
		name: "probe", args: "SOURCE…", minArgs: 1, maxArgs: 2, flags: flags,
		action: func(ctx *cli.Context) error { return f(ctx, e) },
	}}}, e
}

func TestFlagsReachTheCommand(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", "/xdg")
	t.Setenv("NO_COLOR", "")
	for _, test := range []struct {
		line string
		env  map[string]string
		want string
	}{
		{line: "a", want: "[a] /xdg/headstart provider=cpu lr=0.5 bad=1% tap=[]"},
		{line: "a --lr 2 b --max-bad 3", want: "[a b] /xdg/headstart provider=cpu lr=2 bad=3 tap=[]"},
		{line: "--tap x,y a --tap z", want: "[a] /xdg/headstart provider=cpu lr=0.5 bad=1% tap=[x,y z]"},
		{line: "a -- --lr", want: "[a --lr] /xdg/headstart provider=cpu lr=0.5 bad=1% tap=[]"},
		{line: "--cache /c --quiet --json --no-color a", want: "[a] /c provider=cpu lr=0.5 bad=1% tap=[] quiet json no-color"},
		{line: "a", env: map[string]string{"HEADSTART_LR": "3", "HEADSTART_MAX_BAD": "7", "HEADSTART_CACHE": "/e", "HEADSTART_JSON": "true"},
			want: "[a] /e provider=cpu lr=3 bad=7 tap=[] json"},
		{line: "a --lr 4", env: map[string]string{"HEADSTART_LR": "3"}, want: "[a] /xdg/headstart provider=cpu lr=4 bad=1% tap=[]"},
		{line: "a", env: map[string]string{"NO_COLOR": "1", "HEADSTART_TAP": "p,q"}, want: "[a] /xdg/headstart provider=cpu lr=0.5 bad=1% tap=[p,q] no-color"},
		{line: "a", env: map[string]string{"XDG_CACHE_HOME": "relative", "HOME": "/home/me"}, want: "[a] /home/me/.cache/headstart provider=cpu lr=0.5 bad=1% tap=[]"},
	} {
		t.Run(test.line, func(t *testing.T) {
			for k, v := range test.env {
				t.Setenv(k, v)
			}
			var got string
			root, e := probing(func(ctx *cli.Context, e *env) error {
				c, err := e.common(ctx)
				if err != nil {
					return err
				}
				if c.threads < 1 {
					t.Errorf("%d threads", c.threads)
				}
				got = fmt.Sprintf("%v %s provider=%s lr=%v bad=%s tap=%v", ctx.Args().Slice(), c.cacheDir, c.provider, ctx.Float64("lr"), ctx.String("max-bad"), ctx.StringSlice("tap"))
				for _, s := range []struct {
					name string
					set  bool
				}{{"quiet", c.quiet}, {"json", c.json}, {"no-color", c.noColor}} {
					if s.set {
						got += " " + s.name
					}
				}
				return nil
			})
			if err := dispatch(t.Context(), root, append([]string{"probe"}, strings.Fields(test.line)...), e); err != nil {
				t.Fatal(err)
			}
			if got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestArgumentsAreCounted(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", "/xdg")
	for line, want := range map[string]string{
		"probe":                   "probe: SOURCE… is missing",
		"probe a b c":             `probe: "c" is too many: it takes SOURCE…`,
		"probe a --lr x":          `probe: invalid value "x" for --lr`,
		"probe a":                 "",
		"probe --provider cuda a": "probe: --provider cuda: it is not supported by this version; cpu is",
	} {
		root, e := probing(func(ctx *cli.Context, e *env) error {
			_, err := e.common(ctx)
			return err
		})
		got := ""
		if err := dispatch(t.Context(), root, strings.Fields(line), e); err != nil {
			got = err.Error()
			if exitCode(t.Context(), err) != exitUsage {
				t.Errorf("%s: exit %d", line, exitCode(t.Context(), err))
			}
		}
		if got != want {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
	t.Setenv("HEADSTART_LR", "fast")
	root, e := probing(nil)
	err := dispatch(t.Context(), root, []string{"probe", "a"}, e)
	if err == nil || exitCode(t.Context(), err) != exitUsage || !strings.Contains(err.Error(), "HEADSTART_LR") {
		t.Errorf("a wrong environment variable: %v", err)
	}
}

func TestExitCodes(t *testing.T) {
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	for _, test := range []struct {
		name string
		ctx  context.Context
		err  error
		code int
		want string
	}{
		{"done", t.Context(), nil, 0, ""},
		{"failed", t.Context(), errors.New("no"), 1, "headstart: no\n"},
		{"of a command", t.Context(), &commandError{"extract", errors.New("a.jpg: empty")}, 1, "headstart: extract: a.jpg: empty\n"},
		{"the package has the command's name", t.Context(), &commandError{"extract", errors.New("extract: a.jpg: empty")}, 1, "headstart: extract: a.jpg: empty\n"},
		{"usage", t.Context(), &commandError{"cache stat", fmt.Errorf("x: %w", usagef("bad %d", 1))}, 2, "headstart: cache stat: x: bad 1\nheadstart help cache stat shows how it is used\n"},
		{"bad samples", t.Context(), &commandError{"extract", &badSamplesError{bad: 3, samples: 10, limit: "1%", quarantine: "q.jsonl"}}, 3,
			"headstart: extract: 3 of 10 samples are bad, more than --max-bad 1% allows; q.jsonl says why\n"},
		{"corrupt", t.Context(), &commandError{"train-head", fmt.Errorf("features: %w", &cache.CorruptError{Problem: cache.Problem{Path: "seg/1f", Row: -1, Err: errors.New("header length 7")}})}, 4,
			"headstart: train-head: features: cache: seg/1f: header length 7\n"},
		{"interrupted", cancelled, &commandError{"extract", fmt.Errorf("runtime: x: %w", context.Canceled)}, 130, "headstart: extract: interrupted\n"},
		{"a failure while interrupted", cancelled, errors.New("disk full"), 1, "headstart: disk full\n"},
		{"cancelled by nobody", t.Context(), context.Canceled, 1, "headstart: context canceled\n"},
	} {
		var b bytes.Buffer
		if code := conclude(test.ctx, &b, test.err); code != test.code || b.String() != test.want {
			t.Errorf("%s: %d %q, want %d %q", test.name, code, b.String(), test.code, test.want)
		}
	}
}

// everyCommand calls f with each command and its path.
func everyCommand(c *command, path []string, f func(*command, []string)) {
	path = append(slices.Clip(path), c.name)
	f(c, path)
	for _, s := range c.subcommands {
		everyCommand(s, path, f)
	}
}

// TestHelp compares the help of every command with testdata/help; -update
// writes it.
func TestHelp(t *testing.T) {
	e, _, _ := testEnv()
	seen := make(map[string]bool)
	everyCommand(program(e), nil, func(c *command, path []string) {
		name := strings.Join(path, "-") + ".txt"
		seen[name] = true
		var b bytes.Buffer
		if err := writeHelp(&b, c, path); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(b.String()) {
			if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > helpWidth && !strings.HasPrefix(line, "  $ ") {
				t.Errorf("%s: a line of %d columns: %s", name, n, line)
			}
		}
		golden := filepath.Join("testdata", "help", name)
		if *update {
			if err := os.MkdirAll(filepath.Dir(golden), 0o777); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(golden, b.Bytes(), 0o666); err != nil {
				t.Fatal(err)
			}
			return
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatalf("%v (go test ./cmd/headstart -run TestHelp -update writes it)", err)
		}
		if !bytes.Equal(b.Bytes(), want) {
			t.Errorf("%s is not the help any more (go test ./cmd/headstart -run TestHelp -update writes it):\n%s", golden, b.Bytes())
		}
		for _, how := range [][]string{append([]string{"help"}, path[1:]...), append(slices.Clone(path[1:]), "--help")} {
			if code, stdout, _ := headstart(t, how...); code != 0 || stdout != b.String() {
				t.Errorf("%v: exit %d and another text", how, code)
			}
		}
	})
	files, err := filepath.Glob(filepath.Join("testdata", "help", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !seen[filepath.Base(f)] {
			t.Errorf("%s belongs to no command", f)
		}
	}
}

// TestCommandsAreDescribed checks what the help of each command must have.
func TestCommandsAreDescribed(t *testing.T) {
	e, _, _ := testEnv()
	top := program(e)
	everyCommand(top, nil, func(c *command, path []string) {
		name := strings.Join(path, " ")
		if c.does == "" || strings.HasSuffix(c.does, ".") {
			t.Errorf("%s: its sentence is %q", name, c.does)
		}
		if (c.action == nil) == (c.subcommands == nil) {
			t.Errorf("%s: it must have an action or subcommands", name)
		}
		if len(c.examples) == 0 {
			t.Errorf("%s: no example", name)
		}
		for _, example := range c.examples {
			line, _, _ := strings.Cut(example, "#")
			words := strings.Fields(line)
			if len(words) == 0 || words[0] != "headstart" {
				t.Errorf("%s: the example %q does not start with headstart", name, example)
				continue
			}
			call, err := arrange(top, words[1:])
			if err != nil {
				t.Errorf("%s: the example %q: %v", name, example, err)
			} else if got := strings.Join(call.path, " "); c.action != nil && got != name {
				t.Errorf("%s: the example %q is of %s", name, example, got)
			}
		}
		for _, f := range c.flags {
			d, ok := f.(cli.DocGenerationFlag)
			if !ok || d.GetUsage() == "" {
				t.Errorf("%s --%s: not described", name, f.Names()[0])
			} else if takesValue(f) != strings.Contains(d.GetUsage(), "`") {
				t.Errorf("%s --%s: its value must have a name in back quotes, if there is one", name, f.Names()[0])
			}
		}
	})
}

// TestInterrupt runs headstart as a process of its own: the first signal
// cancels, the second one kills.
func TestInterrupt(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	start := func(args ...string) (*exec.Cmd, *lines) {
		cmd := exec.Command(self, append([]string{"wait"}, args...)...)
		cmd.Env = append(os.Environ(), asHeadstart+"=wait")
		out := newLines()
		cmd.Stdout, cmd.Stderr = out, out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		out.wait(t, "waiting\n")
		return cmd, out
	}

	cmd, out := start()
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	err = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != exitInterrupted {
		t.Errorf("interrupted: exit %d, %v", code, err)
	}
	if !strings.HasSuffix(out.String(), "headstart: wait: interrupted\n") {
		t.Errorf("interrupted: %q", out.String())
	}

	cmd, out = start("slowly")
	for range 2 {
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		out.wait(t, "stopping\n")
		time.Sleep(50 * time.Millisecond) // the second signal must come after the first is dealt with
	}
	_ = cmd.Wait() // an error: killed, long before it would have come to an end
	if cmd.ProcessState.Exited() {
		t.Errorf("interrupted twice: %v", cmd.ProcessState)
	}
}

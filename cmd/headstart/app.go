package main

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"reflect"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"
)

// env is what a command sees of the process besides its flags: results go to
// stdout, all else to stderr.
type env struct {
	stdin          io.Reader
	stdout, stderr io.Writer

	mark string // around what a printer passes on as it is

	stdoutIsTerminal bool
	stderrIsTerminal bool
	stderrWidth      func() int // columns, when stderr is a terminal
	stdoutWidth      func() int // columns that tables may take; nil: the default

	quiet bool   // --quiet of the command that runs
	self  string // how the program was called; "": by its name

	given []string // the flags on the command line, as "--name" or "--name=value"

	// finishing says that the command, if it is interrupted, has something to
	// write and ends by itself soon.
	finishing atomic.Bool
	// resumption says what is left of the command if it is interrupted, and
	// what the same command will do; nil: there is nothing to say.
	resumption atomic.Pointer[func() string]

	remarks remarks
}

// resumes sets what is said if the command is interrupted; nil: nothing.
func (e *env) resumes(say func() string) {
	if say == nil {
		e.resumption.Store(nil)
		return
	}
	e.resumption.Store(&say)
}

// interrupted is what is said of a command that is interrupted and does not end
// by itself.
func (e *env) interrupted() string {
	if say := e.resumption.Load(); say != nil {
		return "interrupted: " + (*say)()
	}
	return "interrupted"
}

// printJSON writes v as one line of JSON to stdout.
func (e *env) printJSON(v any) error {
	enc := json.NewEncoder(e.stdout)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// onLine tells whether a flag stands on the command line, and not only in the
// environment.
func (e *env) onLine(name string) bool {
	return slices.ContainsFunc(e.given, func(given string) bool {
		given, _, _ = strings.Cut(given, "=")
		return given == "--"+name
	})
}

// newEnv returns the environment of a process with these streams.
func newEnv(stdin io.Reader, stdout, stderr *os.File) *env {
	dumb := os.Getenv("TERM") == "dumb"
	terminal := term.IsTerminal(int(stdout.Fd()))
	e := &env{
		stdin:  stdin,
		stdout: stdout, stdoutIsTerminal: !dumb && terminal,
		stderr: stderr, stderrIsTerminal: !dumb && term.IsTerminal(int(stderr.Fd())),
		stderrWidth: func() int { return columnsOf(stderr) },
		stdoutWidth: func() int { return columnsOf(stdout) },
	}
	e.protect(terminal)
	return e
}

// columnsOf returns how many columns a terminal has; of what is none, as many
// as a table may take in a file.
func columnsOf(f *os.File) int {
	if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 0 {
		return w
	}
	return 80
}

// command is one of headstart's commands: what is parsed, what its help says
// and what it runs. It has either an action or subcommands.
type command struct {
	name string
	args string // its arguments, as in "HEAD NAME.features…"; "" if it takes none
	does string // one sentence, without a full stop
	// about is what else there is to say, paragraphs divided by empty lines.
	about string
	// examples are command lines that work as they stand, comments after #.
	examples []string
	// exits are exit codes besides 0, 1, 2 and 130.
	exits []int
	// minArgs and maxArgs bound the number of arguments; a negative maxArgs
	// means any number.
	minArgs, maxArgs int
	argFlag          string // flag that takes what many give as an argument
	// wants says in words what each argument is up to minArgs, as in "the
	// source: a folder of images"; what is not there is called as in args.
	wants []string
	// flags in the order of the help, which groups them by Category. Each gets
	// its environment variable from newApp.
	flags       []cli.Flag
	action      func(*cli.Context) error
	subcommands []*command
}

// missing says which argument is missing after so many of them, with an example
// of a line that has them all.
func (c *command) missing(given int) error {
	what := c.args
	if given < len(c.wants) {
		what = c.wants[given]
	}
	what, more, _ := strings.Cut(what, ": ")
	text := what + " is missing"
	if more != "" {
		text += ": " + more
	}
	if len(c.examples) > 0 {
		example, _, _ := strings.Cut(c.examples[0], "  #")
		text += "; for example: " + strings.TrimSpace(example)
	}
	return usagef("%s", text)
}

// find returns the subcommand of that name, or nil.
func (c *command) find(name string) *command {
	for _, s := range c.subcommands {
		if s.name == name {
			return s
		}
	}
	return nil
}

// program is headstart as a command.
func program(e *env) *command {
	return &command{
		name: "headstart",
		args: "COMMAND",
		does: "trains small heads on the cached embeddings of a frozen backbone",
		about: "A pretrained ONNX backbone runs once per sample, its embeddings are kept on disk, " +
			"and heads are trained on them in seconds.",
		examples:    []string{"headstart doctor          # is everything here to run?", "headstart help doctor"},
		subcommands: commands(e),
	}
}

// run runs a program with the arguments after its name and returns the exit
// code.
func run(ctx context.Context, program *command, args []string, e *env) int {
	defer e.flush()
	err := dispatch(ctx, program, args, e)
	return conclude(ctx, e.stderr, err)
}

// dispatch finds the command of the program that args name and runs it.
func dispatch(ctx context.Context, program *command, args []string, e *env) error {
	c, err := arrange(program, args)
	if err != nil {
		return err
	}
	path := strings.Join(c.path[1:], " ")
	switch {
	case c.help:
		return writeHelp(e.stdout, c.command, c.path)
	case c.version:
		return writeVersion(e, c.json)
	case len(c.path) == 1:
		return writeHelp(e.stdout, program, c.path)
	case c.command.action == nil:
		return &commandError{path, usagef("it takes one of: %s", strings.Join(names(c.command), ", "))}
	case len(c.args) == 1 && c.args[0] == "help" && !exists("help"):
		return writeHelp(e.stdout, c.command, c.path)
	case len(c.args) < c.command.minArgs:
		return &commandError{path, tooFew(c.command, path, c.args)}
	case c.command.maxArgs == 0 && len(c.args) > 0:
		say := ""
		if c.command.argFlag != "" {
			say = "; say --" + c.command.argFlag + " " + shellWord(c.args[0])
		}
		return &commandError{path, usagef("it takes no arguments, not %q%s", c.args[0], say)}
	case c.command.maxArgs > 0 && len(c.args) > c.command.maxArgs:
		return &commandError{path, usagef("%q is too many: it takes %s", c.args[c.command.maxArgs], c.command.args)}
	}
	e.given = c.flags
	err = newApp(program, e).RunContext(ctx, c.line())
	if ctx.Err() == nil {
		err = placed(path, c.args, err)
	}
	if err != nil {
		return &commandError{path, err}
	}
	return nil
}

func names(c *command) []string {
	var s []string
	for _, sub := range c.subcommands {
		s = append(s, sub.name)
	}
	return s
}

// newApp turns the commands into urfave/cli's. Its parser gets arguments that
// arrange has put in order; help, suggestions and exit codes are ours.
func newApp(program *command, e *env) *cli.App {
	app := &cli.App{
		Name:                      program.name,
		HideHelp:                  true,
		HideVersion:               true,
		Reader:                    e.stdin,
		Writer:                    e.stderr,
		ErrWriter:                 e.stderr,
		DisableSliceFlagSeparator: true, // paths may have commas in them
		OnUsageError:              onUsageError,
		ExitErrHandler:            func(*cli.Context, error) {},
	}
	for _, c := range program.subcommands {
		app.Commands = append(app.Commands, cliCommand(c))
	}
	return app
}

func cliCommand(c *command) *cli.Command {
	out := &cli.Command{Name: c.name, HideHelp: true, Flags: c.flags, Action: c.action, OnUsageError: onUsageError}
	for _, f := range c.flags {
		name := f.Names()[0]
		if name == "runtime" {
			continue // runtime.Find reads HEADSTART_RUNTIME itself, to say which place it was
		}
		// Every kind of flag has this field, but no interface has it.
		reflect.ValueOf(f).Elem().FieldByName("EnvVars").Set(reflect.ValueOf([]string{variable(name)}))
	}
	for _, s := range c.subcommands {
		out.Subcommands = append(out.Subcommands, cliCommand(s))
	}
	return out
}

// variable is the environment variable of a flag.
func variable(flag string) string {
	return "HEADSTART_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// garbage is how much the heap of a command that holds features grows by
// garbage before it is collected, in percent; Go's default is 100. Features and
// factors are few large blocks, which are collected in no time.
const garbage = 15

// spareMemory keeps the heap near to what is in use, until the function that it
// returns is called. The environment's GOGC counts where it is set.
func spareMemory() (end func()) {
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	before := debug.SetGCPercent(garbage)
	return func() { debug.SetGCPercent(before) }
}

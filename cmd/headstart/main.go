// Command headstart gives a small labelled data set a head start: a pretrained
// backbone stays frozen and runs once per sample, its embeddings are kept, and
// only a small head is trained on them.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	os.Exit(process(program))
}

// process runs the program with the process's arguments, streams and signals.
func process(program func(*env) *command) int {
	// The first Ctrl-C cancels the context; the second one, since stop has put
	// the signal's own action back, ends the process.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	e := newEnv(os.Stdin, os.Stdout, os.Stderr)
	if strings.ContainsRune(os.Args[0], os.PathSeparator) {
		e.self = os.Args[0] // not found by its name
	}
	context.AfterFunc(ctx, func() {
		stop()
		// A read from a terminal or a pipe cannot be cancelled. What has been
		// acknowledged is durable, so the process may end at any time.
		time.Sleep(800 * time.Millisecond)
		if e.finishing.Load() {
			return // the command ends by itself
		}
		fmt.Fprintln(os.Stderr, "headstart: "+e.interrupted())
		os.Exit(exitInterrupted)
	})
	return run(ctx, program(e), os.Args[1:], e)
}

package main

import (
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/headstart-ml/headstart/head/transfer"
)

// replicasFlag is --replicas of train-head and study.
func replicasFlag(category string) cli.Flag {
	return &cli.IntFlag{Name: "replicas", Category: category, Value: 1, Usage: "`N` sessions share each batch of a tail, with a part of --threads each: faster where layers are small, more memory, and sums are rounded otherwise"}
}

// readReplicas reads --replicas, for batches of some samples on some threads.
func readReplicas(ctx *cli.Context, batch, threads int) (int, error) {
	n := ctx.Int("replicas")
	switch {
	case n < 1:
		return 0, usagef("--replicas %d: at least 1 is needed", n)
	case n > batch:
		return 0, usagef("--replicas %d: a batch has %s, of which each replica takes some; take at most %d", n, counted(batch, "sample"), batch)
	case n > threads:
		return 0, usagef("--replicas %d: each needs a thread of its own, and there %s; take at most %d, or more with --threads", n, isOrAre(threads), threads)
	}
	return n, nil
}

// isOrAre says how many there are.
func isOrAre(n int) string {
	if n == 1 {
		return "is 1"
	}
	return fmt.Sprintf("are %d", n)
}

// plans says what replicas take, once for each tail.
type plans struct {
	env   *env
	clear func() // takes the line of a meter off the terminal
	said  map[string]bool
}

// say says what the training of a tail takes.
func (p *plans) say(w *transfer.Way, plan transfer.Plan) {
	if plan.Replicas < 2 || p.said[w.Name] {
		return
	}
	if p.said == nil {
		p.said = map[string]bool{}
	}
	p.said[w.Name] = true
	p.clear()
	p.env.note("--tail %s: %d replicas of %s share a batch; training takes about %s, of which each replica needs %s for itself",
		w.Name, plan.Replicas, counted(plan.Threads, "thread"), bytesOf(uint64(plan.Memory)), bytesOf(uint64(plan.Each)))
}

// ofReplicas says of an error of a training whether it is one of replicas, and
// what to do about it.
func ofReplicas(err error) error {
	if d, ok := errors.AsType[*transfer.DependentError](err); ok {
		return fmt.Errorf("--replicas: %w (leave --replicas out)", d)
	}
	return nil
}

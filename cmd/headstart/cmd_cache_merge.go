package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/urfave/cli/v2"

	"github.com/headstart-ml/headstart/cache"
)

func cacheMergeCommand(e *env) *command {
	return &command{
		name: "merge",
		args: "SRC… DST",
		does: "copies the embeddings of caches into another one",
		about: "Each SRC and DST is the directory of a cache; DST is made if it is not there. The sources are only read, and nothing is written outside DST. " +
			"What DST has already is not copied again, so a merge that was interrupted is continued by giving it again. " +
			"Keys that are in several caches take their room twice until headstart cache compact --cache DST.",
		examples: []string{
			"headstart cache merge worker-1 worker-2 all",
			"headstart cache merge --dry-run worker-1 all",
		},
		exits:   []int{exitCorrupt},
		minArgs: 2, maxArgs: -1,
		flags: append([]cli.Flag{dryRunFlag("what would be copied")}, commonFlags("quiet", "json", "no-color")...),
		action: func(ctx *cli.Context) error {
			c, err := e.common(ctx)
			if err != nil {
				return err
			}
			args := ctx.Args().Slice()
			return runCacheMerge(ctx.Context, c, args[:len(args)-1], args[len(args)-1], ctx.Bool("dry-run"), e)
		},
	}
}

// mergeSummary is what `cache merge --json` prints.
type mergeSummary struct {
	Into    string        `json:"into"`
	DryRun  bool          `json:"dry_run"`
	Sources []mergeSource `json:"sources"`
}

type mergeSource struct {
	Source   string         `json:"source"`
	Spaces   int            `json:"spaces"`
	Copied   int            `json:"copied"`
	Present  int            `json:"present"`
	Repaired int            `json:"repaired"`
	Sealed   int            `json:"sealed"`
	Rows     int64          `json:"rows"`
	Bytes    int64          `json:"bytes"`
	Problems []cacheProblem `json:"problems"`
}

func runCacheMerge(ctx context.Context, c *common, sources []string, into string, dryRun bool, e *env) error {
	// All the sources are there before anything is written.
	var stores []*cache.Cache
	defer func() {
		for _, s := range stores {
			s.Close()
		}
	}()
	for _, dir := range sources {
		s, err := cache.Open(dir, nil)
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("there is no cache at %s", dir)
		}
		if err != nil {
			return err
		}
		stores = append(stores, s)
	}
	var dst *cache.Cache
	var err error
	if !dryRun {
		dst, err = cache.Create(into, nil)
	} else if dst, err = cache.Open(into, nil); errors.Is(err, fs.ErrNotExist) {
		dst, err = nil, nil
	}
	if err != nil {
		return err
	}
	if dst != nil {
		defer dst.Close()
	}
	sum := mergeSummary{Into: into, DryRun: dryRun, Sources: []mergeSource{}}
	verb := "copied"
	if dryRun {
		verb = "to copy"
	}
	var problems int
	var first cache.Problem
	for i, src := range stores {
		m, err := dst.Merge(ctx, src, dryRun)
		if err != nil {
			return err
		}
		if problems == 0 && len(m.Problems) > 0 {
			first = m.Problems[0]
			first.Path = sources[i] + "/" + first.Path
		}
		problems += len(m.Problems)
		sum.Sources = append(sum.Sources, mergeSource{
			sources[i], m.Spaces, m.Copied, m.Present, m.Repaired, m.Sealed, m.Rows, m.Bytes, cacheProblems(m.Problems),
		})
		if !c.json {
			fmt.Fprintf(e.stdout, "%s: %s %s in %s of %s, %s; in %s already: %s\n", sources[i], counted(m.Rows, "row"), verb,
				counted(m.Copied+m.Repaired+m.Sealed, "segment"), counted(m.Spaces, "space"), bytesOf(uint64(m.Bytes)), into, counted(m.Present, "segment"))
			for _, p := range m.Problems {
				fmt.Fprintf(e.stdout, "  %s/%v\n", sources[i], p)
			}
		}
	}
	if c.json {
		if err := e.printJSON(&sum); err != nil {
			return err
		}
	}
	if problems > 0 {
		return fmt.Errorf("what is damaged in the sources was left out, %s, the first: %w", counted(problems, "problem"), &cache.CorruptError{Problem: first})
	}
	return nil
}

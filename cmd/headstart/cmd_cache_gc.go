package main

import (
	"context"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract/features"
)

func cacheGCCommand(e *env) *command {
	return &command{
		name: "gc",
		args: "[NAME.features…]",
		does: "removes the embeddings that no feature set names",
		about: "With --keep it keeps what the feature sets name, those after it on the line too, and removes every other row of the cache, of all spaces. " +
			"With --all-unlisted and no feature set it removes everything. Without either it refuses.\n\n" +
			"It removes nothing that somebody reads or writes: while an extract or a train-head is at work on the cache it fails and changes nothing.",
		examples: []string{
			"headstart cache gc --dry-run --keep names.features images.features",
			"headstart cache gc --keep names.features --keep images.features --keep photos.features",
		},
		exits:   []int{exitCorrupt},
		maxArgs: -1,
		flags: append([]cli.Flag{
			&cli.StringSliceFlag{Name: "keep", Category: "What stays", Usage: "keep what the feature set `NAME.features` names"},
			&cli.BoolFlag{Name: "all-unlisted", Category: "What stays", Usage: "keep nothing: no feature set is listed"},
			dryRunFlag("what would be removed"),
		}, commonFlags("cache", "quiet", "json", "no-color")...),
		action: func(ctx *cli.Context) error {
			c, err := e.common(ctx)
			if err != nil {
				return err
			}
			sets, all := ctx.StringSlice("keep"), ctx.Bool("all-unlisted")
			switch {
			case len(sets) == 0 && ctx.NArg() > 0:
				return usagef("%s: feature sets to keep stand after --keep", ctx.Args().First())
			case len(sets) == 0 && !all:
				return usagef("nothing says what to keep: --keep NAME.features… does, or --all-unlisted to remove everything")
			case len(sets) > 0 && all:
				return usagef("--all-unlisted keeps nothing, --keep something; give one of them")
			}
			return runCacheGC(ctx.Context, c, append(sets, ctx.Args().Slice()...), ctx.Bool("dry-run"), e)
		},
	}
}

// dryRunFlag is the flag of commands that plan first and then do.
func dryRunFlag(what string) cli.Flag {
	return &cli.BoolFlag{Name: "dry-run", Category: "Result", Usage: "say " + what + ", and change nothing"}
}

// gcSummary is what `cache gc --json` prints.
type gcSummary struct {
	DryRun   bool           `json:"dry_run"`
	Rows     int64          `json:"rows"`
	Dropped  int64          `json:"dropped"`
	Freed    int64          `json:"freed_bytes"`
	Spaces   []gcSpace      `json:"spaces"`
	Problems []cacheProblem `json:"problems"`
}

type gcSpace struct {
	Fingerprint string `json:"fingerprint"`
	Description string `json:"description"`
	Rows        int64  `json:"rows"`
	Dropped     int64  `json:"dropped"`
	Segments    int    `json:"segments"`
	Removed     int    `json:"removed"`
	Written     int    `json:"written"`
	Freed       int64  `json:"freed_bytes"`
	Gone        bool   `json:"gone"`
	Waiting     int    `json:"waiting"`
}

func runCacheGC(ctx context.Context, c *common, sets []string, dryRun bool, e *env) error {
	var keep []cache.Keep
	for _, name := range sets {
		set, err := features.Read(name)
		if err != nil {
			return fmt.Errorf("nothing was removed: %w", err)
		}
		for _, raw := range set.Meta.Spaces {
			space, err := cache.ParseSpace(raw)
			if err != nil {
				return fmt.Errorf("nothing was removed: %s: %w", name, err)
			}
			keep = append(keep, cache.Keep{Space: space, Keys: set.Keys})
		}
	}
	store, err := changeCache(c, dryRun)
	if err != nil {
		return err
	}
	defer store.Close()
	freed, err := store.GC(ctx, keep, dryRun)
	if err != nil {
		return err
	}
	sum := gcSummary{DryRun: dryRun, Spaces: []gcSpace{}, Problems: cacheProblems(freed.Refused)}
	for _, s := range freed.Spaces {
		sum.Rows += s.Rows
		sum.Dropped += s.Dropped
		sum.Freed += s.Freed
		sum.Spaces = append(sum.Spaces, gcSpace{
			s.Space.Fingerprint(), describe(s.Space), s.Rows, s.Dropped, s.Segments, s.Removed, s.Written, s.Freed, s.Gone, s.Waiting,
		})
		e.recovered(s.Recovery)
	}
	if c.json {
		if err := e.printJSON(&sum); err != nil {
			return err
		}
		return refusedSpaces(freed.Refused)
	}
	verb := "removed"
	if dryRun {
		verb = "would be removed"
	}
	fmt.Fprintf(e.stdout, "%s: %s left, %s %s, which frees %s\n", c.cacheDir, counted(sum.Rows, "row"), counted(sum.Dropped, "row"), verb, bytesOf(uint64(sum.Freed)))
	for _, s := range sum.Spaces {
		switch {
		case s.Gone:
			fmt.Fprintf(e.stdout, "  %s goes as a whole, %s; %s\n", short(s.Fingerprint), counted(s.Dropped, "row"), s.Description)
		case s.Dropped > 0:
			fmt.Fprintf(e.stdout, "  %s keeps %s of %s; %s\n", short(s.Fingerprint), count(s.Rows), counted(s.Rows+s.Dropped, "row"), s.Description)
		}
		if s.Waiting > 0 {
			fmt.Fprintf(e.stdout, "  %s has %s with rows that are not sealed yet and not counted here\n", short(s.Fingerprint), counted(s.Waiting, "journal"))
		}
	}
	return refusedSpaces(freed.Refused)
}

// refusedSpaces is an error if the identity of some spaces cannot be read.
func refusedSpaces(ps []cache.Problem) error {
	if len(ps) == 0 {
		return nil
	}
	return fmt.Errorf("%s left as it was, the first: %w", counted(len(ps), "space"), &cache.CorruptError{Problem: ps[0]})
}

// changeCache opens the cache that is there, to be changed unless dryRun.
func changeCache(c *common, dryRun bool) (*cache.Cache, error) {
	store, err := openCache(c)
	if err != nil || dryRun {
		return store, err
	}
	store.Close()
	return cache.Create(c.cacheDir, nil)
}

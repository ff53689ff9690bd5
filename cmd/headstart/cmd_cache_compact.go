package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/headstart-ml/headstart/cache"
)

func cacheCompactCommand(e *env) *command {
	return &command{
		name: "compact",
		does: "writes the cache anew: one row a key, in few large segments",
		about: "Afterwards the same rows lie in the same bytes, however they came into the cache. " +
			"It is seldom needed: extract does it for a space with more than 32 small segments. " +
			"A space that somebody reads or writes is left as it is, and the exit status is 1.",
		examples: []string{"headstart cache compact --dry-run", "headstart cache compact"},
		exits:    []int{exitCorrupt},
		flags:    append([]cli.Flag{dryRunFlag("what would be written")}, commonFlags("cache", "quiet", "json", "no-color")...),
		action: func(ctx *cli.Context) error {
			c, err := e.common(ctx)
			if err != nil {
				return err
			}
			return runCacheCompact(ctx.Context, c, ctx.Bool("dry-run"), e)
		},
	}
}

// compactSummary is what `cache compact --json` prints.
type compactSummary struct {
	DryRun   bool           `json:"dry_run"`
	Spaces   []compactSpace `json:"spaces"`
	Problems []cacheProblem `json:"problems"`
}

type compactSpace struct {
	Fingerprint    string         `json:"fingerprint"`
	Description    string         `json:"description"`
	InUse          bool           `json:"in_use"`
	Rows           int64          `json:"rows"`
	Duplicates     int64          `json:"duplicates"`
	SegmentsBefore int            `json:"segments_before"`
	Segments       int            `json:"segments"`
	Written        int            `json:"written"`
	BytesBefore    int64          `json:"bytes_before"`
	Bytes          int64          `json:"bytes"`
	Waiting        int            `json:"waiting"`
	Damaged        []cacheProblem `json:"damaged"`
}

func runCacheCompact(ctx context.Context, c *common, dryRun bool, e *env) error {
	store, err := changeCache(c, dryRun)
	if err != nil {
		return err
	}
	defer store.Close()
	// The refused spaces are told of in the end; the others are done.
	spaces, refused := store.Spaces()
	sum := compactSummary{DryRun: dryRun, Spaces: []compactSpace{}, Problems: []cacheProblem{}}
	var inUse, damaged error
	for _, s := range spaces {
		one := compactSpace{Fingerprint: s.Fingerprint(), Description: describe(s), Damaged: []cacheProblem{}}
		n, err := store.Compact(ctx, s, dryRun)
		switch {
		case errors.Is(err, cache.ErrInUse):
			one.InUse = true
			if inUse == nil {
				inUse = err
			}
		case err != nil:
			return err
		default:
			one.Rows, one.Duplicates, one.SegmentsBefore, one.Segments = n.Rows, n.Duplicates, n.Before, n.After
			one.Written, one.BytesBefore, one.Bytes, one.Waiting = n.Written, n.Bytes, n.BytesAfter, n.Waiting
			one.Damaged = cacheProblems(n.Damaged)
			if len(n.Damaged) > 0 && damaged == nil {
				damaged = fmt.Errorf("%s of space %s left out as damaged, the first: %w\nextract computes them again", counted(len(n.Damaged), "row"), s, &cache.CorruptError{Problem: n.Damaged[0]})
			}
			e.recovered(n.Recovery)
		}
		sum.Spaces = append(sum.Spaces, one)
		if !c.json {
			printCompacted(e, &one, dryRun)
		}
	}
	if c.json {
		if err := e.printJSON(&sum); err != nil {
			return err
		}
	}
	// Damage says more than a space that is busy now.
	for _, err := range []error{refused, damaged, inUse} {
		if err != nil {
			return err
		}
	}
	return nil
}

func printCompacted(e *env, s *compactSpace, dryRun bool) {
	switch {
	case s.InUse:
		fmt.Fprintf(e.stdout, "%s is in use and stays as it is; %s\n", short(s.Fingerprint), s.Description)
		return
	case s.Written == 0 && s.Segments == s.SegmentsBefore:
		fmt.Fprintf(e.stdout, "%s is compact: %s, %s; %s\n", short(s.Fingerprint), counted(s.Rows, "row"), bytesOf(uint64(s.Bytes)), s.Description)
	default:
		verb := "became"
		if dryRun {
			verb = "would become"
		}
		fmt.Fprintf(e.stdout, "%s: %s (%s left out); %s, %s, %s %d, %s; %s\n", short(s.Fingerprint), counted(s.Rows, "row"), counted(s.Duplicates, "duplicate"),
			counted(s.SegmentsBefore, "segment"), bytesOf(uint64(s.BytesBefore)), verb, s.Segments, bytesOf(uint64(s.Bytes)), s.Description)
	}
	if s.Waiting > 0 {
		fmt.Fprintf(e.stdout, "%s has %s with rows that are not sealed yet and not counted here\n", short(s.Fingerprint), counted(s.Waiting, "journal"))
	}
}

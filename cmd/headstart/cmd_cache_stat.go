package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/headstart-ml/headstart/cmd/headstart/internal/report"
)

func cacheStatCommand(e *env) *command {
	return &command{
		name:     "stat",
		does:     "lists the spaces with their rows and bytes",
		examples: []string{"headstart cache stat", "headstart cache stat --json"},
		flags:    commonFlags("cache", "quiet", "json", "no-color"),
		action: func(ctx *cli.Context) error {
			c, err := e.common(ctx)
			if err != nil {
				return err
			}
			return runCacheStat(c, e)
		},
	}
}

// cacheSummary is what `cache stat --json` prints.
type cacheSummary struct {
	Cache       string              `json:"cache"`
	Spaces      []cacheSpaceSummary `json:"spaces"`
	Rows        int64               `json:"rows"`
	Bytes       int64               `json:"bytes"`
	Quarantined int                 `json:"quarantined"`
}

type cacheSpaceSummary struct {
	Fingerprint string `json:"fingerprint"`
	Description string `json:"description"`
	Dim         int    `json:"dim"`
	Segments    int    `json:"segments"`
	Rows        int64  `json:"rows"`
	Bytes       int64  `json:"bytes"`
	Waiting     int    `json:"waiting"`
	Refused     int    `json:"refused"`
	Error       string `json:"error,omitempty"`
}

func runCacheStat(c *common, e *env) error {
	store, err := openCache(c)
	if err != nil {
		return err
	}
	defer store.Close()
	stat, err := store.Stat()
	if err != nil {
		return err
	}
	sum := cacheSummary{Cache: c.cacheDir, Spaces: []cacheSpaceSummary{}, Quarantined: stat.Quarantined}
	for _, s := range stat.Spaces {
		row := cacheSpaceSummary{
			Fingerprint: s.Fingerprint, Segments: s.Segments, Rows: s.Rows, Bytes: s.Bytes, Waiting: s.Waiting, Refused: s.Refused,
		}
		if s.Space != nil {
			row.Description, row.Dim = describe(s.Space), s.Space.Dim()
		}
		if s.Err != nil {
			row.Error = s.Err.Error()
		}
		sum.Spaces = append(sum.Spaces, row)
		sum.Rows += s.Rows
		sum.Bytes += s.Bytes
	}
	if c.json {
		return e.printJSON(&sum)
	}
	fmt.Fprintf(e.stdout, "%s: %s in %s, %s\n", sum.Cache, counted(sum.Rows, "row"), counted(len(sum.Spaces), "space"), bytesOf(uint64(sum.Bytes)))
	var facts []report.Fact
	for _, s := range sum.Spaces {
		facts = append(facts, report.Fact{Name: "  " + short(s.Fingerprint), Value: fmt.Sprintf("%s × %d, %s, %s: %s",
			counted(s.Rows, "row"), s.Dim, counted(s.Segments, "segment"), bytesOf(uint64(s.Bytes)), s.Description)})
	}
	if err := report.FactsTo(e.stdout, facts, e.style(c)); err != nil {
		return err
	}
	for _, s := range sum.Spaces {
		if s.Error != "" {
			fmt.Fprintf(e.stdout, "  %s is refused: %s\n", short(s.Fingerprint), s.Error)
		}
		if s.Waiting > 0 {
			fmt.Fprintf(e.stdout, "  %s has %s with rows that are not sealed yet; the next extract seals what nobody writes to\n", short(s.Fingerprint), counted(s.Waiting, "journal"))
		}
		if s.Refused > 0 {
			fmt.Fprintf(e.stdout, "  %s has %s that cannot be used; headstart cache verify says why\n", short(s.Fingerprint), counted(s.Refused, "segment"))
		}
	}
	if sum.Quarantined > 0 {
		fmt.Fprintf(e.stdout, "  in quarantine, as they are damaged: %s (%s)\n", counted(sum.Quarantined, "file"), bytesOf(uint64(stat.QuarantineBytes)))
	}
	return nil
}

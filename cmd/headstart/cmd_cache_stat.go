package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/urfave/cli/v2"
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
	fmt.Fprintf(e.stdout, "%s: %s rows in %d spaces, %s\n", sum.Cache, count(sum.Rows), len(sum.Spaces), bytesOf(uint64(sum.Bytes)))
	w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	for _, s := range sum.Spaces {
		fmt.Fprintf(w, "  %s\t%s rows × %d\t%d segments\t%s\t%s\n", short(s.Fingerprint), count(s.Rows), s.Dim, s.Segments, bytesOf(uint64(s.Bytes)), s.Description)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, s := range sum.Spaces {
		if s.Error != "" {
			fmt.Fprintf(e.stdout, "  %s is refused: %s\n", short(s.Fingerprint), s.Error)
		}
		if s.Waiting > 0 {
			fmt.Fprintf(e.stdout, "  %s has %d journals with rows that are not sealed yet; the next extract seals those that nobody writes to\n", short(s.Fingerprint), s.Waiting)
		}
		if s.Refused > 0 {
			fmt.Fprintf(e.stdout, "  %s has %d segments that are refused; headstart cache verify says why\n", short(s.Fingerprint), s.Refused)
		}
	}
	if sum.Quarantined > 0 {
		fmt.Fprintf(e.stdout, "  %d files are in quarantine (%s)\n", sum.Quarantined, bytesOf(uint64(stat.QuarantineBytes)))
	}
	return nil
}

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract"
	"github.com/headstart-ml/headstart/extract/contract"
)

func cacheCommand(e *env) *command {
	return &command{
		name: "cache",
		does: "looks after the store of embeddings",
		examples: []string{
			"headstart cache stat",
			"headstart cache verify --full",
			"headstart cache why photos/",
		},
		subcommands: []*command{
			cacheStatCommand(e), cacheVerifyCommand(e), cacheGCCommand(e), cacheMergeCommand(e), cacheCompactCommand(e),
			cacheExportCommand(e), cacheWhyCommand(e),
		},
	}
}

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

// openCache opens the cache that is there.
func openCache(c *common) (*cache.Cache, error) {
	store, err := cache.Open(c.cacheDir, nil)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no cache at %s; --cache names another, and headstart extract makes one", c.cacheDir)
	}
	return store, err
}

// cacheToFill opens the cache that the features are in, for writing if that is
// allowed.
func cacheToFill(c *common) (*cache.Cache, error) {
	store, err := openCache(c) // to make one would be of no use: it has the features
	if err != nil {
		return nil, err
	}
	store.Close()
	return createOrOpen(c.cacheDir, func(error) error { return nil })
}

// createOrOpen opens the cache in dir for writing. If this user may not write
// there, it asks unwritable, which is given the reason, whether to go on, and
// opens what there is for reading: nil, if that is nothing.
func createOrOpen(dir string, unwritable func(reason error) error) (*cache.Cache, error) {
	store, err := cache.Create(dir, nil)
	if !extract.Unwritable(err) {
		return store, err
	}
	if err := unwritable(err); err != nil {
		return nil, err
	}
	store, err = cache.Open(dir, nil)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return nil, nil
	}
	return store, err
}

// unwritable is the error of a command that cannot do without writing to the
// cache in dir.
func unwritable(dir string, reason error) error {
	return fmt.Errorf("the cache at %s cannot be written (%s); let this user write to it, or name another with --cache", dir, denial(reason))
}

// denial says why extract.Unwritable holds.
func denial(reason error) string {
	if errors.Is(reason, syscall.EROFS) {
		return "the file system is read-only"
	}
	return "permission denied"
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

// short is the beginning of a fingerprint, enough to tell spaces apart.
func short(fingerprint string) string { return fingerprint[:min(12, len(fingerprint))] }

// describe says in a line what a space's embeddings are.
func describe(s *cache.Space) string {
	d, err := contract.Describe(s.JSON())
	if err != nil {
		return err.Error()
	}
	return d.String()
}

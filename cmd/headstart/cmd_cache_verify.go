package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract"
	"github.com/headstart-ml/headstart/extract/contract"
	"github.com/headstart-ml/headstart/extract/features"
	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/builtin"
)

// verifySeed drives which samples --recompute takes.
const verifySeed = 0

type verifyOptions struct {
	common
	full      bool
	recompute int // samples of each feature set
	root      string
	sets      []string
}

func cacheVerifyCommand(e *env) *command {
	const checks = "Checks"
	return &command{
		name: "verify",
		args: "[NAME.features…]",
		does: "looks for everything that is wrong with the cache, and changes nothing",
		about: "Without --full it checks names, sizes, headers and the order of keys; with --full every checksum, digest and value too. " +
			"It names every problem, not only the first. extract computes again what is damaged.\n\n" +
			"Feature sets that are given must find all their rows in the cache. " +
			"With --recompute, samples of theirs are read from their source and embedded again, and a row that the backbone would not give any more is a problem. " +
			fmt.Sprintf("Which samples is drawn with the seed %d, so it is the same ones every time.", verifySeed),
		examples: []string{
			"headstart cache verify",
			"headstart cache verify --full --json",
			"headstart cache verify names.features    # are its rows all there?",
			"headstart cache verify --recompute 10 names.features",
		},
		exits:   []int{exitCorrupt},
		maxArgs: -1,
		flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "full", Category: checks, Usage: "check every checksum, digest and value"},
			&cli.BoolFlag{Name: "fast", Category: checks, Usage: "check the structure only (default)"},
			&cli.IntFlag{Name: "recompute", Category: checks, Usage: "embed `K` samples of each feature set again and compare", DefaultText: "none"},
			&cli.StringFlag{Name: "root", Category: checks, Usage: "the `DIR` of the samples, for --recompute", DefaultText: "where they were"},
		}, commonFlags("cache", "runtime", "provider", "quiet", "json", "no-color")...),
		action: func(ctx *cli.Context) error {
			c, err := e.common(ctx)
			if err != nil {
				return err
			}
			o := &verifyOptions{common: *c, full: ctx.Bool("full"), recompute: ctx.Int("recompute"), root: ctx.String("root"), sets: ctx.Args().Slice()}
			switch {
			case o.full && ctx.Bool("fast"):
				return usagef("--fast and --full are two ways to check; give one of them")
			case ctx.IsSet("recompute") && o.recompute < 1:
				return usagef("--recompute %d: at least 1 is needed", o.recompute)
			case o.recompute > 0 && len(o.sets) == 0:
				return usagef("--recompute takes samples of feature sets; name one or more")
			}
			return runCacheVerify(ctx.Context, o, e)
		},
	}
}

// verifySummary is what `cache verify --json` prints.
type verifySummary struct {
	OK         bool           `json:"ok"`
	Spaces     int            `json:"spaces"`
	Segments   int            `json:"segments"`
	WALs       int            `json:"wals"`
	Rows       int64          `json:"rows"`
	Bytes      int64          `json:"bytes"`
	Problems   []cacheProblem `json:"problems"`
	Recomputed int            `json:"recomputed"` // rows that were computed again
	Unreadable int            `json:"unreadable"` // rows that were to be, but their sample is gone or another one
	Missing    int            `json:"missing"`    // rows of feature sets that the cache lacks
}

// verification is one call of `cache verify`.
type verification struct {
	*verifyOptions
	env     *env
	store   *cache.Cache
	sum     verifySummary
	first   *cache.Problem
	sound   bool // the files are: what is wrong are rows that the backbone would not give any more
	missing []error
}

func runCacheVerify(ctx context.Context, o *verifyOptions, e *env) error {
	var sets []*features.Set
	for _, path := range o.sets {
		set, err := features.Read(path)
		if err != nil {
			return err
		}
		sets = append(sets, set)
	}
	store, err := openCache(&o.common)
	if err != nil {
		return err
	}
	defer store.Close()
	v := &verification{verifyOptions: o, env: e, store: store, sum: verifySummary{Problems: []cacheProblem{}}}
	mode := cache.Fast
	if o.full {
		mode = cache.Full
	}
	n, err := store.Verify(ctx, mode, v.problem)
	if err != nil {
		return err
	}
	v.sum.Spaces, v.sum.Segments, v.sum.WALs, v.sum.Rows, v.sum.Bytes = n.Spaces, n.Segments, n.WALs, n.Rows, n.Bytes
	v.sound = v.first == nil
	for i, set := range sets {
		if err := v.roots(o.sets[i], set); err != nil {
			return err
		}
		if o.recompute > 0 {
			if err := v.again(ctx, o.sets[i], set); err != nil {
				return err
			}
		}
	}
	return v.conclude()
}

// problem notes a problem, and prints it.
func (v *verification) problem(p cache.Problem) {
	if v.first == nil {
		v.first = &p
	}
	place := p.Place()
	if p.Row >= 0 {
		place += fmt.Sprintf(": row %d", p.Row)
	}
	v.sum.Problems = append(v.sum.Problems, cacheProblems([]cache.Problem{p})...)
	if !v.json {
		fmt.Fprintf(v.env.stdout, "%s: %v\n", place, p.Err)
	}
}

// roots looks for the rows that a feature set names.
func (v *verification) roots(name string, set *features.Set) error {
	if set.N() == 0 {
		return nil
	}
	table, err := features.Join([]*features.Set{set}, []string{name})
	if err != nil {
		return err
	}
	m, err := table.Matrix(v.store)
	if err == nil {
		return m.Close()
	}
	missing := features.Missing(err)
	if len(missing) == 0 {
		if _, corrupt := errors.AsType[*cache.CorruptError](err); corrupt && v.first != nil {
			return nil // the space is refused, which is among the problems already
		}
		return err
	}
	for _, one := range missing {
		v.sum.Missing += one.Missing
		v.missing = append(v.missing, one)
	}
	return nil
}

// again embeds samples of a feature set again, in each of its spaces.
func (v *verification) again(ctx context.Context, name string, set *features.Set) error {
	for _, raw := range set.Meta.Spaces {
		space, err := cache.ParseSpace(raw)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := v.againIn(ctx, name, set, space); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func (v *verification) againIn(ctx context.Context, name string, set *features.Set, space *cache.Space) error {
	reader, err := v.store.Reader(space)
	if err != nil {
		if _, corrupt := errors.AsType[*cache.CorruptError](err); corrupt && v.first != nil {
			return nil // the space is refused, which is among the problems already
		}
		return err
	}
	defer reader.Close()
	wanted := drawn(set, reader, v.recompute)
	if len(wanted) == 0 {
		return nil
	}
	spec, err := specOf(&set.Meta, space)
	if err != nil {
		return err
	}
	src, err := extract.Reread(&set.Meta, v.root)
	if errors.Is(err, extract.ErrStandardInput) {
		return errors.New("its samples came from the standard input and cannot be read again")
	}
	if moved, ok := errors.AsType[*extract.MovedError](err); ok {
		return fmt.Errorf("its samples cannot be read again: %w%s", moved.Err, rootHint)
	}
	if err != nil {
		return err
	}
	defer src.Close()
	backbone := newSession(spec, &v.common)
	defer backbone.Close()
	limit := extract.MinCosine(space)
	computed, damaged, reason := 0, 0, ""
	err = extract.Recompute(ctx, spec, backbone, reader, src, wanted, nil, func(r extract.Recomputed) {
		if r.Bad != "" {
			v.sum.Unreadable++
			reason = fmt.Sprintf("%s: %s", r.ID, r.Bad)
			return
		}
		if r.Damaged != nil {
			damaged++
			if v.sound = false; !v.full { // else it is among the problems already
				v.problem(r.Damaged.Problem)
			}
			return
		}
		computed++
		if r.Cosine < limit {
			v.problem(cache.Problem{Path: "spaces/" + space.Fingerprint(), Row: -1, Key: r.Key,
				Err: fmt.Errorf("%s of %s: embedded again, its row has cosine %.6f with the one in the cache, under %v", r.ID, name, r.Cosine, limit)})
		}
	})
	if err != nil {
		return err
	}
	v.sum.Recomputed += computed
	switch unreadable := len(wanted) - computed - damaged; {
	case unreadable == len(wanted):
		return fmt.Errorf("none of %s can be read again, such as %s%s", counted(unreadable, "sample"), reason, rootHint)
	case unreadable > 0:
		v.env.note("%s: %d of %s cannot be read again, such as %s", name, unreadable, counted(len(wanted), "sample"), reason)
	}
	return nil
}

// rootHint ends an error for samples that cannot be read again.
const rootHint = "; --root DIR says where they are"

// drawn returns up to k samples of a set, of those whose rows are there: the
// first ones of a shuffle.
func drawn(set *features.Set, reader *cache.Reader, k int) map[string]cache.Key {
	refs := make([]cache.Ref, set.N())
	reader.Locate(set.Keys, refs)
	wanted := make(map[string]cache.Key)
	for _, i := range rand.New(rand.NewPCG(verifySeed, 0)).Perm(set.N()) {
		if len(wanted) == k {
			break
		}
		if refs[i].Found() {
			wanted[set.IDs[i]] = set.Keys[i]
		}
	}
	return wanted
}

// specOf resolves the backbone of a feature set, as it was for one of its
// spaces.
func specOf(meta *features.Meta, space *cache.Space) (*models.Spec, error) {
	spec, err := contract.Recall(meta.Backbone, []json.RawMessage{space.JSON()}, builtin.FS())
	if err == nil {
		spec.MaxPixels = meta.MaxPixels()
	}
	return spec, another(meta.Backbone, err)
}

// another says of the backbone of a feature set that it is another one now, if
// that is what err says.
func another(backbone string, err error) error {
	if d, ok := errors.AsType[*contract.DifferenceError](err); ok {
		return fmt.Errorf("the backbone %s is another one now, so its rows cannot be computed again: %s is %s in the set and %s here", backbone, d.Field, d.Was, d.Is)
	}
	return err
}

// conclude prints what was found.
func (v *verification) conclude() error {
	problems := len(v.sum.Problems)
	v.sum.OK = problems == 0 && v.sum.Missing == 0
	var err error
	if v.json {
		err = v.env.printJSON(&v.sum)
	} else if v.sum.OK && !v.quiet {
		line := fmt.Sprintf("OK: %s in %s of %s, %s", counted(v.sum.Rows, "row"), counted(v.sum.Segments, "segment"), counted(v.sum.Spaces, "space"), bytesOf(uint64(v.sum.Bytes)))
		if v.recompute > 0 {
			line += fmt.Sprintf("; %s computed again, %s could not be read", counted(v.sum.Recomputed, "row"), counted(v.sum.Unreadable, "sample"))
		}
		_, err = fmt.Fprintln(v.env.stdout, line)
	}
	if err != nil {
		return err
	}
	var found []error
	if v.first != nil {
		advice := "extract computes again what is damaged"
		if v.sound {
			advice = putBack
		}
		found = append(found, fmt.Errorf("%s, the first: %w\n%s", counted(problems, "problem"), &cache.CorruptError{Problem: *v.first}, advice))
	}
	if len(v.missing) > 0 {
		var lines []string
		for _, one := range v.missing {
			lines = append(lines, one.Error())
		}
		found = append(found, errors.New(strings.Join(lines, "\n")))
	}
	return errors.Join(found...)
}

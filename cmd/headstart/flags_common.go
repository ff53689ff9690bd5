package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	goruntime "runtime"
	"slices"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"

	"github.com/headstart-ml/headstart/head/predict"
	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/runtime"
)

// common are the values of the flags that many commands have.
type common struct {
	cacheDir string // "" with --no-cache
	threads  int    // at least 1
	runtime  string // the library asked for, "" if none
	provider string // "cpu"
	quiet    bool
	json     bool
	noColor  bool
}

// commonFlags returns the flags of these names, "cache", "no-cache", "threads",
// "runtime", "provider", "quiet", "json" and "no-color", as a group of the
// help. A command takes those that do something in it.
func commonFlags(names ...string) []cli.Flag {
	const group = "Common"
	all := map[string]cli.Flag{
		"cache": &cli.StringFlag{Name: "cache", Category: group,
			Usage: "`DIR` of the embeddings", DefaultText: "$XDG_CACHE_HOME/headstart or ~/.cache/headstart; without a home, a folder for temporary files"},
		"no-cache": &cli.BoolFlag{Name: "no-cache", Category: group,
			Usage: "look nothing up and keep nothing: every sample is computed"},
		"threads": &cli.IntFlag{Name: "threads", Category: group,
			Usage: "use `N` CPUs", DefaultText: "those that this process may use"},
		"runtime": &cli.StringFlag{Name: "runtime", Category: group,
			Usage:       "`FILE` of the ONNX Runtime library",
			DefaultText: "$HEADSTART_RUNTIME, $ONNXRUNTIME_SHARED_LIBRARY_PATH, lib and ../lib beside the program, what runtime install has put in place, the system's"},
		"provider": &cli.StringFlag{Name: "provider", Category: group, Value: "cpu",
			Usage: choices(providers...) + "what computes; cpu is the only one"},
		"quiet": &cli.BoolFlag{Name: "quiet", Category: group,
			Usage: "no progress and no notes, only errors"},
		"json": &cli.BoolFlag{Name: "json", Category: group,
			Usage: "print the result as JSON"},
		"no-color": &cli.BoolFlag{Name: "no-color", Category: group,
			Usage: "no colours; NO_COLOR does the same"},
	}
	flags := make([]cli.Flag, len(names))
	for i, n := range names {
		flags[i] = all[n]
	}
	return flags
}

// common reads the common flags that the command of ctx has; the others have
// their defaults.
func (e *env) common(ctx *cli.Context) (*common, error) {
	c := &common{
		cacheDir: ctx.String("cache"),
		threads:  ctx.Int("threads"),
		runtime:  ctx.String("runtime"),
		provider: ctx.String("provider"),
		quiet:    ctx.Bool("quiet"),
		json:     ctx.Bool("json"),
		noColor:  ctx.Bool("no-color") || os.Getenv("NO_COLOR") != "",
	}
	e.quiet = c.quiet
	switch {
	case c.threads == 0 && !ctx.IsSet("threads"):
		// Go looks at the CPU affinity and at the quota of the control group.
		c.threads = goruntime.GOMAXPROCS(0)
	case c.threads < 1:
		return nil, usagef("--threads %d: at least 1 is needed", c.threads)
	}
	switch c.provider {
	case "", "cpu":
		c.provider = "cpu"
	default:
		return nil, usagef("--provider %s: it is not supported by this version; cpu is", c.provider)
	}
	if ctx.Bool("no-cache") {
		// What stands on the command line wins over the environment.
		switch cache, none := e.onLine("cache"), e.onLine("no-cache"); {
		case cache == none && ctx.IsSet("cache"):
			return nil, usagef("--cache %s and --no-cache contradict each other", c.cacheDir)
		case !cache:
			c.cacheDir = ""
			return c, nil
		}
	}
	if c.cacheDir == "" && ctx.Command != nil && slices.ContainsFunc(ctx.Command.Flags, func(f cli.Flag) bool { return f.Names()[0] == "cache" }) {
		var err error
		if c.cacheDir, err = e.defaultCache(); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// defaultCache is the folder that the XDG Base Directory Specification gives,
// on macOS too, or, for a user without a home, one of the system's temporary
// folder, which it makes and says.
func (e *env) defaultCache() (string, error) {
	// The specification says to ignore a path that is not absolute.
	if dir := os.Getenv("XDG_CACHE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "headstart"), nil
	}
	if home, err := os.UserHomeDir(); err == nil {
		return filepath.Join(home, ".cache", "headstart"), nil
	}
	dir, err := temporaryCache()
	if err != nil {
		return "", fmt.Errorf("no place for the cache: there is no home folder ($HOME), and %w; name a folder with --cache DIR", err)
	}
	e.note("there is no home folder ($HOME), so the cache is at %s, which the system may empty; --cache DIR names a place that lasts", dir)
	return dir, nil
}

// temporaryCache makes this user's folder in the system's temporary one, unless
// it is there. Everybody may put something there, so one that is not this
// user's alone is an error.
func temporaryCache() (string, error) {
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("headstart-%d", os.Getuid()))
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return "", err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !info.IsDir():
		return "", fmt.Errorf("%s is no folder of its own", dir)
	case !ok || owner.Uid != uint32(os.Getuid()):
		return "", fmt.Errorf("%s is another user's", dir)
	case info.Mode().Perm()&0o077 != 0:
		return "", fmt.Errorf("%s is open to other users (chmod 700 closes it)", dir)
	}
	return dir, nil
}

// providers are what --provider can be.
var providers = []string{"cpu"}

// byWords are what --by can be.
var byWords = []string{"auto", "group", "none"}

// choices is the beginning of the usage of a flag that is one of these words; a
// word in capitals stands for values of its kind.
func choices(list ...string) string { return "`" + strings.Join(list, "|") + "`: " }

// oneOf is nil if value is one of the choices that a flag has.
func oneOf(flag, value string, choices ...string) error {
	for _, c := range choices {
		if value == c {
			return nil
		}
	}
	if near := nearest(value, choices); near != "" {
		return usagef("--%s %s: did you mean %s?", flag, value, near)
	}
	return usagef("--%s %s: it is one of %s", flag, value, strings.Join(choices, ", "))
}

// newSession returns a session of a backbone. The runtime library is looked for
// when something is to be computed.
func newSession(spec *models.Spec, c *common) *runtime.Lazy {
	return predict.Session(spec, &predict.Options{Runtime: c.runtime})
}

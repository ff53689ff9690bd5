package library

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/headstart-ml/headstart/cache/draft"
)

// Options say what Install takes, and where it puts it. The zero value, and
// nil, are the defaults.
type Options struct {
	// Dir is the folder of the library, made if it is missing; "" means that
	// of Folder.
	Dir string
	// From is where an archive is: an http or https address, or a file. ""
	// means that pip, or else npm, downloads the official one.
	From string
	// SHA256 vouches for what is at From and is not in the list: the digest,
	// in hexadecimal, of the archive or of the library in it.
	SHA256 string
	// Progress is called while a download goes on: bytes that are there, and
	// in all, or -1.
	Progress func(done, total int64)
	// Note is told what a person who waits wants to know: a try that failed
	// and is made again.
	Note func(string)
}

// Installed is what Install has put in place.
type Installed struct {
	Path     string // of the library
	Version  string
	SHA256   string
	From     string // "the wheel NAME", "the npm package NAME" …; "" if Already
	Official bool   // its digest stands in the list
	Already  bool   // it was there, and nothing was done
}

// DigestError says that something is not what was wanted, by its SHA-256.
type DigestError struct {
	Name string   // of an archive, or of a library with its archive
	Got  string   // in hexadecimal
	Want []string // any of these; each perhaps with a version behind it
	// Sure says that nothing else can be meant: an archive of this name is
	// known, or Want is what Options.SHA256 said.
	Sure bool
}

func (e *DigestError) Error() string {
	return fmt.Sprintf("%s: its SHA-256 is %s, and wanted is %s; nothing was installed", e.Name, e.Got, strings.Join(e.Want, " or "))
}

// DamagedError says that an archive is not whole, or was changed on its way.
type DamagedError struct {
	Name string
	Err  error // of the archive's format
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("%s is damaged or not all of it (%v); nothing was installed", e.Name, e.Err)
}

func (e *DamagedError) Unwrap() error { return e.Err }

// UnpublishedError says that no official library is published for a machine.
type UnpublishedError struct{ Platform string } // GOOS/GOARCH

func (e *UnpublishedError) Error() string {
	if e.Platform == "darwin/amd64" {
		return "ONNX Runtime is not published for Macs with an Intel CPU since 1.23, and " + Minimum + " or newer is needed"
	}
	return "no ONNX Runtime is published for " + e.Platform
}

// Install puts the library into a folder, under its versioned name and, as a
// link, under its plain one, beside its licence files. A library of another
// version stays beside it; the plain name leads to the new one. Without
// Options.From nothing is done where an official library is in place.
//
// Errors are *DigestError, *DamagedError, *StatusError, *KeptError,
// *ClientError, ErrNoClient, ErrNoFolder and *UnpublishedError by errors.As and
// errors.Is, and those of the file system.
func Install(ctx context.Context, o *Options) (*Installed, error) {
	if o == nil {
		o = new(Options)
	}
	in := &installer{Options: *o, platform: platformOf(here), sums: official, limits: defaultLimits, network: newNetwork()}
	if in.platform == nil {
		if o.From == "" {
			return nil, &UnpublishedError{here}
		}
		in.platform = &platform{name: here}
	}
	return in.install(ctx)
}

// installer is Install with what tests replace.
type installer struct {
	Options
	platform *platform
	sums     *sums
	limits   limits
	network  *network
}

func (in *installer) install(ctx context.Context) (*Installed, error) {
	if in.Progress == nil {
		in.Progress = func(int64, int64) {}
	}
	if in.Note == nil {
		in.Note = func(string) {}
	}
	in.SHA256 = strings.ToLower(in.SHA256)
	switch {
	case in.SHA256 != "" && !isDigest(in.SHA256):
		return nil, fmt.Errorf("%q is not a SHA-256: 64 hexadecimal digits", in.SHA256)
	case in.SHA256 != "" && in.From == "":
		return nil, errors.New("a SHA-256 vouches for an archive that is named; pip and npm download what is known")
	}
	if in.Dir == "" {
		dir, err := Folder()
		if err != nil {
			return nil, err
		}
		in.Dir = dir
	}
	dir, err := filepath.Abs(in.Dir)
	if err != nil {
		return nil, err
	}
	in.Dir = dir
	if in.From == "" {
		if there := in.there(); there != nil {
			return there, nil
		}
	}
	if err := os.MkdirAll(in.Dir, 0o777); err != nil {
		return nil, err
	}
	installed, err := in.get(ctx)
	if err != nil {
		return nil, err
	}
	in.sweep()
	return installed, nil
}

// there returns the official library that the plain name leads to, nil if it
// leads to none.
func (in *installer) there() *Installed {
	f, err := draft.OpenRegular(filepath.Join(in.Dir, nameOn(in.platform.name)))
	if err != nil {
		return nil
	}
	defer f.Close()
	digest, err := digestOf(f, in.limits.library)
	if err != nil {
		return nil
	}
	version, ok := in.sums.wanted(in.platform)[digest]
	if !ok {
		return nil
	}
	path := filepath.Join(in.Dir, versionedOn(in.platform.name, version))
	if _, err := os.Stat(path); err != nil {
		return nil
	}
	return &Installed{Path: path, Version: version, SHA256: digest, Official: true, Already: true}
}

// get takes the library from where Options say.
func (in *installer) get(ctx context.Context) (*Installed, error) {
	if in.From == "" {
		return in.fromRegistry(ctx)
	}
	scheme, rest, ok := strings.Cut(in.From, "://")
	switch scheme = strings.ToLower(scheme); {
	case !ok:
		installed, err := in.fromFile(in.From)
		if errors.Is(err, fs.ErrNotExist) && hosts.MatchString(in.From) {
			err = fmt.Errorf("%w; an address begins with https://", err)
		}
		return installed, err
	case scheme == "file":
		return in.fromFile(rest)
	case scheme == "http" || scheme == "https":
		u, err := url.Parse(in.From)
		if err != nil || u.Host == "" {
			return nil, fmt.Errorf("%q is not the address of a file", in.From)
		}
		return in.fromURL(ctx, u)
	}
	return nil, fmt.Errorf("%s: only http and https addresses and files are taken", in.From)
}

// hosts is what an address without its scheme looks like.
var hosts = regexp.MustCompile(`^[\w-]+(\.[\w-]+)+(:\d+)?/`)

func (in *installer) fromRegistry(ctx context.Context) (*Installed, error) {
	// It is removed in the end, or by the next one if this is killed.
	tmp, err := draft.CreateFolder(filepath.Join(in.Dir, "download"))
	if err != nil {
		return nil, err
	}
	defer tmp.Discard()
	path, err := fetch(ctx, in.platform, tmp.Name(), in.Note)
	if err != nil {
		return nil, err
	}
	if name := filepath.Base(path); in.sums.archives[name] == "" {
		return nil, fmt.Errorf("%s: its digest is not known; nothing was installed", name)
	}
	return in.fromFile(path)
}

func (in *installer) fromFile(path string) (*Installed, error) {
	f, err := draft.OpenRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() > in.limits.archive {
		return nil, fmt.Errorf("%s: %w", path, errTooLarge)
	}
	return in.take(&archive{filepath.Base(path), f, info.Size(), in.limits})
}

func (in *installer) fromURL(ctx context.Context, u *url.URL) (*Installed, error) {
	for {
		d, err := begin(in.network, u, in.Dir)
		if err != nil {
			return nil, err
		}
		d.limit, d.progress, d.note = in.limits.archive, in.Progress, in.Note
		if err := d.run(ctx); err != nil {
			return nil, err
		}
		installed, err := in.take(&archive{filepath.Base(u.Path), d.part, d.part.Size(), in.limits})
		if e := d.remove(); err == nil && e != nil {
			return nil, fmt.Errorf("%s: %w", d.path, e)
		}
		if err != nil && d.resumed {
			in.Note(fmt.Sprintf("%v; the pieces may not belong together, so it is downloaded again", err))
			continue // from the beginning, so once at most
		}
		return installed, err
	}
}

// take checks an archive and installs the library that is in it.
func (in *installer) take(a *archive) (*Installed, error) {
	digest, err := a.digest()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", a.name, err)
	}
	if want := in.sums.archives[a.name]; want != "" && digest != want && in.SHA256 == "" {
		return nil, &DigestError{Name: a.name, Got: digest, Want: []string{want}, Sure: true}
	}
	c, err := a.look(in.platform)
	if isDamage(err) {
		return nil, &DamagedError{a.name, err}
	} else if err != nil {
		return nil, fmt.Errorf("%s: %w", a.name, err)
	}
	k, official := in.sums.libraries[c.digest]
	if in.SHA256 != "" && in.SHA256 != digest && in.SHA256 != c.digest {
		return nil, &DigestError{Name: a.name, Got: digest, Want: []string{in.SHA256}, Sure: true}
	}
	switch {
	case official && k.platform.name != in.platform.name:
		return nil, fmt.Errorf("%s: it has ONNX Runtime for %s, and this machine is %s; nothing was installed", a.name, k.platform.name, in.platform.name)
	case official:
		c.version = k.version
	case in.SHA256 == "":
		e := &DigestError{Name: a.name + ": " + filepath.Base(c.member), Got: c.digest}
		wanted := in.sums.wanted(in.platform)
		for _, digest := range slices.Sorted(maps.Keys(wanted)) {
			e.Want = append(e.Want, digest+" ("+wanted[digest]+")")
		}
		return nil, e
	case c.version == "":
		return nil, fmt.Errorf("%s: the version of the library cannot be told from its name; call it %s; nothing was installed", a.name, versionedOn(in.platform.name, "MAJOR.MINOR.PATCH"))
	case !Fits(c.version):
		return nil, fmt.Errorf("%s: it is ONNX Runtime %s, and %s or newer is needed; nothing was installed", a.name, c.version, Minimum)
	}
	path, err := in.place(a, c)
	if err != nil {
		return nil, err
	}
	from := "the " + c.kind
	if a.name != "" && a.name != "." && a.name != "/" {
		from += " " + a.name
	}
	return &Installed{Path: path, Version: c.version, SHA256: c.digest, From: from, Official: official}, nil
}

// place writes the files. The plain name comes last: it leads to a library that
// is whole, or to what it led to before.
func (in *installer) place(a *archive, c *contents) (string, error) {
	for _, name := range slices.Sorted(maps.Keys(c.texts)) {
		path := filepath.Join(in.Dir, name)
		if err := draft.Write(path, c.texts[name]); err != nil {
			return "", fmt.Errorf("%s: %w", path, err)
		}
	}
	versioned := versionedOn(in.platform.name, c.version)
	path := filepath.Join(in.Dir, versioned)
	f, err := draft.Create(path)
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	defer f.Discard()
	if err = a.copyTo(f, c); err == nil {
		err = f.Place()
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	plain := filepath.Join(in.Dir, nameOn(in.platform.name))
	if err := draft.Link(versioned, plain); err != nil {
		return "", fmt.Errorf("%s: %w", plain, err)
	}
	return path, nil
}

// sweep removes the parts of other downloads that nobody writes: a library is
// there now.
func (in *installer) sweep() {
	parts, _ := filepath.Glob(filepath.Join(in.Dir, "onnxruntime-*.part")) // the pattern is well-formed
	for _, path := range parts {
		p, err := draft.OpenPart(path)
		if err != nil {
			continue // somebody writes it, or it is none of ours
		}
		_ = p.Remove()                // what cannot be removed
		_ = os.Remove(path + ".json") // stands in nobody's way
	}
}

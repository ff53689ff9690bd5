// Goinstall does what the README tells somebody without a checkout to do, with
// this checkout as the module that a Go proxy has: go install into an empty
// module cache, headstart runtime install from a server that fails in every
// way, then the main job with nothing but what was installed. It prints what is
// typed and what is said, and fails at the first thing that is not as it should
// be.
//
//	go run testdata/goinstall.go      (make goinstall)
package main

import (
	"archive/zip"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/mod/module"
	modulezip "golang.org/x/mod/zip"
)

const path = "github.com/headstart-ml/headstart"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	top, err := os.MkdirTemp("", "goinstall-")
	if err == nil {
		top, err = filepath.EvalSymlinks(top)
	}
	if err == nil {
		err = (&newcomer{ctx: ctx, top: top}).comes()
		err = errors.Join(err, os.RemoveAll(top))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "goinstall:", err)
		os.Exit(1)
	}
}

// newcomer has Go, a C compiler and a network, and nothing else of ours. All
// that is theirs lies under top.
type newcomer struct {
	ctx               context.Context
	top               string
	version, revision string // of the checkout, as a proxy calls it
	program           string // what go install has installed
	shell             []string
}

func (n *newcomer) at(names ...string) string {
	return filepath.Join(append([]string{n.top}, names...)...)
}

// data is the folder of the library, which doctor and runtime show name too.
func (n *newcomer) data() string {
	if runtime.GOOS == "darwin" {
		return n.at("home", "Library", "Application Support", "headstart", "lib")
	}
	return n.at("home", ".local", "share", "headstart", "lib")
}

func (n *newcomer) comes() error {
	for _, dir := range []string{"home", "work", "nothing", "tmp"} {
		if err := os.Mkdir(n.at(dir), 0o755); err != nil {
			return err
		}
	}
	for _, step := range []struct {
		says string
		do   func() error
	}{
		{"the checkout as a module of a Go proxy", n.publish},
		{"go install into an empty module cache", n.install},
		{"without ONNX Runtime", n.without},
		{"runtime install, from servers that fail", n.runtime},
		{"the main job", n.work},
	} {
		fmt.Printf("\n# %s\n", step.says)
		start := time.Now()
		if err := step.do(); err != nil {
			return fmt.Errorf("%s: %w", step.says, cmp.Or(context.Cause(n.ctx), err))
		}
		fmt.Printf("# %.1f s\n", time.Since(start).Seconds())
	}
	return nil
}

// publish writes what a Go proxy would serve of the checkout's files.
func (n *newcomer) publish() error {
	said, err := exec.Command("git", "log", "-1", "--format=%H %ct").Output()
	if err != nil {
		return fmt.Errorf("git log: %w", err)
	}
	hash, seconds, _ := strings.Cut(strings.TrimSpace(string(said)), " ")
	unix, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return err
	}
	at := time.Unix(unix, 0).UTC()
	n.revision = hash[:12]
	n.version = module.PseudoVersion("v0", "", at, n.revision)
	if said, err = exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard").Output(); err != nil {
		return fmt.Errorf("git ls-files: %w", err)
	}
	var files []modulezip.File
	for name := range strings.SplitSeq(strings.TrimSuffix(string(said), "\x00"), "\x00") {
		if _, err := os.Lstat(name); err == nil { // else it was removed
			files = append(files, file(name))
		}
	}
	dir := n.at("proxy", path, "@v")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	info, err := json.Marshal(struct {
		Version string
		Time    time.Time
	}{n.version, at})
	if err != nil {
		return err
	}
	mod, err := os.ReadFile("go.mod")
	if err != nil {
		return err
	}
	var packed bytes.Buffer
	if err := modulezip.Create(&packed, module.Version{Path: path, Version: n.version}, files); err != nil {
		return err
	}
	fmt.Printf("%s@%s: %d files, %d bytes\n", path, n.version, len(files), packed.Len())
	return errors.Join(
		os.WriteFile(filepath.Join(dir, "list"), nil, 0o644), // proxies list no versions between releases
		os.WriteFile(n.at("proxy", path, "@latest"), info, 0o644),
		os.WriteFile(filepath.Join(dir, n.version+".info"), info, 0o644),
		os.WriteFile(filepath.Join(dir, n.version+".mod"), mod, 0o644),
		os.WriteFile(filepath.Join(dir, n.version+".zip"), packed.Bytes(), 0o644),
	)
}

// file is one of the checkout, for modulezip.
type file string

func (f file) Path() string                 { return string(f) }
func (f file) Lstat() (fs.FileInfo, error)  { return os.Lstat(string(f)) }
func (f file) Open() (io.ReadCloser, error) { return os.Open(string(f)) }

// install runs go install, and has a program of another module compiled too.
func (n *newcomer) install() error {
	if err := exec.Command("go", "mod", "download").Run(); err != nil {
		return fmt.Errorf("go mod download: %w", err)
	}
	said, err := exec.Command("go", "env", "GOMODCACHE", "GOCACHE").Output()
	if err != nil {
		return fmt.Errorf("go env: %w", err)
	}
	here := strings.Fields(string(said))
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		if !ours(name) && name != "HOME" && name != "TMPDIR" && name != "PWD" {
			n.shell = append(n.shell, v)
		}
	}
	n.shell = append(n.shell, "HOME="+n.at("home"), "TMPDIR="+n.at("tmp"))
	goes := func(dir string, words ...string) error {
		fmt.Println("$ go", strings.Join(words, " "))
		c := exec.CommandContext(n.ctx, "go", words...)
		c.Dir = dir
		c.Env = append(slices.Clip(n.shell), "GOENV=off", "GOTOOLCHAIN=local", "GOSUMDB=off", "CGO_ENABLED=1",
			"GOFLAGS=-mod=mod -modcacherw", "GOCACHE="+here[1], "GOMODCACHE="+n.at("modules"), "GOBIN="+n.at("bin"),
			"GOPROXY=file://"+n.at("proxy")+",file://"+here[0]+"/cache/download")
		c.Stdout, c.Stderr = os.Stdout, os.Stderr
		return c.Run()
	}
	if err := goes(n.at("work"), "install", path+"/cmd/headstart@latest"); err != nil {
		return err
	}
	n.program = n.at("bin", "headstart")

	other := n.at("other")
	if err := os.Mkdir(other, 0o755); err != nil {
		return err
	}
	source, err := os.ReadFile("head/predict/testdata/outside/main.go")
	if err == nil {
		err = os.WriteFile(filepath.Join(other, "main.go"), source, 0o644)
	}
	if err != nil {
		return err
	}
	for _, words := range [][]string{
		{"mod", "init", "example.com/other"},
		{"get", path + "/head/predict@latest", path + "/models/builtin@latest"},
		{"build", "-o", n.at("bin", "other"), "."},
	} {
		if err := goes(other, words...); err != nil {
			return err
		}
	}
	if err := os.RemoveAll(n.at("modules")); err != nil { // nothing may need them any more
		return err
	}

	binary, err := os.ReadFile(n.program)
	if err != nil {
		return err
	}
	checkout, err := os.Getwd()
	if err != nil {
		return err
	}
	fmt.Printf("%s: %d bytes\n", n.program, len(binary))
	if bytes.Contains(binary, []byte(checkout+"/")) {
		return fmt.Errorf("%s is named in the program", checkout)
	}
	_, err = n.types(0, "--version").says(n.version, "commit", n.revision, "date")
	return err
}

// ours tells whether a variable of the environment is one that changes what Go
// or headstart do, or where they look.
func ours(name string) bool {
	for _, prefix := range []string{"GO", "HEADSTART_", "ONNXRUNTIME_", "XDG_", "LD_LIBRARY_PATH", "DYLD_"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// said is what the program has written.
type said struct {
	line, stdout, stderr string
	err                  error // of another exit code than was wanted
}

// says fails unless all of that was said.
func (s *said) says(wanted ...string) (*said, error) {
	for _, want := range wanted {
		if s.err == nil && !strings.Contains(s.stdout+s.stderr, want) {
			return s, fmt.Errorf("%s: it does not say %q", s.line, want)
		}
	}
	return s, s.err
}

// types runs the installed program, with nothing else on its PATH, and shows
// what it says.
func (n *newcomer) types(code int, words ...string) *said {
	return n.during(code, nil, words...)
}

// during does something while the program runs.
func (n *newcomer) during(code int, do func(*os.Process), words ...string) *said {
	s := &said{line: "headstart " + strings.Join(words, " ")}
	fmt.Println("$", s.line)
	c := n.command(n.program, words...)
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = io.MultiWriter(&stdout, os.Stdout), io.MultiWriter(&stderr, os.Stdout)
	start := time.Now()
	err := c.Start()
	if err == nil {
		if do != nil {
			do(c.Process)
		}
		err = c.Wait()
	}
	s.stdout, s.stderr = stdout.String(), stderr.String()
	exit, ok := errors.AsType[*exec.ExitError](err)
	if err != nil && !ok {
		s.err = fmt.Errorf("%s: %w", s.line, err)
	} else if got := c.ProcessState.ExitCode(); got != code {
		s.err = fmt.Errorf("%s: it ends with %d (%v), not with %d", s.line, got, exit, code)
	}
	fmt.Printf("[exit code %d, %.1f s]\n", c.ProcessState.ExitCode(), time.Since(start).Seconds())
	return s
}

// command is a program in the newcomer's place.
func (n *newcomer) command(program string, words ...string) *exec.Cmd {
	c := exec.CommandContext(n.ctx, program, words...)
	c.Dir = n.at("work")
	c.Env = []string{"HOME=" + n.at("home"), "TMPDIR=" + n.at("tmp"), "PATH=" + n.at("nothing")}
	return c
}

// without tries what can be tried before there is the library.
func (n *newcomer) without() error {
	if _, err := n.types(0, "--help").says("doctor"); err != nil {
		return err
	}
	shown := n.types(1, "doctor")
	if shown.err != nil && strings.Contains(shown.stdout, "(system)") {
		return errors.New("this machine has ONNX Runtime where systems keep libraries; a newcomer has none")
	}
	if _, err := shown.says("headstart runtime install"); err != nil {
		return err
	}
	if err := os.WriteFile(n.at("work", "one.txt"), []byte("a nice day\n"), 0o644); err != nil {
		return err
	}
	if _, err := n.types(1, "extract", "one.txt").says("headstart runtime install"); err != nil {
		return err
	}
	// Neither pip nor npm is on the PATH.
	if _, err := n.types(1, "runtime", "install").says("neither pip nor npm", "--from URL|FILE"); err != nil {
		return err
	}
	return n.has()
}

// has fails unless the folder of the library has these files alone.
func (n *newcomer) has(wanted ...string) error {
	entries, err := os.ReadDir(n.data())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	slices.Sort(wanted)
	if !slices.Equal(names, wanted) {
		return fmt.Errorf("%s has %q, and should have %q", n.data(), names, wanted)
	}
	return nil
}

// runtime installs the library from a server that fails in many ways before it
// serves.
func (n *newcomer) runtime() error {
	plain := "libonnxruntime.so"
	if runtime.GOOS == "darwin" {
		plain = "libonnxruntime.dylib"
	}
	versioned, err := os.Readlink(filepath.Join("lib", plain))
	if err != nil {
		return err
	}
	library, err := os.ReadFile(filepath.Join("lib", versioned))
	if err != nil {
		return err
	}
	wheel, err := packed(versioned, library)
	if err != nil {
		return err
	}
	other, err := packed(versioned, append(slices.Clip(library), 0))
	if err != nil {
		return err
	}
	torn := slices.Clone(wheel)
	torn[len(torn)/2] ^= 1
	server := &server{files: map[string][]byte{
		"/onnxruntime.whl":             wheel,
		"/other.whl":                   other, // another library
		"/torn.whl":                    torn,
		"/onnxruntime-node-1.30.0.tgz": wheel, // not what is published under this name
		"/page.whl":                    []byte("<!DOCTYPE html><title>Sign in</title>"),
	}, held: make(chan struct{})}
	address, err := server.start()
	if err != nil {
		return err
	}
	fmt.Printf("the library has %d bytes, its wheel %d\n", len(library), len(wheel))
	from := func(name string) []string { return []string{"runtime", "install", "--from", address + name} }

	// What fails leaves nothing.
	for _, c := range []struct {
		name string
		says []string
	}{
		{"/nothing.whl", []string{"/nothing.whl: the server says 404 Not Found"}},
		{"/drops/nothing.whl", []string{"404"}},
		{"/other.whl", []string{"its SHA-256 is", "nothing was installed", "--sha256"}},
		{"/drops/other.whl", []string{"its SHA-256 is", "nothing was installed", "--sha256"}},
		{"/drops/torn.whl", []string{"torn.whl is damaged", "nothing was installed", "get it again"}},
		{"/drops/onnxruntime-node-1.30.0.tgz", []string{"its SHA-256 is", "nothing was installed"}},
		{"/page.whl", []string{"it is a web page"}},
	} {
		if _, err := n.types(1, from(c.name)...).says(c.says...); err != nil {
			return err
		}
		if err := n.has(); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}

	// Every connection breaks after 64 KiB; the program is interrupted, then
	// killed. What is there is the part and its record.
	const name = "/drops/onnxruntime.whl"
	for _, c := range []struct {
		code   int
		signal os.Signal
		says   []string
	}{
		{130, os.Interrupt, []string{"are kept in", "the same command resumes there"}},
		{-1, os.Kill, nil},
	} {
		server.hold(10)
		if _, err := n.during(c.code, func(p *os.Process) {
			select {
			case <-server.held:
			case <-n.ctx.Done():
			}
			p.Signal(c.signal)
		}, from(name)...).says(c.says...); err != nil {
			return err
		}
		entries, err := os.ReadDir(n.data())
		if err != nil {
			return err
		}
		for _, e := range entries {
			if !strings.HasSuffix(e.Name(), ".part") && !strings.HasSuffix(e.Name(), ".part.json") {
				return fmt.Errorf("%v left %s", c.signal, e.Name())
			}
		}
		if _, err := n.types(1, "doctor").says("headstart runtime install"); err != nil {
			return err
		}
	}
	if _, err := n.types(0, from(name)...).says(versionOf(versioned), "onnxruntime.whl"); err != nil {
		return err
	}
	sent, requests := server.counted(name)
	fmt.Printf("%d bytes came in %d connections, of a file of %d\n", sent, requests, len(wheel))
	if most := len(wheel) + 4*piece; sent > most { // one piece may be lost by each signal
		return fmt.Errorf("%d bytes were sent, and %d are enough", sent, most)
	}
	if err := n.has(plain, versioned, "onnxruntime-LICENSE", "onnxruntime-ThirdPartyNotices.txt"); err != nil {
		return err
	}
	installed, err := os.ReadFile(filepath.Join(n.data(), plain))
	if err != nil {
		return err
	}
	if sha256.Sum256(installed) != sha256.Sum256(library) {
		return errors.New("the library that is installed is another one")
	}
	if _, err := n.types(0, "runtime", "install").says("is there"); err != nil {
		return err
	}
	if _, err := n.types(0, "runtime", "show").says(n.data(), "installed", "an official library"); err != nil {
		return err
	}
	// What fails later leaves what is there.
	if _, err := n.types(1, from("/other.whl")...).says("nothing was installed"); err != nil {
		return err
	}
	if _, err := n.types(0, "--version").says(n.version, versionOf(versioned), n.data()); err != nil {
		return err
	}
	_, err = n.types(0, "doctor").says(n.data(), "efficientnet-lite0", "all-minilm-l6-v2")
	return err
}

// versionOf is the version in the name of the library's file.
func versionOf(name string) string {
	return strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(name, "libonnxruntime."), "so."), ".dylib")
}

// packed is a wheel with the library and its licences in it.
func packed(name string, library []byte) ([]byte, error) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	write := func(name string, content []byte) error {
		w, err := z.Create(name)
		if err == nil {
			_, err = w.Write(content)
		}
		return err
	}
	for _, text := range []string{"LICENSE", "ThirdPartyNotices.txt"} {
		content, err := os.ReadFile(filepath.Join("lib", "onnxruntime-"+text))
		if errors.Is(err, fs.ErrNotExist) {
			content, err = []byte("It stands in the wheel.\n"), nil // lib is of npm, which has none
		}
		if err == nil {
			err = write("onnxruntime/"+text, content)
		}
		if err != nil {
			return nil, err
		}
	}
	if err := write("onnxruntime/capi/"+name, library); err != nil {
		return nil, err
	}
	err := z.Close()
	return b.Bytes(), err
}

// piece is how many bytes a connection under /drops/ lives for.
const piece = 64 << 10

// server serves files. Those under /drops/ break off every connection.
type server struct {
	files map[string][]byte
	held  chan struct{} // a request is held, and its client waits

	sync.Mutex
	left     int // requests under /drops/ before one is held; 0: none is
	sent     map[string]int
	requests map[string]int
}

// start returns the address at which it serves until the program ends.
func (s *server) start() (string, error) {
	s.sent, s.requests = map[string]int{}, map[string]int{}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	go http.Serve(l, s)
	return "http://" + l.Addr().String(), nil
}

// hold makes the server hold the request that comes after so many others.
func (s *server) hold(after int) {
	s.Lock()
	defer s.Unlock()
	s.left = after
}

// counted returns how many bytes and requests there were of a path.
func (s *server) counted(path string) (sent, requests int) {
	s.Lock()
	defer s.Unlock()
	return s.sent[path], s.requests[path]
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := r.URL.Path
	rest, drops := strings.CutPrefix(name, "/drops")
	content, ok := s.files[rest]
	if !ok {
		http.NotFound(w, r)
		return
	}
	s.Lock()
	s.requests[name]++
	hold := drops && s.left == 1
	if drops && s.left > 0 {
		s.left--
	}
	s.Unlock()
	if hold {
		s.held <- struct{}{}
		<-r.Context().Done()
		return
	}
	w.Header().Set("ETag", fmt.Sprintf(`"%x"`, sha256.Sum256(content)))
	answer := &answer{ResponseWriter: w, left: piece, drops: drops}
	defer func() {
		s.Lock()
		s.sent[name] += answer.sent
		s.Unlock()
	}()
	http.ServeContent(answer, r, "", time.Time{}, bytes.NewReader(content))
}

// answer breaks the connection off once so many bytes are sent.
type answer struct {
	http.ResponseWriter
	sent, left int
	drops      bool
}

func (a *answer) Write(b []byte) (int, error) {
	if !a.drops || len(b) < a.left {
		n, err := a.ResponseWriter.Write(b)
		a.sent, a.left = a.sent+n, a.left-n
		return n, err
	}
	n, _ := a.ResponseWriter.Write(b[:a.left])
	a.sent += n
	http.NewResponseController(a.ResponseWriter).Flush()
	panic(http.ErrAbortHandler)
}

// work embeds pictures and names, trains heads on them and asks these.
func (n *newcomer) work() error {
	photo, err := n.samples()
	if err != nil {
		return err
	}
	for _, c := range []struct {
		line string
		says []string
	}{
		{"extract --alpha white photos", []string{"photos.features: 60 samples × 1,280 features", "60 computed"}},
		{"extract --alpha white photos", []string{"60 cached, 0 computed"}},
		{"train-head --folds 3 --l2-points 6 photos.features", []string{"photos.head.onnx"}},
		{"predict photos.head.onnx " + photo, []string{filepath.Base(photo) + ","}},
		{"evaluate --all photos.head.onnx photos", []string{"60"}},
		{"extract --text name --label label names.csv", []string{"names.features: 60 samples × 384 features"}},
		{"train-head --folds 3 --l2-points 6 names.features", []string{"names.head.onnx"}},
		{"predict names.head.onnx --sample=a~ripe~peach", []string{"food-and-drink"}},
		{"inspect names.head.onnx", []string{n.version}},
	} {
		words := strings.Fields(c.line)
		for i, w := range words {
			words[i] = strings.ReplaceAll(w, "~", " ")
		}
		if _, err := n.types(0, words...).says(c.says...); err != nil {
			return err
		}
	}
	// So does a program of another module, with what headstart has installed.
	fmt.Println("$ other photos.head.onnx", photo)
	out, err := n.command(n.at("bin", "other"), "photos.head.onnx", photo).CombinedOutput()
	fmt.Print(string(out))
	if err == nil && !strings.Contains(string(out), "<nil>") {
		err = errors.New("it does not answer")
	}
	return err
}

// samples copies 60 emoji of three classes, as pictures in photos/CLASS and as
// names.csv, and returns the path of one.
func (n *newcomer) samples() (photo string, err error) {
	f, err := os.Open("testdata/emoji/emoji.csv")
	if err != nil {
		return "", err
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return "", err
	}
	names := [][]string{{"name", "label"}}
	count := map[string]int{"animals-and-nature": 20, "food-and-drink": 20, "smileys-and-emotion": 20}
	for _, row := range rows[1:] {
		image, name, label := row[0], row[1], row[2]
		if count[label] == 0 {
			continue
		}
		count[label]--
		content, err := os.ReadFile(filepath.Join("testdata/emoji", image))
		if err != nil {
			return "", err
		}
		photo = filepath.Join("photos", label, filepath.Base(image))
		if err := os.MkdirAll(n.at("work", "photos", label), 0o755); err != nil {
			return "", err
		}
		if err := os.WriteFile(n.at("work", photo), content, 0o644); err != nil {
			return "", err
		}
		names = append(names, []string{name, label})
	}
	var table bytes.Buffer
	if err := csv.NewWriter(&table).WriteAll(names); err != nil {
		return "", err
	}
	return photo, os.WriteFile(n.at("work", "names.csv"), table.Bytes(), 0o644)
}

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

const module = "github.com/headstart-ml/headstart"

// tableRows returns the cells of the Markdown table rows in text whose first
// cell is a name in back quotes.
func tableRows(text string) [][]string {
	var rows [][]string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "| `") {
			continue
		}
		var cells []string
		for cell := range strings.SplitSeq(strings.Trim(line, "|"), "|") {
			cells = append(cells, strings.TrimSpace(cell))
		}
		rows = append(rows, cells)
	}
	return rows
}

var quoted = regexp.MustCompile("`([^`]+)`")

// backquoted returns what stands in back quotes.
func backquoted(cell string) []string {
	var all []string
	for _, m := range quoted.FindAllStringSubmatch(cell, -1) {
		all = append(all, m[1])
	}
	return all
}

func section(t *testing.T, heading string) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, ok := strings.Cut(string(page), "\n## "+heading+"\n")
	if !ok {
		t.Fatalf("docs/architecture.md has no section %q", heading)
	}
	text, _, _ = strings.Cut(text, "\n## ")
	return text
}

// TestImportsAreThoseOfTheDocs compares what packages import with the table
// "Rooms and doors". Test files may import what they like.
func TestImportsAreThoseOfTheDocs(t *testing.T) {
	type room struct{ ours, theirs []string }
	rooms := map[string]room{}
	for _, cells := range tableRows(section(t, "Rooms and doors")) {
		if len(cells) != 4 {
			t.Fatalf("a row of %d cells: %q", len(cells), cells)
		}
		r := room{ours: backquoted(cells[2]), theirs: backquoted(cells[3])}
		rooms[backquoted(cells[0])[0]] = r
	}

	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,Standard", "./...")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimPrefix(p.ImportPath, module+"/")
		r, ok := rooms[name]
		if !ok {
			t.Errorf("package %s is not in the table", name)
			continue
		}
		delete(rooms, name)
		used := map[string]bool{}
		for _, path := range p.Imports {
			if ours, ok := strings.CutPrefix(path, module+"/"); ok {
				used[ours] = true
				if ours == "cache/draft" {
					continue // all may
				}
				if !slices.Contains(r.ours, ours) {
					t.Errorf("%s imports %s, which the table does not allow", name, ours)
				}
				continue
			}
			if first, _, _ := strings.Cut(path, "/"); !strings.Contains(first, ".") {
				if path == "C" && name != "models/runtime" {
					t.Errorf("%s uses cgo", name)
				}
				continue
			}
			allowed := slices.ContainsFunc(r.theirs, func(m string) bool { return path == m || strings.HasPrefix(path, m+"/") })
			if !allowed {
				t.Errorf("%s imports %s, which the table does not allow", name, path)
			}
			for _, m := range r.theirs {
				if path == m || strings.HasPrefix(path, m+"/") {
					used[m] = true
				}
			}
		}
		for _, want := range slices.Concat(r.ours, r.theirs) {
			if !used[want] {
				t.Errorf("the table says that %s imports %s; it does not", name, want)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(rooms)) {
		t.Errorf("the table has %s; there is no such package", name)
	}
}

// TestTheDocsPointAtFilesThatExist checks the table from question to file.
func TestTheDocsPointAtFilesThatExist(t *testing.T) {
	n := 0
	for line := range strings.Lines(section(t, "Where is …?")) {
		if !strings.HasPrefix(line, "|") {
			continue
		}
		for _, name := range backquoted(line) {
			n++
			if _, err := os.Stat(filepath.Join("../..", name)); err != nil {
				t.Errorf("docs/architecture.md: %v", err)
			}
		}
	}
	if n < 20 {
		t.Errorf("only %d files are named", n)
	}
}

// TestTheCommandKnowsNoGraphs checks that nothing under cmd does what a Go
// program would need too: it knows no graphs, gradients and solvers.
func TestTheCommandKnowsNoGraphs(t *testing.T) {
	cmd := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./cmd/...")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		for _, path := range fields[1:] {
			ours, _ := strings.CutPrefix(path, module+"/")
			if strings.HasPrefix(ours, "models/onnx") || ours == "models/retrain" || ours == "head/fit" {
				t.Errorf("%s imports %s", fields[0], ours)
			}
		}
	}
}

// TestTheCommandIsFlagsAndPrinting checks that no file of the command is
// anything but a command, a set of flags, errors with advice, or printing.
func TestTheCommandIsFlagsAndPrinting(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(err, "no files")
	}
	known := regexp.MustCompile(`^(cmd_.+|flags_.+|errors_.+|print_.+|main|app|args|commands|errors|help|meter|print)\.go$`)
	for _, name := range files {
		if !strings.HasSuffix(name, "_test.go") && !known.MatchString(name) {
			t.Errorf("%s is none of a command, flags, errors and printing", name)
		}
	}
}

// TestTopLevelIsSmall checks that no package has been put beside the rooms.
func TestTopLevelIsSmall(t *testing.T) {
	entries, err := os.ReadDir("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !e.IsDir() || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		switch e.Name() {
		case "cmd", "extract", "head", "cache", "models", "bench", "docs", "testdata", "deploy":
		case "bin", "lib", "demo", "dist": // what make makes
		default:
			t.Errorf("%s is at the top level", e.Name())
		}
	}
}

// doors are the only files that make, rename and write files. Whoever writes a
// file elsewhere goes through cache/draft.
var doors = []string{
	"cache/cache.go", "cache/disk.go", // the cache, whose every operation is a method of a disk
	"cache/draft/",                // the door
	"cmd/headstart/cmd_doctor.go", // tries whether a folder can lock
}

// TestFilesAreWrittenThroughOneDoor looks for what makes and renames files.
func TestFilesAreWrittenThroughOneDoor(t *testing.T) {
	writes := []string{"Create", "CreateTemp", "Rename", "WriteFile", "O_CREATE", "O_WRONLY"}
	for path, file := range goFiles(t) {
		if slices.ContainsFunc(doors, func(d string) bool { return strings.HasPrefix(path, d) }) {
			continue
		}
		for _, use := range usesOf(file, "os") {
			if slices.Contains(writes, use) {
				t.Errorf("%s uses os.%s; cache/draft writes a file whole or not at all", path, use)
			}
		}
	}
}

// readers are the only other files that open files by a name. Whoever reads a
// file elsewhere goes through cache/draft, which waits for no FIFO.
var readers = []string{
	"cache/cache.go", "cache/disk.go", "cache/draft/",
	"cmd/headstart/cmd_doctor.go", // opens the file that it has made
	"extract/source/dir.go",       // looks at a file's kind once it has it open, not waiting
	"extract/source/stream.go",    // a person may give a pipe as a table
}

// TestFilesAreOpenedThroughOneDoor looks for what opens files. Files in an
// os.Root are opened by methods, each with O_NONBLOCK.
func TestFilesAreOpenedThroughOneDoor(t *testing.T) {
	for path, file := range goFiles(t) {
		if slices.ContainsFunc(readers, func(d string) bool { return strings.HasPrefix(path, d) }) {
			continue
		}
		for _, use := range usesOf(file, "os") {
			if slices.Contains([]string{"Open", "OpenFile", "ReadFile", "ReadDir", "DirFS", "OpenRoot"}, use) {
				t.Errorf("%s uses os.%s, which waits for ever where a FIFO lies; cache/draft looks at the kind first", path, use)
			}
		}
	}
}

// TestWidthIsMeasuredInOnePlace looks for what aligns text by its runes: half
// of the world's characters take two columns of a terminal.
func TestWidthIsMeasuredInOnePlace(t *testing.T) {
	for path, file := range goFiles(t) {
		if !strings.HasPrefix(path, "cmd/") {
			continue
		}
		for _, pkg := range []string{"utf8", "tabwriter"} {
			for _, use := range usesOf(file, pkg) {
				if slices.Contains([]string{"RuneCountInString", "RuneCount", "NewWriter", "Writer"}, use) {
					t.Errorf("%s uses %s.%s; report.Width measures, report.Table aligns", path, pkg, use)
				}
			}
		}
	}
}

// TestOneWayToAPerson looks for what prints past the printers of env.
func TestOneWayToAPerson(t *testing.T) {
	for path, file := range goFiles(t) {
		if path == "cmd/headstart/main.go" || path == "deploy/dist/main.go" {
			continue
		}
		for pkg, names := range map[string][]string{"os": {"Stdout", "Stderr"}, "fmt": {"Print", "Printf", "Println"}, "log": {"Print", "Printf", "Println", "Fatal"}} {
			for _, use := range usesOf(file, pkg) {
				if slices.Contains(names, use) {
					t.Errorf("%s uses %s.%s; a person is told through env", path, pkg, use)
				}
			}
		}
	}
}

// goFiles parses the Go files of the repository that are no tests, nor
// programs of testdata or bench or of a module of their own.
func goFiles(t *testing.T) map[string]*ast.File {
	t.Helper()
	files := map[string]*ast.File{}
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		name := d.Name()
		switch {
		case err != nil:
			return err
		case d.IsDir() && (strings.HasPrefix(name, ".") && name != ".." || name == "bench" || name == "lib" || name == "bin" || name == "demo" || name == "dist" || name == "testdata"):
			return filepath.SkipDir
		case d.IsDir() && name != "..":
			if _, err := os.Stat(filepath.Join(path, "go.mod")); err == nil {
				return filepath.SkipDir
			}
			return nil
		case !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		files[filepath.ToSlash(strings.TrimPrefix(path, "../../"))] = f
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// usesOf returns the names that a file takes from a package of the standard
// library.
func usesOf(f *ast.File, pkg string) []string {
	var names []string
	ast.Inspect(f, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok && x.Name == pkg {
				names = append(names, s.Sel.Name)
			}
		}
		return true
	})
	return names
}

// light are the rooms that a program may want alone, and the modules that come
// with each, whatever imports them; none needs a C compiler.
var light = map[string][]string{
	"cache":           {},
	"cache/draft":     {},
	"models/tensor":   {},
	"head":            {"gonum.org/v1/gonum"},
	"head/fit":        {"gonum.org/v1/gonum", "golang.org/x/sys"},
	"head/measure":    {"gonum.org/v1/gonum"},
	"head/experiment": {"gonum.org/v1/gonum", "golang.org/x/sys"},
	"head/file":       {"gonum.org/v1/gonum", "google.golang.org/protobuf"},
	"models":          {"google.golang.org/protobuf"},
	"models/onnx":     {"google.golang.org/protobuf"},
	"extract/image":   {"google.golang.org/protobuf", "golang.org/x/image", "golang.org/x/sys"},
	"extract/text":    {"golang.org/x/text", "github.com/rivo/uniseg"},
	"extract/source": { // what a Parquet file is decoded with, and its codecs
		"google.golang.org/protobuf", "golang.org/x/text", "golang.org/x/image", "golang.org/x/sys", "github.com/parquet-go/parquet-go", "github.com/parquet-go/bitpack",
		"github.com/andybalholm/brotli", "github.com/klauspost/compress", "github.com/pierrec/lz4/v4",
	},
	"extract/contract": {"google.golang.org/protobuf", "golang.org/x/text", "golang.org/x/image", "golang.org/x/sys", "github.com/rivo/uniseg"},
	"extract/features": nil, // those of a Parquet library
}

// TestRoomsAlonePullInLittle lists what comes with each room.
func TestRoomsAlonePullInLittle(t *testing.T) {
	type dependency struct {
		ImportPath string
		Standard   bool
		CgoFiles   []string
		Module     *struct{ Path string }
	}
	for room, modules := range light {
		if _, err := os.Stat(filepath.Join("../..", room)); errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: there is no such room", room)
			continue
		}
		cmd := exec.Command("go", "list", "-deps", "-json=ImportPath,Standard,CgoFiles,Module", "./"+room)
		cmd.Dir = "../.."
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v", room, err)
		}
		for d := json.NewDecoder(bytes.NewReader(out)); d.More(); {
			var p dependency
			if err := d.Decode(&p); err != nil {
				t.Fatal(err)
			}
			if !p.Standard && len(p.CgoFiles) > 0 {
				t.Errorf("%s needs cgo: by %s", room, p.ImportPath)
			}
			if modules == nil || p.Module == nil || p.Module.Path == module || slices.Contains(modules, p.Module.Path) {
				continue
			}
			t.Errorf("%s pulls in %s", room, p.ImportPath)
		}
	}
}

// TestCommentsAreWrapped holds comments on lines of their own to 80 columns, a
// tab being four. Tables and code in them, which are indented, may be wider,
// and so may an address.
func TestCommentsAreWrapped(t *testing.T) {
	cmd := exec.Command("go", "list", "-f", "{{.Dir}}", "./...")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	for dir := range strings.Lines(string(out)) {
		dir = strings.TrimSpace(dir)
		room, err := filepath.Rel(root, dir)
		if err != nil {
			t.Fatal(err)
		}
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range files {
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(content[:min(len(content), 1<<10)], []byte("// Code generated ")) {
				continue
			}
			n := 0
			for line := range strings.Lines(string(content)) {
				n++
				line = strings.ReplaceAll(strings.TrimRight(line, "\n"), "\t", "    ")
				text, ok := strings.CutPrefix(strings.TrimSpace(line), "// ")
				if ok && !strings.HasPrefix(text, " ") && strings.Contains(text, " ") && utf8.RuneCountInString(line) > 80 {
					t.Errorf("%s/%s:%d: a comment of %d columns", room, filepath.Base(path), n, utf8.RuneCountInString(line))
				}
			}
		}
	}
}

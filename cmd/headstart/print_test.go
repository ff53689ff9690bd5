package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"

	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// Everything that could be foreign and control a terminal.
const evil = "a\x1b[2J\x1b]0;t\x07\u009b31m\u202eb\x7fc"

// spelled is how a person sees it.
const spelled = `a\x1b[2J\x1b]0;t\x07\u009b31m\u202eb\u007fc`

func TestPrinter(t *testing.T) {
	for in, want := range map[string]string{
		evil: spelled, "plain é 日 👩‍🔬\n\tx": "plain é 日 👩‍🔬\n\tx", "\r": `\x0d`, "\x00": `\x00`, "\x9b": `\x9b`, "é\xc3": `é\xc3`, "\xf0\x9f\x91": `\xf0\x9f\x91`,
		"\u2028\u2066": `\u2028\u2066`, "": "", "\ufffd": "\ufffd",
	} {
		for name, pieces := range map[string]func(*printer){
			"whole": func(p *printer) { p.Write([]byte(in)) },
			"bytes": func(p *printer) {
				for i := range len(in) {
					p.Write([]byte{in[i]})
				}
			},
		} {
			var b bytes.Buffer
			p := &printer{mark: []byte("\x00mark"), to: &b}
			pieces(p)
			p.flush()
			if b.String() != want {
				t.Errorf("%q, %s: %q, not %q", in, name, b.String(), want)
			}
		}
	}
}

// What headstart has a terminal do is done, whatever stands between.
func TestPrinterPassesOnItsOwn(t *testing.T) {
	e, stdout, stderr := testEnv()
	e.protect(true)
	e.stdout.Write([]byte(e.paint("1", evil)))
	e.redraw("line")
	if got, want := stdout.String(), "\x1b[1m"+spelled+"\x1b[0m"; got != want {
		t.Errorf("%q, not %q", got, want)
	}
	if got, want := stderr.String(), "\rline\x1b[K"; got != want {
		t.Errorf("%q, not %q", got, want)
	}
	// JSON is the JSON that it was.
	stdout.Reset()
	if err := e.printJSON(evil); err != nil {
		t.Fatal(err)
	}
	var back string
	if err := json.Unmarshal(stdout.Bytes(), &back); err != nil || back != evil || controls(stdout.String()) {
		t.Errorf("%q, %v", stdout.String(), err)
	}
}

// controls tells whether s would control a terminal.
func controls(s string) bool {
	return !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.Is(unicode.Bidi_Control, r)
	})
}

// TestForeignTextControlsNoTerminal has every command print names of foreign
// files, columns, classes, tensors and flags, on a terminal and into pipes.
func TestForeignTextControlsNoTerminal(t *testing.T) {
	backbone, err := filepath.Abs("testdata/backbones/distilbert")
	if err != nil {
		t.Fatal(err)
	}
	p := newPlace(t)
	t.Setenv("NO_COLOR", "1") // what headstart has a terminal do is tested above
	folder, table := evil+"folder", evil+".csv"
	p.evilBackbone(backbone, folder)
	var b strings.Builder
	b.WriteString("id,text," + evil + "\n")
	for _, n := range "abcdefgh" {
		b.WriteString(strings.ReplaceAll("dog-?"+evil+",a dog called ?,dog"+evil+"\nfruit-?,? ripe fruits,fruit\n", "?", string(n)))
	}
	b.WriteString("none" + evil + ",,fruit\n") // a bad sample
	p.put(table, []byte(b.String()))
	set, head := evil+".features", evil+".head.onnx"
	p.put(evil+".no", []byte("nothing"))

	for _, c := range []struct {
		args []string
		code int
		says bool // that is, something that is spelled out
	}{
		{[]string{"extract", "--backbone", folder, "--label", evil, "--out", set, "--max-bad", "50%", table}, 0, true},
		{[]string{"extract", "--backbone", folder, "--label", evil, "--dry-run", table}, 0, false},
		{[]string{"extract", "--backbone", folder, "--label", evil + "2", table}, 1, true},
		{[]string{"extract", "--backbone", evil, table}, 1, true},
		{[]string{"extract", evil + ".csv2"}, 1, true},
		{[]string{"extract", "--runtime", evil, table}, 1, true},
		{[]string{"inspect", set}, 0, true},
		{[]string{"inspect", folder}, 0, true},
		{[]string{"inspect", filepath.Join(folder, "model.onnx")}, 0, true},
		{[]string{"inspect", evil + ".no"}, 1, true},
		{[]string{"models", "show", folder}, 0, true},
		{[]string{"train-head", set, "--l2", "1", "--cv", "2", "--out", head}, 0, true},
		{[]string{"train-head", set, "--class-weight", evil}, 2, true},
		{[]string{"inspect", head}, 0, true},
		{[]string{"inspect", head, "--json"}, 0, true},
		{[]string{"predict", head, set}, 0, true},
		{[]string{"predict", head, set, "--to", "jsonl"}, 0, true},
		{[]string{"predict", head, table, "--json", "--max-bad", "50%"}, 0, true},
		{[]string{"evaluate", head, set, "--all"}, 0, true},
		{[]string{"cache", "why", set}, 0, false},
		{[]string{"cache", "verify", set}, 0, false},
		{[]string{"cache", "verify", set, "--recompute", "2"}, 0, false},
		{[]string{"cache", "stat"}, 0, false},
		{[]string{"cache", "export", set, "--out", evil + ".npy"}, 0, true},
		{[]string{"cache", "merge", evil, "into"}, 1, true},
		{[]string{"export", head, "--out", evil + "model"}, 0, true},
		{[]string{"doctor", "--runtime", evil}, 1, true},
		{[]string{"--" + evil}, 2, true},
		{[]string{"extract", "--" + evil}, 2, true},
		{[]string{"extract", "--threads", evil, table}, 2, true},
		{[]string{evil}, 2, true},
		{[]string{"help", evil}, 2, true},
	} {
		e, stdout, stderr := testEnv()
		e.stdoutIsTerminal, e.stderrIsTerminal = true, false // meters draw
		e.protect(true)
		code := run(t.Context(), program(e), c.args, e)
		if code != c.code {
			t.Errorf("%q: exit %d, not %d: %s", c.args, code, c.code, stderr)
		}
		if controls(stdout.String()) || controls(stderr.String()) {
			t.Errorf("%q: a terminal gets %q and %q", c.args, stdout, stderr)
		}
		if c.says && !strings.Contains(stdout.String()+stderr.String(), `\u202eb`) {
			t.Errorf("%q: a terminal gets %q and %q: nothing foreign in it", c.args, stdout, stderr)
		}
	}

	// Into a pipe goes what the files say, byte for byte.
	code, stdout, stderr := headstart(t, "predict", head, set)
	if code != 0 || !strings.Contains(stdout, "dog-a"+evil+",dog"+evil+",") {
		t.Errorf("exit %d: %s, %q", code, stderr, stdout)
	}
}

// The streams of a process are protected: stderr always, stdout where it is a
// terminal.
func TestStreamsAreProtected(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "x"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	is := func(w io.Writer) bool { _, ok := w.(*printer); return ok }
	if e := newEnv(os.Stdin, file, file); is(e.stdout) || !is(e.stderr) {
		t.Error("of files")
	}
	terminal, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil && os.Getenv("CI") == "" {
		t.Skip("there are no terminals here: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	for _, kind := range []string{"xterm", "dumb"} {
		t.Setenv("TERM", kind)
		if e := newEnv(os.Stdin, terminal, terminal); !is(e.stdout) || !is(e.stderr) {
			t.Errorf("of a terminal, TERM=%s", kind)
		}
	}
}

// evilBackbone copies a backbone and gives its nodes, its tensors but inputs
// and outputs, and its folder foreign names.
func (p *place) evilBackbone(from, to string) {
	p.t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		p.t.Fatal(err)
	}
	path := filepath.Join(to, "model.onnx")
	m := new(pb.ModelProto)
	if err := proto.Unmarshal(p.read(path), m); err != nil {
		p.t.Fatal(err)
	}
	kept := map[string]bool{"": true}
	for _, v := range slices.Concat(m.Graph.Input, m.Graph.Output) {
		kept[v.GetName()] = true
	}
	rename := func(names []string) {
		for i, name := range names {
			if !kept[name] {
				names[i] = name + evil
			}
		}
	}
	for _, n := range m.Graph.Node {
		rename(n.Input)
		rename(n.Output)
		n.Name = proto.String(n.GetName() + evil)
	}
	for _, x := range m.Graph.Initializer {
		x.Name = proto.String(x.GetName() + evil)
	}
	m.Graph.ValueInfo = nil
	content, err := proto.Marshal(m)
	if err != nil {
		p.t.Fatal(err)
	}
	p.put(path, content)
}

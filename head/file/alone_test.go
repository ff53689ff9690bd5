package file

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"go/format"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/extract/numpy"
	"github.com/headstart-ml/headstart/head"
)

// aloneExamples are heads of every kind that a head file has, by the name of a
// folder.
func aloneExamples() map[string]*File {
	all := map[string]*File{"mlp1": exampleMLP([]int{5}, 2, 7, false), "mlp2": exampleMLP([]int{16, 8}, 9, 40, true), "knn": keeping(60, 3, 7, true, true)}
	for i, e := range examples {
		all[fmt.Sprintf("%s%d", e.kind, i)] = example(e.kind, e.classes, e.features, e.normalize)
	}
	for i, e := range taskExamples {
		all[fmt.Sprintf("%s%d", e.kind, i)] = exampleOf(e.kind, e.names, e.features, e.normalize)
	}
	for _, kind := range []string{"ridge", "lda", "lda+softmax"} {
		all[strings.ReplaceAll(kind, "+", "")] = example(kind, 4, 12, false)
	}
	reject := example("softmax", 3, 20, false)
	reject.Head.Reject, reject.Head.Thresholds = 0.75, []float64{0.1, 0.9, 0.5}
	all["unsure"] = reject
	for _, f := range all {
		f.Spaces[1].Backbone = "/home/me/größe.onnx"
	}
	return all
}

// aloneRows are rows for a head, and what it answers.
func aloneRows(t *testing.T, h *head.Head) (x []float32, want []float64) {
	t.Helper()
	const n = 14
	if m, ok := h.Model.(*head.Neighbours); ok {
		x = make([]float32, n*h.D())
		for i := range x {
			x[i] = float32(m.Mean[i%h.D()] + m.Scale[i%h.D()]*math.Sin(float64(i*i)))
		}
	} else {
		x = rows(h, n)
	}
	want = make([]float64, n*len(h.Classes))
	if err := h.AnswersTo(want, x, n); err != nil {
		t.Fatal(err)
	}
	return x, want
}

func writeAlone(t *testing.T, f *File, format, path string) *Written {
	t.Helper()
	w, err := WriteAlone(f, FormatOf(format), &AloneOptions{Path: path, Tool: "headstart test"})
	if err != nil {
		t.Fatalf("%s, %s: %v", path, format, err)
	}
	return w
}

// aloneModel is a head that was read from a file that holds one alone.
type aloneModel struct {
	Version     int      `json:"headstart_head"`
	Head        string   `json:"head"`
	Task        string   `json:"task"`
	Classes     []string `json:"classes"`
	Features    []part   `json:"features"`
	L2Normalize bool     `json:"l2_normalize"`
	Link        string   `json:"link"`
	Activation  string   `json:"activation"`
	Neighbours  int      `json:"neighbours"`
	Vote        float64  `json:"vote_temperature"`
	Reject      float64
	Thresholds  []float64
	Layers      []jsonLayer `json:"layers"`
}

// answers computes what the head answers for rows, as the documentation says.
func (m *aloneModel) answers(layers []head.Dense, x []float32, d int) []float64 {
	task, _ := head.TaskOf(m.Task)
	var all []float64
	for len(x) > 0 {
		in, length := make([]float64, d), 0.0
		for j, v := range x[:d] {
			in[j] = float64(v)
			length += in[j] * in[j]
		}
		if m.L2Normalize && length > 0 {
			for j := range in {
				in[j] /= math.Sqrt(length)
			}
		}
		for i, l := range layers {
			out := slices.Clone(l.Bias)
			for k := range out {
				for j, v := range in {
					out[k] += v * l.Weight[k*len(in)+j]
				}
				if i < len(layers)-1 && m.Activation == "relu" {
					out[k] = max(out[k], 0)
				}
			}
			in = out
		}
		p := make([]float64, len(m.Classes))
		task.LinkTo(p, in, 1)
		all, x = append(all, p...), x[d:]
	}
	return all
}

// same compares what is said of a head.
func (m *aloneModel) same(t *testing.T, name string, f *File) {
	t.Helper()
	h := f.Head
	if m.Version != 1 || m.Head != h.Kind || m.Task != h.Task.Word() || !slices.Equal(m.Classes, h.Classes) || m.Reject != h.Reject || !slices.Equal(m.Thresholds, h.Thresholds) ||
		m.Link != linkWords[h.Task] || len(m.Features) != 2 || m.Features[1].Backbone != "größe.onnx" || m.Features[0].Dim+m.Features[1].Dim != h.D() || string(m.Features[0].Space) != string(f.Spaces[0].JSON) {
		t.Errorf("%s: %+v", name, m)
	}
}

// readSafetensors reads a file that holds a head alone.
func readSafetensors(t *testing.T, data []byte) (*aloneModel, map[string][]float64) {
	t.Helper()
	n := binary.LittleEndian.Uint64(data)
	if n%8 != 0 {
		t.Errorf("the header has %d bytes", n)
	}
	var header map[string]json.RawMessage
	if err := json.Unmarshal(data[8:8+n], &header); err != nil {
		t.Fatal(err)
	}
	var texts map[string]string
	if err := json.Unmarshal(header["__metadata__"], &texts); err != nil {
		t.Fatal(err)
	}
	m := &aloneModel{Head: texts["head"], Task: texts["task"], Link: texts["link"], Activation: texts["activation"]}
	for name, to := range map[string]any{
		"headstart_head": &m.Version, "classes": &m.Classes, "features": &m.Features, "l2_normalize": &m.L2Normalize, "reject": &m.Reject, "thresholds": &m.Thresholds, "neighbours": &m.Neighbours, "vote_temperature": &m.Vote,
	} {
		if texts[name] != "" {
			if err := json.Unmarshal([]byte(texts[name]), to); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
	}
	delete(header, "__metadata__")
	body, tensors, total := data[8+n:], map[string][]float64{}, 0
	for name, raw := range header {
		var x struct {
			Type    string `json:"dtype"`
			Shape   []int
			Offsets [2]int `json:"data_offsets"`
		}
		if err := json.Unmarshal(raw, &x); err != nil {
			t.Fatal(err)
		}
		part, count := body[x.Offsets[0]:x.Offsets[1]], 1
		for _, d := range x.Shape {
			count *= d
		}
		total += len(part)
		for i := range count {
			switch x.Type {
			case "F64":
				tensors[name] = append(tensors[name], math.Float64frombits(binary.LittleEndian.Uint64(part[8*i:])))
			case "F32":
				tensors[name] = append(tensors[name], float64(math.Float32frombits(binary.LittleEndian.Uint32(part[4*i:]))))
			case "I32":
				tensors[name] = append(tensors[name], float64(int32(binary.LittleEndian.Uint32(part[4*i:]))))
			default:
				t.Fatalf("%s: %s", name, raw)
			}
		}
	}
	if total != len(body) {
		t.Errorf("tensors of %d bytes in %d", total, len(body))
	}
	return m, tensors
}

// What stands in safetensors and JSON files answers what the head answers.
func TestAloneInTensorsAndJSON(t *testing.T) {
	dir := t.TempDir()
	for name, f := range aloneExamples() {
		x, want := aloneRows(t, f.Head)
		path := filepath.Join(dir, name+".safetensors")
		w := writeAlone(t, f, "safetensors", path)
		data, err := os.ReadFile(path)
		if err != nil || w.Bytes != int64(len(data)) || !slices.Equal(w.Files, []string{path}) {
			t.Fatal(err, w)
		}
		m, tensors := readSafetensors(t, data)
		m.same(t, name, f)
		var layers []head.Dense
		for i := 0; tensors[fmt.Sprintf("hidden.%d.weight", i)] != nil; i++ {
			layers = append(layers, head.Dense{Weight: tensors[fmt.Sprintf("hidden.%d.weight", i)], Bias: tensors[fmt.Sprintf("hidden.%d.bias", i)]})
		}
		layers = append(layers, head.Dense{Weight: tensors["weight"], Bias: tensors["bias"]})
		if keeps, ok := f.Head.Model.(*head.Neighbours); ok {
			n := &head.Neighbours{Mean: tensors["mean"], Scale: tensors["scale"], Normalize: m.L2Normalize, Classes: len(m.Classes), ClassScale: tensors["class_scale"], ClassShift: tensors["class_shift"], K: m.Neighbours, T: m.Vote}
			for i, v := range tensors["neighbour_labels"] {
				n.Labels, n.Weights = append(n.Labels, int32(v)), append(n.Weights, float32(tensors["neighbour_weights"][i]))
			}
			for _, v := range tensors["neighbours"] {
				n.Rows = append(n.Rows, float32(v))
			}
			other := &head.Head{Kind: "knn", Classes: m.Classes, Model: n, Temperature: 1}
			got := make([]float64, len(want))
			if err := other.AnswersTo(got, x, len(x)/f.Head.D()); err != nil || !(largest(want, got) <= 1e-12) || n.K != keeps.K {
				t.Errorf("%s: %v: answers differ by %g", name, err, largest(want, got))
			}
			if _, err := WriteAlone(f, FormatOf("json"), &AloneOptions{Path: path + ".json"}); err == nil || !strings.Contains(err.Error(), "json cannot hold a head of the kind knn") {
				t.Error(err)
			}
			continue
		}
		if d := largest(want, m.answers(layers, x, f.Head.D())); !(d <= 1e-9) {
			t.Errorf("%s: safetensors differ by %g", name, d)
		}
		path = filepath.Join(dir, name+".json")
		writeAlone(t, f, "json", path)
		if data, err = os.ReadFile(path); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(data), "/home/me") {
			t.Errorf("%s says where files lie", name)
		}
		m = new(aloneModel)
		if err := json.Unmarshal(data, m); err != nil {
			t.Fatal(err)
		}
		m.same(t, name, f)
		var read []head.Dense
		for i, l := range m.Layers {
			read = append(read, head.Dense{Weight: slices.Concat(l.Weight...), Bias: l.Bias})
			if !slices.Equal(read[i].Weight, layers[i].Weight) || !slices.Equal(l.Bias, layers[i].Bias) {
				t.Errorf("%s: layer %d has other numbers in JSON", name, i)
			}
		}
		again := writeAlone(t, f, "json", filepath.Join(t.TempDir(), name+".json"))
		if b, _ := os.ReadFile(again.Files[0]); !bytes.Equal(b, data) {
			t.Errorf("%s: other bytes", name)
		}
	}
}

// goRun runs the go command in a folder, without a network.
func goRun(t testing.TB, dir string, args ...string) string {
	t.Helper()
	c := exec.Command("go", args...)
	c.Dir = dir
	c.Env = append(os.Environ(), "GOPROXY=off", "GOFLAGS=-mod=mod", "GOWORK=off", "CGO_ENABLED=0")
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// Packages of Go need the standard library alone, are formatted, pass vet and
// their own example, and answer what the heads answer.
func TestAloneInGo(t *testing.T) {
	if _, err := exec.LookPath("go"); err != nil {
		t.Fatal("the go command is needed: ", err)
	}
	dir := t.TempDir()
	put := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	put("go.mod", "module heads\n\ngo 1.24\n")
	imports, calls := "", ""
	wants := map[string][]float64{}
	for name, f := range aloneExamples() {
		if name == "knn" {
			if _, err := WriteAlone(f, FormatOf("go"), &AloneOptions{Path: filepath.Join(dir, name)}); err == nil || !strings.Contains(err.Error(), "go cannot hold a head of the kind knn: it keeps 60 rows") {
				t.Error(err)
			}
			continue
		}
		x, want := aloneRows(t, f.Head)
		wants[name] = want
		w := writeAlone(t, f, "go", filepath.Join(dir, name))
		if !slices.Equal(w.Files, []string{"head.bin", "head.go", "head_test.go"}) {
			t.Errorf("%q", w.Files)
		}
		for _, file := range w.Files[1:] {
			text, err := os.ReadFile(filepath.Join(dir, name, file))
			if err != nil {
				t.Fatal(err)
			}
			if tidy, err := format.Source(text); err != nil || !bytes.Equal(tidy, text) || bytes.Contains(text, []byte("/home/me")) {
				t.Errorf("%s/%s: not formatted, or it says where files lie: %v", name, file, err)
			}
		}
		raw, err := binary.Append(nil, binary.LittleEndian, x)
		if err != nil {
			t.Fatal(err)
		}
		call := name + ".Probabilities"
		if f.Head.Task == head.Number {
			call = name + ".Predict"
		}
		imports += fmt.Sprintf("\t\"heads/%s\"\n", name)
		calls += fmt.Sprintf("\tall[%q] = answers(%q, %s, %d)\n", name, base64.StdEncoding.EncodeToString(raw), call, f.Head.D())
	}
	put("main.go", `package main

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"slices"

`+imports+`)

func answers(rows string, of func([]float32) ([]float64, error), d int) []float64 {
	raw, err := base64.StdEncoding.DecodeString(rows)
	if err != nil {
		panic(err)
	}
	x := make([]float32, len(raw)/4)
	for i := range x {
		x[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
	}
	p, err := of(x)
	if err != nil {
		panic(err)
	}
	var one []float64 // rows by themselves
	for i := 0; i < len(x); i += d {
		q, err := of(x[i : i+d])
		if err != nil {
			panic(err)
		}
		one = append(one, q...)
	}
	if !slices.Equal(one, p) {
		panic("a row depends on the others")
	}
	if none, err := of(nil); err != nil || len(none) != 0 {
		panic("no rows")
	}
	if _, err := of(x[1:]); err == nil && d > 1 {
		panic("half a row")
	}
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		y := slices.Clone(x)
		y[len(y)-2] = float32(bad)
		if _, err := of(y); err == nil {
			panic("a value that is not finite")
		}
	}
	return p
}

func main() {
	all := map[string][]float64{}
`+calls+`	if err := json.NewEncoder(os.Stdout).Encode(all); err != nil {
		panic(err)
	}
}
`)
	for line := range strings.Lines(goRun(t, dir, "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".")) {
		if line != "\n" && !strings.HasPrefix(line, "heads") {
			t.Errorf("the packages need %s", line)
		}
	}
	goRun(t, dir, "vet", "./...")
	if said := goRun(t, dir, "test", "./..."); strings.Count(said, "ok  \t") != len(wants) {
		t.Error(said)
	}
	var have map[string][]float64
	if err := json.Unmarshal([]byte(goRun(t, dir, "run", ".")), &have); err != nil {
		t.Fatal(err)
	}
	for name, want := range wants {
		if len(have[name]) != len(want) {
			t.Errorf("%s: %d answers", name, len(have[name]))
		} else if d := largest(want, have[name]); !(d <= 1e-9) {
			t.Errorf("%s: answers differ by %g", name, d)
		}
	}
}

// The files that testdata/alone/check.py has loaded with scikit-learn and
// safetensors, comparing what they answer, are the ones that are written.
func TestAloneGoldens(t *testing.T) {
	const folder = "testdata/alone"
	type golden struct {
		D       int
		Rows    []float32
		Answers []float64
		Load    map[string][]string
	}
	all := map[string]golden{}
	for name, f := range aloneExamples() {
		if f.Head.D() > 64 || name == "knn" {
			continue // too large, or no other program answers as it does
		}
		g := golden{D: f.Head.D(), Load: map[string][]string{}}
		g.Rows, g.Answers = aloneRows(t, f.Head)
		for _, format := range []string{"safetensors", "sklearn"} {
			path := filepath.Join(t.TempDir(), name+FormatOf(format).Ending)
			w, err := WriteAlone(f, FormatOf(format), &AloneOptions{Path: path})
			if _, refused := errors.AsType[*AloneError](err); refused {
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			at := filepath.Join(folder, filepath.Base(path))
			for _, line := range w.Load {
				g.Load[format] = append(g.Load[format], strings.ReplaceAll(line, path, filepath.Base(path)))
			}
			if *update {
				if err := os.WriteFile(at, data, 0o666); err != nil {
					t.Fatal(err)
				}
			}
			if want, err := os.ReadFile(at); err != nil || !bytes.Equal(want, data) {
				t.Errorf("%s is another one: %v", at, err)
			}
		}
		all[name] = g
	}
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(filepath.Join(folder, "answers.json"), text, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	read, err := os.ReadFile(filepath.Join(folder, "answers.json"))
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]golden
	if err := json.Unmarshal(read, &want); err != nil {
		t.Fatal(err)
	}
	for name, g := range all {
		w := want[name]
		if d := largest(w.Answers, g.Answers); len(w.Answers) != len(g.Answers) || !(d <= 1e-5) || fmt.Sprint(w.Load) != fmt.Sprint(g.Load) {
			t.Errorf("%s: answers differ by %g from those in answers.json, or the lines that load it do", name, d)
		}
	}
}

// A package's name is one.
func TestPackageName(t *testing.T) {
	for path, want := range map[string]string{"a/Names-Model": "namesmodel", "3d": "head3d", "main": "headmain", "größe": "gre", "func": "headfunc", "…": "head"} {
		if got := packageName(path); got != want {
			t.Errorf("%s: %s, not %s", path, got, want)
		}
	}
}

// Arrays have the names and shapes that scikit-learn's classes have.
func TestAloneInArrays(t *testing.T) {
	dir := t.TempDir()
	shapes := map[string]string{
		"softmax0": "classes_ 2 n_features_in_ () coef_ 1×3 intercept_ 1", "softmax1": "classes_ 9 n_features_in_ () coef_ 9×1664 intercept_ 9",
		"logistic0": "classes_ 2 n_features_in_ () coef_ 1×5 intercept_ 1", "logistic1": "classes_ 7 n_features_in_ () coef_ 7×40 intercept_ 7",
		"linear2": "names_ 1 n_features_in_ () coef_ 40 intercept_ ()", "linear3": "names_ 3 n_features_in_ () coef_ 3×9 intercept_ 3",
		"mlp1":   "classes_ 2 n_features_in_ () coefs_0 7×5 intercepts_0 5 coefs_1 5×1 intercepts_1 1",
		"unsure": "classes_ 3 n_features_in_ () coef_ 3×20 intercept_ 3 reject_ () thresholds_ 3",
	}
	for name, f := range aloneExamples() {
		path := filepath.Join(dir, name+".npz")
		if name == "knn" || f.Head.Task == head.Grade {
			e, ok := errors.AsType[*AloneError](second(WriteAlone(f, FormatOf("sklearn"), &AloneOptions{Path: path})))
			if !ok || e.Kind != f.Head.Kind || len(e.Can) == 0 {
				t.Errorf("%s: %v", name, e)
			}
			continue
		}
		writeAlone(t, f, "sklearn", path)
		if shapes[name] == "" {
			continue
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		arrays, err := numpy.Open(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		var have []string
		for _, a := range arrays {
			have = append(have, strings.TrimSuffix(a.Name, ".npy")+" "+numpy.ShapeText(a.Shape))
		}
		if got := strings.Join(have[:len(have)-1], " "); got != shapes[name] || have[len(have)-1] != "headstart_head 1" {
			t.Errorf("%s: %s", name, have)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// A head is written whole or not at all; what is there is replaced only if it
// is an export in the same format, and only where that is asked for.
func TestAloneReplaces(t *testing.T) {
	f, other := example("softmax", 3, 6, false), example("ncm", 2, 6, false)
	for _, format := range Formats {
		dir := t.TempDir()
		path := filepath.Join(dir, "out")
		write := func(f *File, replace bool) error {
			_, err := WriteAlone(f, &format, &AloneOptions{Path: path, Replace: replace})
			return err
		}
		content := func() string {
			var all strings.Builder
			err := filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
				if err != nil || d.IsDir() {
					return err
				}
				b, err := os.ReadFile(p)
				fmt.Fprintf(&all, "%s %q\n", p, b)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			return all.String()
		}
		if err := write(f, true); err != nil {
			t.Fatal(err)
		}
		before := content()
		there, ok := errors.AsType[*ThereError](write(other, false))
		if !ok || !there.Exported || content() != before {
			t.Errorf("%s: %v", format.Name, there)
		}
		if err := write(other, true); err != nil || content() == before {
			t.Errorf("%s: %v", format.Name, err)
		}
		if err := write(f, true); err != nil || content() != before {
			t.Errorf("%s: %v", format.Name, err)
		}
		// What is no export stays.
		mine := path
		if format.Folder {
			mine = filepath.Join(path, "notes.txt")
		}
		if err := os.WriteFile(mine, []byte("{}"), 0o666); err != nil {
			t.Fatal(err)
		}
		before = content()
		there, ok = errors.AsType[*ThereError](write(f, true))
		if !ok || there.Exported || content() != before {
			t.Errorf("%s: %v", format.Name, there)
		}
		// The other kind of thing is there, or the folder is missing.
		kept := path
		path = filepath.Join(dir, "none", "out")
		if err := write(f, true); err == nil || !strings.Contains(err.Error(), "none") {
			t.Errorf("%s: %v", format.Name, err)
		}
		if path = kept; !format.Folder {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			if err := os.Mkdir(path, 0o777); err != nil {
				t.Fatal(err)
			}
			if err := write(f, true); err == nil {
				t.Errorf("%s: a folder was replaced", format.Name)
			}
		}
	}
	// A folder in which nothing says what wrote it is somebody else's, whatever
	// its files are called.
	dir := t.TempDir()
	mine := filepath.Join(dir, goWeights)
	if err := os.WriteFile(mine, []byte("mine"), 0o666); err != nil {
		t.Fatal(err)
	}
	there, ok := errors.AsType[*ThereError](second(WriteAlone(f, FormatOf("go"), &AloneOptions{Path: dir, Replace: true})))
	if content, _ := os.ReadFile(mine); !ok || there.Exported || string(content) != "mine" {
		t.Errorf("%v, %q", there, content)
	}
	// A file is not read whole to see that it is none.
	for _, format := range Formats {
		if format.Folder {
			continue
		}
		path := filepath.Join(t.TempDir(), "large")
		if err := errors.Join(os.WriteFile(path, nil, 0o666), os.Truncate(path, 1<<40)); err != nil {
			t.Fatal(err)
		}
		there, ok := errors.AsType[*ThereError](second(WriteAlone(f, &format, &AloneOptions{Path: path, Replace: true})))
		if !ok || there.Exported {
			t.Errorf("%s: %v", format.Name, there)
		}
	}
	// A head with a tail stays with its backbone.
	for _, format := range Formats {
		dir := t.TempDir()
		e, ok := errors.AsType[*AloneError](second(WriteAlone(tailed("mean", false), &format, &AloneOptions{Path: filepath.Join(dir, "x")})))
		if left, _ := filepath.Glob(filepath.Join(dir, "*")); !ok || !e.Tail || len(left) > 0 {
			t.Errorf("%s: %v, %q", format.Name, e, left)
		}
	}
}

// BenchmarkAloneInGo writes a head of ten classes on 384 features as a package
// of Go, builds it, and has its own benchmark answer rows on one core: as how
// many a second of processor time, the best of ten runs.
func BenchmarkAloneInGo(b *testing.B) {
	dir := b.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module heads\n\ngo 1.24\n"), 0o666); err != nil {
		b.Fatal(err)
	}
	if _, err := WriteAlone(example("softmax", 10, 384, false), FormatOf("go"), &AloneOptions{Path: filepath.Join(dir, "ten")}); err != nil {
		b.Fatal(err)
	}
	goRun(b, dir, "test", "-c", "-o", "ten.test", "./ten")
	const batches, rows = 1000, 1200 // 1200 as in the package's benchmark
	best := 0.0
	for b.Loop() {
		for range 10 {
			c := exec.Command(filepath.Join(dir, "ten.test"), "-test.run", "^$", "-test.bench", ".", "-test.benchtime", fmt.Sprint(batches, "x"), "-test.cpu", "1")
			if out, err := c.CombinedOutput(); err != nil {
				b.Fatalf("%v: %s", err, out)
			}
			best = max(best, batches*rows/(c.ProcessState.UserTime()+c.ProcessState.SystemTime()).Seconds())
		}
	}
	b.ReportMetric(best, "rows/s")
	b.ReportMetric(0, "ns/op")
}

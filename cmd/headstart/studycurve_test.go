package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// curveIn writes a curve file of 3 seeds at 9 sizes up to 800 and returns its
// path. The error falls as 0.08 + 2.6/√n: by 2.7 points from 800 to 1,600.
func curveIn(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("n,error,seed\n")
	for _, n := range []int{50, 71, 100, 141, 200, 283, 400, 566, 800} {
		for seed := range 3 {
			fmt.Fprintf(&b, "%d,%.4f,%d\n", n, 0.08+2.6/math.Sqrt(float64(n))+0.004*float64(seed-1), seed)
		}
	}
	return fileOf(t, b.String())
}

func fileOf(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "curve.csv")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestStudyCurve(t *testing.T) {
	path := curveIn(t)
	t.Chdir(t.TempDir())
	code, stdout, stderr := headstart(t, "study", "--curve", path, "--at", "1600,3200", "--json")
	if code != 0 || stderr != "" {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	var got struct {
		Metric string
		Curves []struct {
			Depth     string
			Behaviour string
			Points    []struct {
				N                       int
				Value, Low, High, Error float64
				Seeds                   int
			}
		}
		Predictions []struct {
			Depth                                      string
			N                                          int
			Value, Low80, High80, Low95, High95, Error float64
		}
		Advice struct {
			Data, Depth, Text string
			Gain              struct{ Value, Probability float64 }
		}
		Skipped []string
		Report  string
		Seconds *float64
	}
	if err := json.Unmarshal([]byte(stdout), &got); err != nil {
		t.Fatal(err)
	}
	if got.Metric != "accuracy" || len(got.Curves) != 1 || len(got.Curves[0].Points) != 9 || got.Curves[0].Behaviour != "falling" || got.Skipped == nil || got.Report != "curve.study.html" || got.Seconds == nil {
		t.Fatalf("%+v", got)
	}
	for _, p := range got.Curves[0].Points {
		if p.Seeds != 3 || math.Abs(p.Value+p.Error-1) > 1e-12 || p.Low >= p.Value || p.High <= p.Value || math.Abs(p.Error-0.08-2.6/math.Sqrt(float64(p.N))) > 1e-4 {
			t.Errorf("%+v", p)
		}
	}
	if len(got.Predictions) != 2 || got.Predictions[0].N != 1600 || got.Predictions[1].N != 3200 {
		t.Fatalf("%+v", got.Predictions)
	}
	for _, p := range got.Predictions {
		truth := 1 - 0.08 - 2.6/math.Sqrt(float64(p.N))
		if p.Low80 > truth || p.High80 < truth || p.Low95 >= p.Low80 || p.High95 <= p.High80 || math.Abs(p.Value+p.Error-1) > 1e-12 {
			t.Errorf("the accuracy is %v: %+v", truth, p)
		}
	}
	if a := got.Advice; a.Data != "more" || a.Depth != "unclear" || a.Gain.Probability < 0.75 || strings.Count(a.Text, ". ") > 1 {
		t.Errorf("%+v", a)
	}

	// The same, for a person; and from standard input.
	code, words, stderr := headstart(t, "study", "--curve", path)
	if code != 0 || stderr != "" {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	for _, want := range []string{"More data pays: doubling to 1,600 training samples (800 more to label)", "3,200", "6,400", "measured, 3 seeds", "extrapolated", "27 measurements at 9 sizes"} {
		if !strings.Contains(strings.Join(strings.Fields(words), " "), want) { // lines are wrapped
			t.Errorf("no %q in\n%s", want, words)
		}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	e, out, _ := testEnv()
	e.stdin = strings.NewReader(string(b))
	if code := run(t.Context(), program(e), []string{"study", "--curve", "-"}, e); code != 0 || strings.ReplaceAll(out.String(), "standard input", path) != words {
		// Lines break elsewhere, so only the table is compared.
		_, table, _ := strings.Cut(words, "training samples  error")
		if _, got, _ := strings.Cut(out.String(), "training samples  error"); code != 0 || got != table {
			t.Errorf("exit %d:\n%s", code, out)
		}
	}
}

// What a curve cannot tell, and what is enough, is said; an ill-behaved curve
// is named.
func TestStudyCurveTells(t *testing.T) {
	for _, c := range []struct {
		name, text          string
		data, words, stderr string
	}{
		{"enough", "n,error\n100,0.2\n200,0.12\n400,0.101\n800,0.1\n1600,0.1\n3200,0.0999\n", "enough", "More data hardly pays", ""},
		{"noise", "n,error\n50,0.4\n100,0.3\n200,0.34\n400,0.25\n800,0.27\n", "unclear", "More seeds at each size", ""},
		{"dipping", "n,error\n50,0.5\n71,0.45\n100,0.4\n141,0.35\n200,0.3\n283,0.34\n400,0.38\n566,0.42\n800,0.46\n", "", "falls, and rises in the end", "is to be doubted"},
	} {
		path := fileOf(t, c.text)
		t.Chdir(filepath.Dir(path))
		code, stdout, stderr := headstart(t, "study", "--curve", path)
		stdout = strings.Join(strings.Fields(stdout), " ")
		if code != 0 || !strings.Contains(stdout, c.words) || !strings.Contains(stderr, c.stderr) || (c.stderr == "") != (stderr == "") {
			t.Errorf("%s: exit %d\n%s\n%s", c.name, code, stdout, stderr)
		}
		_, stdout, _ = headstart(t, "study", "--curve", path, "--json")
		if c.data != "" && !strings.Contains(stdout, `"data":"`+c.data+`"`) {
			t.Errorf("%s: %s", c.name, stdout)
		}
		if c.stderr != "" && !strings.Contains(stdout, `"ill-behaved-curve"`) {
			t.Errorf("%s: no warning in %s", c.name, stdout)
		}
		page, err := os.ReadFile("curve.study.html")
		if err != nil || strings.Contains(string(page), "its predictions are to be doubted") != (c.stderr != "") {
			t.Errorf("%s: the page does not say how the curve behaves, %v", c.name, err)
		}
	}
}

// The page of a curve is that of a study, with the advice first; of what a
// curve does not tell nothing is on it. The same curve gives the same bytes,
// and --format the drawing alone.
func TestStudyCurvePage(t *testing.T) {
	path := curveIn(t)
	t.Chdir(t.TempDir())
	read := func(file string, args ...string) string {
		t.Helper()
		code, stdout, stderr := headstart(t, append([]string{"study", "--curve", path}, args...)...)
		if code != 0 || !strings.HasSuffix(strings.Join(strings.Fields(stdout), " "), " "+file+".") {
			t.Fatalf("exit %d, and %s is not named: %s%s", code, file, stdout, stderr)
		}
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	page := read("curve.study.html")
	if !strings.Contains(page, "<title>curve · headstart") || !strings.Contains(read("other.html", "--report", "other.html"), "<title>other · headstart") {
		t.Error("the title is not the name of the page")
	}
	if page != read("curve.study.html") {
		t.Error("the same curve has another page")
	}
	advice, nav, plot := strings.Index(page, "<p>More data pays: doubling to 1,600"), strings.Index(page, "<nav"), strings.Index(page, `<svg class="plot"`)
	if advice < 0 || nav < advice || plot < nav || strings.Count(page[advice:nav], "<p>") > 2 {
		t.Errorf("the advice does not stand first, at %d of %d and %d", advice, nav, plot)
	}
	for _, part := range []string{`class="line d0"`, `class="line d0 ahead"`, "predicted for 6,400 training samples", "27 errors at 9 sizes", "1 − error", "1600,3200,6400", "82.8 %"} {
		if !strings.Contains(page, part) {
			t.Errorf("no %q on the page", part)
		}
	}
	for _, absent := range []string{`id="gaps"`, `id="costs"`, `href="#gaps"`, `href="#costs"`, "a class", "log-loss", "Classes", "Seeds", "--budget", ">depth<", "<script"} {
		if strings.Contains(page, absent) {
			t.Errorf("a curve from elsewhere does not tell %q", absent)
		}
	}
	if drawing := read("curve.study.svg", "--format", "svg"); !strings.HasPrefix(drawing, "<svg ") || !strings.Contains(drawing, "ahead") {
		t.Errorf("%.200s", drawing)
	}
	if picture := read("a.png", "--format", "png", "--report", "a.png"); !strings.HasPrefix(picture, "\x89PNG") {
		t.Error("a.png is no picture")
	}
}

// Flags that do nothing for a curve are refused, all of them.
func TestStudyCurveRefusesFlags(t *testing.T) {
	path := curveIn(t)
	t.Chdir(t.TempDir())
	refused := 0
	e, _, _ := testEnv()
	for _, f := range studyCommand(e).flags {
		name := f.Names()[0]
		if slices.Contains(curveFlags, name) {
			continue
		}
		refused++
		code, stdout, stderr := headstart(t, "study", "--curve", path, "--"+name+"=1")
		if code != exitUsage || stdout != "" || !strings.Contains(stderr, "--"+name+" does nothing with --curve") {
			t.Errorf("--%s: exit %d, %q: %s", name, code, stdout, stderr)
		}
	}
	if refused < 10 {
		t.Errorf("%d flags are refused, --budget, --depths, --repeat and --against among them", refused)
	}
	for want, args := range map[string][]string{
		"html, svg":                {"--format", "pdf"},
		"that is the curve itself": {"--report", path},
		"none/a.html":              {"--report", filepath.Join("none", "a.html")},
	} {
		if code, stdout, stderr := headstart(t, append([]string{"study", "--curve", path}, args...)...); code == 0 || stdout != "" || !strings.Contains(stderr, want) {
			t.Errorf("%v: exit %d, %q: %s", args, code, stdout, stderr)
		}
	}
	if left, err := os.ReadDir("."); err != nil || len(left) != 0 {
		t.Errorf("files are left of what failed: %v %v", left, err)
	}
}

func TestStudyCurveRefuses(t *testing.T) {
	good := curveIn(t)
	t.Chdir(t.TempDir())
	for _, c := range []struct {
		name, text, at string
		code           int
		want           string
	}{
		{"out of order", "n,error\n100,0.5\n50,0.6\n", "", 1, "curve.csv: line 3: n is out of order"},
		{"an error above 1", "n,error\n100,0.5\n200,40\n", "", 1, "curve.csv: line 3: the error 40 is not within 0 and 1; divide"},
		{"NaN", "n,error\n100,NaN\n", "", 1, "curve.csv: line 2: the error is NaN"},
		{"columns", "size,acc\n100,0.5\n", "", 1, `curve.csv: line 1: there is no column "n"`},
		{"twice", "n,error\n100,0.5\n100,0.4\n", "", 1, "curve.csv: line 3: n 100 was in line 2 already"},
		{"too few", "n,error\n100,0.5\n200,0.4\n", "", 1, "curve.csv: the learning curve has 2 sizes, and 4 are needed"},
		{"too close", "n,error\n100,0.5\n110,0.4\n120,0.3\n130,0.2\n", "", 1, "curve.csv: the learning curve runs from 100 to 130"},
		{"no further", "", "800", 1, "800 training samples are no more than the 800"},
		{"too far", "", "12801", 1, "ask for 12800 at most"},
		{"no number", "", "1600,many", 2, "--at 1600,many"},
		{"nothing", "", "0", 2, "--at 0"},
	} {
		path := good
		if c.text != "" {
			path = fileOf(t, c.text)
		}
		args := []string{"study", "--curve", path}
		if c.at != "" {
			args = append(args, "--at", c.at)
		}
		code, stdout, stderr := headstart(t, args...)
		if code != c.code || stdout != "" || !strings.Contains(stderr, c.want) || strings.Count(stderr, "\n") > 2 {
			t.Errorf("%s: exit %d, %q\n%s", c.name, code, stdout, stderr)
		}
	}
	for _, args := range [][]string{{"--curve", good, "more.features"}, {"--curve", "nowhere.csv"}, {"--curve", t.TempDir()}} {
		if code, _, stderr := headstart(t, append([]string{"study"}, args...)...); code == 0 || !strings.Contains(stderr, args[len(args)-1]) {
			t.Errorf("%v: exit %d: %s", args, code, stderr)
		}
	}
}

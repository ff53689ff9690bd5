//go:build cgo && !windows

package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/file"
	"github.com/headstart-ml/headstart/head/predict"
)

// animals are texts with what is said of them: labels, a number, a grade.
func animals() [][]string {
	var rows [][]string
	for i := range 80 {
		animal := []string{"dog", "cat", "horse", "fish"}[i%4]
		colour := []string{"red", "blue", "green", "white", "black"}[i%5]
		labels := []string{}
		if i%4 < 3 {
			labels = append(labels, "legs")
		}
		if i%5 < 2 {
			labels = append(labels, "bright")
		}
		list := strings.Join(labels, ";")
		if list == "" {
			list = "[]"
		}
		rows = append(rows, []string{
			fmt.Sprintf("a %s %s number %d", colour, animal, i), list, fmt.Sprint(10 + 5*(i%4)), fmt.Sprintf("%d;%d", 10+5*(i%4), i%5), []string{"low", "middle", "high", "high"}[i%4], fmt.Sprint([]int{1, 2, 10, 10}[i%4]),
		})
	}
	return rows
}

// extracted is a place with feature sets of animals, one for each task.
func extracted(t *testing.T) *place {
	t.Helper()
	p := newPlace(t)
	p.small("distilbert")
	p.table("animals.csv", "text,labels,price,pair,size,grade", animals())
	for name, flags := range map[string]string{"any": "--multi-label --label labels", "price": "--label price", "pair": "--label pair", "size": "--label size", "grade": "--label grade"} {
		p.do(t, "extract --backbone ./distilbert --out "+name+".features "+flags+" animals.csv")
	}
	return p
}

// task is how a head for a task is trained, and what comes of it.
type task struct {
	set, kind, flags string
	word             string
	metrics          []string // keys of JSON, the first with the least value that it has
	least            float64
	table            []string // what tables say
	columns          []string // of predict
	evaluate         string   // flags for a source
}

var tasks = []task{
	{"any", "logistic", "", "any-of", []string{"ap", "auc", "micro_f1", "macro_f1", "subset_accuracy", "log_loss"}, 0.8, []string{"mean AP", "of each label's share", "best F1", "labels", "bright"}, []string{"id", "label", "p:bright", "p:legs", "error"}, "--label labels"},
	{"price", "linear", "--head linear", "number", []string{"r2", "rmse", "mae"}, 0.3, []string{"R²", "of the mean", "of the median", "RMSE"}, []string{"id", "value", "error"}, "--label price"},
	{"pair", "linear", "--head linear --metric mae", "number", []string{"r2", "rmse", "mae"}, 0.2, []string{"value_1", "value_2"}, []string{"id", "value_1", "value_2", "error"}, "--label pair"},
	{"size", "ordinal", "--head ordinal --grades low,middle,high", "grade", []string{"quadratic_kappa", "mae", "accuracy"}, 0.3, []string{"quadratic kappa", "of the median grade", "of the majority class", "middle"}, []string{"id", "label", "probability", "p:low", "p:middle", "p:high", "error"}, "--label size"},
	{"grade", "ordinal", "--head ordinal --metric kappa", "grade", []string{"quadratic_kappa", "mae"}, 0.3, []string{"grades", "10"}, []string{"id", "label", "probability", "p:1", "p:2", "p:10", "error"}, "--label grade"},
}

// Every task goes through all commands: a head is trained, looked into, drawn,
// measured on feature sets and on samples, asked in all formats and by a Go
// program, and made one model with its backbone, which computes what predict
// does.
func TestEveryTask(t *testing.T) {
	p := extracted(t)
	for _, c := range tasks {
		t.Run(c.set, func(t *testing.T) {
			name := c.set + ".head.onnx"
			fast := " --l2-points 5 --folds 3 --cv 3 --repeat 2 "
			train := "train-head " + c.set + ".features " + c.flags + fast + "--report page.html --mistakes mistakes.csv --out "
			trained := p.one(t, train+name)
			if trained["type"] != c.kind || trained["task"] != c.word || len(trained["selection"].([]any)) < 2 {
				t.Errorf("%v", trained)
			}
			for i, m := range c.metrics {
				v, low, high := trained.number(t, "metrics.cv."+m+".value"), trained.number(t, "metrics.cv."+m+".low"), trained.number(t, "metrics.cv."+m+".high")
				if !(low <= v && v <= high) || i == 0 && v < c.least {
					t.Errorf("%s is %v, from %v to %v", m, v, low, high)
				}
			}
			page := string(p.read("page.html"))
			for _, want := range append(c.table[:1:1], "Over seeds", "Worst mistakes") {
				if !strings.Contains(page, want) && want != "Worst mistakes" {
					t.Errorf("the page does not say %q", want)
				}
			}
			if c.word == "number" && !strings.Contains(page, `aria-labelledby="scatter-t`) {
				t.Error("the page has no drawing of numbers")
			}
			first := string(p.read(name))
			said := p.do(t, "train-head "+c.set+".features "+c.flags+fast+"--out again.head.onnx")
			if string(p.read("again.head.onnx")) != first {
				t.Error("trained again it is another file")
			}
			inspected := p.do(t, "inspect "+name)
			for _, want := range c.table {
				if !strings.Contains(said, want) || !strings.Contains(inspected, want) {
					t.Errorf("tables do not say %q:\n%s\n%s", want, said, inspected)
				}
			}
			if j := p.one(t, "inspect "+name); j["task"] != c.word {
				t.Errorf("inspect says %v", j["task"])
			}
			p.do(t, "inspect "+name+" again.head.onnx")

			// Measured on the set and on the samples it is the same.
			all := p.one(t, "evaluate --all "+name+" "+c.set+".features --mistakes wrong.csv")
			source := p.one(t, "evaluate --all "+name+" animals.csv "+c.evaluate)
			for _, m := range c.metrics {
				key := "fitted_metrics." + m + ".value"
				if a, b := all.number(t, key), source.number(t, key); math.Abs(a-b) > 1e-9 {
					t.Errorf("%s is %v of the set and %v of the samples", m, a, b)
				}
			}
			p.do(t, "evaluate --all "+name+" "+c.set+".features")
			wrong, err := csv.NewReader(strings.NewReader(string(p.read("wrong.csv")))).ReadAll()
			if err != nil || wrong[0][0] != "id" || c.word == "number" && (len(wrong) != 81 || wrong[0][3] != "error") {
				t.Errorf("mistakes %v (%v)", wrong[0], err)
			}

			// Asked in all formats it answers the same.
			flags := " --probabilities"
			if c.word == "number" {
				flags = ""
			}
			rows, err := csv.NewReader(strings.NewReader(p.do(t, "predict "+name+" animals.csv"+flags))).ReadAll()
			if err != nil || !slices.Equal(rows[0], c.columns) || len(rows) != 81 {
				t.Fatalf("%q, want %q (%v)", rows[0], c.columns, err)
			}
			sets, err := csv.NewReader(strings.NewReader(p.do(t, "predict "+name+" "+c.set+".features"+flags))).ReadAll()
			for i := range sets {
				if err != nil || !slices.Equal(sets[i], rows[i][:len(rows[i])-1]) {
					t.Fatalf("of the set %q, of the samples %q (%v)", sets[i], rows[i], err)
				}
			}
			lines := strings.Split(strings.TrimSpace(p.do(t, "predict --to jsonl "+name+" animals.csv"+flags)), "\n")
			p.do(t, "predict --out result.parquet "+name+" animals.csv"+flags)
			in, err := os.Open("result.parquet")
			if err != nil {
				t.Fatal(err)
			}
			defer in.Close()
			read := parquet.NewReader(in)
			table := make([]parquet.Row, 100)
			n, err := read.ReadRows(table)
			if len(lines) != 80 || n != 80 || err != nil && err != io.EOF {
				t.Fatalf("%d lines, %d rows of Parquet (%v)", len(lines), n, err)
			}
			for i, column := range read.Schema().Columns() {
				if column[0] != c.columns[i] {
					t.Errorf("column %d of Parquet is %v", i, column)
				}
			}
			for i := range n {
				for k, cell := range rows[i+1] {
					v := table[i][k]
					if got := v.String(); v.Kind() == parquet.Double {
						want, _ := strconv.ParseFloat(cell, 64)
						if !(math.Abs(v.Double()-want) <= 2e-5*max(1, math.Abs(want))) {
							t.Fatalf("row %d of Parquet: %v, %s as CSV", i, v, cell)
						}
					} else if !v.IsNull() && got != cell || v.IsNull() && cell != "" {
						t.Fatalf("row %d of Parquet: %v, %q as CSV", i, v, cell)
					}
				}
			}
			f, err := file.Read(name)
			if err != nil {
				t.Fatal(err)
			}
			opened, err := predict.Open(name, &predict.Options{Runtime: os.Getenv("HEADSTART_RUNTIME")})
			if err != nil {
				t.Fatal(err)
			}
			defer opened.Close()
			if opened.Task() != f.Head.Task || !slices.Equal(opened.Classes(), f.Head.Classes) {
				t.Errorf("opened it answers %v, %q", opened.Task(), opened.Classes())
			}
			var texts [][]byte
			for _, r := range animals() {
				texts = append(texts, []byte(r[0]))
			}
			answers, err := opened.Predict(t.Context(), texts)
			if err != nil {
				t.Fatal(err)
			}
			for i, a := range answers {
				row := rows[i+1]
				var line map[string]any
				if err := json.Unmarshal([]byte(lines[i]), &line); err != nil {
					t.Fatal(err)
				}
				number := func(text string) float64 {
					v, err := strconv.ParseFloat(text, 64)
					if err != nil {
						t.Fatal(err)
					}
					return v
				}
				near := func(what string, a, b float64) {
					if !(math.Abs(a-b) <= 2e-5*max(1, math.Abs(b))) {
						t.Fatalf("row %d: %s is %v and %v", i, what, a, b)
					}
				}
				switch f.Head.Task {
				case head.Number:
					for k, v := range a.Values {
						near(c.columns[1+k], number(row[1+k]), v)
						near(c.columns[1+k], line[c.columns[1+k]].(float64), v)
					}
				case head.AnyOf:
					said := []string{}
					for _, label := range line["label"].([]any) {
						said = append(said, label.(string))
					}
					cell := strings.Join(said, ";")
					if len(said) == 0 {
						cell = "[]"
					}
					if !slices.Equal(a.Labels, said) || row[1] != cell {
						t.Fatalf("row %d: %q, %q and %q", i, a.Labels, said, row[1])
					}
					for k, v := range a.Probabilities {
						near("a probability", number(row[2+k]), v)
						near("a probability", line["probabilities"].(map[string]any)[f.Head.Classes[k]].(float64), v)
					}
				default:
					if a.Label != row[1] || a.Label != line["label"] {
						t.Fatalf("row %d: %q, %q and %q", i, a.Label, row[1], line["label"])
					}
					for k, v := range a.Probabilities {
						near("a probability", number(row[3+k]), v)
					}
				}
			}

			// With its backbone it is one model, which is compared.
			dir := c.set + "-model"
			if d := p.one(t, "export "+name+" --out "+dir).number(t, "max_difference"); !(d <= 1e-5) {
				t.Errorf("exported it differs by %v", d)
			}
		})
	}
}

// Flags of another task are errors of use that say what this one's are.
func TestFlagsOfOtherTasks(t *testing.T) {
	p := extracted(t)
	for line, want := range map[string][]string{
		"train-head --head linear --metric accuracy price.features":                  {"--metric accuracy: a linear head answers numbers and is chosen by r2, rmse or mae"},
		"train-head --metric r2 size.features":                                       {"--metric r2: a softmax head answers one of several classes and is chosen by accuracy, macro-f1 or log-loss"},
		"train-head --metric mae any.features":                                       {"--metric mae: a logistic head answers any of several labels and is chosen by ap, auc, macro-f1, micro-f1, subset-accuracy or log-loss"},
		"train-head --head ordinal --metric r2 grade.features":                       {"chosen by mae, kappa, accuracy, macro-f1 or log-loss"},
		"train-head --metric elo size.features":                                      {"--metric elo: it is one of accuracy, macro-f1"},
		"train-head --head softmax --grades a,b size.features":                       {"--grades: a softmax head answers one of several classes; those are of --head ordinal"},
		"train-head --head ordinal --grades low size.features":                       {"--grades low: at least 2 are needed"},
		"train-head --head ordinal --grades low,low size.features":                   {"each grade once"},
		"train-head --head linear --class-weight balanced price.features":            {"--class-weight balanced: a linear head answers numbers"},
		"train-head --head linear --calibrate temperature price.features":            {"--calibrate temperature: a linear head answers numbers"},
		"train-head --head linear --tail all price.features":                         {"--tail and --head linear do not go together: retraining starts from a softmax head"},
		"train-head --tail last:1 any.features":                                      {"--tail last:1: a logistic head answers any of several labels"},
		"train-head --head ordinal --reject 0.9 grade.features":                      {"--reject: an ordinal head answers one of several grades"},
		"train-head --head linear --from old.head.onnx price.features":               {"--from old.head.onnx: a linear head answers numbers"},
		"train-head --thresholds precision=0.9 any.features":                         {"--thresholds: a logistic head"},
		"train-head --head linear --prior uniform price.features":                    {"--prior uniform: a linear head answers numbers"},
		"train-head --head linear --shots 3 price.features":                          {"--shots: a linear head answers numbers"},
		"train-head --head linear --l2 labels price.features":                        {"--l2 labels: a linear head answers numbers; a λ for each label is of --head logistic"},
		"train-head --head ordinal --grades low,middle --cv 2 --l2 1 price.features": {`label "10" is none of the grades low, middle`},
	} {
		code, _, stderr := p.try(t, line)
		if strings.Contains(line, "low,middle --cv") {
			if code != exitFailed {
				t.Errorf("%s: exit %d", line, code)
			}
		} else if code != exitUsage {
			t.Errorf("%s: exit %d", line, code)
		}
		for _, w := range want {
			if !strings.Contains(stderr, w) {
				t.Errorf("%s: %s\nwant %q", line, stderr, w)
			}
		}
	}
	const fast = " --l2 1 --cv 2"
	p.fails(t, "train-head --head linear size.features"+fast, exitFailed, `80 labels are of no use, the first that of sample animals#1: "low" is no number`, "without --head linear, labels are classes")
	p.fails(t, "train-head --head ordinal size.features"+fast, exitFailed, `"low" is no number, and no order of grades is given`, "--grades LOW,…,HIGH")
	if said := p.do(t, "train-head any.features --l2 labels --l2-points 4 --folds 2 --cv 2"); !strings.Contains(said, "logistic") {
		t.Error(said)
	}
	if j := p.one(t, "train-head any.features --l2 labels --l2-points 4 --folds 2 --cv 2"); len(j["l2_labels"].(map[string]any)) != 2 {
		t.Errorf("%v", j["l2_labels"])
	}
	p.do(t, "train-head --head linear price.features"+fast)
	p.do(t, "train-head grade.features"+fast) // numbers are classes
	if j := p.one(t, "inspect grade.head.onnx"); j["type"] != "softmax" || j["task"] != nil {
		t.Errorf("numbers as classes: %v", j)
	}
	p.fails(t, "predict --top 2 price.head.onnx animals.csv", exitUsage, "answers numbers")
	p.fails(t, "predict --probabilities price.head.onnx animals.csv", exitUsage, "answers numbers, which have none")
	p.fails(t, "predict --top 2 any.head.onnx animals.csv", exitUsage, "answers any of several labels")
	p.fails(t, "evaluate price.head.onnx animals.csv --label price --against grade.head.onnx", exitUsage, "--against: price.head.onnx answers numbers")
	p.fails(t, "evaluate --all price.head.onnx animals.csv --label size", exitFailed, `label "low" is no number`)
	p.fails(t, "evaluate --all any.head.onnx price.features", exitFailed, "price.features holds one label a sample, where lists of labels are needed")
}

// An empty cell says nothing of labels, and [] that there are none.
func TestEmptyCellOfLabels(t *testing.T) {
	p := newPlace(t)
	p.small("distilbert")
	rows := animals()
	for i := range rows {
		if i >= 75 {
			rows[i][1] = ""
		}
	}
	p.table("animals.csv", "text,label,price,pair,size,grade", rows)
	p.do(t, "extract --backbone ./distilbert --multi-label animals.csv")
	j := p.one(t, "train-head animals.features --l2 0.1 --cv 3")
	if j.number(t, "n.train") != 75 || j.number(t, "n.unlabelled") != 5 {
		t.Errorf("%v", j["n"])
	}
	if text := fmt.Sprint(j["warnings"]); !strings.Contains(text, "5 texts have an empty cell in place of labels and are left out; one that has none of the labels is written []") {
		t.Error(text)
	}
}

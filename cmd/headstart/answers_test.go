package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/headstart-ml/headstart/models/onnx"
)

// noisy extracts names of emoji, of whose labels every sixth is wrong, with one
// rare class.
func (p *place) noisy(t *testing.T) {
	t.Helper()
	records := slices.Concat(p.samples(0, 40, "food-and-drink", "symbols"), p.samples(0, 15, "flags"))
	var labels []string
	for _, r := range records {
		labels = append(labels, r[2])
	}
	for i := range records {
		if i%6 == 0 {
			records[i][2] = labels[(i+33)%len(labels)]
		}
	}
	p.table("names.csv", "image,name,label,group", records)
	p.do(t, "extract --text name --label label names.csv")
}

// A head that is unsure below a probability says so wherever it is asked:
// train-head, evaluate, predict in every format, inspect, the page, and in the
// metadata of what export makes.
func TestUnsure(t *testing.T) {
	p := newPlace(t)
	p.noisy(t)
	s := p.one(t, "train-head --by none --reject 0.85 --l2 0.01 --report page.html --out r.head.onnx names.features")
	reject := s.number(t, "answers.reject")
	if reject <= 0 || reject > 2 || s.number(t, "answers.wanted") != 0.85 || s.number(t, "answers.n") != s.number(t, "n.train") {
		t.Fatalf("answers %v", seen(s, "answers"))
	}
	if by := p.one(t, "train-head --by none --thresholds recall=0.5 --l2 0.01 --out t.head.onnx names.features"); len(seen(by, "answers.thresholds").([]any)) != len(seen(by, "classes").([]any)) {
		t.Errorf("thresholds %v", seen(by, "answers"))
	}
	for _, text := range []string{`href="#answers"`, "for 0.85 of the answers right", "of the answers right"} {
		if !strings.Contains(string(p.read("page.html")), text) {
			t.Errorf("the page has no %s", text)
		}
	}
	if out := p.do(t, "train-head --by none --reject 0.85 --l2 0.01 --out r.head.onnx names.features"); !strings.Contains(out, "unsure below a probability of") || !strings.Contains(out, "answered") {
		t.Errorf("%s", out)
	}
	i := p.one(t, "inspect r.head.onnx")
	if i.number(t, "reject") != reject || i.number(t, "result.answers.reject") != reject {
		t.Errorf("inspect: %v", i["reject"])
	}
	if out := p.do(t, "inspect r.head.onnx"); !strings.Contains(out, "for 0.85 of the answers right") {
		t.Errorf("inspect: %s", out)
	}

	// predict: CSV, JSON lines, Parquet, and words.
	rows, err := csv.NewReader(strings.NewReader(p.do(t, "predict r.head.onnx names.features --top 2"))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"id", "label", "probability", "unsure", "label_2", "probability_2"}; !slices.Equal(rows[0], want) {
		t.Errorf("columns %q, not %q", rows[0], want)
	}
	unsure := 0
	for _, row := range rows[1:] {
		v, err := strconv.ParseFloat(row[2], 64)
		if err != nil || row[3] != fmt.Sprint(v < reject) {
			t.Errorf("row %q, unsure below %v", row, reject)
		}
		if row[3] == "true" {
			unsure++
		}
	}
	p.do(t, "predict r.head.onnx names.features --out p.parquet")
	got, err := parquet.Read[struct {
		ID     string `parquet:"id"`
		Unsure *bool  `parquet:"unsure"`
	}](bytes.NewReader(p.read("p.parquet")), int64(len(p.read("p.parquet"))))
	if err != nil {
		t.Fatal(err)
	}
	for k, o := range objects(t, p.do(t, "predict r.head.onnx names.features --to jsonl")) {
		if fmt.Sprint(o["unsure"]) != rows[k+1][3] || got[k].Unsure == nil || fmt.Sprint(*got[k].Unsure) != rows[k+1][3] || got[k].ID != rows[k+1][0] {
			t.Errorf("row %d: %v in JSON, %v in Parquet, %s in CSV", k, o["unsure"], got[k].Unsure, rows[k+1][3])
		}
	}

	// evaluate says how many of the samples are answered, and how well.
	p.do(t, "train-head --by none --reject 0.85 --l2 0.01 --split train=0.5,test=0.5 --refit false --out half.head.onnx names.features")
	e := p.one(t, "evaluate half.head.onnx names.features")
	if e.number(t, "answers.n") != e.number(t, "n") || len(seen(e, "answers.per_class").([]any)) != len(seen(e, "metrics.per_class").([]any)) {
		t.Errorf("evaluate: %v", e["answers"])
	}
	if out := p.do(t, "evaluate half.head.onnx names.features"); !strings.Contains(out, "of the answers right") {
		t.Errorf("%s", out)
	}

	// What export makes has them in its metadata.
	p.do(t, "export t.head.onnx --out fused")
	data, err := os.ReadFile("fused/onnx/model.onnx")
	if err != nil {
		t.Fatal(err)
	}
	m, err := onnx.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	var list []float64
	for _, prop := range m.GetMetadataProps() {
		if strings.HasSuffix(prop.GetKey(), "thresholds") {
			if err := json.Unmarshal([]byte(prop.GetValue()), &list); err != nil {
				t.Fatal(err)
			}
		}
	}
	if want := seen(p.one(t, "inspect t.head.onnx"), "thresholds"); fmt.Sprint(list) != fmt.Sprint(want) || len(list) == 0 {
		t.Errorf("thresholds %v, not %v", list, want)
	}
	// A head that answers every sample has no such column, and no key.
	p.do(t, "train-head --by none --l2 0.01 --out sure.head.onnx names.features")
	if out := p.do(t, "predict sure.head.onnx names.features"); strings.Contains(out, "unsure") {
		t.Errorf("%.200s", out)
	}
	if i := p.one(t, "inspect sure.head.onnx"); seen(i, "reject") != nil || seen(i, "thresholds") != nil {
		t.Errorf("%v", i)
	}
	for line, want := range map[string]string{
		"--reject 1.5":                             "between 0 and 1",
		"--reject 0":                               "between 0 and 1",
		"--reject 0.9 --thresholds recall=0.5":     "two ways",
		"--thresholds accuracy=0.9":                "precision=0.95",
		"--thresholds precision=2":                 "between 0 and 1",
		"--prior none.json":                        "keep, data, uniform or a file",
		"--prior uniform --tail last:1":            "--tail",
		"--calibrate platt":                        "vector",
		"--thresholds precision=0.9,recall=0.9":    "precision=0.95",
		"--prior keep --calibrate none --reject x": "reject",
	} {
		p.fails(t, "train-head --by none "+line+" names.features", exitUsage, want)
	}
}

// --prior corrects the probabilities, is recorded, and names what is wrong with
// its file.
func TestPriorFlag(t *testing.T) {
	p := newPlace(t)
	p.noisy(t)
	keep := p.one(t, "train-head --by none --l2 0.01 --class-weight balanced --out k.head.onnx names.features")
	if seen(keep, "prior") != nil {
		t.Errorf("%v", keep["prior"])
	}
	classes := seen(keep, "classes").([]any)
	data := p.one(t, "train-head --by none --l2 0.01 --class-weight balanced --prior data --out d.head.onnx names.features")
	if from := seen(data, "prior.from").([]any); len(from) != len(classes) || data.number(t, "metrics.cv.log_loss.value") == keep.number(t, "metrics.cv.log_loss.value") {
		t.Errorf("prior %v, log-loss %v of %v", data["prior"], data.number(t, "metrics.cv.log_loss.value"), keep.number(t, "metrics.cv.log_loss.value"))
	}
	frequencies := map[string]float64{}
	for i, c := range classes {
		frequencies[c.(string)] = float64(i + 1)
	}
	list, err := json.Marshal(frequencies)
	if err != nil {
		t.Fatal(err)
	}
	p.put("prior.json", list)
	s := p.one(t, "train-head --by none --l2 0.01 --prior prior.json --calibrate vector --out f.head.onnx names.features")
	n := float64(len(classes))
	if v := seen(s, "prior.to").([]any)[0].(float64); v < 1/(n*(n+1)/2)-1e-9 || v > 1/(n*(n+1)/2)+1e-9 || seen(s, "calibration.method") != "vector" {
		t.Errorf("prior %v, calibration %v", s["prior"], s["calibration"])
	}
	if out := p.do(t, "inspect f.head.onnx"); !strings.Contains(out, "classes of given frequencies") || !strings.Contains(out, "a scale and a shift of each class") {
		t.Errorf("%s", out)
	}
	if out := p.do(t, "inspect d.head.onnx"); !strings.Contains(out, "as frequent as in the data") {
		t.Errorf("%s", out)
	}
	p.put("bad.json", []byte(`{"x":1}`))
	p.fails(t, "train-head --by none --prior bad.json names.features", exitFailed, "no such class")
	p.put("bad.json", []byte(`{"x":1,"x":2}`))
	p.fails(t, "train-head --by none --prior bad.json names.features", exitFailed, "two weights")
	p.put("bad.json", []byte(`[1]`))
	p.fails(t, "train-head --by none --prior bad.json names.features", exitFailed, "bad.json")
}

// --l2 average makes one head of the strengths that are nearly as likely as the
// best, which predicts as any other.
func TestAverageFlag(t *testing.T) {
	p := newPlace(t)
	p.noisy(t)
	s := p.one(t, "train-head --by none --l2 average --l2-points 12 --report page.html --out a.head.onnx names.features")
	list, _ := seen(s, "average").([]any)
	if len(list) < 2 || s.number(t, "l2") <= 0 {
		t.Fatalf("average %v", s["average"])
	}
	if out := p.do(t, "inspect a.head.onnx"); !strings.Contains(out, "the average of") {
		t.Errorf("%s", out)
	}
	if out := p.do(t, "predict a.head.onnx names.features"); strings.Count(out, "\n") != 96 {
		t.Errorf("%.300s", out)
	}
	p.fails(t, "train-head --by none --l2 mean names.features", exitUsage, "neither auto, average, labels nor a number")
	p.fails(t, "train-head --by none --l2 average --head ncm names.features", exitUsage, "--l2 average", "ncm")
}

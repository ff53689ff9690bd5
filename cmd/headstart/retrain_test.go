package main

import (
	"encoding/csv"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestRetrainingOfEachFamily retrains layers of backbones that nothing is known
// of beside their folders, with no flag beside --tail, and takes the result
// through every command: predict of samples and of features, evaluate, inspect
// and export agree.
func TestRetrainingOfEachFamily(t *testing.T) {
	folders, err := filepath.Abs("testdata/backbones")
	if err != nil {
		t.Fatal(err)
	}
	p := newPlace(t)
	classes := []string{"symbols", "food-and-drink", "flags", "objects", "smileys-and-emotion"}
	samples := p.samples(0, 30, classes...)
	for i := range samples {
		samples[i] = samples[i][:3]
	}
	later := p.samples(30, 3, classes...)
	p.table("emoji.csv", "image,name,label", samples)
	p.table("later.csv", "image,name,label,group", later)
	images := "--image image --alpha white --root " + p.emoji
	for _, c := range []struct{ name, args string }{
		{"convnext", images}, {"vit", images}, {"distilbert", "--text name"}, {"resnet", images},
	} {
		t.Run(c.name, func(t *testing.T) {
			p.do(t, "extract "+c.args+" --label label --backbone "+filepath.Join(folders, c.name)+" --out "+c.name+".features emoji.csv")
			p.do(t, "train-head --l2 0.1 --tail last:1 --out plain-"+c.name+".head.onnx "+c.name+".features") // with no other flag of retraining
			won := 0
			for i, tail := range []string{"last:1", "half", "all"} {
				file := c.name + strconv.Itoa(i) + ".head.onnx"
				o := p.one(t, "train-head --l2-points 3 --folds 2 --lr 0.001 --epochs 6 --tail "+tail+" --out "+file+" "+c.name+".features")
				retrained := o["tail"].(map[string]any)
				ways := retrained["ways"].([]any)
				if len(ways) != 2 || ways[1].(map[string]any)["name"] != tail || o["metrics"].(map[string]any)["test"] == nil {
					t.Fatalf("%v", o)
				}
				if retrained["chosen"] != tail {
					continue // the head alone was not beaten
				}
				won++
				if retrained["weights"].(float64) < 1 || retrained["parameters"].(float64) < 100 {
					t.Errorf("%v", retrained)
				}
				p.agree(t, c.name, c.args, file)
			}
			if won == 0 {
				t.Error("no tail was of use, so that none was taken through the commands")
			}
		})
	}
}

// agree checks that a head with retrained layers says the same in each command.
func (p *place) agree(t *testing.T, name, args, file string) {
	t.Helper()
	read := strings.TrimPrefix(args, "--text name")
	if read == "" {
		read = " --text name"
	}
	// Samples that the cache has no logits of, and again, when it has.
	const all = " --probabilities --to csv "
	first := probabilities(t, p.do(t, "predict "+file+all+read+" later.csv"))
	again := probabilities(t, p.do(t, "predict "+file+all+read+" later.csv"))
	features := probabilities(t, p.do(t, "predict "+file+all+name+".features"))
	samples := probabilities(t, p.do(t, "predict "+file+all+read+" emoji.csv"))
	if len(first) != 15 || len(features) != 150 {
		t.Fatalf("%d and %d predictions", len(first), len(features))
	}
	for _, x := range []struct {
		what string
		a, b map[string][]float64
	}{{"a second time", first, again}, {"from samples", features, samples}} {
		for id, want := range x.a {
			for i, v := range want {
				if got := x.b[id]; len(got) != len(want) || math.Abs(got[i]-v) > 1e-5 {
					t.Fatalf("%s: %s: %v, not %v", x.what, id, x.b[id], want)
				}
			}
		}
	}
	o := p.one(t, "evaluate --ignore-unknown-classes "+file+" "+name+".features")
	if n := o["n"].(float64); n < 30 || n > 100 { // validation and test part
		t.Errorf("evaluated on %v samples", n)
	}
	said := p.do(t, "inspect "+file)
	if !strings.Contains(said, "what was compared") {
		t.Errorf("inspect: %s", said)
	}
	export := p.one(t, "export "+file+" --out exported-"+file)
	if d := export["max_difference"].(float64); !(d <= 1e-5) {
		t.Errorf("the export differs by %v", d)
	}
}

// probabilities reads the columns p:CLASS of predictions, by id.
func probabilities(t *testing.T, table string) map[string][]float64 {
	t.Helper()
	records, err := csv.NewReader(strings.NewReader(table)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]float64{}
	for _, r := range records[1:] {
		var row []float64
		for i, name := range records[0] {
			if !strings.HasPrefix(name, "p:") {
				continue
			}
			v, err := strconv.ParseFloat(r[i], 64)
			if err != nil {
				t.Fatal(err)
			}
			row = append(row, v)
		}
		all[r[0]] = row
	}
	return all
}

// TestWhatCannotBeRetrained checks that errors name what is wrong and what to do.
func TestWhatCannotBeRetrained(t *testing.T) {
	folders, err := filepath.Abs("testdata/backbones")
	if err != nil {
		t.Fatal(err)
	}
	p := newPlace(t)
	samples := p.samples(0, 12, "symbols", "food-and-drink")
	for i := range samples {
		samples[i] = samples[i][:3]
	}
	p.table("emoji.csv", "image,name,label", samples)
	read := "extract --image image --alpha white --root " + p.emoji + " --label label "
	vit := filepath.Join(folders, "vit")
	p.do(t, read+"--backbone "+vit+" --out vit.features emoji.csv")
	p.do(t, read+"--backbone "+filepath.Join(folders, "resnet")+" --out resnet.features emoji.csv")
	p.do(t, read+"--backbone "+vit+" --tap /layers.1/Add_1_output_0:max --out max.features emoji.csv")
	const train = "train-head --l2 0.1 --epochs 1 --tail "
	for _, c := range []struct {
		line string
		code int
		says []string
	}{
		{train + "last:99 vit.features", exitUsage, []string{"last:99", "layers", "--tail all"}},
		{train + "last:0 vit.features", exitUsage, []string{"last:0", "from 1 on"}},
		{train + "haf vit.features", exitUsage, []string{"haf", "half"}},
		{train + "pixel_values vit.features", exitUsage, []string{"pixel_values", "input", "--tail all"}},
		{train + "pooler_output vit.features", exitUsage, []string{"pooler_output", "features"}},
		{train + "/layers.1/attention/q_proj/Add_output_0 vit.features", exitUsage, []string{"not everything flows through", "inspect"}},
		{train + "all vit.features resnet.features", exitUsage, []string{"one feature set"}},
		{train + "all max.features", exitFailed, []string{"pooling max", "gradient"}},
		{train + "all --cv 3 vit.features", exitUsage, []string{"--cv", "--repeat"}},
		{train + "all --refit true vit.features", exitUsage, []string{"--refit"}},
		{train + "all --head ncm vit.features", exitUsage, []string{"softmax"}},
		{train + "all --memory 10KiB vit.features", exitFailed, []string{"MiB are needed", "cut later"}},
		{train + "all --memory much vit.features", exitUsage, []string{"--memory much", "512MiB"}},
		{train + "all --split train=0.8,test=0.2 vit.features", exitUsage, []string{"validation"}},
		{train + "all --lr 0 vit.features", exitUsage, []string{"--lr 0"}},
		{"train-head --epochs 3 vit.features", exitUsage, []string{"--epochs", "no --tail"}},
	} {
		p.fails(t, c.line, c.code, c.says...)
	}
	// What extract is given by the environment does not matter to a head alone.
	t.Setenv("HEADSTART_BATCH_SIZE", "8")
	t.Setenv("HEADSTART_DTYPE", "f32")
	p.do(t, "train-head --l2 0.1 --out plain.head.onnx vit.features")
	p.fails(t, "evaluate --root . plain.head.onnx vit.features", exitUsage, "--root", "no retrained layers")
	os.Unsetenv("HEADSTART_BATCH_SIZE")
	os.Unsetenv("HEADSTART_DTYPE")

	// A head with retrained layers belongs to its backbone.
	o := p.one(t, "train-head --l2-points 3 --folds 2 --lr 0.05 --epochs 6 --seed 1 --tail all --out vit.head.onnx vit.features")
	if o["tail"].(map[string]any)["chosen"] != "all" {
		t.Fatal("retraining was of no use here, so that the rest cannot be tested")
	}
	p.fails(t, "predict vit.head.onnx resnet.features", exitFailed, "space")
	p.fails(t, "predict vit.head.onnx --backbone "+filepath.Join(folders, "resnet")+" --image image --root "+p.emoji+" emoji.csv", exitFailed, "another space")

	// A sample that is another one now.
	p.put("one/a/1.png", p.read(filepath.Join(p.emoji, samples[0][0])))
	p.put("one/a/2.png", p.read(filepath.Join(p.emoji, samples[1][0])))
	for i, s := range samples[2:] {
		p.put("one/"+[]string{"a", "b"}[i%2]+"/x"+strconv.Itoa(i)+".png", p.read(filepath.Join(p.emoji, s[0])))
	}
	p.do(t, "extract --backbone "+vit+" one")
	p.put("one/a/1.png", p.read(filepath.Join(p.emoji, samples[5][0])))
	p.fails(t, train+"all one.features", exitFailed, "a/1.png")
	if err := os.Remove("one/a/1.png"); err != nil {
		t.Fatal(err)
	}
	p.fails(t, train+"all one.features", exitFailed, "a/1.png")
}

// TestRetrainingOfOddData retrains with each flag on samples with splits and weights
// of their own, of which some have no label, some no split, some content is there
// twice, and classes are in one part alone. What is reported of the test part is what
// predict gives.
func TestRetrainingOfOddData(t *testing.T) {
	folder, err := filepath.Abs("testdata/backbones/vit")
	if err != nil {
		t.Fatal(err)
	}
	p := newPlace(t)
	var records [][]string
	parts := []string{"train", "train", "train", "validation", "test"}
	for i, s := range p.samples(0, 24, "symbols", "food-and-drink", "flags", "objects", "smileys-and-emotion") {
		r := []string{strconv.Itoa(i), s[0], s[2], parts[i%5], []string{"0.5", "1", "2", ""}[i%4]}
		switch {
		case i%17 == 0:
			r[2] = "" // no label
		case i == 7:
			r[3] = "" // no split
		case i == 8 || i == 9:
			r[2] = "only in one part" // validation and test
		}
		records = append(records, r)
		if i%10 == 1 {
			records = append(records, []string{"again " + r[0], s[0], r[2], "train", "1"})
		}
	}
	p.table("odd.csv", "id,image,label,split,weight", records)
	p.do(t, "extract --image image --alpha white --root "+p.emoji+" --backbone "+folder+" odd.csv")
	for _, flags := range []string{
		"--epochs 4 --lr 0.002", "--epochs 4 --lr 0.002 --l2-normalize", "--epochs 4 --lr 0.002 --standardize false --calibrate none",
		"--epochs 4 --lr 0.002 --class-weight balanced --metric macro-f1", "--epochs 4 --lr 0.002 --metric log-loss --label-smoothing 0.1",
		"--epochs 6 --lr 0.0003 --metric log-loss --shots 8 --repeat 2", "--epochs 8 --patience 8 --lr 0.004 --memory 6MiB --batch-size 32 --dtype f16",
		"--epochs 4 --lr 0.002 --batch-size 5 --clip 0 --weight-decay 0 --warmup 0",
	} {
		t.Run(flags, func(t *testing.T) {
			o := p.one(t, "train-head --threads 1 --l2 0.1 --tail all --out odd.head.onnx "+flags+" odd.features")
			if o["tail"].(map[string]any)["chosen"] != "all" {
				t.Fatal("retraining was of no use here, so that nothing is tested")
			}
			if micro := o["tail"].(map[string]any)["micro_batch"].(float64); strings.Contains(flags, "--memory") && !(micro < 32) {
				t.Errorf("runs of %v: the batch is not divided", micro)
			}
			given := probabilities(t, p.do(t, "predict --probabilities --to csv odd.head.onnx odd.features"))
			n, right := 0.0, 0.0
			classes := []string{"flags", "food-and-drink", "objects", "smileys-and-emotion", "symbols"}
			for _, r := range records {
				if r[3] != "test" || r[2] == "" {
					continue
				}
				n++
				best := 0
				for i, v := range given[r[0]] {
					if v > given[r[0]][best] {
						best = i
					}
				}
				if len(given[r[0]]) != len(classes) {
					t.Fatalf("%d classes", len(given[r[0]]))
				}
				if classes[best] == r[2] {
					right++
				}
			}
			metrics := o["metrics"].(map[string]any)["test"].(map[string]any)
			if got := metrics["accuracy"].(map[string]any)["value"].(float64); metrics["rows"].(float64) != n || math.Abs(got-right/n) > 1e-12 {
				t.Errorf("reported is %v of %v rows; predict is right for %v of %v", got, metrics["rows"], right, n)
			}
		})
	}
}

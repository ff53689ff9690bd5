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

// perClass is how many emoji of each of five classes layers are retrained on.
const perClass = 30

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
	samples := p.samples(0, perClass, classes...)
	for i := range samples {
		samples[i] = samples[i][:3]
	}
	later := p.samples(perClass, 3, classes...)
	p.table("emoji.csv", "image,name,label", samples)
	p.table("later.csv", "image,name,label,group", later)
	images := "--image image --alpha white --root " + p.emoji
	for _, c := range []struct{ name, args string }{
		{"convnext", images}, {"vit", images}, {"distilbert", "--text name"}, {"resnet", images},
	} {
		t.Run(c.name, func(t *testing.T) {
			p.do(t, "extract "+c.args+" --label label --backbone "+filepath.Join(folders, c.name)+" --out "+c.name+".features emoji.csv")
			if c.name != "vit" {
				// A runtime with more than one thread spins while it waits.
				t.Setenv("HEADSTART_THREADS", "1")
			}
			p.do(t, "train-head --l2 0.1 --tail last:1 --out plain-"+c.name+".head.onnx "+c.name+".features") // with no other flag of retraining
			t.Setenv("HEADSTART_THREADS", "1")
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
	if len(first) != 15 || len(features) != 5*perClass {
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
	if n := o["n"].(float64); n < perClass || n > 3*perClass { // validation and test part
		t.Errorf("evaluated on %v samples", n)
	}
	said := p.do(t, "inspect "+file)
	if !strings.Contains(said, "what was compared") {
		t.Errorf("inspect: %s", said)
	}
	export := p.one(t, "export "+file+" --out exported-"+strings.TrimSuffix(file, ".head.onnx"))
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

// TestWhatCannotBeRetrained checks that errors name what is wrong and what to
// do.
func TestWhatCannotBeRetrained(t *testing.T) {
	folders, err := filepath.Abs("testdata/backbones")
	if err != nil {
		t.Fatal(err)
	}
	p := newPlace(t)
	t.Setenv("HEADSTART_THREADS", "1") // with more the runtime spins while it waits
	samples := p.samples(0, 12, "symbols", "food-and-drink")
	for i := range samples {
		samples[i] = samples[i][:3]
	}
	p.table("emoji.csv", "image,name,label", samples)
	read := "extract --image image --alpha white --root " + p.emoji + " --label label "
	vit := filepath.Join(folders, "vit")
	p.do(t, read+"--backbone "+vit+" --out vit.features emoji.csv")
	p.do(t, read+"--backbone "+filepath.Join(folders, "resnet")+" --out resnet.features emoji.csv")
	p.do(t, read+"--backbone "+vit+" --tap /layers.1/Add_1_output_0:flat --out flat.features emoji.csv")
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
		{train + "/pooler/dense/Gemm_output_0 vit.features", exitUsage, []string{"no weight behind it"}},
		{train + "all vit.features resnet.features", exitUsage, []string{"one feature set"}},
		{train + "all flat.features", exitFailed, []string{"pooling flat", "gradient"}},
		{train + "all --cv 3 vit.features", exitUsage, []string{"--cv", "--repeat"}},
		{train + "all --refit true vit.features", exitUsage, []string{"--refit"}},
		{train + "all --head ncm vit.features", exitUsage, []string{"softmax"}},
		{train + "all --memory 10KiB vit.features", exitFailed, []string{"MiB are needed", "cut later"}},
		{train + "all --memory much vit.features", exitUsage, []string{"--memory much", "512MiB"}},
		{train + "all --split train=0.8,test=0.2 vit.features", exitUsage, []string{"validation"}},
		{train + "all --lr 0 vit.features", exitUsage, []string{"--lr 0"}},
		{"train-head --epochs 3 vit.features", exitUsage, []string{"--epochs", "neither --tail nor"}},
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

// TestAugment trains with views of images: they change how it goes, what is
// measured is plain, and the cost is said once.
func TestAugment(t *testing.T) {
	folder, err := filepath.Abs("testdata/backbones/resnet")
	if err != nil {
		t.Fatal(err)
	}
	p := newPlace(t)
	const set = "resnet.features"
	p.emojiOf(t, folder, set)
	for _, tail := range []string{"half", "all", "auto"} {
		line := "train-head --l2 0.1 --lr 0.003 --epochs 3 --patience 4 --threads 1 --tail " + tail + " --out " + tail + ".head.onnx " + set
		code, stdout, stderr := p.try(t, line+" --augment 2 --json")
		if code != exitDone || strings.Count(stderr, "--augment 2: training images are seen as they are and as 2 views; views are decoded") != 1 {
			t.Fatalf("%s: exit %d, %s", line, code, stderr)
		}
		if has := strings.Contains(stderr, "run through the layers that are not retrained"); has != (tail != "all") {
			t.Errorf("--tail %s: %s", tail, stderr)
		}
		if tail == "auto" {
			continue
		}
		o, again, plain := objects(t, stdout)[0], p.one(t, line+" --augment 2"), p.one(t, line)
		history := func(o object) (all []float32) { // of each epoch: the loss, and the log-loss of validation
			list, _ := o.at("tail.history")
			for _, e := range list.([]any) {
				all = append(all, float32(e.(map[string]any)["loss"].(float64)), float32(e.(map[string]any)["log_loss"].(float64)))
			}
			return all
		}
		for _, o := range []object{o, plain} {
			if chosen, _ := o.at("tail.chosen"); chosen != tail {
				t.Fatalf("--tail %s was of no use here, so that nothing is said of how it went", tail)
			}
		}
		with, without := history(o), history(plain)
		if len(with) != 8 || !near(with, history(again), 0) {
			t.Errorf("--tail %s: %v, another time %v", tail, with, history(again))
		}
		if near(with[2:4], without[2:4], 0.02) {
			t.Errorf("--tail %s: views change nothing: %v, without %v", tail, with, without)
		}
		if !near(with[:2], without[:2], 1e-5) {
			t.Errorf("--tail %s: with views the start measures %v, without %v", tail, with[1], without[1])
		}
		p.agree(t, "resnet", "--image image --alpha white --root "+p.emoji, tail+".head.onnx")
	}
	const train = "train-head --l2 0.1 --epochs 1 "
	p.table("names.csv", "text,label", [][]string{{"a cat", "x"}, {"a dog", "x"}, {"one", "y"}, {"two", "y"}})
	p.do(t, "extract --label label names.csv --out names.features")
	p.fails(t, "train-head --augment 2 resnet.features", exitUsage, "--augment", "no --tail")
	p.fails(t, train+"--augment -1 --tail all resnet.features", exitUsage, "--augment -1", "between 0 and 1000")
	p.fails(t, train+"--augment 1001 --tail all resnet.features", exitUsage, "between 0 and 1000")
	p.fails(t, train+"--augment 1 --tail last:1 names.features", exitUsage, "--augment 1: only images have views", "names.features")
}

// emojiOf extracts perClass images of each of five classes with a backbone.
// later.csv has others.
func (p *place) emojiOf(t *testing.T, backbone, out string) {
	t.Helper()
	classes := []string{"symbols", "food-and-drink", "flags", "objects", "smileys-and-emotion"}
	samples := p.samples(0, perClass, classes...)
	for i := range samples {
		samples[i] = samples[i][:3]
	}
	p.table("emoji.csv", "image,name,label", samples)
	p.table("later.csv", "image,name,label,group", p.samples(perClass, 3, classes...))
	p.do(t, "extract --image image --alpha white --root "+p.emoji+" --label label --backbone "+backbone+" --out "+out+" emoji.csv")
}

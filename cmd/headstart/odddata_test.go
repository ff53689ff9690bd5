package main

import (
	"math"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestRetrainingOfOddData retrains with each flag on samples with splits and
// weights of their own, of which some have no label, some no split, some
// content is there twice, and classes are in one part alone. What is reported
// of the test part is what predict gives.
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

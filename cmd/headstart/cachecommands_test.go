package main

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/cache"
)

// segmentFiles returns the names of all segments of a cache: names are
// digests, so two caches with the same names have the same bytes.
func segmentFiles(t *testing.T, dir string) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "spaces", "*", "seg", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for i, n := range names {
		names[i], _ = filepath.Rel(dir, n)
	}
	return strings.Join(names, "\n")
}

// Two workers with a cache each, merged and compacted, are one worker's cache.
func TestMergeCompactGC(t *testing.T) {
	p := newPlace(t)
	p.small("distilbert")
	samples := p.samples(0, 8, "symbols", "food-and-drink")
	p.table("one.csv", "image,name,label,group", samples[:10])
	p.table("two.csv", "image,name,label,group", samples[6:])
	p.table("all.csv", "image,name,label,group", samples)
	for _, name := range []string{"one", "two", "all"} {
		p.do(t, "extract --backbone distilbert --text name --cache "+name+" --out "+name+".features "+name+".csv")
	}

	keys := "into dry_run sources.source sources.spaces sources.copied sources.present sources.repaired sources.sealed sources.rows sources.bytes sources.problems"
	plan := p.one(t, "cache merge one two merged --dry-run")
	plan.wantKeys(t, keys)
	plan.wantNumbers(t, map[string]float64{"sources.copied": 1, "sources.rows": 10})
	if _, err := os.Stat("merged"); !os.IsNotExist(err) {
		t.Fatalf("a dry run has made the cache: %v", err)
	}
	p.one(t, "cache merge one two merged").wantNumbers(t, map[string]float64{"sources.copied": 1, "sources.rows": 10})
	p.one(t, "cache merge one two merged").wantNumbers(t, map[string]float64{"sources.copied": 0, "sources.present": 1})
	compacted := p.one(t, "cache compact --cache merged")
	compacted.wantKeys(t, "dry_run spaces.fingerprint spaces.description spaces.in_use spaces.rows spaces.duplicates spaces.segments_before "+
		"spaces.segments spaces.written spaces.bytes_before spaces.bytes spaces.waiting spaces.damaged problems")
	compacted.wantNumbers(t, map[string]float64{"spaces.rows": 16, "spaces.duplicates": 4, "spaces.segments_before": 2, "spaces.segments": 1})
	p.one(t, "cache compact --cache merged").wantNumbers(t, map[string]float64{"spaces.written": 0})
	p.one(t, "extract --backbone distilbert --text name --cache merged --out all.features all.csv").wantNumbers(t, map[string]float64{"cached": 16, "backbone_rows": 0})
	// The backbone gives other bits in other batches, so the bytes of one run
	// are compared in package cache; here the rows.
	p.do(t, "cache verify --full --cache merged")

	p.fails(t, "cache merge one one", exitFailed, "one", "the same cache")
	p.fails(t, "cache merge one", exitUsage, "SRC… DST is missing")
	p.fails(t, "cache merge none merged", exitFailed, "there is no cache at none")
	p.fails(t, "cache merge one all.csv", exitFailed, "all.csv")

	before := segmentFiles(t, "merged")
	p.fails(t, "cache gc --cache merged", exitUsage, "--keep", "--all-unlisted")
	p.fails(t, "cache gc --cache merged one.features", exitUsage, "one.features", "--keep")
	p.fails(t, "cache gc --cache merged --keep one.features --all-unlisted", exitUsage, "give one of them")
	p.fails(t, "cache gc --cache merged --keep none.features", exitFailed, "nothing was removed", "none.features")
	p.fails(t, "cache gc --cache merged --keep one.features one.csv", exitFailed, "nothing was removed", "one.csv")
	keys = "dry_run rows dropped freed_bytes spaces.fingerprint spaces.description spaces.rows spaces.dropped spaces.segments spaces.removed " +
		"spaces.written spaces.freed_bytes spaces.gone spaces.waiting problems"
	plan = p.one(t, "cache gc --cache merged --dry-run --keep one.features")
	plan.wantKeys(t, keys)
	plan.wantNumbers(t, map[string]float64{"rows": 10, "dropped": 6})
	if now := segmentFiles(t, "merged"); now != before {
		t.Errorf("what was refused, or planned, has been done:\n%s\nwas\n%s", now, before)
	}

	// A live reader is not disturbed.
	c, err := cache.Open("merged", nil)
	if err != nil {
		t.Fatal(err)
	}
	spaces, err := c.Spaces()
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.Reader(spaces[0])
	if err != nil {
		t.Fatal(err)
	}
	p.fails(t, "cache gc --cache merged --keep one.features", exitFailed, "in use", "wait for it to end")
	p.fails(t, "cache compact --cache two --dry-run --all", exitUsage, "unknown flag")
	if got := p.one(t, "cache gc --cache merged --dry-run --keep one.features two.features"); got["dropped"] != 0.0 {
		t.Errorf("sets after --keep are kept too: %v", got)
	}
	code, stdout, _ := p.try(t, "cache compact --cache merged")
	if code != exitFailed || !strings.Contains(stdout, "is in use and stays as it is") {
		t.Errorf("compact while one reads: exit %d, %s", code, stdout)
	}
	r.Close()
	c.Close()

	p.one(t, "cache gc --cache merged --keep one.features").wantNumbers(t, map[string]float64{"rows": 10, "dropped": 6})
	p.one(t, "extract --dry-run --backbone distilbert --text name --cache merged --out all.features all.csv").wantNumbers(t, map[string]float64{"cached": 10, "missing": 6})
	p.do(t, "train-head --cache merged --l2 0.1 --cv 2 --by none --calibrate none one.features")
	p.one(t, "cache gc --cache merged --all-unlisted").wantNumbers(t, map[string]float64{"rows": 0, "dropped": 10})
	if s := segmentFiles(t, "merged"); s != "" {
		t.Errorf("left: %s", s)
	}
	p.fails(t, "train-head --cache merged one.features", exitFailed, "10 of 10", "headstart extract")
}

// Damage in a source is named, and what is sound is taken over.
func TestMergeOfADamagedCache(t *testing.T) {
	p := newPlace(t)
	p.table("one.csv", "image,name,label,group", p.samples(0, 5, "symbols"))
	p.do(t, "extract --text name --cache one --out one.features one.csv")
	name := filepath.Join("one", segmentFiles(t, "one"))
	b := p.read(name)
	b[4096] ^= 1
	os.Remove(name)
	p.put(name, b)
	p.fails(t, "cache merge one two", exitCorrupt, "left out", "SHA-256")
	p.do(t, "cache verify --full --cache two")
	p.one(t, "extract --dry-run --text name --cache two one.csv").wantNumbers(t, map[string]float64{"cached": 4, "missing": 1})
}

// Embeddings in float16: half the room, the same for whoever computes and
// whoever finds them, and near those in float32.
func TestFloat16(t *testing.T) {
	p := newPlace(t)
	p.small("distilbert")
	samples := p.samples(0, 12, "symbols", "food-and-drink")
	p.table("emoji.csv", "image,name,label,group", samples)
	p.do(t, "extract --backbone distilbert --text name --out single.features emoji.csv")
	p.do(t, "extract --backbone distilbert --text name --dtype f16 --out half.features emoji.csv")
	p.fails(t, "extract --backbone distilbert --text name --dtype f8 emoji.csv", exitUsage, "--dtype f8", "f32", "f16")
	p.fails(t, "extract --backbone distilbert --text name --dtype f16 --out single.features emoji.csv", exitFailed, "dtype is f32, not f16")

	single, _ := rowsOf(t, "single.features")
	half, _ := rowsOf(t, "half.features")
	differ := 0
	for i, v := range single {
		// Half a unit in the eleventh binary digit, or in the last place of a
		// subnormal half; and the backbone's own noise.
		if d := math.Abs(float64(v - half[i])); d > math.Abs(float64(v))/2048+1.0/(1<<25)+1e-6 {
			t.Fatalf("value %d is %v in float16, %v in float32", i, half[i], v)
		} else if d != 0 {
			differ++
		}
	}
	if differ == 0 {
		t.Error("nothing was rounded")
	}

	var sizes []float64
	for _, s := range p.one(t, "cache stat")["spaces"].([]any) {
		s := s.(map[string]any)
		if strings.HasSuffix(s["description"].(string), "float16") {
			sizes = append([]float64{s["bytes"].(float64)}, sizes...)
		} else {
			sizes = append(sizes, s["bytes"].(float64))
		}
	}
	if len(sizes) != 2 || sizes[1]-sizes[0] != 24*32*2 {
		t.Errorf("bytes of the two spaces: %v", sizes)
	}

	p.do(t, "train-head --l2 0.1 --cv 2 --by none --calibrate none half.features")
	p.table("new.csv", "id,text", [][]string{{"1", "a red apple"}, {"2", "no entry"}})
	first := p.do(t, "predict half.head.onnx --probabilities new.csv")
	if again := p.do(t, "predict half.head.onnx --probabilities new.csv"); again != first {
		t.Errorf("predicted when computed\n%s\nand when found\n%s", first, again)
	}
	p.fails(t, "predict half.head.onnx --dtype f32 new.csv", exitUsage, "--dtype f32", "f16")
	if code, _, stderr := p.try(t, "train-head --l2 0.1 --cv 2 --by none --out both.head.onnx half.features single.features"); code != exitDone {
		t.Errorf("joined: %s", stderr)
	}
}

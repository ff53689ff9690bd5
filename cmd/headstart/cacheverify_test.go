package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract/features"
)

// forge fills a new cache with rows of the set at path that the backbone never
// gave, all but the last skip.
func (p *place) forge(path, dir string, skip int) {
	p.t.Helper()
	set, err := features.Read(path)
	if err != nil {
		p.t.Fatal(err)
	}
	space, err := cache.ParseSpace(set.Meta.Spaces[0])
	if err != nil {
		p.t.Fatal(err)
	}
	store, err := cache.Create(dir, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	defer store.Close()
	w, err := store.Writer(space, map[string]string{"runtime": "a runtime of long ago"})
	if err != nil {
		p.t.Fatal(err)
	}
	n := set.N() - skip
	rows := make([]float32, n*space.Dim())
	for i := range rows {
		rows[i] = float32(i%7) - 3
	}
	if err := w.Append(set.Keys[:n], rows); err != nil {
		p.t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		p.t.Fatal(err)
	}
}

func TestCacheVerifyOfFeatureSets(t *testing.T) {
	p := newPlace(t)
	samples := p.samples(0, 20, "food-and-drink")
	p.table("emoji.csv", "image,name,label,group", samples)
	p.small("distilbert")
	p.small("vit")
	p.do(t, "extract --backbone distilbert --text name --out names.features emoji.csv")
	for _, s := range samples[:12] {
		p.put("photos/"+filepath.Base(s[0]), p.read(filepath.Join(p.emoji, s[0])))
	}
	p.do(t, "extract --backbone vit --alpha white photos")
	sound := map[string]float64{"recomputed": 0, "unreadable": 0, "missing": 0}

	p.one(t, "cache verify").wantNumbers(t, sound)
	p.one(t, "cache verify names.features photos.features").wantNumbers(t, sound)
	p.one(t, "cache verify --recompute 5 names.features").wantNumbers(t, map[string]float64{"recomputed": 5, "unreadable": 0, "missing": 0})
	both := p.one(t, "cache verify --recompute 100 names.features photos.features")
	both.wantNumbers(t, map[string]float64{"recomputed": 32, "unreadable": 0, "missing": 0})
	if out := p.do(t, "cache verify --recompute 3 photos.features"); !strings.HasPrefix(out, "OK: ") || !strings.Contains(out, "3 rows computed again, 0 samples") {
		t.Errorf("it prints %q", out)
	}

	t.Run("samples that moved, changed or went", func(t *testing.T) {
		if err := os.Rename("photos", "moved"); err != nil {
			t.Fatal(err)
		}
		p.fails(t, "cache verify --recompute 3 photos.features", exitFailed, "photos.features", "--root DIR")
		p.one(t, "cache verify --recompute 3 --root moved photos.features").wantNumbers(t, map[string]float64{"recomputed": 3})
		p.put("moved/"+filepath.Base(samples[0][0]), p.read(filepath.Join(p.emoji, samples[19][0])))
		if err := os.Remove("moved/" + filepath.Base(samples[1][0])); err != nil {
			t.Fatal(err)
		}
		code, stdout, stderr := p.try(t, "cache verify --recompute 12 --root moved photos.features --json")
		if code != exitDone || !strings.Contains(stderr, "2 of 12 samples cannot be read again") {
			t.Errorf("exit %d: %s", code, stderr)
		}
		objects(t, stdout)[0].wantNumbers(t, map[string]float64{"recomputed": 10, "unreadable": 2, "missing": 0})
		if err := os.MkdirAll("none", 0o755); err != nil {
			t.Fatal(err)
		}
		p.put("none/other.png", p.read(filepath.Join(p.emoji, samples[19][0])))
		p.fails(t, "cache verify --recompute 3 --root none photos.features", exitFailed, "none of 3 samples can be read again", "--root DIR")
	})

	t.Run("rows that the cache lacks", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "cache")
		p.forge("names.features", dir, 4)
		p.fails(t, "cache verify names.features --cache "+dir, exitFailed, "lacks 4 of 20 rows", "headstart extract --backbone distilbert")
		code, stdout, _ := p.try(t, "cache verify names.features --json --cache "+dir)
		got := objects(t, stdout)[0]
		got.wantNumbers(t, map[string]float64{"missing": 4, "recomputed": 0})
		if code != exitFailed || got["ok"] != false {
			t.Errorf("exit %d, ok %v", code, got["ok"])
		}
		p.one(t, "cache verify --cache "+dir).wantNumbers(t, sound)
	})

	t.Run("rows that the backbone would not give", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "cache")
		p.forge("names.features", dir, 0)
		code, stdout, stderr := p.try(t, "cache verify --recompute 6 names.features --json --cache "+dir)
		if code != exitCorrupt || !strings.Contains(stderr, "6 problems") || !strings.Contains(stderr, "--runtime FILE") {
			t.Errorf("exit %d: %s", code, stderr)
		}
		got := objects(t, stdout)[0]
		got.wantNumbers(t, map[string]float64{"recomputed": 6})
		var problems []cacheProblem
		raw, _ := json.Marshal(got["problems"])
		if err := json.Unmarshal(raw, &problems); err != nil || len(problems) != 6 {
			t.Fatalf("%v: %s", err, raw)
		}
		for _, one := range problems {
			if len(one.Key) != 64 || one.Row != nil || !strings.HasPrefix(one.Path, "spaces/") || !strings.Contains(one.Reason, "of names.features: embedded again") || !strings.Contains(one.Reason, "under 0.9999") {
				t.Errorf("%+v", one)
			}
		}
		// The same samples every time.
		if _, again, _ := p.try(t, "cache verify --recompute 6 names.features --json --cache "+dir); again != stdout {
			t.Errorf("another time it prints %s, not %s", again, stdout)
		}
	})

	t.Run("a damaged row", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "cache")
		p.do(t, "extract --backbone distilbert --text name --out damaged.features emoji.csv --cache "+dir)
		segments, err := filepath.Glob(dir + "/spaces/*/seg/*")
		if err != nil || len(segments) != 1 {
			t.Fatal(segments, err)
		}
		segment := p.read(segments[0])
		segment[4096] ^= 1 // in the first row
		if err := os.Chmod(segments[0], 0o644); err != nil {
			t.Fatal(err)
		}
		p.put(segments[0], segment)
		for _, full := range []string{"", "--full "} {
			code, stdout, stderr := p.try(t, "cache verify "+full+"--recompute 20 damaged.features --json --cache "+dir)
			if code != exitCorrupt || strings.Contains(stderr, "--runtime") || !strings.Contains(stderr, "checksum") && full == "" {
				t.Errorf("exit %d: %s", code, stderr)
			}
			got := objects(t, stdout)[0]
			got.wantNumbers(t, map[string]float64{"recomputed": 19, "unreadable": 0})
			if n := strings.Count(stdout, `"row":0,`); n != 1 {
				t.Errorf("verify %s: the row is named %d times: %s", full, n, stdout)
			}
		}
	})

	for line, parts := range map[string][]string{
		"cache verify --recompute 3":                  {"--recompute", "feature sets"},
		"cache verify --recompute 0 names.features":   {"--recompute 0"},
		"cache verify --full --fast":                  {"--fast and --full"},
		"cache verify --recompute -1 names.features":  {"--recompute"},
		"cache verify --recompute few names.features": {"--recompute"},
	} {
		p.fails(t, line, exitUsage, parts...)
	}
	p.fails(t, "cache verify emoji.csv", exitFailed, "emoji.csv")
}

// TestDriftEndsAnExtraction has a cache of rows that the backbone does not
// give.
func TestDriftEndsAnExtraction(t *testing.T) {
	p := newPlace(t)
	p.small("distilbert")
	samples := p.samples(0, 12, "food-and-drink")
	p.table("emoji.csv", "image,name,label,group", samples[:10])
	p.do(t, "extract --backbone distilbert --text name --out names.features emoji.csv")
	dir := filepath.Join(t.TempDir(), "cache")
	p.forge("names.features", dir, 0)
	before := p.one(t, "cache stat --cache "+dir)
	p.one(t, "extract --backbone distilbert --text name --out again.features emoji.csv --cache "+dir).wantNumbers(t, map[string]float64{"cached": 10, "check_rows": 0})

	p.table("more.csv", "image,name,label,group", samples)
	set, err := features.ReadMeta("names.features")
	if err != nil {
		t.Fatal(err)
	}
	space, err := cache.ParseSpace(set.Spaces[0])
	if err != nil {
		t.Fatal(err)
	}
	p.fails(t, "extract --backbone distilbert --text name --out more.features more.csv --cache "+dir, exitFailed,
		"space "+space.String(), "more.csv:", "under 0.9999", "a runtime of long ago", "onnxruntime", "--cache DIR")
	if after := p.one(t, "cache stat --cache "+dir); after.number(t, "rows") != before.number(t, "rows") {
		t.Errorf("the cache had %v and has %v", before, after)
	}
	if _, err := os.Stat("more.features"); err == nil {
		t.Error("it left a feature set")
	}
	p.one(t, "extract --backbone distilbert --text name --out more.features more.csv").wantNumbers(t, map[string]float64{"cached": 10, "computed": 2, "check_rows": 8})
}

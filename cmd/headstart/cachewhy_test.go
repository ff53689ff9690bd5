package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract/features"
)

// whys runs `cache why --json` and returns its lines, whose keys are checked.
func (p *place) whys(t *testing.T, args string) []object {
	t.Helper()
	all := objects(t, p.do(t, "cache why --json "+args))
	for _, o := range all {
		keys := "space known samples cached waiting nearest"
		if o["nearest"] != nil {
			keys += " nearest.space nearest.cached nearest.differences.field nearest.differences.here nearest.differences.there"
		}
		o.wantKeys(t, keys)
	}
	return all
}

// differences lists the nearest space's, as "FIELD HERE THERE".
func (o object) differences(t *testing.T) []string {
	t.Helper()
	v, ok := o.at("nearest.differences")
	if !ok {
		t.Fatalf("there is no nearest space: %v", o)
	}
	var out []string
	for _, d := range v.([]any) {
		m := d.(map[string]any)
		out = append(out, strings.Join([]string{m["field"].(string), m["here"].(string), m["there"].(string)}, " "))
	}
	return out
}

// wantSays checks that all parts stand in a text.
func wantSays(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in:\n%s", part, text)
		}
	}
}

func TestCacheWhy(t *testing.T) {
	p := newPlace(t)
	samples := p.samples(0, 10, "food-and-drink")
	for _, r := range samples {
		p.put("photos/food/"+filepath.Base(r[0]), p.read(filepath.Join(p.emoji, r[0])))
	}
	p.table("names.csv", "image,name,label,group", samples)
	p.put("texts.txt", []byte("a red apple\na small dog\na red apple\n\n"))
	p.fails(t, "cache why photos", exitFailed, "there is no cache at", "headstart extract")
	p.do(t, "extract photos --alpha white")
	p.do(t, "extract texts.txt --max-bad 1")
	library := os.Getenv("HEADSTART_RUNTIME")
	t.Setenv("HEADSTART_RUNTIME", "no-library-is-needed.so")

	t.Run("all is there", func(t *testing.T) {
		for _, args := range []string{"photos.features", "photos --alpha white", "names.csv --image image --alpha white --root " + p.emoji} {
			all := p.whys(t, args)
			if len(all) != 1 || all[0]["known"] != true || all[0]["nearest"] != nil {
				t.Fatalf("%s: %v", args, all)
			}
			all[0].wantNumbers(t, map[string]float64{"samples": 10, "cached": 10, "waiting": 0})
		}
		text := p.do(t, "cache why photos.features")
		wantSays(t, text, "photos.features: space ", "efficientnet-lite0", "alpha white) holds 10 of 10 samples.\n")
		if strings.Count(text, "\n") != 1 {
			t.Errorf("more than there is to say: %s", text)
		}
	})

	t.Run("one field differs", func(t *testing.T) {
		o := p.whys(t, "photos")[0]
		if o["known"] != false {
			t.Error("the space is in the cache")
		}
		o.wantNumbers(t, map[string]float64{"samples": 10, "cached": 0, "nearest.cached": 10})
		if got := o.differences(t); !slices.Equal(got, []string{"prep.alpha drop white"}) {
			t.Errorf("differences %q", got)
		}
		wantSays(t, p.do(t, "cache why photos"), "holds 0 of 10 samples; this cache does not have the space", "holds 10 of the 10 missing and differs in one field",
			"prep.alpha (what becomes of transparency): drop here, white there", "With --alpha white extract finds them there.")
	})

	t.Run("several fields differ", func(t *testing.T) {
		got := p.whys(t, "photos --exif ignore --grey16 scale")[0].differences(t)
		if want := []string{"prep.alpha drop white", "prep.exif ignore apply", "prep.grey16 scale clip"}; !slices.Equal(got, want) {
			t.Errorf("differences %q", got)
		}
		wantSays(t, p.do(t, "cache why photos --exif ignore"), "differs in 2 fields", "With --alpha white --exif apply extract")
	})

	t.Run("texts", func(t *testing.T) {
		code, stdout, stderr := p.try(t, "cache why texts.txt --json")
		if code != exitDone || !strings.Contains(stderr, "1 sample cannot be read") || !strings.Contains(stderr, "texts.txt:4: empty") {
			t.Errorf("exit %d: %s", code, stderr)
		}
		// The apple that stands there twice counts once.
		objects(t, stdout)[0].wantNumbers(t, map[string]float64{"samples": 2, "cached": 2})
	})

	t.Run("a file under another name, and another content", func(t *testing.T) {
		content := p.read("photos/food/" + filepath.Base(samples[0][0]))
		p.put("elsewhere/renamed.bin.png", content)
		p.whys(t, "elsewhere/renamed.bin.png --alpha white")[0].wantNumbers(t, map[string]float64{"samples": 1, "cached": 1})

		// A byte after the end of the picture: the same pixels, other content.
		p.put("elsewhere/renamed.bin.png", append(content, 0))
		o := p.whys(t, "elsewhere/renamed.bin.png --alpha white")[0]
		o.wantNumbers(t, map[string]float64{"samples": 1, "cached": 0})
		if o["nearest"] != nil || o["known"] != true {
			t.Errorf("%v", o)
		}
		wantSays(t, p.do(t, "cache why elsewhere/renamed.bin.png --alpha white"),
			"holds 0 of 1 sample.", "No space of this cache holds what is missing", "never embedded", "content has changed")
		// Nobody has it and the space is unknown: which one is near is said all
		// the same, and that it has nothing.
		o = p.whys(t, "elsewhere/renamed.bin.png")[0]
		o.wantNumbers(t, map[string]float64{"nearest.cached": 0})
		if got := o.differences(t); !slices.Equal(got, []string{"prep.alpha drop white"}) {
			t.Errorf("differences %q", got)
		}
		wantSays(t, p.do(t, "cache why elsewhere/renamed.bin.png"), "No space of this cache holds", "The nearest space is", "drop here, white there")
	})

	t.Run("a part is missing", func(t *testing.T) {
		p.put("more/food/new.png", p.read(filepath.Join(p.emoji, p.samples(10, 1, "food-and-drink")[0][0])))
		o := p.whys(t, "photos more --alpha white")[0]
		o.wantNumbers(t, map[string]float64{"samples": 11, "cached": 10})
		t.Setenv("HEADSTART_RUNTIME", library)
		p.do(t, "extract more")
		o = p.whys(t, "photos more --alpha white")[0]
		o.wantNumbers(t, map[string]float64{"samples": 11, "cached": 10, "nearest.cached": 1})
		if got := o.differences(t); !slices.Equal(got, []string{"prep.alpha white drop"}) {
			t.Errorf("differences %q", got)
		}
	})

	t.Run("a feature set of two spaces, in another cache", func(t *testing.T) {
		photos, err := features.Read("photos.features")
		if err != nil {
			t.Fatal(err)
		}
		other, err := cache.NewSpace(map[string]any{"dim": 2, "dtype": "f32", "model": map[string]any{"sha256": "other"}})
		if err != nil {
			t.Fatal(err)
		}
		meta := photos.Meta
		meta.Spaces = append(meta.Spaces, other.JSON())
		w, err := features.NewWriter("two.features", &meta)
		if err != nil {
			t.Fatal(err)
		}
		for i, key := range photos.Keys {
			for _, id := range []string{photos.IDs[i], "again/" + photos.IDs[i]} {
				if err := w.Append(features.Row{ID: id, Key: key}); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		all := p.whys(t, "two.features photos.features")
		if len(all) != 3 {
			t.Fatalf("%d lines for three spaces", len(all))
		}
		all[0].wantNumbers(t, map[string]float64{"samples": 10, "cached": 10})
		all[1].wantNumbers(t, map[string]float64{"samples": 10, "cached": 0, "nearest.cached": 10})
		if all[1]["space"] != other.Fingerprint() || all[1]["known"] != false {
			t.Errorf("%v", all[1])
		}
		if got := all[1].differences(t); !slices.ContainsFunc(got, func(d string) bool { return strings.HasPrefix(d, "model.sha256 other ") }) {
			t.Errorf("differences %q", got)
		}
		wantSays(t, p.do(t, "cache why two.features"), "model.sha256 (the model's bytes): other here, ", " of efficientnet-lite0 there", "more, which --json lists")

		elsewhere := filepath.Join(t.TempDir(), "cache")
		c, err := cache.Create(elsewhere, nil)
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
		o := p.whys(t, "photos.features --cache "+elsewhere)[0]
		if o["known"] != false || o["nearest"] != nil {
			t.Errorf("%v", o)
		}
		wantSays(t, p.do(t, "cache why photos.features --cache "+elsewhere), "No space of this cache holds what is missing", "--cache names", "computes them again from photos")
	})

	t.Run("rows wait and rows are damaged", func(t *testing.T) {
		set, err := features.Read("texts.features")
		if err != nil {
			t.Fatal(err)
		}
		space, err := cache.ParseSpace(set.Meta.Spaces[0])
		if err != nil {
			t.Fatal(err)
		}
		store, err := cache.Create(os.Getenv("HEADSTART_CACHE"), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		w, err := store.Writer(space, nil)
		if err != nil {
			t.Fatal(err)
		}
		p.put("later.txt", []byte("a green pear\n"))
		if err := w.Append([]cache.Key{cache.KeyOf("text", []byte("a green pear"))}, make([]float32, space.Dim())); err != nil {
			t.Fatal(err)
		}
		w.Abandon()
		p.whys(t, "later.txt")[0].wantNumbers(t, map[string]float64{"samples": 1, "cached": 0, "waiting": 1})
		wantSays(t, p.do(t, "cache why later.txt"), "1 journal of the space may hold some of the missing")

		segments, err := filepath.Glob(filepath.Join(os.Getenv("HEADSTART_CACHE"), "spaces", space.Fingerprint(), "seg", "*.safetensors"))
		if err != nil || len(segments) != 1 {
			t.Fatalf("%v: %v", segments, err)
		}
		content := p.read(segments[0])
		content[4096] ^= 1 // the first value of the first row
		if err := os.Chmod(segments[0], 0o644); err != nil {
			t.Fatal(err)
		}
		p.put(segments[0], content)
		p.whys(t, "texts.features")[0].wantNumbers(t, map[string]float64{"samples": 2, "cached": 1})
		wantSays(t, p.do(t, "cache why texts.features"), "Damaged, so that it counts as missing: 1 segment or row")
	})

	t.Run("mistakes", func(t *testing.T) {
		p.fails(t, "cache why photos photos.features", exitUsage, "not both")
		p.fails(t, "cache why photos.features --alpha white", exitUsage, "--alpha says how samples are read")
		p.fails(t, "cache why photos --max-bad 1", exitUsage, "unknown flag --max-bad")
		p.fails(t, "cache why nowhere", exitFailed, "nowhere", "no such file")
		p.fails(t, "cache why texts.txt --alpha white", exitUsage, "for images")
	})

	t.Run("a space that was edited", func(t *testing.T) {
		meta, err := features.ReadMeta("photos.features")
		if err != nil {
			t.Fatal(err)
		}
		space, err := cache.ParseSpace(meta.Spaces[0])
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(os.Getenv("HEADSTART_CACHE"), "spaces", space.Fingerprint(), "space.json")
		var id map[string]any
		if err := json.Unmarshal(p.read(name), &id); err != nil {
			t.Fatal(err)
		}
		id["output"] = "other"
		edited, err := json.Marshal(id)
		if err != nil {
			t.Fatal(err)
		}
		p.put(name, edited)
		p.fails(t, "cache why photos.features", exitCorrupt, "space.json", "edited")
		// Asked about another space, it is left out and that is said.
		code, _, stderr := p.try(t, "cache why texts.features")
		if code != exitDone || !strings.Contains(stderr, "spaces that are refused are left out") {
			t.Errorf("exit %d: %s", code, stderr)
		}
	})
}

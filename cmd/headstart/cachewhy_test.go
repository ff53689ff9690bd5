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

// TestCacheWhy asks why samples are missing, or that none is.
// asked is a place with photos and texts in its cache.
type asked struct {
	*place
	samples [][]string // of the photos
	library string     // the runtime's, which cache why needs nowhere
}

func TestCacheWhy(t *testing.T) {
	a := &asked{place: newPlace(t)}
	a.samples = a.place.samples(0, 10, "food-and-drink")
	for _, r := range a.samples {
		a.put("photos/food/"+filepath.Base(r[0]), a.read(filepath.Join(a.emoji, r[0])))
	}
	a.table("names.csv", "image,name,label,group", a.samples)
	a.put("texts.txt", []byte("a red apple\na small dog\na red apple\n\n"))
	a.fails(t, "cache why photos", exitFailed, "there is no cache at", "headstart extract")
	a.do(t, "extract photos --alpha white")
	a.do(t, "extract texts.txt --max-bad 1")
	a.library = os.Getenv("HEADSTART_RUNTIME")
	t.Setenv("HEADSTART_RUNTIME", "no-library-is-needed.so")

	t.Run("all is there", a.complete)
	t.Run("one field differs", a.oneField)
	t.Run("several fields differ", a.fields)
	t.Run("texts", a.texts)
	t.Run("a file under another name, and another content", a.contents)
	t.Run("a part is missing", a.part)
	t.Run("a feature set of two spaces, in another cache", a.spaces)
	t.Run("rows wait and rows are damaged", a.rows)
	t.Run("mistakes", a.mistakes)
	t.Run("a space that was edited", a.edited)
}

// Where nothing is missing there is a line a space, and no more.
func (a *asked) complete(t *testing.T) {
	for _, args := range []string{"photos.features", "photos --alpha white", "names.csv --image image --alpha white --root " + a.emoji} {
		all := a.whys(t, args)
		if len(all) != 1 || all[0]["known"] != true || all[0]["nearest"] != nil {
			t.Fatalf("%s: %v", args, all)
		}
		all[0].wantNumbers(t, map[string]float64{"samples": 10, "cached": 10, "waiting": 0})
	}
	text := a.do(t, "cache why photos.features")
	wantSays(t, text, "photos.features: space ", "efficientnet-lite0", "alpha white) holds 10 of 10 samples.\n")
	if strings.Count(text, "\n") != 1 {
		t.Errorf("more than there is to say: %s", text)
	}
}

// The nearest space is named with the field that differs and the flag that says
// otherwise.
func (a *asked) oneField(t *testing.T) {
	o := a.whys(t, "photos")[0]
	if o["known"] != false {
		t.Error("the space is in the cache")
	}
	o.wantNumbers(t, map[string]float64{"samples": 10, "cached": 0, "nearest.cached": 10})
	if got := o.differences(t); !slices.Equal(got, []string{"prep.alpha drop white"}) {
		t.Errorf("differences %q", got)
	}
	wantSays(t, a.do(t, "cache why photos"), "holds 0 of 10 samples; this cache does not have the space", "holds 10 of the 10 missing and differs in one field",
		"prep.alpha (what becomes of transparency): drop here, white there", "With --alpha white extract finds them there.")
}

// Several fields are listed.
func (a *asked) fields(t *testing.T) {
	got := a.whys(t, "photos --exif ignore --grey16 scale")[0].differences(t)
	if want := []string{"prep.alpha drop white", "prep.exif ignore apply", "prep.grey16 scale clip"}; !slices.Equal(got, want) {
		t.Errorf("differences %q", got)
	}
	wantSays(t, a.do(t, "cache why photos --exif ignore"), "differs in 2 fields", "With --alpha white --exif apply extract")
}

// A text that stands there twice counts once; what cannot be read is said.
func (a *asked) texts(t *testing.T) {
	code, stdout, stderr := a.try(t, "cache why texts.txt --json")
	if code != exitDone || !strings.Contains(stderr, "1 sample cannot be read") || !strings.Contains(stderr, "texts.txt:4: empty") {
		t.Errorf("exit %d: %s", code, stderr)
	}
	// The apple that stands there twice counts once.
	objects(t, stdout)[0].wantNumbers(t, map[string]float64{"samples": 2, "cached": 2})
}

// Content counts, not the name.
func (a *asked) contents(t *testing.T) {
	content := a.read("photos/food/" + filepath.Base(a.samples[0][0]))
	a.put("elsewhere/renamed.bin.png", content)
	a.whys(t, "elsewhere/renamed.bin.png --alpha white")[0].wantNumbers(t, map[string]float64{"samples": 1, "cached": 1})

	// A byte after the end of the picture: the same pixels, other content.
	a.put("elsewhere/renamed.bin.png", append(content, 0))
	o := a.whys(t, "elsewhere/renamed.bin.png --alpha white")[0]
	o.wantNumbers(t, map[string]float64{"samples": 1, "cached": 0})
	if o["nearest"] != nil || o["known"] != true {
		t.Errorf("%v", o)
	}
	wantSays(t, a.do(t, "cache why elsewhere/renamed.bin.png --alpha white"),
		"holds 0 of 1 sample.", "No space of this cache holds what is missing", "never embedded", "content has changed")
	// Nobody has it and the space is unknown: which one is near is said all
	// the same, and that it has nothing.
	o = a.whys(t, "elsewhere/renamed.bin.png")[0]
	o.wantNumbers(t, map[string]float64{"nearest.cached": 0})
	if got := o.differences(t); !slices.Equal(got, []string{"prep.alpha drop white"}) {
		t.Errorf("differences %q", got)
	}
	wantSays(t, a.do(t, "cache why elsewhere/renamed.bin.png"), "No space of this cache holds", "The nearest space is", "drop here, white there")
}

// Some samples are in one space and one in another.
func (a *asked) part(t *testing.T) {
	a.put("more/food/new.png", a.read(filepath.Join(a.emoji, a.place.samples(10, 1, "food-and-drink")[0][0])))
	o := a.whys(t, "photos more --alpha white")[0]
	o.wantNumbers(t, map[string]float64{"samples": 11, "cached": 10})
	t.Setenv("HEADSTART_RUNTIME", a.library)
	a.do(t, "extract more")
	o = a.whys(t, "photos more --alpha white")[0]
	o.wantNumbers(t, map[string]float64{"samples": 11, "cached": 10, "nearest.cached": 1})
	if got := o.differences(t); !slices.Equal(got, []string{"prep.alpha white drop"}) {
		t.Errorf("differences %q", got)
	}
}

// A feature set of several spaces has a line each, in whichever cache.
func (a *asked) spaces(t *testing.T) {
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
	all := a.whys(t, "two.features photos.features")
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
	wantSays(t, a.do(t, "cache why two.features"), "model.sha256 (the model's bytes): other here, ", " of efficientnet-lite0 there", "more, which --json lists")

	elsewhere := filepath.Join(t.TempDir(), "cache")
	c, err := cache.Create(elsewhere, nil)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	o := a.whys(t, "photos.features --cache "+elsewhere)[0]
	if o["known"] != false || o["nearest"] != nil {
		t.Errorf("%v", o)
	}
	wantSays(t, a.do(t, "cache why photos.features --cache "+elsewhere), "No space of this cache holds what is missing", "--cache names", "computes them again from photos")
}

// Rows in a journal and damaged rows are told from those that were never there.
func (a *asked) rows(t *testing.T) {
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
	a.put("later.txt", []byte("a green pear\n"))
	if err := w.Append([]cache.Key{cache.KeyOf("text", []byte("a green pear"))}, make([]float32, space.Dim())); err != nil {
		t.Fatal(err)
	}
	w.Abandon()
	a.whys(t, "later.txt")[0].wantNumbers(t, map[string]float64{"samples": 1, "cached": 0, "waiting": 1})
	wantSays(t, a.do(t, "cache why later.txt"), "1 journal of the space may hold some of the missing")

	segments, err := filepath.Glob(filepath.Join(os.Getenv("HEADSTART_CACHE"), "spaces", space.Fingerprint(), "seg", "*.safetensors"))
	if err != nil || len(segments) != 1 {
		t.Fatalf("%v: %v", segments, err)
	}
	content := a.read(segments[0])
	content[4096] ^= 1 // the first value of the first row
	if err := os.Chmod(segments[0], 0o644); err != nil {
		t.Fatal(err)
	}
	a.put(segments[0], content)
	a.whys(t, "texts.features")[0].wantNumbers(t, map[string]float64{"samples": 2, "cached": 1})
	wantSays(t, a.do(t, "cache why texts.features"), "Damaged, so that it counts as missing: 1 segment or row")
}

// What cannot be asked is a mistake.
func (a *asked) mistakes(t *testing.T) {
	a.fails(t, "cache why photos photos.features", exitUsage, "not both")
	a.fails(t, "cache why photos.features --alpha white", exitUsage, "--alpha says how samples are read")
	a.fails(t, "cache why photos --max-bad 1", exitUsage, "unknown flag --max-bad")
	a.fails(t, "cache why nowhere", exitFailed, "nowhere", "no such file")
	a.fails(t, "cache why texts.txt --alpha white", exitUsage, "for images")
}

// A space whose identity was edited is refused.
func (a *asked) edited(t *testing.T) {
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
	if err := json.Unmarshal(a.read(name), &id); err != nil {
		t.Fatal(err)
	}
	id["output"] = "other"
	edited, err := json.Marshal(id)
	if err != nil {
		t.Fatal(err)
	}
	a.put(name, edited)
	a.fails(t, "cache why photos.features", exitCorrupt, "space.json", "edited")
	// Asked about another space, it is left out and that is said.
	code, _, stderr := a.try(t, "cache why texts.features")
	if code != exitDone || !strings.Contains(stderr, "spaces that are refused are left out") {
		t.Errorf("exit %d: %s", code, stderr)
	}
}

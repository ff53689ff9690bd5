package extract_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract"
	"github.com/headstart-ml/headstart/extract/source"
	"github.com/headstart-ml/headstart/models"
)

// runOver runs src through a fake backbone into the cache in dir.
func runOver(t *testing.T, dir string, spec *models.Spec, backbone *fake, settings *extract.Settings, opts *source.Options, paths ...string) (*sink, *extract.Stats, error) {
	t.Helper()
	out, stats := new(sink), new(extract.Stats)
	err := extract.Run(t.Context(), spec, backbone, store(t, dir), open(t, opts, paths...), out, stats, settings)
	return out, stats, err
}

func TestEverySampleReachesTheSinkInOrder(t *testing.T) {
	var lines []string
	for i := range 9000 {
		switch {
		case i%1000 == 7:
			lines = append(lines, "") // bad
		case i%10 == 3:
			lines = append(lines, "the same again")
		default:
			lines = append(lines, fmt.Sprintf("text number %d %s", i, strings.Repeat("word ", i%40)))
		}
	}
	path := write(t, "texts.txt", strings.Join(lines, "\n")+"\n")
	backbone := new(fake)
	settings := &extract.Settings{Threads: 3, Embeddings: true}
	dir := t.TempDir()
	first, stats, err := runOver(t, dir, textSpec(t), backbone, settings, nil, path)
	if err != nil {
		t.Fatal(err)
	}
	if len(first.rows) != len(lines) {
		t.Fatalf("%d of %d samples reached the sink", len(first.rows), len(lines))
	}
	for i, row := range first.rows {
		if want := fmt.Sprintf("texts#%d", i+1); row.Sample.ID != want {
			t.Fatalf("sample %d has id %s, want %s", i, row.Sample.ID, want)
		}
		if lines[i] == "" {
			if row.Bad != "empty" {
				t.Fatalf("sample %d: an empty text is bad for the reason %q", i, row.Bad)
			}
			continue
		}
		if row.Key != cache.KeyOf("text", []byte(lines[i])) {
			t.Fatalf("sample %d: wrong key", i)
		}
		if len(first.embeddings[i]) != fakeDim {
			t.Fatalf("sample %d: an embedding of %d values", i, len(first.embeddings[i]))
		}
	}
	if got, rows, checks := backbone.rows.Load(), stats.BackboneRows.Load(), stats.CheckRows.Load(); got != rows+checks || checks != 8 {
		t.Fatalf("the backbone saw %d rows, the statistics say %d and %d for checks, want 8", got, rows, checks)
	}
	if bad, want := stats.Bad.Load(), int64(9); bad != want {
		t.Errorf("%d bad samples, want %d", bad, want)
	}
	// 900 samples share one text.
	if computed, duplicates := stats.Computed.Load(), stats.Duplicates.Load(); computed != 9000-9-899 || duplicates != 899 {
		t.Errorf("%d computed, %d duplicates; want %d and %d", computed, duplicates, 9000-9-899, 899)
	}

	second, stats, err := runOver(t, dir, textSpec(t), backbone, settings, nil, path)
	if err != nil {
		t.Fatal(err)
	}
	if n := stats.BackboneRows.Load(); n != 0 {
		t.Errorf("a second run sent %d rows through the backbone", n)
	}
	for i := range first.embeddings {
		if !slices.Equal(first.embeddings[i], second.embeddings[i]) {
			t.Fatalf("sample %d: the cache gives another vector than the backbone gave", i)
		}
	}
}

func TestBatchingChangesNoVector(t *testing.T) {
	var lines []string
	for i := range 300 {
		lines = append(lines, fmt.Sprintf("sentence %d %s", i, strings.Repeat("and more ", i%17)))
	}
	path := write(t, "texts.txt", strings.Join(lines, "\n"))
	one, _, err := runOver(t, t.TempDir(), textSpec(t), new(fake), &extract.Settings{Threads: 1, BatchSize: 1, Embeddings: true}, nil, path)
	if err != nil {
		t.Fatal(err)
	}
	many, _, err := runOver(t, t.TempDir(), textSpec(t), new(fake), &extract.Settings{Threads: 4, BatchSize: 32, Embeddings: true}, nil, path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range one.embeddings {
		if !slices.Equal(one.embeddings[i], many.embeddings[i]) {
			t.Fatalf("text %d: a vector depends on its batch", i)
		}
	}
}

func TestOnlyNewContentsAreComputed(t *testing.T) {
	emoji, err := filepath.Glob("../testdata/emoji/images/1f60*.png")
	if err != nil || len(emoji) < 15 {
		t.Fatalf("%d emoji: %v", len(emoji), err)
	}
	root, dir := t.TempDir(), t.TempDir()
	place := func(name, from string) string {
		content, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	stat := store(t, dir).StatCache("image")
	var checks int64 // of the last run
	rows := func() int64 {
		t.Helper()
		_, stats, err := runOver(t, dir, imageSpec(), new(fake), &extract.Settings{StatCache: stat}, nil, root)
		if err != nil {
			t.Fatal(err)
		}
		checks = stats.CheckRows.Load()
		return stats.BackboneRows.Load()
	}
	for i := range 5 {
		place(fmt.Sprintf("a/%d.png", i), emoji[i])
	}
	if n := rows(); n != 5 || checks != 4+4 {
		t.Fatalf("5 images: %d rows, %d for checks; want 4 together and each alone", n, checks)
	}
	for i := range 10 {
		place(fmt.Sprintf("b/%d.png", i), emoji[5+i])
	}
	if n := rows(); n != 10 || checks != 5 {
		t.Errorf("10 images more: %d rows, %d for checks; want the 5 that there were", n, checks)
	}
	if err := os.Rename(filepath.Join(root, "a/0.png"), filepath.Join(root, "b/renamed.png")); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(filepath.Join(root, "a/1.png"), time.Now(), time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	if n := rows(); n != 0 || checks != 0 {
		t.Errorf("one renamed, one touched: %d rows, %d for checks", n, checks)
	}
	for i := range 5 {
		place(fmt.Sprintf("c/copy%d.png", i), "../testdata/emoji/images/1f34e.png")
	}
	if n := rows(); n != 1 || checks != 8 {
		t.Errorf("one content under 5 names: %d rows, %d for checks", n, checks)
	}
}

func TestBadImagesAreNamedAndTheRunGoesOn(t *testing.T) {
	good, err := os.ReadFile("../testdata/emoji/images/1f34e.png")
	if err != nil {
		t.Fatal(err)
	}
	corrupt := slices.Clone(good)
	corrupt[len(corrupt)/2] ^= 0xff
	huge := slices.Clone(good[:33])
	copy(huge[16:24], "\x00\x00\xc3\x50\x00\x00\xc3\x50") // 50,000×50,000; the header's checksum follows
	root := t.TempDir()
	for name, content := range map[string][]byte{
		"x/good.png": good, "x/empty.png": {}, "x/corrupt.png": corrupt, "x/truncated.png": good[:len(good)*2/3],
		"x/text.png": []byte("no image at all"), "x/huge.png": withHeaderCRC(huge),
	} {
		path := filepath.Join(root, name)
		os.MkdirAll(filepath.Dir(path), 0o755)
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	out, stats, err := runOver(t, t.TempDir(), imageSpec(), new(fake), nil, nil, root)
	if err != nil {
		t.Fatal(err)
	}
	if stats.Bad.Load() != 5 || stats.Computed.Load() != 1 {
		t.Errorf("%d bad, %d computed; want 5 and 1", stats.Bad.Load(), stats.Computed.Load())
	}
	reasons := map[string]string{}
	for _, row := range out.rows {
		reasons[filepath.Base(row.Sample.Path)] = row.Bad
	}
	for name, word := range map[string]string{
		"good.png": "", "empty.png": "empty", "corrupt.png": "png", "truncated.png": "", "text.png": "image", "huge.png": "50000",
	} {
		if name == "good.png" != (reasons[name] == "") || !strings.Contains(strings.ToLower(reasons[name]), word) {
			t.Errorf("%s: the reason is %q, want one with %q", name, reasons[name], word)
		}
	}
}

func TestAVectorThatIsNotFiniteIsBad(t *testing.T) {
	path := write(t, "texts.txt", "one\ntwo\n")
	spec := textSpec(t)
	_, stats, err := runOver(t, t.TempDir(), spec, &fake{wreck: func(float32) float32 { return float32(math.NaN()) }}, nil, nil, path)
	if err != nil {
		t.Fatal(err)
	}
	if stats.Bad.Load() != 2 || stats.Computed.Load() != 0 {
		t.Errorf("NaN: %d bad, %d computed", stats.Bad.Load(), stats.Computed.Load())
	}
	spec.Taps[0].Post = "l2"
	out, stats, err := runOver(t, t.TempDir(), spec, &fake{wreck: func(float32) float32 { return 0 }}, nil, nil, path)
	if err != nil {
		t.Fatal(err)
	}
	if stats.Bad.Load() != 0 || stats.Computed.Load() != 2 { // zeros stay zeros
		t.Errorf("zero: %d bad, for the reason %q", stats.Bad.Load(), out.rows[0].Bad)
	}
}

func TestAFailingBackboneEndsTheRun(t *testing.T) {
	path := write(t, "texts.txt", strings.Repeat("a text\nanother\nand one more\n", 400))
	broken := errors.New("out of memory")
	_, _, err := runOver(t, t.TempDir(), textSpec(t), &fake{fail: func(int64) error { return broken }}, nil, nil, path)
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "fake-text") {
		t.Errorf("the error is %v", err)
	}
}

func TestCancelKeepsWhatIsAcknowledged(t *testing.T) {
	var lines []string
	for i := range 3000 {
		lines = append(lines, fmt.Sprintf("line %d", i))
	}
	path := write(t, "texts.txt", strings.Join(lines, "\n"))
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	var acknowledged []cache.Key
	settings := &extract.Settings{Threads: 2, BatchSize: 8, Acknowledged: func(keys []cache.Key) {
		acknowledged = append(acknowledged, keys...)
		if len(acknowledged) > 100 {
			cancel()
		}
	}}
	c := store(t, dir)
	err := extract.Run(ctx, textSpec(t), &fake{delay: time.Millisecond}, c, open(t, nil, path), new(sink), nil, settings)
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("the error is %v", err)
	}
	again := new(fake)
	_, stats, err := runOver(t, dir, textSpec(t), again, nil, nil, path)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := stats.Computed.Load(), int64(len(lines)-len(acknowledged)); got != want {
		t.Errorf("%d rows computed after %d were acknowledged, want %d", got, len(acknowledged), want)
	}
}

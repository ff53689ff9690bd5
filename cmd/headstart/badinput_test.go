package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image"
	"image/jpeg"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	onnxruntime "github.com/headstart-ml/headstart/models/runtime"
)

// oldRuntime compiles a library that says it is ONNX Runtime 1.14.0.
func oldRuntime(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	source, library := filepath.Join(dir, "old.c"), filepath.Join(dir, "libonnxruntime.so")
	code := `
static const void *api(unsigned version) { return 0; }
static const char *version(void) { return "1.14.0"; }
static const struct { const void *(*api)(unsigned); const char *(*version)(void); } base = {api, version};
const void *OrtGetApiBase(void) { return &base; }
`
	if err := os.WriteFile(source, []byte(code), 0o644); err != nil {
		t.Fatal(err)
	}
	cc := os.Getenv("CC")
	if cc == "" {
		cc = "cc"
	}
	if out, err := exec.Command(cc, "-shared", "-fPIC", "-o", library, source).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", cc, err, out)
	}
	return library
}

func TestRuntimeIsMissingOrTooOld(t *testing.T) {
	p := newPlace(t)
	p.put("texts.txt", []byte("a red apple\n"))
	old := oldRuntime(t)
	t.Setenv("HEADSTART_RUNTIME", "")
	install := onnxruntime.Install()
	for library, says := range map[string]string{old: "1.14.0", filepath.Join(t.TempDir(), "none.so"): "none.so", "texts.txt": "texts.txt"} {
		p.fails(t, "extract texts.txt --runtime "+library, exitFailed, append(install, says)...)
		if _, err := os.Stat("texts.features"); err == nil {
			t.Fatalf("%s: a feature set without a backbone", library)
		}
	}
	t.Setenv("HEADSTART_RUNTIME", old)
	p.fails(t, "extract texts.txt", exitFailed, "HEADSTART_RUNTIME", "1.24 or newer")
}

// pngHeader is a PNG that claims to be so large, with nothing after the header.
func pngHeader(width, height uint32) []byte {
	b := []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR")
	b = binary.BigEndian.AppendUint32(b, width)
	b = binary.BigEndian.AppendUint32(b, height)
	b = append(b, 8, 2, 0, 0, 0)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[12:]))
}

func TestBadImagesAreInQuarantine(t *testing.T) {
	p := newPlace(t)
	good := p.samples(0, 6, "food-and-drink")
	for _, r := range good {
		p.put("photos/"+filepath.Base(r[0]), p.read(filepath.Join(p.emoji, r[0])))
	}
	var photo bytes.Buffer
	if err := jpeg.Encode(&photo, image.NewRGBA(image.Rect(0, 0, 300, 200)), nil); err != nil {
		t.Fatal(err)
	}
	apple := p.read(filepath.Join(p.emoji, good[0][0]))
	corrupt := bytes.Clone(apple)
	corrupt[len(corrupt)/2] ^= 0xff
	p.put("photos/corrupt.png", corrupt)
	p.put("photos/cut.png", apple[:len(apple)/2])
	p.put("photos/cut.jpg", photo.Bytes()[:photo.Len()/3])
	p.put("photos/empty.jpg", nil)
	p.put("photos/huge.png", pngHeader(50000, 50000))
	p.put("photos/text.jpg", []byte("this is no image"))
	reasons := map[string]string{
		"corrupt.png": "", "cut.png": "", "cut.jpg": "", "empty.jpg": "empty", "huge.png": "50000", "text.jpg": "image",
	}

	const all = "extract photos --quiet --json --alpha white"
	code, stdout, stderr := p.try(t, all)
	if code != exitBadSamples || !strings.Contains(stderr, "6 of 12 samples are bad, more than --max-bad 1% allows; photos.quarantine.jsonl says why") {
		t.Errorf("exit %d: %s", code, stderr)
	}
	sum := objects(t, stdout)[0]
	sum.wantNumbers(t, map[string]float64{"samples": 12, "computed": 6, "backbone_rows": 6, "bad": 6})
	if sum["quarantine"] != "photos.quarantine.jsonl" {
		t.Errorf("quarantine %v", sum["quarantine"])
	}
	p.one(t, "inspect photos.features").wantNumbers(t, map[string]float64{"rows": 6, "meta.counts.bad": 6})
	for _, q := range objects(t, string(p.read("photos.quarantine.jsonl"))) {
		q.wantKeys(t, "id path reason")
		id := fmt.Sprint(q["id"])
		part, ok := reasons[id]
		if reason := fmt.Sprint(q["reason"]); !ok || reason == "" || !strings.Contains(reason, part) || q["path"] != "photos/"+id {
			t.Errorf("%v", q)
		}
		delete(reasons, id)
	}
	if len(reasons) > 0 {
		t.Errorf("not in quarantine: %v", reasons)
	}
	for limit, want := range map[string]int{"6": exitDone, "50%": exitDone, "5": exitBadSamples, "49.9%": exitBadSamples, "0": exitBadSamples} {
		if code, _, stderr := p.try(t, all+" --max-bad "+limit); code != want {
			t.Errorf("--max-bad %s: exit %d, want %d: %s", limit, code, want, stderr)
		}
	}

	// 50,000 × 50,000 pixels would take 7.5 GB.
	p.put("large/huge.png", pngHeader(50000, 50000))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	p.fails(t, "extract large", exitBadSamples)
	runtime.ReadMemStats(&after)
	if n := (after.TotalAlloc - before.TotalAlloc) >> 20; n > 500 {
		t.Errorf("%d MiB were allocated for a header", n)
	}

	// The list goes when there is nothing to list any more.
	for _, name := range []string{"corrupt.png", "cut.png", "cut.jpg", "empty.jpg", "huge.png", "text.jpg"} {
		if err := os.Remove("photos/" + name); err != nil {
			t.Fatal(err)
		}
	}
	p.do(t, all)
	if _, err := os.Stat("photos.quarantine.jsonl"); err == nil {
		t.Error("the list of an earlier run is left")
	}
}

// TestLateFlags gives flags after the arguments.
func TestLateFlags(t *testing.T) {
	p := newPlace(t)
	p.table("emoji.csv", "image,name,label,group", p.samples(0, 8, "food-and-drink", "symbols"))
	p.do(t, "extract emoji.csv --text name --label label --out late.features --batch-size 3 --quiet")
	p.do(t, "train-head late.features --l2 0.1 --by none --cv 2 --out late.head.onnx")
	if got := p.one(t, "inspect late.head.onnx").number(t, "l2"); got != 0.1 {
		t.Errorf("a late --l2 0.1 gave %v", got)
	}
	if got := rows(t, p.do(t, "predict late.head.onnx late.features --top 2")); len(got[0]) != 5 {
		t.Errorf("a late --top 2 gave the columns %v", got[0])
	}
	p.do(t, "predict late.head.onnx late.features --out late.csv")
	if len(rows(t, string(p.read("late.csv")))) != 17 {
		t.Error("a late --out was not honoured")
	}
	if got := p.one(t, "evaluate late.head.onnx late.features --all"); got.number(t, "fitted") != 16 {
		t.Errorf("a late --all gave %v", got)
	}
	p.fails(t, "extract emoji.csv --out", exitUsage, "--out needs a value")
	p.fails(t, "train-head late.features --cv 2 --cv 3", exitUsage, "--cv is given twice")
}

// TestOtherPreprocessingIsNamed uses a head on features that differ in one
// field of their space.
func TestOtherPreprocessingIsNamed(t *testing.T) {
	p := newPlace(t)
	p.table("emoji.csv", "image,name,label,group", p.samples(0, 8, "food-and-drink", "symbols"))
	p.small("vit")
	p.do(t, "extract --backbone vit --image image --root "+p.emoji+" --alpha white --out white.features emoji.csv")
	p.do(t, "extract --backbone vit --image image --root "+p.emoji+" --out drop.features emoji.csv")
	p.do(t, "train-head --l2 0.1 --by none --cv 2 white.features")
	for _, command := range []string{"predict", "evaluate"} {
		p.fails(t, command+" white.head.onnx drop.features", exitFailed, "prep.alpha (what becomes of transparency) is drop, where white is needed")
	}
	p.fails(t, "predict white.head.onnx --alpha drop --image image emoji.csv", exitUsage, "--alpha drop", "white")
	p.fails(t, "extract --backbone vit --image image --root "+p.emoji+" --out white.features emoji.csv", exitFailed, "prep.alpha", "--out")
}

// manyTexts writes a table that takes a while to extract.
func manyTexts(p *place, n int) {
	records := make([][]string, n)
	for i := range records {
		records[i] = []string{fmt.Sprintf("text number %d %s", i, strings.Repeat("of a long afternoon ", 12))}
	}
	p.table("texts.csv", "text", records)
}

// acknowledged waits until at least 30 rows have been acknowledged and others
// go on to be, and returns how many they are.
func acknowledged(t *testing.T) int {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		var size int64
		filepath.WalkDir(os.Getenv("HEADSTART_CACHE"), func(path string, d os.DirEntry, err error) error {
			if err == nil && strings.HasSuffix(path, ".wal") {
				if info, err := d.Info(); err == nil {
					size += info.Size()
				}
			}
			return nil
		})
		if size > 30*384*4 {
			return int(size / (384 * 4))
		}
	}
	t.Fatal("no row was acknowledged")
	return 0
}

// keptRows checks what an interrupted extraction leaves: no feature set, a
// sound cache, and rows that the next run need not compute. It returns their
// number.
func keptRows(t *testing.T, p *place, n int) int {
	t.Helper()
	for _, pattern := range []string{"*.features", "*.jsonl", ".*"} {
		if left, _ := filepath.Glob(pattern); len(left) > 0 {
			t.Errorf("an interrupted run leaves %v", left)
		}
	}
	p.do(t, "cache verify --full")
	again := p.one(t, "extract texts.csv")
	kept := again.number(t, "cached")
	if kept < 30 || kept >= float64(n) {
		t.Fatalf("%v of %d rows are kept", kept, n)
	}
	again.wantNumbers(t, map[string]float64{"samples": float64(n), "computed": float64(n) - kept, "backbone_rows": float64(n) - kept})
	return int(kept)
}

func TestExtractIsCancelled(t *testing.T) {
	p := newPlace(t)
	const n = 100
	manyTexts(p, n)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	e, _, stderr := testEnv()
	done := make(chan int)
	go func() {
		done <- run(ctx, program(e), []string{"extract", "texts.csv", "--quiet", "--batch-size", "8", "--threads", "2"}, e)
	}()
	rows := acknowledged(t)
	cancel()
	code, said := <-done, stderr.String()
	// It ends with the batches that were being computed, of 2 threads.
	kept := keptRows(t, p, n)
	if kept > rows+4*8 {
		t.Errorf("%d rows are kept, though it was cancelled after %d", kept, rows)
	}
	if want := fmt.Sprintf("headstart: extract: interrupted: %d of %d samples are in the cache; the same command resumes there\n", kept, n); code != exitInterrupted || said != want {
		t.Errorf("exit %d: %s, want %s", code, said, want)
	}
}

func TestExtractIsInterrupted(t *testing.T) {
	p := newPlace(t)
	const n = 100
	manyTexts(p, n)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "extract", "texts.csv", "--batch-size", "8")
	cmd.Env = append(os.Environ(), asHeadstart+"=run")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	acknowledged(t)
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // an error: the exit code is not 0
	kept := keptRows(t, p, n)
	// Without its command where the process was ended before the command.
	_, left, ok := strings.Cut(stderr.String(), "interrupted: ")
	left = strings.Replace(left, fmt.Sprintf(" of %d", n), "", 1)
	if code := cmd.ProcessState.ExitCode(); code != exitInterrupted || !ok || left != fmt.Sprintf("%d samples are in the cache; the same command resumes there\n", kept) {
		t.Errorf("exit %d, %d rows are kept: %s", code, kept, stderr.String())
	}
}

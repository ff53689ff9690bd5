package main

import (
	"encoding/binary"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestCacheExport exports a feature set in all formats, from a cache that is
// only read.
func TestCacheExport(t *testing.T) {
	p := newPlace(t)
	samples := p.samples(0, 8, "food-and-drink", "symbols")
	samples = append(samples, samples[3]) // one content twice
	p.table("emoji.csv", "image,name,label,group", samples)
	p.do(t, "extract --text name --label label --group group --out names.features emoji.csv")
	store := os.Getenv("HEADSTART_CACHE")
	freeze(t, store)
	before := p.state(".", store)
	const n, d = 17, 384

	for format, labels := range map[string]any{"npy": "names.labels.csv", "npz": nil, "safetensors": "names.labels.csv", "csv": nil, "parquet": nil} {
		out := "names." + format
		dry := p.one(t, "cache export names.features --dry-run --out "+out)
		if after := p.state(".", store); !reflect.DeepEqual(after, before) {
			t.Errorf("--dry-run --out %s: files have changed", out)
		}
		got := p.one(t, "cache export names.features --out "+out)
		info, err := os.Stat(out)
		if err != nil {
			t.Fatal(err)
		}
		want := object{"out": out, "labels": labels, "format": format, "rows": float64(n), "dim": float64(d), "bytes": float64(info.Size()), "dry_run": false}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
		if want["dry_run"] = true; !reflect.DeepEqual(dry, want) {
			t.Errorf("--dry-run: %v, want %v", dry, want)
		}
		if labels != nil {
			if got := rows(t, string(p.read("names.labels.csv"))); len(got) != n+1 || !slices.Equal(got[0], []string{"id", "label", "group"}) || got[n][0] != "emoji#17" {
				t.Errorf("%s: labels %v", out, got)
			}
			if err := os.Remove("names.labels.csv"); err != nil {
				t.Fatal(err)
			}
		}
		if after := p.state(store); !reflect.DeepEqual(after, p.only(before, store)) {
			t.Errorf("--out %s: the cache has changed", out)
		}
		if err := os.Rename(out, filepath.Join(t.TempDir(), out)); err != nil {
			t.Fatal(err)
		}
		if after := p.state(".", store); !reflect.DeepEqual(after, before) {
			t.Errorf("--out %s: other files have come or gone", out)
		}
	}

	// The CSV has the samples in their order, and the npy file's bits.
	if said := p.do(t, "cache export names.features --out names.csv"); !strings.HasPrefix(said, "names.csv: 17 rows × 384, ") {
		t.Errorf("it says %q", said)
	}
	if said := p.do(t, "cache export names.features --format npy --out NAMES.NPY --quiet"); !strings.HasSuffix(said, "; labels in NAMES.labels.csv\n") {
		t.Errorf("it says %q", said)
	}
	array := p.read("NAMES.NPY")
	array = array[len(array)-4*n*d:]
	table := rows(t, string(p.read("names.csv")))
	for i, row := range table[1:] {
		if !slices.Equal(row[:3], []string{"emoji#" + strconv.Itoa(i+1), samples[i][2], samples[i][3]}) {
			t.Errorf("row %d is %v", i+1, row[:3])
		}
		for j, cell := range row[3:] {
			v, err := strconv.ParseFloat(cell, 32)
			if err != nil || math.Float32bits(float32(v)) != binary.LittleEndian.Uint32(array[4*(i*d+j):]) {
				t.Fatalf("row %d: f%d is %s: %v", i+1, j, cell, err)
			}
		}
	}
	if !slices.Equal(table[n][3:], table[4][3:]) || slices.Equal(table[n][3:], table[1][3:]) {
		t.Error("the sample that is there twice has two embeddings, or all have one")
	}

	// A Parquet file is a feature set as well.
	p.do(t, "cache export names.features --out again.parquet")
	p.one(t, "inspect again.parquet").wantNumbers(t, map[string]float64{"rows": n, "classes.symbols": 8})
}

// TestCacheExportFails is about what is refused, and that nothing is left of
// it.
func TestCacheExportFails(t *testing.T) {
	p := newPlace(t)
	p.table("emoji.csv", "image,name,label,group", p.samples(0, 8, "food-and-drink"))
	p.fails(t, "cache export names.features --out names.npy", exitFailed, "names.features is not there", "headstart extract")
	p.do(t, "extract --text name --out names.features emoji.csv")
	p.fails(t, "cache export --cache none names.features --out names.npy", exitFailed, "there is no cache", "headstart extract")
	p.table("later.csv", "image,name,label,group", p.samples(8, 2, "food-and-drink"))
	cache := os.Getenv("HEADSTART_CACHE")
	t.Setenv("HEADSTART_CACHE", filepath.Join(t.TempDir(), "other"))
	p.do(t, "extract --text name --out later.features later.csv")
	t.Setenv("HEADSTART_CACHE", cache)
	p.put("notes.csv", []byte("a person's notes"))
	before := p.state(".")

	if said := p.do(t, "cache export names.features --format npy --out names.bin --quiet"); !strings.HasSuffix(said, "; labels in names.bin.labels.csv\n") {
		t.Errorf("another ending: %s", said)
	}
	for _, name := range []string{"names.bin", "names.bin.labels.csv"} {
		if err := os.Remove(name); err != nil {
			t.Error(err)
		}
	}
	const choices = ".npy, .npz, .safetensors, .csv, .parquet"
	for _, test := range []struct {
		line  string
		code  int
		parts []string
	}{
		{"names.features", exitUsage, []string{"--out is missing", choices}},
		{"--out names.npy", exitUsage, []string{"NAME.features is missing"}},
		{"--out names.npy names.features later.features", exitUsage, []string{"too many"}},
		{"--out names.hdf5 names.features", exitUsage, []string{"--out names.hdf5", choices}},
		{"--out names names.features", exitUsage, []string{"--out names:", choices}},
		{"--out names.npy --format csv names.features", exitUsage, []string{"--format csv contradicts the ending of --out names.npy"}},
		{"--out names.npy --format hdf5 names.features", exitUsage, []string{"--format hdf5: it is one of npy, npz, safetensors, csv, parquet"}},
		{"--out names.parquet --format paquet names.features", exitUsage, []string{"did you mean parquet?"}},
		{"--out later.npy later.features", exitFailed, []string{"lacks 2 of 2 rows", "headstart extract", "later.csv"}},
		{"--out later.npy --dry-run later.features", exitFailed, []string{"lacks 2 of 2 rows"}},
		{"--out nothing.npy nothing.features", exitFailed, []string{"nothing.features"}},
		{"--out notes.npy notes.csv", exitFailed, []string{"notes.csv", "no feature set"}},
		{"--out emoji.csv names.features", exitFailed, []string{"emoji.csv: it is what the export is made from", "another name"}},
		{"--out nowhere/names.npy names.features", exitFailed, []string{"nowhere"}},
	} {
		p.fails(t, "cache export "+test.line, test.code, test.parts...)
	}

	segments, err := filepath.Glob(filepath.Join(cache, "spaces", "*", "seg", "*.safetensors"))
	if err != nil || len(segments) != 1 {
		t.Fatalf("%d segments, %v", len(segments), err)
	}
	segment := p.read(segments[0])
	segment[4096+5] ^= 0x40 // in the first row
	if err := os.Chmod(segments[0], 0o644); err != nil {
		t.Fatal(err)
	}
	p.put(segments[0], segment)
	for _, format := range []string{"npy", "npz", "safetensors", "csv", "parquet"} {
		p.fails(t, "cache export names.features --out names."+format, exitCorrupt, "names."+format, filepath.Base(segments[0]), "extract computes again")
		p.fails(t, "cache export names.features --dry-run --out names."+format, exitCorrupt, filepath.Base(segments[0]))
	}
	if !reflect.DeepEqual(p.state("."), before) {
		t.Error("files have come, gone or changed")
	}
}

// freeze takes the permission to write from all of a folder until the test
// ends.
func freeze(t *testing.T, dir string) {
	t.Helper()
	modes := map[string]fs.FileMode{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil {
			modes[path] = info.Mode().Perm()
			err = os.Chmod(path, info.Mode().Perm()&^0o222)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for path, mode := range modes {
			os.Chmod(path, mode)
		}
	})
}

// state is the content of all files under some folders, and when each was
// changed.
func (p *place) state(dirs ...string) map[string]string {
	p.t.Helper()
	all := map[string]string{}
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			info, err := d.Info()
			if err == nil {
				all[path] = info.ModTime().String() + string(p.read(path))
			}
			return err
		})
		if err != nil {
			p.t.Fatal(err)
		}
	}
	return all
}

// only is the part of a state that is under a folder.
func (p *place) only(state map[string]string, dir string) map[string]string {
	part := map[string]string{}
	for path, content := range state {
		if strings.HasPrefix(path, dir+string(filepath.Separator)) {
			part[path] = content
		}
	}
	return part
}

package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// photos makes a folder of n pictures that do not change any more: their times
// are older than what the stat cache distrusts.
func (p *place) photos(n int) {
	p.t.Helper()
	for _, r := range append(p.samples(0, n-n/2, "food-and-drink"), p.samples(0, n/2, "animals-and-nature")...) {
		p.put(filepath.Join("photos", r[2], filepath.Base(r[0])), p.read(filepath.Join(p.emoji, r[0])))
	}
	time.Sleep(2100 * time.Millisecond)
}

func TestTheStatCacheChangesNothingButTime(t *testing.T) {
	p := newPlace(t)
	p.small("vit")
	t.Setenv("HEADSTART_BACKBONE", "vit")
	p.photos(6)
	p.one(t, "extract photos").wantNumbers(t, map[string]float64{"computed": 6, "backbone_rows": 6})
	features := p.read("photos.features")
	stat := filepath.Join(os.Getenv("HEADSTART_CACHE"), "stat")
	image := filepath.Join(stat, "image")
	whole := p.read(image)

	put := func(content []byte) func() error {
		return func() error { return os.WriteFile(image, content, 0o644) }
	}
	// forged is the file with other bytes at a place, and a checksum that fits.
	forged := func(at int, b ...byte) []byte {
		f := bytes.Clone(whole[:len(whole)-4])
		copy(f[at:], b)
		return binary.LittleEndian.AppendUint32(f, crc32.ChecksumIEEE(f))
	}
	const first = 16                   // where the first entry is
	const pathLength = first + 32 + 32 // and the length of its path
	type damage struct {
		name  string
		do    func() error
		stays bool // what is in the file's place is not ours to remove: a note says so
	}
	damages := []damage{
		{name: "none", do: put(whole)},
		{name: "the file is gone", do: func() error { return nil }},
		{name: "the folder is gone", do: func() error { return os.Remove(stat) }},
		{name: "a byte more", do: put(append(bytes.Clone(whole), 0))},
		{name: "twice", do: put(append(bytes.Clone(whole), whole...))},
		{name: "text", do: put([]byte(strings.Repeat("hsstat/1", 50)))},
		{name: "another version", do: put(forged(7, '2'))},
		{name: "2^64-1 entries", do: put(forged(8, 255, 255, 255, 255, 255, 255, 255, 255))},
		{name: "2^40 entries", do: put(forged(8, 0, 0, 0, 0, 0, 1, 0, 0))},
		{name: "an entry more than there is", do: put(forged(8, 7))},
		{name: "an entry less than there is", do: put(forged(8, 5))},
		{name: "no entries", do: put(forged(8, 0))},
		{name: "a path of 65,535 bytes", do: put(forged(pathLength, 255, 255))},
		{name: "a path of no bytes", do: put(forged(pathLength, 0, 0))},
		{name: "a gibibyte of holes", do: func() error {
			return errors.Join(os.WriteFile(image, whole, 0o644), os.Truncate(image, 1<<30))
		}},
		{name: "a tebibyte of holes", do: func() error {
			return errors.Join(os.WriteFile(image, whole, 0o644), os.Truncate(image, 1<<40))
		}},
		{name: "a FIFO", do: func() error { return syscall.Mkfifo(image, 0o644) }},
		{name: "a symbolic link to nothing", do: func() error { return os.Symlink("nothing", image) }},
		{name: "a symbolic link to itself", do: func() error { return os.Symlink("image", image) }},
		{name: "a symbolic link out of the cache", do: func() error {
			p.put("elsewhere", whole)
			there, err := filepath.Abs("elsewhere")
			if err != nil {
				return err
			}
			return os.Symlink(there, image)
		}},
		{name: "a directory", do: func() error { return os.Mkdir(image, 0o755) }, stays: true},
		{name: "a file for the folder", do: func() error {
			if err := os.Remove(stat); err != nil {
				return err
			}
			return os.WriteFile(stat, nil, 0o644)
		}, stays: true},
		{name: "a link for the folder", do: func() error {
			if err := os.Remove(stat); err != nil {
				return err
			}
			return os.Symlink(p.t.TempDir(), stat)
		}, stays: true},
	}
	for _, n := range []int{0, 1, 7, 8, 12, 16, 17, first + 31, first + 64, len(whole) / 2, len(whole) - 5, len(whole) - 4, len(whole) - 1} {
		damages = append(damages, damage{name: fmt.Sprintf("cut at %d", n), do: put(whole[:n])})
	}
	for at := 0; at < len(whole); at += 1 + len(whole)/40 {
		flipped := bytes.Clone(whole)
		flipped[at] ^= 0x10
		damages = append(damages, damage{name: fmt.Sprintf("byte %d flipped", at), do: put(flipped)})
	}
	for _, d := range damages {
		t.Run(d.name, func(t *testing.T) {
			if err := os.RemoveAll(stat); err != nil {
				t.Fatal(err)
			}
			if err := os.Mkdir(stat, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := d.do(); err != nil {
				t.Fatal(err)
			}
			if err := os.Remove("photos.features"); err != nil {
				t.Fatal(err)
			}
			code, stdout, stderr := p.try(t, "extract --json photos")
			if code != exitDone {
				t.Fatalf("exit %d: %s", code, stderr)
			}
			objects(t, stdout)[0].wantNumbers(t, map[string]float64{"samples": 6, "cached": 6, "bad": 0, "backbone_rows": 0, "check_rows": 0})
			if !bytes.Equal(p.read("photos.features"), features) {
				t.Error("another feature set")
			}
			if note := "should be; remove it; the next run will read every file again"; strings.Contains(stderr, note) != d.stays {
				t.Errorf("stderr: %s", stderr)
			}
			if d.stays {
				return
			}
			if got := p.read(image); !bytes.Equal(got, whole) {
				t.Errorf("afterwards the stat cache is not what it was")
			}
			if fi, err := os.Lstat(image); err != nil || !fi.Mode().IsRegular() {
				t.Errorf("afterwards there is no file: %v", err)
			}
		})
	}
	if there := p.read("elsewhere"); !bytes.Equal(there, whole) {
		t.Error("a file outside of the cache was written to")
	}
}

// A file of another content is noticed although it has the size and the time
// that it had.
func TestAChangeThatHidesItselfIsNoticed(t *testing.T) {
	for name, change := range map[string]func(path string, content []byte) error{
		"written over": func(path string, content []byte) error { return os.WriteFile(path, content, 0o644) },
		"replaced": func(path string, content []byte) error {
			if err := os.WriteFile("new", content, 0o644); err != nil {
				return err
			}
			return os.Rename("new", path)
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			p.photos(4)
			p.one(t, "extract photos").wantNumbers(t, map[string]float64{"computed": 4})
			p.one(t, "extract photos").wantNumbers(t, map[string]float64{"cached": 4, "backbone_rows": 0})
			before := p.read("photos.features")

			all, err := filepath.Glob("photos/food-and-drink/*")
			if err != nil {
				t.Fatal(err)
			}
			path := all[0]
			was, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			// Another picture, as long as the first with what may follow a
			// PNG's end.
			content := p.read(path)
			var other []byte
			for _, r := range p.samples(10, 20, "food-and-drink") {
				if c := p.read(filepath.Join(p.emoji, r[0])); len(c) <= len(content) {
					other = append(c, make([]byte, len(content)-len(c))...)
					break
				}
			}
			if other == nil {
				t.Fatal("every other picture is larger")
			}
			if err := change(path, other); err != nil {
				t.Fatal(err)
			}
			if err := os.Chtimes(path, was.ModTime(), was.ModTime()); err != nil {
				t.Fatal(err)
			}
			now, err := os.Stat(path)
			if err != nil || now.Size() != was.Size() || !now.ModTime().Equal(was.ModTime()) {
				t.Fatalf("size and time are not what they were: %v", err)
			}
			p.one(t, "extract photos").wantNumbers(t, map[string]float64{"cached": 3, "computed": 1, "backbone_rows": 1, "bad": 0})
			if bytes.Equal(p.read("photos.features"), before) {
				t.Error("the feature set is that of the old picture")
			}
		})
	}
}

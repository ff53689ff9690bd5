package main

import (
	"archive/tar"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// hub unpacks the backbone folders of models/folder/testdata/hub into dir and
// returns their names, sorted.
func hub(t *testing.T, dir string) []string {
	t.Helper()
	f, err := os.Open("../../models/folder/testdata/hub/hub.tar.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		name, inside, _ := strings.Cut(h.Name, "/")
		if name == "probes" || strings.HasPrefix(inside, "golden/") {
			continue
		}
		data, err := io.ReadAll(r)
		path := filepath.Join(dir, h.Name)
		if err == nil {
			err = os.MkdirAll(filepath.Dir(path), 0o777)
		}
		if err == nil {
			err = os.WriteFile(path, data, 0o666)
		}
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Each backbone of the hub goes through the commands with no flag of its own:
// extract, a head with retrained layers, and an export, which is compared with
// predict before it is there.
func TestHubThroughTheCommands(t *testing.T) {
	folders := t.TempDir()
	names := hub(t, folders)
	p := newPlace(t)
	classes := []string{"symbols", "food-and-drink", "flags"}
	samples := p.samples(0, 12, classes...)
	for i := range samples {
		samples[i] = samples[i][:3]
	}
	p.table("emoji.csv", "image,name,label", samples)
	t.Setenv("HEADSTART_THREADS", "1")
	for i, name := range names {
		t.Run(name, func(t *testing.T) {
			set := name + ".features"
			o := p.one(t, "extract --image image --alpha white --root "+p.emoji+" --label label --backbone "+filepath.Join(folders, name)+" --out "+set+" emoji.csv")
			o.wantNumbers(t, map[string]float64{"samples": 36, "computed": 36, "bad": 0})
			tail := []string{"last:1", "all"}[i%2] // models/folder tries both of each
			p.do(t, "train-head --l2 0.1 --epochs 2 --tail "+tail+" --out "+name+"-tail.head.onnx "+set)
			p.do(t, "train-head --l2 0.1 --out "+name+".head.onnx "+set)
			e := p.one(t, "export "+name+".head.onnx --out "+name+"-model")
			if worst := e.number(t, "max_difference"); !(worst <= 1e-5) || e.number(t, "samples") < 1 {
				t.Errorf("export: %v", e)
			}
		})
	}
}

package folder

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/headstart-ml/headstart/extract/image"
	"github.com/headstart-ml/headstart/models"
)

// parity is what testdata/parity/generate.py writes.
type parity struct {
	Images map[string][]byte
	Cases  []struct {
		Class  string
		Files  map[string]json.RawMessage
		Error  string
		Images map[string]parityResult
	}
}

type parityResult struct {
	Error          string
	Size           []int // h, w
	Values, Levels string
	Some           []byte
}

// Files of image processors that were drawn at random are read as the reference
// reads them: what a backbone is fed is the same, or the file is refused.
//
// PARITY is the path of a larger set that the script has made.
func TestProcessorsAreTheReference(t *testing.T) {
	name := os.Getenv("PARITY")
	log := t.Logf
	if name == "" {
		log = func(string, ...any) {}
		name = "testdata/parity/parity.json.gz"
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var p parity
	if err := json.NewDecoder(z).Decode(&p); err != nil {
		t.Fatal(err)
	}
	equal, differ, refused, failed := 0, 0, make(map[string]int), 0
	for i, c := range p.Cases {
		fsys := make(fstest.MapFS)
		for name, data := range c.Files {
			fsys[name] = &fstest.MapFile{Data: data}
		}
		files := fmt.Sprintf("case %d, %s: %s", i, c.Class, c.Files)
		spec, err := paritySpec(fsys)
		if err == nil && spec == nil {
			t.Errorf("%s: no contract", files)
			continue
		}
		worked := 0
		for _, r := range c.Images {
			if r.Error == "" {
				worked++
			}
		}
		if err != nil {
			if c.Error == "" && worked > 0 {
				refused[reasonOf(err)]++
				log("%s: refused: %v", files, err)
			} else {
				failed++
			}
			continue
		}
		if c.Error != "" || worked == 0 {
			log("%s: read; the reference fails: %s %v", files, c.Error, c.Images)
			continue
		}
		prep, err := image.New(spec, nil)
		if err != nil {
			t.Errorf("%s: %v", files, err)
			continue
		}
		for _, label := range slices.Sorted(maps.Keys(c.Images)) {
			if diff := c.Images[label].compare(prep, p.Images[label]); diff != "" {
				t.Errorf("%s: image %s: %s", files, label, diff)
				differ++
			} else {
				equal++
			}
		}
	}
	total := 0
	for _, why := range slices.Sorted(maps.Keys(refused)) {
		t.Logf("refused, %d files: %s", refused[why], why)
		total += refused[why]
	}
	t.Logf("%d files: %d refused that the reference reads, %d that it fails on too; %d images equal, %d differ", len(p.Cases), total, failed, equal, differ)
	if 5*total > len(p.Cases) {
		t.Errorf("%d of %d files that the reference reads are refused", total, len(p.Cases))
	}
}

// reasonOf returns an error without what stands in the file.
func reasonOf(err error) string {
	parts := strings.SplitN(err.Error(), ": ", 4)
	return fmt.Sprintf("%s: %.60s", strings.Join(parts[2:len(parts)-1], ": "), parts[len(parts)-1])
}

func paritySpec(fsys fstest.MapFS) (*models.ImageSpec, error) {
	f := &layout{fsys: fsys, place: "folder", log: new(reading)}
	config, err := f.optional(configFile)
	if err != nil {
		return nil, err
	}
	return f.imageContract(new(models.Spec), config)
}

// compare returns what is not as in the reference, "" if nothing is.
func (r parityResult) compare(p *image.Preprocessor, content []byte) string {
	w, h := p.Size()
	levels, values := make([]uint8, 3*w*h), make([]float32, 3*w*h)
	_, err := p.CropTo(levels, content)
	if err == nil {
		_, err = p.To(values, content)
	}
	switch {
	case r.Error != "" && err == nil:
		return "read; the reference says: " + r.Error
	case r.Error != "":
		return ""
	case err != nil:
		return err.Error()
	case r.Size[0] != h || r.Size[1] != w:
		return fmt.Sprintf("%d×%d pixels, the reference has %d×%d", w, h, r.Size[1], r.Size[0])
	}
	if r.Levels != "" && r.Levels != digest16(levels) {
		return "other levels"
	}
	if r.Values != "" {
		raw, _ := binary.Append(nil, binary.LittleEndian, values)
		if r.Values != digest16(raw) {
			return "other values"
		}
	}
	step := max(1, len(values)/61)
	for i := 0; 4*i < len(r.Some); i++ {
		want := math.Float32frombits(binary.LittleEndian.Uint32(r.Some[4*i:]))
		if got := values[i*step]; math.Abs(float64(got-want)) > 1e-6*max(1, math.Abs(float64(want))) {
			return fmt.Sprintf("value %d is %v, in the reference %v", i*step, got, want)
		}
	}
	return ""
}

func digest16(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:8])
}

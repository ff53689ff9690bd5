package jpeg

import (
	"image"
	"runtime"
	"testing"
)

// read decodes the rows of a region.
func read(t testing.TB, d *Decoder, content []byte, region image.Rectangle) {
	t.Helper()
	h, err := d.Open(content, region)
	if err != nil {
		t.Fatal(err)
	}
	if region.Empty() {
		region = image.Rect(0, 0, h.Width, h.Height)
	}
	row := make([]byte, 3*region.Dx())
	for range region.Dy() {
		if err := d.Row(row); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
}

// Only the blocks of which a region is made are transformed: samples of others
// are not written.
func TestOnlyTheRegionIsTransformed(t *testing.T) {
	const untouched = 0xa5
	for _, name := range []string{"420", "422", "444", "grey", "progressive"} {
		content := photograph(t, name)
		var d Decoder
		read(t, &d, content, image.Rectangle{}) // makes the band
		for k := range d.planes {
			for _, row := range d.planes[k].rows {
				for i := range row {
					row[i] = untouched
				}
			}
		}
		region := image.Rect(300, 100, 340, 140)
		read(t, &d, content, region)
		written, all := 0, 0
		for k := range d.p.frame.n {
			c := &d.p.frame.comps[k]
			// A sample more at each side, in whole blocks.
			lo, hi := (region.Min.X/c.kind.across-1)/8*8, ceil(region.Max.X/c.kind.across+1, 8)*8
			for _, row := range d.planes[k].rows {
				for i, v := range row {
					if x := i % (8 * c.stride); v != untouched && (x < lo || x >= hi) {
						t.Fatalf("%s: component %d: column %d was written", name, k, x)
					} else if v != untouched {
						written++
					}
					all++
				}
			}
		}
		if written == 0 || written > all/8 {
			t.Errorf("%s: %d of %d samples of the band were written", name, written, all)
		}
	}
}

// A file of one scan is decoded in a band: its memory grows with the width
// alone.
func TestTheBandIsBounded(t *testing.T) {
	// 64 MP, 4:4:4, all blocks empty: two bits each.
	const w, h = 2000, 32000
	content := append(start(0xc0, w, h, 0), segment(0xda, 3, 1, 0, 2, 0, 3, 0, 0, 63, 0)...)
	content = append(content, make([]byte, 3*(w/8)*(h/8)*2/8)...)
	content = append(content, 0xff, 0xd9)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var d Decoder
	read(t, &d, content, image.Rectangle{})
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
		t.Errorf("%d KiB were allocated for an image of %d×%d pixels", n>>10, w, h)
	}
}

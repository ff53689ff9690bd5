package extract_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract"
	"github.com/headstart-ml/headstart/extract/contract"
	"github.com/headstart-ml/headstart/extract/feed"
	"github.com/headstart-ml/headstart/extract/image"
	"github.com/headstart-ml/headstart/extract/source"
	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/tensor"
)

// view is a view of one row.
type view struct{ row, number int }

// viewValues returns what the backbone gets of views of the samples at path.
func viewValues(t *testing.T, spec *models.Spec, path string, s *set, views []view) [][]float32 {
	t.Helper()
	p, err := image.New(spec.Contract.(*models.ImageSpec), nil)
	if err != nil {
		t.Fatal(err)
	}
	src, contents := open(t, nil, path), map[string]*source.Sample{}
	for range s.ids {
		sample, err := src.Next()
		if err != nil {
			t.Fatal(err)
		}
		contents[sample.ID] = sample
	}
	w, h := p.Size()
	var all [][]float32
	for _, v := range views {
		content, err := contents[s.ids[v.row]].Read(1 << 20)
		if err != nil {
			t.Fatal(err)
		}
		dst := make([]float32, 3*w*h)
		if _, err := p.ViewTo(dst, content, image.View{Key: s.keys[v.row], Number: v.number}); err != nil {
			t.Fatal(err)
		}
		all = append(all, dst)
	}
	return all
}

var someViews = []view{{7, 1}, {2, 0}, {2, 2}, {2, 2}, {8, 1}, {9, 1}, {9, 0}, {0, 3}}

func split(views []view) (rows, numbers []int) {
	for _, v := range views {
		rows, numbers = append(rows, v.row), append(numbers, v.number)
	}
	return rows, numbers
}

func TestFeedViewsOfPixels(t *testing.T) {
	spec, path := imageSpec(), emoji(t, 9)
	s := extracted(t, nil, spec, path)
	want := viewValues(t, spec, path, s, someViews)
	if slices.Equal(want[1], want[2]) || !slices.Equal(want[1], s.fed[2][0].F32) {
		t.Fatal("the views are not what this test takes them for")
	}
	rows, numbers := split(someViews)
	for _, tc := range []struct{ memory, decoded, held int64 }{{0, 6, 6}, {-1, 12, 0}, {2 * 3 * 32 * 32, 10, 2}} {
		f, err := feed.New(t.Context(), spec, open(t, nil, path), s.ids, s.keys, &feed.Options{Memory: tc.memory, Threads: 3})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			in := pixelInput(len(rows))
			if err := f.FillViewsTo(t.Context(), in, rows, numbers); err != nil {
				t.Fatal(err)
			}
			for k, v := range someViews {
				if n := 3 * 32 * 32; !slices.Equal(in[0].F32[k*n:(k+1)*n], want[k]) {
					t.Errorf("view %d of row %d is something else", v.number, v.row)
				}
			}
		}
		// Rows 8 and 9 have one content, and so one view 1.
		if c := f.Cost(); c.Decoded != tc.decoded || c.Held != tc.held || c.Bytes != tc.held*3*32*32 || c.Computed != 0 {
			t.Errorf("memory %d: %+v", tc.memory, c)
		}
	}
}

// The values of views at a cut are computed one by one; those of plain images
// come from the cache if there is one.
func TestFeedViewsAtACut(t *testing.T) {
	spec, path, c := flatSpec(), emoji(t, 9), store(t, t.TempDir())
	s := extracted(t, c, spec, path)
	var want [][]float32
	for _, pixels := range viewValues(t, spec, path, s, someViews) {
		row := make([]float32, 24)
		in, _ := flatOf(1)
		in[0].F32 = pixels
		if err := new(fake).Run(t.Context(), in, []tensor.View{{Name: layer, Shape: []int64{1, 2, 3, 4}, F32: row}}); err != nil {
			t.Fatal(err)
		}
		want = append(want, row)
	}
	spaces, err := contract.SpacesOf(spec)
	if err != nil {
		t.Fatal(err)
	}
	reader, err := c.Reader(spaces[0])
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	rows, numbers := split(someViews)
	for _, tc := range []struct {
		name           string
		cached         *cache.Reader
		memory         int64
		computed, held int64 // computed in two epochs
	}{
		{"cached", reader, 0, 4, 4}, {"cached, nothing held", reader, -1, 8, 0}, {"cached, one held", reader, 4 * 24, 7, 1},
		{"computed", nil, 0, 6, 6}, {"computed, nothing held", nil, -1, 12, 0},
	} {
		backbone := new(fake)
		o := &feed.Options{Cut: layer, Shape: spec.Taps[0].Shape, Prefix: backbone, Memory: tc.memory, Threads: 2}
		if tc.cached != nil {
			o.Cached = tc.cached
		}
		f, err := feed.New(t.Context(), spec, open(t, nil, path), s.ids, s.keys, o)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			_, in := flatOf(len(rows))
			if err := f.FillViewsTo(t.Context(), in, rows, numbers); err != nil {
				t.Fatal(err)
			}
			for k, v := range someViews {
				if !slices.Equal(in[0].F32[k*24:(k+1)*24], want[k]) {
					t.Errorf("%s: view %d of row %d is something else", tc.name, v.number, v.row)
				}
			}
		}
		if c := f.Cost(); c.Computed != tc.computed || c.Decoded != tc.computed || c.Held != tc.held || backbone.largest.Load() != 1 {
			t.Errorf("%s: %+v, %d at once", tc.name, c, backbone.largest.Load())
		}
	}

	cached := &feed.Options{Cut: layer, Shape: spec.Taps[0].Shape, Cached: reader}
	feeding := func(src extract.Source) *feed.Feed {
		f, err := feed.New(t.Context(), spec, src, s.ids, s.keys, cached)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	for _, tc := range []struct {
		feed  *feed.Feed
		views []int
		says  string
	}{
		{feeding(open(t, nil, path)), []int{0, 1}, "row 3: view 1: it cannot be computed without the backbone up to layer"},
		{feeding(nil), []int{0, 1}, "no source"},
		{feeding(nil), []int{-1, 0}, "row 2: view -1"},
		{feeding(nil), []int{1}, "1 views of 2 rows"},
	} {
		_, in := flatOf(2)
		if err := tc.feed.FillViewsTo(t.Context(), in, []int{2, 3}, tc.views); err == nil || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%v, want …%s…", err, tc.says)
		}
		if err := tc.feed.FillViewsTo(t.Context(), in, []int{2, 3}, []int{0, 0}); err != nil {
			t.Errorf("plain rows: %v", err)
		}
	}
	text, lines := textSpec(t), texts(t)
	s = extracted(t, nil, text, lines)
	f, err := feed.New(t.Context(), text, open(t, nil, lines), s.ids, s.keys, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.FillViewsTo(t.Context(), textInputs(1, 20, false), []int{0}, []int{1}); err == nil || !strings.Contains(err.Error(), "texts have none") {
		t.Errorf("a view of a text: %v", err)
	}
}

// flatOf returns the input and the output of a backbone with a flat tap.
func flatOf(n int) (in, out []tensor.View) {
	return pixelInput(n), []tensor.View{{Name: layer, Shape: []int64{int64(n), 2, 3, 4}, F32: slices.Repeat([]float32{7}, n*24)}}
}

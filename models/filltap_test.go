package models

import (
	"reflect"
	"strings"
	"testing"
)

// What keeps every value of a tensor takes any rank, in either layout, but no
// open dimension beside the batch.
func TestFlatTaps(t *testing.T) {
	for _, tc := range []struct {
		layout string
		shape  []int64
		want   string // of the error, "" if there is none
	}{
		{"nchw", []int64{-1, 4, 2, 3}, ""},
		{"nhwc", []int64{-1, 2, 3, 4}, ""},
		{"nchw", []int64{-1, 6, 4}, ""},
		{"nchw", []int64{-1, 2, 3, 2, 2}, ""},
		{"nchw", []int64{-1, 24}, ""},
		{"", []int64{-1, 4, 6}, ""}, // of a text
		{"", []int64{-1, -1, 6}, "does not fit"},
		{"nchw", []int64{-1}, "is none that is pooled"},
		{"nchw", []int64{-1, 1 << 40, 1 << 40}, "more than 1048576 values"},
		{"nchw", []int64{-1, 4, 0, 3}, "0 values"},
	} {
		s := &Spec{Taps: []Tap{{Output: "own", Pooling: "mean"}}, Contract: new(TextSpec)}
		if tc.layout != "" {
			s.Contract = &ImageSpec{Layout: tc.layout}
		}
		tap := Tap{Output: "x", Pooling: "flat"}
		err := s.fillTap(&tap, tc.shape)
		if tc.want != "" {
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%v: %v, want …%s…", tc.shape, err, tc.want)
			}
			continue
		}
		if want := (Tap{Output: "x", Pooling: "flat", Shape: tc.shape, Dim: 24}); err != nil || !reflect.DeepEqual(tap, want) {
			t.Errorf("%+v, %v, want %+v", tap, err, want)
		}
	}
	five := Tap{Output: "x"}
	if err := (&Spec{Taps: []Tap{{}}, Contract: new(ImageSpec)}).fillTap(&five, []int64{-1, 2, 3, 2, 2}); err == nil || !strings.Contains(err.Error(), "one of flat") {
		t.Errorf("no pooling of five dimensions: %v", err)
	}
}

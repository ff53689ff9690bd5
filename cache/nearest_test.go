package cache

import "testing"

func TestNearest(t *testing.T) {
	space := func(model, alpha, filter string) *Space {
		t.Helper()
		s, err := NewSpace(map[string]any{
			"dim": 4, "dtype": "f32", "model": map[string]any{"sha256": model},
			"prep": map[string]any{"impl": "image/1", "alpha": alpha, "resize": map[string]any{"filter": filter}},
		})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := space("a", "drop", "bicubic")
	white := space("a", "white", "bicubic")
	soft := space("a", "white", "bilinear")
	model := space("b", "drop", "bicubic")
	for _, tc := range []struct {
		name   string
		others []*Space
		held   []int
		want   *Space
	}{
		{"nothing", nil, nil, nil},
		{"only itself", []*Space{s}, []int{9}, nil},
		{"nobody has the keys: one field is nearer than two", []*Space{s, soft, white}, []int{0, 0, 0}, white},
		{"nobody has the keys: two fields are nearer than another model", []*Space{model, soft}, []int{0, 0}, soft},
		{"another model is the only one", []*Space{s, model}, []int{0, 0}, model},
		{"who has the keys is nearer than who has not", []*Space{white, model}, []int{0, 1}, model},
		{"about as many keys: fewer fields", []*Space{model, soft, white}, []int{100, 90, 50}, white},
		{"far fewer keys", []*Space{soft, white}, []int{100, 49}, soft},
		{"the space itself sets no measure", []*Space{s, white, soft}, []int{1000, 3, 1}, white},
		{"equally near: more keys", []*Space{white, space("a", "black", "bicubic")}, []int{9, 10}, space("a", "black", "bicubic")},
	} {
		// The order of the spaces must not matter.
		for range 2 {
			got := s.Nearest(tc.others, tc.held)
			switch {
			case tc.want == nil && got == -1:
			case tc.want == nil || got == -1 || tc.others[got].Fingerprint() != tc.want.Fingerprint():
				t.Errorf("%s: space %d of %v", tc.name, got, tc.others)
			}
			for i, j := 0, len(tc.others)-1; i < j; i, j = i+1, j-1 {
				tc.others[i], tc.others[j] = tc.others[j], tc.others[i]
				tc.held[i], tc.held[j] = tc.held[j], tc.held[i]
			}
		}
	}
	one, other := space("a", "black", "bicubic"), white
	if a, b := s.Nearest([]*Space{one, other}, []int{1, 1}), s.Nearest([]*Space{other, one}, []int{1, 1}); a == b {
		t.Errorf("of two that are as near and hold as much the order decides: %d and %d", a, b)
	}
}

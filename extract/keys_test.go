package extract_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract"
	"github.com/headstart-ml/headstart/extract/source"
	"github.com/headstart-ml/headstart/models"
)

func TestKeysAreThoseOfARun(t *testing.T) {
	var lines []string
	for i := range 200 {
		switch {
		case i%50 == 7:
			lines = append(lines, "") // cannot be read
		case i%10 == 3:
			lines = append(lines, "the same again")
		default:
			lines = append(lines, fmt.Sprintf("text %d", i))
		}
	}
	path := write(t, "texts.txt", strings.Join(lines, "\n")+"\n")
	out, _, err := runOver(t, t.TempDir(), textSpec(t), new(fake), nil, nil, path)
	if err != nil {
		t.Fatal(err)
	}
	var want []cache.Key
	var wantBad []string
	for _, row := range out.rows {
		if row.Bad != "" {
			wantBad = append(wantBad, row.Sample.ID+" "+row.Bad)
		} else if !slices.Contains(want, row.Key) {
			want = append(want, row.Key)
		}
	}
	var bad []string
	keys, err := extract.Keys(t.Context(), models.Text, open(t, nil, path), func(s *source.Sample, reason string) {
		bad = append(bad, s.ID+" "+reason)
	})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(keys, want) {
		t.Errorf("%d keys, want %d: others than a run has, or in another order", len(keys), len(want))
	}
	if len(bad) != 4 || !slices.Equal(bad, wantBad) {
		t.Errorf("bad samples %q, want %q", bad, wantBad)
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := extract.Keys(ctx, models.Text, open(t, nil, path), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}

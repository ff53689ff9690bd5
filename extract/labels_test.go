package extract_test

import (
	"encoding/csv"
	"slices"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/extract/features"
	"github.com/headstart-ml/headstart/extract/source"
)

// A feature set keeps as many labels a sample as a source gives, and writes
// them in a cell as a source reads them.
func TestLabelsThereAndBack(t *testing.T) {
	if source.MaxLabels != features.MaxLabels {
		t.Errorf("a source gives %d labels, a feature set keeps %d", source.MaxLabels, features.MaxLabels)
	}
	for _, labels := range [][]string{
		nil, {}, {"a"}, {"b", "a"}, {"a;b"}, {" a"}, {"a\t"}, {"[a"}, {"a", "[b"}, {"\"", "'", "<é>\u2028"}, {"\u00a0x"}, {"a b", "-"}, {"null"}, {"a\nb", "c"},
	} {
		var table strings.Builder
		w := csv.NewWriter(&table)
		if err := w.WriteAll([][]string{{"text", "label"}, {"x", features.JoinLabels(labels)}}); err != nil {
			t.Fatal(err)
		}
		s, err := open(t, &source.Options{MultiLabel: true}, write(t, "t.csv", table.String())).Next()
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(s.Labels, labels) || (s.Labels == nil) != (labels == nil) {
			t.Errorf("%q: in a cell %s, read as %q", labels, features.JoinLabels(labels), s.Labels)
		}
	}
}

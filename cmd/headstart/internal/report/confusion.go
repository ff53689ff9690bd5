package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/headstart-ml/headstart/head/measure"
)

const (
	mostClasses  = 40 // that the confusion matrix shows
	mostPairs    = 12 // that the list of frequent confusions shows
	labelColumns = 80 // at which a label on the page is cut
	shades       = 8  // of a cell
)

// confusion is the confusion matrix as a table with shaded cells.
type confusion struct {
	Classes  []string
	Rows     []confusionRow
	Dense    bool
	Left     int // classes that are not shown
	Shown    int
	Pairs    []confusedPair
	Pairless bool // there is no mistake
}

// confusionRow is the samples of one class.
type confusionRow struct {
	Class string
	Cells []confusionCell
}

// confusionCell counts the samples of a class that were predicted as another.
type confusionCell struct{ Text, Kind, Title string }

// confusedPair is a class that is often taken for another.
type confusedPair struct{ Label, Predicted, Count, Share string }

// newConfusion returns nil without a matrix.
func newConfusion(m *measure.Metrics) *confusion {
	if m == nil || len(m.Confusion) == 0 {
		return nil
	}
	n := len(m.Confusion)
	names := make([]string, n)
	for i := range names {
		names[i] = Cut(plain(m.PerClass[i].Class), labelColumns)
	}
	type pair struct{ label, predicted, count int }
	var pairs []pair
	support, confused := make([]int, n), make([]int, n)
	for i, row := range m.Confusion {
		for j, k := range row {
			support[i] += k
			if i != j && k > 0 {
				confused[i] += k
				confused[j] += k
				pairs = append(pairs, pair{i, j, k})
			}
		}
	}

	show := make([]int, n)
	for i := range show {
		show[i] = i
	}
	if n > mostClasses {
		slices.SortStableFunc(show, func(a, b int) int { return cmp.Compare(confused[b], confused[a]) })
		show = show[:mostClasses]
		slices.Sort(show)
	}
	v := &confusion{Dense: len(show) > 14, Left: n - len(show), Shown: len(show), Pairless: len(pairs) == 0}
	for _, i := range show {
		v.Classes = append(v.Classes, names[i])
	}
	for _, i := range show {
		row := confusionRow{Class: names[i]}
		for _, j := range show {
			k := m.Confusion[i][j]
			cell := confusionCell{}
			if i == j {
				cell.Kind = "hit"
			}
			if k > 0 {
				cell.Text = Count(k)
				share := float64(k) / float64(support[i])
				// The root keeps small shares apart.
				shade := min(shades, int(math.Ceil(shades*math.Sqrt(share)-1e-9)))
				kind := "miss"
				if i == j {
					kind = "hit"
				}
				cell.Kind = fmt.Sprintf("%s s%d", kind, shade)
				cell.Title = fmt.Sprintf("%s predicted as %s: %s of %s", Cut(names[i], 40), Cut(names[j], 40), Count(k), Count(support[i]))
			}
			row.Cells = append(row.Cells, cell)
		}
		v.Rows = append(v.Rows, row)
	}

	slices.SortStableFunc(pairs, func(a, b pair) int { return cmp.Compare(b.count, a.count) })
	for _, p := range pairs[:min(len(pairs), mostPairs)] {
		v.Pairs = append(v.Pairs, confusedPair{
			Label: names[p.label], Predicted: names[p.predicted], Count: Count(p.count),
			Share: decimal(float64(p.count) / float64(support[p.label])),
		})
	}
	return v
}

package transfer

import (
	"context"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/extract/text"
	"github.com/headstart-ml/headstart/head/experiment"
	"github.com/headstart-ml/headstart/head/fit"
)

// contested is texts of three classes with features, of which some are there to
// test.
type contested struct {
	texts, labels []string
	values        []float32
	groups        []string
	weights       []float64
	train, test   []int
}

const contestedWidth = 6

func newContested() *contested {
	random := rand.New(rand.NewPCG(3, 4))
	c := new(contested)
	for i := range 240 {
		class := random.IntN(3)
		var words []string
		for range 5 {
			topic := class
			if random.IntN(3) == 0 {
				topic = random.IntN(3)
			}
			words = append(words, fmt.Sprintf("word%d", 30*topic+random.IntN(30)))
		}
		c.texts, c.labels = append(c.texts, strings.Join(words, " ")), append(c.labels, string(rune('a'+class)))
		c.groups, c.weights = append(c.groups, fmt.Sprint("g", i/2)), append(c.weights, 1+float64(i%3))
		for j := range contestedWidth {
			v := float32(random.NormFloat64())
			if j == class {
				v++
			}
			c.values = append(c.values, v)
		}
		if i%4 == 0 {
			c.test = append(c.test, i)
		} else {
			c.train = append(c.train, i)
		}
	}
	return c
}

// fit lets words compete on these samples.
func (c *contested) fit(t *testing.T, s *experiment.Settings) *bout {
	t.Helper()
	all := &contest{
		BaselineSettings: &BaselineSettings{Train: s, Result: &experiment.Result{Classes: []string{"a", "b", "c"}}},
		data:             &experiment.Data{Labels: c.labels, Groups: c.groups, Weights: c.weights},
		out:              new(experiment.Baselines), threads: 1, width: contestedWidth,
		featuresTo: func(_ context.Context, dst []float32) error {
			copy(dst, c.values)
			return nil
		},
	}
	bag := text.Bag{}
	all.counts = fit.NewSparse(bag.D())
	for i, label := range c.labels {
		all.labels = append(all.labels, int(label[0]-'a'))
		var columns []int32
		var values []float32
		for _, term := range bag.AppendTerms(nil, c.texts[i]) {
			columns, values = append(columns, term.Column), append(values, term.Count)
		}
		if err := all.counts.Append(columns, values); err != nil {
			t.Fatal(err)
		}
	}
	b := &bout{contest: all, train: c.train, test: c.test}
	all.parts = []*bout{b}
	var err error
	if b.folds, err = b.inner(); err != nil {
		t.Fatal(err)
	}
	if err := b.fit(t.Context()); err != nil {
		t.Fatal(err)
	}
	return b
}

// Words beat chance, and words beside features beat each alone, where both know
// something.
func TestWordsBesideFeatures(t *testing.T) {
	b := newContested().fit(t, new(experiment.Settings))
	if w, both := accuracy(b.words), accuracy(b.beside); !(w > 0.5) || both < w {
		t.Errorf("accuracy %v of words, %v with features", w, both)
	}
	if !(b.wordsL2 > 0) || !(b.besideL2 >= b.wordsL2) {
		t.Errorf("λ = %v alone, %v beside", b.wordsL2, b.besideL2)
	}
}

// Nothing of a test row reaches the weighing of words, the choice of λ, the
// standardisation or a fit: other texts, features and labels of test rows leave
// every bit of what is said of the other test rows as it was.
func TestNothingOfTestRowsReachesWords(t *testing.T) {
	for name, s := range map[string]*experiment.Settings{
		"default": {}, "balanced": {ClassWeight: "balanced", Metric: "macro-f1", Seed: 7}, "log-loss, rows by themselves": {Metric: "log-loss", By: "none"},
	} {
		t.Run(name, func(t *testing.T) {
			clean := newContested()
			want := clean.fit(t, s)
			poisoned := newContested()
			for i := 1; i < len(poisoned.test); i += 2 {
				row := poisoned.test[i]
				poisoned.texts[row] = "poison " + strings.Repeat(poisoned.texts[0]+" poison ", 50)
				poisoned.labels[row] = string('a' + ('c' - rune(poisoned.labels[row][0])))
				for j := range contestedWidth {
					poisoned.values[row*contestedWidth+j] = 1e30
				}
				poisoned.weights[row] = 1e9
			}
			got := poisoned.fit(t, s)
			if got.wordsL2 != want.wordsL2 || got.besideL2 != want.besideL2 {
				t.Errorf("λ = %v and %v, want %v and %v", got.wordsL2, got.besideL2, want.wordsL2, want.besideL2)
			}
			for i := 0; i < len(want.test); i += 2 {
				if !reflect.DeepEqual(got.words[i], want.words[i]) || !reflect.DeepEqual(got.beside[i], want.beside[i]) {
					t.Fatalf("test row %d: %+v and %+v, want %+v and %+v", i, got.words[i], got.beside[i], want.words[i], want.beside[i])
				}
			}
		})
	}
}

// Where there are too many training rows some are drawn, the same each time,
// and the features are fitted to these alone too.
func TestDrawnTrainingRows(t *testing.T) {
	c := newContested()
	b := c.fit(t, new(experiment.Settings))
	b.most = 60
	if err := b.thin(); err != nil {
		t.Fatal(err)
	}
	if n := len(b.train); n > 60 || n < 40 || b.out.Sample != n {
		t.Errorf("%d rows are drawn, %d said", n, b.out.Sample)
	}
	for _, row := range b.train {
		if !slices.Contains(c.train, row) {
			t.Errorf("row %d is no training row", row)
		}
	}
	if err := b.fit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(b.features) != len(b.test) || !(accuracy(b.features) > 0.4) {
		t.Errorf("%d rows by the features alone, accuracy %v", len(b.features), accuracy(b.features))
	}
}

package transfer

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract/contract"
	"github.com/headstart-ml/headstart/extract/features"
	"github.com/headstart-ml/headstart/head/experiment"
	"github.com/headstart-ml/headstart/head/study"
	"github.com/headstart-ml/headstart/models/builtin"
)

// rivalsFolder names the folder that bench/rivals.py has made.
const rivalsFolder = "HEADSTART_RIVALS"

// The candidates of a modality, and the sets of which there are features.
var rivalSets = []struct {
	candidates []string
	sets       []string
}{
	{[]string{"layer1", "layer3", "layer5", "cls", "minilm"}, []string{"emoji-names", "amazon", "imdb", "yelp", "titles", "tweets", "glosses"}},
	{[]string{"block8", "block12", "block16", "lite0", "mobilenet"}, []string{"emoji", "noto", "digits", "fashion"}},
}

// BenchmarkRivals shows how far the candidate that CompareSets picks with 200
// labelled samples is behind the best one with all samples, and how far the
// largest model is. "within" is the share of draws that are at most one point
// behind.
func BenchmarkRivals(b *testing.B) {
	folder := os.Getenv(rivalsFolder)
	if folder == "" {
		b.Fatalf("%s does not name the folder that bench/rivals.py has made; make bench-rivals does both", rivalsFolder)
	}
	// What is best of all samples has to be known better than the point that
	// picks are held to: with one seed it moves by more than that.
	const draws, labelled, fullDeals = 3, 200, 5
	c, err := cache.Open(filepath.Join(folder, "cache"), nil)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	for b.Loop() {
		within, all := 0, 0
		regret, largest := 0.0, 0.0
		for _, m := range rivalSets {
			for _, set := range m.sets {
				candidates, d := rivals(b, c, folder, set, m.candidates)
				full, err := study.CompareAgainst(b.Context(), d, candidates, &study.AgainstSettings{Deals: fullDeals, By: "none"})
				if err != nil {
					b.Fatal(err)
				}
				best := full.Rivals[full.Best].Accuracy.Value
				line := fmt.Sprintf("%-12s", set)
				for _, r := range full.Rivals {
					line += fmt.Sprintf(" %s %.3f", r.Name, r.Accuracy.Value)
				}
				big := full.Rivals[0]
				for _, r := range full.Rivals {
					if r.MultiplyAdds >= big.MultiplyAdds { // of equal ones the backbone's own tap, which comes last
						big = r
					}
				}
				picks := map[string]int{}
				worst, near := 0.0, 0
				for draw := range draws {
					few := *d
					few.Labels = labelledOf(d, labelled, uint64(draw))
					a, err := study.CompareAgainst(b.Context(), &few, candidates, &study.AgainstSettings{Seed: uint64(draw), By: "none"})
					if err != nil {
						b.Fatal(err)
					}
					picked := full.Rivals[a.Pick]
					behind := best - picked.Accuracy.Value
					picks[picked.Name]++
					worst = math.Max(worst, behind)
					regret += behind
					largest += best - big.Accuracy.Value
					all++
					if behind <= 0.01 {
						near++
						within++
					}
				}
				fmt.Printf("%s: %d of %d picks within a point, at most %.3f behind; picked %v; largest (%s) %.3f behind\n", line, near, draws, worst, picks, big.Name, best-big.Accuracy.Value)
			}
		}
		b.ReportMetric(float64(within)/float64(all), "within")
		b.ReportMetric(100*regret/float64(all), "points-regret")
		b.ReportMetric(100*largest/float64(all), "points-regret-largest")
	}
}

// labelledOf keeps the labels of so many samples, of each class its share.
func labelledOf(d *experiment.Data, n int, seed uint64) []string {
	rng := rand.New(rand.NewPCG(seed, 11))
	order := rng.Perm(len(d.Labels))
	labels := make([]string, len(d.Labels))
	for _, i := range order[:n] {
		labels[i] = d.Labels[i]
	}
	return labels
}

// rivals opens the candidates of a set.
func rivals(b *testing.B, c *cache.Cache, folder, set string, names []string) ([]study.Candidate, *experiment.Data) {
	path := func(name string) string { return filepath.Join(folder, set+"-"+name+".features") }
	names = slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		_, err := os.Stat(path(name))
		return name == "mobilenet" && err != nil // bench/rivals.py was run without it
	})
	var paths []string
	for _, name := range names {
		paths = append(paths, path(name))
	}
	j, err := features.Open(paths, c)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { j.Close() })
	var all []study.Candidate
	for k, name := range names {
		spec, err := contract.Recall(j.Sets[k].Meta.Backbone, j.Sets[k].Meta.Spaces, builtin.FS())
		if err != nil {
			b.Fatal(err)
		}
		w, err := spec.Work(rivalTokens)
		if err != nil {
			b.Fatal(err)
		}
		all = append(all, study.Candidate{Name: name, Rows: j.Part(k), MultiplyAdds: w.MultiplyAdds, Parameters: w.Parameters})
	}
	d := DataOf(j)
	d.Keys = together(j)
	return all, d
}

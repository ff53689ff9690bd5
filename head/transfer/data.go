package transfer

import (
	"slices"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract/features"
	"github.com/headstart-ml/headstart/head/experiment"
	"github.com/headstart-ml/headstart/models"
)

// Data are labelled samples, and the backbone that embedded them.
type Data struct {
	// Features is one feature set in one space. It stays open as long as the
	// Learner.
	Features *features.Joined
	// Spec is the backbone of that space, see contract.Recall. Its pooling is
	// none, cls, mean or gap.
	Spec *models.Spec
	// Cache has the rows of Features, and takes activations and features of
	// more taps.
	Cache *cache.Cache
	// Root is where the samples are now, see extract.Reread. "" means where
	// they were.
	Root string
}

// DataOf is what an experiment takes, for the rows of j. A weight that is not
// given is 1. Rows with several labels each come with lists of them.
func DataOf(j *features.Joined) *experiment.Data {
	keys := make([][32]byte, len(j.Table.Keys))
	for i, k := range j.Table.Keys {
		keys[i] = k
	}
	d := &experiment.Data{
		Rows: j.Matrix, Labels: j.Table.Labels, LabelLists: j.Table.LabelLists, IDs: j.Table.IDs, Keys: keys,
		Groups: j.Table.Groups, Splits: j.Table.Splits, Weights: slices.Clone(j.Table.Weights),
	}
	d.Noun = noun(j)
	for i, w := range d.Weights {
		if w != w { // not given
			d.Weights[i] = 1
		}
	}
	return d
}

// noun is what a sample is called that all feature sets agree on, "" where some
// have its picture and others its text.
func noun(j *features.Joined) string {
	called := ""
	for i, set := range j.Sets {
		if i > 0 && set.Meta.Modality != j.Sets[0].Meta.Modality {
			return ""
		}
		called = map[string]string{"image": "picture", "text": "text"}[set.Meta.Modality]
	}
	return called
}

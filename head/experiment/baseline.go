package experiment

import "github.com/headstart-ml/headstart/head/measure"

// Baselines tells what simpler features or heads do on the rows that a head was
// tested on, fitted to the same training rows.
type Baselines struct {
	// BagOfWords is a head on the words of the texts alone, WithEmbedding one
	// on the words and the head's own features beside each other; nil where no
	// feature set is of texts.
	BagOfWords    *Baseline `json:"bag_of_words,omitempty"`
	WithEmbedding *Baseline `json:"with_embedding,omitempty"`
	// NearestMean is the nearest class mean on the head's own features; nil
	// where there is a bag of words, and of a head that is one itself.
	NearestMean *Baseline `json:"nearest_mean,omitempty"`
	// Sample is the number of training rows that were drawn to fit them where
	// all would have been too many; 0: all were taken. The head is then
	// compared by a fit of its features to these rows.
	Sample int `json:"sample,omitempty"`
	// LeftOut says why there is no bag of words of texts, or none beside the
	// head's own features; "" if nothing was left out.
	LeftOut string `json:"left_out,omitempty"`
}

// Baseline is one of them.
type Baseline struct {
	// Accuracy is its share of right answers.
	Accuracy measure.Estimate `json:"accuracy"`
	// Difference is the accuracy of the head less this one, on the same rows.
	Difference measure.Estimate `json:"difference"`
	// L2 is the λ that was selected last; 0 for one without.
	L2 float64 `json:"l2,omitempty"`
}

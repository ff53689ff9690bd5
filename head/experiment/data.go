package experiment

import "github.com/headstart-ml/headstart/head"

// Data is what Train learns from. All slices but Rows run over the rows in their order.
type Data struct {
	// Rows holds the features, n×d. They must be finite.
	Rows head.Rows
	// Labels holds the class of each row, byte for byte; "" is an unlabelled row, which is skipped and counted.
	Labels []string
	// IDs names rows in messages; nil: rows are named by their number, from 0.
	IDs []string
	// Keys holds a digest of each row's content. Rows of equal keys stay in one part and one fold.
	// nil: the rows are all of different content, and the ID (without IDs, the number) takes the place of the key.
	Keys [][32]byte
	// Groups says what belongs together beyond equal content; "" is a row without a group. nil: no groups.
	Groups []string
	// Splits holds the part of each row: train, validation (or valid, val, dev) or test. nil: the data have no splits of their own;
	// "" in data that do have them is a row that takes no part, which is counted.
	Splits []string
	// Weights weighs the rows in the fit, finite and not negative. nil: all 1. A weight of 2 is the same as a row given twice;
	// metrics count every row once.
	Weights []float64
}

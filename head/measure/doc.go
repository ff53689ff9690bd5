// Package measure says how good the predictions of a head are, with intervals,
// and calibrates them.
//
// Metrics take outcomes: what matters of each row's probabilities, in five
// numbers. Whoever predicts in blocks keeps those and no n×C matrix.
package measure

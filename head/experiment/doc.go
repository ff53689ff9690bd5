// Package experiment decides on which rows a head is fitted, selected,
// calibrated and tested, and fits it.
//
// # Heads
//
// "softmax" is multinomial logistic regression: on features x that are
// standardised, it minimises
//
//	(1/N) Σ wᵢ·CEᵢ + λ/2 ‖W‖²
//
// over W (C×D) and a free intercept b, where CE is the cross-entropy of
// softmax(W·x + b), the weights w have mean 1 and λ is Settings.L2. It is the
// objective of scikit-learn's LogisticRegression with C = 1/(λN). (With two
// classes W has two rows here and one in scikit-learn: the same model for C =
// 2/(λN).) "ncm" is the nearest class mean.
//
// # What Train does
//
// Train decides which rows belong to which part (splits that the data bring, a
// split by hash, or folds), chooses λ along a path by cross-validation inside
// the training part, calibrates a temperature on rows that the fit has not
// seen, and reports metrics, with their intervals, on rows that none of this
// has seen. With CV the whole procedure is repeated inside each fold, and the
// model that is returned is then fitted on everything.
//
// # Parts, folds, units
//
// Rows that belong together stay together in every part and fold: rows of one
// content key, and rows of one group where groups are used (Settings.By). What
// stays together is a unit. A unit's place is drawn from u = SHA-256(seed,
// unit)/2²⁵⁶, the seed as 8 bytes big-endian, the unit as the group's name or
// the key's bytes, so that adding samples never moves old ones to another part.
// Folds are stratified: units are dealt from the largest to the smallest, those
// of one size in the order of u, each to the fold that has least of its
// classes.
//
// # How the softmax head is fitted
//
// gonum's L-BFGS works in whitened coordinates V with W = V·L⁻¹, where M = L·Lᵀ
// = a·Cov + λI. With a the mean of p(1−p), M is about the Hessian. Cov is the
// covariance of the rows of all parts and folds alike (of at most 16·D of
// them), and one factor serves all fits of a λ: that changes how many passes
// over the rows a fit takes, and not its optimum. Features are float32,
// products of blocks of 64 rows are float32, sums over blocks, parameters and
// closed forms are float64. A fit stops when its relative gap to the optimum,
// which it estimates from the Newton decrement and the rate at which that
// falls, is below Settings.Tolerance.
//
// The path of λ runs from strong to weak, each fit from where the last one
// ended, to a gap of 1e-3 (or Settings.Tolerance, if it is coarser). It is left
// early when, over a factor of ten of λ, the log-loss of the out-of-fold
// predictions has not become better, nor the score by more than its standard
// error, which a warning says. What is chosen is the best of what was fitted,
// and is fitted again to Settings.Tolerance.
//
// # Determinism
//
// The same data and settings give the same bits on one architecture: rows are
// cut into lanes whose number depends on nothing but the number of rows, lanes
// are added up in their order, and Settings.Threads only says how many of them
// run at a time.
package experiment

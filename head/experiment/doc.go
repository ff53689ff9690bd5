// Package experiment decides on which rows a head is fitted, selected,
// calibrated and tested. What is fitted, and how, is package fit's.
//
// # What Train does
//
// Train decides which rows belong to which part (the data's own splits, a split
// by hash, or folds), selects a kind of head and its λ along a path by
// cross-validation inside the training part, calibrates a temperature on rows
// that the fit has not seen, and reports metrics, with their intervals, on rows
// that none of this has seen. With a cross-validation the whole procedure is
// repeated inside each fold, and the head that is returned is then fitted on
// everything.
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
// For other tasks than one of several classes, folds are stratified by label (a
// row counts for each of its labels, and those without one for a stratum of
// their own), by tenths of the rows in the order of the number, and by grade.
// Parts are drawn by hash for all tasks.
//
// # How λ is selected
//
// The path of λ runs from strong to weak, each fit from where the last one
// ended, to a gap of 1e-3 (or Settings.Tolerance, if it is coarser), in all
// folds of all training parts side by side. A part leaves it early when, over a
// factor of ten of λ, the log-loss of the out-of-fold predictions has not
// become better, nor the score by more than its standard error, which a warning
// says. The best of what was fitted is selected, and fitted again to
// Settings.Tolerance.
//
// # Determinism
//
// The same data and settings give the same bits on one architecture, whatever
// Settings.Threads and Settings.Memory are.
package experiment

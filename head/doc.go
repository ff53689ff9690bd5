// Package head is what a head is and computes: a small model on the features
// that a frozen backbone gives.
//
// A Head is a Model, which computes scores of a row of features, and what the
// scores mean: of which classes they are, and the temperature that makes logits
// of them. A program that only predicts needs no more than this package.
//
// What a head answers is its Task: one of several classes, any of several
// labels, numbers, or a grade. The task decides how answers come of scores
// (Task.LinkTo): softmax, a sigmoid a label, the scores themselves, differences
// of cumulative sigmoids.
//
// Kinds lists the kinds of heads. "softmax" is multinomial logistic regression;
// "ncm" is the nearest class mean, p(c|x) = softmax(−½‖x−μ_c‖²/T) on
// standardised rows; "ridge" is linear regression with targets of ±1, p(c|x) =
// softmax(scores/T); "lda" is linear discriminant analysis with a shrunken
// covariance, "lda+softmax" is softmax in the space of linear discriminants. Up
// to a constant of the row, −½‖x−μ‖² is affine in x, so that all of them are an
// Affine. "knn" answers by the rows that are nearest in angle, which it keeps:
// Neighbours. "mlp" is a Perceptron: one or two hidden layers of rectified
// linear units before the scores.
package head

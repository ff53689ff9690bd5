// Package head is what a head is and computes: a small model on the features that
// a frozen backbone gives.
//
// "softmax" is multinomial logistic regression, "ncm" the nearest class mean:
// p(c|x) = softmax(−½‖x−μ_c‖²/T) on standardised rows. Up to a constant of the row,
// −½‖x−μ‖² is affine in x, so that both are one Model: weights, biases, a
// temperature.
package head

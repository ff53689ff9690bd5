// Package study says what more training data, and more retrained layers, would
// bring: learning curves, what they become where there is more data, and advice
// with its evidence.
//
// It is arithmetic alone, without input or output.
package study

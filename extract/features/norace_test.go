//go:build !race

package features_test

const slowdown = 1

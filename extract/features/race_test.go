//go:build race

package features_test

// slowdown is by how much the race detector makes limits larger.
const slowdown = 10

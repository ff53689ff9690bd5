//go:build !race

package extract_test

// raced tells whether the race detector runs, which takes memory of its own.
const raced = false

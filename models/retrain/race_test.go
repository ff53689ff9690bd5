//go:build race && cgo && !windows

package retrain

// raced tells whether the race detector runs, which takes memory of its own.
const raced = true

//go:build race

package cache

// raceEnabled says that the race detector slows everything down.
const raceEnabled = true

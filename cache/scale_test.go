package cache

import (
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
)

// With HEADSTART_FAULTS=full ("make fault") the tests that break things do so
// as often as docs/cache-faults.md says; without, about a tenth as often.
var fullScale = os.Getenv("HEADSTART_FAULTS") == "full"

// scaled returns how often to do something.
func scaled(full, part int) int {
	if fullScale {
		return full
	}
	return part
}

// count is one of the figures that the run prints at its end. A test that finds
// a row lost or wrong fails; those two are counted by the checks themselves.
type count struct {
	name string
	n    atomic.Int64
}

// The figures, in the order in which they are printed.
var (
	countPoints    = &count{name: "power failures: points (scenario, operation)"}
	countStates    = &count{name: "power failures: states checked (points × seeds)"}
	countNested    = &count{name: "power failures during the recovery from one"}
	countFailures  = &count{name: "operations made to fail"}
	countKills     = &count{name: "processes killed"}
	countStarts    = &count{name: "rounds of writers started together"}
	countFull      = &count{name: "disks filled"}
	countCuts      = &count{name: "truncations"}
	countBits      = &count{name: "bits flipped"}
	countRearrange = &count{name: "blocks zeroed, frames moved"}
	countMutants   = &count{name: "mutants killed"}
	countChecked   = &count{name: "acknowledged rows checked"}
	countLost      = &count{name: "acknowledged rows lost"}
	countWrong     = &count{name: "wrong rows served"}
)

var counts = []*count{
	countPoints, countStates, countNested, countFailures, countKills, countStarts, countFull,
	countCuts, countBits, countRearrange, countMutants, countChecked, countLost, countWrong,
}

func printCounts() {
	for _, c := range counts {
		fmt.Printf("%-50s %12d\n", c.name, c.n.Load())
	}
}

// scratch returns a new directory, in memory if there is such a place: what is
// simulated needs no disk.
func scratch(t testing.TB) string {
	t.Helper()
	const memory = "/dev/shm"
	dir, err := os.MkdirTemp(memory, "headstart-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return filepath.Clean(dir)
}

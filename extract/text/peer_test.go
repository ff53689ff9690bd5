//go:build unix

package text

import (
	"bufio"
	"encoding/json"
	"os"
	"syscall"
	"testing"
)

// TestPeer is our side of bench/tokens.py: for each line that comes, it
// tokenizes all texts once and says how much CPU time that took, and a digest
// (FNV-1a) of the ids.
func TestPeer(t *testing.T) {
	tokenizer, texts := os.Getenv("HEADSTART_PEER"), os.Getenv("HEADSTART_TEXTS")
	if tokenizer == "" {
		t.Skip("bench/tokens.py runs it")
	}
	tok, err := Open(tokenizer, nil)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(texts)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	if err := json.Unmarshal(data, &list); err != nil {
		t.Fatal(err)
	}
	out := json.NewEncoder(os.Stdout)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		digest := uint64(0xCBF29CE484222325)
		var ids []int32
		start := cpuTime(t)
		for _, text := range list {
			if ids, err = tok.AppendIDs(ids[:0], text); err != nil {
				t.Fatal(err)
			}
			for _, id := range ids {
				digest = (digest ^ uint64(id)) * 0x100000001B3
			}
		}
		if err := out.Encode(map[string]any{"Seconds": cpuTime(t) - start, "Digest": digest}); err != nil {
			t.Fatal(err)
		}
	}
}

// cpuTime returns how many seconds of CPU time the process took.
func cpuTime(t *testing.T) float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

//go:build unix

package text

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
)

// peer is what bench/tokens.py puts beside Hugging Face tokenizers.
type peer struct {
	tokenizer string // a tokenizer.json
	texts     []string
}

// turn is what became of the texts: how many seconds of CPU time they took, and
// a digest (FNV-1a) of their ids.
type turn struct {
	Seconds float64
	Digest  uint64
}

// serve tokenizes all texts once for each line that comes, with a tokenizer
// that has not seen any text before.
func (p *peer) serve(r io.Reader, w io.Writer) error {
	out := json.NewEncoder(w)
	for lines := bufio.NewScanner(r); lines.Scan(); {
		tok, err := Open(p.tokenizer, nil)
		if err != nil {
			return err
		}
		t := turn{Digest: 0xCBF29CE484222325}
		var ids []int32
		start := cpuTime()
		for _, text := range p.texts {
			if ids, err = tok.AppendIDs(ids[:0], text); err != nil {
				return err
			}
			for _, id := range ids {
				t.Digest = (t.Digest ^ uint64(id)) * 0x100000001B3
			}
		}
		t.Seconds = cpuTime() - start
		if err := out.Encode(t); err != nil {
			return err
		}
	}
	return nil
}

// cpuTime returns how many seconds of CPU time the process took.
func cpuTime() float64 {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u) // cannot fail with these arguments
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

// TestPeer is the peer of bench/tokens.py if that has set HEADSTART_PEER to a
// tokenizer.json. Otherwise it checks that a peer answers each line, and the
// same again.
func TestPeer(t *testing.T) {
	if tokenizer := os.Getenv("HEADSTART_PEER"); tokenizer != "" {
		data, err := os.ReadFile(os.Getenv("HEADSTART_TEXTS"))
		if err != nil {
			t.Fatal(err)
		}
		p := &peer{tokenizer: tokenizer}
		if err := json.Unmarshal(data, &p.texts); err != nil {
			t.Fatal(err)
		}
		if err := p.serve(os.Stdin, os.Stdout); err != nil {
			t.Fatal(err)
		}
		return
	}
	p := &peer{"../../models/builtin/all-minilm-l6-v2/tokenizer.json", []string{"hello", "a ripe peach"}}
	var out strings.Builder
	if err := p.serve(strings.NewReader("\n\n"), &out); err != nil {
		t.Fatal(err)
	}
	tok, err := Open(p.tokenizer, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := uint64(0xCBF29CE484222325)
	for _, text := range p.texts {
		for _, id := range encode(t, tok, text) {
			want = (want ^ uint64(id)) * 0x100000001B3
		}
	}
	n := 0
	for d := json.NewDecoder(strings.NewReader(out.String())); d.More(); n++ {
		var got turn
		if err := d.Decode(&got); err != nil || got.Digest != want {
			t.Errorf("%v, %v, want the digest %d", got, err, want)
		}
	}
	if n != 2 {
		t.Errorf("%d answers to 2 lines", n)
	}
}

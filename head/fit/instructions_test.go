package fit

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/head/internal/simd"
)

// GODEBUG leaves out instructions that the processor has, which is how a
// comparison runs with AVX2 where there is more.
func TestInstructions(t *testing.T) {
	if os.Getenv("HEADSTART_INSTRUCTIONS") != "" {
		os.Stdout.WriteString("uses " + Instructions() + "\n")
		return
	}
	for godebug, limit := range map[string]simd.Instructions{"": simd.AVX512, "cpu.avx512f=off": simd.AVX2, "cpu.avx512f=off,cpu.avx2=off": simd.Portable} {
		c := exec.Command(os.Args[0], "-test.run", "^TestInstructions$")
		c.Env = append(os.Environ(), "HEADSTART_INSTRUCTIONS=1", "GODEBUG="+godebug)
		out, err := c.Output()
		if err != nil {
			t.Fatal(err)
		}
		if want := "uses " + min(limit, simd.Most()).String() + "\n"; !strings.Contains(string(out), want) {
			t.Errorf("GODEBUG=%s: %q, not %q", godebug, out, want)
		}
	}
}

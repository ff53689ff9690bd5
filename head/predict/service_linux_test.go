package predict

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/builtin"
)

// asService says that the process is the service of BenchmarkServiceMemory.
const asService = "HEADSTART_TEST_SERVICE"

// BenchmarkServiceMemory reports the resident memory of a process that opens a
// head on the built-in backbone for texts and answers 1,000 requests, without
// what is mapped of the ONNX Runtime library: files that are part of the
// program, which the system may drop, and the rest.
func BenchmarkServiceMemory(b *testing.B) {
	if head := os.Getenv(asService); head != "" {
		p, err := Open(head, &Options{Builtin: builtin.FS(), Runtime: runtimeLibrary(b)})
		if err != nil {
			b.Fatal(err)
		}
		defer p.Close()
		for range 1000 {
			if _, err := p.Predict(b.Context(), [][]byte{sample(b, models.Text)}); err != nil {
				b.Fatal(err)
			}
		}
		var heap runtime.MemStats
		runtime.ReadMemStats(&heap)
		file, rest := resident(b)
		fmt.Printf("\nresident %d %d %d\n", file, rest, heap.HeapInuse)
		return
	}
	for b.Loop() {
		cmd := exec.Command(os.Args[0], "-test.run", "^$", "-test.bench", "^BenchmarkServiceMemory$", "-test.benchtime", "1x")
		cmd.Env = append(os.Environ(), asService+"="+madeUpHead(b, models.Text))
		out, err := cmd.CombinedOutput()
		_, line, ok := strings.Cut(string(out), "\nresident ")
		var file, rest, heap float64
		if ok {
			_, err = fmt.Sscan(line, &file, &rest, &heap)
		}
		if err != nil || !ok {
			b.Fatalf("%v\n%s", err, out)
		}
		b.ReportMetric((file+rest)/(1<<20), "rss-MiB")
		b.ReportMetric(file/(1<<20), "program-MiB")
		b.ReportMetric(rest/(1<<20), "own-MiB")
		b.ReportMetric(heap/(1<<20), "go-heap-MiB")
	}
}

// resident is the resident memory of the process in bytes, that of files and
// the rest, without the mappings of the ONNX Runtime library.
func resident(b *testing.B) (file, rest int64) {
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	library, dirty := false, int64(0)
	for s := bufio.NewScanner(f); s.Scan(); {
		fields := strings.Fields(s.Text())
		if !strings.HasSuffix(fields[0], ":") {
			library = strings.Contains(s.Text(), "/libonnxruntime.")
			continue
		}
		var kB int64
		switch fields[0] {
		case "Rss:":
			fmt.Sscan(fields[1], &kB)
			if !library {
				file += kB << 10
			}
		case "Anonymous:":
			fmt.Sscan(fields[1], &kB)
			if !library {
				dirty += kB << 10
			}
		}
	}
	return file - dirty, dirty
}

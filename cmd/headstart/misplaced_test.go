package main

import (
	"os"
	"strings"
	"testing"
)

// Arguments that are something else than a command takes, that stand in another
// order or are not there at all are noticed by their content, and what to type
// is said.
func TestMisplacedArguments(t *testing.T) {
	p := newPlace(t)
	p.put("a table.csv", []byte("text,label\none apple,fruit\none dog,dog\ntwo pears,fruit\ntwo cats,dog\n"))
	if code, _, stderr := headstart(t, "extract", "--out", "set", "a table.csv"); code != 0 {
		t.Fatal(stderr)
	}
	p.do(t, "train-head --l2 1 --cv 2 --calibrate none --out told set")
	p.put("more.features", p.read("set"))
	p.do(t, "export told --out exported")
	p.do(t, "export told --out alone.json --format json")
	if err := os.Mkdir("photos", 0o777); err != nil {
		t.Fatal(err)
	}
	p.put("broken.head.onnx", []byte("\x08\x08 no head"))
	p.put("broken.features", []byte("PAR1 no set"))
	cache := os.Getenv("HEADSTART_CACHE")
	for _, c := range []struct {
		line string
		code int
		want string
	}{
		{"predict 'a table.csv' told", exitFailed, "the head comes first: headstart predict told 'a table.csv'"},
		{"predict photos told more.features", exitFailed, "the head comes first: headstart predict told photos more.features"},
		{"evaluate set told", exitFailed, "the head comes first: headstart evaluate told set"},
		{"predict photos", exitUsage, "photos is a folder, not a head file; the head comes first: headstart predict NAME.head.onnx photos"},
		{"predict set", exitUsage, "set is a feature set, not a head file; headstart train-head set makes a head of it"},
		{"predict told", exitUsage, "the source is missing"},
		{"predict told told", exitFailed, "told is a head too, and predict takes one; headstart inspect told told compares them"},
		{"predict nowhere 'a table.csv'", exitFailed, "nowhere is not there; headstart train-head NAME.features makes a head"},
		{"predict broken.head.onnx set", exitFailed, "broken.head.onnx: not a head file"},
		{"evaluate told nowhere", exitFailed, "nowhere is not there"},
		{"evaluate alone.json set", exitFailed, "alone.json is a file, not a head file"},
		{"evaluate exported set", exitFailed, "exported is an exported model, and evaluate takes the head file that it was made of: headstart evaluate NAME.head.onnx set; headstart predict exported SOURCE asks the model"},
		{"export told --out alone.json --format json", exitFailed, "headstart: export: alone.json is there already"},
		{"export told --out 'a table.csv'", exitFailed, "headstart: export: a table.csv is a file, not a directory; name a new folder"},
		{"export told --out y --licence mit", exitFailed, "headstart: export: the weights of all-minilm-l6-v2 are under the licence Apache-2.0, not mit; leave --licence out"},
		{"study mor.features", exitFailed, "headstart: study: mor.features is not there (did you mean more.features?)"},
		{"study told", exitFailed, "told is a head and no feature set, which study takes"},
		{"study set --against mor.features", exitFailed, "headstart: study: --against mor.features is not there (did you mean more.features?)"},
		{"study set --against told", exitFailed, "--against told is a head and no feature set, which study takes"},
		{"study set --depths hed", exitUsage, "--depths hed: did you mean head?"},
		{"study set --depths nowhere", exitUsage, "--depths nowhere: neither head, taps, last:N, half, all nor a tensor of all-minilm-l6-v2"},
		{"export set --out y", exitFailed, "set is a feature set, not a head file"},
		{"export all-minilm-l6-v2 --out y", exitFailed, "all-minilm-l6-v2 is a backbone, not a head file"},
		{"train-head told", exitFailed, "told is a head and no feature set, which train-head takes"},
		{"train-head photos", exitFailed, "photos is a folder and no feature set, which train-head takes; headstart extract photos makes one"},
		{"train-head 'a table.csv'", exitFailed, "headstart extract 'a table.csv' makes one"},
		{"train-head mor.features", exitFailed, "mor.features is not there (did you mean more.features?); headstart extract SOURCE makes a feature set"},
		{"train-head broken.features", exitFailed, "broken.features"},
		{"extract set", exitFailed, "set is a feature set already; headstart train-head set trains a head on it"},
		{"extract told", exitFailed, "told is a head; headstart predict told SOURCE"},
		{"extract all-minilm-l6-v2 'a table.csv'", exitFailed, "all-minilm-l6-v2 is a backbone; headstart extract --backbone all-minilm-l6-v2 'a table.csv'"},
		{"extract nowhere", exitFailed, "nowhere is not there"},
		{"extract '" + cache + "'", exitFailed, "is a cache of embeddings; headstart cache stat --cache"},
		{"inspect nowhere.features", exitFailed, "nowhere.features is not there"},
		{"inspect all-minilm-l6v2", exitFailed, "did you mean all-minilm-l6-v2?"},
		{"inspect photos", exitFailed, "photos is a folder, and no backbone, head, feature set or cache; if it holds samples, headstart extract photos"},
		{"inspect 'a table.csv'", exitFailed, "headstart extract 'a table.csv' makes a feature set"},
		{"cache export nowhere.features --out x.npy", exitFailed, "nowhere.features is not there"},
		{"cache export told --out x.npy", exitFailed, "told is a head and no feature set, which cache export takes"},
		{"cache why nowhere", exitFailed, "nowhere: no such file or folder"},
		{"train-head --head zzz told", exitUsage, "--head zzz"}, // the flags first
	} {
		code, _, stderr := headstart(t, shellWords(t, c.line)...)
		if code != c.code || !strings.Contains(stderr, c.want) {
			t.Errorf("%s: exit %d, want %d: %q, want %q", c.line, code, c.code, stderr, c.want)
		}
	}
}

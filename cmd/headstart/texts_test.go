package main

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
)

// A prompt is part of the space: it is put in front of every text, a head
// recalls it, and another one is refused.
func TestPrompt(t *testing.T) {
	p := newPlace(t)
	p.put("plain.csv", []byte("text,label\na bird sings,0\nthe dog barks,1\na small bird,0\nthe old dog,1\n"))
	p.put("said.csv", []byte("text,label\nquery:a bird sings,0\nquery:the dog barks,1\nquery:a small bird,0\nquery:the old dog,1\n"))
	p.do(t, "extract --prompt query: --out a.features plain.csv")
	p.do(t, "extract --out b.features said.csv")
	a, b := p.embeddings("a.features"), p.embeddings("b.features")
	if apart(a, b) > 1e-6 {
		t.Errorf("a prompt is not what is put in front: %g apart", apart(a, b))
	}
	prefix := func(set string) any {
		v, _ := p.one(t, "inspect "+set).at("meta.spaces.prep.prefix")
		return v
	}
	if x := prefix("a.features"); x != "query:" || prefix("b.features") != nil {
		t.Error("both are of one space")
	}
	p.do(t, "train-head --cv 2 --l2 0.1 --calibrate none --out a.head.onnx a.features")
	want := p.do(t, "predict --probabilities --to csv a.head.onnx plain.csv")
	if got := p.do(t, "predict --probabilities --to csv --prompt query: a.head.onnx plain.csv"); got != want {
		t.Errorf("with the prompt of the head:\n%s\nwithout:\n%s", got, want)
	}
	p.fails(t, "predict --prompt passage: a.head.onnx plain.csv", exitUsage, "--prompt passage:", `the head was fitted on features with the prompt "query:"`)
	p.fails(t, "extract --prompt query: --out c.features "+p.emoji, exitUsage, "--prompt is for texts; the source holds images")
}

// The first numbers of a vector are an embedding of their own, normalised
// again, in a space of their own, for heads, with retrained layers, too, and
// exports.
func TestDim(t *testing.T) {
	p := newPlace(t)
	p.put("t.csv", []byte("text,label\na bird sings,0\nthe dog barks,1\na small bird,0\nthe old dog,1\na green bird,0\none more dog,1\n"))
	p.do(t, "extract --out whole.features t.csv")
	p.do(t, "extract --dim 40 --out short.features t.csv")
	whole, short := p.embeddings("whole.features"), p.embeddings("short.features")
	if len(whole) != 6*384 || len(short) != 6*40 {
		t.Fatalf("%d and %d values", len(whole), len(short))
	}
	for i := range 6 {
		begin := whole[i*384:][:40]
		var square float64
		for _, v := range begin {
			square += float64(v) * float64(v)
		}
		for k, v := range begin {
			if want := float64(v) / math.Sqrt(square); math.Abs(want-float64(short[i*40+k])) > 1e-5 {
				t.Fatalf("text %d, value %d: %g, want %g", i, k, short[i*40+k], want)
			}
		}
	}
	p.do(t, "train-head --cv 2 --l2 0.1 --calibrate none --out h.head.onnx short.features")
	want := p.do(t, "predict --to csv h.head.onnx t.csv")
	if got := p.do(t, "predict --to csv --dim 40 h.head.onnx t.csv"); got != want {
		t.Errorf("%s\nand %s", got, want)
	}
	p.fails(t, "predict --dim 41 h.head.onnx t.csv", exitUsage, "--dim 41: the head was fitted on features of 40 numbers")
	p.fails(t, "extract --dim 385 --out x.features t.csv", exitUsage, "--dim 385: an embedding of all-minilm-l6-v2 has 384 numbers")
	p.fails(t, "extract --dim 0 --out x.features t.csv", exitUsage, "--dim 0", "from 1 on")
	p.do(t, "export h.head.onnx --out model")
	p.do(t, "train-head --tail last:1 --epochs 2 --l2 0.1 --calibrate none --split train=0.5,validation=0.25,test=0.25 --out t.head.onnx short.features")
	p.do(t, "predict --to csv t.head.onnx t.csv")
}

// What becomes of a long text is part of the space: its end is cut off, it is
// read in windows, or it counts as bad.
func TestLong(t *testing.T) {
	p := newPlace(t)
	long := strings.Repeat("the old dog barks at a small green bird ", 60)
	p.put("t.csv", []byte("text,label\na bird,0\nthe dog,1\n"+long+"and the end,0\n"+strings.Repeat("x ", 300)+strings.Repeat("dog ", 300)+",1\n"))
	p.put("fine.csv", []byte("text,label\na bird,0\nthe dog,1\n"))
	p.do(t, "extract --out cut.features t.csv")
	code, _, stderr := p.try(t, "extract --long chunks:mean --out chunks.features t.csv")
	if code != 0 || !strings.Contains(stderr, "2 of 4 texts are longer than the 256 tokens that the backbone takes; they were read in windows that overlap by 32, and the embedding is the mean of theirs") {
		t.Errorf("exit %d: %s", code, stderr)
	}
	cut, chunks := p.embeddings("cut.features"), p.embeddings("chunks.features")
	for i := range 4 {
		d := apart(cut[i*384:][:384], chunks[i*384:][:384])
		if short := i < 2; short != (d < 1e-6) {
			t.Errorf("text %d: cut off and in windows are %g apart", i, d)
		}
		var square float64
		for _, v := range chunks[i*384:][:384] {
			square += float64(v) * float64(v)
		}
		if math.Abs(square-1) > 1e-4 {
			t.Errorf("text %d: a vector of length %g", i, math.Sqrt(square))
		}
	}
	// cache why says with which flags a text's embedding is there.
	for asked, want := range map[string]string{
		"--prompt 'query: '":                    "With --prompt '' extract finds them there.",
		"--dim 100":                             "With --dim 384 extract finds them there.",
		"--long error":                          "With --long truncate extract finds them there.",
		"--long chunks:mean --prompt 'query: '": "With --prompt '' extract finds them there.",
	} {
		if said := p.do(t, "cache why "+asked+" t.csv"); !strings.Contains(said, want) {
			t.Errorf("%s: %s", asked, said)
		}
	}
	for _, flags := range []string{"--dim 384", "--prompt ''", "--long truncate", "--long chunks:mean"} {
		if said := p.do(t, "cache why "+flags+" t.csv"); !strings.Contains(said, "holds 4 of 4 samples") {
			t.Errorf("%s: %s", flags, said)
		}
	}
	type fed struct {
		ID    string  `json:"id"`
		IDs   []int32 `json:"ids"`
		Types []int64 `json:"type_ids"`
		Mask  []int64 `json:"attention_mask"`
	}
	for i, line := range strings.Split(strings.TrimSpace(p.do(t, "preprocess --long chunks:mean t.csv")), "\n") {
		var seen struct {
			fed
			Windows []fed `json:"windows"`
		}
		if err := json.Unmarshal([]byte(line), &seen); err != nil {
			t.Fatal(err)
		}
		if short := i < 2; short != (len(seen.Windows) == 0) || !short && (len(seen.Windows) < 2 || !slices.Equal(seen.Windows[0].IDs, seen.IDs)) {
			t.Errorf("text %d: %d windows", i, len(seen.Windows))
		}
		for k, w := range seen.Windows {
			if len(w.IDs) != 256 || len(w.Types) != 256 || len(w.Mask) != 256 || w.IDs[0] != 101 || w.IDs[255] != 102 {
				t.Errorf("window %d of text %d: %d ids, %d types, %d of a mask", k, i, len(w.IDs), len(w.Types), len(w.Mask))
			}
			if k > 0 && k < len(seen.Windows)-1 && slices.Equal(w.IDs, seen.Windows[k-1].IDs) && i == 2 {
				t.Errorf("window %d is the one before", k)
			}
		}
	}
	p.fails(t, "extract --long error --out error.features t.csv", exitBadSamples, "2 of 4 samples are bad")
	if bad := string(p.read("error.quarantine.jsonl")); strings.Count(bad, "the text has more than the 256 tokens that the backbone takes") != 2 {
		t.Errorf("%s", bad)
	}
	p.do(t, "train-head --cv 2 --l2 0.1 --calibrate none --out h.head.onnx chunks.features")
	p.do(t, "predict --to csv h.head.onnx t.csv")
	p.fails(t, "export h.head.onnx --out model", exitFailed, "means over windows of long texts")
	p.fails(t, "predict --long truncate h.head.onnx t.csv", exitUsage, "--long truncate: the head was fitted on features with chunks:mean")
	p.fails(t, "train-head --tail last:1 --out t.head.onnx chunks.features", exitFailed, "means over windows of long texts", "--long truncate")
	p.fails(t, "extract --long half --out x.features t.csv", exitUsage, "--long half: it is one of truncate, chunks:mean, error")
}

// apart is how far two lists of values are apart, at most.
func apart(a, b []float32) float64 {
	most := 0.
	for i := range a {
		most = max(most, math.Abs(float64(a[i]-b[i])))
	}
	return most
}

// sentences unpacks folders of sentence-transformers.
func (p *place) sentences(names ...string) {
	p.t.Helper()
	f, err := os.Open(p.archive)
	if err != nil {
		p.t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		p.t.Fatal(err)
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			return
		}
		if err != nil {
			p.t.Fatal(err)
		}
		if first, _, _ := strings.Cut(h.Name, "/"); slices.Contains(names, first) {
			data, err := io.ReadAll(r)
			if err != nil {
				p.t.Fatal(err)
			}
			p.put(h.Name, data)
		}
	}
}

// A folder's prompts are taken by name, its modules are shown, retrained and
// exported, and what only Python reads is refused with the line that converts.
func TestSentenceFolders(t *testing.T) {
	p := newPlace(t)
	p.sentences("bert-prompt-asked", "labse", "static")
	p.put("t.csv", []byte("text,label\na bird sings,0\nthe dog barks,1\na small bird,0\nthe old dog,1\na green bird,0\none more dog,1\n"))
	if out := p.do(t, "inspect bert-prompt-asked"); !strings.Contains(out, `passage: "passage: "`) || !strings.Contains(out, `query: "query: "`) {
		t.Errorf("inspect shows no prompts:\n%s", out)
	}
	p.do(t, "extract --backbone bert-prompt-asked --prompt passage --out named.features t.csv")
	if v, _ := p.one(t, "inspect named.features").at("meta.spaces.prep.prefix"); v != "passage: " {
		t.Errorf("the prompt is %q", v)
	}
	p.fails(t, "extract --backbone bert-prompt-asked --prompt pasage --out x.features t.csv", exitUsage, "did you mean passage")
	p.do(t, "train-head --cv 2 --l2 0.1 --calibrate none --out named.head.onnx named.features")
	p.do(t, "predict --prompt passage named.head.onnx t.csv")
	p.fails(t, "predict --prompt query named.head.onnx t.csv", exitUsage, "--prompt query", `the prompt "passage: "`)

	if out := p.do(t, "inspect labse"); !strings.Contains(out, "dense 24 identity") || !strings.Contains(out, "pooling cls") {
		t.Errorf("inspect shows no modules:\n%s", out)
	}
	p.do(t, "extract --backbone labse --out labse.features t.csv")
	p.do(t, "train-head --tail last:1 --epochs 2 --l2 0.1 --calibrate none --split train=0.5,validation=0.25,test=0.25 --out labse.head.onnx labse.features")
	p.do(t, "predict --to csv labse.head.onnx t.csv")
	p.do(t, "export labse.head.onnx --out labse-model")
	p.do(t, "train-head --cv 2 --l2 0.1 --calibrate none --out plain.head.onnx labse.features")
	p.do(t, "export plain.head.onnx --out plain-model")

	p.do(t, "extract --backbone static --out static.features t.csv")
	p.do(t, "train-head --tail last:1 --epochs 2 --l2 0.1 --calibrate none --split train=0.5,validation=0.25,test=0.25 --out static.head.onnx static.features")
	p.do(t, "predict --to csv static.head.onnx t.csv")
	p.do(t, "export static.head.onnx --out static-model")

	if err := os.Rename("labse/2_Dense/model.safetensors", "labse/2_Dense/pytorch_model.bin"); err != nil {
		t.Fatal(err)
	}
	p.fails(t, "extract --backbone labse --out x.features t.csv", exitFailed, "labse/2_Dense/pytorch_model.bin: the weights of the module are a pickle", "save_file(torch.load('labse/2_Dense/pytorch_model.bin'", "'labse/2_Dense/model.safetensors')")
}

package embed

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math/rand/v2"
	"slices"

	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/tensor"
)

// probeBatch is how many samples are in a batch of probes.
const probeBatch = 8

// Probe is a batch of made-up samples, prepared as a backbone's input contract
// says: what two ways of computing the same can be compared on where there are
// no samples.
type Probe struct {
	Inputs []tensor.View // of the whole backbone, in its order
	tokens []int         // each sample's own, 0 where it has none
	padded int
}

// N is the number of samples.
func (p *Probe) N() int { return len(p.tokens) }

// Probes makes n samples up, the same ones each time: images of spots on a
// ground of one colour, texts of few words and of many, in batches of texts of
// unequal length, numbers about zero. A backbone that is known to compute over
// its batch gets one sample at a time.
func Probes(spec *models.Spec, n int) ([]*Probe, error) {
	contents, err := MadeUp(spec, n)
	if err != nil {
		return nil, err
	}
	return probes(spec, [][][]byte{contents}, "a made-up sample")
}

// MadeUp makes the contents of n samples up, as Probes does.
func MadeUp(spec *models.Spec, n int) ([][]byte, error) {
	kind, ok := modalities[spec.Modality]
	if !ok {
		return nil, fmt.Errorf("backbone %s: modality %q is none that is known", spec.Name, spec.Modality)
	}
	contents := make([][]byte, n)
	for i := range contents {
		var err error
		if contents[i], err = kind.madeUp(spec, rand.New(rand.NewPCG(uint64(i), 1))); err != nil {
			return nil, fmt.Errorf("backbone %s: %w", spec.Name, err)
		}
	}
	return contents, nil
}

// ProbesOf prepares samples in batches of the given sizes, over and over. Texts
// of a batch have unequal lengths, unless nothing hides from the backbone what
// fills them up: then a batch has fewer. A sample that cannot be read is an
// error.
func ProbesOf(spec *models.Spec, contents [][]byte, sizes ...int) ([]*Probe, error) {
	var groups [][][]byte
	for i := 0; len(contents) > 0; i++ {
		n := min(sizes[i%len(sizes)], len(contents))
		groups = append(groups, contents[:n])
		contents = contents[n:]
	}
	return probes(spec, groups, "a sample")
}

// probes prepares groups of samples, each in as few batches as it can be.
func probes(spec *models.Spec, groups [][][]byte, what string) ([]*Probe, error) {
	whole := *spec // a model made of the whole backbone may read what no tap needs
	whole.Weights.Pruned = nil
	m, err := NewModality(&whole, Batching{Size: probeBatch}, new(Stats))
	if err != nil {
		return nil, err
	}
	var all []*Probe
	for _, contents := range groups {
		jobs := make([]*Job, len(contents))
		for i, content := range contents {
			jobs[i] = &Job{Content: content}
		}
		batches := m.Plan(slices.Clone(jobs))
		if len(spec.BatchDependent) > 0 || spec.Single {
			batches = Singly(batches)
		}
		for _, b := range batches {
			good, inputs, padded := m.NewBatch(new(Stats)).Fill(b) // memory of its own
			p := &Probe{Inputs: inputs, padded: padded}
			for _, j := range good {
				p.tokens = append(p.tokens, len(j.IDs))
			}
			if len(good) > 0 {
				all = append(all, p)
			}
		}
		if i := slices.IndexFunc(jobs, func(j *Job) bool { return j.Bad != "" }); i >= 0 {
			return nil, fmt.Errorf("backbone %s: %s: %s", spec.Name, what, jobs[i].Bad)
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("backbone %s: no samples", spec.Name)
	}
	return all, nil
}

// madeText returns up to 40 words of lower-case letters.
func madeText(_ *models.Spec, r *rand.Rand) ([]byte, error) {
	var b []byte
	for range 1 + r.IntN(40) {
		for range 2 + r.IntN(6) {
			b = append(b, byte('a'+r.IntN(26)))
		}
		b = append(b, ' ')
	}
	return b, nil
}

// madeImage returns a PNG file.
func madeImage(_ *models.Spec, r *rand.Rand) ([]byte, error) {
	img := image.NewNRGBA(image.Rect(0, 0, 160+r.IntN(200), 160+r.IntN(200)))
	some := func() color.NRGBA {
		return color.NRGBA{uint8(r.IntN(256)), uint8(r.IntN(256)), uint8(r.IntN(256)), 255}
	}
	fill := func(at image.Rectangle, c color.NRGBA) {
		at = at.Intersect(img.Rect)
		for y := at.Min.Y; y < at.Max.Y; y++ {
			for x := at.Min.X; x < at.Max.X; x++ {
				img.SetNRGBA(x, y, c)
			}
		}
	}
	fill(img.Rect, some())
	for range 30 {
		x, y, w := r.IntN(img.Rect.Dx()), r.IntN(img.Rect.Dy()), 4+r.IntN(80)
		fill(image.Rect(x, y, x+w, y+w), some())
	}
	var b bytes.Buffer
	err := (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&b, img)
	return b.Bytes(), err
}

// Embed runs a backbone on the probe and returns the embeddings that the taps
// of spec give, side by side, not rounded as a cache may keep them.
func (p *Probe) Embed(ctx context.Context, spec *models.Spec, backbone Backbone) ([]float32, error) {
	if len(spec.Taps) == 0 {
		return nil, fmt.Errorf("backbone %s: it has no tap", spec.Name)
	}
	var inputs []tensor.View
	for _, in := range spec.Feeds() {
		inputs = append(inputs, p.Inputs[slices.IndexFunc(p.Inputs, func(v tensor.View) bool { return v.Name == in.Name })])
	}
	e := &Embedder{name: spec.Name, backbone: backbone, stats: new(Stats)}
	e.setColumns(spec)
	tensors, err := e.forward(ctx, inputs, p.N(), p.padded)
	if err != nil {
		return nil, err
	}
	rows, row := make([]float32, 0, p.N()*e.dim), make([]float32, e.dim)
	for i, tokens := range p.tokens {
		if err := e.pool(row, tensors, i, tokens); err != nil {
			return nil, fmt.Errorf("backbone %s: sample %d: %w", spec.Name, i, err)
		}
		rows = append(rows, row...)
	}
	return rows, nil
}

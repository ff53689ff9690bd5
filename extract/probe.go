package extract

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
// says: what two ways of computing the same can be compared on where there are no samples.
type Probe struct {
	Inputs []tensor.View // of the backbone, in its order
	tokens []int         // each sample's own, 0 for an image
	padded int
}

// N is the number of samples.
func (p *Probe) N() int { return len(p.tokens) }

// Probes makes n samples up, the same ones each time: images of spots on a ground of one colour,
// texts of few words and of many, in batches of texts of unequal length. A
// backbone that is known to compute over its batch gets one sample at a time.
func Probes(spec *models.Spec, n int) ([]*Probe, error) {
	whole := *spec // a model made of the whole backbone may read what no tap needs
	whole.Weights.Pruned = nil
	m, err := newModality(&whole, probeBatch, probeBatch, new(Stats))
	if err != nil {
		return nil, err
	}
	jobs := make([]*job, n)
	for i := range jobs {
		r := rand.New(rand.NewPCG(uint64(i), 1))
		jobs[i] = &job{content: madeText(r)}
		if spec.Modality == models.Image {
			if jobs[i].content, err = madeImage(r); err != nil {
				return nil, fmt.Errorf("extract: backbone %s: %w", spec.Name, err)
			}
		}
	}
	batches := m.plan(jobs)
	if len(spec.BatchDependent) > 0 {
		batches = singly(batches)
	}
	var probes []*Probe
	made := 0
	for _, b := range batches {
		good, inputs, padded := m.newBatch(new(Stats)).fill(b) // memory of its own
		p := &Probe{Inputs: inputs, padded: padded}
		for _, j := range good {
			p.tokens = append(p.tokens, len(j.ids))
		}
		if made += len(good); len(good) > 0 {
			probes = append(probes, p)
		}
	}
	if i := slices.IndexFunc(jobs, func(j *job) bool { return j.bad != "" }); i >= 0 {
		return nil, fmt.Errorf("extract: backbone %s: a made-up sample: %s", spec.Name, jobs[i].bad)
	}
	if made == 0 {
		return nil, fmt.Errorf("extract: backbone %s: no samples", spec.Name)
	}
	return probes, nil
}

// madeText returns up to 40 words of lower-case letters.
func madeText(r *rand.Rand) []byte {
	var b []byte
	for range 1 + r.IntN(40) {
		for range 2 + r.IntN(6) {
			b = append(b, byte('a'+r.IntN(26)))
		}
		b = append(b, ' ')
	}
	return b
}

// madeImage returns a PNG file.
func madeImage(r *rand.Rand) ([]byte, error) {
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

// Embed runs a backbone on the probe and returns the embeddings that the first tap of
// spec gives, N×Dim, not rounded as a cache may keep them.
func (p *Probe) Embed(ctx context.Context, spec *models.Spec, backbone Backbone) ([]float32, error) {
	if len(spec.Taps) == 0 {
		return nil, fmt.Errorf("extract: backbone %s: it has no tap", spec.Name)
	}
	tap := spec.Taps[0]
	outputs := make([]tensor.View, len(spec.Taps))
	each := 0
	for i, t := range spec.Taps {
		shape, n, err := tapShape(t, p.N(), p.padded)
		if err != nil {
			return nil, fmt.Errorf("extract: backbone %s: %w", spec.Name, err)
		}
		if outputs[i] = (tensor.View{Name: t.Output, Shape: shape, F32: make([]float32, p.N()*n)}); i == 0 {
			each = n
		}
	}
	var inputs []tensor.View
	for _, in := range spec.Feeds() {
		inputs = append(inputs, p.Inputs[slices.IndexFunc(p.Inputs, func(v tensor.View) bool { return v.Name == in.Name })])
	}
	if err := backbone.Run(ctx, inputs, outputs); err != nil {
		return nil, fmt.Errorf("extract: backbone %s: %w", spec.Name, err)
	}
	rows := make([]float32, p.N()*tap.Dim)
	for i, tokens := range p.tokens {
		row := rows[i*tap.Dim : (i+1)*tap.Dim]
		err := poolTo(row, fieldOf(&tap, outputs[0].F32[i*each:(i+1)*each], tokens), tap.Pooling)
		if err == nil {
			err = finish(row, tap.Post)
		}
		if err != nil {
			return nil, fmt.Errorf("extract: backbone %s: made-up sample %d: %w", spec.Name, i, err)
		}
	}
	return rows, nil
}

package extract

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/headstart-ml/headstart/extract/image"
	"github.com/headstart-ml/headstart/extract/text"
	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/tensor"
)

// A modality knows how one kind of sample becomes the backbone's input.
type modality interface {
	// plan looks at the jobs of a window and cuts them into batches. A job
	// that turns out to be bad gets its reason and is in no batch.
	plan(jobs []*job) (batches [][]*job)
	// newBatch returns the memory of one worker, which counts in stats what is
	// remarkable about samples.
	newBatch(stats *Stats) batch
}

// A batch is one worker's input memory, used again for each batch.
type batch interface {
	// fill prepares jobs and returns those that are good, in the order of the
	// rows of inputs. tokens is the padded length, 0 where there are none.
	fill(jobs []*job) (good []*job, inputs []tensor.View, tokens int)
}

// newModality returns the modality of spec. batchSize 0 means the default; no
// batch has more than most samples.
func newModality(spec *models.Spec, batchSize, most int, stats *Stats) (modality, error) {
	switch spec.Modality {
	case models.Image:
		p, err := image.New(spec.Image)
		if err != nil {
			return nil, err
		}
		if batchSize == 0 {
			batchSize = defaultImageBatch
		}
		return &images{spec: spec, feeds: spec.Feeds(), pre: p, size: min(batchSize, most), decoding: newBudget(decodeBytes)}, nil
	case models.Text:
		t, err := text.New(spec.Text)
		if err != nil {
			return nil, err
		}
		return &texts{feeds: spec.Feeds(), tok: t, size: batchSize, most: most, stats: stats}, nil
	}
	return nil, fmt.Errorf("extract: backbone %s: modality %q is neither image nor text", spec.Name, spec.Modality)
}

const (
	// Batches that keep a core's caches warm; larger ones are no faster on a CPU.
	defaultImageBatch = 4
	defaultTextTokens = 512
	maxTextBatch      = 64

	// decodeBytes bounds what decoded images may hold at once, apart from one
	// image that is larger than that.
	decodeBytes = 1 << 30
	// pixelBytes is the most that a pixel takes while it is decoded, turned and
	// resized: a progressive JPEG that lies on its side.
	pixelBytes = 18
)

// images prepares image files.
type images struct {
	spec     *models.Spec
	feeds    []models.Input
	pre      *image.Preprocessor
	size     int
	decoding *budget
}

func (m *images) plan(jobs []*job) [][]*job {
	return slices.Collect(slices.Chunk(jobs, m.size))
}

func (m *images) newBatch(stats *Stats) batch {
	w, h := m.pre.Size()
	return &imageBatch{images: m, stats: stats, each: 3 * w * h}
}

// shape returns that of the input for n images.
func (m *images) shape(n int) []int64 {
	w, h := m.pre.Size()
	if m.spec.Image.Layout == "nhwc" {
		return []int64{int64(n), int64(h), int64(w), 3}
	}
	return []int64{int64(n), 3, int64(h), int64(w)}
}

type imageBatch struct {
	*images
	stats  *Stats
	each   int       // values of one image
	pixels []float32 // those of the largest batch so far
	good   []*job
}

func (b *imageBatch) fill(jobs []*job) ([]*job, []tensor.View, int) {
	start := time.Now()
	b.good = b.good[:0]
	if n := len(jobs) * b.each; len(b.pixels) < n {
		b.pixels = make([]float32, n)
	}
	for _, j := range jobs {
		n := len(b.good)
		err := b.decode(j.content, func() (image.Notes, error) {
			return b.pre.ViewTo(b.pixels[n*b.each:(n+1)*b.each], j.content, image.View{Key: j.key, Number: j.view})
		})
		if err != nil {
			j.bad = err.Error()
			continue
		}
		b.good = append(b.good, j)
	}
	b.stats.Stages.Decode.add(start)
	return b.good, []tensor.View{{Name: b.feeds[0].Name, Shape: b.shape(len(b.good)), F32: b.pixels[:len(b.good)*b.each]}}, 0
}

// decode calls do, which decodes content, within the budget.
func (b *imageBatch) decode(content []byte, do func() (image.Notes, error)) error {
	w, h, err := b.pre.Pixels(content)
	if err != nil {
		return err
	}
	held := b.decoding.take(int64(w) * int64(h) * pixelBytes)
	defer b.decoding.give(held)
	notes, err := do()
	if err != nil {
		return err
	}
	if notes.Alpha {
		b.stats.Transparent.Add(1)
	}
	if notes.Grey16 {
		b.stats.Grey16.Add(1)
	}
	return nil
}

var errNoTokens = errors.New("the text has no tokens")

// texts prepares texts.
type texts struct {
	feeds []models.Input
	tok   *text.Tokenizer
	size  int // texts in a batch, 0: by tokens
	most  int // and not more
	stats *Stats
}

// plan tokenises, sorts by length, so that little is padded, and cuts by the
// number of tokens. The longest come first: what is left for the end is small.
func (m *texts) plan(jobs []*job) [][]*job {
	start := time.Now()
	defer m.stats.Stages.Decode.add(start)
	var good []*job
	for _, j := range jobs {
		ids, err := m.tokens(j.content)
		if err != nil {
			j.bad = err.Error()
			j.content, j.window = nil, nil
			continue
		}
		j.ids = ids
		good = append(good, j)
	}
	return m.cut(good)
}

// tokens returns the token ids of a text, at least one.
func (m *texts) tokens(content []byte) ([]int32, error) {
	ids, err := m.tok.AppendIDs(nil, string(content))
	if err == nil && len(ids) == 0 {
		err = errNoTokens
	}
	return ids, err
}

// cut sorts tokenised jobs and cuts them into batches.
func (m *texts) cut(jobs []*job) [][]*job {
	slices.SortStableFunc(jobs, func(a, b *job) int { return len(b.ids) - len(a.ids) })
	var batches [][]*job
	for len(jobs) > 0 {
		n := m.size
		if n == 0 {
			n = min(max(defaultTextTokens/len(jobs[0].ids), 1), maxTextBatch)
		}
		n = min(n, m.most, len(jobs))
		batches = append(batches, jobs[:n:n])
		jobs = jobs[n:]
	}
	return batches
}

func (m *texts) newBatch(*Stats) batch { return &textBatch{texts: m} }

type textBatch struct {
	*texts
	columns [][]int64 // one an input, rows×tokens
	types   []int32   // of one text
}

func (b *textBatch) fill(jobs []*job) ([]*job, []tensor.View, int) {
	tokens := 0
	for _, j := range jobs {
		tokens = max(tokens, len(j.ids))
	}
	if b.columns == nil {
		b.columns = make([][]int64, len(b.feeds))
	}
	inputs := make([]tensor.View, len(b.feeds))
	for i, in := range b.feeds {
		column := slices.Grow(b.columns[i][:0], len(jobs)*tokens)[:len(jobs)*tokens]
		b.columns[i] = column
		for r, j := range jobs {
			b.fillRow(column[r*tokens:(r+1)*tokens], j.ids, in.Role)
		}
		inputs[i] = tensor.View{Name: in.Name, Shape: []int64{int64(len(jobs)), int64(tokens)}}
		if in.DType == "i32" {
			inputs[i].I32 = make([]int32, len(column))
			for k, v := range column {
				inputs[i].I32[k] = int32(v)
			}
		} else {
			inputs[i].I64 = column
		}
	}
	return jobs, inputs, tokens
}

// fillRow writes one text's row of the input with the given role, padded on
// the right.
func (b *textBatch) fillRow(row []int64, ids []int32, role string) {
	clear(row)
	switch role {
	case "ids":
		for i, id := range ids {
			row[i] = int64(id)
		}
		for i := len(ids); i < len(row); i++ {
			row[i] = int64(b.tok.PadID())
		}
	case "mask":
		for i := range ids {
			row[i] = 1
		}
	case "types":
		b.types = b.tok.AppendTypeIDs(b.types[:0], len(ids))
		for i, id := range b.types {
			row[i] = int64(id)
		}
	}
}

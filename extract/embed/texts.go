package embed

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/headstart-ml/headstart/extract/text"
	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/tensor"
)

const (
	// defaultTextTokens keeps a core's caches warm; larger batches are no
	// faster on a CPU.
	defaultTextTokens = 512
	maxTextBatch      = 64
)

var errNoTokens = errors.New("the text has no tokens")

// Texts prepares texts.
type Texts struct {
	feeds []models.Input
	tok   *text.Tokenizer
	batch Batching
	stats *Stats
}

func newTexts(spec *models.Spec, b Batching, stats *Stats) (Modality, error) {
	contract, ok := spec.Contract.(*models.TextSpec)
	if !ok {
		return nil, fmt.Errorf("backbone %s: its contract is none of texts", spec.Name)
	}
	t, err := newTokenizer(contract)
	if err != nil {
		return nil, fmt.Errorf("backbone %s: %w", spec.Name, err)
	}
	return &Texts{feeds: spec.Feeds(), tok: t, batch: b, stats: stats}, nil
}

// newTokenizer builds the tokenizer of a contract.
func newTokenizer(c *models.TextSpec) (*text.Tokenizer, error) {
	if c.MaxLen <= 0 {
		return nil, fmt.Errorf("texts of at most %d tokens: at least one is needed", c.MaxLen)
	}
	if c.Truncation != "right" && c.Truncation != "left" {
		return nil, fmt.Errorf("truncation %q is not known: \"right\" and \"left\" are", c.Truncation)
	}
	return text.New(c.Tokenizer, &text.Options{
		Truncation: &text.Truncation{MaxLen: c.MaxLen, Left: c.Truncation == "left"},
		Lowercase:  c.Lowercase,
		Prefix:     c.Prefix,
	})
}

// Plan tokenises, sorts by length, so that little is padded, and cuts by the
// number of tokens. The longest come first: what is left for the end is small.
func (m *Texts) Plan(jobs []*Job) [][]*Job {
	start := time.Now()
	defer m.stats.Stages.Decode.Add(start)
	var good []*Job
	for _, j := range jobs {
		ids, cut, err := m.tokens(j.Content)
		if err != nil {
			j.fail(err)
			j.Content = nil
			continue
		}
		j.IDs, j.Cut = ids, cut
		good = append(good, j)
	}
	return m.Cut(good)
}

// Tokens returns the token ids of a text, at least one.
func (m *Texts) Tokens(content []byte) ([]int32, error) {
	ids, _, err := m.tokens(content)
	return ids, err
}

// tokens is Tokens, and says whether the text was cut off.
func (m *Texts) tokens(content []byte) (ids []int32, cut bool, err error) {
	ids, cut, err = m.tok.AppendCut(nil, string(content))
	if err == nil && len(ids) == 0 {
		err = errNoTokens
	}
	return ids, cut, err
}

// Cuts tells whether the backbone gets only the beginning of a text.
func (m *Texts) Cuts(content []byte) bool { return m.tok.Cuts(string(content)) }

// Cut sorts tokenised jobs and cuts them into batches.
func (m *Texts) Cut(jobs []*Job) [][]*Job {
	slices.SortStableFunc(jobs, func(a, b *Job) int { return len(b.IDs) - len(a.IDs) })
	var batches [][]*Job
	for len(jobs) > 0 {
		n := m.Fit(jobs)
		batches = append(batches, jobs[:n:n])
		jobs = jobs[n:]
	}
	return batches
}

// Fit counts the tokens of a batch of the first jobs, padded to the longest.
func (m *Texts) Fit(jobs []*Job) int {
	if m.batch.Size > 0 {
		return min(m.batch.atMost(m.batch.Size), len(jobs))
	}
	longest, n := 0, 0
	for n < m.batch.atMost(min(maxTextBatch, len(jobs))) {
		longest = max(longest, len(jobs[n].IDs))
		if n > 0 && longest*(n+1) > defaultTextTokens {
			break
		}
		n++
	}
	return n
}

// NewBatch returns a *TextBatch.
func (m *Texts) NewBatch(*Stats) Batch { return &TextBatch{Texts: m} }

// TextBatch is one worker's memory for texts.
type TextBatch struct {
	*Texts
	columns [][]int64 // one an input, rows×tokens
	types   []int32   // of one text
}

// Fill writes jobs that were planned, padded to the longest.
func (b *TextBatch) Fill(jobs []*Job) ([]*Job, []tensor.View, int) {
	tokens := 0
	for _, j := range jobs {
		tokens = max(tokens, len(j.IDs))
	}
	if b.columns == nil {
		b.columns = make([][]int64, len(b.feeds))
	}
	inputs := make([]tensor.View, len(b.feeds))
	for i, in := range b.feeds {
		column := slices.Grow(b.columns[i][:0], len(jobs)*tokens)[:len(jobs)*tokens]
		b.columns[i] = column
		for r, j := range jobs {
			b.FillRow(column[r*tokens:(r+1)*tokens], j.IDs, in.Role)
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

// FillRow writes one text's row of the input with the given role, padded on
// the right.
func (b *TextBatch) FillRow(row []int64, ids []int32, role string) {
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

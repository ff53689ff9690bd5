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
	feeds    []models.Input
	contract *models.TextSpec
	tok      *text.Tokenizer
	windows  *windows // nil: a text is one sequence of tokens
	padID    int64
	level    bool // rows of a batch have the same length: nothing hides padding
	batch    Batching
	stats    *Stats
}

func newTexts(spec *models.Spec, b Batching, stats *Stats) (Modality, error) {
	contract, ok := spec.Contract.(*models.TextSpec)
	if !ok {
		return nil, fmt.Errorf("backbone %s: its contract is none of texts", spec.Name)
	}
	m := &Texts{feeds: spec.Feeds(), contract: contract, batch: b, stats: stats}
	var err error
	if m.tok, err = newTokenizer(contract); err == nil && contract.Long == models.LongChunks {
		m.windows, err = newWindows(contract, m.tok)
	}
	if err != nil {
		return nil, fmt.Errorf("backbone %s: %w", spec.Name, err)
	}
	m.padID = int64(m.tok.PadID())
	if contract.PadID != nil {
		m.padID = int64(*contract.PadID)
	}
	m.level = contract.Length == 0 && !contract.Causal && !slices.ContainsFunc(spec.Inputs, func(in models.Input) bool { return in.Role == "mask" || in.Role == "run" })
	return m, nil
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
		var err error
		if m.windows != nil {
			j.IDs, j.More, err = m.windows.of(string(j.Content))
			j.Cut = len(j.More) > 0
		} else {
			j.IDs, j.Cut, err = m.tokens(j.Content)
		}
		if err != nil {
			j.fail(err)
			j.Content = nil
			continue
		}
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
	switch {
	case err != nil:
	case len(ids) == 0:
		err = errNoTokens
	case cut && m.contract.Long == models.LongError:
		return nil, false, &LongError{m.contract.MaxLen}
	}
	return ids, cut, err
}

// LongError says that a text has more tokens than the backbone takes, where
// such texts have no embedding.
type LongError struct{ MaxLen int }

func (e *LongError) Error() string {
	return fmt.Sprintf("the text has more than the %d tokens that the backbone takes", e.MaxLen)
}

// KindLong is the kind of the reason of a text that is too long.
const KindLong = "long"

// Kind returns KindLong.
func (e *LongError) Kind() string { return KindLong }

// Cuts tells whether a text is longer than the backbone takes, so that it gets
// only a part of it, or windows.
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
	most := maxTextBatch
	if m.batch.Size > 0 {
		most = m.batch.Size
	}
	longest, n := m.contract.Length, 0
	for n < m.batch.atMost(min(most, len(jobs))) {
		longest = max(longest, len(jobs[n].IDs))
		if n > 0 && (m.batch.Size == 0 && longest*(n+1) > defaultTextTokens || m.level && len(jobs[n].IDs) != longest) {
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

// Fill writes jobs that were planned, filled up to the longest.
func (b *TextBatch) Fill(jobs []*Job) ([]*Job, []tensor.View, int) {
	tokens, all := b.contract.Length, 0
	for _, j := range jobs {
		tokens = max(tokens, len(j.IDs))
		all += len(j.IDs)
	}
	if b.columns == nil {
		b.columns = make([][]int64, len(b.feeds))
	}
	inputs := make([]tensor.View, len(b.feeds))
	for i, in := range b.feeds {
		shape := []int64{int64(len(jobs)), int64(tokens)}
		switch in.Role {
		case "run":
			shape = []int64{int64(all)}
		case "starts":
			shape = []int64{int64(len(jobs))}
		}
		n := int(shape[0])
		if len(shape) > 1 {
			n *= tokens
		}
		column := slices.Grow(b.columns[i][:0], n)[:n]
		b.columns[i] = column
		at := 0
		for r, j := range jobs {
			switch in.Role {
			case "run":
				b.FillRow(column[at:at+len(j.IDs)], j.IDs, "ids")
			case "starts":
				column[r] = int64(at)
			default:
				b.FillRow(column[r*tokens:(r+1)*tokens], j.IDs, in.Role)
			}
			at += len(j.IDs)
		}
		inputs[i] = tensor.View{Name: in.Name, Shape: shape}
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

// FillRow writes one text's row of the input with the given role, filled up as
// the contract says.
func (b *TextBatch) FillRow(row []int64, ids []int32, role string) {
	own := row[:len(ids)]
	rest := row[len(ids):]
	if b.contract.Padding == "left" {
		rest, own = row[:len(row)-len(ids)], row[len(row)-len(ids):]
	}
	fill := func(v int64) {
		for i := range rest {
			rest[i] = v
		}
	}
	clear(row)
	switch role {
	case "ids":
		for i, id := range ids {
			own[i] = int64(id)
		}
		fill(b.padID)
	case "mask":
		for i := range own {
			own[i] = 1
		}
	case "types":
		b.types = b.tok.AppendTypeIDs(b.types[:0], len(ids))
		for i, id := range b.types {
			own[i] = int64(id)
		}
	case "positions":
		if p := b.contract.Positions; p != nil {
			for i := range own {
				own[i] = int64(p.First + i)
			}
			fill(int64(p.Pad))
		}
	}
}

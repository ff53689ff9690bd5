package predict

import (
	"context"
	"fmt"

	"github.com/headstart-ml/headstart/extract/features"
	"github.com/headstart-ml/headstart/head"
)

// blockRows is how many rows of features are gathered and predicted at once.
const blockRows = 1024

// Features computes what h answers for all rows of j, in blocks: take is called
// with each, in order, for the rows lo ≤ i < hi. probabilities, or numbers, are
// (hi−lo)×K and take's only until it returns; its error ends the call. A row
// with a feature that is not finite is an error.
func Features(ctx context.Context, h *head.Head, j *features.Joined, take func(lo, hi int, probabilities []float64) error) error {
	n, d, k := j.Matrix.N(), j.Matrix.D(), len(h.Classes)
	if d != h.D() {
		return fmt.Errorf("predict: %d features for a head of %d", d, h.D())
	}
	x, p := make([]float32, min(blockRows, n)*d), make([]float64, min(blockRows, n)*k)
	for lo := 0; lo < n; lo += blockRows {
		if err := ctx.Err(); err != nil {
			return err
		}
		hi := min(lo+blockRows, n)
		block, rows := p[:(hi-lo)*k], x[:(hi-lo)*d]
		if err := j.Matrix.BlockTo(rows, lo, hi); err != nil {
			return err
		}
		if err := h.AnswersTo(block, rows, hi-lo); err != nil {
			for i := range hi - lo { // which one it is
				if err := h.AnswersTo(block[:k], rows[i*d:(i+1)*d], 1); err != nil {
					return fmt.Errorf("sample %s: %w", j.Table.IDs[lo+i], err)
				}
			}
			return err
		}
		if err := take(lo, hi, block); err != nil {
			return err
		}
	}
	return nil
}

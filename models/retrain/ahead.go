package retrain

import (
	"context"
	"slices"
)

// ahead is a batch whose rows are written to a program's spare inputs while
// another batch runs.
type ahead struct {
	program *program
	batch   batch
	done    chan error // what filling returned, once
}

// same tells whether two batches are of the same rows, views and padding.
func (b batch) same(as batch) bool {
	return b.tokens == as.tokens && slices.Equal(b.rows, as.rows) && slices.Equal(b.views, as.views)
}

// prepare begins to fill in the rows of the batch that runs next. The caller
// runs another one meanwhile; fill takes what was prepared. With one thread it
// does nothing, since that one is busy.
func (ps *programs) prepare(ctx context.Context, d *Data, next batch) error {
	if ps.threads < 2 || ps.inTurn || len(next.rows) == 0 {
		return nil
	}
	p, err := ps.at(next.tokens)
	if err != nil {
		return err
	}
	ps.memory(p)
	if p.spare == nil {
		p.spare = emptied(p.samples)
	}
	a := &ahead{p, next, make(chan error, 1)}
	ps.ahead = a
	go func() { a.done <- ps.write(ctx, p.spare, d, next) }()
	return nil
}

// taken waits for the batch that was prepared, if there is one, and tells
// whether it is b for p: its rows are then the inputs of p.
func (ps *programs) taken(p *program, b batch) (bool, error) {
	a := ps.ahead
	if a == nil {
		return false, nil
	}
	ps.ahead = nil
	err := <-a.done
	if a.program != p || !a.batch.same(b) {
		return false, nil // with what was wrong with it
	}
	p.samples, p.spare = p.spare, p.samples
	p.bind()
	return true, err
}

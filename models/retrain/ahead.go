package retrain

import (
	"context"
	"slices"
)

// ahead are batches whose rows are written to the spare inputs of replicas
// while other batches run.
type ahead struct {
	replicas []*replica
	batches  []batch
	done     chan error // what filling returned, once
}

// same tells whether two batches are of the same rows, views and padding.
func (b batch) same(as batch) bool {
	return b.tokens == as.tokens && slices.Equal(b.rows, as.rows) && slices.Equal(b.views, as.views)
}

// prepare begins to fill in the rows of the batches that run next. The caller
// runs others meanwhile; ready takes what was prepared. With one thread it does
// nothing, since that one is busy.
func (ps *programs) prepare(ctx context.Context, d *Data, next []batch) error {
	if ps.threads*ps.replicas < 2 || ps.inTurn || len(next) == 0 {
		return nil
	}
	all, err := ps.assigned(next)
	if err != nil {
		return err
	}
	for _, r := range all {
		if r.spare == nil {
			r.spare = emptied(r.samples)
		}
	}
	a := &ahead{all, next, make(chan error, 1)}
	ps.ahead = a
	go func() {
		var err error
		for i := 0; i < len(all) && err == nil; i++ {
			err = ps.write(ctx, all[i].spare, d, next[i])
		}
		a.done <- err
	}()
	return nil
}

// taken waits for the batches that were prepared, if there are any, and tells
// whether they are these for these replicas: their rows are then what is fed.
func (ps *programs) taken(all []*replica, batches []batch) (bool, error) {
	a := ps.ahead
	if a == nil {
		return false, nil
	}
	ps.ahead = nil
	err := <-a.done
	if !slices.Equal(a.replicas, all) || !slices.EqualFunc(a.batches, batches, batch.same) {
		return false, nil // with what was wrong with them
	}
	for _, r := range all {
		r.samples, r.spare = r.spare, r.samples
		r.bind()
	}
	return true, err
}

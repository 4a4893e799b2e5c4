package enduser

import (
	"context"
	"errors"
	"hash/maphash"
	"math/rand/v2"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

// maxAttempts bounds how often a call that loses races starts again.
const maxAttempts = 24

// maxInside is the same inside a transaction of the host, whose locks are held meanwhile.
// Nobody else writes then, unless the snapshot of the transaction is too old for ever.
const maxInside = 4

// turn spaces the attempts of one call on one record. After the first lost race the call
// waits for the other calls of this process. Later it pauses between attempts, longer each
// time, for those of other processes.
type turn struct{ leave func() }

func (t *turn) end() {
	if t.leave != nil {
		t.leave()
	}
}

func (t *turn) next(ctx context.Context, w *writer, id string, attempt int) error {
	if attempt >= maxAttempts || attempt >= maxInside && w.m.queues == nil {
		return ErrContended
	}
	if t.leave == nil {
		leave, err := w.m.queues.enter(ctx, w.name, id)
		if err != nil {
			return translate("wait", err)
		}
		t.leave = leave
		return nil
	}
	if attempt < 4 {
		return nil
	}
	pause := time.NewTimer(rand.N(time.Millisecond << min(attempt-4, 6))) //nolint:gosec // spreads load
	defer pause.Stop()
	select {
	case <-pause.C:
		return nil
	case <-ctx.Done():
		return translate("wait", ctx.Err())
	}
}

// settle is the compare-and-set loop of all calls. An attempt reads a record, decides,
// writes, and returns the record's ID. settle calls it again as long as its error is lost.
func (w *writer) settle(ctx context.Context, attempt func() (id string, err error)) error {
	var turn turn
	defer turn.end()
	for n := 0; ; n++ {
		id, err := attempt()
		w.about(id)
		if !lost(err) {
			return err
		}
		if err := turn.next(ctx, w, id, n); err != nil {
			return err
		}
	}
}

// lost reports whether an error means that a write lost a race: the record has changed, and
// nothing was written.
func lost(err error) bool {
	return errors.Is(err, store.ErrStale) && !errors.Is(err, store.ErrUnknown) && !errors.Is(err, ErrContended)
}

// queues let the calls of this process that write one record take turns. They
// are for fairness; for safety there is the store's compare-and-set.
type queues struct {
	seed  maphash.Seed
	lanes [64]chan struct{}
}

func newQueues() *queues {
	q := &queues{seed: maphash.MakeSeed()}
	for i := range q.lanes {
		q.lanes[i] = make(chan struct{}, 1)
	}
	return q
}

// enter waits for a turn at a record, and returns the function that ends it. It waits a
// second at most, since a function given to Update may itself be writing.
func (q *queues) enter(ctx context.Context, tenant, id string) (leave func(), err error) {
	if q == nil {
		return func() {}, nil
	}
	var h maphash.Hash
	h.SetSeed(q.seed)
	_, _ = h.WriteString(tenant)
	_ = h.WriteByte(0)
	_, _ = h.WriteString(id)
	lane := q.lanes[h.Sum64()%uint64(len(q.lanes))]
	patience := time.NewTimer(time.Second)
	defer patience.Stop()
	select {
	case lane <- struct{}{}:
		return func() { <-lane }, nil
	case <-patience.C:
		return func() {}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

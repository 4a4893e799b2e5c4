package enduser

import (
	"context"
	"errors"
	"hash/maphash"
	"math/rand/v2"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

// maxTries bounds how often a call that lost a race tries again.
const maxTries = 24

// turn is a call's place in the fight for one record: after the first loss it
// waits for the others of this process, then tries again with pauses that grow,
// for those of other processes.
type turn struct{ leave func() }

func (t *turn) end() {
	if t.leave != nil {
		t.leave()
	}
}

func (t *turn) next(ctx context.Context, w *writer, id string, try int) error {
	if try >= maxTries {
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
	if try < 4 {
		return nil
	}
	pause := time.NewTimer(rand.N(time.Millisecond << min(try-4, 6))) //nolint:gosec // spreads load
	defer pause.Stop()
	select {
	case <-pause.C:
		return nil
	case <-ctx.Done():
		return translate("wait", ctx.Err())
	}
}

// settle is the one compare-and-set loop. Its attempt reads a record, decides, writes, and
// returns the record's ID. It is called again as long as it loses a race, which is when it
// returns an error that is lost.
func (w *writer) settle(ctx context.Context, attempt func() (id string, err error)) error {
	var turn turn
	defer turn.end()
	for n := 0; ; n++ {
		id, err := attempt()
		if !lost(err) {
			return err
		}
		if err := turn.next(ctx, w, id, n); err != nil {
			return err
		}
	}
}

// lost reports whether a write failed because another was faster.
func lost(err error) bool {
	return errors.Is(err, store.ErrStale) && !errors.Is(err, store.ErrUnknown) && !errors.Is(err, ErrContended)
}

// queues let the calls of this process that fight for one record take turns. They
// are fairness, not safety: that is the store's compare-and-swap.
type queues struct {
	seed  maphash.Seed
	lanes [64]chan struct{}
}

// enter waits for the record's turn and returns how to give it on. It does not
// wait for ever, since a function given to Update may itself be writing.
func (q *queues) enter(ctx context.Context, tenant, id string) (leave func(), err error) {
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

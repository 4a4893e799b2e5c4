package postgres

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

// trimStep is how many entries one step of Trim deletes. Other writes run in between.
const trimStep = 1000

const sqlTrim = `SELECT held, forgotten FROM rollbook.trim_1($1::bool, $2::bytea, $3::int8, $4::int4)`

// Trim implements [store.Store].
func (s *Store) Trim(ctx context.Context, tenant string, through store.Revision) error {
	c := s.observer.BeginCall("Trim")
	err := s.trim(ctx, tenant, through)
	c.End(store.CallInfo{}, err)
	return err
}

func (s *Store) trim(ctx context.Context, tenant string, through store.Revision) error {
	if err := store.CheckTrim(tenant, through); err != nil {
		return err
	}
	for begun := false; ; begun = true {
		forgotten := 0
		err := s.unlocked(ctx, readTurn{method: "Trim", tenant: tenant, long: true},
			func(ctx context.Context, c session) (held bool, err error) {
				held, forgotten, err = trimOnce(ctx, c, false, tenant, through)
				return held, err
			})
		switch {
		case err != nil && begun && !errors.Is(err, store.ErrUnknown):
			return unknown(err)
		case err != nil:
			return err
		case forgotten > 0:
			s.committed(tenant)
		}
		if forgotten < trimStep {
			return nil
		}
	}
}

func trimOnce(ctx context.Context, c session, wait bool, tenant string, through store.Revision) (held bool, forgotten int, err error) {
	var a args
	a.bool(wait)
	a.bytea(tenant)
	a.int8(int64(through))
	a.int4(trimStep)
	_, err = c.row(ctx, sqlTrim, &a, func(row *reply) { held, forgotten = row.bool(), row.int4() })
	return held, forgotten, err
}

// unlocked runs a statement that changes a tenant, and again after a pause while another
// transaction has locked the tenant. Statements that run twice must do no harm.
func (s *Store) unlocked(ctx context.Context, t readTurn, f func(context.Context, session) (held bool, err error)) error {
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		held := false
		var sent error // of a statement that may have been done
		err := s.step(ctx, t, func(ctx context.Context, c session) (err error) {
			held, err = f(ctx, c)
			if outcomeOf(err, true) == uncertain {
				sent = err
			}
			return err
		})
		switch {
		case err != nil && sent != nil:
			return unknown(errors.Join(err, sent))
		case err != nil || !held:
			return err
		}
		timer := time.NewTimer(pause/2 + rand.N(pause)) //nolint:gosec // no secret
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}

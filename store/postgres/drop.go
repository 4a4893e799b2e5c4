package postgres

import (
	"context"

	"github.com/rollbook-go/rollbook/store"
)

const (
	sqlDrop   = `SELECT revisions, refusals, numbers, texts FROM rollbook.drop_1($1::bytea, $2::int4)`
	sqlForget = `SELECT rollbook.forget_1($1::int4)`
)

// Drop implements [store.Dropper]. The first transaction takes the tenant's name away, and from
// then on nobody sees anything of it. It deletes a part of what is left, such as of a long
// feed, and others the rest. If the process ends before, the next call of Drop of any tenant, or
// of Verify with Mend, goes on.
func (s *Store) Drop(ctx context.Context, tenant string) error {
	c := s.observer.BeginCall("Drop")
	queued, err := s.drop(ctx, tenant)
	c.End(store.CallInfo{Queued: queued}, err)
	return err
}

func (s *Store) drop(ctx context.Context, tenant string) (queued int, err error) {
	if err := store.CheckDrop(tenant); err != nil {
		return 0, err
	}
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if err := s.usable(); err != nil {
		return 0, err
	}
	a, queued := s.queue.submit(ctx, tenant, &batch{alone: dropArgs, size: maxGroupSize})
	switch {
	case a.err != nil:
		return queued, a.err
	case a.refusal != nil:
		return queued, &store.StaleError{Op: -1, Require: -1}
	case a.rev == 1:
		return queued, nil
	}
	if err := s.forget(ctx); err != nil {
		return queued, unknown(err)
	}
	return queued, nil
}

func dropArgs(_ string, j job) (string, *args) {
	var a args
	a.bytea(j.tenant)
	a.int4(trimStep)
	return sqlDrop, &a
}

// forget deletes all that is left of tenants that were dropped, in steps of which each has a
// turn of its own and locks no tenant.
func (s *Store) forget(ctx context.Context) error {
	for more := true; more; {
		err := s.step(ctx, readTurn{method: "Drop", long: true}, func(ctx context.Context, c session) error {
			var a args
			a.int4(trimStep)
			_, err := c.row(ctx, sqlForget, &a, func(row *reply) { more = row.bool() })
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

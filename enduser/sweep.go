package enduser

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

// tick returns the bound that separates expired from live deadlines: a deadline is earlier
// than the bound if and only if it has passed.
func tick(now time.Time) time.Time { return now.Add(time.Millisecond) }

const (
	// sweepPage is how many due records are read at once; their bodies are at most
	// store.MaxPageData.
	sweepPage = store.MaxLimit

	// postponed is how long the sweeper leaves a record alone for which it can do nothing.
	postponed = 24 * time.Hour
)

// Sweep deletes what has expired in all tenants, and returns how many users it deleted:
// users whose deadline has passed, each with a change of type [ChangeExpired], sensitive
// values, tokens that are no longer accepted, and the keys of a Keyring that is a
// [KeyDestroyer]. These do not exist for any call from their deadline on, whether Sweep runs
// or not: it reclaims space. It may run in many processes at once.
//
// If the store fails Sweep returns the number so far and the error. It skips unreadable
// records: the error, an ErrCorrupt or ErrNewer, then names the first one and says how many
// there are.
//
// It also trims the change feeds as Options.Retain says, once an hour in one of the processes.
//
// It works on up to 64 records at a time, so that they share the commits and round trips of
// the store. Tenants take turns: none gets more than its share of a page. Beside two pages of
// due records Sweep holds the sensitive values of at most eight users.
func (m *Manager) Sweep(ctx context.Context) (int, error) {
	if store.InTransaction(m.store) {
		return 0, translate("sweep", store.ErrInTransaction)
	}
	keys := error(nil)
	if d, ok := m.keyring.(KeyDestroyer); ok {
		if err := d.DestroyKeys(ctx); err != nil { // goes on: nothing else depends on it
			keys = keyringError("destroy keys", err)
		}
	}
	s := sweeper{m: m, now: m.millis(), belongings: make(chan struct{}, belongingsAtOnce)}
	done := m.observer.beginSweep()
	err := s.sweep(ctx)
	if err == nil && m.strays.time(s.now) {
		err = s.sweepStrays(ctx)
	}
	err = errors.Join(err, s.lost.err(), keys, m.retain(ctx))
	done(&s, err)
	return s.users, err
}

// belongingsAtOnce bounds how many users are deleted at a time with their sensitive values:
// a store may read these first, and they may be as long as a page.
const belongingsAtOnce = 8

// sweeper is one call of Sweep.
type sweeper struct {
	m          *Manager
	now        time.Time
	belongings chan struct{} // a slot is taken while a user is deleted with its sensitive values

	users  int           // deleted
	late   time.Duration // how long the record was due that was due longest
	worked bool          // the last pass could do something
	lost   failures      // of the last pass
}

// sweep makes passes over the due records until a pass finds nothing that it can do.
func (s *sweeper) sweep(ctx context.Context) error {
	for s.worked = true; s.worked; {
		s.worked, s.lost = false, failures{}
		if err := s.pass(ctx); err != nil {
			return err
		}
	}
	return nil
}

// pass works on the first share of every tenant's due records. It reads a page while it
// works on the one before.
func (s *sweeper) pass(ctx context.Context) error {
	page, err := s.due(ctx, s.query())
	for q := s.query(); err == nil; {
		var next store.DuePage
		var nextErr error
		var reading sync.WaitGroup
		if q.After = page.Next; q.After != "" {
			reading.Go(func() { next, nextErr = s.due(ctx, q) })
		}
		err = s.page(ctx, page.Tenants)
		reading.Wait()
		if q.After == "" {
			return err
		}
		page, err = next, cmp.Or(err, nextErr)
	}
	return err
}

func (s *sweeper) query() store.DueQuery {
	q := store.DueQuery{Before: tick(s.now), Limit: sweepPage}
	for _, k := range s.m.kinds {
		if k.overdue != nil {
			q.Kinds = append(q.Kinds, k.name)
		}
	}
	return q
}

func (s *sweeper) due(ctx context.Context, q store.DueQuery) (store.DuePage, error) {
	page, err := s.m.store.Due(ctx, q)
	return page, translate("sweep", err)
}

// page works on a page of due records. Where it can do nothing for a tenant's share, it goes
// on inside the tenant: the next pass would find the same records again.
func (s *sweeper) page(ctx context.Context, tenants []store.DueTenant) error {
	worked, err := s.records(ctx, tenants)
	if err != nil {
		return err
	}
	for i := range tenants {
		if !worked[i] {
			if err := s.behind(ctx, &tenants[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// behind goes on after a tenant's share of due records, until something can be done.
func (s *sweeper) behind(ctx context.Context, due *store.DueTenant) error {
	q := s.query()
	q.Tenant = due.Tenant
	for q.From = due.Next; q.From != ""; {
		page, err := s.due(ctx, q)
		if err != nil || len(page.Tenants) == 0 {
			return err
		}
		worked, err := s.records(ctx, page.Tenants)
		if err != nil || worked[0] {
			return err
		}
		q.From = page.Tenants[0].Next
	}
	return nil
}

// records works on the due records of tenants, many at a time, and reports for each tenant
// whether something could be done.
func (s *sweeper) records(ctx context.Context, tenants []store.DueTenant) (worked []bool, err error) {
	type item struct {
		of     int // the tenant
		record *store.Record
		done   swept
	}
	var items []item
	for i := range tenants {
		for _, id := range tenants[i].Damaged {
			s.lost.add(unreadable("record", id, ErrCorrupt))
		}
		for j := range tenants[i].Records {
			r := &tenants[i].Records[j]
			items = append(items, item{of: i, record: r})
			s.late = max(s.late, s.now.Sub(r.Due))
		}
	}
	errs, err := together(len(items), writesAtOnce, func(i int) (err error) {
		it := &items[i]
		it.done, err = s.record(ctx, tenants[it.of].Tenant, it.record)
		return err
	})
	worked = make([]bool, len(tenants))
	for i, it := range items {
		s.lost.add(errs[i])
		if it.done != nothing {
			worked[it.of], s.worked = true, true
		}
		if it.done == userGone {
			s.users++
		}
	}
	return worked, err
}

// swept is what was done for a record.
type swept uint8

const (
	nothing swept = iota
	something
	userGone
)

// record works on one due record. An error that is not an *UnreadableError ends the sweep.
func (s *sweeper) record(ctx context.Context, name string, r *store.Record) (swept, error) {
	w, k := s.m.writerOf(name, s.now), s.m.kind(r.Kind)
	var ops []store.Op
	var cause error
	if k.overdue != nil {
		ops, cause = k.overdue(&w, r)
	}
	switch {
	case cause != nil && !errors.Is(cause, ErrCorrupt): // ErrNewer: for a newer program
		return nothing, cause
	case len(ops) == 0 && k.ttl > 0 && slices.Contains(r.Index, termUnreadable):
		// It was due so long ago that nothing in it can be live.
		ops = []store.Op{store.Delete(*r, nil)}
	case len(ops) == 0:
		ops = []store.Op{store.Replace(*r, s.postpone(*r, k.ttl), nil)}
		s.m.log.LogAttrs(ctx, slog.LevelError, "enduser: sweep: nothing can be done for a due record",
			slog.Any("tenant", w.Tenant), slog.String("kind", r.Kind), slog.String("id", r.ID))
	}
	err := s.apply(ctx, name, ops)
	switch {
	case lost(err):
		return nothing, cause
	case err != nil:
		return nothing, translate("sweep", err)
	case r.Kind == kindUser && cause == nil && ops[len(ops)-1].Type() == store.Deleted:
		return userGone, nil
	}
	return something, cause
}

// apply writes the ops for a due record.
func (s *sweeper) apply(ctx context.Context, name string, ops []store.Op) error {
	if len(ops) > 1 {
		s.belongings <- struct{}{}
		defer func() { <-s.belongings }()
	}
	_, err := s.m.store.Apply(ctx, name, store.Ops(ops...))
	if stale, ok := errors.AsType[*store.StaleError](err); ok && len(ops) > 1 && stale.Op == 0 { // nothing belongs to the record
		_, err = s.m.store.Apply(ctx, name, store.Ops(ops[1:]...))
	}
	return err
}

// postpone returns the record with a later due time.
func (s *sweeper) postpone(r store.Record, ttl time.Duration) store.Record {
	r.Due = s.now.Add(max(postponed, ttl))
	if ttl > 0 {
		r.Index = append(slices.Clone(r.Index), termUnreadable)
	}
	return r
}

// strays decides when to visit the records whose deadline is so far away that a wrong clock
// must have set it. A Manager does so once an hour, and not in its first hour: its own clock
// may not be set yet.
type strays struct {
	mu   sync.Mutex
	last time.Time // when they were visited
}

const straysEvery = time.Hour

// time reports whether it is time to visit them.
func (l *strays) time(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	since := now.Sub(l.last)
	first := l.last.IsZero() || since < 0 // or the clock was set back
	if first || since >= straysEvery {
		l.last = now
	}
	return !first && since >= straysEvery
}

// sweepStrays works on the records whose deadline is too far away. It does not report
// unreadable ones: a sweep does when they are due.
func (s *sweeper) sweepStrays(ctx context.Context) error {
	var skipped failures
	return s.m.eachTenant(ctx, func(name string) error {
		for _, k := range s.m.kinds {
			if k.ttl == 0 {
				continue
			}
			q := store.Query{Kind: k.name, NotDueBefore: tick(s.now.Add(k.ttl + clockTolerance))}
			err := s.m.eachRecord(ctx, name, q, writesAtOnce, &skipped, func(r *store.Record) error {
				_, err := s.record(ctx, name, r)
				return err
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// Run sweeps every [Options].SweepEvery until the context ends, and returns the context's
// error. It logs failures and goes on.
func (m *Manager) Run(ctx context.Context) error {
	for {
		swept, err := m.Sweep(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, ErrInTransaction):
			return err
		case err != nil:
			m.log.LogAttrs(ctx, slog.LevelWarn, "enduser: sweep failed", slog.Int("swept", swept), slog.Any("error", err))
		case swept > 0:
			m.log.LogAttrs(ctx, slog.LevelInfo, "enduser: swept", slog.Int("swept", swept))
		}
		// A tenth of jitter keeps many nodes from sweeping in step.
		pause := time.NewTimer(m.every + rand.N(m.every/10+1)) //nolint:gosec // spreads load
		select {
		case <-ctx.Done():
			pause.Stop()
			return ctx.Err()
		case <-pause.C:
		}
	}
}

// writerOf returns a writer without actor for a tenant's name in the store.
func (m *Manager) writerOf(name string, now time.Time) writer {
	t := m.storeTenant(name)
	return writer{Tenant: t, name: name, schema: m.schema(t.name), now: now, stamp: newStamp()}
}

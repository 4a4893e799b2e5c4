package enduser

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

// tick is the bound that tells what has expired from what has not: a deadline is
// earlier than it exactly if it has passed.
func tick(now time.Time) time.Time { return now.Add(time.Millisecond) }

const (
	sweepPage = 256

	// postponed is how long the sweeper leaves alone what it can do nothing about.
	postponed = 24 * time.Hour
)

// Sweep deletes what has expired in all tenants: users whose deadline has
// passed, each with an "expired" change, sensitive values, tokens that are no longer
// accepted, and the keys of a Keyring that is a [KeyDestroyer]. It returns how many
// users it deleted. All of it is invisible from its deadline on whether Sweep runs
// or not: it reclaims space. It may run in many processes at once. If the store
// fails it returns what it has done, and the error. What cannot be read does not keep
// it from the rest: it is passed over, and the error, an ErrCorrupt or ErrNewer, names
// the first and says how much there is.
func (m *Manager) Sweep(ctx context.Context) (int, error) {
	keys := error(nil)
	if d, ok := m.keyring.(KeyDestroyer); ok {
		if err := d.DestroyKeys(ctx); err != nil { // the rest does not depend on it
			keys = keyringError("destroy keys", err)
		}
	}
	s := sweeper{m: m, now: m.millis()}
	err := s.sweep(ctx)
	return s.users, errors.Join(err, s.lost.err(), keys)
}

// sweeper is one call of Sweep.
type sweeper struct {
	m      *Manager
	now    time.Time
	users  int // deleted
	worked bool
	lost   failures // of the last pass
}

// sweep passes over what is due until there is nothing left that it can do.
func (s *sweeper) sweep(ctx context.Context) error {
	for s.worked = true; s.worked; {
		s.worked, s.lost = false, failures{}
		for q := s.query(); ; {
			page, err := s.m.store.Due(ctx, q)
			if err != nil {
				return translate("sweep", err)
			}
			for i := range page.Tenants {
				if err := s.tenant(ctx, page.Tenants[i]); err != nil {
					return err
				}
			}
			if page.Next == "" {
				break
			}
			q.After = page.Next
		}
	}
	return nil
}

func (s *sweeper) query() store.DueQuery {
	return store.DueQuery{Kinds: []string{kindUser, kindVault, kindGroup}, Before: tick(s.now), Limit: sweepPage}
}

// tenant does what a tenant's share of a page is due for. If nothing of it can be done
// it goes on inside the tenant: what is in the way would be there again.
func (s *sweeper) tenant(ctx context.Context, due store.DueTenant) error {
	q := s.query()
	q.Tenant = due.Tenant
	for {
		for _, id := range due.Damaged {
			s.lost.add(unreadable("record", id, ErrCorrupt))
		}
		worked := false
		for i := range due.Records {
			done, err := s.record(ctx, due.Tenant, &due.Records[i])
			if err != nil && !s.lost.add(err) {
				return err
			}
			worked = worked || done
		}
		s.worked = s.worked || worked
		if worked || due.Next == "" {
			return nil
		}
		q.From = due.Next
		page, err := s.m.store.Due(ctx, q)
		if err != nil {
			return translate("sweep", err)
		}
		if len(page.Tenants) == 0 {
			return nil
		}
		due = page.Tenants[0]
	}
}

// record does what a record is due for, and reports whether it did something. The error
// is an UnreadableError for what cannot be read, or it ends the sweep.
func (s *sweeper) record(ctx context.Context, name string, r *store.Record) (bool, error) {
	w := s.m.writerOf(name, s.now)
	ops, lost := w.overdue(ctx, r)
	switch {
	case errors.Is(lost, ErrNewer): // for a newer program
		return false, lost
	case lost != nil && !errors.Is(lost, ErrCorrupt):
		return false, lost
	case len(ops) == 0 && r.Kind == kindVault && slices.Contains(r.Index, termUnreadable):
		// It was due a day ago: nothing in it can still be in its time.
		ops = []store.Op{store.Delete(*r, nil)}
	case len(ops) == 0:
		ops = []store.Op{store.Replace(*r, s.postpone(*r), nil)}
		s.m.log.LogAttrs(ctx, slog.LevelError, "enduser: sweep: nothing can be done for a due record",
			slog.Any("tenant", w.Tenant), slog.String("kind", r.Kind), slog.String("id", r.ID))
	}
	_, err := s.m.store.Apply(ctx, name, store.Ops(ops...))
	switch {
	case errors.Is(err, store.ErrStale): // somebody else was faster
		return false, lost
	case err != nil:
		return false, translate("sweep", err)
	}
	if r.Kind == kindUser && lost == nil && len(ops) > 0 && ops[len(ops)-1].Type() == store.Deleted {
		s.users++
	}
	return true, lost
}

// postpone returns the record as it is looked at again later.
func (s *sweeper) postpone(r store.Record) store.Record {
	r.Due = s.now.Add(postponed)
	if r.Kind == kindVault {
		r.Index = append(slices.Clone(r.Index), termUnreadable)
	}
	return r
}

// overdue returns the writes that a record is due for, none if it is not.
func (w *writer) overdue(ctx context.Context, r *store.Record) ([]store.Op, error) {
	switch r.Kind {
	case kindUser:
		return w.overdueUser(ctx, r)
	case kindVault:
		return w.overdueVault(r)
	default:
		return w.overdueGroup(r)
	}
}

func (w *writer) overdueUser(ctx context.Context, r *store.Record) ([]store.Op, error) {
	u, err := decodeUser(w.Tenant.name, w.env, r)
	if err != nil || !u.Expired(w.now) {
		return nil, err
	}
	ops, err := w.m.dependents(ctx, w.name, &u)
	return append(ops, store.Delete(*r, w.note(ChangeExpired, nil))), err
}

func (w *writer) overdueVault(r *store.Record) ([]store.Op, error) {
	v := vault{record: *r}
	if err := v.scan(); err != nil {
		return nil, err
	}
	live := v.live(w.now)
	switch len(live) {
	case len(v.values):
		return nil, nil
	case 0:
		return []store.Op{store.Delete(*r, nil)}, nil
	}
	kept, err := v.rewrite(live)
	return []store.Op{store.Replace(*r, kept, nil)}, err
}

func (w *writer) overdueGroup(r *store.Record) ([]store.Op, error) {
	g, err := w.decodeGroup(r)
	if err != nil || !g.forget(w.now) {
		return nil, err
	}
	kept, err := w.rewriteGroup(*r, &g)
	return []store.Op{store.Replace(*r, kept, nil)}, err
}

// Run sweeps every [Options].SweepEvery until the context ends, and returns its
// error. Failures are logged and do not end it.
func (m *Manager) Run(ctx context.Context) error {
	for {
		swept, err := m.Sweep(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
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

// writerOf returns a writer for what the store knows under a name, without actor.
func (m *Manager) writerOf(name string, now time.Time) writer {
	return writer{Tenant: m.storeTenant(name), name: name, now: now, stamp: newStamp()}
}

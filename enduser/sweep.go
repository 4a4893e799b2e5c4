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

	// unreadable is how long the sweeper leaves alone what it cannot read.
	unreadable = 24 * time.Hour
)

// Sweep deletes what is over its time in all tenants: users whose deadline has
// passed, each with an "expired" change, sensitive values, tokens that are no longer
// accepted, and the keys of a Keyring that is a [KeyDestroyer]. It returns how many
// users it deleted. All of it is invisible from its deadline on whether Sweep runs
// or not: it reclaims space. It may run in many processes at once. If the store
// fails it returns what it has done, and the error.
func (m *Manager) Sweep(ctx context.Context) (int, error) {
	keys := error(nil)
	if d, ok := m.keyring.(KeyDestroyer); ok {
		if err := d.DestroyKeys(ctx); err != nil { // the rest does not depend on it
			keys = keyringError("destroy keys", err)
		}
	}
	swept, err := m.sweep(ctx, m.millis())
	return swept, errors.Join(translate("sweep", err), keys)
}

func (m *Manager) sweep(ctx context.Context, now time.Time) (swept int, err error) {
	kinds := []string{kindUser, kindVault, kindGroup}
	for worked := true; worked; {
		worked = false
		for after := ""; ; {
			due, err := m.store.Due(ctx, store.DueQuery{Kinds: kinds, Before: tick(now), After: after, Limit: sweepPage})
			if err != nil {
				return swept, err
			}
			if len(due) == 0 {
				break
			}
			for i := range due {
				done, err := m.sweepOne(ctx, &due[i], now)
				if err != nil {
					return swept, err
				}
				if done && due[i].Record.Kind == kindUser {
					swept++
				}
			}
			worked = true
			after = due[len(due)-1].Tenant
		}
	}
	return swept, nil
}

// sweepOne does what a record is due for, and says whether it did. What cannot be
// judged is looked at again later, so that it does not stand in the way of the rest.
func (m *Manager) sweepOne(ctx context.Context, due *store.DueRecord, now time.Time) (bool, error) {
	ops, err := m.overdue(ctx, due, now)
	if err != nil && !errors.Is(err, ErrCorrupt) {
		return false, err
	}
	understood := len(ops) > 0
	switch {
	case understood:
	case due.Record.Kind == kindVault && slices.Contains(due.Record.Index, termUnreadable):
		// It was due a day ago: nothing in it can still be in its time.
		ops = []store.Op{store.Delete(due.Record, nil)}
	default:
		m.log.LogAttrs(ctx, slog.LevelError, "enduser: sweep: nothing can be done for a due record",
			slog.Any("tenant", m.storeTenant(due.Tenant)), slog.String("kind", due.Record.Kind), slog.String("id", due.Record.ID))
		later := due.Record
		later.Due = now.Add(unreadable)
		if later.Kind == kindVault {
			later.Index = []store.Key{termUnreadable}
		}
		ops = []store.Op{store.Replace(due.Record, later, nil)}
	}
	_, err = m.store.Apply(ctx, due.Tenant, ops...)
	switch {
	case errors.Is(err, store.ErrStale): // somebody else was faster
		return false, nil
	case err != nil:
		return false, err
	}
	return understood, nil
}

// overdue returns the writes that a record is due for, none if it is not.
func (m *Manager) overdue(ctx context.Context, due *store.DueRecord, now time.Time) ([]store.Op, error) {
	tenant, env := parseStoreTenant(due.Tenant)
	switch due.Record.Kind {
	case kindUser:
		u, err := decodeUser(tenant, env, &due.Record)
		if err != nil || !u.Expired(now) {
			return nil, err
		}
		ops, err := m.dependents(ctx, due.Tenant, &u)
		return append(ops, store.Delete(due.Record, appendNote(ChangeExpired, "", now, nil))), err
	case kindVault:
		v := vault{record: due.Record}
		if err := v.scan(); err != nil {
			return nil, err
		}
		live := v.live(now)
		switch len(live) {
		case len(v.values):
			return nil, nil
		case 0:
			return []store.Op{store.Delete(due.Record, nil)}, nil
		}
		r := due.Record
		kept := vaultRecord("", live)
		r.Due, r.Data = kept.Due, kept.Data
		return []store.Op{store.Replace(due.Record, r, nil)}, nil
	default:
		g, err := m.storeTenant(due.Tenant).decodeGroup(&due.Record)
		if err != nil || !g.forget(now) {
			return nil, err
		}
		return []store.Op{store.Replace(due.Record, g.record(), nil)}, nil
	}
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

// Reindex rewrites the users of a tenant's environment whose index terms are not
// those that the policy asks for: after a metadata key was added to
// IndexedMetadata. Users get a new revision, but no change in the feed and no new
// stamp. It returns how many were rewritten, works a page at a time, and can be
// repeated after an error.
func (t Tenant) Reindex(ctx context.Context) (int, error) {
	w, err := t.writer()
	if err != nil {
		return 0, err
	}
	rewritten := 0
	for after := store.Revision(0); ; {
		records, err := w.m.store.List(ctx, w.name, store.Query{Kind: kindUser, After: after, Limit: pageOfIteration})
		if err != nil {
			return rewritten, translate("reindex", err)
		}
		for i := range records {
			done, err := w.reindex(ctx, records[i])
			if err != nil {
				return rewritten, err
			}
			if done {
				rewritten++
			}
		}
		if len(records) < pageOfIteration {
			return rewritten, nil
		}
		after = records[len(records)-1].Created
	}
}

func (w *writer) reindex(ctx context.Context, r store.Record) (bool, error) {
	for try := 0; ; try++ {
		u, err := decodeUser(w.Tenant.name, w.env, &r)
		if err != nil {
			return false, err
		}
		want := w.policy.record(&u)
		if slices.Equal(want.Unique, r.Unique) && slices.Equal(want.Index, r.Index) {
			return false, nil
		}
		_, err = w.m.store.Apply(ctx, w.name, store.Replace(r, want, nil))
		if taken, ok := errors.AsType[*store.TakenError](err); ok {
			return false, w.conflict(taken)
		}
		if !errors.Is(err, store.ErrStale) || try == maxTries {
			return err == nil, translate("reindex", err)
		}
		r, err = w.m.store.Get(ctx, w.name, store.ID(u.ID))
		if errors.Is(err, store.ErrNotFound) {
			return false, nil
		}
		if err != nil {
			return false, translate("reindex", err)
		}
	}
}

package enduser

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/rollbook-go/rollbook/store"
)

// CountSealed returns how many secrets of all tenants are sealed under each key, by
// the keys' IDs: a key that is not in it can be taken away. It reads every group and
// every sensitive value, a page at a time. What cannot be read is not counted; the
// error, which then stands beside the counts, is an ErrCorrupt that says how much.
func (m *Manager) CountSealed(ctx context.Context) (map[string]int, error) {
	counts := make(map[string]int)
	count := func(sealed []byte) error {
		id, _, err := sealedUnder(sealed)
		if err == nil {
			counts[id]++
		}
		return err
	}
	var lost failures
	err := m.eachRecord(ctx, kindGroup, &lost, func(t Tenant, r *store.Record) error {
		g, err := t.decodeGroup(r)
		if err != nil {
			return err
		}
		return count(g.token.sealed)
	})
	if err != nil {
		return nil, err
	}
	err = m.eachRecord(ctx, kindVault, &lost, func(_ Tenant, r *store.Record) error {
		v := vault{record: *r}
		if err := v.scan(); err != nil {
			return err
		}
		for _, s := range v.values {
			if err := count(s.sealed); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return counts, lost.err()
}

// Reseal seals the secrets without deadline, the tokens of groups, anew, unless they
// are under the key that new ones get already. It returns how many it sealed, and can be
// repeated after an error. Groups get a new revision, but no change in the feed and
// no new stamp. Sensitive values are left: they are over within [SensitiveTTL].
// Groups that cannot be read or opened are passed over, and named to the Logger: the
// error, an ErrCorrupt or ErrNoKey that says how many there are, then stands beside
// the number.
func (m *Manager) Reseal(ctx context.Context) (int, error) {
	resealed := 0
	var lost failures
	err := m.eachRecord(ctx, kindGroup, &lost, func(t Tenant, r *store.Record) error {
		done, err := t.reseal(ctx, *r)
		if done {
			resealed++
		}
		return err
	})
	if err == nil {
		err = lost.err()
	}
	return resealed, err
}

// failures are secrets that were passed over.
type failures struct {
	first error
	count int
}

// add takes an error that ends nothing but the work on one record.
func (f *failures) add(err error) bool {
	if !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrNoKey) {
		return false
	}
	f.first = cmp.Or(f.first, err)
	f.count++
	return true
}

func (f *failures) err() error {
	if f.count < 2 {
		return f.first
	}
	return fmt.Errorf("%w (%d in all)", f.first, f.count)
}

func (t Tenant) reseal(ctx context.Context, r store.Record) (bool, error) {
	name := storeTenant(t.name, t.env)
	for try := 0; ; try++ {
		g, err := t.decodeGroup(&r)
		if err != nil {
			return false, err
		}
		at := tokenPlace(name, g.ID)
		token, err := t.m.open(ctx, g.token.sealed, at)
		if err != nil {
			return false, err
		}
		sealed, err := t.m.seal(ctx, token, at)
		if err != nil {
			return false, err
		}
		if sameKey(sealed, g.token.sealed) {
			return false, nil
		}
		g.token.sealed = sealed
		_, err = t.m.store.Apply(ctx, name, store.Replace(r, g.record(), nil))
		if !errors.Is(err, store.ErrStale) || try == maxTries {
			return err == nil, translate("reseal", err)
		}
		r, err = t.m.store.Get(ctx, name, store.ID(g.ID))
		if errors.Is(err, store.ErrNotFound) {
			return false, nil
		}
		if err != nil {
			return false, translate("reseal", err)
		}
	}
}

// sameKey reports whether two texts are sealed under the same key.
func sameKey(a, b []byte) bool {
	first, _, err := sealedUnder(a)
	second, _, err2 := sealedUnder(b)
	return err == nil && err2 == nil && first == second
}

// pageOfVaults keeps the pages small of records that may have most of a megabyte.
const pageOfVaults = 16

// eachRecord calls fn for the records of a kind in all tenants. What is damaged, or
// sealed under a key that is gone, does not end the walk.
func (m *Manager) eachRecord(ctx context.Context, kind string, lost *failures, fn func(Tenant, *store.Record) error) error {
	for after := ""; ; {
		names, err := m.store.Tenants(ctx, after, store.DefaultLimit)
		if err != nil {
			return translate("list tenants", err)
		}
		for _, name := range names {
			if err := m.eachOf(ctx, name, kind, lost, fn); err != nil {
				return err
			}
		}
		if len(names) < store.DefaultLimit {
			return nil
		}
		after = names[len(names)-1]
	}
}

func (m *Manager) eachOf(ctx context.Context, name, kind string, lost *failures, fn func(Tenant, *store.Record) error) error {
	t := m.storeTenant(name)
	limit := pageOfIteration
	if kind == kindVault {
		limit = pageOfVaults
	}
	for after := store.Revision(0); ; {
		records, err := m.store.List(ctx, name, store.Query{Kind: kind, After: after, Limit: limit})
		if err != nil {
			return translate("list", err)
		}
		for i := range records {
			err := fn(t, &records[i])
			if err != nil && !lost.add(err) {
				return err
			}
			if err != nil {
				m.log.LogAttrs(ctx, slog.LevelError, "enduser: a secret cannot be read",
					slog.Any("tenant", t), slog.String("kind", kind), slog.String("id", records[i].ID), slog.Any("error", err))
			}
		}
		if len(records) < limit {
			return nil
		}
		after = records[len(records)-1].Created
	}
}

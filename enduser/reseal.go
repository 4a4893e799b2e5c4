package enduser

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/rollbook-go/rollbook/store"
)

// CountSealed returns how many secrets of all tenants are sealed under each key, by
// the keys' IDs: a key that is not in it can be taken away. It reads every group and
// every sensitive value, a page at a time. What cannot be read is not counted; the
// error, which then stands beside the counts, is an ErrCorrupt or ErrNewer that names the
// first and says how many there are.
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
	err := m.eachTenant(ctx, func(name string) error {
		t := m.storeTenant(name)
		err := m.eachRecord(ctx, name, store.Query{Kind: kindGroup}, 1, &lost, func(r *store.Record) error {
			g, err := t.decodeGroup(r)
			if err != nil {
				return err
			}
			return count(g.token.sealed)
		})
		if err != nil {
			return err
		}
		return m.eachRecord(ctx, name, store.Query{Kind: kindSensitive}, 1, &lost, func(r *store.Record) error {
			v := sensitiveRecord{record: *r}
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
	})
	if err != nil {
		return nil, err
	}
	return counts, lost.err()
}

// Reseal seals anew the secrets that have no deadline: the tokens of groups. Those that
// are under the key for new secrets already stay as they are. It returns how many it
// sealed, and can be repeated after an error. Groups get a new revision and version, but no change in the
// feed and no new UpdatedAt. Sensitive values are left: they are gone within
// [SensitiveTTL]. Groups that cannot be read, opened or written over are passed over: the
// error, an ErrCorrupt, ErrNewer or ErrNoKey, names the first, says how many there are,
// and stands beside the number.
func (m *Manager) Reseal(ctx context.Context) (int, error) {
	var resealed atomic.Int64
	var lost failures
	now := m.millis()
	err := m.eachTenant(ctx, func(name string) error {
		return m.eachRecord(ctx, name, store.Query{Kind: kindGroup}, writesAtOnce, &lost, func(r *store.Record) error {
			w := m.writerOf(name, now)
			done, err := w.reseal(ctx, *r)
			if done {
				resealed.Add(1)
			}
			return unlessGone(err)
		})
	})
	return int(resealed.Load()), errors.Join(err, lost.err())
}

func (w *writer) reseal(ctx context.Context, r store.Record) (done bool, err error) {
	err = w.settleFrom(ctx, r, w.byID("reseal", r.ID), func(r store.Record) error {
		g, err := w.decodeGroup(&r)
		if err != nil {
			return err
		}
		at := tokenPlace(w.name, g.ID)
		token, err := w.m.open(ctx, g.token.sealed, at)
		if err != nil {
			return err
		}
		sealed, err := w.m.seal(ctx, token, at)
		if err != nil || sameKey(sealed, g.token.sealed) {
			return err
		}
		g.token.sealed = sealed
		next, err := w.rewriteGroup(r, &g)
		if err != nil {
			return err
		}
		done, err = w.replaceQuietly(ctx, "reseal", r, next)
		return err
	})
	return done, err
}

// sameKey reports whether two texts are sealed under the same key.
func sameKey(a, b []byte) bool {
	first, _, err := sealedUnder(a)
	second, _, err2 := sealedUnder(b)
	return err == nil && err2 == nil && first == second
}

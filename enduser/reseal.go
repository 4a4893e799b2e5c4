package enduser

import (
	"context"

	"github.com/rollbook-go/rollbook/store"
)

// CountSealed returns how many secrets of all tenants are sealed under each key, by the IDs
// of the keys. No secret needs a key that is not in it. It reads every group, webhook and
// sensitive value, a page at a time. It does not count unreadable ones: the error beside the
// counts, an ErrCorrupt or ErrNewer, then names the first one and says how many there are.
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
		for _, k := range m.kinds {
			if k.sealed == nil {
				continue
			}
			err := m.eachRecord(ctx, name, store.Query{Kind: k.name}, 1, &lost, func(r *store.Record) error {
				sealed, err := k.sealed(t, r)
				for i := 0; i < len(sealed) && err == nil; i++ {
					err = count(sealed[i])
				}
				return err
			})
			if err != nil {
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

// Reseal seals the secrets of groups and webhooks, and those that are kept for idempotency keys,
// under the key for new secrets, unless they are under it already. It returns how many records
// it sealed anew, and can be repeated after an error. Groups and webhooks get a new revision and
// version, but no change in the feed and no new UpdatedAt. It leaves sensitive values, which
// expire within [SensitiveTTL].
//
// It skips what it cannot read or open, or must not overwrite: the error beside the
// number, an ErrCorrupt, ErrNewer or ErrNoKey, then names the first one and says how many
// there are.
func (m *Manager) Reseal(ctx context.Context) (int, error) {
	n := renewal{what: "reseal"}
	now := m.millis()
	return n.end(m.eachTenant(ctx, func(name string) error {
		for _, k := range m.kinds {
			if k.reseal == nil {
				continue
			}
			err := n.all(ctx, m.writerOf(name, now), k.name, func(w *writer, r *store.Record) (*store.Record, error) {
				return k.reseal(ctx, w, r)
			})
			if err != nil {
				return err
			}
		}
		return nil
	}))
}

// sameKey reports whether two texts are sealed under the same key.
func sameKey(a, b []byte) bool {
	first, _, err := sealedUnder(a)
	second, _, err2 := sealedUnder(b)
	return err == nil && err2 == nil && first == second
}

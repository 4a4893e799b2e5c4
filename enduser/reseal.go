package enduser

import (
	"context"

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

// Reseal seals anew the secrets that have no deadline: the tokens of groups. Those that
// are under the key for new secrets already stay as they are. It returns how many it
// sealed, and can be repeated after an error. Groups get a new revision and version, but no change in the
// feed and no new UpdatedAt. Sensitive values are left: they are gone within
// [SensitiveTTL]. Groups that cannot be read, opened or written over are passed over: the
// error, an ErrCorrupt, ErrNewer or ErrNoKey, names the first, says how many there are,
// and stands beside the number.
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

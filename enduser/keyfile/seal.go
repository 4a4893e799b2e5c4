package keyfile

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
)

// SealingKey implements [enduser.Keyring]. Without a deadline it returns the primary key. With
// one it returns the epoch key of this hour, and makes it if there is none. It returns
// ErrDeadline if the deadline is later than 24 hours after the end of this hour. To make a key
// it waits for the disk, once an hour for all processes. It fails if the file is missing or
// damaged: nothing is sealed under a key that is only in memory.
func (k *Keyring) SealingKey(ctx context.Context, deadline time.Time) (enduser.Key, error) {
	current, err := k.current()
	if err != nil {
		return enduser.Key{}, err
	}
	if current {
		if key, found, err := k.forSealing(k.now(), deadline); found || err != nil {
			return key, err
		}
	}
	if err := k.update(ctx); err != nil {
		return enduser.Key{}, err
	}
	if key, found, err := k.forSealing(k.now(), deadline); found || err != nil {
		return key, err
	}
	var at time.Time
	err = k.change(ctx, func(keys []record, now time.Time) ([]record, error) {
		at = now // the hour may have ended while this waited for the lock
		there := slices.ContainsFunc(keys, func(r record) bool { return r.isOf(now) && !k.isSpent(r.ID) })
		if !there {
			keys = append(keys, newEpoch(now))
		}
		return keys, nil
	})
	if err != nil {
		return enduser.Key{}, err
	}
	key, found, err := k.forSealing(at, deadline)
	if err == nil && !found {
		err = fmt.Errorf("keyfile: the clock moved by more than %v within a call", life)
	}
	return key, err
}

// forSealing returns the key to seal under, and reports whether the Keyring knows it.
func (k *Keyring) forSealing(now, deadline time.Time) (key enduser.Key, found bool, err error) {
	if !deadline.IsZero() && deadline.After(untilOf(hourOf(now))) {
		return enduser.Key{}, false, fmt.Errorf("%w: more than %v after the end of this hour", ErrDeadline, life)
	}
	k.mu.RLock()
	defer k.mu.RUnlock()
	for i := len(k.keys) - 1; i >= 0; i-- { // the last one of an hour, should there be two
		h := &k.keys[i]
		if deadline.IsZero() && h.Primary || !deadline.IsZero() && h.isOf(now) {
			return h.key, true, nil
		}
	}
	return enduser.Key{}, false, nil
}

func (k *Keyring) isSpent(id string) bool {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.spent[id]
}

// OpeningKey implements [enduser.Keyring]. It returns [enduser.ErrNoKey] for a key that has
// expired, destroyed or not. If it does not know the key it reads the file, if that was
// changed. Any other error means that the file could not be read: the key may exist.
func (k *Keyring) OpeningKey(ctx context.Context, id string) (enduser.Key, error) {
	if key, known, err := k.forOpening(id); known {
		return key, err
	}
	if err := k.update(ctx); err != nil {
		return enduser.Key{}, err
	}
	key, _, err := k.forOpening(id)
	return key, err
}

// forOpening returns the key with an ID, or ErrNoKey. If known is false the file may have the
// key.
func (k *Keyring) forOpening(id string) (key enduser.Key, known bool, err error) {
	now := k.now()
	k.mu.RLock()
	i := slices.IndexFunc(k.keys, func(h held) bool { return h.ID == id })
	over := i >= 0 && k.keys[i].over(now)
	if i >= 0 && !over {
		key = k.keys[i].key
	}
	spent := k.spent[id]
	k.mu.RUnlock()
	switch {
	case over:
		k.drop(now)
		return enduser.Key{}, true, enduser.ErrNoKey
	case i < 0:
		return enduser.Key{}, spent, enduser.ErrNoKey
	}
	return key, true, nil
}

// drop drops the keys that have expired.
func (k *Keyring) drop(now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	kept := make([]held, 0, len(k.keys))
	for _, h := range k.keys {
		if h.over(now) {
			k.spent[h.ID] = true
			continue
		}
		kept = append(kept, h)
	}
	k.keys = kept
}

// DestroyKeys implements [enduser.KeyDestroyer]. It destroys the epoch keys that have expired,
// in the file and in memory, and the temporary files of writers that were killed. It writes
// only if there is something to destroy.
func (k *Keyring) DestroyKeys(ctx context.Context) error {
	now := k.now()
	k.drop(now)
	if err := k.update(ctx); err != nil {
		return err
	}
	k.mu.RLock()
	over := slices.ContainsFunc(k.infos, func(info KeyInfo) bool { return info.over(now) })
	k.mu.RUnlock()
	if !over && !leftBehind(k.path) {
		return nil
	}
	return k.change(ctx, func(keys []record, _ time.Time) ([]record, error) { return keys, nil })
}

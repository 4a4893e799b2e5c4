package keyfile

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
)

// KeyInfo describes a key, without its secret.
type KeyInfo struct {
	ID      string
	Made    time.Time // in whole seconds
	Primary bool      // secrets without a deadline are sealed under it

	Epoch bool      // an epoch key; false: a durable one
	Hour  time.Time // the beginning of its hour; zero: durable
	Until time.Time // when it expires; zero: durable
}

// over reports whether the key has expired.
func (i *KeyInfo) over(now time.Time) bool { return i.Epoch && !now.Before(i.Until) }

// isOf reports whether it is the epoch key for the hour of a time.
func (i *KeyInfo) isOf(now time.Time) bool { return i.Epoch && i.Hour.Equal(hourOf(now)) }

// Keys returns all keys in the file, in the order in which they were made, with those that
// have expired and are not destroyed yet.
func (k *Keyring) Keys(ctx context.Context) ([]KeyInfo, error) {
	if err := k.update(ctx); err != nil {
		return nil, err
	}
	k.mu.RLock()
	defer k.mu.RUnlock()
	return slices.Clone(k.infos), nil
}

// Add makes a new durable key and returns its ID. Nothing is sealed under it before Promote.
// After an error there may be a new key nonetheless: see Keys.
func (k *Keyring) Add(ctx context.Context) (id string, err error) {
	err = k.change(ctx, func(keys []record, now time.Time) ([]record, error) {
		r := newDurable(now)
		id = r.ID
		return append(keys, r), nil
	})
	if err != nil {
		return "", err
	}
	return id, nil
}

// Promote makes a durable key the primary one: all processes seal new secrets under it from
// their next call on. Secrets under the old key stay readable. To promote the primary key
// changes nothing. It returns [enduser.ErrNoKey] or ErrEpoch if the key cannot be promoted.
func (k *Keyring) Promote(ctx context.Context, id string) error {
	return k.change(ctx, func(keys []record, _ time.Time) ([]record, error) {
		if _, err := durable(keys, id); err != nil {
			return nil, err
		}
		for i := range keys {
			keys[i].Primary = keys[i].ID == id
		}
		return keys, nil
	})
}

// Retire destroys a durable key. Secrets under it are lost, so reseal first, see the package
// comment. It returns ErrPrimary, ErrEpoch or [enduser.ErrNoKey] if the key cannot be retired.
// Processes that know the key can open its secrets until they read the changed file.
func (k *Keyring) Retire(ctx context.Context, id string) error {
	return k.change(ctx, func(keys []record, _ time.Time) ([]record, error) {
		i, err := durable(keys, id)
		switch {
		case err != nil:
			return nil, err
		case keys[i].Primary:
			return nil, ErrPrimary
		}
		return slices.Delete(keys, i, i+1), nil
	})
}

// Backup writes a copy of the file with only the durable keys. It can take the place of a
// file that was lost, with mode 0600. Anyone who has it and a copy of the store can read all
// secrets without a deadline. No other call hands out keys.
func (k *Keyring) Backup(ctx context.Context, w io.Writer) error {
	leave, err := enter(ctx, k.turn)
	if err != nil {
		return err
	}
	defer leave()
	c, err := read(k.path)
	if err != nil {
		return err
	}
	defer c.wipe()
	b := encode(slices.DeleteFunc(c.records, func(r record) bool { return r.Epoch }))
	defer clear(b)
	if _, err := w.Write(b); err != nil {
		return fmt.Errorf("keyfile: backup: %w", err)
	}
	return nil
}

// durable returns the index of a durable key.
func durable(keys []record, id string) (int, error) {
	i := slices.IndexFunc(keys, func(r record) bool { return r.ID == id })
	switch {
	case i < 0:
		return 0, fmt.Errorf("keyfile: %w", enduser.ErrNoKey)
	case keys[i].Epoch:
		return 0, ErrEpoch
	}
	return i, nil
}

package keyfile

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
)

// KeyInfo says what a key is, and nothing of its secret.
type KeyInfo struct {
	ID      string
	Made    time.Time // in whole seconds
	Primary bool      // secrets without a deadline are sealed under it

	Epoch bool      // an epoch key; false: a durable one
	Hour  time.Time // the beginning of its hour; zero: durable
	Until time.Time // from then on it cannot be used; zero: durable
}

// over reports whether the key's time is over.
func (i *KeyInfo) over(now time.Time) bool { return i.Epoch && !now.Before(i.Until) }

// isOf reports whether it is the epoch key of the hour in which a time is.
func (i *KeyInfo) isOf(now time.Time) bool { return i.Epoch && i.Hour.Equal(hourOf(now)) }

// Keys returns all keys in the file, in the order in which they were made: also
// those whose time is over and that are not destroyed yet.
func (k *Keyring) Keys(ctx context.Context) ([]KeyInfo, error) {
	if err := k.update(ctx); err != nil {
		return nil, err
	}
	k.mu.RLock()
	defer k.mu.RUnlock()
	return slices.Clone(k.infos), nil
}

// Add makes a new durable key and returns its ID. It is known and not used until
// Promote. After an error there may be a new key nonetheless: see Keys.
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

// Promote makes a durable key the primary one: all processes seal new secrets under
// it from their next call on. What is sealed under the one before stays readable.
// Promoting the primary key changes nothing. [enduser.ErrNoKey] or ErrEpoch if the
// key cannot be promoted.
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

// Retire destroys a durable key: what is sealed under it is lost, so reseal first,
// see the package comment. ErrPrimary, ErrEpoch or [enduser.ErrNoKey] if it cannot
// be retired. Processes that know the key open what it sealed until they see that
// the file was changed.
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

// Backup writes a copy of the file that has the durable keys alone. It can be put in
// the place of a file that was lost, with mode 0600. Whoever has it and a copy of
// the store can read all that has no deadline. It is the one call that hands out
// secrets.
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

// durable returns where a durable key is.
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

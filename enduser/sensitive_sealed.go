package enduser

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

// SealedValues are the sensitive values of a user as they stand in the store: sealed. Only a
// Manager with the Keyring can open them, for the user with this ID in this tenant and
// environment, and until their deadlines. They are for archives.
type SealedValues struct {
	UserID string
	Values []SealedValue // sorted by Key
}

// SealedValue is one of [SealedValues].
type SealedValue struct {
	Key    string
	Until  time.Time // its deadline; see [SensitiveTTL]
	Sealed []byte
}

// String returns the ID of the user and nothing else.
func (s SealedValues) String() string { return "sealed values of user " + s.UserID }

// AllSealed returns an iterator over the live sensitive values of all users, sealed, as
// [Tenant.All] does over users. It needs no Keyring.
func (t Tenant) AllSealed(ctx context.Context) iter.Seq2[SealedValues, error] {
	return func(yield func(SealedValues, error) bool) {
		c, err := t.begin()
		if err != nil {
			yield(SealedValues{}, err)
			return
		}
		t, now := t.pin(c.exact), t.m.millis()
		each(ctx, t.m.store, c.name, store.Query{Kind: kindSensitive}, func(r *store.Record, s *SealedValues) (bool, error) {
			v := sensitiveRecord{record: *r}
			if err := v.scan(); err != nil {
				return false, err
			}
			s.UserID = r.ID[len(sensitiveID("")):]
			s.Values = v.shown(now)
			if len(s.Values) == 0 {
				return false, nil
			}
			_, _, err := t.get(ctx, c.name, ByID(s.UserID), now)
			if errors.Is(err, ErrNotFound) { // it has expired
				return false, nil
			}
			return true, err
		}, yield)
	}
}

// Sealed returns the live sensitive values of one user, sealed, as [Tenant.AllSealed] does those of
// all users. It is also for people who may know that there are values, and until when, but not
// what they are. It needs no Keyring. It returns ErrNotFound if there is no such user, and an
// [UnreadableError] if the user or all values are unreadable.
func (t Tenant) Sealed(ctx context.Context, ref Ref) (SealedValues, error) {
	w, err := t.writer()
	if err != nil {
		return SealedValues{}, err
	}
	_, u, err := w.get(ctx, w.name, ref, w.now)
	if err != nil {
		return SealedValues{}, err
	}
	v, err := w.sensitive(ctx, &u, false)
	if err != nil {
		return SealedValues{}, err
	}
	return SealedValues{u.ID, v.shown(w.now)}, nil
}

// shown returns the values that have not expired.
func (v *sensitiveRecord) shown(now time.Time) (values []SealedValue) {
	for _, value := range v.live(now) {
		values = append(values, SealedValue{value.key, value.until, value.sealed})
	}
	return values
}

// ImportSealed gives a user sensitive values that [Tenant.AllSealed] has returned, from a store of
// the same keyring, of the same tenant and environment, and of the user with the same ID. It opens
// each to see that it is such a one, and keeps it sealed as it is. A value that the user has stays
// if it was written later; those that have expired are left out. The user is not marked as
// updated, but its change is in the feed.
//
// It returns ErrNotFound if there is no such user, ErrExpired if no value is live, ErrCorrupt if a value was sealed for another
// place, ErrNoKey if the keyring does not have its key, and ErrNoKeyring without a Keyring. Then
// nothing was written. It can be repeated safely after any error.
func (t Tenant) ImportSealed(ctx context.Context, s SealedValues) (outcome Outcome, err error) {
	w, err := t.writer()
	if err != nil {
		return 0, err
	}
	given := make([]sealedValue, 0, len(s.Values))
	for i, v := range s.Values {
		if v.Key == "" || len(v.Key) > maxSensitiveKey || !isOf(v.Key, "-_") {
			return 0, invalidField(Field{Name: sensitiveField, Item: i + 1}, CodeValue, "a key must have 1 to 128 letters, digits, - and _")
		}
		if over(v.Until, SensitiveTTL, w.now) {
			continue
		}
		if _, err := w.m.open(ctx, v.Sealed, sensitivePlace(w.name, s.UserID, v.Key, v.Until)); err != nil {
			return 0, err
		}
		given = append(given, sealedValue{v.Key, v.Until, v.Sealed})
	}
	if len(given) == 0 {
		return 0, ErrExpired
	}
	err = w.settle(ctx, func() (string, error) {
		outcome, err = w.importSealed(ctx, s.UserID, given)
		return s.UserID, err
	})
	return outcome, w.confirm(ctx, err)
}

// importSealed is an attempt of ImportSealed. It returns the store's ErrStale if somebody else has
// written the user or its values meanwhile.
func (w *writer) importSealed(ctx context.Context, user string, given []sealedValue) (Outcome, error) {
	r, u, err := w.get(ctx, w.name, ByID(user), w.now)
	if err != nil {
		return 0, err
	}
	had, err := w.sensitive(ctx, &u, false)
	if err != nil {
		return 0, err
	}
	values, fields := had.live(w.now), []string(nil)
	for _, v := range given {
		i := slices.IndexFunc(values, func(o sealedValue) bool { return o.key == v.key })
		switch {
		case i < 0:
			values = append(values, v)
		case !values[i].until.Before(v.until) || bytes.Equal(values[i].sealed, v.sealed):
			continue
		default:
			values[i] = v
		}
		fields = append(fields, sensitiveField+"."+v.key)
	}
	if len(fields) == 0 {
		return Unchanged, nil
	}
	if len(values) > maxSensitive {
		return 0, invalidField(Field{Name: sensitiveField}, CodeCount, fmt.Sprintf("must have at most %d keys", maxSensitive))
	}
	if len(fields) > maxNamedKeys {
		fields = []string{sensitiveField}
	}
	ops, err := had.replaced(u.ID, values)
	if err != nil {
		return 0, err
	}
	u.hasSensitive = true
	next, err := w.rewrite(r, &u)
	if err != nil {
		return 0, err
	}
	_, err = w.apply(ctx, store.Ops(append(ops, store.Replace(r, next, w.note(ChangeUpdated, fields)))...))
	if err != nil {
		return 0, err
	}
	return Updated, nil
}

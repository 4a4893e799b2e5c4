package enduser

import (
	"context"
	"errors"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

// Get returns a user. It returns ErrNotFound if there is none, or it has expired,
// ErrAmbiguous if several have the e-mail address, and an [UnreadableError] if the user is
// unreadable.
func (t Tenant) Get(ctx context.Context, ref Ref) (User, error) {
	c, err := t.begin()
	if err != nil {
		return User{}, err
	}
	_, u, err := t.pin(c.exact).get(ctx, c.name, ref, t.m.millis())
	return u, err
}

// get returns a user that is live at a time, and its record, which it also returns if the
// user is unreadable. One call has one time, so that nothing expires in the middle of it.
func (t Tenant) get(ctx context.Context, name string, ref Ref, now time.Time) (store.Record, User, error) {
	r, err := t.find(ctx, name, ref, now)
	if err != nil {
		return store.Record{}, User{}, err
	}
	u, live, err := t.decode(&r, now)
	if err == nil && (!live || !ref.names(t, &u)) {
		err = ErrNotFound
	}
	if err != nil {
		return r, User{}, err
	}
	return r, u, nil
}

// find returns the record to which a reference leads.
func (t Tenant) find(ctx context.Context, name string, ref Ref, now time.Time) (store.Record, error) {
	key, err := ref.key(t)
	if err != nil {
		return store.Record{}, err
	}
	if ref.by == byEitherID {
		if id := t.ownForm(ref.value); id != "" {
			switch r, err := t.m.store.Get(ctx, name, store.ID(id)); {
			case errors.Is(err, store.ErrNotFound):
			case err != nil:
				return store.Record{}, translate("get", err)
			default:
				if _, live, err := t.decode(&r, now); err != nil && r.Kind == kindUser || live {
					return r, nil
				}
			}
		}
	}
	if ref.by != byEmail {
		r, err := t.m.store.Get(ctx, name, key)
		return r, translate("get", err)
	}
	records, err := t.withEmail(ctx, name, ref.value, now, 2)
	switch {
	case err != nil:
		return store.Record{}, err
	case len(records) == 0:
		return store.Record{}, ErrNotFound
	case len(records) > 1:
		return store.Record{}, ErrAmbiguous
	}
	return records[0], nil
}

// withEmail returns the records of live users with an e-mail address: all, or at least
// enough.
func (t Tenant) withEmail(
	ctx context.Context, name, address string, now time.Time, enough int,
) ([]store.Record, error) {
	q := store.Query{Kind: kindUser, Match: []store.Key{emailKey(address)}, NotDueBefore: tick(now), Limit: enough}
	var records []store.Record
	damaged := ""
	for {
		page, err := t.m.store.List(ctx, name, q)
		if err != nil {
			return nil, translate("get", err)
		}
		if len(page.Damaged) > 0 {
			damaged = page.Damaged[0]
		}
		records = append(records, page.Records...)
		if len(records) >= enough || page.Next == 0 {
			break
		}
		q.After = page.Next
	}
	if len(records) < enough && damaged != "" { // the address may be that of the damaged one
		return nil, unreadable(kindUser, damaged, ErrCorrupt)
	}
	return records, nil
}

// decode reads the user in a record. If live is false the record is not a user's, or the
// user has expired. The error is an *UnreadableError.
func (t Tenant) decode(r *store.Record, now time.Time) (u User, live bool, err error) {
	live, err = t.decodeInto(&u, r, new(slab), now)
	return u, live, err
}

// decodeInto is decode into a zero User, with memory of a slab.
func (t *Tenant) decodeInto(u *User, r *store.Record, in *slab, now time.Time) (live bool, err error) {
	if r.Kind != kindUser {
		return false, nil
	}
	err = u.decode(t.name, t.env, r, in)
	return err == nil && !u.Expired(now), err
}

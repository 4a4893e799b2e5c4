package enduser_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store"
)

// Whatever held a key of an expired user may have it, in one batch with the end
// of the old one. One change says so, whether sweep or takeover came first.
func TestTakeover(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		acme := w.acme.With(unique)
		for round, take := range []func(enduser.Spec) (enduser.User, error){
			func(s enduser.Spec) (enduser.User, error) { return acme.Create(ctx, s) },
			func(s enduser.Spec) (enduser.User, error) { u, _, err := acme.Ensure(ctx, s); return u, err },
			func(s enduser.Spec) (enduser.User, error) { u, _, err := acme.Upsert(ctx, s); return u, err },
			func(s enduser.Spec) (enduser.User, error) {
				u, err := acme.Create(ctx, enduser.Spec{})
				if err != nil {
					return u, err
				}
				return acme.Update(ctx, enduser.ByID(u.ID), func(u *enduser.Edit) error { s.Merge(u); return nil })
			},
		} {
			start := int64(len(changesAfter(t, acme, 0)))
			var old []string
			for _, s := range []enduser.Spec{ // three users that stand in the way of one
				{ExternalID: "a"},
				{Accounts: []enduser.Account{{Type: "irc", ID: "a"}}},
				{Email: "a@example.com"},
			} {
				s.ExpiresIn = time.Second
				old = append(old, must(acme.Create(ctx, s))(t).ID)
			}
			w.advance(time.Second)
			s := enduser.Spec{ExternalID: "A", Email: "A@example.com", Accounts: []enduser.Account{{Type: "irc", ID: "a"}}}
			u := must(take(s))(t)
			if u.ExternalID != "A" || len(u.Accounts) != 1 {
				t.Errorf("round %d: %+v", round, u)
			}
			if n := must(w.users.Sweep(ctx))(t); n != 0 {
				t.Errorf("round %d: the sweep found %d", round, n)
			}
			expired := make(map[string]int)
			for _, c := range changesAfter(t, acme, start) {
				if c.Type == enduser.ChangeExpired {
					expired[c.ID]++
					if c.Revision > u.Revision {
						t.Errorf("round %d: the end of %s comes after what replaced it", round, c.ID)
					}
				}
			}
			diff(t, fmt.Sprintf("round %d: expired", round), expired, map[string]int{old[0]: 1, old[1]: 1, old[2]: 1})
			if err := acme.Delete(ctx, enduser.ByID(u.ID)); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// However many expired users stand in the way, one call gets past them all.
func TestTakeoverOfMany(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		acme := w.acme.With(enduser.Policy{UniqueEmail: true, MaxAccounts: 32})
		s := enduser.Spec{ExternalID: "a", Email: "a@example.com"}
		for i := range 32 {
			a := enduser.Account{Type: "irc", ID: fmt.Sprint(i)}
			s.Accounts = append(s.Accounts, a)
			must(acme.Create(ctx, enduser.Spec{Accounts: []enduser.Account{a}, ExpiresIn: time.Second}))(t)
		}
		must(acme.Create(ctx, enduser.Spec{ExternalID: "a", ExpiresIn: time.Second}))(t)
		must(acme.Create(ctx, enduser.Spec{Email: "a@example.com", ExpiresIn: time.Second}))(t)
		w.advance(time.Second)
		u := upserted(acme.Upsert(ctx, s))(t, enduser.Created)
		diff(t, "list", ids(must(acme.List(ctx, enduser.Query{}))(t).Users), []string{u.ID})
		if n := len(feed(t, acme)); n != 34+34+1 {
			t.Errorf("%d changes", n)
		}
	})
}

// What has to go with an expired user is read first; if that fails it is no conflict.
func TestTakeoverThatCannotRead(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		f := &faulty{Store: st}
		w := newWorld(f)
		must(w.acme.Create(ctx, enduser.Spec{ExternalID: "a", ExpiresIn: time.Second, Sensitive: secrets{"k": secret("v")}}))(t)
		u := must(w.acme.Create(ctx, enduser.Spec{}))(t)
		w.advance(time.Second)
		take := func(e *enduser.Edit) error {
			f.get = func() error { return store.ErrUnavailable } // from now on
			e.ExternalID = "a"
			return nil
		}
		wantErr(t, "update", second(w.acme.Update(ctx, enduser.ByID(u.ID), take)), enduser.ErrUnavailable)
		wantErr(t, "create", second(w.acme.Create(ctx, enduser.Spec{ExternalID: "a"})), enduser.ErrUnavailable)
		f.get = nil
		must(w.acme.Create(ctx, enduser.Spec{ExternalID: "a"}))(t)
	})
}

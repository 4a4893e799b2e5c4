package enduser_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/faultstore"
	"github.com/rollbook-go/rollbook/store"
)

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
		w.Advance(time.Second)
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
		f := &faultstore.Store{Store: st}
		w := newWorld(f)
		must(w.acme.Create(ctx, enduser.Spec{ExternalID: "a", ExpiresIn: time.Second, Sensitive: secrets{"k": secret("v")}}))(t)
		u := must(w.acme.Create(ctx, enduser.Spec{}))(t)
		w.Advance(time.Second)
		take := func(e *enduser.Edit) error {
			f.OnGet = func() error { return store.ErrUnavailable } // from now on
			e.ExternalID = "a"
			return nil
		}
		wantErr(t, "update", second(w.acme.Update(ctx, enduser.ByID(u.ID), take)), enduser.ErrUnavailable)
		wantErr(t, "create", second(w.acme.Create(ctx, enduser.Spec{ExternalID: "a"})), enduser.ErrUnavailable)
		f.OnGet = nil
		must(w.acme.Create(ctx, enduser.Spec{ExternalID: "a"}))(t)
	})
}

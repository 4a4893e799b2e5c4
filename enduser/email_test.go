package enduser_test

import (
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store"
)

func setEmail(address string) func(*enduser.Edit) error {
	return func(u *enduser.Edit) error { u.Email = address; return nil }
}

func TestEmailsNeedNotBeUnique(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		acme := newWorld(st).acme
		spec := enduser.Spec{Email: "a@example.com"}
		a := must(acme.Create(ctx, spec))(t)
		must(acme.Get(ctx, enduser.ByEmail("A@example.com")))(t)
		b := must(acme.Create(ctx, spec))(t)
		for name, err := range map[string]error{
			"get":       second(acme.Get(ctx, enduser.ByEmail("A@example.com"))),
			"update":    second(acme.Update(ctx, enduser.ByEmail("a@example.com"), setEmail(""))),
			"associate": second(acme.Associate(ctx, enduser.ByEmail("a@example.com"))),
			"delete":    acme.Delete(ctx, enduser.ByEmail("a@example.com")),
		} {
			wantErr(t, name, err, enduser.ErrAmbiguous)
		}
		page := must(acme.List(ctx, enduser.Query{Filter: enduser.Filter{Email: "A@EXAMPLE.COM"}}))(t)
		diff(t, "both", ids(page.Users), []string{a.ID, b.ID})
		if err := acme.Delete(ctx, enduser.ByID(a.ID)); err != nil {
			t.Fatal(err)
		}
		if u := must(acme.Get(ctx, enduser.ByEmail("A@example.com")))(t); u.ID != b.ID {
			t.Errorf("the one that is left is %s, want %s", u.ID, b.ID)
		}
	})
}

func TestUniqueEmails(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		loose, strict := w.acme, w.acme.With(unique)
		a := must(strict.Create(ctx, enduser.Spec{ExternalID: "a", Email: "A@example.com"}))(t)

		// Claimed: no strict write may have it, in any spelling.
		spec := enduser.Spec{ExternalID: "b", Email: "a@EXAMPLE.com"}
		wantConflict(t, "create", second(strict.Create(ctx, spec)), "email", a.ID)
		_, _, err := strict.Ensure(ctx, spec)
		wantConflict(t, "ensure", err, "email", a.ID)
		_, _, err = strict.Upsert(ctx, spec)
		wantConflict(t, "upsert", err, "email", a.ID)

		// An e-mail address identifies where it is unique and nothing else is given.
		spec.ExternalID = ""
		if u := upserted(strict.Ensure(ctx, spec))(t, enduser.Unchanged); u.ID != a.ID {
			t.Errorf("ensured %s, want %s", u.ID, a.ID)
		}
		spec.Name = "Ann"
		if u := upserted(strict.Upsert(ctx, spec))(t, enduser.Updated); u.ID != a.ID || u.Name != "Ann" {
			t.Errorf("upserted %+v", u)
		}

		// A loose write does not ask. Then there is a holder who claims nothing.
		b := must(loose.Create(ctx, enduser.Spec{ExternalID: "b", Email: "b@example.com"}))(t)
		c := must(strict.Create(ctx, enduser.Spec{ExternalID: "c"}))(t)
		wantConflict(t, "unclaimed holder", second(strict.Update(ctx, enduser.ByID(c.ID), setEmail("B@example.com"))), "email", b.ID)
		wantConflict(t, "unclaimed holder", second(strict.Create(ctx, enduser.Spec{ExternalID: "d", Email: "B@example.com"})), "email", b.ID)

		// What a write keeps is not judged by its policy.
		must(strict.Update(ctx, enduser.ByID(b.ID), func(u *enduser.Edit) error { u.Name = "B"; return nil }))(t)
		must(loose.Create(ctx, enduser.Spec{ExternalID: "b2", Email: "b@example.com"}))(t)

		// The claim follows the address, whoever moves it, and ends with it.
		must(loose.Update(ctx, enduser.ByID(a.ID), setEmail("moved@example.com")))(t)
		must(strict.Create(ctx, enduser.Spec{ExternalID: "e", Email: "a@example.com"}))(t)
		wantConflict(t, "moved", second(strict.Create(ctx, enduser.Spec{Email: "MOVED@example.com", ExternalID: "f"})), "email", a.ID)
		must(loose.Update(ctx, enduser.ByID(a.ID), setEmail("")))(t)
		must(strict.Update(ctx, enduser.ByID(c.ID), setEmail("moved@example.com")))(t)
		wantConflict(t, "back", second(strict.Update(ctx, enduser.ByID(a.ID), setEmail("moved@example.com"))), "email", c.ID)
		if err := loose.Delete(ctx, enduser.ByID(c.ID)); err != nil {
			t.Fatal(err)
		}
		must(strict.Update(ctx, enduser.ByID(a.ID), setEmail("moved@example.com")))(t)
	})
}

// A user who holds its own ID as an external ID does not go by it, whatever else
// of the spec is in conflict.
func TestAShadowedIDIsNoIdentity(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		nameless := must(w.acme.Create(ctx, enduser.Spec{}))(t)
		other := must(w.acme.Create(ctx, enduser.Spec{Email: "a@example.com"}))(t)
		spec := enduser.Spec{ExternalID: nameless.ID, Email: "a@example.com"}
		for name, call := range map[string]func() (enduser.User, enduser.Outcome, error){
			"ensure": func() (enduser.User, enduser.Outcome, error) { return w.acme.With(unique).Ensure(ctx, spec) },
			"upsert": func() (enduser.User, enduser.Outcome, error) { return w.acme.With(unique).Upsert(ctx, spec) },
		} {
			if u, outcome, err := call(); err == nil {
				t.Errorf("%s took %s for it: %v %s", name, spec.ExternalID, outcome, u.ID)
			} else {
				wantErr(t, name, err, enduser.ErrConflict)
			}
		}
		// The same where the user itself has the address.
		spec = enduser.Spec{ExternalID: other.ID, Email: "a@example.com"}
		if u, _, err := w.acme.With(unique).Ensure(ctx, spec); err == nil {
			t.Errorf("ensure took %s for %s", u.ID, spec.ExternalID)
		} else {
			wantErr(t, "ensure", err, enduser.ErrConflict)
		}
		diff(t, "feed", feed(t, w.acme), []string{"created u1", "created u2"})
	})
}

// The address of an expired user is as free as its other keys.
func TestUniqueEmailOfAnExpiredUser(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		strict := w.acme.With(unique)
		for i, tenant := range []enduser.Tenant{w.acme, strict} { // unclaimed, claimed
			old := must(tenant.Create(ctx, enduser.Spec{Email: "a@example.com", ExpiresIn: time.Minute}))(t)
			w.advance(time.Minute)
			u := upserted(strict.Ensure(ctx, enduser.Spec{Email: "A@example.com"}))(t, enduser.Created)
			if u.ID == old.ID {
				t.Errorf("%d: the expired user came back", i)
			}
			if err := strict.Delete(ctx, enduser.ByID(u.ID)); err != nil {
				t.Fatal(err)
			}
		}
	})
}

package enduser_test

import (
	"testing"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store"
)

func setEmail(address string) func(*enduser.Edit) error {
	return func(u *enduser.Edit) error { u.Email = address; return nil }
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

		// A policy does not validate what a write keeps.
		must(strict.Update(ctx, enduser.ByID(b.ID), func(u *enduser.Edit) error { u.Name = "B"; return nil }))(t)
		must(loose.Create(ctx, enduser.Spec{ExternalID: "b2", Email: "b@example.com"}))(t)

		// The claim follows the address, under whichever policy it moves, and ends with it.
		must(loose.Update(ctx, enduser.ByID(a.ID), setEmail("moved@example.com")))(t)
		must(strict.Create(ctx, enduser.Spec{ExternalID: "e", Email: "a@example.com"}))(t)
		wantConflict(t, "moved", second(strict.Create(ctx, enduser.Spec{Email: "MOVED@example.com", ExternalID: "f"})), "email", a.ID)
		must(loose.Update(ctx, enduser.ByID(a.ID), setEmail("")))(t)
		must(strict.Update(ctx, enduser.ByID(c.ID), setEmail("moved@example.com")))(t)
		wantConflict(t, "back", second(strict.Update(ctx, enduser.ByID(a.ID), setEmail("moved@example.com"))), "email", c.ID)
		ok(t, loose.Delete(ctx, enduser.ByID(c.ID)))
		must(strict.Update(ctx, enduser.ByID(a.ID), setEmail("moved@example.com")))(t)
	})
}

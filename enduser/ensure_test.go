package enduser_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store"
)

// Whatever in a spec belongs to another user is a conflict, in whatever order it stands,
// for a user that is there as for a new one.
func TestEnsureOfWhatBelongsToOthers(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		acme := w.acme.With(unique)
		account := func(id string) enduser.Account { return enduser.Account{Type: "irc", ID: id} }
		ann := must(acme.Create(ctx, enduser.Spec{ExternalID: "ann", Email: "ann@example.com", Accounts: []enduser.Account{account("a")}}))(t)
		bob := must(acme.Create(ctx, enduser.Spec{ExternalID: "bob", Email: "bob@example.com", Accounts: []enduser.Account{account("b"), account("c")}}))(t)
		must(acme.Create(ctx, enduser.Spec{ExternalID: "gone", Accounts: []enduser.Account{account("d")}, Email: "d@example.com", ExpiresIn: time.Second}))(t)
		w.Advance(time.Second)
		before := feed(t, acme)
		for name, c := range map[string]struct {
			spec          enduser.Spec
			field, holder string
		}{
			"an account":                  {enduser.Spec{ExternalID: "ann", Accounts: []enduser.Account{account("b")}}, "linked_accounts", bob.ID},
			"behind one that is new":      {enduser.Spec{ExternalID: "ann", Accounts: []enduser.Account{account("x"), account("b")}}, "linked_accounts", bob.ID},
			"behind one that is its own":  {enduser.Spec{ExternalID: "ann", Accounts: []enduser.Account{account("a"), account("c")}}, "linked_accounts", bob.ID},
			"behind one that identifies":  {enduser.Spec{Accounts: []enduser.Account{account("a"), account("b")}}, "linked_accounts", bob.ID},
			"the other way round":         {enduser.Spec{Accounts: []enduser.Account{account("b"), account("a")}}, "linked_accounts", ann.ID},
			"an address":                  {enduser.Spec{ExternalID: "ann", Email: "BOB@example.com"}, "email", bob.ID},
			"an address, by an account":   {enduser.Spec{Accounts: []enduser.Account{account("a")}, Email: "bob@example.com"}, "email", bob.ID},
			"an address, and a long name": {enduser.Spec{ExternalID: "ann", Email: "bob@example.com", Name: strings.Repeat("x", 999)}, "email", bob.ID},
			"an account, and a long name": {enduser.Spec{ExternalID: "ann", Accounts: []enduser.Account{account("b")}, Name: strings.Repeat("x", 999)}, "linked_accounts", bob.ID},
			"of a new user":               {enduser.Spec{ExternalID: "new", Accounts: []enduser.Account{account("x"), account("b")}}, "linked_accounts", bob.ID},
		} {
			wantConflict(t, "ensure: "+name, third(acme.Ensure(ctx, c.spec)), c.field, c.holder)
			if len(c.spec.Name) == 0 {
				wantConflict(t, "upsert: "+name, third(acme.Upsert(ctx, c.spec)), c.field, c.holder)
			}
		}
		for name, spec := range map[string]enduser.Spec{
			"all its own":           {ExternalID: "ann", Email: "Ann@example.com", Accounts: ann.Accounts},
			"what nobody has":       {ExternalID: "ann", Email: "x@example.com", Accounts: []enduser.Account{account("x")}},
			"what has expired":      {ExternalID: "ann", Email: "d@example.com", Accounts: []enduser.Account{account("d")}},
			"what nobody can have":  {ExternalID: "ann", Accounts: []enduser.Account{{Type: "irc"}}},
			"an address that is no": {ExternalID: "ann", Email: "x"},
		} {
			diff(t, name, upserted(acme.Ensure(ctx, spec))(t, enduser.Unchanged), ann)
		}
		many := enduser.Spec{ExternalID: "ann"}
		for i := range 40 {
			many.Accounts = append(many.Accounts, account(fmt.Sprint(i)))
		}
		wantInvalid(t, "many", third(acme.Ensure(ctx, many)), "linked_accounts too_many")
		diff(t, "feed", feed(t, acme), before)
	})
}

// Many that ensure a provisional user make it permanent once.
func TestProvisionalUsersThatManyEnsure(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		u := must(w.acme.Create(ctx, enduser.Spec{ExternalID: "a", ExpiresIn: time.Hour}))(t)
		at(func(i int) {
			call := w.acme.Ensure
			if i%2 == 0 {
				call = w.acme.Upsert
			}
			if got, _, err := call(ctx, enduser.Spec{ExternalID: "a"}); err != nil || got.ID != u.ID || !got.ExpiresAt.IsZero() {
				t.Errorf("%v, %v", got, err)
			}
		})
		diff(t, "feed", feed(t, w.acme), []string{"created u1", "associated u1"})
	})
}

// Clear takes away what Upsert has no other word for, and nothing of a new user.
func TestSpecClear(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		all := []string{"name", "first_name", "last_name", "email", "avatar", "language"}
		spec := everything()
		spec.Clear, spec.ExpiresIn = all, 0
		u := upserted(w.acme.With(unique).Upsert(ctx, spec))(t, enduser.Created)
		if u.Name == "" || u.Email == "" || u.Language == "" {
			t.Errorf("created %+v", u)
		}
		got := upserted(w.acme.Upsert(ctx, enduser.Spec{ExternalID: u.ExternalID, Name: "Eve", Clear: all}))(t, enduser.Updated)
		want := u.Clone()
		want.Name, want.FirstName, want.LastName, want.Email, want.Avatar, want.Language = "Eve", "", "", "", "", ""
		want.Version, want.Revision, want.UpdatedAt = got.Version, got.Revision, got.UpdatedAt
		diff(t, "cleared", got, want)
		upserted(w.acme.Upsert(ctx, enduser.Spec{ExternalID: u.ExternalID, Clear: all[1:]}))(t, enduser.Unchanged)
		must(w.acme.With(unique).Create(ctx, enduser.Spec{Email: u.Email}))(t) // its address is free
		for name, member := range map[string]string{"id": "external_id", "metadata": "metadata", "nothing": "", "case": "Name"} {
			spec := enduser.Spec{ExternalID: u.ExternalID, Clear: []string{"name", member}}
			wantInvalid(t, name, third(w.acme.Upsert(ctx, spec)), "clear[1] invalid_value")
			wantInvalid(t, name, w.acme.Check(spec), "clear[1] invalid_value")
			spec.ExternalID = "new"
			wantInvalid(t, name, third(w.acme.Upsert(ctx, spec)), "clear[1] invalid_value")
			wantInvalid(t, name+" merged", second(w.acme.Update(ctx, enduser.ByID(u.ID), func(e *enduser.Edit) error { spec.Merge(e); return nil })), "clear[1] invalid_value")
		}
		if u := must(w.acme.Get(ctx, enduser.ByID(u.ID)))(t); u.Name != "Eve" {
			t.Errorf("%+v", u)
		}
	})
}

package enduser_test

import (
	"errors"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store"
)

func TestUpdate(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		want := must(w.acme.Create(ctx, everything()))(t)
		w.advance(1500 * time.Millisecond)
		got := must(w.acme.As("bob").Update(ctx, enduser.ByID("u1"), func(u *enduser.Edit) error {
			diff(t, "what fn gets", u.User, want)
			u.ExternalID, u.Name, u.Email = "crm-9", "", "a@example.org"
			delete(u.Metadata, "plan")
			u.SystemProperties = nil
			u.Accounts = u.Accounts[1:]
			u.Groups = []string{"g9"}
			return nil
		}))(t)
		want.ExternalID, want.Name, want.Email = "crm-9", "", "a@example.org"
		want.Metadata, want.SystemProperties = enduser.Metadata{"seats": enduser.Int(9007199254740993)}, nil
		want.Accounts, want.Groups = want.Accounts[1:], []string{"g9"}
		want.UpdatedBy, want.UpdatedAt, want.Version, want.Revision = "bob", epoch.Add(1500*time.Millisecond), got.Version, 2
		diff(t, "updated", got, want)
		diff(t, "read", must(w.acme.Get(ctx, enduser.ByExternalID("crm-9")))(t), want)

		// What it had is free, and what it has is not.
		must(w.acme.Create(ctx, enduser.Spec{ExternalID: "crm-7", Accounts: []enduser.Account{{Type: "discord", ID: "8035"}}}))(t)
		_, err := w.acme.Create(ctx, enduser.Spec{ExternalID: "CRM-9"})
		wantConflict(t, "its ID", err, "external_id", "u1")
		_, err = w.acme.Update(ctx, enduser.ByExternalID("crm-7"), func(u *enduser.Edit) error { u.ExternalID = "Crm-9"; return nil })
		wantConflict(t, "renamed to its ID", err, "external_id", "u1")

		// Another spelling of the same ID is a change like any other.
		got = must(w.acme.Update(ctx, enduser.ByID("u1"), func(u *enduser.Edit) error { u.ExternalID = "CRM-9"; return nil }))(t)
		if got.ExternalID != "CRM-9" {
			t.Errorf("the spelling is %q", got.ExternalID)
		}
	})
}

func TestUpdateThatChangesNothing(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		want := must(w.acme.Create(ctx, everything()))(t)
		w.advance(time.Minute)
		refuse := errors.New("refused")
		for name, c := range map[string]struct {
			fn   func(*enduser.Edit) error
			want error
		}{
			"nothing":                 {func(*enduser.Edit) error { return nil }, nil},
			"the same":                {func(u *enduser.Edit) error { u.Email = " " + u.Email; u.Metadata["gone"] = enduser.Null; return nil }, nil},
			"an error":                {func(u *enduser.Edit) error { u.Name = "Eve"; u.Groups[0] = "x"; return refuse }, refuse},
			"ID":                      {func(u *enduser.Edit) error { u.ID = "u2"; return nil }, enduser.ErrInvalid},
			"tenant":                  {func(u *enduser.Edit) error { u.Tenant = "b"; return nil }, enduser.ErrInvalid},
			"environment":             {func(u *enduser.Edit) error { u.Environment = enduser.Testing; return nil }, enduser.ErrInvalid},
			"revision":                {func(u *enduser.Edit) error { u.Revision++; return nil }, enduser.ErrInvalid},
			"created_at":              {func(u *enduser.Edit) error { u.CreatedAt = u.CreatedAt.Add(1); u.Name = "Eve"; return nil }, enduser.ErrInvalid},
			"updated_by":              {func(u *enduser.Edit) error { u.UpdatedBy = "eve"; return nil }, enduser.ErrInvalid},
			"an expiry beyond limits": {func(u *enduser.Edit) error { u.ExpiresAt = time.Date(20000, 1, 1, 0, 0, 0, 0, time.UTC); return nil }, enduser.ErrInvalid},
		} {
			u, err := w.acme.Update(ctx, enduser.ByID("u1"), c.fn)
			if !errors.Is(err, c.want) {
				t.Errorf("%s: %v, want %v", name, err, c.want)
			}
			if c.want == nil {
				diff(t, name, u, want)
			}
			if _, ok := errors.AsType[*enduser.InvalidError](err); errors.Is(err, enduser.ErrInvalid) && !ok {
				t.Errorf("%s: %v carries no InvalidError", name, err)
			}
		}
		_, err := w.acme.Update(ctx, enduser.ByID("u1"), func(u *enduser.Edit) error {
			u.User = enduser.User{Name: "all of it"}
			return nil
		})
		wantInvalid(t, "everything read-only", err, "id read_only", "tenant_id read_only", "environment read_only",
			"created_by read_only", "updated_by read_only", "created_at read_only", "updated_at read_only", "added_at read_only",
			"version read_only", "revision read_only")
		diff(t, "after", must(w.acme.Get(ctx, enduser.ByID("u1")))(t), want)
		diff(t, "feed", feed(t, w.acme), []string{"created u1"})
	})
}

// A host may build the whole user anew, from a request for instance. What the
// Manager keeps beside the public fields is not lost by it.
func TestUpdateWithAUserBuiltAnew(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		must(w.acme.Create(ctx, enduser.Spec{}))(t)
		old := must(w.acme.With(unique).Create(ctx, enduser.Spec{ExternalID: "a", Email: "a@example.com"}))(t)
		u := must(w.acme.Update(ctx, enduser.ByID(old.ID), func(u *enduser.Edit) error {
			u.User = enduser.User{
				ID: u.ID, Tenant: u.Tenant, Environment: u.Environment, Version: u.Version, Revision: u.Revision, AddedAt: u.AddedAt,
				CreatedBy: u.CreatedBy, UpdatedBy: u.UpdatedBy, CreatedAt: u.CreatedAt, UpdatedAt: u.UpdatedAt,
				ExternalID: u.ExternalID, Email: u.Email, Name: "New",
			}
			return nil
		}))(t)
		read := must(w.acme.Get(ctx, enduser.ByID(old.ID)))(t)
		diff(t, "read", read, u)
		// The claim stands: not even a store that this policy does not ask lets it go.
		if _, err := st.Get(ctx, "acme", store.Key{Kind: "email.1", Value: "A@EXAMPLE.COM"}); err != nil {
			t.Errorf("the claim of the e-mail address was lost: %v", err)
		}
	})
}

func TestStamps(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		u := must(w.acme.As("").Create(ctx, enduser.Spec{ExternalID: "a"}))(t)
		if u.CreatedBy != "" || u.UpdatedBy != "" {
			t.Errorf("stamps %q and %q of nobody", u.CreatedBy, u.UpdatedBy)
		}
		w.advance(time.Second)
		u = upserted(w.acme.As("bob").Upsert(ctx, enduser.Spec{ExternalID: "a", Name: "A"}))(t, enduser.Updated)
		if u.CreatedBy != "" || u.UpdatedBy != "bob" || !u.CreatedAt.Equal(epoch) || !u.UpdatedAt.Equal(epoch.Add(time.Second)) {
			t.Errorf("stamps of the upsert: %+v", u)
		}
		// A clock that went back does not take the user back.
		w.advance(-time.Hour)
		u = must(w.acme.As("eve").Link(ctx, enduser.ByID(u.ID), enduser.Account{Type: "irc", ID: "a"}))(t)
		if u.UpdatedBy != "eve" || !u.UpdatedAt.Equal(epoch.Add(time.Second)) {
			t.Errorf("stamps after the clock went back: %+v", u)
		}
	})
}

func TestLinkAndUnlink(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		a := must(w.acme.Create(ctx, enduser.Spec{ExternalID: "a"}))(t)
		b := must(w.acme.Create(ctx, enduser.Spec{ExternalID: "b"}))(t)
		irc := enduser.Account{Type: "irc", ID: "nick"}
		linked := must(w.acme.Link(ctx, enduser.ByID(a.ID), irc))(t)
		diff(t, "linked", linked.Accounts, []enduser.Account{irc})
		diff(t, "linked again", must(w.acme.Link(ctx, enduser.ByID(a.ID), irc))(t), linked)
		_, err := w.acme.Link(ctx, enduser.ByID(b.ID), irc)
		wantConflict(t, "another's", err, "linked_accounts", a.ID)
		_, err = w.acme.Link(ctx, enduser.ByID(b.ID), enduser.Account{Type: "irc"})
		wantInvalid(t, "half an account", err, "linked_accounts[0].id required")
		same := must(w.acme.Unlink(ctx, enduser.ByID(b.ID), irc))(t)
		diff(t, "unlink what is not linked", same, b)
		unlinked := must(w.acme.Unlink(ctx, enduser.ByID(a.ID), irc))(t)
		diff(t, "unlinked", unlinked.Accounts, []enduser.Account{})
		must(w.acme.Link(ctx, enduser.ByID(b.ID), irc))(t)
		if u := must(w.acme.Get(ctx, enduser.ByAccount(enduser.Account{Type: "irc", ID: "nick"})))(t); u.ID != b.ID {
			t.Errorf("the account is %s's, want %s", u.ID, b.ID)
		}
		diff(t, "feed", feed(t, w.acme), []string{"created u1", "created u2", "updated u1", "updated u1", "updated u2"})
	})
}

func TestDelete(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		acme := w.acme.With(unique)
		u := must(acme.Create(ctx, everything()))(t)
		refuse := errors.New("refused")
		err := acme.Delete(ctx, enduser.ByID("u1"), enduser.IfUser(func(got enduser.User) error {
			diff(t, "what fn gets", got, u)
			got.Groups[0] = "changed"
			return refuse
		}))
		wantErr(t, "condition", err, refuse)
		diff(t, "refused", must(acme.Get(ctx, enduser.ByID("u1")))(t), u)
		if err := acme.As("bob").Delete(ctx, enduser.ByExternalID("CRM-7")); err != nil {
			t.Fatal(err)
		}
		for name, ref := range map[string]enduser.Ref{
			"ID": enduser.ByID("u1"), "external ID": enduser.ByExternalID("crm-7"),
			"e-mail": enduser.ByEmail("ann@example.com"), "account": enduser.ByAccount(enduser.Account{Type: "slack", ID: "U1"}),
		} {
			_, err := acme.Get(ctx, ref)
			wantErr(t, name, err, enduser.ErrNotFound)
			wantErr(t, name, acme.Delete(ctx, ref), enduser.ErrNotFound)
		}
		diff(t, "list", ids(must(acme.List(ctx, enduser.Query{}))(t).Users), []string{})
		// Everything is free, and the ID is not used again.
		v := must(acme.Create(ctx, everything()))(t)
		if v.ID == u.ID || v.Version == u.Version {
			t.Errorf("the new user is %s at %s", v.ID, v.Version)
		}
		last := changesAfter(t, acme, 1)[:1]
		diff(t, "change", last, []enduser.Change{{Revision: 2, Type: enduser.ChangeDeleted, Kind: "user", ID: "u1", Actor: "bob", At: epoch}})
	})
}

package enduser_test

import (
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store"
)

// everything is a spec that gives every field.
func everything() enduser.Spec {
	return enduser.Spec{
		ExternalID: "Crm-7", Name: "Ann Lee", FirstName: "Ann", LastName: "Lee", Email: " Ann@Example.com ",
		Avatar: "https://example.com/a.png", Language: "pt-BR",
		Metadata:         enduser.Metadata{"plan": enduser.String("pro"), "seats": enduser.Int(9007199254740993)},
		SystemProperties: enduser.Metadata{"beta": enduser.Bool(true)},
		Accounts:         []enduser.Account{{Type: "discord", ID: "8035"}, {Type: "slack", ID: "U1"}},
		Groups:           []string{"g1", "g2"},
		ExpiresIn:        time.Hour,
	}
}

func TestCreateStoresEverything(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		w := newWorld(st)
		got := must(w.acme.Create(t.Context(), everything()))(t)
		want := enduser.User{
			ID: "u1", ExternalID: "Crm-7", Tenant: "acme", Environment: enduser.Customer,
			Name: "Ann Lee", FirstName: "Ann", LastName: "Lee", Email: "Ann@Example.com",
			Avatar: "https://example.com/a.png", Language: "pt-BR",
			Metadata:         enduser.Metadata{"plan": enduser.String("pro"), "seats": enduser.Int(9007199254740993)},
			SystemProperties: enduser.Metadata{"beta": enduser.Bool(true)},
			Accounts:         []enduser.Account{{Type: "discord", ID: "8035"}, {Type: "slack", ID: "U1"}},
			Groups:           []string{"g1", "g2"},
			CreatedBy:        "ann", UpdatedBy: "ann", CreatedAt: epoch, UpdatedAt: epoch, AddedAt: epoch,
			ExpiresAt: epoch.Add(time.Hour), Revision: 1,
		}
		diff(t, "created", got, want)
		read := must(w.acme.Get(t.Context(), enduser.ByID("u1")))(t)
		diff(t, "read", read, want)
		if got.Version.IsZero() || read.Version != got.Version {
			t.Errorf("versions %s and %s", got.Version, read.Version)
		}
		if read.CreatedAt.Location() != time.UTC {
			t.Error("times are not in UTC")
		}
	})
}

// A user without external ID holds its own ID as one, so that nobody can shadow
// it, but does not go by it.
func TestNobodyCanShadowAnID(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		u := must(w.acme.Create(ctx, enduser.Spec{Name: "Ann"}))(t)
		spec := enduser.Spec{ExternalID: "U1", Name: "Eve"}
		_, err := w.acme.Create(ctx, spec)
		wantConflict(t, "create", err, "external_id", u.ID)
		_, _, err = w.acme.Ensure(ctx, spec)
		wantConflict(t, "ensure", err, "external_id", u.ID)
		_, _, err = w.acme.Upsert(ctx, spec)
		wantConflict(t, "upsert", err, "external_id", u.ID)
		_, err = w.acme.Get(ctx, enduser.ByExternalID(u.ID))
		wantErr(t, "get by external ID", err, enduser.ErrNotFound)
		page := must(w.acme.List(ctx, enduser.Query{Filter: enduser.Filter{ExternalID: u.ID}}))(t)
		diff(t, "list by external ID", ids(page.Users), []string{})

		// It may take its own ID. With another it keeps its own: nobody else can have it, in
		// any case.
		rename := func(to string) {
			must(w.acme.Update(ctx, enduser.ByID(u.ID), func(u *enduser.Edit) error { u.ExternalID = to; return nil }))(t)
		}
		rename("u1")
		must(w.acme.Get(ctx, enduser.ByExternalID("U1")))(t)
		_, _, err = w.acme.Upsert(ctx, enduser.Spec{ExternalID: "U1"})
		wantErr(t, "by the ID that is its external ID too", err, nil)
		rename("other")
		_, err = w.acme.Create(ctx, spec)
		wantConflict(t, "create after it got an external ID", err, "external_id", u.ID)
		_, _, err = w.acme.Ensure(ctx, spec)
		wantConflict(t, "ensure after it got an external ID", err, "external_id", u.ID)
		v := must(w.acme.Create(ctx, enduser.Spec{}))(t)
		_, err = w.acme.Update(ctx, enduser.ByID(v.ID), func(u *enduser.Edit) error { u.ExternalID = "u1"; return nil })
		wantConflict(t, "rename", err, "external_id", u.ID)
		for _, id := range []string{"u1", "U1", "OTHER"} {
			if got := must(w.acme.Get(ctx, enduser.ByEitherID(id)))(t); got.ID != u.ID {
				t.Errorf("%s is %s", id, got.ID)
			}
		}
		rename("") // and back
		diff(t, "by its ID", must(w.acme.Get(ctx, enduser.ByEitherID("U1")))(t).ID, u.ID)
	})
}

// Everything that is wrong is reported together, and nothing is written.
func TestInvalidWritesWriteNothing(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		bad := enduser.Spec{
			ExternalID: "a\u0000", Name: "x\n", Email: "nobody", Avatar: "ftp://x", Language: "--",
			Accounts: []enduser.Account{{Type: "", ID: "1"}}, Groups: []string{""},
		}
		want := []string{
			"avatar invalid_format", "email invalid_format", "external_id invalid_characters", "groups[0] required",
			"language invalid_format", "linked_accounts[0].type required", "name invalid_characters",
		}
		_, err := w.acme.Create(ctx, bad)
		wantInvalid(t, "create", err, want...)
		_, _, err = w.acme.Ensure(ctx, bad)
		wantInvalid(t, "ensure", err, want...)
		_, _, err = w.acme.Upsert(ctx, bad)
		wantInvalid(t, "upsert", err, want...)
		u := must(w.acme.Create(ctx, enduser.Spec{}))(t)
		_, err = w.acme.Update(ctx, enduser.ByID(u.ID), func(u *enduser.Edit) error { bad.Merge(u); return nil })
		wantInvalid(t, "update", err, want...)
		if u.Revision != 1 {
			t.Errorf("revision %d, want 1: an invalid write took one", u.Revision)
		}
		diff(t, "after", must(w.acme.Get(ctx, enduser.ByID(u.ID)))(t), u)
	})
}

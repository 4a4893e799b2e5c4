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

func TestCreateRefusesWhatIsTaken(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		must(w.acme.Create(ctx, everything()))(t)
		for name, c := range map[string]struct {
			spec  enduser.Spec
			field string
		}{
			"external ID":         {enduser.Spec{ExternalID: "CRM-7"}, "external_id"},
			"second account":      {enduser.Spec{ExternalID: "x", Accounts: []enduser.Account{{Type: "slack", ID: "U1"}}}, "linked_accounts"},
			"account as identity": {enduser.Spec{Accounts: []enduser.Account{{Type: "slack", ID: "U1"}}}, "linked_accounts"},
			"the external ID first": {enduser.Spec{
				ExternalID: "crm-7", Accounts: []enduser.Account{{Type: "slack", ID: "U1"}},
			}, "external_id"},
			"the ID of another without external ID": {enduser.Spec{ExternalID: "CRM-7"}, "external_id"},
		} {
			_, err := w.acme.Create(ctx, c.spec)
			wantConflict(t, name, err, c.field, "u1")
		}
		// Accounts are compared byte by byte, and as pairs.
		must(w.acme.Create(ctx, enduser.Spec{Accounts: []enduser.Account{{Type: "Slack", ID: "U1"}, {Type: "slack", ID: "u1"}, {Type: "slackU", ID: "1"}}}))(t)
		if got := feed(t, w.acme); len(got) != 2 {
			t.Errorf("the feed has %q, want the two creates", got)
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

func TestEnsureNeverChanges(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		first := upserted(w.acme.Ensure(ctx, everything()))(t, enduser.Created)
		w.advance(time.Minute)
		for _, spec := range []enduser.Spec{
			{ExternalID: "CRM-7", Name: "Other", Groups: []string{"g3"}},
			{Accounts: []enduser.Account{{Type: "discord", ID: "8035"}}, Name: "Other"},
			{Accounts: []enduser.Account{{Type: "slack", ID: "U1"}, {Type: "new", ID: "1"}}},
		} {
			spec.ExpiresIn = time.Minute
			diff(t, "ensured", upserted(w.acme.Ensure(ctx, spec))(t, enduser.Unchanged), first)
		}
		_, _, err := w.acme.Ensure(ctx, enduser.Spec{ExternalID: "crm-8", Accounts: []enduser.Account{{Type: "slack", ID: "U1"}}})
		wantConflict(t, "another's account", err, "linked_accounts", first.ID)
		diff(t, "feed", feed(t, w.acme), []string{"created u1"})
	})
}

func TestUpsertMerges(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		want := upserted(w.acme.Upsert(ctx, everything()))(t, enduser.Created)
		w.advance(time.Minute)
		bob := w.acme.As("bob")
		diff(t, "the same again", upserted(bob.Upsert(ctx, everything()))(t, enduser.Unchanged), want)
		diff(t, "nothing but who", upserted(bob.Upsert(ctx, enduser.Spec{ExternalID: "CRM-7", ExpiresIn: 1}))(t, enduser.Unchanged), want)

		got := upserted(bob.Upsert(ctx, enduser.Spec{
			ExternalID: "cRm-7", LastName: "Li",
			Metadata: enduser.Metadata{"plan": enduser.Null, "tier": enduser.Int(2)},
			Accounts: []enduser.Account{{Type: "discord", ID: "8035"}, {Type: "irc", ID: "ann"}},
			Groups:   []string{"g2", "g3"}, ExpiresIn: time.Minute,
		}))(t, enduser.Updated)
		want.LastName, want.UpdatedBy, want.UpdatedAt, want.Version, want.Revision = "Li", "bob", epoch.Add(time.Minute), got.Version, 2
		want.Metadata = enduser.Metadata{"seats": enduser.Int(9007199254740993), "tier": enduser.Int(2)}
		want.Accounts = append(want.Accounts, enduser.Account{Type: "irc", ID: "ann"})
		want.Groups = append(want.Groups, "g3")
		diff(t, "merged", got, want)
		diff(t, "read", must(w.acme.Get(ctx, enduser.ByExternalID("CRM-7")))(t), want)

		// An account identifies a user without external ID in the spec.
		got = upserted(bob.Upsert(ctx, enduser.Spec{Accounts: []enduser.Account{{Type: "irc", ID: "ann"}}, FirstName: "A."}))(t, enduser.Updated)
		if got.ID != want.ID || got.FirstName != "A." || !got.ExpiresAt.IsZero() {
			t.Errorf("upsert by account wrote %+v", got)
		}
		other := must(w.acme.Create(ctx, enduser.Spec{ExternalID: "crm-8"}))(t)
		_, _, err := bob.Upsert(ctx, enduser.Spec{ExternalID: "crm-8", Accounts: []enduser.Account{{Type: "irc", ID: "ann"}}})
		wantConflict(t, "another's account", err, "linked_accounts", want.ID)
		if other.Revision != 4 {
			t.Errorf("revision %d, want 4: what changed nothing took one", other.Revision)
		}
	})
}

// Spellings of one ID are one user; the first spelling stays.
func TestExternalIDsCompareByTheirKey(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		for _, same := range [][]string{
			{"É-1", "é-1", "E\u0301-1", "e\u0301-1"},
			{"Σίσυφος", "ΣΊΣΥΦΟΣ", "σίσυφοσ"},
			{"straße", "STRAßE", "STRA\u1E9Ee"},
			{"strasse", "STRASSE"},
			{"K", "k", "\u212a"},
		} {
			first := upserted(w.acme.Upsert(ctx, enduser.Spec{ExternalID: same[0]}))(t, enduser.Created)
			for _, s := range same[1:] {
				if u := upserted(w.acme.Upsert(ctx, enduser.Spec{ExternalID: s}))(t, enduser.Unchanged); u.ID != first.ID || u.ExternalID != same[0] {
					t.Errorf("%q is %s %q, want %s %q", s, u.ID, u.ExternalID, first.ID, same[0])
				}
				if !w.acme.SameExternalID(same[0], s) {
					t.Errorf("SameExternalID(%q, %q) is false", same[0], s)
				}
			}
		}
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

package enduser_test

import (
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store"
)

// wantUnreadable checks the typed detail of what cannot be read.
func wantUnreadable(t testing.TB, what string, err, want error, kind, id string) {
	t.Helper()
	wantErr(t, what, err, want)
	got, ok := errors.AsType[*enduser.UnreadableError](err)
	if !ok || got.ID != id || got.Kind != kind {
		t.Errorf("%s: %#v, want %q %s", what, err, kind, id)
	}
}

// spoiled are the bodies that cannot be read.
var spoiled = map[string]struct {
	change func(*store.Record)
	want   error
}{
	"newer":   {func(r *store.Record) { r.Data = []byte(`{"r":2,"w":2,"name":{"given":"Ann"}}`) }, enduser.ErrNewer},
	"corrupt": {func(r *store.Record) { r.Data = r.Data[:len(r.Data)/2] }, enduser.ErrCorrupt},
}

// A user whose body cannot be read is named by every call that meets it, and can be
// deleted: then its keys are free, and its sensitive values are gone.
func TestUnreadableUser(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		acme := w.acme.With(unique)
		for name, spoil := range spoiled {
			spec := everything()
			spec.Sensitive = secrets{"k": secret("v")}
			u := must(acme.Create(ctx, spec))(t)
			tamper(t, st, u.ID, spoil.change)
			byID, byExternalID := enduser.ByID(u.ID), enduser.ByExternalID("crm-7")
			for what, err := range map[string]error{
				"get":             second(acme.Get(ctx, byID)),
				"get by key":      second(acme.Get(ctx, byExternalID)),
				"get by email":    second(acme.Get(ctx, enduser.ByEmail("ann@example.com"))),
				"update":          second(acme.Update(ctx, byID, rename)),
				"associate":       second(acme.Associate(ctx, byID)),
				"reveal":          second(acme.RevealSensitive(ctx, byID)),
				"create":          second(acme.Create(ctx, enduser.Spec{ExternalID: "CRM-7"})),
				"ensure":          third(acme.Ensure(ctx, enduser.Spec{ExternalID: "CRM-7"})),
				"upsert":          third(acme.Upsert(ctx, enduser.Spec{ExternalID: "CRM-7", Name: "x"})),
				"delete if":       acme.Delete(ctx, byID, enduser.IfUser(func(enduser.User) error { return nil })),
				"delete by group": acme.Delete(ctx, byID, enduser.IfUser(func(enduser.User) error { t.Error("asked"); return nil })),
			} {
				wantUnreadable(t, name+": "+what, err, spoil.want, "user", u.ID)
			}
			wantErr(t, name+": at a version", acme.Delete(ctx, byID, enduser.IfVersion(u.Version)), enduser.ErrVersion)
			// Another's key of it is a conflict like any other.
			account := enduser.Spec{ExternalID: "b", Accounts: spec.Accounts[:1]}
			wantConflict(t, name+": its account", second(acme.Create(ctx, account)), "linked_accounts", u.ID)

			last := must(acme.Latest(ctx))(t)
			if err := acme.As("bob").Delete(ctx, []enduser.Ref{byID, byExternalID}[len(name)%2]); err != nil {
				t.Fatal(name, err)
			}
			wantErr(t, name+": gone", second(acme.Get(ctx, byID)), enduser.ErrNotFound)
			page := must(acme.Changes(ctx, enduser.ChangeQuery{After: last}))(t)
			diff(t, name+": feed", page.Changes, []enduser.Change{{
				Revision: page.Changes[0].Revision, Type: enduser.ChangeDeleted, Kind: "user", ID: u.ID, Actor: "bob", At: w.now().UTC(),
			}})
			diff(t, name+": sensitive values", sensitiveOf(t, st, "acme"), []string{})
			again := must(acme.Create(ctx, everything()))(t)
			if err := acme.Delete(ctx, enduser.ByID(again.ID)); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestUnreadableGroup(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		groups := w.acme.Groups()
		for name, spoil := range spoiled {
			g, token, err := groups.Create(ctx, enduser.GroupSpec{ExternalID: "team"})
			if err != nil {
				t.Fatal(err)
			}
			tamper(t, st, g.ID, spoil.change)
			byID := enduser.GroupByID(g.ID)
			for what, err := range map[string]error{
				"get":          second(groups.Get(ctx, byID)),
				"by key":       second(groups.Get(ctx, enduser.GroupByExternalID("team"))),
				"authenticate": second(groups.Authenticate(ctx, token)),
				"update":       second(groups.Update(ctx, byID, func(*enduser.Group) error { return nil })),
				"rotate":       third(groups.Rotate(ctx, byID, 0)),
				"ensure":       third(groups.Ensure(ctx, enduser.GroupSpec{ExternalID: "team"})),
				"delete if":    groups.Delete(ctx, byID, enduser.IfGroup(func(enduser.Group) error { t.Error("asked"); return nil })),
			} {
				wantUnreadable(t, name+": "+what, err, spoil.want, "group", g.ID)
			}
			wantErr(t, name+": at a version", groups.Delete(ctx, byID, enduser.IfVersion(g.Version)), enduser.ErrVersion)
			if err := groups.Delete(ctx, byID); err != nil {
				t.Fatal(name, err)
			}
			again := made(groups.Create(ctx, enduser.GroupSpec{ExternalID: "team"}))(t)
			if err := groups.Delete(ctx, enduser.GroupByID(again.ID)); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// Sensitive values that only a newer program can read are not replaced, and go with
// their user.
func TestNewerSensitiveValues(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		u := must(w.acme.Create(ctx, enduser.Spec{Sensitive: secrets{"k": secret("v")}}))(t)
		tamper(t, st, "sensitive/"+u.ID, spoiled["newer"].change)
		ref := enduser.ByID(u.ID)
		empty := func(e *enduser.Edit) error { e.ClearSensitive(); return nil }
		wantUnreadable(t, "clear", second(w.acme.Update(ctx, ref, empty)), enduser.ErrNewer, "sensitive", u.ID)
		wantUnreadable(t, "reveal", second(w.acme.RevealSensitive(ctx, ref)), enduser.ErrNewer, "sensitive", u.ID)
		must(w.acme.Update(ctx, ref, rename))(t)
		if err := w.acme.Delete(ctx, ref); err != nil {
			t.Error(err)
		}
		diff(t, "left", sensitiveOf(t, st, "acme"), []string{})
	})
}

// damageable returns a store and what spoils a record below it.
func damageable(t *testing.T) (store.Store, func(id string)) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "users.db")
	st := openSQLite(t, path)
	return st, func(id string) {
		t.Helper()
		db := must(sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(10000)"))(t)
		defer func() {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		}()
		result := must(db.ExecContext(t.Context(), `UPDATE rollbook_record SET keys = x'ffff' WHERE id = ?`, id))(t)
		if n := must(result.RowsAffected())(t); n != 1 {
			t.Fatalf("%d records of ID %s", n, id)
		}
	}
}

// A record that the store itself cannot read is named, stands in the way of none but its
// own, and is deleted by its ID; then its keys are free.
func TestDamagedRecords(t *testing.T) {
	ctx := t.Context()
	st, damage := damageable(t)
	w := newWorld(st)
	acme := w.acme.With(unique)
	spec := everything()
	spec.Sensitive = secrets{"k": secret("v")}
	u := must(acme.Create(ctx, spec))(t)
	other := must(acme.Create(ctx, enduser.Spec{ExternalID: "other", Email: "other@example.com"}))(t)
	damage(u.ID)
	byID := enduser.ByID(u.ID)
	for what, err := range map[string]error{
		"get":       second(acme.Get(ctx, byID)),
		"update":    second(acme.Update(ctx, byID, rename)),
		"upsert":    third(acme.Upsert(ctx, enduser.Spec{ExternalID: "CRM-7"})),
		"create":    second(acme.Create(ctx, enduser.Spec{ExternalID: "new", Accounts: spec.Accounts})),
		"delete if": acme.Delete(ctx, byID, enduser.IfUser(func(enduser.User) error { t.Error("asked"); return nil })),
	} {
		wantUnreadable(t, what, err, enduser.ErrCorrupt, "", u.ID)
	}
	wantErr(t, "by e-mail", second(acme.Get(ctx, enduser.ByEmail("ann@example.com"))), enduser.ErrCorrupt)
	wantErr(t, "the e-mail", second(acme.Create(ctx, enduser.Spec{Email: "ann@example.com"})), enduser.ErrCorrupt)
	wantErr(t, "at a version", acme.Delete(ctx, byID, enduser.IfVersion(u.Version)), enduser.ErrVersion)
	must(acme.Update(ctx, enduser.ByExternalID("other"), rename))(t)
	must(acme.Get(ctx, enduser.ByEmail("other@example.com")))(t)
	must(acme.Create(ctx, enduser.Spec{ExternalID: "more"}))(t)

	if err := acme.Delete(ctx, byID); err != nil {
		t.Fatal(err)
	}
	wantErr(t, "again", acme.Delete(ctx, byID), enduser.ErrNotFound)
	diff(t, "sensitive values", sensitiveOf(t, st, "acme"), []string{})
	changes := feed(t, acme)
	if last := changes[len(changes)-1]; last != "deleted "+u.ID {
		t.Errorf("feed %q", changes)
	}
	again := must(acme.Create(ctx, everything()))(t)

	// Sensitive values: cleared, or deleted with their user.
	for _, id := range []string{again.ID, other.ID} {
		must(acme.Update(ctx, enduser.ByID(id), func(e *enduser.Edit) error { e.SetSensitive("k", secret("v")); return nil }))(t)
		damage("sensitive/" + id)
	}
	set := func(e *enduser.Edit) error { e.SetSensitive("l", secret("w")); return nil }
	wantUnreadable(t, "set", second(acme.Update(ctx, enduser.ByID(again.ID), set)), enduser.ErrCorrupt, "sensitive", again.ID)
	wantUnreadable(t, "reveal", second(acme.RevealSensitive(ctx, enduser.ByID(again.ID))), enduser.ErrCorrupt, "sensitive", again.ID)
	wantErr(t, "as a user", acme.Delete(ctx, enduser.ByID("sensitive/"+again.ID)), enduser.ErrNotFound)
	must(acme.Update(ctx, enduser.ByID(again.ID), func(e *enduser.Edit) error { e.ClearSensitive(); return nil }))(t)
	must(acme.Update(ctx, enduser.ByID(again.ID), set))(t)
	reveals(t, "set after that", acme, enduser.ByID(again.ID), values{"l": enduser.String("w")})
	if err := acme.Delete(ctx, enduser.ByID(other.ID)); err != nil {
		t.Error(err)
	}
	diff(t, "left", sensitiveOf(t, st, "acme"), []string{again.ID})

	// Groups.
	groups := acme.Groups()
	g := made(groups.Create(ctx, enduser.GroupSpec{ExternalID: "team"}))(t)
	damage(g.ID)
	wantErr(t, "get group", second(groups.Get(ctx, enduser.GroupByID(g.ID))), enduser.ErrCorrupt)
	wantErr(t, "ensure group", third(groups.Ensure(ctx, enduser.GroupSpec{ExternalID: "team"})), enduser.ErrCorrupt)
	if err := groups.Delete(ctx, enduser.GroupByID(g.ID)); err != nil {
		t.Fatal(err)
	}
	made(groups.Create(ctx, enduser.GroupSpec{ExternalID: "team"}))(t)
}

// The text says what and why, once, and nothing of the user.
func TestUnreadableErrorText(t *testing.T) {
	ctx := t.Context()
	st := onMemory(t)
	w := newWorld(st)
	u := must(w.acme.Create(ctx, enduser.Spec{Name: "canary", ExpiresIn: time.Hour}))(t)
	tamper(t, st, u.ID, spoiled["newer"].change)
	_, err := w.acme.Get(ctx, enduser.ByID(u.ID))
	if want := "enduser: user u1 cannot be read: written by a newer program: a body of a newer form"; err == nil || err.Error() != want {
		t.Errorf("%q, want %q", err, want)
	}
	tamper(t, st, u.ID, func(r *store.Record) { r.Data = []byte(`{"r":1,"w":1,"name":"canary`) })
	_, err = w.acme.Get(ctx, enduser.ByID(u.ID))
	if err == nil || strings.Contains(err.Error(), "canary") || !strings.HasPrefix(err.Error(), "enduser: user u1 cannot be read: corrupt record: at byte") {
		t.Errorf("%q", err)
	}
	_, err = w.acme.Get(ctx, enduser.ByID("nobody"))
	if want := "enduser: not found: get"; err == nil || err.Error() != want || !errors.Is(err, store.ErrNotFound) {
		t.Errorf("%q, want %q", err, want)
	}
	f := &faulty{Store: st, get: func() error { return store.ErrUnavailable }}
	_, err = enduser.New(f, nil).Tenant("acme").Get(ctx, enduser.ByID("u1"))
	if want := "enduser: unavailable: get"; err == nil || err.Error() != want {
		t.Errorf("%q, want %q", err, want)
	}
	f.get = func() error { return errors.Join(store.ErrUnavailable, errors.New("disk full")) }
	_, err = enduser.New(f, nil).Tenant("acme").Get(ctx, enduser.ByID("u1"))
	if err == nil || strings.Count(err.Error(), "unavailable") != 1 || !strings.Contains(err.Error(), "disk full") {
		t.Errorf("%q", err)
	}
}

package enduser_test

import (
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/backends"
	"github.com/rollbook-go/rollbook/internal/testing/faultstore"
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

// ways are the ways in which a record cannot be read: those of spoiled, and damage below
// the store. The store that cannot read it does not know of what kind it is.
func ways(t *testing.T, st store.Store, damage func(tenant, id string), kind string, test func(way, kind string, spoil func(id string), want error)) {
	t.Helper()
	for way, spoil := range spoiled {
		test(way, kind, func(id string) { tamper(t, st, id, spoil.change) }, spoil.want)
	}
	test("damaged", "", func(id string) { damage("acme", id) }, enduser.ErrCorrupt)
}

// A user that cannot be read is named by every call that meets it, and can be deleted:
// then its keys are free, and its sensitive values are gone.
func TestUnreadableUser(t *testing.T) {
	damaging(t, func(t *testing.T, st store.Store, damage func(tenant, id string)) {
		ctx := t.Context()
		w := newWorld(st)
		acme := w.acme.With(unique)
		ways(t, st, damage, "user", func(way, kind string, spoil func(string), want error) {
			spec := everything()
			spec.Sensitive = secrets{"k": secret("v")}
			u := must(acme.Create(ctx, spec))(t)
			spoil(u.ID)
			byID, byExternalID := enduser.ByID(u.ID), enduser.ByExternalID("crm-7")
			for what, err := range map[string]error{
				"get":           second(acme.Get(ctx, byID)),
				"get by key":    second(acme.Get(ctx, byExternalID)),
				"update":        second(acme.Update(ctx, byID, rename)),
				"associate":     second(acme.Associate(ctx, byID)),
				"reveal":        second(acme.RevealSensitive(ctx, byID)),
				"create":        second(acme.Create(ctx, enduser.Spec{ExternalID: "CRM-7"})),
				"ensure":        third(acme.Ensure(ctx, enduser.Spec{ExternalID: "CRM-7"})),
				"upsert":        third(acme.Upsert(ctx, enduser.Spec{ExternalID: "CRM-7", Name: "x"})),
				"delete if":     acme.Delete(ctx, byID, enduser.IfUser(func(enduser.User) error { t.Error("asked"); return nil })),
				"get by e-mail": second(acme.Get(ctx, enduser.ByEmail("ann@example.com"))),
			} {
				if what == "get by e-mail" && kind == "" {
					wantErr(t, way+": "+what, err, want) // the store lists what it cannot read by IDs
					continue
				}
				wantUnreadable(t, way+": "+what, err, want, kind, u.ID)
			}
			wantErr(t, way+": at a version", acme.Delete(ctx, byID, enduser.IfVersion(u.Version)), enduser.ErrVersion)
			account := enduser.Spec{ExternalID: "b", Accounts: spec.Accounts[:1]}
			if err := second(acme.Create(ctx, account)); kind == "" {
				wantUnreadable(t, way+": its account", err, want, kind, u.ID)
				wantErr(t, way+": its e-mail", second(acme.Create(ctx, enduser.Spec{Email: "ann@example.com"})), want)
			} else { // another's key of it is a conflict like any other
				wantConflict(t, way+": its account", err, "linked_accounts", u.ID)
			}

			last := must(acme.Latest(ctx))(t)
			if err := acme.As("bob").Delete(ctx, map[string]enduser.Ref{"newer": byExternalID, "corrupt": byID, "damaged": byID}[way]); err != nil {
				t.Fatal(way, err)
			}
			wantErr(t, way+": gone", second(acme.Get(ctx, byID)), enduser.ErrNotFound)
			page := must(acme.Changes(ctx, enduser.ChangeQuery{After: last}))(t)
			diff(t, way+": feed", page.Changes, []enduser.Change{{
				Revision: page.Changes[0].Revision, Type: enduser.ChangeDeleted, Kind: "user", ID: u.ID, Actor: "bob", At: w.Now().UTC(),
			}})
			diff(t, way+": sensitive values", sensitiveOf(t, st, "acme"), []string{})
			again := must(acme.Create(ctx, everything()))(t)
			ok(t, acme.Delete(ctx, enduser.ByID(again.ID)))
		})
	})
}

func TestUnreadableGroup(t *testing.T) {
	damaging(t, func(t *testing.T, st store.Store, damage func(tenant, id string)) {
		ctx := t.Context()
		groups := newWorld(st).acme.Groups()
		ways(t, st, damage, "group", func(way, kind string, spoil func(string), want error) {
			g, token, err := groups.Create(ctx, enduser.GroupSpec{ExternalID: "team"})
			if err != nil {
				t.Fatal(err)
			}
			spoil(g.ID)
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
				wantUnreadable(t, way+": "+what, err, want, kind, g.ID)
			}
			wantErr(t, way+": at a version", groups.Delete(ctx, byID, enduser.IfVersion(g.Version)), enduser.ErrVersion)
			if err := groups.Delete(ctx, byID); err != nil {
				t.Fatal(way, err)
			}
			again := made(groups.Create(ctx, enduser.GroupSpec{ExternalID: "team"}))(t)
			ok(t, groups.Delete(ctx, enduser.GroupByID(again.ID)))
		})
	})
}

// Sensitive values that cannot be read are not replaced, and go with their user. Those
// that only a newer program can read are not cleared either.
func TestUnreadableSensitiveValues(t *testing.T) {
	damaging(t, func(t *testing.T, st store.Store, damage func(tenant, id string)) {
		ctx := t.Context()
		w := newWorld(st)
		set := func(e *enduser.Edit) error { e.SetSensitive("l", secret("w")); return nil }
		empty := func(e *enduser.Edit) error { e.ClearSensitive(); return nil }
		ways(t, st, damage, "sensitive", func(way, _ string, spoil func(string), want error) {
			u := must(w.acme.Create(ctx, enduser.Spec{Sensitive: secrets{"k": secret("v")}}))(t)
			ref := enduser.ByID(u.ID)
			spoil("sensitive/" + u.ID)
			wantUnreadable(t, way+": reveal", second(w.acme.RevealSensitive(ctx, ref)), want, "sensitive", u.ID)
			wantUnreadable(t, way+": set", second(w.acme.Update(ctx, ref, set)), want, "sensitive", u.ID)
			wantErr(t, way+": as a user", w.acme.Delete(ctx, enduser.ByID("sensitive/"+u.ID)), enduser.ErrNotFound)
			must(w.acme.Update(ctx, ref, rename))(t)
			if way == "newer" {
				wantUnreadable(t, way+": clear", second(w.acme.Update(ctx, ref, empty)), want, "sensitive", u.ID)
			} else {
				must(w.acme.Update(ctx, ref, empty))(t)
				must(w.acme.Update(ctx, ref, set))(t)
				reveals(t, way+": set after that", w.acme, ref, values{"l": enduser.String("w")})
				spoil("sensitive/" + u.ID)
			}
			if err := w.acme.Delete(ctx, ref); err != nil {
				t.Error(err)
			}
			diff(t, way+": left", sensitiveOf(t, st, "acme"), []string{})
		})
	})
}

// damageable returns a store and what spoils a record below it.
func damageable(t *testing.T) (store.Store, func(id string)) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "users.db")
	st := backends.OpenSQLite(t, path)
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

// The text says what and why, once, and nothing of the user.
func TestUnreadableErrorText(t *testing.T) {
	ctx := t.Context()
	st := backends.Memory(t)
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
	f := &faultstore.Store{Store: st, OnGet: func() error { return store.ErrUnavailable }}
	_, err = enduser.New(f, nil).Tenant("acme").Get(ctx, enduser.ByID("u1"))
	if want := "enduser: unavailable: get"; err == nil || err.Error() != want {
		t.Errorf("%q, want %q", err, want)
	}
	f.OnGet = func() error { return errors.Join(store.ErrUnavailable, errors.New("disk full")) }
	_, err = enduser.New(f, nil).Tenant("acme").Get(ctx, enduser.ByID("u1"))
	if err == nil || strings.Count(err.Error(), "unavailable") != 1 || !strings.Contains(err.Error(), "disk full") {
		t.Errorf("%q", err)
	}
}

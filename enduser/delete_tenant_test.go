package enduser_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/faultstore"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// everyKind are the kinds of which furnish writes records.
var everyKind = []string{"answer", "group", "sensitive", "user", "webhook", "webhook-dead", "webhook-log", "webhook-turn"}

// furnish writes records of all kinds into all environments of a tenant.
func (w *world) furnish(t testing.TB, name string, users int) {
	t.Helper()
	for _, exact := range []bool{false, true} {
		w.schema.ExactIDs = exact
		for _, env := range []enduser.Environment{enduser.Customer, enduser.Testing} {
			w.furnishOne(t, w.users.Tenant(name).In(env), users)
		}
	}
	w.schema.ExactIDs = false
}

func (w *world) furnishOne(t testing.TB, tenant enduser.Tenant, users int) {
	t.Helper()
	ctx := t.Context()
	for i := range users {
		must(tenant.Create(ctx, enduser.Spec{
			ExternalID: fmt.Sprint("user ", i), Email: fmt.Sprintf("%d@example.com", i), Sensitive: secrets{"ssn": secret("v")},
		}))(t)
	}
	must(tenant.Create(enduser.Idempotent(ctx, "key"), enduser.Spec{ExternalID: "keyed", ExpiresIn: time.Hour}))(t)
	made(tenant.Groups().Create(ctx, enduser.GroupSpec{ExternalID: "team"}))(t)
	h, _ := hooked(tenant.Webhooks().Create(ctx, enduser.WebhookSpec{URL: "https://example.com"}))(t)
	must(tenant.Webhooks().Ping(ctx, h.ID))(t)
	ok(t, tenant.Webhooks().SetAttempts(ctx, h.ID, changesAfter(t, tenant, 0), enduser.Attempt{At: epoch, Status: 500}))
}

// storedNames returns the names in the store of the environments of a tenant.
func storedNames(name string) []string {
	return []string{name, "t/" + name, "e/" + name, "et/" + name}
}

// everything returns all that a store has of tenants, as text.
func allOf(t testing.TB, st store.Store, names ...string) (all []string) {
	t.Helper()
	for _, name := range names {
		for _, kind := range append(everyKind, "newer") {
			for _, r := range recordsOf(t, st, name, kind) {
				all = append(all, fmt.Sprintf("%s %+v", name, r))
			}
		}
		page := must(st.Changes(t.Context(), name, store.ChangeQuery{Desc: true, Limit: 1}))(t)
		for q := (store.ChangeQuery{After: page.Trimmed}); ; {
			page := must(st.Changes(t.Context(), name, q))(t)
			for _, c := range page.Changes {
				all = append(all, fmt.Sprintf("%s %+v", name, c))
			}
			if q.After = page.Next; q.After == 0 {
				break
			}
		}
	}
	return all
}

// isGone checks that nothing of tenant acme is left, but what the store cannot forget.
func isGone(t testing.TB, st store.Store) {
	t.Helper()
	names := storedNames("acme")
	left := allOf(t, st, names...)
	if _, drops := store.As[store.Dropper](st); !drops {
		if len(left) != len(names) {
			t.Errorf("%d entries and records are left in %d environments", len(left), len(names))
		}
		return
	}
	if len(left) > 0 {
		t.Errorf("%d entries and records are left of the tenant", len(left))
	}
	for _, there := range tenantsOf(t, st) {
		if slices.Contains(names, there) {
			t.Errorf("tenant %s is in the list of tenants", there)
		}
	}
	if due := must(st.Due(t.Context(), store.DueQuery{Before: epoch.Add(1e6 * time.Hour), Limit: store.MaxLimit}))(t); slices.ContainsFunc(due.Tenants,
		func(d store.DueTenant) bool { return slices.Contains(names, d.Tenant) }) {
		t.Error("something of the tenant is due")
	}
}

func TestDeleteTenant(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		w, ctx := newWorld(st), t.Context()
		ok(t, w.users.Ready(ctx))
		w.furnish(t, "acme", 3)
		w.furnish(t, "other", 2)
		others := append(storedNames("other"), "c/ready")
		before := allOf(t, st, others...)
		records := 0
		for _, name := range storedNames("acme") {
			for _, kind := range everyKind {
				n := len(recordsOf(t, st, name, kind))
				if n == 0 {
					t.Errorf("%s has no %s: the test proves nothing", name, kind)
				}
				records += n
			}
		}
		told := 0
		got := must(w.users.DeleteTenant(ctx, "acme", &enduser.DeleteTenantOptions{Progress: func(n int) {
			if n <= told || n > told+64 {
				t.Errorf("%d records after %d", n, told)
			}
			told = n
		}}))(t)
		_, drops := store.As[store.Dropper](st)
		if want := (enduser.DeletedTenant{Records: records, NameStays: !drops}); got != want || told != records {
			t.Errorf("deleted %+v, told %d, want %+v", got, told, want)
		}
		isGone(t, st)
		diff(t, "the others", allOf(t, st, others...), before)
		if got := must(w.users.DeleteTenant(ctx, "acme", nil))(t); got.Records != 0 {
			t.Errorf("deleted again: %+v", got)
		}
		for _, name := range []string{"ready", "c/ready", "never there"} {
			must(w.users.DeleteTenant(ctx, name, nil))(t)
		}
		diff(t, "the others, and the Manager's own", allOf(t, st, others...), before)
	})
}

// A tenant of the same name is a new one, and whatever somebody has kept of the former one is
// refused, or finds nothing.
func TestDeletedTenantAnew(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		w, ctx := newWorld(st), t.Context()
		origin := must(w.acme.Latest(ctx))(t)
		w.furnish(t, "acme", 5)
		oldUsers := must(w.acme.List(ctx, enduser.Query{Limit: 2}))(t)
		oldFeed := readFeed(t, w.acme, enduser.ChangeQuery{})
		oldHook := recordsOf(t, st, "acme", "webhook")[0]
		must(w.users.DeleteTenant(ctx, "acme", nil))(t)
		if _, drops := store.As[store.Dropper](st); !drops {
			return
		}
		first := must(w.acme.Create(ctx, enduser.Spec{ExternalID: "user 0"}))(t)
		if r := must(st.Get(ctx, "acme", store.ID(first.ID)))(t); r.Created != 1 {
			t.Errorf("the first user is created at %d", r.Created)
		}
		for i := 1; i < 20; i++ {
			must(w.acme.Create(ctx, enduser.Spec{ExternalID: fmt.Sprint("user ", i)}))(t)
		}
		for _, c := range oldFeed {
			_, err := w.acme.Changes(ctx, enduser.ChangeQuery{After: c.Position})
			wantErr(t, "a position", err, enduser.ErrTrimmed)
			wantErr(t, "to trim at a position", w.acme.TrimChanges(ctx, c.Position), enduser.ErrTrimmed)
			wantErr(t, "to wait at a position", w.acme.WaitChanges(ctx, c.Position), nil)
		}
		diff(t, "from the origin", len(readFeed(t, w.acme, enduser.ChangeQuery{After: origin})), 20)
		for _, u := range oldUsers.Users {
			_, err := w.acme.Get(ctx, enduser.ByID(u.ID))
			wantErr(t, "an old user", err, enduser.ErrNotFound)
		}
		wantErr(t, "an old version", second(w.acme.Update(ctx, enduser.ByID(first.ID), func(*enduser.Edit) error { return nil },
			enduser.IfVersion(oldUsers.Users[0].Version))), enduser.ErrVersion)
		page := must(w.acme.List(ctx, enduser.Query{Limit: 500, After: oldUsers.Next}))(t) // a place in another list
		if n := len(page.Users); n >= 20 {
			t.Errorf("%d users follow an old cursor", n)
		}
		again := must(w.acme.Create(enduser.Idempotent(ctx, "key"), enduser.Spec{ExternalID: "keyed"}))(t)
		if !again.ExpiresAt.IsZero() {
			t.Errorf("the key has answered with %+v", again)
		}
		wantErr(t, "an old webhook", second(w.acme.Webhooks().Get(ctx, oldHook.ID)), enduser.ErrNotFound)
		wantErr(t, "an old webhook", second(w.acme.Webhooks().Ping(ctx, oldHook.ID)), enduser.ErrNotFound)
		wantErr(t, "an old webhook", w.acme.Webhooks().Delete(ctx, oldHook.ID), enduser.ErrNotFound)
	})
}

// A tenant that is written to is not deleted, until nobody writes any more.
func TestDeleteTenantInUse(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		w, ctx := newWorld(st), t.Context()
		w.furnish(t, "acme", 2)
		written := 0
		got, err := w.users.DeleteTenant(ctx, "acme", &enduser.DeleteTenantOptions{Progress: func(int) {
			written++
			must(w.acme.Create(ctx, enduser.Spec{ExternalID: fmt.Sprint("late ", written)}))(t)
		}})
		wantErr(t, "written to", err, enduser.ErrInUse)
		if got.Records == 0 || written == 0 {
			t.Errorf("deleted %+v beside %d writes", got, written)
		}
		must(w.acme.Get(ctx, enduser.ByExternalID(fmt.Sprint("late ", written))))(t)
		must(w.users.DeleteTenant(ctx, "acme", nil))(t)
		isGone(t, st)
	})
}

// TestDeleteTenantTakenUp interrupts a deletion at each of its writes, before and after it.
func TestDeleteTenantTakenUp(t *testing.T) {
	t.Parallel()
	for stop := int64(1); ; stop++ {
		below := memory.New(nil)
		newWorld(below).furnish(t, "acme", 70)
		failed := 0
		fail := func(n int64, _ []store.Op) error {
			if n < stop {
				return nil
			}
			failed++
			return errors.New("broken")
		}
		for _, st := range []*faultstore.Store{{Store: below, OnApply: fail}, {Store: below, OnApplied: fail}} {
			before := failed
			if _, err := newWorld(st).users.DeleteTenant(t.Context(), "acme", nil); failed > before {
				wantErr(t, "interrupted", err, enduser.ErrUnavailable)
			}
		}
		must(newWorld(below).users.DeleteTenant(t.Context(), "acme", nil))(t)
		isGone(t, below)
		if failed == 0 {
			if stop < 30 {
				t.Errorf("only %d writes", stop)
			}
			return
		}
	}
}

// Two calls at once, and sweeps beside them, do not disturb each other.
func TestDeleteTenantTwice(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		w := newWorld(st)
		w.furnish(t, "acme", 40)
		w.Advance(100 * 24 * time.Hour) // so that much is due
		results := make(chan error, 4)
		for range 2 {
			go func() { results <- second(w.users.DeleteTenant(t.Context(), "acme", nil)) }()
			go func() { results <- second(w.users.Sweep(t.Context())) }()
		}
		for range 4 {
			ok(t, <-results)
		}
		must(w.users.DeleteTenant(t.Context(), "acme", nil))(t)
		isGone(t, st)
	})
}

// What cannot be read is deleted, too, and what a newer program has added.
func TestDeleteTenantUnreadable(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		w, ctx := newWorld(st), t.Context()
		w.furnish(t, "acme", 2)
		for _, kind := range everyKind {
			r := recordsOf(t, st, "acme", kind)[0]
			broken := r
			broken.Data = []byte("{")
			must(st.Apply(ctx, "acme", store.Ops(store.Replace(r, broken, nil))))(t)
		}
		if _, lists := store.As[store.KindLister](st); lists {
			must(st.Apply(ctx, "acme", store.Ops(store.Create(store.Record{ID: "x", Kind: "newer"}, nil))))(t)
		}
		must(w.users.DeleteTenant(ctx, "acme", nil))(t)
		isGone(t, st)
	})
}

// plain is a store without optional interfaces.
type plain struct{ store.Store }

func TestDeleteTenantWithoutDropper(t *testing.T) {
	t.Parallel()
	st, ctx := plain{memory.New(nil)}, t.Context()
	w := newWorld(st)
	w.furnish(t, "acme", 3)
	_, err := w.users.DeleteTenant(ctx, "acme", &enduser.DeleteTenantOptions{Progress: func(int) {
		must(w.acme.Create(ctx, enduser.Spec{}))(t)
	}})
	wantErr(t, "written to", err, enduser.ErrInUse)
	if got := must(w.users.DeleteTenant(ctx, "acme", nil))(t); !got.NameStays {
		t.Errorf("%+v", got)
	}
	isGone(t, st)
}

// The pass of [enduser.Retention] goes on although the tenant that it looked at last is gone, and
// does not keep its name.
func TestDeleteTenantOfRetention(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		w, ctx := retaining(st, enduser.Retention{Changes: 3}), t.Context()
		for i := range 150 { // more than one page of tenants
			must(w.users.Tenant(fmt.Sprint("tenant ", i)).Create(ctx, enduser.Spec{}))(t)
		}
		interrupted := &faultstore.Store{Store: st}
		interrupted.OnApplied = func(_ int64, ops []store.Op) error {
			if bytes.Contains(ops[0].New.Data, []byte("tenant ")) { // it has handed over a slice
				interrupted.Fail(errors.New("broken"))
			}
			return nil
		}
		_, err := retaining(interrupted, enduser.Retention{Changes: 3}).users.Sweep(ctx)
		wantErr(t, "interrupted", err, enduser.ErrUnavailable)
		name := afterOf(t, st)
		if name == "" {
			t.Fatal("the pass keeps no name: the test proves nothing")
		}
		must(w.users.DeleteTenant(ctx, name, nil))(t)
		if kept := afterOf(t, st); kept != "" {
			t.Errorf("the pass keeps the name %q", kept)
		}
		w.Advance(2 * time.Hour)
		swept(t, w.users)
	})
}

// afterOf returns the tenant in the record of the pass over all tenants.
func afterOf(t testing.TB, st store.Store) (name string) {
	t.Helper()
	r := must(st.Get(t.Context(), "c/ready", store.ID("retention")))(t)
	for _, tenant := range tenantsOf(t, st) {
		if slices.Contains(quotedIn(string(r.Data)), tenant) {
			name = tenant
		}
	}
	return name
}

func TestDeleteTenantRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(memory.New(nil))
	_, err := w.users.DeleteTenant(t.Context(), "", nil)
	wantErr(t, "no name", err, enduser.ErrInvalid)
	ctx, cancel := context.WithCancel(t.Context())
	w.furnish(t, "acme", 3)
	_, err = w.users.DeleteTenant(ctx, "acme", &enduser.DeleteTenantOptions{Progress: func(int) { cancel() }})
	wantErr(t, "canceled", err, context.Canceled)
	must(w.users.DeleteTenant(t.Context(), "acme", nil))(t)
}

// quotedIn returns the texts in quotes in a text.
func quotedIn(text string) (found []string) {
	parts := strings.Split(text, `"`)
	for i := 1; i < len(parts); i += 2 {
		found = append(found, parts[i])
	}
	return found
}

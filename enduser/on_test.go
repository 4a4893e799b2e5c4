package enduser_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/backends"
	"github.com/rollbook-go/rollbook/internal/testing/clock"
	"github.com/rollbook-go/rollbook/internal/testing/faultstore"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
	"github.com/rollbook-go/rollbook/store/sqlite"
)

// host is a program that keeps users in a file beside its own tables.
type host struct {
	users *enduser.Manager
	store *sqlite.Store
	db    *sql.DB
	clock *clock.Clock
}

func newHost(t *testing.T) *host {
	t.Helper()
	path := filepath.Join(t.TempDir(), "shop.db")
	h := &host{store: backends.OpenSQLite(t, path), clock: clock.At(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))}
	h.users = enduser.New(h.store, &enduser.Options{
		Now: h.clock.Now, Keyring: enduser.NewKeyring(testKey("k1")), Policy: func(string) (enduser.Policy, bool) { return unique, true },
	})
	dsn, err := sqlite.DSN(path, nil)
	if err == nil {
		h.db, err = sql.Open("sqlite", dsn)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.db.Close() })
	return h
}

// inside calls f in a transaction, which it then commits or rolls back.
func (h *host) inside(t *testing.T, commit bool, f func(acme enduser.Tenant)) {
	t.Helper()
	tx, err := h.db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }() // of no effect after the commit
	f(h.users.On(h.store.In(tx)).Tenant("acme"))
	if commit {
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestOnInside makes every kind of write inside a transaction.
func TestOnInside(t *testing.T) {
	ctx := t.Context()
	h := newHost(t)
	acme := h.users.Tenant("acme")
	known := must(acme.Create(ctx, enduser.Spec{ExternalID: "known", Email: "known@example.com"}))(t)
	var ada, bob enduser.User
	write := func(acme enduser.Tenant) {
		ada = must(acme.Create(ctx, enduser.Spec{
			ExternalID: "ada", Name: "Ada", Email: "ada@example.com", ExpiresIn: time.Hour,
			Sensitive: map[string]enduser.Secret{"pin": secret("1234")},
		}))(t)
		_, err := acme.Create(ctx, enduser.Spec{ExternalID: "ADA"})
		wantConflict(t, "a second Ada", err, "external_id", ada.ID)
		_, err = acme.Create(ctx, enduser.Spec{ExternalID: "eve", Email: "known@example.com"})
		wantConflict(t, "an address that was there", err, "email", known.ID)
		_, err = acme.Create(ctx, enduser.Spec{ExternalID: "\x00"})
		wantErr(t, "an invalid one", err, enduser.ErrInvalid)
		_, err = acme.Get(ctx, enduser.ByExternalID("nobody"))
		wantErr(t, "nobody", err, enduser.ErrNotFound)

		u, outcome, err := acme.Ensure(ctx, enduser.Spec{ExternalID: "known"})
		if err != nil || outcome != enduser.Unchanged || u.ID != known.ID {
			t.Errorf("Ensure: %v, %v, %v", u, outcome, err)
		}
		if bob, outcome, err = acme.Upsert(ctx, enduser.Spec{ExternalID: "bob", Name: "Bob", Email: "bob@example.com"}); err != nil || outcome != enduser.Created {
			t.Errorf("Upsert: %v, %v", outcome, err)
		}
		group, _, err := acme.Groups().Create(ctx, enduser.GroupSpec{ExternalID: "team"})
		if err != nil {
			t.Error(err)
		}
		bob = must(acme.Update(ctx, enduser.ByID(bob.ID), func(e *enduser.Edit) error {
			e.Groups, e.Email = []string{group.ExternalID}, "robert@example.com"
			return nil
		}, enduser.IfVersion(bob.Version)))(t)
		if err := acme.Delete(ctx, enduser.ByExternalID("known")); err != nil {
			t.Error(err)
		}
		if err := acme.TrimChanges(ctx, must(acme.Latest(ctx))(t)); err != nil {
			t.Error(err)
		}
		diff(t, "Ada, inside", must(acme.Get(ctx, enduser.ByEmail("ada@example.com")))(t), ada)
		if n := must(acme.Count(ctx, enduser.Query{}))(t); n.N != 2 {
			t.Errorf("%+v users inside, want 2", n)
		}
	}
	h.inside(t, false, write)
	diff(t, "after the rollback", must(acme.Get(ctx, enduser.ByExternalID("known")))(t), known)
	for _, ref := range []enduser.Ref{enduser.ByID(ada.ID), enduser.ByExternalID("ada"), enduser.ByEmail("robert@example.com")} {
		_, err := acme.Get(ctx, ref)
		wantErr(t, fmt.Sprint(ref), err, enduser.ErrNotFound)
	}
	h.inside(t, true, write)
	diff(t, "Bob", must(acme.Get(ctx, enduser.ByEmail("robert@example.com")))(t), bob)
	_, err := acme.Get(ctx, enduser.ByID(known.ID))
	wantErr(t, "who was deleted inside", err, enduser.ErrNotFound)
	_, err = acme.Groups().Get(ctx, enduser.GroupByExternalID("team"))
	wantErr(t, "the group", err, nil)

	h.clock.Advance(2 * time.Hour) // Ada was made inside, and is swept like everybody
	if n, err := h.users.Sweep(ctx); n == 0 || err != nil {
		t.Errorf("Sweep: %d, %v", n, err)
	}
	if _, err := h.store.Get(ctx, "acme", store.ID(ada.ID)); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Ada after the sweep: %v", err)
	}
}

// TestOnRollback: a version or position from a transaction that was rolled back is one of a
// lost history, though its revision is another write's by now. From one that was committed
// it is good.
func TestOnRollback(t *testing.T) {
	ctx := t.Context()
	for _, commit := range []bool{false, true} {
		h := newHost(t)
		acme := h.users.Tenant("acme")
		ada := must(acme.Create(ctx, enduser.Spec{ExternalID: "ada"}))(t)
		before := must(acme.Latest(ctx))(t)
		var inside enduser.User
		var at enduser.Position
		h.inside(t, commit, func(acme enduser.Tenant) {
			inside = must(acme.Update(ctx, enduser.ByID(ada.ID), func(e *enduser.Edit) error { e.Name = "inside"; return nil }))(t)
			at = must(acme.Latest(ctx))(t)
		})
		rename := func(e *enduser.Edit) error { e.Name = "outside"; return nil }
		if !commit {
			outside := must(acme.Update(ctx, enduser.ByID(ada.ID), rename, enduser.IfVersion(ada.Version)))(t)
			if outside.Revision != inside.Revision || outside.Version == inside.Version {
				t.Errorf("versions %v and %v, revisions %d and %d", outside.Version, inside.Version, outside.Revision, inside.Revision)
			}
		}
		_, err := acme.Update(ctx, enduser.ByID(ada.ID), rename, enduser.IfVersion(inside.Version))
		_, read := acme.Changes(ctx, enduser.ChangeQuery{After: at})
		if commit {
			wantErr(t, "a version of a commit", err, nil)
			wantErr(t, "a position of a commit", read, nil)
		} else {
			wantErr(t, "a version of a rollback", err, enduser.ErrVersion)
			wantErr(t, "a position of a rollback", read, enduser.ErrTrimmed)
		}
		page, err := acme.Changes(ctx, enduser.ChangeQuery{After: before})
		if n := len(page.Changes); err != nil || commit && n != 2 || !commit && n != 1 {
			t.Errorf("after what was known before: %v, %v", page.Changes, err)
		}
	}
}

// TestOnFailsAtOnce: what makes no sense inside does not hang.
func TestOnFailsAtOnce(t *testing.T) {
	ctx := t.Context()
	h := newHost(t)
	tx, err := h.db.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	users := h.users.On(h.store.In(tx))
	_, sweep := users.Sweep(ctx)
	for call, err := range map[string]error{
		"Run": users.Run(ctx), "Sweep": sweep, "WaitChanges": users.Tenant("acme").WaitChanges(ctx, enduser.Position{}),
		"Follow": followed(users.Tenant("acme").Follow(ctx, enduser.ChangeQuery{})),
	} {
		wantErr(t, call, err, enduser.ErrInTransaction)
	}
	must(users.Tenant("acme").Create(ctx, enduser.Spec{ExternalID: "ada"}))(t)
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	_, err = users.Tenant("acme").Create(ctx, enduser.Spec{ExternalID: "bob"})
	wantErr(t, "after the commit", err, enduser.ErrAborted)
	wantErr(t, "after the commit", err, sql.ErrTxDone)
	wantErr(t, "after the commit", err, store.ErrAborted)
	for _, other := range []error{enduser.ErrUnavailable, enduser.ErrUnknown} {
		if errors.Is(err, other) {
			t.Errorf("%v is %v", err, other)
		}
	}
}

// joinedFaults is a store inside a transaction in which things go wrong.
type joinedFaults struct{ *faultstore.Store }

func (joinedFaults) Joined() {}

// TestOnLosesRaces: where every write loses a race, as under a snapshot that is too old, a
// call inside a transaction gives up at once: the host's locks are held meanwhile.
func TestOnLosesRaces(t *testing.T) {
	ctx := t.Context()
	st := &faultstore.Store{Store: memory.New(nil)}
	acme := enduser.New(st, nil).On(joinedFaults{st}).Tenant("acme")
	ada := must(acme.Create(ctx, enduser.Spec{ExternalID: "ada"}))(t)
	st.OnApply = func(int64, []store.Op) error { return &store.StaleError{Op: 0, Require: -1} }
	before := st.Applies()
	_, err := acme.Update(ctx, enduser.ByID(ada.ID), func(e *enduser.Edit) error { e.Name = "Ada"; return nil })
	wantErr(t, "Update", err, enduser.ErrContended)
	if n := st.Applies() - before; n < 2 || n > 6 {
		t.Errorf("%d attempts, want a few", n)
	}
	st.OnApply = func(int64, []store.Op) error { return fmt.Errorf("%w: disk full", store.ErrAborted) }
	before = st.Applies()
	_, err = acme.Update(ctx, enduser.ByID(ada.ID), func(e *enduser.Edit) error { e.Name = "Ada"; return nil })
	wantErr(t, "Update", err, enduser.ErrAborted)
	if n := st.Applies() - before; n != 1 {
		t.Errorf("%d attempts after ErrAborted, want 1", n)
	}
}

// TestOnAnotherStore: a Manager on another store has the same options, and turns of its own.
func TestOnAnotherStore(t *testing.T) {
	ctx := context.Background()
	c := clock.At(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))
	one, other := memory.New(nil), memory.New(nil)
	users := enduser.New(one, &enduser.Options{Now: c.Now, Policy: func(string) (enduser.Policy, bool) { return unique, true }})
	there := users.On(other).Tenant("acme")
	u := must(there.Create(ctx, enduser.Spec{ExternalID: "ada", Email: "ada@example.com"}))(t)
	if !u.CreatedAt.Equal(c.Now()) {
		t.Errorf("created at %v by another clock", u.CreatedAt)
	}
	_, err := there.Create(ctx, enduser.Spec{ExternalID: "bob", Email: "ada@example.com"})
	wantConflict(t, "the policy", err, "email", u.ID)
	_, err = users.Tenant("acme").Get(ctx, enduser.ByID(u.ID))
	wantErr(t, "the first store", err, enduser.ErrNotFound)
	if _, err := users.On(other).Sweep(ctx); err != nil {
		t.Errorf("Sweep: %v", err)
	}
	defer func() {
		if recover() == nil {
			t.Error("On(nil) does not panic")
		}
	}()
	users.On(nil)
}

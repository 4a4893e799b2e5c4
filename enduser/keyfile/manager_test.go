//go:build unix && !aix && !solaris

package keyfile_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store/memory"
)

// A rotation under two Managers follows the steps of the package comment.
func TestRotateManager(t *testing.T) {
	t.Parallel()
	path, c, st := newPath(t), newClock(), memory.New(nil)
	ring := open(t, path, c)
	users := enduser.New(st, &enduser.Options{Now: c.Now, Keyring: ring})
	others := enduser.New(st, &enduser.Options{Now: c.Now, Keyring: open(t, path, c)})

	var groups []enduser.Group
	tokens := make(map[string]string)
	create := func(m *enduser.Manager, name string) {
		t.Helper()
		g, token, err := m.Tenant("acme").Groups().Create(t.Context(), enduser.GroupSpec{ExternalID: name})
		if err != nil {
			t.Fatal(err)
		}
		tokens[g.ID] = token
		groups = append(groups, g)
	}
	counted := func(want map[string]int) {
		t.Helper()
		got, err := users.CountSealed(t.Context())
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%v; sealed (-want +got):\n%s", err, diff)
		}
	}
	create(users, "one")
	create(others, "two")
	old := seal(t, ring, time.Time{}).ID()
	id := must(ring.Add(t.Context()))(t)
	create(others, "three")
	counted(map[string]int{old: 3})
	ok(t, ring.Promote(t.Context(), id))
	create(others, "four") // in the process that did not promote it
	counted(map[string]int{old: 3, id: 1})
	if n, err := users.Reseal(t.Context()); n != 3 || err != nil {
		t.Errorf("resealed %d, %v", n, err)
	}
	counted(map[string]int{id: 4})
	ok(t, ring.Retire(t.Context(), old))
	for _, m := range []*enduser.Manager{users, others, enduser.New(st, &enduser.Options{Now: c.Now, Keyring: open(t, path, c)})} {
		for _, g := range groups {
			g := must(m.Tenant("acme").Groups().Get(t.Context(), enduser.GroupByID(g.ID)))(t)
			if token, err := m.Tenant("acme").Groups().Reveal(t.Context(), g); err != nil || token != tokens[g.ID] {
				t.Errorf("group %s has another token after the rotation: %v", g.ExternalID, err)
			}
		}
	}
}

// A copy of the store from before a sweep still has the sealed value, but nobody can read
// it once the key has expired.
func TestCopyOfTheStore(t *testing.T) {
	t.Parallel()
	path, c, st := newPath(t), newClock(), memory.New(nil)
	ring := open(t, path, c)
	users := enduser.New(st, &enduser.Options{Now: c.Now, Keyring: ring})
	acme := users.Tenant("acme")
	u, _, err := acme.Upsert(t.Context(), enduser.Spec{ExternalID: "crm-7"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = acme.Update(t.Context(), enduser.ByID(u.ID), func(e *enduser.Edit) error {
		e.SetSensitive("pin", enduser.NewSecret(enduser.String("1234")))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	c.Advance(day - time.Millisecond)
	if values, err := acme.RevealSensitive(t.Context(), enduser.ByID(u.ID)); err != nil || values["pin"] != enduser.String("1234") {
		t.Errorf("just before its deadline: %v, %v", values, err)
	}
	// Nothing swept the value, but another Manager's sweep destroys the key.
	c.Set(start.Truncate(time.Hour).Add(25 * time.Hour))
	must(enduser.New(memory.New(nil), &enduser.Options{Now: c.Now, Keyring: ring}).Sweep(t.Context()))(t)
	counts, err := users.CountSealed(t.Context())
	if err != nil || len(counts) != 1 {
		t.Fatalf("the store has no sealed value: %v, %v", counts, err)
	}
	c.Set(start.Add(time.Hour)) // as somebody with a copy would set it
	again := open(t, path, c)
	for id := range counts {
		checkNoKey(t, again, id)
	}
	copied := enduser.New(st, &enduser.Options{Now: c.Now, Keyring: again})
	if values, err := copied.Tenant("acme").RevealSensitive(t.Context(), enduser.ByID(u.ID)); !errors.Is(err, enduser.ErrNoKey) {
		t.Errorf("%v, %v; want ErrNoKey", values, err)
	}
}

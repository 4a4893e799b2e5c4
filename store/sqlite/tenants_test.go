package sqlite_test

import (
	"slices"
	"testing"

	"github.com/rollbook-go/rollbook/store"
)

// TestAfterAnyName: tenants come in the order of their names, so that a page can begin after a
// tenant that was dropped meanwhile.
func TestAfterAnyName(t *testing.T) {
	s := open(t, file(t), nil)
	for _, name := range []string{"c", "a", "b!"} {
		r := user("a")
		r.Due = store.FromMillis(1)
		apply(t, s, name, store.Create(r, nil))
	}
	page, err := s.Tenants(t.Context(), store.TenantQuery{After: "b"})
	if want := []string{"b!", "c"}; err != nil || !slices.Equal(page.Names, want) {
		t.Errorf("Tenants: %q, %v; want %q", page.Names, err, want)
	}
	due, err := s.Due(t.Context(), store.DueQuery{Before: store.FromMillis(2), After: "b"})
	if err != nil || len(due.Tenants) != 2 || due.Tenants[0].Tenant != "b!" {
		t.Errorf("Due: %v, %v", due, err)
	}
}

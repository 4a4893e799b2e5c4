package sqlite_test

import (
	"errors"
	"testing"

	"github.com/rollbook-go/rollbook/store"
)

// TestAfterUnknownTenant: a page cannot begin after a tenant that the store does not have.
func TestAfterUnknownTenant(t *testing.T) {
	s := open(t, file(t), nil)
	apply(t, s, "t", store.Create(user("a"), nil))
	_, tenants := s.Tenants(t.Context(), store.TenantQuery{After: "other"})
	_, due := s.Due(t.Context(), store.DueQuery{Before: store.FromMillis(1), After: "other"})
	for call, err := range map[string]error{"Tenants": tenants, "Due": due} {
		if !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%s: %v", call, err)
		}
	}
}

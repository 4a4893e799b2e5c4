package enduser_test

import (
	"errors"
	"testing"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store"
)

// TestIdentityConflictsFirst: of several things that are taken the conflict names
// what identifies a user, whether or not somebody claims the e-mail address.
func TestIdentityConflictsFirst(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		users := enduser.New(st, nil)
		for name, first := range map[string]enduser.Policy{"claimed": {UniqueEmail: true}, "unclaimed": {}} {
			spec := enduser.Spec{ExternalID: "crm-7", Email: "ann@example.com"}
			ann, err := users.Tenant(name).With(first).Create(t.Context(), spec)
			if err != nil {
				t.Fatal(err)
			}
			unique := users.Tenant(name).With(enduser.Policy{UniqueEmail: true})
			_, err = unique.Create(t.Context(), spec)
			conflict, ok := errors.AsType[*enduser.ConflictError](err)
			if !ok || conflict.Field != "external_id" || conflict.HolderID != ann.ID {
				t.Errorf("%s: the same again: %v", name, err)
			}
			_, err = unique.Create(t.Context(), enduser.Spec{ExternalID: "crm-8", Email: "Ann@example.com"})
			conflict, ok = errors.AsType[*enduser.ConflictError](err)
			if !ok || conflict.Field != "email" || conflict.HolderID != ann.ID {
				t.Errorf("%s: the address alone: %v", name, err)
			}
		}
	})
}

package enduser_test

import (
	"context"
	"maps"
	"testing"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// Maps that the caller hands in stay the caller's: they may be shared by many
// calls, and a call neither changes nor keeps them.
func TestUpdateLeavesTheCallersMapAlone(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	acme := enduser.New(memory.New(nil), nil).Tenant("acme")
	if _, err := acme.Create(ctx, enduser.Spec{ExternalID: "crm-7"}); err != nil {
		t.Fatal(err)
	}
	shared := enduser.Metadata{"plan": enduser.String("pro"), "gone": enduser.Null}
	before := maps.Clone(shared)
	u, err := acme.Update(ctx, enduser.ByExternalID("crm-7"), func(u *enduser.Edit) error {
		u.Metadata = shared
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(shared, before) {
		t.Errorf("Update changed the caller's map from %v to %v", before, shared)
	}
	u.Metadata["mine"] = enduser.Int(1)
	if _, leaked := shared["mine"]; leaked {
		t.Error("the user that Update returned shares its metadata with the caller's map")
	}
}

func TestUpsertLeavesTheSpecAlone(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	acme := enduser.New(memory.New(nil), nil).Tenant("acme")
	spec := enduser.Spec{
		ExternalID: "crm-7", Metadata: enduser.Metadata{"plan": enduser.String("pro"), "gone": enduser.Null},
		Accounts: []enduser.Account{{Type: "t", ID: "1"}}, Groups: []string{"g"},
	}
	before := maps.Clone(spec.Metadata)
	for range 2 {
		u, _, err := acme.Upsert(ctx, spec)
		if err != nil {
			t.Fatal(err)
		}
		u.Metadata["mine"], u.Accounts[0].ID, u.Groups[0] = enduser.Int(1), "2", "h"
	}
	if !maps.Equal(spec.Metadata, before) || spec.Accounts[0].ID != "1" || spec.Groups[0] != "g" {
		t.Errorf("the spec is now %v", spec)
	}
}

// What fn cannot see it cannot lose: a function that sets the whole user keeps its
// place in lists, and its claim on an address.
func TestUpdateOfTheWholeUser(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	st := memory.New(nil)
	acme := enduser.New(st, nil).Tenant("acme").With(enduser.Policy{UniqueEmail: true})
	old, err := acme.Create(ctx, enduser.Spec{ExternalID: "crm-7", Email: "a@b.c"})
	if err != nil {
		t.Fatal(err)
	}
	u, err := acme.Update(ctx, enduser.ByID(old.ID), func(u *enduser.Edit) error {
		u.User = enduser.User{
			ID: u.ID, ExternalID: u.ExternalID, Tenant: u.Tenant, Environment: u.Environment, Name: "Ann", Email: u.Email,
			CreatedBy: u.CreatedBy, UpdatedBy: u.UpdatedBy, CreatedAt: u.CreatedAt, UpdatedAt: u.UpdatedAt, AddedAt: u.AddedAt,
			Version: u.Version, Revision: u.Revision,
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if u.Version == old.Version || u.Version.IsZero() {
		t.Errorf("the user's version is %s, was %s", u.Version, old.Version)
	}
	if _, err := st.Get(ctx, onlyTenant(t, st), store.Key{Kind: "email.1", Value: "A@B.C"}); err != nil {
		t.Errorf("the claim on the address: %v", err)
	}
}

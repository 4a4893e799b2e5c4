package enduser_test

import (
	"testing"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/faultstore"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// TestIdentityConflictsFirst: of several things that are taken the conflict names
// what identifies a user, whether or not somebody claims the e-mail address.
func TestIdentityConflictsFirst(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		users := enduser.New(st, nil)
		for name, first := range map[string]enduser.Policy{"claimed": {UniqueEmail: true}, "unclaimed": {}} {
			spec := enduser.Spec{ExternalID: "crm-7", Email: "ann@example.com", Accounts: []enduser.Account{{Type: "irc", ID: "ann"}}}
			ann := must(users.Tenant(name).With(first).Create(t.Context(), spec))(t)
			unique := users.Tenant(name).With(enduser.Policy{UniqueEmail: true})
			wantConflict(t, name+": the same again", second(unique.Create(t.Context(), spec)), "external_id", ann.ID)
			spec.Email = ""
			wantConflict(t, name+": its account", second(unique.Create(t.Context(), spec)), "external_id", ann.ID)
			spec.ExternalID = "crm-8"
			wantConflict(t, name+": the account alone", second(unique.Create(t.Context(), spec)), "linked_accounts", ann.ID)
			spec.Accounts, spec.Email = nil, "Ann@example.com"
			wantConflict(t, name+": the address alone", second(unique.Create(t.Context(), spec)), "email", ann.ID)
		}
	})
}

// TestIdentityThatChangesMeanwhile: a user who is deleted or renamed while an Ensure
// looks whether somebody has its address is found, or made. It is never a conflict: there
// was no time at which another had the address.
func TestIdentityThatChangesMeanwhile(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	for name, change := range map[string]func(enduser.Tenant, enduser.Ref) error{
		"deleted": func(acme enduser.Tenant, ref enduser.Ref) error { return acme.Delete(ctx, ref) },
		"renamed": func(acme enduser.Tenant, ref enduser.Ref) error {
			return second(acme.Update(ctx, ref, func(e *enduser.Edit) error {
				e.ExternalID, e.Email = "other", "other@example.com"
				return nil
			}))
		},
	} {
		for identity, spec := range map[string]enduser.Spec{
			"by e-mail":      {Email: "ann@example.com"},
			"by external ID": {ExternalID: "crm-7", Email: "ann@example.com"},
		} {
			f := &faultstore.Store{Store: memory.New(nil)}
			acme := newWorld(f).acme.With(unique)
			ref := enduser.ByID(must(acme.Create(ctx, spec))(t).ID)
			looked := false
			behind := func() error { // between the first read and whatever follows it
				if !looked {
					looked = true
					return nil
				}
				f.OnList, f.OnGet, f.OnApply = nil, nil, nil
				return change(acme, ref)
			}
			f.OnList, f.OnGet = behind, behind
			f.OnApply = func(int64, []store.Op) error { return behind() }
			if u, _, err := acme.Ensure(ctx, spec); err != nil || u.Email != spec.Email {
				t.Errorf("%s, %s: %v", identity, name, err)
			}
		}
	}
}

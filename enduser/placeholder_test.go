package enduser_test

import (
	"fmt"
	"testing"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store/memory"
)

var placeholders = []string{"undefined", "NULL", "(null)", "Nil", "none", "NaN", "[object Object]", "[OBJECT OBJECT]"}

// What stands for a missing ID is none, unless the policy allows it.
func TestPlaceholders(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	acme := newWorld(memory.New(nil)).acme
	lax := acme.With(enduser.Policy{Placeholders: true})
	group := func(id string) enduser.GroupSpec { return enduser.GroupSpec{ExternalID: id} }
	for _, id := range placeholders {
		spec := enduser.Spec{ExternalID: id, Accounts: []enduser.Account{{Type: "irc", ID: id}}, Groups: []string{id}}
		want := []string{"external_id placeholder", "groups[0] placeholder", "linked_accounts[0].id placeholder"}
		wantInvalid(t, id+": create", second(acme.Create(ctx, spec)), want...)
		wantInvalid(t, id+": ensure", third(acme.Ensure(ctx, spec)), want...)
		wantInvalid(t, id+": upsert", third(acme.Upsert(ctx, spec)), want...)
		wantInvalid(t, id+": group", third(acme.Groups().Create(ctx, group(id))), "external_id placeholder")
		wantInvalid(t, id+": ensure group", third(acme.Groups().Ensure(ctx, group(id))), "external_id placeholder")
	}
	u := must(acme.Create(ctx, enduser.Spec{Name: "null", FirstName: "None"}))(t)
	ref := enduser.ByID(u.ID)
	wantInvalid(t, "update", second(acme.Update(ctx, ref, func(e *enduser.Edit) error { e.ExternalID = "null"; return nil })), "external_id placeholder")
	wantInvalid(t, "link", second(acme.Link(ctx, ref, enduser.Account{Type: "irc", ID: "null"})), "linked_accounts[0].id placeholder")
	for i, id := range []string{"0", "-1", "true", "nulls", "none-1", "\"null\"", "undefined "[:9] + "1"} {
		must(acme.Create(ctx, enduser.Spec{ExternalID: id, Accounts: []enduser.Account{{Type: fmt.Sprint(i), ID: id}}, Groups: []string{id}}))(t)
	}
	// Where a policy allows them they are IDs, also for a door that would not allow them.
	there := must(lax.Create(ctx, enduser.Spec{ExternalID: "undefined", Groups: []string{"nil"}, Accounts: []enduser.Account{{Type: "irc", ID: "none"}}}))(t)
	diff(t, "ensured", upserted(acme.Ensure(ctx, enduser.Spec{ExternalID: "Undefined"}))(t, enduser.Unchanged), there)
	upserted(acme.Upsert(ctx, enduser.Spec{ExternalID: "undefined", Name: "x", Groups: []string{"nil"}, Accounts: there.Accounts}))(t, enduser.Updated)
	g := made(lax.Groups().Create(ctx, group("null")))(t)
	diff(t, "ensured group", ensured(acme.Groups().Ensure(ctx, group("null")))(t, enduser.Unchanged), g)
}

package enduser_test

import (
	"context"
	"fmt"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store/memory"
)

// A group moves to another installation with its ID and token. Both have the same keyring. (For
// whole tenants there is package archive.)
func ExampleGroups_Import() {
	ctx := context.Background()
	opts := &enduser.Options{Keyring: enduser.NewKeyring(testKey("k1"))}
	from, to := enduser.New(memory.New(nil), opts).Tenant("acme"), enduser.New(memory.New(nil), opts).Tenant("acme")
	g, token, err := from.Groups().Create(ctx, enduser.GroupSpec{ExternalID: "team-7", Name: "Seven"})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, outcome, err := to.Groups().Import(ctx, enduser.GroupImport{
		GroupSpec: enduser.GroupSpec{ExternalID: g.ExternalID, Name: g.Name, Metadata: g.Metadata},
		ID:        g.ID, Number: g.Number, SealedToken: g.SealedToken(),
		CreatedAt: g.CreatedAt,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	there, err := to.Groups().Authenticate(ctx, token)
	fmt.Println(outcome, there.ExternalID, err)
	// Output: created team-7 <nil>
}

func ExampleWebhooks_Import() {
	ctx := context.Background()
	hooks := enduser.New(memory.New(nil), &enduser.Options{Keyring: enduser.NewKeyring(testKey("k1"))}).Tenant("acme").Webhooks()
	h, _, err := hooks.Import(ctx, enduser.WebhookImport{ID: "hook-1", URL: "https://acme.example/events"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("disabled:", h.Disabled)

	_, secret, err := hooks.Rotate(ctx, h.ID, 0) // for the receiver
	if err != nil {
		fmt.Println(err)
		return
	}
	h, err = hooks.Update(ctx, h.ID, func(e *enduser.WebhookEdit) error { e.Disabled = false; return nil })
	fmt.Println("disabled:", h.Disabled, len(secret) > 0, err)
	// Output:
	// disabled: true
	// disabled: false true <nil>
}

// Sensitive values move to another installation, sealed. Both have the same keyring.
func ExampleTenant_ImportSealed() {
	ctx := context.Background()
	opts := &enduser.Options{Keyring: enduser.NewKeyring(testKey("k1"))}
	from, to := enduser.New(memory.New(nil), opts).Tenant("acme"), enduser.New(memory.New(nil), opts).Tenant("acme")
	u, err := from.Create(ctx, enduser.Spec{Name: "Ann", Sensitive: map[string]enduser.Secret{"pin": enduser.NewSecret(enduser.Int(1234))}})
	if err != nil {
		fmt.Println(err)
		return
	}
	users := func(yield func(enduser.Import) bool) {
		yield(enduser.Import{ID: u.ID, Spec: enduser.Spec{Name: u.Name}})
	}
	for _, err := range to.ImportAll(ctx, users, nil) {
		if err != nil {
			fmt.Println(err)
			return
		}
	}
	for sealed, err := range from.AllSealed(ctx) {
		if err == nil {
			_, err = to.ImportSealed(ctx, sealed)
		}
		if err != nil {
			fmt.Println(err)
			return
		}
	}
	values, err := to.RevealSensitive(ctx, enduser.ByID(u.ID))
	fmt.Println(values["pin"], err)
	// Output: 1234 <nil>
}

// The schema of a tenant has changed: its users from before are there under the other value.
func ExampleTenant_WithExactIDs() {
	ctx, exact := context.Background(), false
	users := enduser.New(memory.New(nil), &enduser.Options{Schema: func(string) enduser.Schema { return enduser.Schema{ExactIDs: exact} }})
	acme := users.Tenant("acme")
	if _, err := acme.Create(ctx, enduser.Spec{ExternalID: "crm-7"}); err != nil {
		fmt.Println(err)
		return
	}
	exact = true
	now, err := acme.Count(ctx, enduser.Query{})
	before, err2 := acme.WithExactIDs(false).Count(ctx, enduser.Query{})
	fmt.Println(acme.ExactIDs(), now.N, before.N, err, err2)
	// Output: true 0 1 <nil> <nil>
}

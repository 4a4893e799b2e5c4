package enduser_test

import (
	"context"
	"fmt"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store/memory"
)

func ExampleManager_Tenants() {
	ctx := context.Background()
	users := enduser.New(memory.New(nil), nil)
	acme := users.Tenant("acme")
	for _, tenant := range []enduser.Tenant{acme, acme, acme.In(enduser.Testing)} {
		if _, err := tenant.Create(ctx, enduser.Spec{Name: "Ann"}); err != nil {
			fmt.Println(err)
			return
		}
	}
	for info, err := range users.Tenants(ctx, &enduser.TenantsOptions{Count: 1000}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(info.Name, info.Environment, info.Users.N)
	}
	// Output:
	// acme Customer 2
	// acme Testing 1
}

// A customer has left: take the tenant's credentials away, then delete it.
func ExampleManager_DeleteTenant() {
	ctx := context.Background()
	users := enduser.New(memory.New(nil), nil)
	if _, err := users.Tenant("acme").Create(ctx, enduser.Spec{Name: "Ann"}); err != nil {
		fmt.Println(err)
		return
	}
	deleted, err := users.DeleteTenant(ctx, "acme", nil)
	fmt.Println(deleted.Records, err)
	for info, err := range users.Tenants(ctx, nil) {
		fmt.Println("left:", info.Name, err)
	}
	// Output:
	// 1 <nil>
}

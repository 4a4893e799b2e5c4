package main

import (
	"context"

	"github.com/rollbook-go/rollbook/enduser"
)

// leavingTenant is deleted while another looks up its users.
const leavingTenant = "leaving"

// leave deletes the tenant. If it is gone before the load ends, the rest of the lookups are beside
// nothing.
func leave(users *enduser.Manager, n int) func(context.Context, *tally) error {
	return func(ctx context.Context, t *tally) error {
		d, err := users.DeleteTenant(ctx, leavingTenant, &enduser.DeleteTenantOptions{Progress: func(records int) { t.Done = records }})
		if err != nil {
			return err
		}
		if d.Records > 0 {
			note("the tenant was gone before the lookups ended: use more than -leaving %d", n)
		}
		<-ctx.Done()
		return nil
	}
}

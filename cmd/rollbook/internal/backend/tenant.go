package backend

import (
	"context"
	"fmt"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/cli"
	"github.com/rollbook-go/rollbook/enduser"
)

// Tenant is the flags that name an environment of a tenant. Commands embed it beside Store.
type Tenant struct {
	Tenant   string `required:"" placeholder:"NAME" help:"The tenant."`
	Env      string `default:"Customer" enum:"Customer,Testing" help:"Its environment: Customer or Testing."`
	ExactIDs bool   `name:"exact-ids" help:"The tenant compares external IDs exactly; only needed if the store has it both ways."`
}

// Handle returns the handle on the tenant, whether the store has it or not.
func (t *Tenant) Handle(users *enduser.Manager) enduser.Tenant {
	handle := users.Tenant(t.Tenant).In(enduser.Environment(t.Env))
	return handle.WithExactIDs(t.ExactIDs || handle.ExactIDs())
}

// Existing returns the handle on a tenant that the store has, however the store has its external
// IDs. The error of a tenant that does not exist has the status NotFound.
func (t *Tenant) Existing(ctx context.Context, users *enduser.Manager) (enduser.Tenant, error) {
	handle := t.Handle(users)
	for _, exact := range [...]bool{handle.ExactIDs(), !handle.ExactIDs()} {
		found, err := exists(ctx, handle.WithExactIDs(exact))
		if err != nil {
			return enduser.Tenant{}, err
		}
		if found {
			return handle.WithExactIDs(exact), nil
		}
	}
	return enduser.Tenant{}, cli.Exit(cli.NotFound, fmt.Errorf("-tenant: the store has no tenant %q in the environment %s", t.Tenant, t.Env))
}

// exists reports whether a tenant was ever written to. Its newest change is never trimmed, but a
// copy may have come without changes.
func exists(ctx context.Context, t enduser.Tenant) (bool, error) {
	changes, err := t.Changes(ctx, enduser.ChangeQuery{Desc: true, Limit: 1})
	if err != nil || len(changes.Changes) > 0 {
		return err == nil, err
	}
	users, err := t.List(ctx, enduser.Query{Limit: 1})
	if err != nil || len(users.Users)+len(users.Unreadable) > 0 {
		return err == nil, err
	}
	groups, err := t.Groups().List(ctx, enduser.GroupQuery{Limit: 1})
	return len(groups.Groups)+len(groups.Unreadable) > 0, err
}

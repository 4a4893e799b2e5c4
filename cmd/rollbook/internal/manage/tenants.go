// Package manage has the commands that look at a registry and change it: tenants, users,
// groups, keyring and version.
package manage

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/backend"
	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/cli"
	"github.com/rollbook-go/rollbook/enduser"
)

// Tenants lists, indexes and deletes tenants.
type Tenants struct {
	List    TenantsList    `cmd:"" help:"List the tenants of the store, with how many users they have."`
	Reindex TenantsReindex `cmd:"" help:"Index the users of a tenant as the file of -tenants says now."`
	Delete  TenantsDelete  `cmd:"" help:"Delete a tenant for good, in all its environments."`
}

// TenantsList lists tenants.
type TenantsList struct {
	backend.Registry `embed:""`

	Count int `default:"10000" placeholder:"N" help:"Count users, groups and webhooks up to N, at most 100000. 0 counts nothing."`
}

// count is a number as the command shows it.
type count struct {
	N     int  `json:"n"`
	Exact bool `json:"exact"` // false: there are at least N
}

// String shows a number that is not exact with a plus.
func (c count) String() string {
	if c.Exact {
		return strconv.Itoa(c.N)
	}
	return strconv.Itoa(c.N) + "+"
}

// Run lists the environments of all tenants.
func (c *TenantsList) Run(ctx context.Context, env *cli.Env) error {
	columns := []string{"TENANT", "ENVIRONMENT", "IDS"}
	if c.Count > 0 {
		columns = append(columns, "USERS", "GROUPS", "WEBHOOKS")
	}
	return c.Use(ctx, env, false, func(users *enduser.Manager) error {
		table := env.Table(columns...)
		for info, err := range users.Tenants(ctx, &enduser.TenantsOptions{Count: c.Count}) {
			if err != nil {
				return errors.Join(err, table.End())
			}
			if err := c.row(table, info); err != nil {
				return err
			}
		}
		return table.End()
	})
}

func (c *TenantsList) row(table *cli.Table, info enduser.TenantInfo) error {
	row := struct {
		Tenant      string `json:"tenant"`
		Environment string `json:"environment"`
		ExactIDs    bool   `json:"exact_ids"`
		Users       *count `json:"users,omitempty"`
		Groups      *count `json:"groups,omitempty"`
		Webhooks    *count `json:"webhooks,omitempty"`
	}{Tenant: info.Name, Environment: string(info.Environment), ExactIDs: info.ExactIDs}
	ids := "any case"
	if info.ExactIDs {
		ids = "exact"
	}
	cells := []string{info.Name, string(info.Environment), ids}
	if c.Count > 0 {
		u, g, w := count(info.Users), count(info.Groups), count(info.Webhooks)
		row.Users, row.Groups, row.Webhooks = &u, &g, &w
		cells = append(cells, u.String(), g.String(), w.String())
	}
	return table.Row(row, cells...)
}

// TenantsDelete deletes a tenant.
type TenantsDelete struct {
	backend.Registry `embed:""`

	Name string `arg:"" help:"The tenant."`
	Yes  bool   `help:"Delete it. Without this flag nothing is deleted."`
}

// Run deletes the tenant. After an end on the way the same command deletes the rest.
func (c *TenantsDelete) Run(ctx context.Context, env *cli.Env) error {
	return c.Use(ctx, env, false, func(users *enduser.Manager) error {
		total, err := c.users(ctx, users)
		switch {
		case err != nil:
			return err
		case !c.Yes:
			return cli.Exit(cli.Refused, fmt.Errorf("tenant %q has %s users: -yes deletes them, and all else of it, for good", c.Name, total))
		}
		progress := env.Progress("deleting records", 0)
		deleted, err := users.DeleteTenant(ctx, c.Name, &enduser.DeleteTenantOptions{
			Progress: func(records int) { progress.Set(int64(records)) },
		})
		progress.End()
		if errors.Is(err, enduser.ErrInUse) {
			return fmt.Errorf("%w: take its keys away, then delete it again", err)
		}
		if err != nil {
			return err
		}
		result := struct {
			Tenant  string `json:"tenant"`
			Records int    `json:"records"`
		}{c.Name, deleted.Records}
		return env.Result(result, [2]string{"deleted records", strconv.Itoa(deleted.Records)})
	})
}

// users returns how many users the tenant has in all.
func (c *TenantsDelete) users(ctx context.Context, users *enduser.Manager) (total count, err error) {
	handles, err := environments(ctx, users, c.Name)
	if err != nil {
		return count{}, err
	}
	total.Exact = true
	for _, h := range handles {
		n, err := h.Count(ctx, enduser.Query{})
		if err != nil {
			return count{}, err
		}
		total.N, total.Exact = total.N+n.N, total.Exact && n.Exact
	}
	return total, nil
}

// environments returns the handles on all that the store has of a tenant. The error of a tenant that
// does not exist has the status NotFound.
func environments(ctx context.Context, users *enduser.Manager, name string) (handles []enduser.Tenant, err error) {
	for info, err := range users.Tenants(ctx, nil) {
		if err != nil {
			return nil, err
		}
		if info.Name == name {
			handles = append(handles, info.Handle)
		}
	}
	if len(handles) == 0 {
		return nil, cli.Exit(cli.NotFound, fmt.Errorf("the store has no tenant %q", name))
	}
	return handles, nil
}

package manage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/backend"
	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/cli"
	"github.com/rollbook-go/rollbook/enduser"
)

// TenantsReindex indexes the users of a tenant anew.
type TenantsReindex struct {
	backend.Registry `embed:""`

	Name string `arg:"" help:"The tenant."`
}

// Run rewrites the users that are indexed in another way, in all environments of the tenant. It can
// be repeated.
func (c *TenantsReindex) Run(ctx context.Context, env *cli.Env) error {
	return c.Use(ctx, env, false, func(users *enduser.Manager) error {
		handles, err := environments(ctx, users, c.Name)
		if err != nil {
			return err
		}
		var result struct {
			Tenant    string `json:"tenant"`
			Reindexed int    `json:"reindexed"`
		}
		result.Tenant = c.Name
		var unreadable error
		for _, h := range handles {
			n, err := h.Reindex(ctx)
			result.Reindexed += n
			switch {
			case errors.Is(err, enduser.ErrCorrupt), errors.Is(err, enduser.ErrNewer):
				unreadable = cmp.Or(unreadable, err)
			case err != nil:
				return err
			}
		}
		if err := env.Result(result, [2]string{"reindexed", strconv.Itoa(result.Reindexed)}); err != nil {
			return err
		}
		if unreadable != nil {
			return cli.Exit(cli.Rejected, fmt.Errorf("some users could not be read: %w", unreadable))
		}
		return nil
	})
}

// Package manage has the commands that look at a registry and change it: tenants, users,
// groups, keyring and version.
package manage

import (
	"context"
	"errors"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/backend"
	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/cli"
)

// Tenants lists and deletes tenants.
type Tenants struct {
	backend.Store   `embed:""`
	backend.Keyring `embed:""`
}

// Run runs the command.
func (c *Tenants) Run(ctx context.Context, env *cli.Env) error { return errors.ErrUnsupported }

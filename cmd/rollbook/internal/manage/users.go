package manage

import (
	"context"
	"errors"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/backend"
	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/cli"
)

// Users shows and deletes users.
type Users struct {
	backend.Store   `embed:""`
	backend.Keyring `embed:""`
}

// Run runs the command.
func (c *Users) Run(ctx context.Context, env *cli.Env) error { return errors.ErrUnsupported }

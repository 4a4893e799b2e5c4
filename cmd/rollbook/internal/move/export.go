package move

import (
	"context"
	"errors"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/backend"
	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/cli"
)

// Export exports tenants.
type Export struct {
	backend.Store   `embed:""`
	backend.Keyring `embed:""`
}

// Run runs the command.
func (c *Export) Run(ctx context.Context, env *cli.Env) error { return errors.ErrUnsupported }

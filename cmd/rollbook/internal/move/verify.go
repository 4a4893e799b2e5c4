package move

import (
	"context"
	"errors"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/backend"
	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/cli"
)

// Verify reads a whole store and reports what is damaged.
type Verify struct {
	backend.Store   `embed:""`
	backend.Keyring `embed:""`
}

// Run runs the command.
func (c *Verify) Run(ctx context.Context, env *cli.Env) error { return errors.ErrUnsupported }

package manage

import (
	"context"
	"errors"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/backend"
	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/cli"
)

// Groups shows groups and rotates their tokens.
type Groups struct {
	backend.Store   `embed:""`
	backend.Keyring `embed:""`
}

// Run runs the command.
func (c *Groups) Run(ctx context.Context, env *cli.Env) error { return errors.ErrUnsupported }

package manage

import (
	"context"
	"errors"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/backend"
	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/cli"
)

// Keyring manages a keyring.
type Keyring struct {
	backend.Store   `embed:""`
	backend.Keyring `embed:""`
}

// Run runs the command.
func (c *Keyring) Run(ctx context.Context, env *cli.Env) error { return errors.ErrUnsupported }

package move

import (
	"context"
	"errors"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/backend"
	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/cli"
)

// Restore puts a backup in the place of an SQLite store.
type Restore struct {
	backend.Store   `embed:""`
	backend.Keyring `embed:""`
}

// Run runs the command.
func (c *Restore) Run(ctx context.Context, env *cli.Env) error { return errors.ErrUnsupported }

// Package move has the commands that move users in and out: import, export, copy, backup,
// restore and verify.
package move

import (
	"context"
	"errors"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/backend"
	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/cli"
)

// Import imports users.
type Import struct {
	backend.Store   `embed:""`
	backend.Keyring `embed:""`
}

// Run runs the command.
func (c *Import) Run(ctx context.Context, env *cli.Env) error { return errors.ErrUnsupported }

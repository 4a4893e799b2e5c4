package manage

import (
	"context"
	"errors"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/cli"
)

// Version prints the version.
type Version struct {
}

// Run runs the command.
func (c *Version) Run(ctx context.Context, env *cli.Env) error { return errors.ErrUnsupported }

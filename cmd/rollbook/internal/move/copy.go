package move

import (
	"context"
	"errors"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/cli"
)

// Copy copies a whole store into another one.
type Copy struct {
	From string `required:"" placeholder:"STORE" help:"The store to copy."`
	To   string `required:"" placeholder:"STORE" help:"The store to copy into; it must be empty."`
}

// Run runs the command.
func (c *Copy) Run(ctx context.Context, env *cli.Env) error { return errors.ErrUnsupported }

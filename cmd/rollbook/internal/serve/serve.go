// Package serve is the command serve: the registry over HTTP.
package serve

import (
	"context"
	"errors"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/backend"
	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/cli"
)

// Serve serves the registry over HTTP.
type Serve struct {
	Addr string `default:"127.0.0.1:8080" help:"Address to listen on; port 0 takes a free one."`

	backend.Store   `embed:""`
	backend.Keyring `embed:""`
}

// Run serves until the context ends.
func (s *Serve) Run(ctx context.Context, env *cli.Env) error { return errors.ErrUnsupported }

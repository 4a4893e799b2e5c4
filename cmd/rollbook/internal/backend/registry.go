package backend

import (
	"context"
	"errors"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/cli"
	"github.com/rollbook-go/rollbook/enduser"
)

// Registry is the flags of commands that work on a store that exists, beside the servers on it.
type Registry struct {
	Store   `embed:""`
	Keyring `embed:""`
}

// Use opens the store, calls fn with a Manager on it, and closes the store. With secrets the
// Manager has the keyring; without, calls that need one return [enduser.ErrNoKeyring]. Warnings go
// to the log.
func (r *Registry) Use(ctx context.Context, env *cli.Env, secrets bool, fn func(*enduser.Manager) error) (err error) {
	log := env.Warnings()
	st, closer, err := r.Store.OpenExisting(ctx, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closer.Close()) }()
	opts := &enduser.Options{Logger: log, Now: env.Now}
	if secrets {
		if opts.Keyring, err = r.Keyring.Open(ctx, &r.Store, log); err != nil {
			return err
		}
	}
	return fn(enduser.New(st, opts))
}

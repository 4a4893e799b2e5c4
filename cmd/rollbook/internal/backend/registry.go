package backend

import (
	"context"
	"errors"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/cli"
	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/tenants"
	"github.com/rollbook-go/rollbook/enduser"
)

// Registry is the flags of commands that work on a store that exists, beside the servers on it.
type Registry struct {
	Store   `embed:""`
	Keyring `embed:""`
	Tenants tenants.Flags `embed:""`
}

// Use opens the store, calls fn with a Manager on it, and closes the store. With secrets the
// Manager has the keyring; without, calls that need one return [enduser.ErrNoKeyring]. Warnings go
// to the log. An error of fn gets the exit status of its kind, unless it has one.
func (r *Registry) Use(ctx context.Context, env *cli.Env, secrets bool, fn func(*enduser.Manager) error) (err error) {
	file, err := r.Tenants.Open()
	if err != nil {
		return err
	}
	log := env.Warnings()
	st, closer, err := r.Store.OpenExisting(ctx, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closer.Close()) }()
	opts := &enduser.Options{
		Logger: log, Now: env.Now, Schema: file.Schema,
		Policy: func(tenant string) (enduser.Policy, bool) { return file.Policy(tenant), true },
	}
	if secrets {
		if opts.Keyring, err = r.Keyring.Open(ctx, &r.Store, log); err != nil {
			return err
		}
	}
	return WithStatus(fn(enduser.New(st, opts)))
}

// WithStatus gives an error of package enduser the exit status of its kind, unless it has one.
func WithStatus(err error) error {
	is := func(kind error) bool { return errors.Is(err, kind) }
	switch {
	case err == nil, cli.Status(err) != cli.Failed:
		return err
	case is(enduser.ErrNotFound):
		return cli.Exit(cli.NotFound, err)
	case is(enduser.ErrInvalid):
		return cli.Exit(cli.Usage, err)
	case is(enduser.ErrConflict), is(enduser.ErrVersion), is(enduser.ErrAmbiguous), is(enduser.ErrContended), is(enduser.ErrInUse):
		return cli.Exit(cli.Refused, err)
	}
	return err
}

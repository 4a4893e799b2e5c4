package backend

import (
	"context"
	"errors"
	"io"
	"log/slog"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/cli"
	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/tenants"
	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store"
)

// Registry is the flags of commands that work on a store, beside the servers on it.
type Registry struct {
	Store   `embed:""`
	Keyring `embed:""`
	Tenants tenants.Flags `embed:""`
}

// Use opens the store, calls fn with a Manager on it, and closes the store. With secrets the
// Manager has the keyring, which must exist; without, calls that need one return [enduser.ErrNoKeyring]. Warnings go
// to the log. An error of fn gets the exit status of its kind, unless it has one.
func (r *Registry) Use(ctx context.Context, env *cli.Env, secrets bool, fn func(*enduser.Manager) error) error {
	file, err := r.Tenants.Open()
	if err != nil {
		return cli.Exit(cli.Usage, err)
	}
	opts := &enduser.Options{
		Schema: file.Schema,
		Policy: func(tenant string) (enduser.Policy, bool) { return file.Policy(tenant), true },
	}
	find := func(ctx context.Context, _ store.Store, log *slog.Logger) (enduser.Keyring, error) {
		return r.Find(ctx, &r.Store, log)
	}
	if !secrets {
		find = nil
	}
	return r.use(ctx, env, r.OpenExisting, find, opts, fn)
}

// Fill is Use for commands that bring users in: it makes a store that does not exist, and a keyring
// for a store that is empty, and the Manager has no policy. Policy returns the one that the settings give a tenant.
// A dry run makes nothing and has no keyring.
func (r *Registry) Fill(ctx context.Context, env *cli.Env, dry bool, fn func(users *enduser.Manager, policy func(tenant string) enduser.Policy) error) error {
	file, err := r.Tenants.Open()
	if err != nil {
		return cli.Exit(cli.Usage, err)
	}
	if _, shared := r.Keyring.File(&r.Store); shared && !dry { // which is never made
		if err := r.missing(&r.Store); err != nil {
			return err
		}
	}
	open := r.OpenOrMake
	keyring := func(ctx context.Context, st store.Store, log *slog.Logger) (enduser.Keyring, error) {
		return r.fill(ctx, &r.Store, st, log)
	}
	if dry {
		open, keyring = r.OpenExisting, nil
	}
	return r.use(ctx, env, open, keyring, &enduser.Options{Schema: file.Schema}, func(users *enduser.Manager) error {
		return fn(users, file.Policy)
	})
}

// The methods that open a store and a keyring.
type (
	opener        func(context.Context, *slog.Logger) (store.Store, io.Closer, error)
	keyringOpener func(context.Context, store.Store, *slog.Logger) (enduser.Keyring, error)
)

// use does what Use and Fill do, without a keyring if that is nil.
func (r *Registry) use(
	ctx context.Context, env *cli.Env, open opener, keyring keyringOpener, opts *enduser.Options, fn func(*enduser.Manager) error,
) (err error) {
	log := env.Warnings()
	st, closer, err := open(ctx, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closer.Close()) }()
	opts.Logger, opts.Now = log, env.Now
	if keyring != nil {
		if opts.Keyring, err = keyring(ctx, st, log); err != nil {
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

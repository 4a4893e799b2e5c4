package manage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/backend"
	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/cli"
	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/enduser/keyfile"
)

// Keyring manages the file of a keyring.
type Keyring struct {
	Show    KeyringShow    `cmd:"" help:"List the keys, without their secrets."`
	New     KeyringNew     `cmd:"" help:"Make a keyring with one key."`
	Add     KeyringAdd     `cmd:"" help:"Make a new key. Nothing is sealed under it before it is promoted."`
	Promote KeyringPromote `cmd:"" help:"Seal new secrets under a key."`
	Reseal  KeyringReseal  `cmd:"" help:"Seal the secrets in the store anew, under the promoted key."`
	Retire  KeyringRetire  `cmd:"" help:"Destroy a key that no secret in the store needs."`
	Backup  KeyringBackup  `cmd:"" help:"Copy the keys that stay into a file."`
}

// file returns the path of the file that the flags of a registry name.
func file(r *backend.Registry) (string, error) {
	path, _ := r.Keyring.File(&r.Store)
	if path == "" {
		return "", cli.Exit(cli.Usage, errors.New("-keyring: must name a file"))
	}
	return path, nil
}

// open opens a keyring that exists, to change it. One that several hosts share has the same
// format: what is changed here is the copy that is given to the hosts.
func open(ctx context.Context, env *cli.Env, r *backend.Registry) (*keyfile.Keyring, error) {
	path, err := file(r)
	if err != nil {
		return nil, err
	}
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) { // Open would put a lock beside it
		return nil, cli.Exit(cli.NotFound, fmt.Errorf("-keyring: there is no file %s", path))
	}
	ring, err := keyfile.Open(ctx, path, &keyfile.Options{Existing: true, Now: env.Now})
	if err != nil {
		return nil, fmt.Errorf("-keyring %s: %w", path, err)
	}
	return ring, nil
}

// failed gives the errors of a change of the keys their exit status.
func failed(err error) error {
	switch {
	case errors.Is(err, keyfile.ErrPrimary), errors.Is(err, keyfile.ErrEpoch):
		return cli.Exit(cli.Refused, err)
	case errors.Is(err, enduser.ErrNoKey):
		return cli.Exit(cli.NotFound, errors.New("the keyring has no such key"))
	}
	return err
}

// KeyringNew makes a keyring.
type KeyringNew struct {
	backend.Registry `embed:""`
}

// Run makes the file. The folder must exist.
func (c *KeyringNew) Run(ctx context.Context, env *cli.Env) error {
	path, err := file(&c.Registry)
	if err != nil {
		return err
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		if err == nil {
			err = cli.Exit(cli.Refused, fmt.Errorf("-keyring: %s exists", path))
		}
		return err
	}
	ring, err := keyfile.Open(ctx, path, &keyfile.Options{Now: env.Now})
	if err != nil {
		return fmt.Errorf("-keyring %s: %w", path, err)
	}
	keys, err := ring.Keys(ctx)
	if err != nil {
		return err
	}
	result := struct {
		File string `json:"file"`
		ID   string `json:"id"`
	}{path, keys[0].ID}
	return env.Result(result, [2]string{"file", path}, [2]string{"key", keys[0].ID})
}

// key is a result that names a key.
type key struct {
	ID string `json:"id"`
}

// KeyringAdd makes a key.
type KeyringAdd struct {
	backend.Registry `embed:""`
}

// Run makes the key.
func (c *KeyringAdd) Run(ctx context.Context, env *cli.Env) error {
	ring, err := open(ctx, env, &c.Registry)
	if err != nil {
		return err
	}
	id, err := ring.Add(ctx)
	if err != nil {
		return err
	}
	return env.Result(key{id}, [2]string{"added", id})
}

// KeyringPromote makes a key the primary one.
type KeyringPromote struct {
	backend.Registry `embed:""`

	ID string `arg:"" help:"The key."`
}

// Run promotes the key.
func (c *KeyringPromote) Run(ctx context.Context, env *cli.Env) error {
	ring, err := open(ctx, env, &c.Registry)
	if err == nil {
		err = failed(ring.Promote(ctx, c.ID))
	}
	if err != nil {
		return err
	}
	return env.Result(key{c.ID}, [2]string{"promoted", c.ID})
}

// KeyringBackup copies the durable keys.
type KeyringBackup struct {
	backend.Registry `embed:""`

	Output string `name:"o" required:"" placeholder:"FILE" help:"The file for the copy, which must not exist. Keep it apart from copies of the store."`
}

// Run writes the copy.
func (c *KeyringBackup) Run(ctx context.Context, env *cli.Env) error {
	ring, err := open(ctx, env, &c.Registry)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(c.Output, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return cli.Exit(cli.Refused, fmt.Errorf("-o: %s exists", c.Output))
	}
	if err != nil {
		return fmt.Errorf("-o: %w", err)
	}
	if err = errors.Join(ring.Backup(ctx, f), f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(c.Output))
	}
	result := struct {
		File string `json:"file"`
	}{c.Output}
	return env.Result(result, [2]string{"file", c.Output})
}

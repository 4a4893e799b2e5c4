package move

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/backend"
	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/cli"
	"github.com/rollbook-go/rollbook/store/sqlite"
)

// Restore puts a backup in the place of an SQLite store.
type Restore struct {
	backend.Store `embed:""`

	File string `arg:"" help:"The backup. It stays as it is."`
	Yes  bool   `help:"Replace the store that is there, with all that was written since the backup."`
}

// Run runs the command. All processes that have the store open must have ended. A restore that
// was ended leaves the store as it was, and begins again.
func (c *Restore) Run(ctx context.Context, env *cli.Env) error {
	if err := onlySQLite(&c.Store); err != nil {
		return err
	}
	if _, err := os.Stat(c.File); errors.Is(err, fs.ErrNotExist) {
		return cli.Exit(cli.NotFound, fmt.Errorf("there is no file %s", c.File))
	}
	path, _ := c.Store.File()
	err := sqlite.Restore(ctx, path, c.File, &sqlite.RestoreOptions{Replace: c.Yes})
	switch {
	case errors.Is(err, fs.ErrExist):
		return cli.Exit(cli.Refused, fmt.Errorf("-store: there is a file %s; -yes replaces it", path))
	case errors.Is(err, sqlite.ErrInUse):
		return cli.Exit(cli.Refused, err)
	case err != nil:
		return err
	}
	result := struct {
		File string `json:"file"`
	}{path}
	return env.Result(result, [2]string{"file", path})
}

package move

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strconv"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/backend"
	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/cli"
	"github.com/rollbook-go/rollbook/store/sqlite"
)

// Backup backs up an SQLite store.
type Backup struct {
	backend.Store `embed:""`

	Output string `name:"o" required:"" placeholder:"FILE" help:"The file for the backup, which must not exist."`
}

// Run runs the command. A backup that was ended leaves no file, and begins again.
func (c *Backup) Run(ctx context.Context, env *cli.Env) (err error) {
	if err := onlySQLite(&c.Store); err != nil {
		return err
	}
	st, closer, err := c.OpenExisting(ctx, env.Warnings())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closer.Close()) }()
	database, ok := st.(*sqlite.Store)
	if !ok {
		return errors.ErrUnsupported
	}
	progress := env.Progress("copying bytes", 0)
	err = database.Backup(ctx, c.Output, &sqlite.BackupOptions{Progress: progress.SetOf})
	progress.End()
	if errors.Is(err, fs.ErrExist) {
		return inTheWay(c.Output)
	}
	if err != nil {
		return err
	}
	info, err := os.Stat(c.Output)
	if err != nil {
		return err
	}
	result := struct {
		File  string `json:"file"`
		Bytes int64  `json:"bytes"`
	}{c.Output, info.Size()}
	return env.Result(result, [2]string{"file", c.Output}, [2]string{"bytes", strconv.FormatInt(info.Size(), 10)})
}

// onlySQLite refuses the stores whose databases have tools of their own.
func onlySQLite(s *backend.Store) error {
	if path, isFile := s.File(); !isFile || path == "" {
		return cli.Exit(cli.Usage, errors.New("-store: not sqlite:PATH; other stores have tools of their own, see docs/operate.md"))
	}
	return nil
}

package move

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/rollbook-go/rollbook/archive"
	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/backend"
	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/cli"
	"github.com/rollbook-go/rollbook/enduser"
)

// Export exports tenants.
type Export struct {
	backend.Registry `embed:""`

	Tenant      string `placeholder:"NAME" help:"The tenant to export."`
	All         bool   `help:"Export all tenants."`
	Env         string `enum:",Customer,Testing" default:"" placeholder:"ENVIRONMENT" help:"Only this environment: Customer or Testing."`
	Sealed      bool   `help:"Export tokens and sensitive values, too, as they are sealed. Who has the archive and the keyring can read them."`
	SkipDamaged bool   `name:"skip-damaged" help:"Leave out records that cannot be read, instead of ending."`
	Output      string `name:"o" default:"-" placeholder:"FILE" help:"The file for the archive, which must not exist; - is the standard output."`
}

// exported is the result of an export.
type exported struct {
	File      string `json:"file,omitempty"`
	Groups    int    `json:"groups"`
	Users     int    `json:"users"`
	Sensitive int    `json:"sensitive"`
	Webhooks  int    `json:"webhooks"`
	Skipped   int    `json:"skipped"`
}

// Run runs the command. An export that was ended leaves no file, and begins again.
func (c *Export) Run(ctx context.Context, env *cli.Env) error {
	if (c.Tenant == "") != c.All {
		return cli.Exit(cli.Usage, errors.New("-tenant or -all: one of them must be given"))
	}
	return c.Use(ctx, env, c.Sealed, func(users *enduser.Manager) error {
		if err := c.exists(ctx, users); err != nil {
			return err
		}
		if c.Output == "-" {
			result, err := c.export(ctx, env, users, env.Stdout)
			if err == nil && result.Skipped > 0 {
				err = skipped(result.Skipped)
			}
			return err
		}
		var result archive.ExportResult
		err := newFile(c.Output, func(w io.Writer) (err error) {
			result, err = c.export(ctx, env, users, w)
			return err
		})
		if err != nil {
			return err
		}
		n := exported{c.Output, result.Groups, result.Users, result.Sensitive, result.Webhooks, result.Skipped}
		err = env.Result(n,
			[2]string{"file", n.File},
			[2]string{"groups", strconv.Itoa(n.Groups)},
			[2]string{"users", strconv.Itoa(n.Users)},
			[2]string{"sensitive", strconv.Itoa(n.Sensitive)},
			[2]string{"webhooks", strconv.Itoa(n.Webhooks)},
		)
		if err == nil && n.Skipped > 0 {
			err = skipped(n.Skipped)
		}
		return err
	})
}

func skipped(n int) error {
	return cli.Exit(cli.Rejected, fmt.Errorf("records that cannot be read and were left out: %d", n))
}

// exists returns an error if the store does not have the tenant.
func (c *Export) exists(ctx context.Context, users *enduser.Manager) error {
	if c.All {
		return nil
	}
	for info, err := range users.Tenants(ctx, nil) {
		if err != nil || info.Name == c.Tenant && (c.Env == "" || c.Env == string(info.Environment)) {
			return err
		}
	}
	return cli.Exit(cli.NotFound, fmt.Errorf("the store has no tenant %q", c.Tenant))
}

func (c *Export) export(ctx context.Context, env *cli.Env, users *enduser.Manager, w io.Writer) (archive.ExportResult, error) {
	progress := env.Progress("exporting", 0)
	defer progress.End()
	opts := &archive.ExportOptions{
		Tenant: c.Tenant, Environment: enduser.Environment(c.Env), Sealed: c.Sealed,
		Progress: func(r archive.ExportResult) { progress.Set(int64(r.Rows())) },
	}
	if c.SkipDamaged {
		opts.Skip = func(t enduser.Tenant, err error) error {
			note := struct {
				Tenant      string `json:"tenant"`
				Environment string `json:"environment"`
				Error       string `json:"error"`
			}{t.Name(), string(t.Environment()), err.Error()}
			progress.Note(note, fmt.Sprintf("left out: tenant %s: %v", t, err))
			return nil
		}
	}
	out := bufio.NewWriterSize(w, 64<<10)
	result, err := archive.Export(ctx, users, out, opts)
	return result, errors.Join(err, out.Flush())
}

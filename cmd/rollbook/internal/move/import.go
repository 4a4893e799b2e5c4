// Package move has the commands that move users in and out: import, export, copy, backup,
// restore and verify.
package move

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/backend"
	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/cli"
	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/vendors"
	"github.com/rollbook-go/rollbook/enduser"
)

// The formats beside those of package vendors.
const (
	formatRollbook = "rollbook" // an archive
	formatCSV      = "csv"
)

// Import imports users.
type Import struct {
	backend.Registry `embed:""`
	vendors.API      `embed:""`

	Format   string `default:"rollbook" enum:"rollbook,csv,ada,sensay,magickmind,explo" placeholder:"FORMAT" help:"What the files are: rollbook (an archive of export), csv, or a vendor's JSON: ada, sensay, magickmind, explo."`
	Tenant   string `placeholder:"NAME" help:"The tenant to import into. Of an archive only its rows are imported."`
	All      bool   `help:"Import all rows of an archive, into the tenants that they name."`
	Env      string `enum:",Customer,Testing" default:"" placeholder:"ENVIRONMENT" help:"The environment to import into: Customer or Testing. Rows of archives and of Explo name theirs. By default Customer."`
	ExactIDs bool   `name:"exact-ids" help:"The tenant compares external IDs exactly; only needed if the store has it both ways."`
	Actor    string `placeholder:"NAME" help:"Who the registry says has written, where a row does not say it."`
	DryRun   bool   `name:"dry-run" help:"Write nothing, and say what each row of users alone would do."`

	FromTenant     string `name:"from-tenant" placeholder:"NAME" help:"Import the rows of this tenant of an archive, into the one of -tenant."`
	DropSealed     bool   `name:"drop-sealed" help:"Leave sealed values of an archive out, and give new groups new tokens."`
	IgnoreExactIDs bool   `name:"ignore-exact-ids" help:"Also import rows of an archive whose external IDs were compared in another way."`

	Column    []string `sep:"none" placeholder:"COLUMN=FIELD" help:"What a column of a CSV file is, as in Mail=email; - for nothing."`
	Separator string   `placeholder:"CHARACTER" help:"What separates the cells of a CSV file. By default the first line shows it: comma, semicolon or tab."`

	Rejects string   `placeholder:"FILE" help:"Write the rows that cannot be taken to FILE, each with the reason, to be corrected and imported."`
	After   string   `placeholder:"POSITION" help:"Go on behind a position that an import which was ended has printed, without reading what is before it into the store again."`
	Files   []string `arg:"" optional:"" sep:"none" name:"file" help:"Files to import; - or none for the standard input."`
}

// Run runs the command.
func (c *Import) Run(ctx context.Context, env *cli.Env) error {
	if err := c.check(); err != nil {
		return cli.Exit(cli.Usage, err)
	}
	after, err := parsePosition(c.After)
	if err != nil {
		return cli.Exit(cli.Usage, err)
	}
	in, err := openInputs(ctx, env.Stdin, c.Files)
	if err != nil {
		return err
	}
	defer in.close()
	if after.file > len(in) {
		return cli.Exit(cli.Usage, fmt.Errorf("-after: there are only %d files", len(in)))
	}
	return c.Fill(ctx, env, c.DryRun, func(users *enduser.Manager, policy func(string) enduser.Policy) error {
		rejects, err := openRejects(c.Rejects, c.After != "", in, &c.Registry)
		if err != nil {
			return err
		}
		i := &importing{
			Import: c, ctx: ctx, env: env, users: users, policy: policy, rejects: rejects,
			progress: env.Progress("importing", 0),
		}
		return i.end(errors.Join(i.all(in, after), rejects.close()))
	})
}

// check validates the flags together, before anything is touched.
func (c *Import) check() error {
	archive := c.Format == formatRollbook
	_, isVendor := c.vendor()
	for _, rule := range []struct {
		broken bool
		text   string
	}{
		{archive && (c.Tenant == "") != c.All, "-tenant or -all: one of them must be given"},
		{!archive && c.Tenant == "", "-tenant: must be given"},
		{!archive && (c.All || c.FromTenant != "" || c.DropSealed || c.IgnoreExactIDs), "-all, -from-tenant, -drop-sealed, -ignore-exact-ids: only for -format rollbook"},
		{archive && (c.Env != "" || c.ExactIDs), "-env, -exact-ids: the rows of an archive say it"},
		{archive && c.FromTenant != "" && c.Tenant == "", "-from-tenant: needs -tenant"},
		{c.DryRun && (archive || c.Format == string(vendors.Explo)), "-dry-run: only for users of CSV files and vendors"},
		{c.Format != formatCSV && (len(c.Column) > 0 || c.Separator != ""), "-column, -separator: only for -format csv"},
		{c.Separator != "" && (utf8.RuneCountInString(c.Separator) != 1 || strings.ContainsAny(c.Separator, "\"\r\n\ufffd")), "-separator: must be one character"},
		{c.Format == formatCSV && c.Rejects != "" && len(c.Files) > 1, "-rejects: takes the rows of one CSV file, since each may have other columns"},
		{c.Given() && !isVendor, "-api, -api-url: only for the format of a vendor"},
		{c.Given() && len(c.Files) > 0 && c.Format != string(vendors.Sensay), "FILE: the rows come from the API"},
	} {
		if rule.broken {
			return errors.New(rule.text)
		}
	}
	if f, _ := c.vendor(); c.Given() {
		api := &c.API
		if err := api.Check(f); err != nil {
			return err
		}
	}
	_, err := c.columns()
	return err
}

// vendor returns the format if it is a vendor's.
func (c *Import) vendor() (f vendors.Format, ok bool) {
	return vendors.Format(c.Format), c.Format != formatRollbook && c.Format != formatCSV
}

// columns returns the fields of columns by their names.
func (c *Import) columns() (map[string]string, error) {
	columns := make(map[string]string)
	for _, text := range c.Column {
		at := strings.LastIndexByte(text, '=')
		if at < 0 || at == len(text)-1 {
			return nil, errors.New("-column: must be COLUMN=FIELD")
		}
		columns[text[:at]] = text[at+1:]
	}
	return columns, nil
}

// handle returns the handle that rows without a place of their own are written with. The store
// may have the tenant, however it has its external IDs.
func (i *importing) handle() (enduser.Tenant, error) {
	at := backend.Tenant{Tenant: i.Tenant, Env: cmp.Or(i.Env, string(enduser.Customer)), ExactIDs: i.ExactIDs}
	t, err := at.Existing(i.ctx, i.users)
	if cli.Status(err) == cli.NotFound {
		t, err = at.Handle(i.users), nil
	}
	policy := i.policy(i.Tenant)
	if f, ok := i.vendor(); ok {
		policy = f.Policy()
	}
	return t.With(policy).As(i.Actor), err
}

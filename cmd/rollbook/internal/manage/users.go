package manage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/backend"
	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/cli"
	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/userjson"
)

// Users shows and deletes users.
type Users struct {
	Get    UsersGet    `cmd:"" help:"Show a user."`
	List   UsersList   `cmd:"" help:"List users."`
	Delete UsersDelete `cmd:"" help:"Delete users."`
}

// UsersGet shows a user.
type UsersGet struct {
	backend.Registry `embed:""`
	backend.Tenant   `embed:""`

	ID      string `arg:"" optional:"" help:"The user's own or external ID."`
	Email   string `placeholder:"ADDRESS" help:"The user with this e-mail address instead."`
	Account string `placeholder:"TYPE:ID" help:"The user with this linked account instead."`
}

// ref returns the reference that the arguments name.
func (c *UsersGet) ref() (ref enduser.Ref, err error) {
	given := 0
	if c.ID != "" {
		ref, given = enduser.ByEitherID(c.ID), given+1
	}
	if c.Email != "" {
		ref, given = enduser.ByEmail(c.Email), given+1
	}
	if c.Account != "" {
		typ, id, found := strings.Cut(c.Account, ":")
		if !found {
			return ref, cli.Exit(cli.Usage, errors.New("-account: must be TYPE:ID"))
		}
		ref, given = enduser.ByAccount(enduser.Account{Type: typ, ID: id}), given+1
	}
	if given != 1 {
		return ref, cli.Exit(cli.Usage, errors.New("an ID, -email or -account must be given, and only one of them"))
	}
	return ref, nil
}

// Run shows the user.
func (c *UsersGet) Run(ctx context.Context, env *cli.Env) error {
	ref, err := c.ref()
	if err != nil {
		return err
	}
	return c.Use(ctx, env, false, func(users *enduser.Manager) error {
		tenant, err := c.Existing(ctx, users)
		if err != nil {
			return err
		}
		u, err := tenant.Get(ctx, ref)
		if errors.Is(err, enduser.ErrNotFound) {
			return cli.Exit(cli.NotFound, errors.New("the tenant has no such user"))
		}
		if err != nil {
			return err
		}
		return env.Result(json.RawMessage(userjson.Native(nil, &u)), userLines(&u)...)
	})
}

// userLines returns what is shown of a user, one field a line.
func userLines(u *enduser.User) [][2]string {
	lines := [][2]string{
		{"id", u.ID},
		{"external_id", u.ExternalID},
		{"name", u.Name},
		{"first_name", u.FirstName},
		{"last_name", u.LastName},
		{"email", u.Email},
		{"avatar", u.Avatar},
		{"language", u.Language},
		{"metadata", object(u.Metadata)},
	}
	for _, a := range u.Accounts {
		lines = append(lines, [2]string{"linked_account", a.Type + ":" + a.ID})
	}
	for _, g := range u.Groups {
		lines = append(lines, [2]string{"group", g})
	}
	return append(lines, [][2]string{
		{"system_properties", object(u.SystemProperties)},
		{"created", stamped(u.CreatedAt, u.CreatedBy)},
		{"updated", stamped(u.UpdatedAt, u.UpdatedBy)},
		{"added", moment(u.AddedAt)},
		{"expires", moment(u.ExpiresAt)},
		{"version", u.Version.String()},
	}...)
}

func object(m enduser.Metadata) string {
	if len(m) == 0 {
		return ""
	}
	return string(m.AppendJSON(nil))
}

func stamped(at time.Time, by string) string {
	if by == "" {
		return moment(at)
	}
	return moment(at) + " by " + by
}

// moment returns a time as the native routes show it, "" for none.
func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

// UsersList lists users.
type UsersList struct {
	backend.Registry `embed:""`
	backend.Tenant   `embed:""`

	Email string `placeholder:"ADDRESS" help:"Only users with this e-mail address."`
	Name  string `placeholder:"WORDS" help:"Only users whose name has all these words."`
	Group string `placeholder:"ID" help:"Only users of the group with this external ID."`
	Limit int    `default:"0" placeholder:"N" help:"At most N users, the oldest ones. 0 lists all."`
}

// Run lists the users, oldest first.
func (c *UsersList) Run(ctx context.Context, env *cli.Env) error {
	if c.Limit < 0 {
		return cli.Exit(cli.Usage, errors.New("-limit: must not be negative"))
	}
	return c.Use(ctx, env, false, func(users *enduser.Manager) error {
		tenant, err := c.Existing(ctx, users)
		if err != nil {
			return err
		}
		table := env.Table("ID", "EXTERNAL ID", "NAME", "EMAIL", "ADDED")
		all := tenant.All(ctx, enduser.Filter{Email: c.Email, Name: c.Name, Group: c.Group})
		return listed(table, all, c.Limit, func(u *enduser.User) error {
			return table.Row(json.RawMessage(userjson.Native(nil, u)),
				u.ID, u.ExternalID, u.DisplayName(), u.Email, moment(u.AddedAt))
		})
	})
}

// UsersDelete deletes users.
type UsersDelete struct {
	backend.Registry `embed:""`
	backend.Tenant   `embed:""`
	Actor            `embed:""`

	IDs []string `arg:"" name:"id" sep:"none" help:"The users' own or external IDs."`
}

// Run deletes the users in their order. Those that do not exist are counted.
func (c *UsersDelete) Run(ctx context.Context, env *cli.Env) error {
	return c.Use(ctx, env, false, func(users *enduser.Manager) error {
		tenant, err := c.Existing(ctx, users)
		if err != nil {
			return err
		}
		tenant = tenant.As(c.Actor.Actor)
		var result struct {
			Deleted int `json:"deleted"`
			Missing int `json:"missing"`
		}
		for i, id := range c.IDs {
			switch err := tenant.Delete(ctx, enduser.ByEitherID(id)); {
			case errors.Is(err, enduser.ErrNotFound):
				result.Missing++
			case err != nil: // it may name nobody: the ID is the operator's to find
				return fmt.Errorf("ID %d of %d: %w; %d deleted", i+1, len(c.IDs), err, result.Deleted)
			default:
				result.Deleted++
			}
		}
		if err := env.Result(result, [2]string{"deleted", fmt.Sprint(result.Deleted)}); err != nil {
			return err
		}
		if result.Missing > 0 {
			return cli.Exit(cli.NotFound, fmt.Errorf("%d of %d users do not exist", result.Missing, len(c.IDs)))
		}
		return nil
	})
}

package manage

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/backend"
	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/cli"
	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/jsontext"
	"github.com/rollbook-go/rollbook/internal/userjson"
)

// Groups shows groups, makes them, and rotates their tokens.
type Groups struct {
	List   GroupsList   `cmd:"" help:"List groups."`
	Get    GroupsGet    `cmd:"" help:"Show a group."`
	Create GroupsCreate `cmd:"" help:"Make a group, and show its token."`
	Rotate GroupsRotate `cmd:"" help:"Give a group a new token, and show it."`
}

// GroupsList lists groups.
type GroupsList struct {
	backend.Registry `embed:""`
	backend.Tenant   `embed:""`

	Limit int `default:"0" placeholder:"N" help:"At most N groups, the oldest ones. 0 lists all."`
}

// Run lists the groups, oldest first.
func (c *GroupsList) Run(ctx context.Context, env *cli.Env) error {
	if c.Limit < 0 {
		return cli.Exit(cli.Usage, errors.New("-limit: must not be negative"))
	}
	return c.Use(ctx, env, false, func(users *enduser.Manager) error {
		tenant, err := c.Existing(ctx, users)
		if err != nil {
			return err
		}
		table := env.Table("ID", "EXTERNAL ID", "NUMBER", "NAME", "ADDED")
		return listed(table, tenant.Groups().All(ctx), c.Limit, func(g *enduser.Group) error {
			return table.Row(json.RawMessage(userjson.Group(nil, g)),
				g.ID, g.ExternalID, strconv.FormatInt(g.Number, 10), g.Name, moment(g.AddedAt))
		})
	})
}

// GroupRef is the argument that names a group.
type GroupRef struct {
	ID string `arg:"" help:"The group's own or external ID."`
}

// find returns the group with that external ID, or else the one with that own ID.
func (r GroupRef) find(ctx context.Context, groups enduser.Groups) (enduser.Group, error) {
	g, err := groups.Get(ctx, enduser.GroupByExternalID(r.ID))
	if errors.Is(err, enduser.ErrNotFound) {
		g, err = groups.Get(ctx, enduser.GroupByID(r.ID))
	}
	if errors.Is(err, enduser.ErrNotFound) {
		err = cli.Exit(cli.NotFound, errors.New("the tenant has no such group"))
	}
	return g, err
}

// GroupsGet shows a group.
type GroupsGet struct {
	backend.Registry `embed:""`
	backend.Tenant   `embed:""`
	GroupRef         `embed:""`

	Token bool `help:"Show its token, too. That needs the keyring."`
}

// Run shows the group.
func (c *GroupsGet) Run(ctx context.Context, env *cli.Env) error {
	return c.Use(ctx, env, c.Token, func(users *enduser.Manager) error {
		tenant, err := c.Existing(ctx, users)
		if err != nil {
			return err
		}
		g, err := c.find(ctx, tenant.Groups())
		if err != nil {
			return err
		}
		token := ""
		if c.Token {
			if token, err = tenant.Groups().Reveal(ctx, g); err != nil {
				return err
			}
		}
		return showGroup(env, &g, token)
	})
}

// showGroup writes a group, with its token unless that is "".
func showGroup(env *cli.Env, g *enduser.Group, token string) error {
	text := userjson.Group(nil, g)
	if token != "" {
		text = append(jsontext.AppendString(append(text[:len(text)-1], `,"token":`...), token), '}') // one more member
	}
	return env.Result(json.RawMessage(text),
		[2]string{"id", g.ID},
		[2]string{"external_id", g.ExternalID},
		[2]string{"number", strconv.FormatInt(g.Number, 10)},
		[2]string{"name", g.Name},
		[2]string{"metadata", object(g.Metadata)},
		[2]string{"system_properties", object(g.SystemProperties)},
		[2]string{"created", stamped(g.CreatedAt, g.CreatedBy)},
		[2]string{"updated", stamped(g.UpdatedAt, g.UpdatedBy)},
		[2]string{"version", g.Version.String()},
		[2]string{"token", token},
	)
}

// GroupsCreate makes a group.
type GroupsCreate struct {
	backend.Registry `embed:""`
	backend.Tenant   `embed:""`
	Actor            `embed:""`

	ExternalID string `arg:"" help:"The ID by which the tenant's own systems know the group."`
	Name       string `help:"Its name."`
}

// Run makes the group. The tenant need not exist.
func (c *GroupsCreate) Run(ctx context.Context, env *cli.Env) error {
	return c.Use(ctx, env, true, func(users *enduser.Manager) error {
		tenant, err := c.Existing(ctx, users)
		if cli.Status(err) == cli.NotFound {
			tenant, err = c.Handle(users), nil
		}
		if err != nil {
			return err
		}
		g, token, err := tenant.As(c.Actor.Actor).Groups().Create(ctx, enduser.GroupSpec{ExternalID: c.ExternalID, Name: c.Name})
		return written(env, &g, token, err)
	})
}

// written shows a group that was written. If that is unknown, it shows what is right in case it
// was.
func written(env *cli.Env, g *enduser.Group, token string, err error) error {
	if err != nil && !errors.Is(err, enduser.ErrUnknown) {
		return err
	}
	return errors.Join(err, showGroup(env, g, token))
}

// GroupsRotate gives a group a new token.
type GroupsRotate struct {
	backend.Registry `embed:""`
	backend.Tenant   `embed:""`
	Actor            `embed:""`
	GroupRef         `embed:""`

	Overlap time.Duration `default:"24h" placeholder:"TIME" help:"How long the old token is accepted, at most 720h. With 0s no old token is accepted from now on."`
}

// Run rotates the token.
func (c *GroupsRotate) Run(ctx context.Context, env *cli.Env) error {
	if c.Overlap < 0 || c.Overlap > enduser.MaxOverlap {
		return cli.Exit(cli.Usage, errors.New("-overlap: must be 0s to 720h"))
	}
	return c.Use(ctx, env, true, func(users *enduser.Manager) error {
		tenant, err := c.Existing(ctx, users)
		if err != nil {
			return err
		}
		groups := tenant.As(c.Actor.Actor).Groups()
		g, err := c.find(ctx, groups)
		if err != nil {
			return err
		}
		if _, err := groups.Reveal(ctx, g); errors.Is(err, enduser.ErrNoKey) {
			env.Warnings().Warn("the keyring has no key for the old token: servers with another keyring cannot read the new one")
		}
		// As long as the group is the one that was found: two operators rotate once.
		rotated, token, err := groups.Rotate(ctx, enduser.GroupByID(g.ID), c.Overlap, enduser.IfVersion(g.Version))
		return written(env, &rotated, token, err)
	})
}

package ada

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/internal/family"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
	"github.com/rollbook-go/rollbook/internal/userjson"
)

type call = family.Call

// api is the routes.
type api struct {
	*family.Host
	base *url.URL // nil: by the request
}

// routes returns the routes. They have the actions of the native routes that do the same,
// so that a host's Authorize treats both alike.
func (a *api) routes() []family.Route {
	const users, user, conversations = "/api/v2/end-users", "/api/v2/end-users/{id}", "/api/v2/conversations"
	return rest.Slashed([]family.Route{
		{Method: "POST", Path: users, Access: rest.Write("createEndUser"), Body: true, Empty: true, Handle: a.create},
		{Method: "GET", Path: users, Access: rest.Read("listEndUsers"), Handle: a.list},
		{Method: "GET", Path: user, Access: rest.Read("getEndUser"), Handle: a.get},
		{Method: "PATCH", Path: user, Access: rest.Write("updateEndUser"), Body: true, Handle: a.update},
		{Method: "POST", Path: conversations, Access: rest.Write("associateEndUser"), Body: true, Handle: a.converse},
	}...)
}

// ref names the user of the path.
func ref(c *call) enduser.Ref { return enduser.ByID(c.PathValue("id")) }

func (a *api) create(c *call) error {
	in, err := readUser(c.Body())
	if err != nil {
		return err
	}
	t, spec := a.Tenant(c), in.spec()
	if err := c.Validate(&in.Input, func() error { return t.Check(spec) }); err != nil {
		return err
	}
	if err := a.allowSensitive(c, &in); err != nil {
		return err
	}
	u, created, err := a.ensure(c, t, spec)
	if err != nil || !created {
		return show(c, &u, err)
	}
	c.Locate(strings.TrimSuffix(c.Target(), "/"), u.ID)
	return c.Versioned(http.StatusCreated, u.Version.String(), userjson.Ada(c.Buffer(), &u))
}

// allowSensitive refuses a body with sensitive metadata unless the credential has the right
// to write them. Natively that is an action of its own, too.
func (a *api) allowSensitive(c *call, in *userInput) error {
	if !in.sensitive.Given {
		return nil
	}
	return a.Allow(c, "updateSensitive", true)
}

// ensure returns the user that has the external ID of a spec, or creates one. Without an
// external ID it always creates one. To a user that exists it applies nothing of the spec,
// which must be valid all the same.
func (a *api) ensure(c *call, t enduser.Tenant, spec enduser.Spec) (u enduser.User, created bool, err error) {
	ctx, conds := c.Request.Context(), family.Conditions(c)
	if spec.ExternalID == "" {
		u, err = t.Create(ctx, spec, conds...)
		return u, true, err
	}
	conds = append(conds, a.IfAllowed(c, "getEndUser", false))
	u, outcome, err := t.Ensure(ctx, spec, conds...)
	if err == nil && outcome != enduser.Created {
		spec.ExternalID = ""
		err = t.Check(spec)
	}
	return u, outcome == enduser.Created, err
}

func (a *api) get(c *call) error {
	u, err := a.Tenant(c).Get(c.Request.Context(), ref(c))
	return showIfNew(c, &u, err)
}

func (a *api) update(c *call) error {
	in, err := readUser(c.Body())
	if err != nil {
		return err
	}
	if !in.profile.Given {
		in.Fault(profile, enduser.CodeRequired, "is required")
	}
	if err := in.Err(); err != nil {
		return err
	}
	if err := a.allowSensitive(c, &in); err != nil {
		return err
	}
	u, err := a.Tenant(c).Update(c.Request.Context(), ref(c), func(e *enduser.Edit) error {
		in.change(e)
		return nil
	}, family.Conditions(c)...)
	return show(c, &u, err)
}

func show(c *call, u *enduser.User, err error) error {
	return c.Show(u.Version.String(), err, func(b []byte) []byte { return userjson.Ada(b, u) })
}

// showIfNew is show for GET.
func showIfNew(c *call, u *enduser.User, err error) error {
	return c.ShowIfNew(u.Version.String(), err, func(b []byte) []byte { return userjson.Ada(b, u) })
}

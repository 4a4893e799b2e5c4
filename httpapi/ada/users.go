package ada

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
)

type (
	call  = rest.Call[httpapi.Principal]
	route = rest.Route[httpapi.Principal]
)

// family is the routes.
type family struct {
	users  *enduser.Manager
	policy enduser.Policy
	base   *url.URL // nil: what the request came by
}

// routes have the actions of the native routes that do the same, so that a host's
// Authorize judges both alike.
func (f *family) routes() []route {
	const users, user, conversations = "/api/v2/end-users", "/api/v2/end-users/{id}", "/api/v2/conversations"
	return rest.Slashed([]route{
		{Method: "POST", Path: users, Access: rest.Write("createEndUser"), Body: true, Handle: f.create},
		{Method: "GET", Path: users, Access: rest.Read("listEndUsers"), Handle: f.list},
		{Method: "GET", Path: user, Access: rest.Read("getEndUser"), Handle: f.get},
		{Method: "PATCH", Path: user, Access: rest.Write("updateEndUser"), Body: true, Handle: f.update},
		{Method: "POST", Path: conversations, Access: rest.Access{Action: "associateEndUser", Also: "createEndUser", Write: true}, Body: true, Handle: f.converse},
	}...)
}

// tenant returns the handle that a call's users are reached through.
func (f *family) tenant(c *call) enduser.Tenant { return c.Principal.In(f.users).With(f.policy) }

// ref names the user of the path.
func ref(c *call) enduser.Ref { return enduser.ByID(c.PathValue("id")) }

func (f *family) create(c *call) error {
	in, err := readUser(c.Body())
	if err != nil {
		return err
	}
	spec := in.spec()
	if err := c.Judge(&in.Input, func() error { return f.tenant(c).Check(spec) }); err != nil {
		return err
	}
	u, outcome, err := f.tenant(c).Ensure(c.Request.Context(), spec)
	if err != nil || outcome != enduser.Created {
		return show(c, &u, err)
	}
	c.Locate(strings.TrimSuffix(c.Target(), "/"), u.ID)
	return c.Versioned(http.StatusCreated, u.Revision, appendUser(c.Buffer(), &u))
}

func (f *family) get(c *call) error {
	u, err := f.tenant(c).Get(c.Request.Context(), ref(c))
	return showIfNew(c, &u, err)
}

func (f *family) update(c *call) error {
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
	u, err := f.tenant(c).Update(c.Request.Context(), ref(c), func(u *enduser.User) error {
		if err := c.IfMatch(u.Revision); err != nil {
			return err
		}
		in.change(u)
		return nil
	})
	return show(c, &u, err)
}

func show(c *call, u *enduser.User, err error) error {
	return c.Show(u.Revision, err, func(b []byte) []byte { return appendUser(b, u) })
}

// showIfNew is show for GET.
func showIfNew(c *call, u *enduser.User, err error) error {
	return c.ShowIfNew(u.Revision, err, func(b []byte) []byte { return appendUser(b, u) })
}

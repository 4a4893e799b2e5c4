package magickmind

import (
	"net/http"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
)

type (
	call  = rest.Call[httpapi.Principal]
	route = rest.Route[httpapi.Principal]
)

// family is the routes of the end users.
type family struct {
	users  *enduser.Manager
	policy enduser.Policy
}

// routes have the actions of the native routes that do the same, so that a host's
// Authorize judges both alike.
func (f *family) routes() []route {
	return []route{
		{Method: "POST", Path: "/v1/end-users", Access: rest.Write("createEndUser"), Body: true, Handle: f.create},
		{Method: "GET", Path: "/v1/end-users", Access: rest.Read("listEndUsers"), Handle: f.list},
		{Method: "GET", Path: "/v1/end-users/{id}", Access: rest.Read("getEndUser"), Handle: f.get},
		{Method: "PUT", Path: "/v1/end-users/{id}", Access: rest.Write("updateEndUser"), Body: true, Handle: f.update},
		{Method: "DELETE", Path: "/v1/end-users/{id}", Access: rest.Write("deleteEndUser"), Handle: f.delete},
	}
}

// tenant returns the handle that a call's users are reached through.
func (f *family) tenant(c *call) enduser.Tenant {
	return c.Principal.In(f.users).With(f.policy)
}

// ref names the user of the path.
func ref(c *call) enduser.Ref { return enduser.ByID(c.PathValue("id")) }

func (f *family) create(c *call) error {
	in, err := readUser(c.Body())
	if err != nil {
		return err
	}
	in.requireName()
	if err := f.judge(c, &in); err != nil {
		return err
	}
	u, err := f.tenant(c).Create(c.Request.Context(), in.spec())
	if err != nil {
		return err
	}
	c.Locate(c.Target(), u.ID)
	return c.Versioned(http.StatusCreated, u.Revision, appendUser(c.Buffer(), &u))
}

func (f *family) get(c *call) error {
	u, err := f.tenant(c).Get(c.Request.Context(), ref(c))
	return c.ShowIfNew(u.Revision, err, func(b []byte) []byte { return appendUser(b, &u) })
}

func (f *family) update(c *call) error {
	in, err := readUser(c.Body())
	if err != nil {
		return err
	}
	if err := f.judge(c, &in); err != nil {
		return err
	}
	u, err := f.tenant(c).Update(c.Request.Context(), ref(c), func(u *enduser.User) error {
		if err := c.IfMatch(u.Revision); err != nil {
			return err
		}
		in.name.Set(&u.Name)
		in.externalID.Set(&u.ExternalID)
		return nil
	})
	return c.Show(u.Revision, err, func(b []byte) []byte { return appendUser(b, &u) })
}

func (f *family) delete(c *call) error {
	err := f.tenant(c).DeleteIf(c.Request.Context(), ref(c), func(u enduser.User) error { return c.IfMatch(u.Revision) })
	if err != nil {
		return err
	}
	c.Empty(http.StatusNoContent)
	return nil
}

func (f *family) judge(c *call, in *userInput) error {
	return c.Judge(&in.Input, func() error { return f.tenant(c).Check(in.spec()) })
}

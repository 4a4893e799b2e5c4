package sensay

import (
	"errors"
	"net/http"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
)

type (
	call  = rest.Call[httpapi.Principal]
	route = rest.Route[httpapi.Principal]
)

// family is the routes of the users.
type family struct {
	users  *enduser.Manager
	policy enduser.Policy
}

func (f *family) routes() []route {
	return []route{
		{Method: "POST", Path: "/v1/users", Access: rest.Write("createEndUser"), Body: true, Handle: asOrganization(f.create)},
		{Method: "GET", Path: "/v1/users/{userID}", Access: rest.Read("getEndUser"), Handle: asOrganization(f.get)},
		{Method: "GET", Path: "/v1/users/me", Access: rest.Read("getEndUser"), Handle: f.asUser(f.getMe)},
		{Method: "PUT", Path: "/v1/users/me", Access: rest.Write("updateEndUser"), Body: true, Handle: f.asUser(f.updateMe)},
		{Method: "DELETE", Path: "/v1/users/me", Access: rest.Write("deleteEndUser"), Handle: f.asUser(f.deleteMe)},
	}
}

// tenant returns the handle that a call's users are reached through.
func (f *family) tenant(c *call) enduser.Tenant { return c.Principal.In(f.users).With(f.policy) }

func (f *family) create(c *call) error {
	in, err := readUser(c.Body())
	if err != nil {
		return err
	}
	spec, err := in.spec()
	if err != nil {
		return err
	}
	u, err := f.tenant(c).Create(c.Request.Context(), spec)
	return show(c, &u, err)
}

func (f *family) get(c *call) error {
	u, err := identity{id: c.PathValue("userID")}.find(c.Request.Context(), f.tenant(c))
	if errors.Is(err, enduser.ErrNotFound) {
		p := rest.NotFound()
		p.Code, p.Detail = "user-not-found", "There is no user with this id."
		return p
	}
	return showIfNew(c, &u, err)
}

func (f *family) getMe(c *call, me acting) error { return showIfNew(c, &me.user, nil) }

func (f *family) updateMe(c *call, me acting) error {
	in, err := readUser(c.Body())
	if err != nil {
		return err
	}
	if !in.id.Given {
		return rest.Invalid(rest.Field{Pointer: "id", Code: enduser.CodeRequired, Message: "is required"})
	}
	u, err := f.tenant(c).Update(c.Request.Context(), me.ref(), func(u *enduser.User) error {
		if err := me.admits(c, u); err != nil {
			return err
		}
		return in.change(u)
	})
	return show(c, &u, err)
}

func (f *family) deleteMe(c *call, me acting) error {
	err := f.tenant(c).DeleteIf(c.Request.Context(), me.ref(), func(u enduser.User) error { return me.admits(c, &u) })
	if err != nil {
		return err
	}
	c.Empty(http.StatusNoContent)
	return nil
}

func show(c *call, u *enduser.User, err error) error {
	return c.Show(u.Revision, err, func(b []byte) []byte { return appendUser(b, u) })
}

// showIfNew is show for GET.
func showIfNew(c *call, u *enduser.User, err error) error {
	return c.ShowIfNew(u.Revision, err, func(b []byte) []byte { return appendUser(b, u) })
}

package sensay

import (
	"errors"
	"net/http"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/internal/family"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
)

type call = family.Call

// api serves the routes of users.
type api struct{ *family.Host }

func (a *api) routes() []family.Route {
	return []family.Route{
		{Method: "POST", Path: "/v1/users", Access: rest.Write("createEndUser"), Body: true, Empty: true, Handle: a.create},
		{Method: "GET", Path: "/v1/users/{userID}", Access: rest.Read("getEndUser"), Handle: a.get},
		{Method: "GET", Path: "/v1/users/me", Access: rest.Read("getEndUser"), Handle: a.asUser(a.getMe)},
		{Method: "PUT", Path: "/v1/users/me", Access: rest.Write("updateEndUser"), Body: true, Handle: a.asUser(a.updateMe)},
		{Method: "DELETE", Path: "/v1/users/me", Access: rest.Write("deleteEndUser"), Handle: a.asUser(a.deleteMe)},
	}
}

func (a *api) create(c *call) error {
	in, err := readUser(c.Body())
	if err != nil {
		return err
	}
	t := a.Tenant(c)
	spec, err := in.spec(t)
	if err != nil {
		return err
	}
	u, err := t.Create(c.Request.Context(), spec, family.Conditions(c)...)
	return show(c, &u, a.Confirm(c, t, &spec, err))
}

func (a *api) get(c *call) error {
	u, err := identity{id: c.PathValue("userID")}.find(c.Request.Context(), a.Tenant(c))
	if errors.Is(err, enduser.ErrNotFound) {
		p := rest.NotFound()
		p.Code, p.Detail = "user-not-found", "There is no user with this id."
		return p
	}
	return showIfNew(c, &u, err)
}

func (a *api) getMe(c *call, me acting) error { return showIfNew(c, &me.user, nil) }

func (a *api) updateMe(c *call, me acting) error {
	in, err := readUser(c.Body())
	if err != nil {
		return err
	}
	if !in.id.Given {
		return rest.Invalid(rest.Field{Path: rest.Path{Name: "id"}, Code: enduser.CodeRequired, Message: "is required"})
	}
	u, err := me.tenant.Update(c.Request.Context(), me.ref(), func(e *enduser.Edit) error {
		return in.change(me.tenant, e)
	}, me.conditions(c)...)
	return show(c, &u, err)
}

func (a *api) deleteMe(c *call, me acting) error {
	if err := me.tenant.Delete(c.Request.Context(), me.ref(), me.conditions(c)...); err != nil {
		return err
	}
	c.Empty(http.StatusNoContent)
	return nil
}

func show(c *call, u *enduser.User, err error) error {
	return c.Show(u.Version.String(), err, func(b []byte) []byte { return appendUser(b, u) })
}

// showIfNew is show for GET.
func showIfNew(c *call, u *enduser.User, err error) error {
	return c.ShowIfNew(u.Version.String(), err, func(b []byte) []byte { return appendUser(b, u) })
}

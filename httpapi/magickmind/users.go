package magickmind

import (
	"net/http"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/internal/family"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
)

type (
	call  = family.Call
	route = family.Route
)

// api serves the routes of end users.
type api struct{ *family.Host }

// routes have the actions of the native routes, so that one Authorize serves both.
func (a *api) routes() []route {
	return []route{
		{Method: "POST", Path: "/v1/end-users", Access: rest.Write("createEndUser"), Body: true, Handle: a.create},
		{Method: "GET", Path: "/v1/end-users", Access: rest.Read("listEndUsers"), Handle: a.list},
		{Method: "GET", Path: "/v1/end-users/{id}", Access: rest.Read("getEndUser"), Handle: a.get},
		{Method: "PUT", Path: "/v1/end-users/{id}", Access: rest.Write("updateEndUser"), Body: true, Handle: a.update},
		{Method: "DELETE", Path: "/v1/end-users/{id}", Access: rest.Write("deleteEndUser"), Handle: a.delete},
	}
}

// ref names the user of the path.
func ref(c *call) enduser.Ref { return enduser.ByID(c.PathValue("id")) }

func (a *api) create(c *call) error {
	in, err := readUser(c.Body(), notBlank)
	if err != nil {
		return err
	}
	require(&in.Input, "name", &in.name)
	if err := a.validate(c, &in); err != nil {
		return err
	}
	t, spec := a.Tenant(c), in.spec()
	u, err := t.Create(c.Request.Context(), spec, family.Conditions(c)...)
	if err != nil {
		return a.Confirm(c, t, &spec, err) // clients read a 409 as "the user exists"
	}
	c.Locate(c.Target(), u.ID)
	return c.Versioned(http.StatusCreated, u.Version.String(), appendUser(c.Buffer(), &u))
}

func (a *api) get(c *call) error {
	u, err := a.Tenant(c).Get(c.Request.Context(), ref(c))
	return c.ShowIfNew(u.Version.String(), err, func(b []byte) []byte { return appendUser(b, &u) })
}

func (a *api) update(c *call) error {
	in, err := readUser(c.Body(), anyText)
	if err != nil {
		return err
	}
	if err := a.validate(c, &in); err != nil {
		return err
	}
	u, err := a.Tenant(c).Update(c.Request.Context(), ref(c), func(e *enduser.Edit) error {
		return a.apply(c, in, e)
	}, family.Conditions(c)...)
	return c.Show(u.Version.String(), err, func(b []byte) []byte { return appendUser(b, &u) })
}

// apply sets the given members of a user. A name equal to the one shown is no change, even
// if it is invalid: clients send back what they were shown.
func (a *api) apply(c *call, in userInput, e *enduser.Edit) error {
	in.externalID.Set(&e.ExternalID)
	switch name := in.name.Value; {
	case !in.name.Given || name == e.DisplayName():
		return nil
	case in.name.Null:
		in.Fault("name", enduser.CodeRequired, "must not be null")
	case isBlank(name):
		in.Fault("name", enduser.CodeRequired, "must not be blank")
	default:
		e.Name = name
	}
	return a.validate(c, &in)
}

func (a *api) delete(c *call) error {
	if err := a.Tenant(c).Delete(c.Request.Context(), ref(c), family.Conditions(c)...); err != nil {
		return err
	}
	c.Empty(http.StatusNoContent)
	return nil
}

// validate returns everything that is wrong with a body: its form and its values.
func (a *api) validate(c *call, in *userInput) error {
	return c.Validate(&in.Input, func() error { return a.Tenant(c).Check(in.spec()) })
}

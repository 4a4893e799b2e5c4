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

// api is the routes of the end users.
type api struct{ *family.Host }

// routes have the actions of the native routes that do the same, so that a host's
// Authorize judges both alike.
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
	in, err := readUser(c.Body())
	if err != nil {
		return err
	}
	in.requireName()
	if err := a.judge(c, &in); err != nil {
		return err
	}
	u, err := a.Tenant(c).Create(c.Request.Context(), in.spec())
	if err != nil {
		return err
	}
	c.Locate(c.Target(), u.ID)
	return c.Versioned(http.StatusCreated, u.Version.String(), appendUser(c.Buffer(), &u))
}

func (a *api) get(c *call) error {
	u, err := a.Tenant(c).Get(c.Request.Context(), ref(c))
	return c.ShowIfNew(u.Version.String(), err, func(b []byte) []byte { return appendUser(b, &u) })
}

func (a *api) update(c *call) error {
	in, err := readUser(c.Body())
	if err != nil {
		return err
	}
	if err := a.judge(c, &in); err != nil {
		return err
	}
	u, err := a.Tenant(c).Update(c.Request.Context(), ref(c), func(e *enduser.Edit) error {
		in.name.Set(&e.Name)
		in.externalID.Set(&e.ExternalID)
		return nil
	}, family.Conditions(c)...)
	return c.Show(u.Version.String(), err, func(b []byte) []byte { return appendUser(b, &u) })
}

func (a *api) delete(c *call) error {
	if err := a.Tenant(c).Delete(c.Request.Context(), ref(c), family.Conditions(c)...); err != nil {
		return err
	}
	c.Empty(http.StatusNoContent)
	return nil
}

func (a *api) judge(c *call, in *userInput) error {
	return c.Judge(&in.Input, func() error { return a.Tenant(c).Check(in.spec()) })
}

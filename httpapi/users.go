package httpapi

import (
	"errors"
	"net/http"
	"strings"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
)

type (
	call  = rest.Call[Principal]
	route = rest.Route[Principal]
)

// api is the native family of routes.
type api struct {
	users   *enduser.Manager
	options Options
}

func (a *api) routes() []route {
	return []route{
		{Method: "POST", Path: "/v1/end-users", Access: rest.Write("createEndUser"), Body: true, Handle: a.create},
		{Method: "GET", Path: "/v1/end-users", Access: rest.Read("listEndUsers"), Handle: a.list},
		{Method: "GET", Path: "/v1/end-users/{id}", Access: rest.Read("getEndUser"), Handle: a.get},
		{Method: "PATCH", Path: "/v1/end-users/{id}", Access: rest.Write("updateEndUser"), Body: true, Handle: a.update},
		{Method: "DELETE", Path: "/v1/end-users/{id}", Access: rest.Write("deleteEndUser"), Handle: a.delete},
		{Method: "POST", Path: "/v1/end-users/{id}/associate", Access: rest.Write("associateEndUser"), Handle: a.associate},
		{Method: "PUT", Path: "/v1/end-users/by-external-id/{external_id}", Access: rest.Write("upsertEndUser"), Body: true, Handle: a.upsert},
		{Method: "POST", Path: "/v1/groups", Access: rest.Write("createGroup"), Body: true, Handle: a.createGroup},
		{Method: "GET", Path: "/v1/groups", Access: rest.Read("listGroups"), Handle: a.listGroups},
		{Method: "GET", Path: "/v1/groups/{id}", Access: rest.Read("getGroup"), Handle: a.getGroup},
		{Method: "PATCH", Path: "/v1/groups/{id}", Access: rest.Write("updateGroup"), Body: true, Handle: a.updateGroup},
		{Method: "DELETE", Path: "/v1/groups/{id}", Access: rest.Write("deleteGroup"), Handle: a.deleteGroup},
		{Method: "POST", Path: "/v1/groups/{id}/rotate", Access: rest.Write("rotateGroupToken"), Body: true, Handle: a.rotateGroupToken},
		{Method: "GET", Path: "/v1/changes", Access: rest.Read("listChanges"), Handle: a.changes},
		{Method: "GET", Path: "/openapi.json", Public: true, Handle: serveOpenAPI},
		{Method: "GET", Path: "/healthz", Public: true, Handle: healthy},
	}
}

// tenant returns the handle that a call's users are reached through.
func (a *api) tenant(c *call) enduser.Tenant {
	return c.Principal.In(a.users).With(a.options.Policy)
}

// ref names the user of the path.
func ref(c *call) enduser.Ref { return enduser.ByID(c.PathValue("id")) }

// asPath says of an ID that is not admitted that it came in the path.
func asPath(err error) error {
	p := explain(err)
	if p == nil || len(p.Errors) != 1 || p.Errors[0].Pointer != "id" {
		return err
	}
	p.Errors[0].Query = true
	return p
}

// create makes a user, or does with the one there is what on_conflict says.
func (a *api) create(c *call) error {
	values, err := c.Query()
	if err != nil {
		return err
	}
	q := rest.Query{Values: values}
	onConflict := q.OneOf("on_conflict", "return", "merge", "fail")
	if err := q.Strict(); err != nil {
		return err
	}
	in, err := readUser(c.Body())
	if err != nil {
		return err
	}
	spec, err := a.spec(c, &in)
	if err != nil {
		return err
	}
	if len(c.Request.Header["If-None-Match"]) > 0 {
		onConflict = "fail"
	}
	return a.write(c, spec, onConflict)
}

// spec returns the user that a body asks for. If the body is wrong as JSON the
// error says what is wrong with it otherwise, too.
func (a *api) spec(c *call, in *userInput) (enduser.Spec, error) {
	spec, err := in.spec()
	if err == nil || len(in.Wrong) == 0 {
		return spec, err
	}
	return spec, c.Judge(&in.Input, func() error { return a.tenant(c).Check(spec) })
}

// write writes a user and answers 201 if it is new, 200 otherwise.
func (a *api) write(c *call, spec enduser.Spec, onConflict string) error {
	t, ctx := a.tenant(c), c.Request.Context()
	var u enduser.User
	var outcome enduser.Outcome
	var err error
	switch onConflict {
	case "fail":
		outcome = enduser.Created
		u, err = t.Create(ctx, spec)
	case "merge":
		u, outcome, err = t.Upsert(ctx, spec)
	default:
		u, outcome, err = t.Ensure(ctx, spec)
	}
	switch conflict, ok := errors.AsType[*enduser.ConflictError](err); {
	case ok && conflict.Field == "external_id" && len(c.Request.Header["If-None-Match"]) > 0:
		return rest.PreconditionFailed()
	case err != nil:
		return err
	case outcome != enduser.Created:
		return c.Versioned(http.StatusOK, u.Revision, appendUser(c.Buffer(), &u))
	}
	c.Locate(collection(c, usersPath), u.ID)
	return c.Versioned(http.StatusCreated, u.Revision, appendUser(c.Buffer(), &u))
}

// The paths of what can be made.
const (
	usersPath  = "/v1/end-users"
	groupsPath = "/v1/groups"
)

// collection returns the path of the users or groups, below the path under which the
// host mounted the routes.
func collection(c *call, of string) string {
	path := c.Target()
	if at := strings.LastIndex(path, of); at >= 0 {
		path = path[:at+len(of)]
	}
	return path
}

// upsert writes the user with the external ID of the path.
func (a *api) upsert(c *call) error {
	in, err := readUser(c.Body())
	if err != nil {
		return err
	}
	spec, err := a.spec(c, &in)
	if err != nil {
		return err
	}
	id := c.PathValue("external_id")
	if spec.ExternalID != "" && !enduser.SameExternalID(spec.ExternalID, id) {
		return rest.Invalid(rest.Field{Pointer: "external_id", Code: enduser.CodeValue, Message: "is not the one of the path"})
	}
	spec.ExternalID = id
	if len(c.Request.Header["If-Match"]) > 0 {
		return a.upsertIf(c, spec)
	}
	if len(c.Request.Header["If-None-Match"]) > 0 {
		return a.write(c, spec, "fail")
	}
	return a.write(c, spec, "merge")
}

// upsertIf merges into the user that If-Match names a version of: it must exist.
func (a *api) upsertIf(c *call, spec enduser.Spec) error {
	u, err := a.tenant(c).Update(c.Request.Context(), enduser.ByExternalID(spec.ExternalID), func(u *enduser.User) error {
		if err := c.IfMatch(u.Revision); err != nil {
			return err
		}
		spec.Merge(u)
		return nil
	})
	if errors.Is(err, enduser.ErrNotFound) {
		return rest.PreconditionFailed()
	}
	return a.show(c, u, err)
}

func (a *api) get(c *call) error {
	u, err := a.tenant(c).Get(c.Request.Context(), ref(c))
	return c.ShowIfNew(u.Revision, asPath(err), func(b []byte) []byte { return appendUser(b, &u) })
}

func (a *api) update(c *call) error {
	in, err := readUser(c.Body())
	if err != nil {
		return err
	}
	if in.provisional.Given {
		in.Fault("provisional", enduser.CodeReadOnly, "is for new users")
	}
	if in.expiresIn.Given {
		in.Fault("expires_in", enduser.CodeReadOnly, "is for new users")
	}
	if err := in.Err(); err != nil {
		return err
	}
	u, err := a.tenant(c).Update(c.Request.Context(), ref(c), func(u *enduser.User) error {
		if err := c.IfMatch(u.Revision); err != nil {
			return err
		}
		return in.patch(u)
	})
	return a.show(c, u, err)
}

func (a *api) associate(c *call) error {
	u, err := a.tenant(c).AssociateIf(c.Request.Context(), ref(c), ifMatch(c))
	return a.show(c, u, err)
}

// ifMatch returns the request's precondition.
func ifMatch(c *call) func(enduser.User) error {
	return func(u enduser.User) error { return c.IfMatch(u.Revision) }
}

func (a *api) delete(c *call) error {
	err := a.tenant(c).DeleteIf(c.Request.Context(), ref(c), ifMatch(c))
	if err != nil {
		return asPath(err)
	}
	c.Empty(http.StatusNoContent)
	return nil
}

func (a *api) show(c *call, u enduser.User, err error) error {
	return c.Show(u.Revision, asPath(err), func(b []byte) []byte { return appendUser(b, &u) })
}

func healthy(c *call) error { return c.JSON(http.StatusOK, append(c.Buffer(), `{"status":"ok"}`...)) }

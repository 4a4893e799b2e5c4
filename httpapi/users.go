package httpapi

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/internal/family"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
	"github.com/rollbook-go/rollbook/internal/userjson"
)

type (
	call  = family.Call
	route = family.Route
)

// api is the native family of routes.
type api struct {
	family.Host

	handler http.Handler
}

// ServeHTTP implements http.Handler.
func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.handler.ServeHTTP(w, r) }

// FamilyHost is for package vendor: it returns the settings as every family has them.
func (a *api) FamilyHost() *family.Host { return &a.Host }

// The paths of the collections.
const (
	usersPath    = "/v1/end-users"
	groupsPath   = "/v1/groups"
	webhooksPath = "/v1/webhooks"
)

func (a *api) routes() []route {
	const (
		user       = usersPath + "/{id}"
		byExternal = usersPath + "/by-external-id/{external_id}"
		sensitive  = "/v1/sensitive/{id}"
		group      = groupsPath + "/{id}"
		webhook    = webhooksPath + "/{id}"
	)
	return []route{
		{Method: "POST", Path: usersPath, Access: rest.Write("createEndUser"), Body: true, Handle: a.create},
		{Method: "GET", Path: usersPath, Access: rest.Read("listEndUsers"), Handle: a.list},
		{Method: "POST", Path: usersPath + ":bulk", Access: rest.Write("bulkEndUsers"), Body: true, Rows: true, MaxBody: a.MaxBulk, Before: refusePreconditions, Handle: a.bulk},
		{Method: "POST", Path: usersPath + ":get", Access: rest.Read("getEndUsers"), Body: true, Before: refusePreconditions, Handle: a.getMany},
		{Method: "GET", Path: user, Access: rest.Read("getEndUser"), Handle: a.get},
		{Method: "PATCH", Path: user, Access: rest.Write("updateEndUser"), Body: true, Handle: a.update},
		{Method: "DELETE", Path: user, Access: rest.Write("deleteEndUser"), Handle: a.delete},
		{Method: "POST", Path: user + "/associate", Access: rest.Write("associateEndUser"), Before: (*call).RefuseForm, Handle: a.associate},
		{Method: "GET", Path: byExternal, Access: rest.Read("getEndUser"), Handle: a.get},
		{Method: "PUT", Path: byExternal, Access: rest.Write("upsertEndUser"), Body: true, Handle: a.upsert},
		{Method: "PATCH", Path: byExternal, Access: rest.Write("updateEndUser"), Body: true, Handle: a.update},
		{Method: "DELETE", Path: byExternal, Access: rest.Write("deleteEndUser"), Handle: a.delete},
		{Method: "PUT", Path: sensitive, Access: rest.Write("replaceSensitive"), Body: true, Handle: a.replaceSensitive},
		{Method: "PATCH", Path: sensitive, Access: rest.Write("updateSensitive"), Body: true, Handle: a.updateSensitive},
		{Method: "POST", Path: groupsPath, Access: rest.Write("createGroup"), Body: true, Handle: a.createGroup},
		{Method: "GET", Path: groupsPath, Access: rest.Read("listGroups"), Handle: a.listGroups},
		{Method: "GET", Path: group, Access: rest.Read("getGroup"), Handle: a.getGroup},
		{Method: "PATCH", Path: group, Access: rest.Write("updateGroup"), Body: true, Handle: a.updateGroup},
		{Method: "DELETE", Path: group, Access: rest.Write("deleteGroup"), Handle: a.deleteGroup},
		{Method: "POST", Path: group + "/rotate", Access: rest.Write("rotateGroupToken"), Body: true, Handle: a.rotateGroupToken},
		{Method: "POST", Path: webhooksPath, Access: rest.Write("createWebhook"), Body: true, Handle: a.createWebhook},
		{Method: "GET", Path: webhooksPath, Access: rest.Read("listWebhooks"), Handle: a.listWebhooks},
		{Method: "GET", Path: webhook, Access: rest.Read("getWebhook"), Handle: a.getWebhook},
		{Method: "PATCH", Path: webhook, Access: rest.Write("updateWebhook"), Body: true, Handle: a.updateWebhook},
		{Method: "DELETE", Path: webhook, Access: rest.Write("deleteWebhook"), Handle: a.deleteWebhook},
		{Method: "POST", Path: webhook + "/rotate", Access: rest.Write("rotateWebhookSecret"), Body: true, Handle: a.rotateWebhookSecret},
		{Method: "GET", Path: webhook + "/state", Access: rest.Read("getWebhookState"), Handle: a.webhookState},
		{Method: "GET", Path: webhook + "/attempts", Access: rest.Read("listWebhookAttempts"), Handle: a.webhookAttempts},
		{Method: "GET", Path: webhook + "/dead-letters", Access: rest.Read("listDeadLetters"), Handle: a.deadLetters},
		{Method: "POST", Path: webhook + "/test", Access: rest.Write("testWebhook"), Before: (*call).RefuseForm, Handle: a.testWebhook},
		{Method: "POST", Path: webhook + "/redeliver", Access: rest.Write("redeliverEvent"), Body: true, Handle: a.redeliverEvent},
		{Method: "GET", Path: webhook + "/redelivery", Access: rest.Read("countRedelivery"), Handle: a.countRedelivery},
		{Method: "POST", Path: webhook + "/redelivery", Access: rest.Write("startRedelivery"), Body: true, Handle: a.startRedelivery},
		{Method: "DELETE", Path: webhook + "/redelivery", Access: rest.Write("stopRedelivery"), Handle: a.stopRedelivery},
		{Method: "GET", Path: "/v1/changes", Access: rest.Read("listChanges"), Handle: a.changes},
		{Method: "GET", Path: "/openapi.json", Public: true, Handle: serveOpenAPI},
		{Method: "GET", Path: "/healthz", Public: true, Handle: healthy},
	}
}

// ref names the user of the path.
func ref(c *call) enduser.Ref {
	if id := c.PathValue("external_id"); id != "" {
		return enduser.ByExternalID(id)
	}
	return enduser.ByID(c.PathValue("id"))
}

// asPath returns an error in which an invalid ID is a parameter of the path.
func asPath(err error) error {
	return family.Placed(err, func(f *rest.Field) { f.Query = f.Path.Name == "id" })
}

// create creates a user. If the user exists, on_conflict says what happens.
func (a *api) create(c *call) error {
	q, err := c.Query()
	if err != nil {
		return err
	}
	onConflict := q.OneOf("on_conflict", "return", "merge", "fail")
	if err := q.Strict(); err != nil {
		return err
	}
	in, err := readUser(c.Body(), false)
	if err != nil {
		return err
	}
	spec, err := a.spec(c, &in)
	if err != nil {
		return err
	}
	return a.write(c, spec, onConflict)
}

// spec returns the user of a body. If the body has faults in its form, the error has those
// of its content, too.
func (a *api) spec(c *call, in *userInput) (enduser.Spec, error) {
	spec, err := in.spec()
	if err == nil || len(in.Wrong) == 0 {
		return spec, err
	}
	return spec, c.Validate(&in.Input, func() error { return a.Tenant(c).Check(spec) })
}

// put stands for on_conflict in an upsertEndUser. It needs no right to updateEndUser.
const put = "put"

// write writes a user, and answers 201 if it is new, 200 otherwise. If the user exists, the
// credential needs the right to what is done then.
func (a *api) write(c *call, spec enduser.Spec, onConflict string) error {
	t, ctx, conds := a.Tenant(c), c.Request.Context(), family.Conditions(c)
	made := conds
	if a.Authorize != nil { // without it, a credential that may create may do all of this
		conds = a.appendRights(conds, c, spec, onConflict)
	}
	var u enduser.User
	var outcome enduser.Outcome
	var err error
	switch onConflict {
	case "fail":
		outcome = enduser.Created
		u, err = t.Create(ctx, spec, made...)
		if spec.ExpiresIn == 0 {
			err = a.Confirm(c, t, &spec, err)
		}
	case "return":
		u, outcome, err = t.Ensure(ctx, spec, conds...)
	default:
		u, outcome, err = t.Upsert(ctx, spec, conds...)
	}
	if identifiesNobody(err) {
		u, err = t.Create(ctx, spec, made...)
		outcome = enduser.Created
	}
	switch {
	case err != nil:
		return err
	case outcome != enduser.Created:
		return show(c, &u, a.mayRepeat(c, onConflict))
	}
	c.Locate(collection(c, usersPath), u.ID)
	if hidden, err := a.hides(c, "getEndUser"); hidden || err != nil {
		return showCreated(c, u.ID, "", "", err)
	}
	return c.Versioned(http.StatusCreated, u.Version.String(), userjson.Native(c.Buffer(), &u))
}

// appendRights appends the conditions that the credential has the rights to what on_conflict
// does with a user that exists.
func (a *api) appendRights(conds []enduser.Condition, c *call, spec enduser.Spec, onConflict string) []enduser.Condition {
	switch onConflict {
	case "return":
		conds = append(conds, a.IfAllowed(c, "getEndUser", false))
	case "merge":
		conds = append(conds, a.IfAllowed(c, "updateEndUser", true))
	}
	if spec.ExpiresIn == 0 {
		conds = append(conds, a.IfMayKeep(c))
	}
	return conds
}

// identifiesNobody reports whether a spec was refused because it has nothing that identifies
// a user.
func identifiesNobody(err error) bool {
	invalid, ok := errors.AsType[*enduser.InvalidError](err)
	return ok && slices.ContainsFunc(invalid.Violations, func(v enduser.Violation) bool {
		return v.Field.Name == "external_id" && v.Code == enduser.CodeRequired
	})
}

// collection returns the path of the users or groups, with the prefix of the mount.
func collection(c *call, of string) string {
	path := c.Target()
	if at := strings.LastIndex(path, of); at >= 0 {
		path = path[:at+len(of)]
	}
	return path
}

// upsert writes the user with the external ID of the path.
func (a *api) upsert(c *call) error {
	in, err := readUser(c.Body(), false)
	if err != nil {
		return err
	}
	spec, err := a.spec(c, &in)
	if err != nil {
		return err
	}
	id := c.PathValue("external_id")
	if spec.ExternalID != "" && !a.Tenant(c).SameExternalID(spec.ExternalID, id) {
		field := rest.Field{Path: rest.Path{Name: "external_id"}, Code: enduser.CodeValue, Message: "is not the one of the path"}
		return rest.Invalid(field)
	}
	spec.ExternalID = id
	return family.Placed(a.write(c, spec, put), func(f *rest.Field) { f.Query = f.Path.Name == "external_id" })
}

func (a *api) get(c *call) error {
	u, err := a.Tenant(c).Get(c.Request.Context(), ref(c))
	return c.ShowIfNew(u.Version.String(), asParameters(err), func(b []byte) []byte { return userjson.Native(b, &u) })
}

func (a *api) update(c *call) error {
	in, err := readUser(c.Body(), true)
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
	found := false
	u, err := a.Tenant(c).Update(c.Request.Context(), ref(c), func(e *enduser.Edit) error {
		found = true
		return in.patch(e)
	}, family.Conditions(c)...)
	if !found { // the fault is in the path
		err = asParameters(err)
	}
	return show(c, &u, err)
}

func (a *api) associate(c *call) error {
	u, err := a.Tenant(c).Associate(c.Request.Context(), ref(c), family.Conditions(c)...)
	return show(c, &u, asParameters(err))
}

func (a *api) delete(c *call) error {
	if err := a.Tenant(c).Delete(c.Request.Context(), ref(c), family.Conditions(c)...); err != nil {
		return asParameters(err)
	}
	c.Empty(http.StatusNoContent)
	return nil
}

func show(c *call, u *enduser.User, err error) error {
	return c.Show(u.Version.String(), err, func(b []byte) []byte { return userjson.Native(b, u) })
}

func healthy(c *call) error { return c.JSON(http.StatusOK, append(c.Buffer(), `{"status":"ok"}`...)) }

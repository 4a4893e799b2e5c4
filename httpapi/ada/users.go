package ada

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

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
	now    func() time.Time
}

// routes have the actions of the native routes that do the same, so that a host's
// Authorize judges both alike.
func (f *family) routes() []route {
	write := func(action string) rest.Access { return rest.Access{Action: action, Write: true} }
	read := func(action string) rest.Access { return rest.Access{Action: action} }
	const users, user, conversations = "/api/v2/end-users", "/api/v2/end-users/{id}", "/api/v2/conversations"
	var all []route
	for _, r := range []route{
		{Method: "POST", Path: users, Access: write("createEndUser"), Body: true, Handle: f.create},
		{Method: "GET", Path: users, Access: read("listEndUsers"), Handle: f.list},
		{Method: "GET", Path: user, Access: read("getEndUser"), Handle: f.get},
		{Method: "PATCH", Path: user, Access: write("updateEndUser"), Body: true, Handle: f.update},
		{Method: "POST", Path: conversations, Access: write("createConversation"), Body: true, Handle: f.converse},
	} {
		slashed := r
		slashed.Path += "/{$}"
		all = append(all, r, slashed)
	}
	return all
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
	if err := f.judge(c, &in, spec); err != nil {
		return err
	}
	u, outcome, err := f.tenant(c).Ensure(c.Request.Context(), spec)
	if err != nil || outcome != enduser.Created {
		return show(c, &u, err)
	}
	c.Locate(strings.TrimSuffix(target(c.Request).EscapedPath(), "/"), u.ID)
	return c.Versioned(http.StatusCreated, u.Revision, appendUser(c.Buffer(), &u))
}

// judge returns what is wrong with a body as JSON, and then also what the domain
// would say of it: everything at once. What only the domain refuses it refuses when
// it writes.
func (f *family) judge(c *call, in *userInput, spec enduser.Spec) error {
	if len(in.Wrong) == 0 {
		return nil
	}
	if invalid, ok := errors.AsType[*enduser.InvalidError](f.tenant(c).Check(spec)); ok {
		for _, v := range invalid.Violations {
			in.Fault(jsonPath(v.Field), v.Code, v.Message)
		}
	}
	return in.Err()
}

// target returns the URL of the request as it was sent: with the prefix under which
// the host mounted the routes.
func target(r *http.Request) *url.URL {
	u, err := url.ParseRequestURI(r.RequestURI)
	if err != nil { // made by the host's own program
		return r.URL
	}
	return u
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
		if !rest.IfMatch(c.Request.Header, u.Revision) {
			return rest.PreconditionFailed()
		}
		in.change(u)
		return nil
	})
	return show(c, &u, err)
}

func show(c *call, u *enduser.User, err error) error {
	if err != nil {
		return err
	}
	return c.Versioned(http.StatusOK, u.Revision, appendUser(c.Buffer(), u))
}

// showIfNew is show for GET.
func showIfNew(c *call, u *enduser.User, err error) error {
	if err == nil && !rest.IfNoneMatch(c.Request.Header, u.Revision) {
		return c.NotModified(u.Revision)
	}
	return show(c, u, err)
}

package explo

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
)

// Options are the settings of a handler. The zero value is good.
type Options struct {
	// Options are those of every family of routes. A Policy that says nothing stands
	// for the function Policy of this package.
	httpapi.Options

	// Overlap is how long a token is still accepted by
	// [enduser.Tenant.AuthenticateGroup] after it was rotated out, at most
	// [enduser.MaxOverlap]. Zero: not at all. The routes themselves never take it for
	// a current_token again.
	Overlap time.Duration
}

// Policy returns the policy of this family: the zero Policy. That a user_group_id
// may have 255 characters is so for groups under any policy.
func Policy() enduser.Policy { return enduser.Policy{} }

const challenge = `Token realm="rollbook"`

// New returns the handler of the routes. It fails without users or auth: there is no
// access without a credential. It fails with [enduser.ErrNoKeyring] if users cannot
// seal tokens, and for an Overlap out of its range. It is safe for concurrent use.
func New(users *enduser.Manager, auth httpapi.Authenticator, opts *Options) (http.Handler, error) {
	if users == nil || auth == nil {
		return nil, errors.New("explo: new: users and auth are required")
	}
	if !users.HasKeyring() {
		return nil, fmt.Errorf("explo: new: %w", enduser.ErrNoKeyring)
	}
	var o Options
	if opts != nil {
		o = *opts
	}
	if o.Overlap < 0 || o.Overlap > enduser.MaxOverlap {
		return nil, fmt.Errorf("explo: new: Overlap must be between 0 and %v", enduser.MaxOverlap)
	}
	if o.Policy.IsZero() {
		o.Policy = Policy()
	}
	f := &family{users: users, policy: o.Policy, overlap: o.Overlap}
	config := httpapi.Family(auth, &o.Options, credential, challenge)
	config.Explain = explainer(config.Explain)
	config.Append = appendProblem
	config.ProblemType = "application/json"
	return rest.New(config, f.routes()...), nil
}

// credential returns the credential of the one header that has it.
func credential(h http.Header) string {
	const template, vendor = "Authorization", "Explo-Authorization"
	if len(h[template]) > 0 && len(h[vendor]) > 0 {
		return ""
	}
	return cmp.Or(httpapi.Scheme(h, template, "Token"), httpapi.Scheme(h, vendor, "Token"))
}

type (
	call  = rest.Call[httpapi.Principal]
	route = rest.Route[httpapi.Principal]
)

// family is the routes of this package.
type family struct {
	users   *enduser.Manager
	policy  enduser.Policy
	overlap time.Duration
}

// routes have the actions of the native routes that do the same, so that a host's
// Authorize judges both alike. All of them write.
func (f *family) routes() []route {
	return rest.Slashed([]route{
		{Method: "GET", Path: "/api/user", Access: rest.Write("createGroup"), Body: true, Handle: f.getOrCreate},
		{Method: "POST", Path: "/api/user", Access: rest.Write("rotateGroupToken"), Body: true, Handle: f.refresh},
		{Method: "PUT", Path: "/api/user", Access: rest.Write("updateGroup"), Body: true, Handle: f.update},
		{Method: "DELETE", Path: "/api/user", Access: rest.Write("deleteGroup"), Body: true, Handle: f.deleteByEither},
		{Method: "POST", Path: "/api/create_user_group", Access: rest.Write("createGroup"), Body: true, Handle: f.getOrCreate},
		{Method: "POST", Path: "/api/refresh_user_group_token", Access: rest.Write("rotateGroupToken"), Body: true, Handle: f.refresh},
		{Method: "POST", Path: "/api/update_user_group", Access: rest.Write("updateGroup"), Body: true, Handle: f.update},
		{Method: "DELETE", Path: "/api/delete_user_group", Access: rest.Write("deleteGroup"), Body: true, Handle: f.deleteByToken},
	}...)
}

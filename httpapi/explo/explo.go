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

// routes returns every route, with and without a slash at its end.
func (f *family) routes() []route {
	var routes []route
	for _, r := range []struct {
		method, path, action string
		handle               func(*call) error
	}{
		{"GET", "/api/user", "getOrCreateUserGroup", f.getOrCreate},
		{"POST", "/api/user", "refreshUserGroupToken", f.refresh},
		{"PUT", "/api/user", "updateUserGroup", f.update},
		{"DELETE", "/api/user", "deleteUserGroup", f.deleteByEither},
		{"POST", "/api/create_user_group", "getOrCreateUserGroup", f.getOrCreate},
		{"POST", "/api/refresh_user_group_token", "refreshUserGroupToken", f.refresh},
		{"POST", "/api/update_user_group", "updateUserGroup", f.update},
		{"DELETE", "/api/delete_user_group", "deleteUserGroup", f.deleteByToken},
	} {
		for _, path := range []string{r.path, r.path + "/{$}"} {
			routes = append(routes, route{
				Method: r.method, Path: path, Access: rest.Access{Action: r.action, Write: true}, Body: true, Handle: r.handle,
			})
		}
	}
	return routes
}

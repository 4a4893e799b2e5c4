package explo

import (
	"cmp"
	"fmt"
	"net/http"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/internal/family"
	"github.com/rollbook-go/rollbook/httpapi/internal/foreign"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
)

// Options are the settings of a handler. The zero value is ready to use.
type Options struct {
	// Options are the settings of every family of routes. Zero fields of Policy stand for
	// those of the function [Policy].
	httpapi.Options

	// Overlap is how long [enduser.Groups.Authenticate] still accepts a token after its
	// rotation, at most [enduser.MaxOverlap]. Zero: not at all. The routes never accept it
	// as current_token again.
	Overlap time.Duration
}

// Policy returns the policy of this family: it allows a user_group_id such as "undefined",
// which the vendor accepts.
func Policy() enduser.Policy { return enduser.Policy{Placeholders: true} }

const challenge = `Token realm="rollbook"`

// New returns the handler of the routes, which is safe for concurrent use. It fails without
// users or auth, for an Overlap out of its range, and with [enduser.ErrNoKeyring] if users
// cannot seal tokens.
func New(users *enduser.Manager, auth httpapi.Authenticator, opts *Options) (http.Handler, error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	host, err := foreign.Host("explo", users, auth, o.Options, Policy())
	if err != nil {
		return nil, err
	}
	if !users.HasKeyring() {
		return nil, fmt.Errorf("explo: new: %w", enduser.ErrNoKeyring)
	}
	if o.Overlap < 0 || o.Overlap > enduser.MaxOverlap {
		return nil, fmt.Errorf("explo: new: Overlap must be between 0 and %v", enduser.MaxOverlap)
	}
	a := &api{Host: host, overlap: o.Overlap}
	config := host.Config(credential, challenge)
	config.Explain = explain
	config.Append = appendProblem
	config.ProblemType = "application/json"
	return rest.New(config, a.routes()...), nil
}

// credential returns the credential of the template's or the vendor's header; "" unless
// exactly one of them is there.
func credential(h http.Header) string {
	const template, vendor = "Authorization", "Explo-Authorization"
	if len(h[template]) > 0 && len(h[vendor]) > 0 {
		return ""
	}
	return cmp.Or(family.Scheme(h, template, "Token"), family.Scheme(h, vendor, "Token"))
}

type (
	call  = family.Call
	route = family.Route
)

// api is the routes of this package.
type api struct {
	*family.Host

	overlap time.Duration
}

// routes returns the routes. They have the actions of the native routes that do the same,
// so that a host's Authorize treats both alike. All of them write.
func (a *api) routes() []route {
	return rest.Slashed([]route{
		{Method: "GET", Path: "/api/user", Access: rest.Write("createGroup"), Body: true, Handle: a.getOrCreate},
		{Method: "POST", Path: "/api/user", Access: rest.Write("rotateGroupToken"), Body: true, Handle: a.refresh},
		{Method: "PUT", Path: "/api/user", Access: rest.Write("updateGroup"), Body: true, Handle: a.update},
		{Method: "DELETE", Path: "/api/user", Access: rest.Write("deleteGroup"), Body: true, Handle: a.deleteByEither},
		{Method: "POST", Path: "/api/create_user_group", Access: rest.Write("createGroup"), Body: true, Handle: a.getOrCreate},
		{Method: "POST", Path: "/api/refresh_user_group_token", Access: rest.Write("rotateGroupToken"), Body: true, Handle: a.refresh},
		{Method: "POST", Path: "/api/update_user_group", Access: rest.Write("updateGroup"), Body: true, Handle: a.update},
		{Method: "DELETE", Path: "/api/delete_user_group", Access: rest.Write("deleteGroup"), Body: true, Handle: a.deleteByToken},
	}...)
}

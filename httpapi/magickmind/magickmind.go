package magickmind

import (
	"net/http"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/internal/family"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
	"github.com/rollbook-go/rollbook/httpapi/internal/vendor"
)

// Options are the settings of a handler. The zero value is good.
type Options struct {
	// Options are those of every family of routes. Zero fields of their Policy stand
	// for those of the function Policy of this package.
	httpapi.Options

	// Login lets the host's accounts log in for a bearer token. Nil: there are no
	// routes to log in by, and everything else works with a token from elsewhere.
	Login Login

	// LoginRate is how often one e-mail address may try to log in, whether there is
	// such an account or not and whatever comes of it; beyond that it is 429. What is
	// zero means 10 requests, and a minute. Negative Requests: no limit.
	//
	// Who knows an address can use up its tries, so a host in the open also limits them
	// by client address, in front of this handler.
	LoginRate httpapi.Rate

	// LoginLimiter counts the tries, under a hash of the address. Nil: one in this
	// process. It must not be the Limiter of other handlers: strangers, who may make up
	// any number of addresses, would push out what that has counted.
	LoginLimiter httpapi.Limiter
}

// Policy returns the policy of this family: external IDs of up to 255 characters.
func Policy() enduser.Policy { return enduser.Policy{MaxExternalID: 255} }

const challenge = `Bearer realm="rollbook"`

// New returns the handler of the routes. It fails without users or auth: there is no
// access without a credential. It is safe for concurrent use.
func New(users *enduser.Manager, auth httpapi.Authenticator, opts *Options) (http.Handler, error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	host, err := vendor.Host("magickmind", users, auth, o.Options, Policy())
	if err != nil {
		return nil, err
	}
	a := &api{host}
	routes := a.routes()
	if o.Login != nil {
		routes = append(routes, newLogins(&o).routes()...)
	}
	config := host.Config(family.Bearer, challenge)
	config.Explain = explain
	config.Append = appendProblem
	config.ProblemType = "application/json"
	return rest.New(config, routes...), nil
}

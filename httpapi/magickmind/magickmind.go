package magickmind

import (
	"net/http"
	"net/netip"

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

	// LoginRate is how often logging in to one account may fail from one client. What is
	// zero means 10 times, and a minute. The failure beyond it is 429, as is whatever
	// comes then, until it is long enough ago. Logging in as it should does not count: it
	// has a limit of its own, of 100 times as often. Of tries at once, so many ask the
	// host as may fail, and up to 1,000 wait for them. Negative Requests: no limit.
	//
	// From all clients together an account may fail 10 times as often, whether there is
	// such an account or not. So one client keeps nobody else out, and who has ten
	// addresses keeps others from logging in to one account, but not from going on with a
	// refresh token.
	//
	// The counts are this handler's: several let through so many times more. They are
	// kept under hashes, for so many accounts and clients as 64 MiB hold; then those are
	// forgotten that have not been used for longest.
	LoginRate httpapi.Rate

	// ClientAddr returns the address of the client that a request comes from; all of a
	// network of 64 bits in IPv6 are one client. With it one client may fail 10 times as
	// often as LoginRate says with all accounts and refresh tokens together. Beyond that
	// it is refused before its body is read.
	//
	// Nil: the request's RemoteAddr, without that limit. Behind a proxy all clients have
	// that address: one could keep all others out, and one account has one limit.
	ClientAddr func(*http.Request) netip.Addr
}

// Policy returns the policy of this family: external IDs of up to 255 characters, also
// such as "undefined", which the vendor takes.
func Policy() enduser.Policy { return enduser.Policy{MaxExternalID: 255, Placeholders: true} }

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

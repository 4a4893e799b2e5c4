package magickmind

import (
	"net/http"
	"net/netip"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/internal/family"
	"github.com/rollbook-go/rollbook/httpapi/internal/foreign"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
)

// Options are the settings of a handler. The zero value is ready to use.
type Options struct {
	// Options are the settings of every family of routes. A zero field of Policy stands for
	// that of the function [Policy].
	httpapi.Options

	// Login lets the host's accounts log in for a bearer token. If it is nil, the routes for
	// that are 404, and the others work with tokens from elsewhere.
	Login Login

	// LoginRate is how often a login to one account may fail from one client. Zero fields
	// mean 10 times and a minute. The failure beyond the limit is 429, and so is every
	// login after it until the limit holds again. Successful logins do not count; they have
	// a limit of their own, 100 times as high. Negative Requests mean no limits.
	//
	// From all clients together, logins to one account may fail 10 times as often, whether
	// the account exists or not. So one client locks nobody else out. An attacker with ten
	// addresses can keep others from logging in to one account, but not from going on with
	// a refresh token.
	//
	// If only n more attempts may fail, about n at a time reach the host, and up to 1,000
	// others wait for them. Each handler counts for itself, so several handlers allow
	// several times as much. Counts are kept under hashes, in at most 64 MiB; beyond that
	// the least recently used are forgotten.
	LoginRate httpapi.Rate

	// ClientAddr returns the address of the client that sent a request. In IPv6 a network of
	// 64 bits is one client. If ClientAddr is set, one client may fail 10 times as often as
	// LoginRate says with all accounts and refresh tokens together. Beyond that its requests
	// are refused before their body is read.
	//
	// If it is nil, the client is the request's RemoteAddr, without that limit. Behind a
	// proxy all clients share that address: then each account has one limit for all of
	// them.
	ClientAddr func(*http.Request) netip.Addr
}

// Policy returns the policy of this family: external IDs of up to 255 characters, including
// those such as "undefined", which the vendor accepts.
func Policy() enduser.Policy { return enduser.Policy{MaxExternalID: 255, Placeholders: true} }

const challenge = `Bearer realm="rollbook"`

// New returns the handler of MagickMind's routes. It is safe for concurrent use. It returns
// an error if users or auth is nil.
func New(users *enduser.Manager, auth httpapi.Authenticator, opts *Options) (http.Handler, error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	host, err := foreign.Host("magickmind", users, auth, o.Options, Policy())
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

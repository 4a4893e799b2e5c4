package httpapi

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/internal/family"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
)

// Principal is what a credential stands for.
type Principal struct {
	Tenant      string              // required
	Environment enduser.Environment // zero: Customer
	Actor       string              // the person or program of the tenant that writes are attributed to

	// ReadOnly refuses every write with 403.
	ReadOnly bool

	// Credential is a name of the credential that is not secret, for rate limits.
	// Empty: all credentials of the tenant's environment share their limits.
	Credential string
}

// In returns the handle that the principal's calls are made through.
func (p Principal) In(users *enduser.Manager) enduser.Tenant {
	return users.Tenant(p.Tenant).In(p.Environment).As(p.Actor)
}

// ErrUnauthorized is what an Authenticator returns for a credential that is
// missing or not valid. The answer is 401, whatever the reason.
var ErrUnauthorized = family.ErrUnauthorized

// Authenticator returns what a request's credential stands for. The credential comes from
// the header of the family of routes, which is Authorization: Bearer for the native one. It
// is "" if there is none, or more than one. The request is for hosts that authenticate
// otherwise.
//
// ErrUnauthorized is answered with 401, any other error with 503.
//
// A request for /v1/changes that has waited is authenticated, and authorized, again before it
// shows what has changed.
type Authenticator func(r *http.Request, credential string) (Principal, error)

// Action is what a request is about to do, for [Options].Authorize.
type Action struct {
	// Name is an operationId of the OpenAPI document, e.g. "createEndUser". A route that
	// takes an external ID has the name of the route that takes the ID: "getEndUser".
	//
	// A route of another family has the name of the native route that does the same. If it
	// takes or shows more, Authorize is called for further names, as its package says:
	// "updateSensitive" for sensitive values in a body of package ada. One name has no
	// native route: "revealGroupToken", for which package explo calls Authorize before it
	// shows the token of a group that exists.
	Name  string
	Write bool
}

// ErrForbidden is what Authorize returns to refuse: 403.
var ErrForbidden = family.ErrForbidden

// Options are the settings of a handler. The zero value is ready to use.
type Options struct {
	// Policy is the policy of writes, unless enduser.Options has one for the tenant. In a
	// family that speaks the wire format of another product, fields that are zero have the
	// values of that family's policy.
	Policy enduser.Policy

	// PolicyOf returns the policy of a tenant, for hosts whose tenants differ. Its zero fields
	// have the values of Policy, and UniqueEmail and Placeholders hold where either has them.
	// It is called for each request: it must be fast and safe for concurrent use. Nil: Policy
	// holds for every tenant.
	PolicyOf func(tenant string) enduser.Policy

	// Authorize returns ErrForbidden to refuse an action; other errors are answered with
	// 503. It is called again for each further action that a request comes to, before that
	// is done; see Rights in the package's documentation. It should be quick: other requests
	// may wait to write the same user. Nil: a ReadOnly principal may only read, and others
	// may do everything.
	Authorize func(ctx context.Context, p Principal, a Action) error

	// Limiter counts requests by credential. Rates are the limits, which all hold at once;
	// without Rates nothing is limited. Nil Limiter: one in this process.
	Limiter Limiter
	Rates   []Rate

	// RatesOf returns the rates of a credential that has its own, in place of Rates. If it
	// returns nil, Rates hold; an empty list is no limit. It is called for each request: it must
	// be fast and safe for concurrent use. Nil: Rates hold for every credential.
	RatesOf func(Principal) []Rate

	// BulkRates are the limits of rows that one credential sends to /v1/end-users:bulk, beside
	// Rates, which count the request as one. A request with more rows than a rate allows at once
	// is answered with 413 and how many it may have. Nil: 20,000 rows in 10 s, of which every
	// Limiter of this module allows 10,000 at once, as many as a request may have. Empty: no
	// limits.
	BulkRates []Rate

	MaxBulk int64         // bytes of a body of /v1/end-users:bulk; 0: 32 MiB, or a quarter of BodyMemory if that is less
	BulkFor time.Duration // for working on one, without reading it; 0: a minute

	MaxBody     int64         // bytes of a request body, and of one row; 0: 1 MiB
	BodyTimeout time.Duration // for reading a body; 0: 30 s

	// BodyMemory is how many bytes all bodies of more than 16 KiB may take at once, counted
	// while they are read. One tenant may take half of it, and one credential a quarter. A
	// request that needs more is answered with 429, or 503 if the whole is used up, with the
	// code bodies-in-flight and Retry-After. One body of MaxBody or MaxBulk by itself is always
	// allowed. 0: 64 MiB, or four times MaxBody if that is more.
	//
	// Of one tenant's requests with such bodies, half as many are worked on at once as there
	// are processors, and at least one; the others wait for their turn. Bulk requests have turns
	// of their own, as many.
	BodyMemory int64

	// ReadFor limits how long a request for a list, for changes or for many users may read the
	// store. After that the answer is 503 with the code read-timeout and, of a list or changes, a
	// cursor from which to continue.
	// The wait of a long poll does not count. 0: 10 s.
	ReadFor time.Duration

	// Closing ends long polls when it is closed, so that a server can shut down.
	Closing <-chan struct{}

	// Logger gets failures of the server. Nil: they are not logged.
	Logger *slog.Logger
}

// New returns a handler of the native routes, which is safe for concurrent use. New fails
// without users or auth: there is no access without a credential.
func New(users *enduser.Manager, auth Authenticator, opts *Options) (http.Handler, error) {
	if users == nil || auth == nil {
		return nil, errors.New("httpapi: new: users and auth are required")
	}
	var o Options
	if opts != nil {
		o = *opts
	}
	a := &api{Host: o.host(users, auth)}
	config := a.Config(family.Bearer, challenge)
	config.Append = appendProblem
	config.ProblemType = "application/problem+json"
	config.MergePatch = true
	a.handler = rest.New(config, a.repeatable(a.routes())...)
	return a, nil
}

const challenge = `Bearer realm="rollbook"`

// host returns the settings as every family has them.
func (o Options) host(users *enduser.Manager, auth Authenticator) family.Host {
	h := family.Host{
		Family: "native",
		Users:  users,
		Policy: o.Policy, PolicyOf: o.PolicyOf,
		Authenticate: func(r *http.Request, credential string) (family.Principal, error) {
			p, err := auth(r, credential)
			return family.Principal(p), err
		},
		MaxBulk: o.MaxBulk, BulkFor: o.BulkFor,
		MaxBody: o.MaxBody, BodyTimeout: o.BodyTimeout, BodyMemory: o.BodyMemory, ReadFor: o.ReadFor, Closing: o.Closing, Logger: o.Logger,
	}
	if o.Authorize != nil {
		h.Authorize = func(ctx context.Context, p family.Principal, a family.Action) error {
			return o.Authorize(ctx, Principal(p), Action(a))
		}
	}
	if o.BulkRates == nil {
		o.BulkRates = []Rate{{Requests: 2 * maxRows, Per: 10 * time.Second}}
	}
	if o.Limiter == nil {
		o.Limiter = NewLimiter()
	}
	allow := func(ctx context.Context, key string, n int, rates []Rate) (family.Decision, error) {
		d, err := o.Limiter.Allow(ctx, key, n, rates)
		return family.Decision{
			Allowed: d.Allowed, Wait: d.Wait, Requests: d.Limit.Requests, Per: d.Limit.Per, Remaining: d.Remaining, Reset: d.Reset, Most: d.Most,
		}, err
	}
	if len(o.Rates) > 0 || o.RatesOf != nil {
		h.Limit = func(ctx context.Context, p family.Principal, key string) (family.Decision, bool, error) {
			rates := o.Rates
			if o.RatesOf != nil {
				if own := o.RatesOf(Principal(p)); own != nil {
					rates = own
				}
			}
			if len(rates) == 0 {
				return family.Decision{}, false, nil
			}
			d, err := allow(ctx, key, 1, rates)
			return d, true, err
		}
	}
	if len(o.BulkRates) > 0 {
		h.LimitRows = func(ctx context.Context, key string, n int) (family.Decision, error) {
			return allow(ctx, key, n, o.BulkRates)
		}
	}
	return h.WithDefaults()
}

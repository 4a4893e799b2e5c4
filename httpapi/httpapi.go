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
	Actor       string              // who, of the tenant's people or programs; stamped on writes

	// ReadOnly refuses everything that writes, with 403.
	ReadOnly bool

	// Credential names the credential, for rate limits, without being secret.
	// Empty: all credentials of the tenant's environment share their limits.
	Credential string
}

// In returns the handle that the principal's calls are made through.
func (p Principal) In(users *enduser.Manager) enduser.Tenant {
	return users.Tenant(p.Tenant).In(p.Environment).As(p.Actor)
}

// ErrUnauthorized is what an Authenticator returns for a credential that is
// missing or not valid. It is answered with 401, whatever the reason.
var ErrUnauthorized = family.ErrUnauthorized

// Authenticator says what a request's credential stands for. The credential is the
// one that the family of routes takes out of its own header, the native one out of
// Authorization: Bearer; it is "" if there is none, or more than one. The request
// is for hosts that authenticate otherwise.
//
// ErrUnauthorized is answered with 401, any other error with 503.
type Authenticator func(r *http.Request, credential string) (Principal, error)

// Action is what a request is about to do, for [Options].Authorize.
type Action struct {
	// Name is the operationId of the OpenAPI document, e.g. "createEndUser". Routes
	// that take an external ID have the name of the one that takes the ID: "getEndUser".
	// Routes of other families have the name of the native one that does the same. Where
	// one takes or shows more than that does, further names are asked about, as its package
	// says: "updateSensitive" for sensitive values in a body of package ada. One action has
	// no route: "revealGroupToken", which package explo asks about before it shows the
	// token that a group has already.
	Name  string
	Write bool
}

// ErrForbidden is what Authorize returns to refuse: 403.
var ErrForbidden = family.ErrForbidden

// Options are the settings of a handler. The zero value is good.
type Options struct {
	// Policy is the policy of writes, unless the host set one for the tenant in
	// enduser.Options. For a family of routes that speaks the wire format of another
	// product, what is zero is what that family says.
	Policy enduser.Policy

	// Authorize may refuse what a credential is about to do, with ErrForbidden. It is
	// called again for each further action that a request comes to, before that is done;
	// see Rights in the package's documentation. It should be quick: others may wait to
	// write the same user. Other errors are answered with 503. Nil: a ReadOnly principal may only read,
	// others everything.
	Authorize func(ctx context.Context, p Principal, a Action) error

	// Limiter counts requests by credential, and Rates are the limits that hold,
	// all at once. Without Rates there are none. Nil Limiter: one in this process.
	Limiter Limiter
	Rates   []Rate

	MaxBody     int64         // bytes of a request body; 0: 1 MiB
	BodyTimeout time.Duration // for reading a body; 0: 30 s

	// BodyMemory is how many bytes the bodies that have more than 16 KiB may take at
	// once, counted as they come: those of one credential a quarter, and of one tenant
	// half. Beyond that a request is answered with 429 (503 where it is the whole that is
	// used up), with the code bodies-in-flight and Retry-After. A body of MaxBody by
	// itself is always allowed. 0: 64 MiB, or four times MaxBody if that is more.
	//
	// Of the requests with such bodies half as many of one tenant are worked on at once as
	// there are processors, and at least one; the others wait for their turn.
	BodyMemory int64

	// ReadFor is how long a request for a list or for changes may look for what it is to
	// answer; after that the answer is 503 with the code read-timeout, and has the cursor
	// from which to go on. It is not for the wait of a long poll. 0: 10 s.
	ReadFor time.Duration

	// Closing ends long polls when it is closed, so that a server can shut down.
	Closing <-chan struct{}

	// Logger is told of failures of the server. Nil: nobody.
	Logger *slog.Logger
}

// New returns the handler of the native routes. It fails without users or auth:
// there is no access without a credential. It is safe for concurrent use.
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
	a.handler = rest.New(config, a.routes()...)
	return a, nil
}

const challenge = `Bearer realm="rollbook"`

// host returns the settings as every family has them.
func (o Options) host(users *enduser.Manager, auth Authenticator) family.Host {
	h := family.Host{
		Users:  users,
		Policy: o.Policy,
		Authenticate: func(r *http.Request, credential string) (family.Principal, error) {
			p, err := auth(r, credential)
			return family.Principal(p), err
		},
		MaxBody: o.MaxBody, BodyTimeout: o.BodyTimeout, BodyMemory: o.BodyMemory, ReadFor: o.ReadFor, Closing: o.Closing, Logger: o.Logger,
	}
	if o.Authorize != nil {
		h.Authorize = func(ctx context.Context, p family.Principal, a family.Action) error {
			return o.Authorize(ctx, Principal(p), Action(a))
		}
	}
	if len(o.Rates) > 0 {
		if o.Limiter == nil {
			o.Limiter = NewLimiter()
		}
		h.Limit = func(ctx context.Context, key string) (family.Decision, error) {
			d, err := o.Limiter.Allow(ctx, key, o.Rates)
			return family.Decision{
				Allowed: d.Allowed, Wait: d.Wait, Requests: d.Limit.Requests, Per: d.Limit.Per, Remaining: d.Remaining, Reset: d.Reset,
			}, err
		}
	}
	return h.WithDefaults()
}

package httpapi

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
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
var ErrUnauthorized = errors.New("httpapi: unauthorized")

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
	// of other families have the name of the native one that does the same. Where
	// one takes or shows more than that does, sensitive values with an update or the
	// token of a group for example, its package says so.
	Name  string
	Write bool
}

// ErrForbidden is what Authorize returns to refuse: 403.
var ErrForbidden = errors.New("httpapi: forbidden")

// Options are the settings of a handler. The zero value is good.
type Options struct {
	// Policy is the policy of writes, unless the host set one for the tenant in
	// enduser.Options.
	Policy enduser.Policy

	// Authorize may refuse what a credential is about to do, with ErrForbidden. It is
	// called again for each further action that a request may come to.
	// Other errors are answered with 503. Nil: a ReadOnly principal may only read,
	// others everything.
	Authorize func(ctx context.Context, p Principal, a Action) error

	// Limiter counts requests by credential, and Rates are the limits that hold,
	// all at once. Without Rates there are none. Nil Limiter: one in this process.
	Limiter Limiter
	Rates   []Rate

	MaxBody     int64         // bytes of a request body; 0: 1 MiB
	BodyTimeout time.Duration // for reading a body; 0: 30 s

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
	a := &api{users: users, options: o}
	config := Family(auth, &o, Bearer, challenge)
	config.Append = appendProblem
	config.ProblemType = "application/problem+json"
	config.MergePatch = true
	return &native{rest.New(config, a.routes()...), rest.New(config, a.sensitiveRoutes()...)}, nil
}

// Family is not for hosts: it returns the configuration that the families of routes,
// the packages below this one, have in common. A family takes the credential out of its own
// header, and its answer to a bad one has a challenge (RFC 9110 section 11.6.1; ""
// for none).
func Family(auth Authenticator, o *Options, credential func(http.Header) string, challenge string) rest.Config[Principal] {
	if o.MaxBody <= 0 {
		o.MaxBody = 1 << 20
	}
	if o.BodyTimeout <= 0 {
		o.BodyTimeout = 30 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Limiter == nil && len(o.Rates) > 0 {
		o.Limiter = NewLimiter()
	}
	return rest.Config[Principal]{
		Authenticate: func(r *http.Request) (Principal, error) {
			p, err := auth(r, credential(r.Header))
			switch {
			case errors.Is(err, ErrUnauthorized), err == nil && p.Tenant == "":
				return p, rest.Unauthorized(challenge)
			case err != nil:
				return p, rest.Unavailable("unavailable", "The credential could not be checked.").Because(err)
			}
			p.Environment = cmp.Or(p.Environment, enduser.Customer)
			return p, nil
		},
		Admit:       o.admit,
		Explain:     explain,
		MaxBody:     o.MaxBody,
		BodyTimeout: o.BodyTimeout,
		Logger:      o.Logger,
	}
}

const challenge = `Bearer realm="rollbook"`

// admit judges rates first: who may do nothing can still be too fast.
func (o *Options) admit(h http.Header, r *http.Request, p Principal, access *rest.Access) error {
	if len(o.Rates) > 0 {
		if err := o.limit(h, r, p); err != nil {
			return err
		}
	}
	if o.Authorize == nil {
		if access.Write && p.ReadOnly {
			return rest.Forbidden()
		}
		return nil
	}
	for _, name := range []string{access.Action, access.Also} {
		if name == "" {
			continue
		}
		switch err := o.Authorize(r.Context(), p, Action{Name: name, Write: access.Write}); {
		case err == nil:
		case errors.Is(err, ErrForbidden):
			return rest.Forbidden()
		default:
			return rest.Unavailable("unavailable", "The rights of the credential could not be checked.").Because(err)
		}
	}
	return nil
}

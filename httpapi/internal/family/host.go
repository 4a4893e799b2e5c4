package family

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
)

type (
	// Call is one request of any family on its way to its answer.
	Call = rest.Call[Principal]

	// Route is one route of any family.
	Route = rest.Route[Principal]
)

// Principal is what a credential stands for; see httpapi.Principal.
type Principal struct {
	Tenant      string
	Environment enduser.Environment
	Actor       string
	ReadOnly    bool
	Credential  string
}

// key returns a name of the credential, which no other has.
func (p *Principal) key() string {
	return p.Tenant + "\x00" + string(p.Environment) + "\x00" + p.Credential
}

// Action is what a request is about to do; see httpapi.Action.
type Action struct {
	Name  string
	Write bool
}

// The errors by which the host refuses a request.
var (
	ErrUnauthorized = errors.New("httpapi: unauthorized")
	ErrForbidden    = errors.New("httpapi: forbidden")
)

// Host is what the host of a family has set up; see httpapi.Options, whose zero values
// are good here, too.
type Host struct {
	Users  *enduser.Manager
	Policy enduser.Policy

	Authenticate func(r *http.Request, credential string) (Principal, error)
	Authorize    func(context.Context, Principal, Action) error          // nil: ReadOnly alone decides
	Limit        func(ctx context.Context, key string) (Decision, error) // nil: no limits

	MaxBody     int64
	BodyTimeout time.Duration
	BodyMemory  int64
	ReadFor     time.Duration
	Closing     <-chan struct{}
	Logger      *slog.Logger
}

// WithDefaults returns the host with the defaults of what is zero.
func (h Host) WithDefaults() Host {
	const (
		maxBody     = 1 << 20
		bodyTimeout = 30 * time.Second
		readFor     = 10 * time.Second
	)
	if h.MaxBody <= 0 {
		h.MaxBody = maxBody
	}
	if h.BodyTimeout <= 0 {
		h.BodyTimeout = bodyTimeout
	}
	if h.ReadFor <= 0 {
		h.ReadFor = readFor
	}
	if h.Logger == nil {
		h.Logger = slog.New(slog.DiscardHandler)
	}
	return h
}

// Tenant returns the handle that a call's users and groups are reached through.
func (h *Host) Tenant(c *Call) enduser.Tenant {
	p := c.Principal
	return h.Users.Tenant(p.Tenant).In(p.Environment).As(p.Actor).With(h.Policy)
}

// Config returns the configuration of a family that takes the credential out of its own
// header, and whose answer to a bad one has a challenge (RFC 9110 section 11.6.1; "" for
// none). What is left to the family are Append and ProblemType, and Explain where it has
// names of its own.
func (h *Host) Config(credential func(http.Header) string, challenge string) rest.Config[Principal] {
	return rest.Config[Principal]{
		Authenticate: func(r *http.Request) (Principal, error) {
			p, err := h.Authenticate(r, credential(r.Header))
			switch {
			case errors.Is(err, ErrUnauthorized), err == nil && p.Tenant == "":
				return p, rest.Unauthorized(challenge)
			case err != nil:
				return p, rest.Unavailable("unavailable", "The credential could not be checked.").Because(err)
			}
			p.Environment = cmp.Or(p.Environment, enduser.Customer)
			return p, nil
		},
		Allow:       h.checkAccess,
		Explain:     Explain,
		ShowHolder:  h.showHolder,
		Names:       func(p Principal) (string, string) { return p.Tenant, p.key() },
		MaxBody:     h.MaxBody,
		BodyTimeout: h.BodyTimeout,
		BodyMemory:  h.BodyMemory,
		Logger:      h.Logger,
	}
}

// checkAccess counts a request before it checks its rights: one that has none can still be too
// many.
func (h *Host) checkAccess(header http.Header, r *http.Request, p Principal, access *rest.Access) error {
	if h.Limit != nil {
		if err := h.limit(header, r, p); err != nil {
			return err
		}
	}
	return h.allow(r.Context(), p, Action{Name: access.Action, Write: access.Write})
}

func (h *Host) allow(ctx context.Context, p Principal, a Action) error {
	if h.Authorize == nil {
		if a.Write && p.ReadOnly {
			return rest.Forbidden()
		}
		return nil
	}
	switch err := h.Authorize(ctx, p, a); {
	case err == nil:
		return nil
	case errors.Is(err, ErrForbidden):
		return rest.Forbidden()
	default:
		return rest.Unavailable("unavailable", "The rights of the credential could not be checked.").Because(err)
	}
}

// Allow refuses a further action that a call has come to, beside its route's own, if the
// credential has no right to it.
func (h *Host) Allow(c *Call, action string, write bool) error {
	return h.allow(c.Request.Context(), c.Principal, Action{Name: action, Write: write})
}

// Asking returns the condition that the credential has the right to do an action with the
// user that is there. It is asked once, however often the condition is.
func (h *Host) Asking(c *Call, action string, write bool) enduser.Condition {
	ask := h.asking(c, action, write)
	return enduser.IfUser(func(enduser.User) error { return ask() })
}

func (h *Host) asking(c *Call, action string, write bool) func() error {
	return sync.OnceValue(func() error { return h.Allow(c, action, write) })
}

// showHolder reports whether the credential may see who has what is taken.
func (h *Host) showHolder(c *Call, p *rest.Problem) bool {
	action := "getEndUser"
	if p.Kind == "group" {
		action = "getGroup"
	}
	return h.Allow(c, action, false) == nil
}

// Confirm is for answers of 409 to a create, which clients take for "it exists": where the
// user in the way goes by what identifies the new one and is provisional, it is made
// permanent first, if the credential has the right to associateEndUser. It returns the
// error that the call ends with: err, unless that could not be done.
func (h *Host) Confirm(c *Call, t enduser.Tenant, spec *enduser.Spec, err error) error {
	conflict, ok := errors.AsType[*enduser.ConflictError](err)
	if !ok || conflict.Field != identifying(spec) {
		return err
	}
	conds := append(Conditions(c), h.AskingToKeep(c))
	_, failed := t.Associate(c.Request.Context(), enduser.ByID(conflict.HolderID), conds...)
	p := Explain(failed)
	switch {
	case failed == nil:
		return err
	case p != nil && (p.Status == http.StatusForbidden || p.Status == http.StatusNotFound || p.Status == http.StatusPreconditionFailed):
		return err
	default:
		return failed
	}
}

// identifying returns the member by which a conflict names the user that a spec
// identifies; see [enduser.Tenant.Ensure].
func identifying(spec *enduser.Spec) string {
	switch {
	case spec.ExternalID != "":
		return "external_id"
	case len(spec.Accounts) > 0:
		return "linked_accounts"
	default:
		return "email"
	}
}

// AskingToKeep returns the condition that the credential has the right to associateEndUser
// if the user that is there is provisional: for what makes it permanent.
func (h *Host) AskingToKeep(c *Call) enduser.Condition {
	ask := h.asking(c, "associateEndUser", true)
	return enduser.IfUser(func(u enduser.User) error {
		if u.ExpiresAt.IsZero() {
			return nil
		}
		return ask()
	})
}

// Decision is what a limiter says of a request; see httpapi.Decision.
type Decision struct {
	Allowed   bool
	Wait      time.Duration
	Requests  int // with Per, the limit that is closest to being reached
	Per       time.Duration
	Remaining int
	Reset     time.Duration
}

// limit asks the limiter and sets the RateLimit fields
// (draft-ietf-httpapi-ratelimit-headers).
func (h *Host) limit(header http.Header, r *http.Request, p Principal) error {
	d, err := h.Limit(r.Context(), p.key())
	if err != nil {
		return rest.Unavailable("unavailable", "The rate limit could not be checked.").Because(err)
	}
	rest.SetRateLimit(header, int64(d.Requests), d.Per, int64(d.Remaining), d.Reset)
	if !d.Allowed {
		return rest.TooMany(d.Wait)
	}
	return nil
}

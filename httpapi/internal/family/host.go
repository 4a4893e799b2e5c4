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

// Key returns a name of the credential that no other credential has.
func (p *Principal) Key() string {
	return p.Tenant + "\x00" + string(p.Environment) + "\x00" + p.Credential
}

// Action is what a request is about to do; see httpapi.Action.
type Action struct {
	Name  string
	Write bool
}

// The errors by which the host refuses a request; see package httpapi.
var (
	ErrUnauthorized = errors.New("httpapi: unauthorized")
	ErrForbidden    = errors.New("httpapi: forbidden")
)

// Host has the settings of the program that embeds a family; see httpapi.Options.
type Host struct {
	Family string // its name, such as "ada"
	Users  *enduser.Manager
	Policy enduser.Policy

	// PolicyOf returns the policy of a tenant, whose zero fields are those of Policy. Nil: none
	// has its own.
	PolicyOf func(tenant string) enduser.Policy

	Authenticate func(r *http.Request, credential string) (Principal, error)
	Authorize    func(context.Context, Principal, Action) error // nil: ReadOnly alone decides

	// Limit counts a request of a credential, unless that has no limits. Nil: none has.
	Limit func(ctx context.Context, p Principal, key string) (d Decision, limited bool, err error)

	// LimitRows counts n rows at once; nil: no limits.
	LimitRows func(ctx context.Context, key string, n int) (Decision, error)

	MaxBulk int64
	BulkFor time.Duration

	MaxBody     int64
	BodyTimeout time.Duration
	BodyMemory  int64
	ReadFor     time.Duration
	Closing     <-chan struct{}
	Logger      *slog.Logger
}

// WithDefaults returns the host with defaults in place of zero values.
func (h Host) WithDefaults() Host {
	const (
		maxBody     = 1 << 20
		bodyTimeout = 30 * time.Second
		readFor     = 10 * time.Second
		maxBulk     = 32 << 20
		bulkFor     = time.Minute
	)
	if h.MaxBulk <= 0 {
		h.MaxBulk = maxBulk
		if h.BodyMemory > 0 {
			h.MaxBulk = min(h.MaxBulk, h.BodyMemory/4)
		}
	}
	if h.BulkFor <= 0 {
		h.BulkFor = bulkFor
	}
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
	p, policy := c.Principal, h.Policy
	if h.PolicyOf != nil {
		policy = h.PolicyOf(p.Tenant).Or(policy)
	}
	return h.Users.Tenant(p.Tenant).In(p.Environment).As(p.Actor).With(policy)
}

// Config returns the configuration of a family. The function credential takes the credential
// out of the family's header. The answer to an invalid one has the challenge (RFC 9110
// section 11.6.1), unless that is "". The family itself sets Append and ProblemType, and
// Explain if it has names of its own.
func (h *Host) Config(credential func(http.Header) string, challenge string) rest.Config[Principal] {
	return rest.Config[Principal]{
		Family: h.Family,
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
		Allow:       h.CheckAccess,
		Explain:     Explain,
		ShowHolder:  h.showHolder,
		Names:       func(p Principal) (string, string) { return p.Tenant, p.Key() },
		MaxBody:     h.MaxBody,
		BodyTimeout: h.BodyTimeout,
		BodyMemory:  h.BodyMemory,
		Logger:      h.Logger,
	}
}

// CheckAccess counts a request and then checks its rights. A request without rights counts,
// too. A route without an action asks for rights itself.
func (h *Host) CheckAccess(header http.Header, r *http.Request, p Principal, access *rest.Access) error {
	if h.Limit != nil {
		if err := h.limit(header, r, p); err != nil {
			return err
		}
	}
	if access.Action == "" {
		return nil
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

// Allow returns a problem if the credential has no right to an action. It is for the actions
// that a call comes to beside its route's own. What Authorize writes itself does not count as
// the request's effect.
func (h *Host) Allow(c *Call, action string, write bool) error {
	return h.allow(enduser.WithoutIdempotency(c.Request.Context()), c.Principal, Action{Name: action, Write: write})
}

// IfAllowed returns the condition that the credential has the right to an action, if the user
// exists. It calls Authorize once, however often the condition is checked.
func (h *Host) IfAllowed(c *Call, action string, write bool) enduser.Condition {
	allow := h.allowOnce(c, action, write)
	return enduser.IfUser(func(enduser.User) error { return allow() })
}

func (h *Host) allowOnce(c *Call, action string, write bool) func() error {
	return sync.OnceValue(func() error { return h.Allow(c, action, write) })
}

// showHolder reports whether the credential may see the holder of what is taken.
func (h *Host) showHolder(c *Call, p *rest.Problem) bool { return h.ShowsHolder(c, p.Kind) }

// ShowsHolder reports whether the credential may see holders of a kind.
func (h *Host) ShowsHolder(c *Call, kind string) bool {
	action := "getEndUser"
	if kind == "group" {
		action = "getGroup"
	}
	return h.Allow(c, action, false) == nil
}

// Confirm is for a create that ends with 409. Clients take that for "the user exists", so
// Confirm makes the holder permanent if it is provisional, has what identifies the new user,
// and the credential has the right to associateEndUser. It returns err, or the error by
// which that failed.
func (h *Host) Confirm(c *Call, t enduser.Tenant, spec *enduser.Spec, err error) error {
	conflict, ok := errors.AsType[*enduser.ConflictError](err)
	if !ok || conflict.Field != identifying(spec) {
		return err
	}
	conds := append(Conditions(c), h.IfMayKeep(c))
	ctx := enduser.WithoutIdempotency(c.Request.Context()) // the answer is a refusal
	_, failed := t.Associate(ctx, enduser.ByID(conflict.HolderID), conds...)
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

// identifying returns the member that identifies the user of a spec; see
// [enduser.Tenant.Ensure].
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

// IfMayKeep returns the condition that the credential has the right to associateEndUser,
// if the user exists and is provisional. It is for writes that make a user permanent.
func (h *Host) IfMayKeep(c *Call) enduser.Condition {
	allow := h.allowOnce(c, "associateEndUser", true)
	return enduser.IfUser(func(u enduser.User) error {
		if u.ExpiresAt.IsZero() {
			return nil
		}
		return allow()
	})
}

// Decision is a limiter's answer about a request; see httpapi.Decision.
type Decision struct {
	Allowed   bool
	Wait      time.Duration
	Requests  int // with Per, the limit that is closest to being reached
	Per       time.Duration
	Remaining int
	Reset     time.Duration
	Most      int
}

// limit counts a request and sets the RateLimit fields
// (draft-ietf-httpapi-ratelimit-headers).
func (h *Host) limit(header http.Header, r *http.Request, p Principal) error {
	d, limited, err := h.Limit(r.Context(), p, p.Key())
	switch {
	case err != nil:
		return rest.Unavailable("unavailable", "The rate limit could not be checked.").Because(err)
	case !limited:
		return nil
	}
	rest.SetRateLimit(header, "default", int64(d.Requests), d.Per, int64(d.Remaining), d.Reset)
	if !d.Allowed {
		return rest.TooMany(d.Wait)
	}
	return nil
}

// AllowRows counts n rows of a call and sets the RateLimit fields. It returns a problem if they
// are too many now, or at once.
func (h *Host) AllowRows(c *Call, n int) error {
	if h.LimitRows == nil || n == 0 {
		return nil
	}
	d, err := h.LimitRows(c.Request.Context(), c.Principal.Key()+"\x00rows", n)
	if err != nil {
		return rest.Unavailable("unavailable", "The rate limit could not be checked.").Because(err)
	}
	rest.SetRateLimit(c.Header(), "rows", int64(d.Requests), d.Per, int64(d.Remaining), d.Reset)
	switch {
	case d.Allowed:
		return nil
	case d.Most > 0:
		return rest.TooManyRows(d.Most)
	}
	return rest.TooMany(d.Wait)
}

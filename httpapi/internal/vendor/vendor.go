// Package vendor makes what the families that speak other products' wire formats have
// from the settings of package httpapi.
package vendor

import (
	"context"
	"errors"
	"net/http"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/internal/family"
)

// Host returns the host of the family with that name, whose own policy is what the host's
// leaves zero. It fails without users or auth.
func Host(name string, users *enduser.Manager, auth httpapi.Authenticator, o httpapi.Options, own enduser.Policy) (*family.Host, error) {
	if users == nil || auth == nil {
		return nil, errors.New(name + ": new: users and auth are required")
	}
	h := family.Host{
		Users:  users,
		Policy: o.Policy.Or(own),
		Authenticate: func(r *http.Request, credential string) (family.Principal, error) {
			p, err := auth(r, credential)
			return family.Principal(p), err
		},
		MaxBody: o.MaxBody, BodyTimeout: o.BodyTimeout, BodyMemory: o.BodyMemory, ReadFor: o.ReadFor, Closing: o.Closing, Logger: o.Logger,
	}
	if o.Authorize != nil {
		h.Authorize = func(ctx context.Context, p family.Principal, a family.Action) error {
			return o.Authorize(ctx, httpapi.Principal(p), httpapi.Action(a))
		}
	}
	if len(o.Rates) > 0 {
		if o.Limiter == nil {
			o.Limiter = httpapi.NewLimiter()
		}
		h.Limit = func(ctx context.Context, key string) (family.Decision, error) {
			d, err := o.Limiter.Allow(ctx, key, o.Rates)
			return family.Decision{
				Allowed: d.Allowed, Wait: d.Wait, Requests: d.Limit.Requests, Per: d.Limit.Per, Remaining: d.Remaining, Reset: d.Reset,
			}, err
		}
	}
	h = h.WithDefaults()
	return &h, nil
}

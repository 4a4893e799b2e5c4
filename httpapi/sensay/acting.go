package sensay

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/internal/family"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
)

// identity is how a request names a user: by the id that this family shows or, if there
// is an account type, by the ID of a linked account.
type identity struct{ id, accountType string }

func (i identity) ref() enduser.Ref {
	if i.accountType != "" {
		return enduser.ByAccount(enduser.Account{Type: i.accountType, ID: i.id})
	}
	return enduser.ByEitherID(i.id)
}

// find returns the user. It returns ErrNotFound also for a text that cannot be an id.
func (i identity) find(ctx context.Context, t enduser.Tenant) (enduser.User, error) {
	u, err := t.Get(ctx, i.ref())
	if errors.Is(err, enduser.ErrInvalid) {
		err = enduser.ErrNotFound
	}
	return u, err
}

// names reports whether a user of the tenant goes by the identity.
func (i identity) names(t enduser.Tenant, u *enduser.User) bool {
	if i.accountType != "" {
		return slices.Contains(u.Accounts, enduser.Account{Type: i.accountType, ID: i.id})
	}
	return i.id == u.ID || t.SameExternalID(i.id, shownID(u))
}

// acting is the user that a request acts as.
type acting struct {
	identity
	user   enduser.User
	tenant enduser.Tenant
}

func (me *acting) ref() enduser.Ref { return enduser.ByID(me.user.ID) }

// conditions returns the preconditions of a write: the user still goes by the identity
// that the request gave, and the request's If-Match and If-None-Match hold.
func (me *acting) conditions(c *call) []enduser.Condition {
	named := enduser.IfUser(func(u enduser.User) error {
		if !me.names(me.tenant, &u) {
			return enduser.ErrNotFound
		}
		return nil
	})
	return append([]enduser.Condition{named}, family.Conditions(c)...)
}

const (
	actingID   = "X-User-Id"
	actingType = "X-User-Id-Type"
)

// asUser serves a route to requests that act as a user. It answers 401 if there is no such
// user, or none any more when the user is written.
func (a *api) asUser(handle func(*call, acting) error) func(*call) error {
	return func(c *call) error {
		err := a.serveUser(c, handle)
		if errors.Is(err, enduser.ErrNotFound) && !errors.Is(err, enduser.ErrUnknown) {
			p := rest.Unauthorized("")
			p.Code, p.Detail = "unknown-acting-user", "X-USER-ID, with X-USER-ID-TYPE if it is the ID of a linked account, must name a user."
			return p
		}
		return err
	}
}

func (a *api) serveUser(c *call, handle func(*call, acting) error) error {
	i, ok := a.identity(c.Request.Header)
	if !ok {
		return enduser.ErrNotFound
	}
	t := a.Tenant(c)
	u, err := i.find(c.Request.Context(), t)
	if err != nil {
		return err
	}
	return handle(c, acting{i, u, t})
}

// identity reads the headers that name a user. It reports false unless X-USER-ID is there
// once and X-USER-ID-TYPE at most once, with an account type of the policy.
func (a *api) identity(h http.Header) (i identity, ok bool) {
	ids, types := h[actingID], h[actingType]
	if len(ids) != 1 || len(types) > 1 {
		return identity{}, false
	}
	i.id = ids[0]
	if len(types) == 0 {
		return i, true
	}
	i.accountType = types[0]
	known := len(a.Policy.AccountTypes) == 0 || slices.Contains(a.Policy.AccountTypes, i.accountType)
	return i, known && i.accountType != ""
}

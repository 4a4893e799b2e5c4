package sensay

import (
	"net/http"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/internal/family"
	"github.com/rollbook-go/rollbook/httpapi/internal/foreign"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
)

// Policy returns the policy of this family: the limits that the vendor states, and external
// IDs as long as they can be.
func Policy() enduser.Policy {
	return enduser.Policy{
		UniqueEmail:   true,
		AccountTypes:  []string{"discord", "telegram", "embed"},
		MaxName:       50,
		MaxExternalID: 255,
		Placeholders:  true,
	}
}

// Options are the settings of a handler. The zero value is ready to use.
type Options struct {
	// Options are the settings of every family of routes. Closing has no effect here. A
	// zero field of Policy stands for that of the function [Policy], so that setting one
	// limit changes that limit alone: e-mail addresses stay unique. A policy in
	// [enduser.Options] replaces both.
	httpapi.Options
}

// New returns the handler of Sensay's routes. It is safe for concurrent use. It returns an
// error if users or auth is nil.
func New(users *enduser.Manager, auth httpapi.Authenticator, opts *Options) (http.Handler, error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	h, err := foreign.Host("sensay", users, auth, o.Options, Policy())
	if err != nil {
		return nil, err
	}
	a := &api{h}
	config := h.Config(secret, "")
	config.Allow = requireVersion(config.Allow)
	config.Append = appendProblem
	config.ProblemType = "application/json"
	config.Gzip = true
	return stamp(rest.New(config, a.routes()...)), nil
}

const maxSecret = 4096 // bytes

// secret returns the credential, "" unless there is exactly one.
func secret(h http.Header) string {
	values := h["X-Organization-Secret"]
	if len(values) != 1 || len(values[0]) > maxSecret {
		return ""
	}
	return values[0]
}

// apiVersion is the version that serves every request.
const apiVersion = "2025-03-25"

// stamp adds to every answer the version, and the headers that the answer depends on:
// /v1/users/me is one URL for everybody.
func stamp(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-API-Version", apiVersion)
		w.Header().Set("Vary", "X-ORGANIZATION-SECRET, X-USER-ID, X-USER-ID-TYPE")
		h.ServeHTTP(w, r)
	})
}

type allow = func(http.Header, *http.Request, family.Principal, *rest.Access) error

// requireVersion refuses a version that is no date. It checks everything else first.
func requireVersion(next allow) allow {
	return func(h http.Header, r *http.Request, p family.Principal, access *rest.Access) error {
		if err := next(h, r, p, access); err != nil {
			return err
		}
		if !isVersion(r.Header["X-Api-Version"]) {
			return rest.BadRequest("invalid-api-version", "X-API-Version must be one date, YYYY-MM-DD.")
		}
		return nil
	}
}

// isVersion reports whether the values of the header are none, or one date.
func isVersion(values []string) bool {
	if len(values) == 0 {
		return true
	}
	_, err := time.Parse(time.DateOnly, values[0])
	return len(values) == 1 && err == nil
}

package sensay

import (
	"net/http"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/internal/family"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
	"github.com/rollbook-go/rollbook/httpapi/internal/vendor"
)

// Policy returns what users may be where nothing else is said: the limits that the
// vendor states, and external IDs as long as they can be.
func Policy() enduser.Policy {
	return enduser.Policy{
		UniqueEmail:   true,
		AccountTypes:  []string{"discord", "telegram", "embed"},
		MaxName:       50,
		MaxExternalID: 255,
		Placeholders:  true,
	}
}

// Options are the settings of a handler. The zero value is good.
type Options struct {
	// Options are those of every family of routes, but for these: what is zero in
	// Policy is that of the function [Policy], and Closing has no effect. So a limit
	// that is given here changes that limit alone: e-mail addresses stay unique. A
	// policy in [enduser.Options] holds as it is, instead of both.
	httpapi.Options
}

// New returns the handler of Sensay's routes. It fails without users or auth. It
// is safe for concurrent use.
func New(users *enduser.Manager, auth httpapi.Authenticator, opts *Options) (http.Handler, error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	h, err := vendor.Host("sensay", users, auth, o.Options, Policy())
	if err != nil {
		return nil, err
	}
	a := &api{h}
	config := h.Config(secret, "")
	config.Admit = admitVersion(config.Admit)
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

// stamp names the version on every answer, whoever writes it, and what the answer
// depends on beside the URL: /v1/users/me is one URL for everybody.
func stamp(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-API-Version", apiVersion)
		w.Header().Set("Vary", "X-ORGANIZATION-SECRET, X-USER-ID, X-USER-ID-TYPE")
		h.ServeHTTP(w, r)
	})
}

type admit = func(http.Header, *http.Request, family.Principal, *rest.Access) error

// admitVersion refuses a version that is no date, once everything else is allowed.
func admitVersion(next admit) admit {
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

// isVersion reports whether a header is absent or has one date.
func isVersion(values []string) bool {
	if len(values) == 0 {
		return true
	}
	_, err := time.Parse(time.DateOnly, values[0])
	return len(values) == 1 && err == nil
}

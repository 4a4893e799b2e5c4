package ada

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/internal/family"
	"github.com/rollbook-go/rollbook/httpapi/internal/foreign"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
)

// Policy returns the policy of this family: the limits that the vendor documents.
func Policy() enduser.Policy {
	return enduser.Policy{MaxExternalID: 36, MaxMetadataBytes: 10_240, Placeholders: true}
}

// DefaultRates returns the rates that the vendor documents for these routes: 30 requests
// a second, 300 a minute and 60,000 a day.
func DefaultRates() []httpapi.Rate {
	return []httpapi.Rate{
		{Requests: 30, Per: time.Second},
		{Requests: 300, Per: time.Minute},
		{Requests: 60_000, Per: 24 * time.Hour},
	}
}

// Options are the settings of a handler. The zero value is ready to use.
type Options struct {
	// Options are the settings of every family of routes, with other defaults: zero
	// fields of Policy stand for those of the function [Policy], nil Rates for
	// [DefaultRates] (an empty list for none), and a MaxBody of 0 for 10 MiB. Closing has
	// no effect.
	httpapi.Options

	// BaseURL is the scheme and host in front of the path of next_page_url, for
	// example "https://users.example.com". Empty: those of the request, by its TLS state
	// and Host. Forwarded headers have no effect, so set BaseURL behind a proxy that
	// changes either.
	//
	// Behind a proxy that cuts a prefix off the paths of requests it ends with that
	// prefix: "https://example.com/users". A slash at its end makes no difference.
	// Location is not changed by it: it has the path of the request, to which such a
	// proxy must add the prefix again.
	BaseURL string
}

const (
	challenge = `Bearer realm="rollbook"`
	maxBody   = 10 << 20
)

// New returns the handler of Ada's routes, which is safe for concurrent use. It fails
// without users or auth, and unless a BaseURL is a scheme, a host and perhaps a path.
func New(users *enduser.Manager, auth httpapi.Authenticator, opts *Options) (http.Handler, error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	base, err := parseBase(o.BaseURL)
	if err != nil {
		return nil, err
	}
	if o.Rates == nil {
		o.Rates = DefaultRates()
	}
	if o.MaxBody <= 0 {
		o.MaxBody = maxBody
	}
	h, err := foreign.Host("ada", users, auth, o.Options, Policy())
	if err != nil {
		return nil, err
	}
	a := &api{h, base}
	config := h.Config(family.Bearer, challenge)
	config.Explain = explain
	config.Append = appendProblem
	config.ProblemType = "application/json"
	config.MergePatch = true
	return rest.New(config, a.routes()...), nil
}

// parseBase parses a BaseURL and cuts slashes off its end. It returns nil for "".
func parseBase(text string) (*url.URL, error) {
	if text == "" {
		return nil, nil //nolint:nilnil // it is not set
	}
	u, err := url.Parse(strings.TrimRight(text, "/"))
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" || u.User != nil ||
		strings.ContainsAny(text, "?#") {
		return nil, errors.New("ada: new: BaseURL must be http or https, a host and perhaps a path, and nothing else")
	}
	return u, nil
}

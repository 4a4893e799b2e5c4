package serve

import (
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/access"
	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/ada"
	"github.com/rollbook-go/rollbook/httpapi/console"
	"github.com/rollbook-go/rollbook/httpapi/docs"
	"github.com/rollbook-go/rollbook/httpapi/explo"
	"github.com/rollbook-go/rollbook/httpapi/magickmind"
	"github.com/rollbook-go/rollbook/httpapi/sensay"
)

// settings are what the routes need to know.
type settings struct {
	keys     *access.Keys
	logins   *logins
	policy   func(tenant string) enduser.Policy
	rate     bool // limit requests
	loopback bool // all clients are on this host
	console  bool // serve it
	store    func() console.StoreInfo
	now      func() time.Time
	log      *slog.Logger
	closing  <-chan struct{}
}

// mounts sends a request to the family whose name begins its path. It is no http.ServeMux,
// which would clean paths itself instead of leaving them to the families.
type mounts struct {
	native   http.Handler
	families map[string]http.Handler
	ready    http.Handler // at /readyz
	live     http.Handler // at /livez
	pages    http.Handler // at /docs and /llms.txt
	entry    entry        // at /, for browsers
}

// newMounts returns the server's routes: the native ones, and those of each other product below
// a prefix of its own. All have the same users and the same keys.
func newMounts(users *enduser.Manager, s *settings) (mounts, error) {
	m := mounts{
		families: make(map[string]http.Handler),
		ready:    &readiness{check: users.Ready, now: s.now, log: s.log, closing: s.closing},
		live:     liveness{s.now},
		entry:    entry{"docs", s.now},
	}
	auth, opts := s.logins.authenticator(), s.options()
	adas := opts
	adas.Rates = nil // Ada has default limits of its own
	if s.rate {
		opts.Rates = []httpapi.Rate{{Requests: 200, Per: time.Second}, {Requests: 6000, Per: time.Minute}}
	} else {
		adas.Rates = []httpapi.Rate{}
		opts.BulkRates = []httpapi.Rate{}
	}
	mm := &magickmind.Options{Options: opts}
	if len(s.logins.accounts) > 0 {
		mm.Login = s.logins
	}
	if !s.loopback {
		mm.ClientAddr = clientAddr
	}
	if !s.rate {
		mm.LoginRate.Requests = -1
	}
	var errs [5]error
	m.native, errs[0] = httpapi.New(users, auth, &opts)
	m.families["magickmind"], errs[1] = magickmind.New(users, auth, mm)
	m.families["sensay"], errs[2] = sensay.New(users, auth, &sensay.Options{Options: opts})
	m.families["ada"], errs[3] = ada.New(users, auth, &ada.Options{Options: adas})
	m.pages, errs[4] = pages(s.now)
	if err := errors.Join(errs[:]...); err != nil {
		return mounts{}, err
	}
	if s.console {
		website, err := console.New(users, auth, &console.Options{Options: opts, Store: s.store})
		if err != nil {
			return mounts{}, err
		}
		m.families["console"], m.entry.to = website, "console/"
	}
	groups, err := explo.New(users, auth, &explo.Options{Options: opts})
	switch {
	case errors.Is(err, enduser.ErrNoKeyring):
		s.log.Warn("no keyring: /explo is not served, and nothing can be kept secret")
	case err != nil:
		return mounts{}, err
	default:
		m.families["explo"] = groups
	}
	return m, nil
}

// pages returns the description of the API. Clients that do not read it lose their connection.
func pages(now func() time.Time) (http.Handler, error) {
	h, err := docs.New(httpapi.OpenAPI())
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		limitWrite(w, now)
		h.ServeHTTP(w, r)
	}), err
}

// options returns what all families have in common.
func (s *settings) options() httpapi.Options {
	return httpapi.Options{
		PolicyOf: s.policy, Authorize: s.keys.Authorize, RatesOf: s.keys.RatesOf,
		Limiter: httpapi.NewLimiter(), Logger: s.log, Closing: s.closing,
	}
}

// onLoopback reports whether all clients are on this host, such as a proxy. Then their
// addresses do not identify them.
func onLoopback(addr string) bool {
	host, _, _ := net.SplitHostPort(addr)
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

func clientAddr(r *http.Request) netip.Addr {
	a, _ := netip.ParseAddrPort(r.RemoteAddr)
	return a.Addr()
}

// ServeHTTP implements http.Handler.
func (m mounts) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// The path as it was sent: an escaped name is not a family's.
	path := r.URL.EscapedPath()
	switch path {
	case "/":
		if m.entry.leads(r) {
			serve(m.entry, path, w, r)
			return
		}
	case "/console": // leads to its pages; that of a family without a slash is none
		path += "/"
	case "/readyz":
		serve(m.ready, path, w, r)
		return
	case "/livez":
		serve(m.live, path, w, r)
		return
	case "/docs", "/llms.txt":
		serve(m.pages, path, w, r)
		return
	}
	name, _, ok := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if family := m.families[name]; ok && family != nil {
		http.StripPrefix("/"+name, family).ServeHTTP(w, r)
		return
	}
	m.native.ServeHTTP(w, r)
}

// serve serves a path that is a route, and says so as a http.ServeMux does; metrics show it.
func serve(h http.Handler, route string, w http.ResponseWriter, r *http.Request) {
	r.Pattern = route
	h.ServeHTTP(w, r)
}

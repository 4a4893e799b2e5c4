package main

import (
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/ada"
	"github.com/rollbook-go/rollbook/httpapi/explo"
	"github.com/rollbook-go/rollbook/httpapi/magickmind"
	"github.com/rollbook-go/rollbook/httpapi/sensay"
)

// handler returns the server's routes: the native ones, and those of each other product below
// a prefix of its own. All have the same users and the same keys.
func handler(users *enduser.Manager, c *config, log *slog.Logger, closing <-chan struct{}) (http.Handler, error) {
	auth, err := c.authenticator()
	if err != nil {
		return nil, err
	}
	opts := httpapi.Options{Logger: log, Closing: closing}
	vendors := opts
	adas := opts // Ada has default limits of its own
	if c.rate == "on" {
		opts.Rates = []httpapi.Rate{{Requests: 200, Per: time.Second}, {Requests: 6000, Per: time.Minute}}
		opts.Limiter = httpapi.NewLimiter()
		vendors = opts
	} else {
		adas.Rates = []httpapi.Rate{}
	}
	native, err := httpapi.New(users, auth, &opts)
	if err != nil {
		return nil, err
	}
	m := mounts{
		native: native, families: make(map[string]http.Handler),
		ready: &readiness{check: users.Ready, now: c.now, log: log, closing: closing},
	}

	mm := &magickmind.Options{Options: vendors}
	if len(c.logins.accounts) > 0 {
		mm.Login = &c.logins
	}
	if !onLoopback(c.addr) {
		mm.ClientAddr = clientAddr
	}
	if c.rate == "off" {
		mm.LoginRate.Requests = -1
	}
	if m.families["magickmind"], err = magickmind.New(users, auth, mm); err != nil {
		return nil, err
	}
	if m.families["sensay"], err = sensay.New(users, auth, &sensay.Options{Options: vendors}); err != nil {
		return nil, err
	}
	if m.families["ada"], err = ada.New(users, auth, &ada.Options{Options: adas}); err != nil {
		return nil, err
	}
	groups, err := explo.New(users, auth, &explo.Options{Options: vendors})
	switch {
	case errors.Is(err, enduser.ErrNoKeyring):
		log.Warn("no keyring: /explo is not served, and nothing can be kept secret")
	case err != nil:
		return nil, err
	default:
		m.families["explo"] = groups
	}
	return m, nil
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

// mounts sends a request to the family whose name begins its path. It is no http.ServeMux,
// which would clean paths itself instead of leaving them to the families.
type mounts struct {
	native   http.Handler
	families map[string]http.Handler
	ready    http.Handler // at /readyz
}

// ServeHTTP implements http.Handler.
func (m mounts) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// The path as it was sent: an escaped name is not a family's.
	path := r.URL.EscapedPath()
	if path == "/readyz" {
		m.ready.ServeHTTP(w, r)
		return
	}
	name, _, ok := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if family := m.families[name]; ok && family != nil {
		http.StripPrefix("/"+name, family).ServeHTTP(w, r)
		return
	}
	m.native.ServeHTTP(w, r)
}

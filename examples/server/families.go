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

// handler puts together what the server serves: the native routes, and below a
// prefix of its own each family that speaks another product's language. All have
// the same users and the same keys.
func handler(users *enduser.Manager, c *config, log *slog.Logger, closing <-chan struct{}) (http.Handler, error) {
	auth, err := c.authenticator()
	if err != nil {
		return nil, err
	}
	opts := httpapi.Options{Logger: log, Closing: closing}
	vendors := opts
	adas := opts // limits by itself
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

// onLoopback reports whether all clients are on this host, a proxy for example. Then
// their addresses tell nothing.
func onLoopback(addr string) bool {
	host, _, _ := net.SplitHostPort(addr)
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

func clientAddr(r *http.Request) netip.Addr {
	a, _ := netip.ParseAddrPort(r.RemoteAddr)
	return a.Addr()
}

// mounts sends requests to the family whose name begins their path. It is no
// http.ServeMux: that would answer for the families what it thinks of a path.
type mounts struct {
	native   http.Handler
	families map[string]http.Handler
	ready    http.Handler // at /readyz
}

// ServeHTTP implements http.Handler.
func (m mounts) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// As it was sent: an escaped name is none of a family.
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

package apitest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// secret is in the errors of hooks and stores. No answer may show it.
const secret = "secret of the backend"

// Access asserts who gets which status from every route that needs a credential: by what
// the Authenticator, Authorize, the Limiter and the store say. A request that fails
// changes nothing.
func (f *Family) Access(t *testing.T) {
	t.Helper()
	t.Run("authenticator", f.authenticators)
	t.Run("read only", func(t *testing.T) {
		f.protected(t, httpapi.Options{}, func(t *testing.T, x *fixture, r Route) {
			if !r.Write {
				x.accepted(t, r, f.As(Reader))
				return
			}
			unchanged := x.Unchanged(t)
			x.refused(t, r, 403, "forbidden", f.As(Reader))
			unchanged()
		})
	})
	t.Run("authorize", f.authorize)
	t.Run("limiter", f.limiter)
	t.Run("store", f.stores)
}

// protected runs a test for every route that needs a credential.
func (f *Family) protected(t *testing.T, o httpapi.Options, test func(t *testing.T, x *fixture, r Route)) {
	t.Helper()
	f.each(t, o, func(t *testing.T, x *fixture, r Route) {
		if !r.Public {
			test(t, x, r)
		}
	})
}

func (f *Family) authenticators(t *testing.T) {
	failed := errors.New(secret)
	for _, tt := range []struct {
		auth   httpapi.Authenticator
		status int
		code   string
	}{
		{func(*http.Request, string) (httpapi.Principal, error) { return httpapi.Principal{}, nil }, 401, "unauthorized"}, // no tenant
		{func(*http.Request, string) (httpapi.Principal, error) {
			return httpapi.Principal{Tenant: "acme"}, fmt.Errorf("%w: %w", httpapi.ErrUnauthorized, failed)
		}, 401, "unauthorized"},
		{func(*http.Request, string) (httpapi.Principal, error) {
			return httpapi.Principal{Tenant: "acme"}, failed
		}, 503, "unavailable"},
		{func(*http.Request, string) (httpapi.Principal, error) { panic(failed) }, 500, "internal"}, //nolint:forbidigo // a host's hook can
	} {
		x := f.set(t, memory.New(nil), httpapi.Options{})
		x.Auth = tt.auth
		x.handler = f.New(t, x.World, httpapi.Options{})
		unchanged := x.Unchanged(t)
		for _, r := range x.routes {
			if !r.Public {
				x.refused(t, r, tt.status, tt.code)
			}
		}
		unchanged()
	}
}

// authorize asserts that a route asks about its action first, and does nothing if that
// is refused or the right cannot be checked.
func (f *Family) authorize(t *testing.T) {
	var asked []httpapi.Action
	var answer error
	o := httpapi.Options{Authorize: func(_ context.Context, _ httpapi.Principal, a httpapi.Action) error {
		asked = append(asked, a)
		return answer
	}}
	f.protected(t, o, func(t *testing.T, x *fixture, r Route) {
		unchanged := x.Unchanged(t)
		for _, tt := range []struct {
			err    error
			status int
			code   string
		}{
			{fmt.Errorf("%s: %w", secret, httpapi.ErrForbidden), 403, "forbidden"},
			{errors.New(secret), 503, "unavailable"},
		} {
			asked, answer = nil, tt.err
			x.refused(t, r, tt.status, tt.code)
			if diff := cmp.Diff([]httpapi.Action{{Name: r.Action, Write: r.Write}}, asked); diff != "" {
				t.Errorf("it asked about (-want +got):\n%s", diff)
			}
		}
		unchanged()
		answer = nil
		x.accepted(t, r)
	})
}

func (f *Family) limiter(t *testing.T) {
	var decision httpapi.Decision
	var failed error
	keys := map[string]bool{}
	o := httpapi.Options{
		Rates: []httpapi.Rate{{Requests: 1, Per: time.Hour}},
		Limiter: LimiterFunc(func(key string, _ []httpapi.Rate) (httpapi.Decision, error) {
			keys[strings.TrimSuffix(key, "\x00rows")] = true // which are counted apart
			return decision, failed
		}),
	}
	f.protected(t, o, func(t *testing.T, x *fixture, r Route) {
		unchanged := x.Unchanged(t)
		decision, failed = httpapi.Decision{Wait: 1500 * time.Millisecond}, nil
		if a := x.refused(t, r, 429, "rate-limited"); a.Header.Get("Retry-After") != "2" {
			t.Errorf("Retry-After is %q, want 2", a.Header.Get("Retry-After"))
		}
		x.refused(t, r, 429, "rate-limited", f.As(Reader)) // has no right to write, and is counted
		failed = errors.New(secret)
		x.refused(t, r, 503, "unavailable")
		unchanged()
		decision, failed = httpapi.Decision{Allowed: true}, nil
		x.accepted(t, r)
	})
	if len(keys) != 2 {
		t.Errorf("two credentials have %d keys", len(keys))
	}
}

func (f *Family) stores(t *testing.T) {
	var log bytes.Buffer
	o := httpapi.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))}
	f.protected(t, o, func(t *testing.T, x *fixture, r Route) {
		unchanged := x.Unchanged(t)
		logged := func(a Answer) {
			t.Helper()
			if !strings.Contains(log.String(), a.Header.Get("X-Request-Id")) {
				t.Errorf("the log has no line about the request:\n%s", log.String())
			}
		}
		for _, err := range []error{errors.New(secret), fmt.Errorf("%s: %w", secret, store.ErrUnavailable)} {
			x.store.Fail(err)
			logged(x.refused(t, r, 503, "unavailable"))
		}
		x.store.Fail(nil)
		x.store.Panics.Store(true)
		logged(x.refused(t, r, 500, "internal"))
		x.store.Panics.Store(false)
		unchanged()
		if r.Write {
			x.store.Lost.Store(true)
			x.refused(t, r, 503, "outcome-unknown")
			return
		}
		x.accepted(t, r)
	})
}

// Isolation asserts that what one tenant has makes no difference to another, nor to its
// own other environment: their requests, which name acme's IDs, are answered as if acme
// had nothing, and change nothing of acme's. Requests that more returns are sent beside
// those of Routes.
func (f *Family) Isolation(t *testing.T, more func(tb testing.TB, w *World) []Route) {
	t.Helper()
	for _, b := range embedded() {
		t.Run(b.Name, func(t *testing.T) {
			x := f.set(t, b.Open(t), httpapi.Options{})
			if more != nil {
				x.routes = append(x.routes, more(t, x.World)...)
			}
			unchanged := x.Unchanged(t)
			for _, attacker := range []string{Other, Testing} {
				alone := &fixture{World: NewWorld(t, b.Open(t)), family: f}
				alone.handler = f.New(t, alone.World, httpapi.Options{})
				for _, r := range x.routes {
					if r.Public {
						continue
					}
					got, want := x.send(t, r, f.As(attacker)), alone.send(t, r, f.As(attacker))
					if diff := cmp.Diff(seen(want), seen(got)); diff != "" {
						t.Errorf("%s as %s: what acme has makes a difference (-without +with):\n%s", r.name(), attacker, diff)
					}
				}
			}
			unchanged()
		})
	}
}

// seen is what a client sees of an answer, except for what differs from one request to
// the next.
func seen(a Answer) []string {
	return []string{fmt.Sprint(a.Status), mask(a.Header.Get("Location")), mask(a.Header.Get("ETag")), mask(a.Body)}
}

var (
	opaque = regexp.MustCompile(`whsec_[A-Za-z0-9+/=]+|[A-Za-z0-9_-]{20,}`)
	number = regexp.MustCompile(`:[0-9]{3,}`)
)

// mask replaces IDs, tokens, versions, cursors and numbers of groups.
func mask(text string) string {
	text = opaque.ReplaceAllStringFunc(text, func(s string) string {
		if strings.Trim(s, "abcdefghijklmnopqrstuvwxyz-_") == "" {
			return s // a word
		}
		return "…"
	})
	return number.ReplaceAllString(text, ":…")
}

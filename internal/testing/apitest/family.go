package apitest

import (
	"net/http"
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/internal/testing/faultstore"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// Family is a family of routes under test. Its methods assert, for every route, what all
// families must do alike: hostile requests are rejected, each credential gets the right
// status, and tenants do not see each other. The tests of package rest assert in detail what
// the plumbing does; these assert that every route goes through it.
type Family struct {
	// New returns a handler of the family.
	New func(tb testing.TB, w *World, o httpapi.Options) http.Handler

	// Routes creates what requests need in acme's Customer environment, and returns for every
	// route one request that succeeds. Requests with Write must change something.
	Routes func(tb testing.TB, w *World) []Route

	// Problem fails the test unless an answer from 400 on has the family's form of a problem.
	// The code is the native one, such as "forbidden".
	Problem func(tb testing.TB, a Answer, code string)

	// Keys says that the family takes an Idempotency-Key. Others ignore the header.
	Keys bool

	Header string // that carries the credential; "": Authorization
	Scheme string // in front of the credential, such as "Bearer "
}

// Route is a route of a family, with a request that succeeds.
type Route struct {
	Action string // of the first call of Authorize
	Write  bool   // likewise

	Method, Path string
	Body         string // a JSON object that is shorter than 900 bytes; "" if the route reads none
	Options      []Option

	Public bool // needs no credential
	Empty  bool // a request without a body is one with {}
	NoKey  bool // of a family with Keys: the route ignores an Idempotency-Key
	Query  bool // unknown query parameters are refused, not ignored
	Rows   bool // the body has rows: each is answered, and a row that is refused does no harm to others
}

// As returns the option to send a request with a credential, or with several.
func (f *Family) As(credentials ...string) Option {
	name, values := f.Header, make([]string, len(credentials))
	if name == "" {
		name = "Authorization"
	}
	for i, credential := range credentials {
		values[i] = f.Scheme + credential
	}
	return With(name, values...)
}

// fixture is a handler over its own store, with what the requests need.
type fixture struct {
	*World
	family  *Family
	handler http.Handler
	store   *faultstore.Store
	routes  []Route
}

func (f *Family) set(tb testing.TB, st store.Store, o httpapi.Options) *fixture {
	tb.Helper()
	faulty := &faultstore.Store{Store: st}
	w := NewWorld(tb, faulty)
	return &fixture{w, f, f.New(tb, w, o), faulty, f.Routes(tb, w)}
}

// each runs a test for every route, over an empty store each.
func (f *Family) each(t *testing.T, o httpapi.Options, test func(t *testing.T, x *fixture, r Route)) {
	t.Helper()
	routes := f.set(t, memory.New(nil), httpapi.Options{}).routes
	for i := range routes {
		t.Run(routes[i].name(), func(t *testing.T) {
			x := f.set(t, memory.New(nil), o)
			test(t, x, x.routes[i])
		})
	}
}

func (r *Route) name() string {
	return strings.TrimSpace(r.Action + " " + r.Method + " " + mask(r.Path))
}

// send sends the route's request, as acme unless an option says otherwise.
func (x *fixture) send(tb testing.TB, r Route, options ...Option) Answer {
	tb.Helper()
	var all []Option
	if !r.Public {
		all = append(all, x.family.As(Acme))
	}
	if r.Body != "" {
		all = append(all, With("Content-Type", "application/json"))
	}
	return Send(tb, x.handler, r.Method, r.Path, r.Body, append(append(all, r.Options...), options...)...)
}

// refused fails the test unless the answer is that problem.
func (x *fixture) refused(tb testing.TB, r Route, status int, code string, options ...Option) Answer {
	tb.Helper()
	a := x.send(tb, r, options...)
	if a.Status != status {
		tb.Errorf("got %d, want %d %s: %s", a.Status, status, code, a.Body)
		return a
	}
	x.family.Problem(tb, a, code)
	if strings.Contains(a.Body, secret) {
		tb.Errorf("the answer shows what failed inside: %s", a.Body)
	}
	return a
}

// accepted fails the test unless the request succeeds.
func (x *fixture) accepted(tb testing.TB, r Route, options ...Option) {
	tb.Helper()
	a := x.send(tb, r, options...)
	if a.Status/100 != 2 {
		tb.Errorf("got %d, want a success: %s", a.Status, a.Body)
	}
}

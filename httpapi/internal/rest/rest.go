// Package rest is the plumbing under every family of routes. It takes a request through
// the steps in front of the family's own code, and writes its answer.
//
// The steps: the request gets an ID and is matched to a route, authenticated, counted by
// the rate limit and authorized; its body is read; then the route is called. The route
// returns an error or writes one answer. Every failure on the way, unknown paths and
// panics included, is answered in the family's own form. Errors that the family does not
// explain become a fixed text with the request's ID, and are logged once.
//
// Package rest knows neither users nor any family; both are in its Config.
package rest

import (
	"cmp"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"time"
)

// Config has what differs between families of routes. P is the type of what a credential
// stands for.
type Config[P any] struct {
	Family string // its name, for an Observer

	// Authenticate returns what the request's credential stands for. An error that
	// is not a *Problem is a failure of the server.
	Authenticate func(*http.Request) (P, error)

	// Allow checks rate limits and rights. It is called after Authenticate, for every
	// route that needs a credential. It may set response headers.
	Allow func(http.Header, *http.Request, P, *Access) error

	// Explain turns an error of the domain into a problem. It returns nil for an unknown
	// error, and for nil.
	Explain func(error) *Problem

	// ShowHolder reports whether the answer to a conflict may name the holder.
	ShowHolder func(*Call[P], *Problem) bool

	// Append writes a problem in the family's form.
	Append func(dst []byte, p *Problem) []byte

	// Page writes a problem as a page for people, with what the call knows. Nil: Append writes it.
	// A family with pages has relative addresses alone: it never redirects to a path that is
	// cleaned, which a proxy may have changed.
	Page func(c *Call[P], p *Problem) []byte

	// Names returns the names under which a tenant and a credential get their shares of
	// BodyMemory. The credential's name has the tenant's in it.
	Names func(P) (tenant, credential string)

	ProblemType string        // the content type of a problem
	MaxBody     int64         // bytes of a request body, also when inflated
	Gzip        bool          // whether bodies may be compressed
	MergePatch  bool          // whether PATCH bodies may be application/merge-patch+json
	BodyTimeout time.Duration // for reading a body
	BodyMemory  int64         // bytes of bodies over 16 KiB at once; 0: 64 MiB, or 4 MaxBody
	Logger      *slog.Logger
}

// Access says what a route does, for Allow.
type Access struct {
	Action string // e.g. "createEndUser"
	Write  bool
}

// Read is the access of a route that changes nothing.
func Read(action string) Access { return Access{Action: action} }

// Write is the access of a route that writes.
func Write(action string) Access { return Access{Action: action, Write: true} }

// Slashed returns each route twice: with a slash at its end and without.
func Slashed[P any](routes ...Route[P]) []Route[P] {
	all := make([]Route[P], 0, 2*len(routes))
	for _, r := range routes {
		slashed := r
		slashed.Path += "/{$}"
		all = append(all, r, slashed)
	}
	return all
}

// Route is one route of a family.
type Route[P any] struct {
	Method string
	Path   string // a pattern of http.ServeMux, without method
	Access Access
	Public bool // needs no credential
	Body   bool // has a JSON body
	Form   bool // with Body: it has the fields of an HTML form instead
	Empty  bool // with Body: a request without a body counts as one with {}

	// MaxBody lowers Config.MaxBody for this route; 0: it does not. With Rows, it is the limit.
	MaxBody int64

	// With Body: it has rows of JSON, on lines or in an array, also with gzip. Call.Rows reads
	// them.
	Rows bool

	// Before is called before the body is read, unless it is nil.
	Before func(*Call[P]) error

	Handle func(*Call[P]) error
}

// Handler serves the routes of a family.
type Handler[P any] struct {
	config Config[P]
	mux    http.ServeMux
	calls  sync.Pool
	large  *large
}

// New returns a handler of the routes. It panics if two patterns conflict, which is a
// mistake in the program.
func New[P any](config Config[P], routes ...Route[P]) *Handler[P] {
	longest := config.MaxBody
	for _, route := range routes {
		if route.Rows {
			longest = max(longest, route.MaxBody+inflater)
		}
	}
	h := &Handler[P]{config: config, large: newLarge(config.BodyMemory, config.MaxBody, longest)}
	h.calls.New = func() any { return &Call[P]{h: h} }
	for _, route := range routes {
		path := cmp.Or(strings.TrimSuffix(route.Path, "/{$}"), "/")
		h.mux.HandleFunc(route.Method+" "+route.Path, func(w http.ResponseWriter, r *http.Request) {
			c, ok := w.(*unmatched[P])
			if !ok {
				return // never: ServeHTTP alone calls the mux
			}
			c.call.matched = true
			c.call.Request = r
			if o := c.call.observer; o != nil {
				o.Matched(path, route.Access)
			}
			c.call.serve(&route)
		})
	}
	return h
}

// ServeHTTP implements http.Handler.
func (h *Handler[P]) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c, _ := h.calls.Get().(*Call[P])
	c.begin(w, r)
	defer c.end()
	defer c.recover()
	if r.ContentLength != 0 && h.config.BodyTimeout > 0 {
		// A client that stalls must not keep its worker, wherever the body is read: the
		// server reads what a route leaves.
		setReadDeadline(w, time.Now().Add(h.config.BodyTimeout))
	}
	if r.RequestURI == "*" {
		c.Fail(NotFound())
		return
	}
	h.mux.ServeHTTP(&c.unmatched, r)
	if !c.matched {
		c.unmatched.answer()
	}
}

// recover answers a panic with a 500. It passes on http.ErrAbortHandler, by which a
// handler ends a connection.
func (c *Call[P]) recover() {
	v := recover()
	if v == nil {
		return
	}
	if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(v) //nolint:forbidigo // net/http's own way to end a connection
	}
	c.Log(slog.LevelError, "panic", slog.Any("panic", v), slog.String("stack", string(debug.Stack())))
	if c.wrote {
		panic(http.ErrAbortHandler) //nolint:forbidigo // half an answer must not look like a whole one
	}
	c.write(Internal())
}

// serve takes a request through the steps before its route.
func (c *Call[P]) serve(route *Route[P]) {
	c.public = route.Public
	if !route.Public {
		p, err := c.h.config.Authenticate(c.Request)
		if err == nil {
			c.Principal = p
			if c.observer != nil {
				c.observer.Authenticated(p)
			}
			err = c.h.config.Allow(c.header, c.Request, p, &route.Access)
		}
		if err == nil { // what is public has no version
			err = c.readPreconditions()
		}
		if err != nil {
			c.Fail(err)
			return
		}
	}
	if route.Before != nil {
		if err := route.Before(c); err != nil {
			c.Fail(err)
			return
		}
	}
	if route.Body {
		if err := c.readBody(route); err != nil {
			c.Fail(err)
			return
		}
	}
	if err := route.Handle(c); err != nil {
		c.Fail(err)
	}
}

// unmatched is the ResponseWriter that the mux gets. A route takes the call out of it.
// Only the mux itself writes to it, when it found no route.
type unmatched[P any] struct {
	call   *Call[P]
	status int
	header http.Header
}

func (u *unmatched[P]) Header() http.Header {
	if u.header == nil {
		u.header = make(http.Header)
	}
	return u.header
}

func (u *unmatched[P]) WriteHeader(status int) {
	if u.status == 0 {
		u.status = status
	}
}

func (u *unmatched[P]) Write(b []byte) (int, error) {
	u.WriteHeader(http.StatusOK)
	return len(b), nil
}

// answer repeats the mux's answer in the family's form.
func (u *unmatched[P]) answer() {
	c := u.call
	switch location := u.header.Get("Location"); {
	case u.status == http.StatusMethodNotAllowed:
		c.header["Allow"] = u.header["Allow"]
		if strings.Contains(u.header.Get("Allow"), http.MethodPatch) {
			c.header["Accept-Patch"] = c.acceptPatch()
		}
		c.Fail(MethodNotAllowed())
	case location != "" && c.h.config.Page == nil && c.Request.RequestURI == c.Request.URL.RequestURI():
		c.header.Set("Location", location)
		c.Empty(u.status)
	default: // not found, or a redirect that would lose the prefix of the mount
		c.Fail(NotFound())
	}
}

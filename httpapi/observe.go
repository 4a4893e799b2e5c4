package httpapi

import (
	"context"

	"github.com/rollbook-go/rollbook/httpapi/internal/family"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
)

// RequestInfo is what a handler of this module found out about a request, for the access log
// and the metrics of middleware around it; see [Observe]. It is complete when the handler has
// returned.
type RequestInfo struct {
	// Family is the family of routes that got the request: "native", "ada", "console", "explo",
	// "magickmind" or "sensay". "" if no handler of this module did.
	Family string

	// Route is the path of the route that matched, with names in place of values and without
	// what the host mounted it under: "/v1/end-users/{id}". "" if none did.
	Route string

	// Action is what the route does, as [Options].Authorize gets it; its Name is "" if no route
	// matched, or the route needs no credential.
	Action Action

	// Principal is what the credential stands for; the zero Principal if it is missing or not
	// valid, and on routes that need none. It may be personal data, as its Actor is.
	Principal Principal

	// Status is the status of the answer; 0 if no handler of this module answered.
	Status int

	// Code is the code of the problem that was answered, such as "not-found" or "rate-limited",
	// the same in all families. "" if the answer is none.
	Code string
}

// Observe returns a context for a request, and what the handler will find out about it:
//
//	ctx, info := httpapi.Observe(r.Context())
//	next.ServeHTTP(w, r.WithContext(ctx))
//	log.Info("request", "route", info.Route, "status", info.Status)
//
// If the context is already observed it returns the same again, so that several middlewares can
// look at one request. The handler must have returned before anyone reads the info. What it
// costs is one allocation; a request that nobody observes costs nothing.
func Observe(ctx context.Context) (context.Context, *RequestInfo) {
	if o, ok := ctx.Value(rest.ObserverKey{}).(*observation); ok {
		return ctx, &o.info
	}
	o := &observation{Context: ctx}
	return o, &o.info
}

// observation is a context and what is found out about its request: one allocation for both.
type observation struct {
	context.Context //nolint:containedctx // it is one

	info RequestInfo
}

// Value implements context.Context.
func (o *observation) Value(key any) any {
	if _, ok := key.(rest.ObserverKey); ok {
		return o
	}
	return o.Context.Value(key)
}

// Began implements rest.Observer.
func (o *observation) Began(family string) { o.info = RequestInfo{Family: family} }

// Matched implements rest.Observer.
func (o *observation) Matched(path string, a rest.Access) {
	o.info.Route, o.info.Action = path, Action{Name: a.Action, Write: a.Write}
}

// Authenticated implements rest.Observer.
func (o *observation) Authenticated(p family.Principal) { o.info.Principal = Principal(p) }

// Answered implements rest.Observer.
func (o *observation) Answered(status int, code string) { o.info.Status, o.info.Code = status, code }

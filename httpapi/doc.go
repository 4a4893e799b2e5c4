// Package httpapi serves the end users and groups of an [enduser.Manager] over
// HTTP, as a plain [http.Handler] that a host mounts where it likes:
//
//	tokens, err := httpapi.NewTokens(map[string]httpapi.Principal{
//		"a-long-random-key": {Tenant: "acme", Actor: "crm"},
//	})
//	h, err := httpapi.New(users, tokens.Authenticate, nil)
//	mux.Handle("/registry/", http.StripPrefix("/registry", h))
//
// The routes stand under /v1; /openapi.json, served without a credential, has
// them all with their answers. The families of routes that speak the wire formats
// of other products are the packages below this one.
//
// # Requests
//
// A credential decides the tenant, the environment and the actor: nothing else in
// a request does. What belongs to another tenant is answered as what does not
// exist. Bodies are one JSON value in UTF-8, of at most 1 MiB and 32 levels, in
// which no member is named twice; unknown members are refused.
//
// # Answers
//
// Every answer has an X-Request-Id; a sane one that the request brought is kept.
// One user or group comes with an ETag made of its version, which If-Match and
// If-None-Match take (RFC 9110 section 13) and which no other state of it ever has.
// Errors are problem details (RFC 9457) with a stable code. Errors that are not known
// are a fixed 500 with the request ID, and are logged once under it. The 400, 417, 431
// and 501 that net/http itself sends for requests that are not HTTP are outside of this.
//
// A page of a list is empty only if nothing follows it. Its cursors lead to the pages
// beside it and belong to that list alone, with its filter and order; elsewhere they are
// a 400, invalid-cursor. Users and groups that cannot be read are left out of lists, and
// logged. One of them is a 500, corrupt, or, if a newer version of the server wrote it,
// a 503, newer; it can be deleted.
//
// /v1/changes is read from one cursor to the next; every answer has one. A reader whose
// cursor leads to what is no longer kept, or to a history that the store has lost, gets
// a 410: to miss nothing it takes the cursor of from=now, walks through the whole list,
// and then reads on from that cursor.
//
// The token of a group is in the answers that make it, and sensitive values are in
// none. Both need a keyring in [enduser.Options]; without one they are a 501.
//
// # Servers
//
// The handler limits bodies and the time to read them. Set ReadHeaderTimeout,
// IdleTimeout and MaxHeaderBytes on the http.Server, but no WriteTimeout under a
// minute if /v1/changes is to wait: that is up to 30 s, and twice [Options].ReadFor.
// Forwarded headers are never read.
package httpapi

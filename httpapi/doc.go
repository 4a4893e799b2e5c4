// Package httpapi serves the end users and groups of an [enduser.Manager] over
// HTTP, as a plain [http.Handler] that a host mounts where it likes:
//
//	tokens, err := httpapi.NewTokens(map[string]httpapi.Principal{
//		"a-long-random-key": {Tenant: "acme", Actor: "crm"},
//	})
//	h, err := httpapi.New(users, tokens.Authenticate, nil)
//	mux.Handle("/registry/", http.StripPrefix("/registry", h))
//
// The handler wants the paths of its routes, so the prefix of the mount has to be taken
// off, by every router:
//
//	chi:  r.Mount("/registry", http.StripPrefix("/registry", h)) // Mount leaves the path as it is
//	echo: e.Any("/registry/*", echo.WrapHandler(http.StripPrefix("/registry", h)))
//	gin:  g.Any("/registry/*path", gin.WrapH(http.StripPrefix("/registry", h)))
//
// The routes stand under /v1; /openapi.json, served without a credential, has
// them all with their answers, and the path of the mount as its server. The families of routes that speak the wire formats
// of other products are the packages below this one.
//
// # Requests
//
// A credential decides the tenant, the environment and the actor: nothing else in
// a request does. What belongs to another tenant is answered as what does not
// exist. Bodies are one JSON value in UTF-8, of at most 1 MiB and 32 levels, in
// which no member is named twice; unknown members are refused. So are unknown and repeated
// parameters of lists, and values that nobody can have; an empty parameter counts as absent.
//
// If-Match and If-None-Match (RFC 9110 section 13) are obeyed by every route that shows or
// changes a user or a group: 412, or 304 for a GET. What is refused anyway, or is not
// there, is answered as if they were not given; POST and PUT, which can make what is not
// there, obey them then too. A malformed one is 400, malformed-precondition.
//
// # Answers
//
// Every answer has an X-Request-Id; a sane one that the request brought is kept.
// One user or group comes with an ETag made of its version, which no other state of it
// ever has, of a history that the store has lost neither.
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
// # Rights
//
// [Options].Authorize is asked about the action of the route, and about each further one
// that a request comes to, before it does or shows anything of it. A POST of a user that is
// there is getEndUser as well, and updateEndUser in its place with on_conflict=merge; what
// makes a provisional user permanent, a 409 to a create included, is associateEndUser. A
// conflict names the holder only to whom getEndUser, or getGroup, is allowed. That
// something is taken cannot be hidden from who may write it.
//
// # Browsers
//
// Where an Authenticator takes cookies, a page of another site can send requests with
// them. Put [http.CrossOriginProtection] in front: it knows what every browser of today
// says of the origin. What forms can send is refused anyway, with 415; but a script can
// send a POST without a body and its type, which associates a user and, in the families
// where a body may be absent, makes one. Answers have no CORS headers: a host that wants to
// be called from other origins adds them, in front of the handler, and answers OPTIONS
// there.
//
// # Servers
//
// The handler limits bodies, their memory and the time to read them, and the time that a
// client may take to read an answer: 30 s from its first byte, and a second more for each
// 64 KiB. A WriteTimeout of the http.Server goes before that; set none, or one of more
// than a minute if /v1/changes is to wait: that is up to 30 s, and twice [Options].ReadFor.
// Set ReadHeaderTimeout, IdleTimeout and MaxHeaderBytes. A ResponseWriter of middleware
// needs an Unwrap method for the deadlines. Forwarded headers are never read.
package httpapi

// Package httpapi serves the end users and groups of an [enduser.Manager] over
// HTTP, as a plain [http.Handler] that a host mounts where it likes:
//
//	tokens, err := httpapi.NewTokens(map[string]httpapi.Principal{
//		"a-long-random-key": {Tenant: "acme", Actor: "crm"},
//	})
//	h, err := httpapi.New(users, tokens.Authenticate, nil)
//	mux.Handle("/registry/", http.StripPrefix("/registry", h))
//
// The handler expects the paths of its routes, so that every router has to strip the prefix
// of the mount:
//
//	chi:  r.Mount("/registry", http.StripPrefix("/registry", h)) // Mount leaves the path as it is
//	echo: e.Any("/registry/*", echo.WrapHandler(http.StripPrefix("/registry", h)))
//	gin:  g.Any("/registry/*path", gin.WrapH(http.StripPrefix("/registry", h)))
//
// The routes are below /v1. The OpenAPI document at /openapi.json has all of them with their
// answers; it needs no credential, and its server is the path of the mount. The packages
// below this one are families of routes that speak the wire formats of other products.
//
// # Requests
//
// The credential alone decides the tenant, the environment and the actor. What belongs to
// another tenant is answered as if it did not exist.
//
// A body is one JSON value in UTF-8, of at most 1 MiB and 32 levels, in which no member is
// named twice, but for bodies of many rows. Unknown members are refused. So are unknown and repeated parameters of lists,
// and those with a value that no user or group can have; an empty parameter counts as absent.
//
// Every route that shows or changes one user, group or webhook obeys If-Match and If-None-Match (RFC
// 9110 section 13): it answers 412, or 304 to a GET. A request that fails for another reason
// gets that answer instead. If the user or group does not exist, the answer is 404 whatever the
// preconditions say, but a POST or PUT, which can create it, obeys them. A malformed header
// is a 400, malformed-precondition.
//
// # Many users at once
//
// POST /v1/end-users:bulk writes the users of up to 10,000 rows: JSON objects on lines, or the
// items of one array, with or without gzip. A byte order mark, CRLF, blank lines and a last line
// without an end are accepted; UTF-16 and an array that is cut off are a 400, before anything is
// written. Each row is created, or merged into the user that exists; it needs something that
// identifies a user. The body is read whole, then the answer begins: 200, in the form of the
// body, with one result for each row in their order. A row that is refused has a problem with its
// number, its line and its IDs, and does no harm to the others.
//
// The parameters dry_run=true and atomic=true are the fields of [enduser.BulkOptions]. With
// import=true a row may have id, created_at and created_by, which needs the right to
// importEndUsers, too.
//
// If the store fails, or the work takes longer than [Options].BulkFor, all rows that have no
// answer yet get the code unanswered, or one of 503 or 500 for the first of them; if no row has
// an answer, that is the answer to the request. To go on, send those rows again, or all. Every row
// identifies its user, so that nothing is created twice; an Idempotency-Key is therefore ignored.
// If-Match and If-None-Match are about one user, and refused.
//
// Rows have an allowance of their own, [Options].BulkRates. POST /v1/end-users:get shows up to
// 500 users that are named in any way, and counts as one request.
//
// # Repeating requests
//
// Every request that writes may have an Idempotency-Key
// (draft-ietf-httpapi-idempotency-key-header): 1 to 255 characters of printable ASCII, with
// quotation marks around them or without. A request that is repeated with its key within 24 hours
// has no second effect, whichever server gets it, also after a 503 or without any answer. It is
// answered with the first status and what it wrote as it is now, and with the header
// Idempotent-Replayed: true. If that is gone, the body is {"id":"…","deleted":true}. A token or
// secret that the first request made is shown again. The answer to a repeated write of sensitive
// values has no ETag, since it does not show what others have written since. A credential that
// has lost its right meanwhile is refused.
//
// Only requests that succeed are remembered: one that is refused leaves its key free. A key
// belongs to the credential, by [Principal].Credential or else by the credential itself, and to
// the Actor. It belongs to one request: another method, path, query, If-Match, If-None-Match or
// body with it is a 422, idempotency-mismatch. While the first request is running, the answer is
// 409, idempotency-in-progress, with Retry-After. A malformed key is a 400,
// malformed-idempotency-key. The routes that send something to a webhook (test, redeliver,
// redelivery), that of many rows and the families of other products ignore the header.
//
// # Answers
//
// Every answer has an X-Request-Id. It is that of the request if that has a valid one.
//
// An answer with one user or group has an ETag made of its version. No other state of it
// ever has the same version, not even after the store lost a part of its history.
//
// Errors are problem details (RFC 9457) with a stable code. An unknown error is a fixed 500
// with the request ID, and is logged once under that ID. Requests that are not HTTP are
// answered by net/http itself, with 400, 417, 431 or 501 in a form of its own.
//
// A page of a list is empty only if nothing follows it. Its cursors lead to the pages beside
// it. They are valid for that list alone, with its filter and order; elsewhere they are a
// 400, invalid-cursor. Lists leave out users and groups that cannot be read, and log them. A
// request for one of them is answered with 500 and the code corrupt, or with 503 and the code
// newer if a newer version of the server wrote it. It can be deleted.
//
// /v1/changes is read from one cursor to the next; every answer has one. It answers 410 to a
// cursor before the oldest change that is kept, or of a history that the store has lost. To
// miss nothing, a reader then takes the cursor of from=now, walks through the whole list,
// and reads on from that cursor.
//
// Only the answers to the requests that make a token or secret show it, and no answer shows sensitive
// values. Both need a keyring in [enduser.Options]; without one they are a 501.
//
// # Rights
//
// [Options].Authorize is called for the action of the route, and for each further action
// that a request comes to, before that is done or shown:
//
//   - getEndUser, if a POST finds that the user exists; updateEndUser instead with
//     on_conflict=merge.
//   - importEndUsers, if a bulk request has import=true. bulkEndUsers is the right to all else that
//     its rows do: to create, to merge, and to make provisional users permanent.
//   - associateEndUser, if another request makes a provisional user permanent. A create does that
//     to the user that exists, even if it is answered with 409.
//   - getEndUser or getGroup, before a 409 names the holder. Without that right the 409 still
//     says that the value is taken.
//   - getEndUser, getGroup or getWebhook, if a repeated create is answered with what it created
//     as it is now. Without that right the answer has the ID, and the token or secret.
//
// A webhook is sent users and groups as GET shows them. So createWebhook and updateWebhook are
// also rights to read all of them, and where they go is for their holder to choose.
//
// # Browsers
//
// If an Authenticator takes cookies, a page of another site can send requests with them. Put
// [http.CrossOriginProtection] in front: it checks what every browser says of the origin.
// Requests that a form can send are refused in any case, with 415. A script, however, can
// send a POST without a body and without its type, which associates a user and, in families
// where the body is optional, creates one.
//
// Answers have no CORS headers. A host that wants to be called from other origins adds them
// in front of the handler, and answers OPTIONS there.
//
// # Servers
//
// The handler limits the size of bodies, their memory and the time to read them. A client
// has 30 s from the first byte of an answer to read it, and a second more for each 64 KiB.
// If the http.Server has a WriteTimeout, it replaces these limits. Set none, or one of more
// than a minute: a request for /v1/changes that waits takes up to 30 s plus twice
// [Options].ReadFor, and a bulk request [Options].BulkFor after its body was read.
//
// Set ReadHeaderTimeout, IdleTimeout and MaxHeaderBytes. A ResponseWriter of middleware needs
// an Unwrap method for the deadlines. The handler never reads Forwarded headers.
package httpapi

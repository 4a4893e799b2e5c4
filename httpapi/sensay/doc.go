// Package sensay serves the end users of an [enduser.Manager] through the users API of
// Sensay. Programs written for that API work unchanged:
//
//	h, err := sensay.New(users, tokens.Authenticate, nil)
//	mux.Handle("/sensay/", http.StripPrefix("/sensay", h))
//
// It follows the page "Create a user" of docs.sensay.io and the operations beside it, in
// version 2025-03-25 of that API:
//
//	POST   /v1/users           createEndUser    as the organization
//	GET    /v1/users/{userID}  getEndUser       as the organization
//	GET    /v1/users/me        getEndUser       as a user
//	PUT    /v1/users/me        updateEndUser    as a user
//	DELETE /v1/users/me        deleteEndUser    as a user
//
// Beside each route stands the name of its [httpapi.Action], the same as on native routes.
// GET /v1/users/me/usage is not served: it counts conversations, which are not kept here.
//
// # Credential and acting user
//
// X-ORGANIZATION-SECRET carries the credential, exactly once. With it alone a request
// acts as the organization. With X-USER-ID it acts as that user; with X-USER-ID-TYPE
// beside it, as the user with that linked account. A route that needs an acting user
// answers 401, never 404, if the headers name none or one that does not exist. The
// organization's routes ignore both headers, since the vendor's own client sends them
// with every call.
//
// # Users
//
// A user's id is its external ID. A user without one goes by the ID that the Manager gave
// it; that ID keeps naming the user later, and never names another. Ids are compared as
// external IDs are: in any case, or exactly where [enduser.Schema] says so. [Policy] makes
// e-mail addresses unique. A taken value is a 409 whose error_code is USER_EXISTS,
// EMAIL_EXISTS or LINKED_ACCOUNT_EXISTS. A repeated create is USER_EXISTS.
//
// # Errors
//
// Errors are {"success":false,"error","error_code","fingerprint","request_id"}. The text
// in error is for people and has no personal data. The error_code is stable. The
// fingerprint is the same for one error_code of one route, so that reports can be grouped
// by it. A request is checked in this order: path and method (404, 405), secret (401),
// rate (429), rights (403), X-API-Version (400), form of the body (413, 415), acting user
// (401), content of the body (400).
//
// # Where the vendor's texts are silent or disagree
//
//   - Successful answers have success:true beside the members of the page, as the
//     vendor's newer schema requires. Errors have success:false, where the page's
//     generated sample has true. Errors of status 500 have no inner_exception.
//   - X-API-Version may be any date. Every answer carries 2025-03-25. A value that is no
//     date, or a second value, is 400. It is checked after the secret, so that strangers
//     learn nothing else.
//   - PUT leaves an absent member as it is. linkedAccounts, if given, replaces the list; a
//     name of "" removes the name; a different id renames the user. An e-mail address
//     cannot be removed: the vendor has no value for that.
//   - A request is refused if it has null, an unknown member, the id "" or "me", or an
//     account twice. Names may have the white space of the vendor's pattern, except control
//     characters.
//   - The newer schema has success in every answer and allows no such member in a request.
//     Here requests may have it, and it is ignored: an answer of GET can be sent back.
//   - A create without a body is a create with {}.
//   - A user without a name is shown with its first and last name instead.
//   - Values that another family wrote, such as a name with other letters or an account of
//     another type, are shown as they are and may be sent back by PUT.
//   - Content-Type is required for requests with a body only.
//   - A 401 has no WWW-Authenticate: the credential has no scheme to name.
//   - ETag, If-Match and If-None-Match work as in package httpapi. A damaged user is a 500
//     CORRUPT. A user written by a newer program that this one cannot read is a 503 NEWER.
package sensay

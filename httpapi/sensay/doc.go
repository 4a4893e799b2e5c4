// Package sensay serves the end users of an [enduser.Manager] as the users API of
// Sensay does, so that programs written for that API work unchanged:
//
//	h, err := sensay.New(users, tokens.Authenticate, nil)
//	mux.Handle("/sensay/", http.StripPrefix("/sensay", h))
//
// It answers to the page "Create a user" of docs.sensay.io and to the operations
// beside it, as of version 2025-03-25 of that API:
//
//	POST   /v1/users           createEndUser    as the organization
//	GET    /v1/users/{userID}  getEndUser       as the organization
//	GET    /v1/users/me        getEndUser       as a user
//	PUT    /v1/users/me        updateEndUser    as a user
//	DELETE /v1/users/me        deleteEndUser    as a user
//
// The names are those of [httpapi.Action], as native routes have them. GET
// /v1/users/me/usage, which counts what this package knows nothing of, is not served.
//
// # Who asks
//
// X-ORGANIZATION-SECRET carries the credential, exactly once. With it alone a
// request is the organization's own. With X-USER-ID it acts as that user, and with
// X-USER-ID-TYPE beside it as the user to whom that account is linked. Where a
// user is needed and the headers name none, or one that does not exist, the answer
// is 401 and never 404. The routes of the organization ignore both headers, which the
// vendor's own client sends with every call.
//
// # Users
//
// A user's id is its external ID if it has one, and the ID that the Manager gave
// it otherwise; that one goes on naming the user, and never names another. It is compared as external IDs are: in any case, or exactly where
// [enduser.Schema] says so. [Policy] makes e-mail addresses unique, and what is unique
// is answered with 409: error_code is USER_EXISTS, EMAIL_EXISTS or
// LINKED_ACCOUNT_EXISTS. A create that is repeated is USER_EXISTS.
//
// # Errors
//
// Errors are {"success":false,"error","error_code","fingerprint","request_id"}.
// error is for people and carries nothing personal; error_code is stable; the
// fingerprint is the same for the same error_code of the same route, so that reports
// can be grouped by it. A request is checked in this order: path and method (404, 405),
// secret (401), rate (429), rights (403), X-API-Version (400), form of the body (413,
// 415), acting user (401), content of the body (400).
//
// # Where the vendor's texts are silent or disagree
//
//   - Bodies of successes have success:true beside the members of the page, as the
//     vendor's newer schema wants it; errors have success:false, where the page's
//     generated sample has true. Errors of status 500 have no inner_exception.
//   - X-API-Version may be any date and is answered with 2025-03-25, on every
//     response; what is no date, or given twice, is 400. It is checked behind the
//     secret, so that strangers are told nothing else.
//   - PUT leaves what is absent as it is. linkedAccounts, if given, replaces the
//     list; a name of "" removes the name; an id that is another one renames the
//     user. An e-mail address cannot be removed: the vendor has no value for that.
//   - null is refused everywhere, and so are unknown members, the ids "" and "me",
//     and an account that is given twice. White space in names is allowed as the
//     vendor's pattern has it, but for control characters.
//   - The newer schema has success in every answer and allows no such member in a
//     request. Here it is ignored in one, so that what GET shows can be sent back.
//   - A create without a body is one of {}.
//   - Who has no name but a first or last one is shown with those as the name.
//   - What a user has from elsewhere, a name with other letters or an account of
//     another type, is shown as it is and may be sent back by PUT.
//   - Content-Type is asked of requests that have a body, not of others.
//   - A 401 has no WWW-Authenticate: the credential has no scheme to name.
//   - ETag, If-Match and If-None-Match work as in package httpapi. A user that is
//     damaged is a 500 CORRUPT, one that a newer program wrote so that this one cannot
//     read it a 503 NEWER.
package sensay

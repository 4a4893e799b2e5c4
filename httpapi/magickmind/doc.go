// Package magickmind serves the end users of an [enduser.Manager] through the end-users API
// of MagickMind. Programs written for that API work unchanged:
//
//	h, err := magickmind.New(users, tokens.Authenticate, nil)
//	mux.Handle("/magickmind/", http.StripPrefix("/magickmind", h))
//
// It follows the vendor's public reference at docs.magickmind.ai ("Create End-User" and its
// siblings, "Login", "Refresh Token") as it stood in 2026. Where the reference is silent it
// follows the vendor's own client library.
//
// # Routes
//
//	POST   /v1/end-users        201
//	GET    /v1/end-users        200, a page
//	GET    /v1/end-users/{id}   200
//	PUT    /v1/end-users/{id}   200
//	DELETE /v1/end-users/{id}   204
//	POST   /v1/auth/login       200, with Options.Login
//	POST   /v1/auth/refresh     200, with Options.Login
//
// All but the last two need Authorization: Bearer. The credential alone decides the
// tenant, the environment and the actor.
//
// # Behavior
//
// An end user's name is required and must not be blank. Its external_id is optional. It has
// 1 to 255 characters, is unique in the tenant's environment, and is compared as
// [enduser.User] says. Null and "" mean none; answers then have "".
//
// A taken external_id is 409. Clients read that as "the user exists", so a create makes a
// provisional holder permanent. If the credential may also see users (the action
// getEndUser), the detail ends with the holder's ID, so that a client that repeats a create
// finds the user of its first attempt.
//
// PUT changes the members that it is given and validates only what changes: an answer can
// always be sent back. Null or "" removes the external_id; the name cannot be removed.
//
// The list is ordered by creation. Its parameters are limit (1 to 100, by default 20; the
// reference also spells it Limit), order (asc or desc), name (every word given is a word of
// the name, in any case), external_id and cursor. A page has two cursors, after and before,
// for the pages of the same list beside it; one is null where the list ends. An empty parameter
// counts as absent. Unknown parameters, repeated ones and values that no user can have are
// refused, since ignoring a filter would give a wrong answer.
//
// Unknown members are ignored, except one that differs from a known member in case alone:
// it is refused. Errors have the vendor's form: the members of RFC 7807 in an object
// "error", with errors[] where members or parameters are to blame.
//
// # Deviations
//
// Where this package differs from the vendor's documents, or goes beyond them:
//
//   - In the reference's example a create sends an external_id and the answer has "". Here
//     the answer has what was sent.
//   - The reference requires name in a PUT; the client library leaves out members that it
//     does not change. Here no member is required.
//   - Create answers 201 and delete 204, as in the reference; generated specifications have
//     200 for both.
//   - An answer with one user has an ETag, and 201 a Location. PUT and DELETE take If-Match
//     (412), GET takes If-None-Match (304).
//   - The type of a 503 says whether something may have been written:
//     "urn:rollbook:problem:outcome-unknown" if so. All other errors have "about:blank".
//   - A list that takes longer than Options.ReadFor is a 503 whose type ends with
//     read-timeout. The error's cursor, if it has one, leads on from the place reached.
//   - A user that another family made may have no name. It is shown with
//     [enduser.User.DisplayName], which may be "". A PUT with a name gives it one.
//   - created_by and updated_by are the credential's actor or, without one, the tenant's ID
//     as in the reference.
//   - The accounts that log in are the host's, not end users; see [Login]. Failed logins
//     are limited (429); see [Options]. A refresh token stays valid for 30 s after its first
//     use.
package magickmind

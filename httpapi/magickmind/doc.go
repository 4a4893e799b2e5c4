// Package magickmind serves the end users of an [enduser.Manager] in the wire format
// of MagickMind's end-users API, for programs that were written against it:
//
//	h, err := magickmind.New(users, tokens.Authenticate, nil)
//	mux.Handle("/magickmind/", http.StripPrefix("/magickmind", h))
//
// It answers to the vendor's public reference at docs.magickmind.ai ("Create
// End-User" and its siblings, "Login", "Refresh Token") as it stood in 2026, and to
// what the vendor's own client library sends where the reference is silent.
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
// An end user's name is required, and is more than white space. Its external_id is
// optional: of 1 to 255 characters, unique in the tenant's environment and compared
// as [enduser.User] says. Null and "" stand for none, and "" is what is shown then. A
// taken one is 409. Clients take that as that the user is there, so a create keeps a
// holder that would have expired; and the detail ends with the holder's ID, where the
// credential may also see users (the action getEndUser), so that who repeats a create
// finds the user of the first try.
//
// PUT changes what it is given, and is only held to the rules in what it changes: what
// an answer has shown can be sent back. An external_id of null or "" is cleared; the
// name cannot be.
//
// The list is ordered by creation. Its parameters are limit (1 to 100, 20 if not
// given; the reference also spells it Limit), order (asc or desc), name (every word
// given is a word of the name, in any case), external_id and cursor. A cursor comes
// from an earlier page of the same list, after or before, and is null where the list
// ends. An empty parameter counts as absent. One that is not known, given twice, or has
// a value that no user can have is refused: a filter that is ignored would be a wrong
// answer.
//
// Members that are not known are ignored. One that differs from a known one only in
// case is not: it is refused. Errors are the vendor's: the members of RFC 7807 in an
// object "error", with errors[] where members or parameters are to blame.
//
// # Deviations
//
// What the vendor's documents say and this package does otherwise, or beyond them:
//
//   - The reference's example of a create sends an external_id and is answered with
//     "". Here what was sent is shown.
//   - The reference requires name in a PUT; the client library leaves out what it
//     does not change. Here nothing is required.
//   - Generated specifications have 200 for create and delete. Here it is the
//     reference's 201 and 204.
//   - An answer with one user has an ETag, and 201 a Location. PUT and DELETE take
//     If-Match (412), GET If-None-Match (304).
//   - The type of a 503 tells whether something may have been written:
//     "urn:rollbook:problem:outcome-unknown" if so. All other types are
//     "about:blank".
//   - A list that is not done within Options.ReadFor is 503, too, with a type that ends
//     with read-timeout. The error's cursor, if there is one, is where to go on.
//   - A user that another family of routes made may have no name: what
//     [enduser.User.DisplayName] says is shown, "" if it has no first or last name either.
//     A name that is given takes the place of that.
//   - created_by and updated_by are the credential's actor; the tenant's ID, as in
//     the reference, where it has none.
//   - The vendor's accounts, who log in, are not end users. They are the host's; see
//     [Login]. How often one may fail to is limited (429); see [Options]. A refresh token
//     stays good for 30 s after its first use.
package magickmind

// Package ada serves the end users of an [enduser.Manager] as version 2 of Ada's End
// Users API does, so that programs written for that API work unchanged:
//
//	h, err := ada.New(users, tokens.Authenticate, nil)
//	mux.Handle("/ada/", http.StripPrefix("/ada", h))
//
// It answers to the page "Create an end user" of docs.ada.cx and to the operations
// beside it, as they stood in 2026:
//
//	POST  /api/v2/end-users/                createEndUser       201, or 200 for one there is
//	GET   /api/v2/end-users/                listEndUsers        a page
//	GET   /api/v2/end-users/?external_id=   listEndUsers        one user
//	GET   /api/v2/end-users/{end_user_id}   getEndUser
//	PATCH /api/v2/end-users/{end_user_id}   updateEndUser
//	POST  /api/v2/conversations/            associateEndUser    201
//
// The names are those of [httpapi.Action], as native routes have them. Authorize is called
// for further actions if a request needs them: createEndUser for a conversation without
// end_user_id, since it makes a user; getEndUser for a POST of a user that exists;
// updateSensitive for a body that has sensitive_metadata.
//
// Each path is served with and without the slash at its end. The credential stands in
// Authorization: Bearer. It alone decides the tenant (Ada's "AI Agent"), the environment
// and the actor.
//
// # Users
//
// POST makes a user, or returns the one that has the external_id, in any case. The rest of
// the body is then validated and not applied, so that a POST can be repeated safely.
// Without external_id every POST makes another user, whatever else it has.
//
// A new user expires after 24 hours, and its external_id is free then, unless a
// conversation, or [enduser.Tenant.Associate], makes it permanent. Nothing else keeps it,
// not even a PATCH.
//
// display_name is the Name of an [enduser.User]. PATCH needs a profile, if only {}. Absent
// members stay as they are and null clears. metadata is merged by key: a null value
// removes its key, and null for the whole removes all of it. An external_id that another
// user has is 409. So is another user's e-mail address if both users were made under a policy
// that makes addresses unique, as that of package sensay does. An end_user_id never names
// another user: a POST or PATCH that gives it to another one as external_id is 409.
//
// # Sensitive metadata
//
// sensitive_metadata is sealed with the Manager's Keyring, shown by no route, and expires
// 24 hours after it was written. Only the host's own program reads it, with
// [enduser.Tenant.RevealSensitive]. Without a Keyring a request with sensitive values is
// 400 and nothing of it is kept. Writing a value again starts its 24 hours anew. At a PATCH
// null removes a value, and null for the whole removes all.
//
// # Conversations
//
// The route of conversations makes a user permanent: the one with the end_user_id, or a new
// one. No conversation is kept. The answer shows the channel and the user under a random
// ID. Other members than channel_id and end_user_id are ignored.
//
// # Errors
//
// Errors have the vendor's form, {"errors":[{"type","message","details"}]}, with one
// error. Every 400 is a validation_error, and its details name the fault's place: a JSON
// path for a member of the body, a name for a parameter of the path or query. Other errors
// have no details. Their types are not_found, conflict and so on; outcome_unknown, a 503,
// says that the write may have happened. A request is checked in this order: path and
// method (404, 405), credential (401), rate (429), rights (403), form of the body (413,
// 415), and the content of the body.
//
// # Where the vendor's texts are silent, or this package goes further
//
//   - external_id is always shown, null if unset, in the spelling that was given. The
//     page's example of an answer has none.
//   - system_properties always has the page's sunshine_user_id, null if unset.
//   - Times are in whole seconds, as in the page's example: two changes within one
//     second have the same updated_at and different ETags.
//   - Unknown members are ignored, and so is system_properties. An unknown parameter of
//     a list is 400, since a filter that is ignored would make a wrong answer. A member
//     that differs from a known one only in case is 400: another reader of the body
//     might take it for that one.
//   - A POST of a user without a body is the same as a POST with {}.
//   - The vendor's 10 MB for a body are 10 MiB. Its 10 KB for metadata are 10,240
//     bytes as compact JSON. Integers have at most 64 bits; 1.0 is not an integer. POST
//     refuses null values in metadata.
//   - Package [enduser] and other families of routes may write metadata values other
//     than strings, booleans and integers. These are not shown. They count for the
//     limit, and stay at a PATCH that neither names their keys nor clears all.
//   - email is an RFC 5322 address, avatar an http or https URL, language a BCP 47
//     tag. Empty ones are refused; an empty name is the same as none.
//   - A sensitive string has at most 4 KiB, its key 128 characters, a user 128 values.
//     POST accepts null values and ignores them.
//   - A look-up by an external_id that would not be valid for a new user is 400. So is
//     a POST with it, unless another family of routes has given it to a user.
//   - A page has 20 users by default and at most 100, oldest first. Only the last page
//     can be empty. Any page may be short, if its users are very large or if reading
//     takes longer than ReadFor. If no user was found in that time, the answer is a 503
//     read_timeout, whose meta has the next_page_url from which to go on.
//   - The cursor is opaque, and stays valid when its user is deleted or expires.
//     next_page_url is null on the last page and keeps limit.
//   - Users whose records are damaged, or that a newer program wrote, are left out of
//     lists and logged. A request for one is 500 corrupt or 503 newer.
//   - Rates are counted for all routes together, by credential, over rolling windows.
//     429 and 503 have Retry-After.
//   - An answer with one user has an ETag, and 201 a Location. PATCH takes If-Match
//     (412), GET If-None-Match (304). Every answer has an X-Request-Id.
//   - Erasure jobs, identity tokens, webhooks and channels are not served here. Any
//     channel_id is accepted.
package ada

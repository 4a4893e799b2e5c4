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
// The names are those of [httpapi.Action], as native routes have them. For a
// conversation without end_user_id createEndUser is asked for too, since it makes a user;
// for a POST of a user who is there getEndUser; and for a body that has
// sensitive_metadata updateSensitive.
//
// Each path is served with and without the slash at its end. Authorization: Bearer
// carries the credential, which alone decides the tenant (Ada's "AI Agent"), the
// environment and the actor.
//
// # Users
//
// POST makes a user, or returns the one that has the external_id, in any case, as it
// is: the rest of the body is checked and not applied. So it can be repeated safely.
// Without external_id every POST makes another user, whatever else is in it.
//
// A user that was made has 24 hours. Unless a conversation, or
// [enduser.Tenant.Associate], makes it permanent it is gone then and its external_id
// is free. Nothing else keeps it; a PATCH does not.
//
// display_name is the Name of an [enduser.User]. PATCH needs a profile, if only {}.
// What is absent stays as it is and null clears. metadata is merged by key, and a null
// value removes its key; null for the whole removes all of it. An external_id that
// another user has is 409. So is an e-mail address, if
// both users claim theirs: those made through a family where addresses are unique do.
// An end_user_id never names another user: to give it to one as its external_id is
// 409, at a POST too.
//
// # Sensitive metadata
//
// sensitive_metadata is sealed with the Manager's Keyring, shown by no route, and
// gone 24 hours after it was written; only the host's own program reads it, with
// [enduser.Tenant.RevealSensitive]. Without a Keyring a request that has some is 400
// and nothing of it is kept. Writing a value again starts its 24 hours anew. null
// removes a value at a PATCH, and null for the whole removes all.
//
// # Conversations
//
// A conversation is not kept: its route is there because it makes a user permanent.
// It does that with the end_user_id that it is given, or makes a new user, and shows
// what was asked for under an ID of its own. Members beside channel_id and
// end_user_id are ignored.
//
// # Errors
//
// Errors have the vendor's form, {"errors":[{"type","message","details"}]}, with one
// error. Every 400 is a validation_error. What is to blame stands in details: a JSON
// path for a member of the body, a name for a parameter of path and query. Other errors
// have no details; their types are not_found, conflict and so on; outcome_unknown, a 503, says that the
// write may have happened. A request is checked in this order: path and method (404,
// 405), credential (401), rate (429), rights (403), form of the body (413, 415), and
// what is in it.
//
// # Where the vendor's texts are silent, or this package goes further
//
//   - The seed's example of an answer has no external_id; here it is always there,
//     null if unset, in the spelling that was given.
//   - system_properties always has the seed's sunshine_user_id, null if unset.
//   - Times are in whole seconds, as in the seed's example: two changes within one
//     have one updated_at, and different ETags.
//   - Unknown members are ignored, and so is system_properties. A parameter that lists
//     do not have is 400: a filter that is ignored would be a wrong answer. A
//     member that differs from a known one only in case is refused: another reader of
//     the body might take it for that.
//   - A POST without a body is one of {}.
//   - The vendor's 10 MB for a body are 10 MiB. Its 10 KB for metadata are 10,240
//     bytes as compact JSON. Integers are those of 64 bits, and 1.0 is none. A null
//     value in metadata is refused by POST.
//   - Metadata may also have been written through package [enduser] or another family
//     of routes. What is no string, boolean or integer there is not shown. It counts
//     for the limit and stays at a PATCH, unless that names its key or clears all.
//   - email is an RFC 5322 address, avatar an http or https URL, language a BCP 47
//     tag. An empty one is refused; an empty name is no name.
//   - A sensitive string has at most 4 KiB, a key 128 characters, a user 128 values.
//     A null is accepted by POST and does nothing.
//   - A look-up by an external_id that breaks the rules for new ones is 400, and so is
//     a POST, unless another family of routes has given it to a user.
//   - A page has 20 users where limit does not say otherwise, oldest first, and 100
//     at most. One that another follows is never empty, but may be short: of very
//     large users, and where reading takes longer than ReadFor. If nothing was found
//     by then it is a 503 read_timeout, whose meta has the next_page_url to go on from.
//   - The cursor is opaque, and good also after the user it came from is gone;
//     next_page_url is null on the last page and keeps limit.
//   - Users that cannot be read, since they are damaged or a newer program wrote
//     them, are left out of lists and logged. To ask for one is a 500 corrupt or a 503
//     newer.
//   - Rates are counted for all routes together, by credential, over rolling windows.
//     429 and 503 have Retry-After.
//   - An answer with one user has an ETag, and 201 a Location. PATCH takes If-Match
//     (412), GET If-None-Match (304). Every answer has an X-Request-Id.
//   - Erasure jobs, identity tokens, webhooks and channels are not served here; any
//     channel_id will do.
package ada

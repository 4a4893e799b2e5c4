// Package explo serves the groups of an [enduser.Manager] as the user groups of
// Explo's embedded dashboards, so that programs written for that API work unchanged:
//
//	h, err := explo.New(users, tokens.Authenticate, nil)
//	mux.Handle("/explo/", http.StripPrefix("/explo", h))
//
// A user group is a customer of the tenant. It is known by the tenant's own
// user_group_id and has a token, with which a dashboard that is embedded somewhere
// proves whose data it shows; [enduser.Groups.Authenticate] takes it.
//
// # Documents
//
// It answers to Explo's "End User Group API" (docs.explo.co), and to the pages that
// the documentation template of Mintlify made of it, which stand on many sites under
// https://api.mintlify.com/api/user. The template has one path for everything and the
// names of operations on users: its page "Create User" rotates the token of a group
// that exists already, and it is its "Get" that creates.
//
//	GET    /api/user                      createGroup
//	POST   /api/user                      rotateGroupToken
//	PUT    /api/user                      updateGroup
//	DELETE /api/user                      deleteGroup
//	POST   /api/create_user_group/        createGroup
//	POST   /api/refresh_user_group_token/ rotateGroupToken
//	POST   /api/update_user_group/        updateGroup
//	DELETE /api/delete_user_group/        deleteGroup
//
// The names are those of [httpapi.Action], as native routes have them; all of them
// write. Where a request comes to show the token of a group that is there, which no
// native route does, Authorize is also asked about "revealGroupToken", and about
// "getGroup" if the request was to create: get-or-create of a known ID, and update before
// it writes. Who may only make groups never sees the token of another's.
//
// Each path works with a slash at its end and without. Every route has a JSON
// body, GET and DELETE too: clients and proxies that send none with GET have to use
// the POST route. HEAD does what GET does, but for showing it. The Customer API, which
// Explo has instead today, and the older path /embed/create_user_group/ are not served.
//
// # Requests
//
// The credential stands in Authorization, as the template has it, or in
// Explo-Authorization, as Explo has it, behind the word Token. A request with both
// headers is refused: they could name two tenants.
//
// Members that a route does not know are ignored, but a member whose name differs
// from a known one only in case is refused. Null is the same as absent.
//
//   - Get or create takes user_group_id, name, mapping, properties and is_demo_group.
//     With an ID that is known it changes nothing, shows the group as it is, token
//     included, and says "new_user_group":false, also if the limits below would not
//     allow a new group that was like this.
//   - Update takes the same. user_group_id says which group; what is absent stays as it
//     is, mapping and properties are replaced as a whole.
//   - Refresh takes current_token. The old token is no longer accepted from then on,
//     unless [Options] says otherwise, and names no group in any case: of several
//     requests with one token exactly one gets the new token, the others 404.
//   - Delete takes current_token. The template form also takes user_group_id, alone or
//     beside it; together they have to mean the same group. The template's
//     data_source_provided_id is one of the members that are ignored.
//
// A user_group_id has at most 255 characters, and is compared exactly (see
// [enduser.SameGroupID]), in one environment of the tenant: a Customer group and a
// Testing group may have the same. The environment is the credential's; no member of a
// body says it. A name has at most 256 characters; mapping and properties each have at
// most 256 keys and 10,240 bytes as compact JSON, unless the policy says otherwise.
// Their values are any JSON, but one of their own keys that is null is left out.
//
// # Answers
//
// Success is 200 with "success":1; all but delete show the group:
//
//	{"success":1,"user_group":{"team_id":395358273,"token":"…","name":"Example 1",
//	 "provided_id":"example_1","is_demo_group":false,"api_environment_tag":"Customer",
//	 "properties":{},"mapping":{}}}
//
// Explo's own examples end with is_demo_group. The environment is described there and
// not shown, properties are in some of the template's pages, and mapping is in none;
// here all three are always there, so that whoever leaves the vendor can see what was
// given. A token has 64 characters. team_id is the group's number: random, below
// 2^31, unique in the tenant's environment, and the same as long as the group exists.
//
// Answers with a token are not to be cached (Cache-Control: no-store). They have an
// ETag, which all routes take in If-Match: 412 if the group is another version by now,
// or is not there yet. GET takes it in If-None-Match: 304.
//
// Explo documents neither statuses nor bodies of failures. Here they have the proper
// status, and "success":0 with a text for people, a stable code and the request's ID:
//
//	{"success":0,"error":"current_token: must not be empty","code":"invalid","request_id":"…"}
//
// That is 400 for a current_token or user_group_id that is missing or empty, as the
// template's own sample has it, 404 for one that no group of the credential's tenant
// and environment has, and otherwise what package [httpapi] says. Explo allows 180
// requests a minute from one address; here rates are counted by credential, and there
// are none unless Options says so. If a refresh is answered with 503 and the code
// outcome-unknown, get-or-create shows which token holds.
package explo

// Package explo serves the groups of an [enduser.Manager] as the user groups of
// Explo's embedded dashboards, so that programs written for that API work unchanged:
//
//	h, err := explo.New(users, tokens.Authenticate, nil)
//	mux.Handle("/explo/", http.StripPrefix("/explo", h))
//
// A user group is a customer of the tenant. It has the tenant's own user_group_id and a
// token, by which an embedded dashboard proves whose data it shows;
// [enduser.Groups.Authenticate] accepts it.
//
// # Documents
//
// It follows Explo's "End User Group API" (docs.explo.co). It also follows the pages that
// Mintlify's documentation template made of that API; many sites show them, with the address
// https://api.mintlify.com/api/user. The template has one path for everything and names
// its operations after users: its page "Create User" rotates the token of a group that
// exists, and its "Get" creates one.
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
// The last column is the name of the [httpapi.Action], the same as on native routes. All of
// them write. No native route shows the token of a group that exists, but update and
// get-or-create do here. So they also call Authorize for "revealGroupToken": an update before
// it writes, and a get-or-create if the group exists, then for "getGroup" too. A credential
// that may only create groups never sees the token of one that others made.
//
// Each path works with and without a slash at its end. Every route has a JSON body, GET
// and DELETE too: clients and proxies that send none with GET can use the POST route. HEAD
// does what GET does and shows nothing. The Customer API, which Explo has instead today,
// and the older path /embed/create_user_group/ are not served.
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
//     With a known ID it changes nothing, shows the group as it is, token included, and
//     says "new_user_group":false, even if the body would not be valid for a new group.
//   - Update takes the same. user_group_id says which group. Absent members stay as they
//     are; mapping and properties are replaced as a whole.
//   - Refresh takes current_token. From then on [enduser.Groups.Authenticate] refuses the
//     old token, unless [Options] has an Overlap. With or without an Overlap no route
//     accepts it as current_token again: of several requests with one token exactly one
//     gets the new token, and the others are 404.
//   - Delete takes current_token. The template form also takes user_group_id, alone or
//     beside it; together they must mean the same group. The template's
//     data_source_provided_id is ignored.
//
// A user_group_id has at most 255 characters, and is compared exactly (see
// [enduser.SameGroupID]), in one environment of the tenant: a Customer group and a
// Testing group may have the same. The environment is the credential's, never that of the
// body. A name has at most 256 characters; mapping and properties each have at most 256
// keys and 10,240 bytes as compact JSON, unless the policy says otherwise. Their values are
// any JSON; null values are left out. The registry keeps a mapping as one value in the
// SystemProperties of an [enduser.Group], beside is_demo_group. Their names count: a mapping
// has 12 bytes less, in a demo group 24, and is nested at most 30 deep.
//
// # Answers
//
// Success is 200 with "success":1; all but delete show the group:
//
//	{"success":1,"user_group":{"team_id":395358273,"token":"…","name":"Example 1",
//	 "provided_id":"example_1","is_demo_group":false,"api_environment_tag":"Customer",
//	 "properties":{},"mapping":{}}}
//
// Explo's own examples end with is_demo_group. They describe the environment and do not
// show it; some of the template's pages show properties, and none mapping. Here all three
// are always shown, so that a tenant that leaves the vendor can see what it has sent. A
// token has 64 characters. team_id is the group's number: random, below 2^31, unique in the
// tenant's environment, and the same as long as the group exists.
//
// Answers with a token must not be cached (Cache-Control: no-store). They have an ETag,
// which all routes take in If-Match: 412 if the group has another version, or does not
// exist. GET takes it in If-None-Match: 304.
//
// Explo documents neither statuses nor bodies of failures. Here they have the status of the
// failure, and "success":0 with a text for people, a stable code and the request's ID:
//
//	{"success":0,"error":"current_token: must not be empty","code":"invalid","request_id":"…"}
//
// A current_token or user_group_id that is missing, or empty as in the template's own
// sample, is 400. One that no group of the credential's tenant and environment has is 404.
// Other statuses are those of package [httpapi]. Explo allows 180 requests a minute from
// one address; here rates count by credential, and there are none by default. After a
// refresh that was answered with 503 and the code outcome-unknown, get-or-create shows the
// token of the group.
package explo

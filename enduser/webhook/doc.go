// Package webhook sends the events of tenants to their webhooks over HTTP, and verifies what
// was sent, for receivers. Which events a webhook gets, in which order and how often, is said by
// package enduser; this one has the requests: their form, their signature, and where they may
// go.
//
//	deliverer := webhook.New(users, nil)
//	go func() { log.Println(deliverer.Run(ctx)) }()
//
// # Requests
//
// A request is a POST whose body is JSON:
//
//	{
//	  "type": "end_user.updated",
//	  "timestamp": "2026-11-26T11:05:00.000Z",
//	  "data": {
//	    "id": "6979e85f6c264301cea8ee2e",
//	    "revision": 7,
//	    "fields": ["email", "metadata.plan"],
//	    "actor": "crm",
//	    "external_id": null,
//	    "tenant_id": "acme",
//	    "environment": "Customer",
//	    "cursor": "AV8…",
//	    "user": { … }
//	  }
//	}
//
// The type is one of [enduser.EventTypes], or [enduser.EventPing]. The timestamp is when the
// change was made. In data, id is that of the user, group or webhook that the event is about;
// revision, which grows with every change, puts the events of one of them in order; fields are
// the names of what was changed, as in the change feed; actor is who did it. The external_id is
// that which a deletion has freed, if the tenant's [enduser.Schema] keeps it. The cursor is the
// place of the change in the feed: GET /v1/changes continues there.
//
// Events of users have a member user, those of groups a member group: the user or group as the
// native routes show it, as it is at the time of the attempt. It may be newer than the change,
// and is null if it does not exist any more. So the body of a second attempt may differ from
// the first.
//
// A member that has no value is null. A ping has a null revision and cursor. More members may be
// added to every object.
//
// In the format [enduser.FormatAda] the body is that of Ada's events:
//
//	{"type": "v1.end_user.updated", "timestamp": "…", "data": { … }, "tags": ["6979e85f6c264301cea8ee2e"]}
//
// # Signatures
//
// Requests are signed as Standard Webhooks say (standardwebhooks.com): webhook-id identifies
// the event and is the same in every attempt, webhook-timestamp is the time of the attempt, and
// webhook-signature has a signature (HMAC-SHA-256) by each of the webhook's secrets: two while a
// rotation lasts. Receivers call [Verify], or any other library of that specification. In Ada's
// format the headers svix-id, svix-timestamp and svix-signature say the same again.
//
// # Answers
//
// A status of 200 to 299 within 15 seconds is a success; everything else is a failure, a redirect
// too, which is never followed. 410 disables the webhook. Retry-After is obeyed up to 24 hours.
// Of an answer's body at most 64 KiB are read, and nothing of it is kept.
//
// # Where requests may go
//
// Tenants choose the URLs, so a request must not reach what only this process can reach. Every
// connection is checked after the name was resolved, by the address that it is made to: only
// public addresses, port 443 and https are allowed. Addresses are refused that lead to others
// (NAT64, 6to4, Teredo, IPv4 in IPv6), are reserved or for documentation, or belong to the
// metadata services of clouds. Proxies of the environment are not used. See [Options].
package webhook

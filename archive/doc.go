// Package archive writes what Rollbook has of one tenant or of all into a file, and reads it back:
// to move to another installation, to keep what a customer is owed, or to look at it with tools
// for text.
//
//	_, err := archive.Export(ctx, users, file, &archive.ExportOptions{Tenant: "acme"})
//	result, err := archive.Import(ctx, others, file, &archive.ImportOptions{Rejected: rejects})
//
// It is not a backup: it leaves out versions, the change feed, answers to idempotency keys, what
// was delivered to webhooks, and, unless it is asked for them, secrets. To take all of that to
// another store use store.Copy; for backups see each store.
//
// # The format
//
// An archive is UTF-8 text in lines that end with LF. Each line is a JSON object with a "type".
// The first line is the header:
//
//	{"type":"archive","version":1}
//
// The last is the trailer, with the number of rows of each type, and how many records could not
// be read and were skipped:
//
//	{"type":"end","groups":1,"users":2,"sensitive":1,"webhooks":1,"skipped":0}
//
// What is between them are rows. Each names its tenant, so that a damaged line harms no other,
// and its environment unless that is Customer. If external IDs of users were compared exactly
// (enduser.Schema.ExactIDs) it has "exact_ids":true. Members come in the order shown; those
// without a value are left out. Times are in UTC with milliseconds. A list has at most 1,000 items.
//
//	{"type":"group","tenant":"acme","environment":"Testing","id":"…","external_id":"team-7","number":9,
//	  "name":"…","metadata":{…},"system_properties":{…},"token":"…",
//	  "created_at":"2026-01-02T03:04:05.006Z","created_by":"…","updated_at":"…","updated_by":"…"}
//	{"type":"user","tenant":"acme","id":"…","external_id":"…","name":"…","first_name":"…","last_name":"…",
//	  "email":"…","avatar":"…","language":"…","metadata":{…},"system_properties":{…},
//	  "linked_accounts":[{"type":"discord","id":"8035"}],"groups":["team-7"],
//	  "created_at":"…","created_by":"…","updated_at":"…","updated_by":"…","expires_at":"…"}
//	{"type":"sensitive","tenant":"acme","user":"…","values":[{"key":"ssn","until":"…","sealed":"…"}]}
//	{"type":"webhook","tenant":"acme","id":"…","url":"…","description":"…","events":["group.*"],"format":"ada",
//	  "header_names":["X-Api-Key"],"disabled":true,
//	  "created_at":"…","created_by":"…","updated_at":"…","updated_by":"…"}
//
// Rows are sorted by tenant (by bytes), then environment, then the types in this order. Within a
// type they are in the order in which the registry got them. So equal stores give equal bytes, on
// whatever database, with equal clocks: users and values that have expired are left out.
//
// Members that this program does not know make a row invalid, and a program that adds some counts
// the version up. An archive of a higher version is ErrNewer.
//
// # What is kept
//
//   - Of users everything but versions, revisions, AddedAt and whether their address was unique,
//     which is for the policy of the other side to say. They are listed in nearly the same order,
//     since many are written at once.
//   - Of groups the same, with their numbers. Tokens are sealed, or left out: then a group that is
//     new gets a new token. Tokens that were rotated out are left out.
//   - Of sensitive values nothing, or the sealed form of those that are live.
//   - Of webhooks what people see of them. A webhook that is imported is disabled, has no headers
//     and a secret that nobody knows, and gets events from the moment on in which it is enabled.
//
// Groups and webhooks that are new need a keyring on the other side in any case: without one they
// are rejected as ErrNoKeyring.
//
// What is sealed needs the same keyring on the other side, and is bound to the tenant's name, the
// environment, exact_ids and the ID: in a file that was changed to name another tenant or user it
// cannot be opened, and that row is rejected. No row has a secret in clear, nor a hash of one, but for
// what people have written into the URL of a webhook, or into metadata.
//
// # Files of others
//
// A row can name any tenant, any ID that is free there, any system property, and any actor or time of
// creation, also such as no client may set over HTTP. Import a file that somebody else made with From,
// and with To into their tenant. Tokens and values that such a file makes up are rejected, but an
// older archive of this registry brings back the token of a group that was deleted since, and values
// that were cleared since and live: use DropSealed.
//
// # Running again
//
// Rows are identified by their IDs. To import a row again changes nothing: it is merged into what
// exists, as enduser.Tenant.ImportAll says, so an import that was interrupted can begin again. With
// ImportOptions.After it goes on behind the last line that was answered. Something that was deleted
// after it was imported is imported again by a second import.
package archive

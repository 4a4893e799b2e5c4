// Package enduser keeps a registry of end users: the users of your customers.
//
// Make a [Manager] on a store, take the handle of a tenant, and use it:
//
//	users := enduser.New(memory.New(nil), nil) // or of store/sqlite, store/postgres, store/redis
//	acme := users.Tenant("acme")
//
//	u, outcome, err := acme.Upsert(ctx, enduser.Spec{ExternalID: "crm-7", Name: "Ann"})
//	u, err = acme.Get(ctx, enduser.ByExternalID("CRM-7"))
//	u, err = acme.Update(ctx, enduser.ByID(u.ID), func(e *enduser.Edit) error {
//		e.Metadata["plan"] = enduser.String("pro")
//		return nil
//	})
//	for u, err := range acme.All(ctx, enduser.Filter{Name: "ann"}) { … }
//
// Call [Manager.Run] in a goroutine: it deletes what has expired.
//
// A Manager keeps the users of many tenants, each with two environments that share
// nothing. A [Tenant] is a handle on one of them, so no call can forget whose users
// they are. [Tenant.Get], [Tenant.Update], [Tenant.Delete], [Tenant.List] and
// [Tenant.All] do what their names say. The examples show the rest.
//
// # Identity
//
// A user has an ID, made by the Manager, and may have an external ID: the one by
// which the tenant's own systems know it. [Tenant.Upsert], [Tenant.Ensure] and
// [Tenant.Create] take the external ID. If a user has it already, Upsert merges the spec into
// that user, Ensure leaves the user alone and Create fails. Any number of callers in any
// number of processes may do so at once: only one of them creates the user.
// A user can also be found by linked accounts and by e-mail address.
//
// External IDs and e-mail addresses are compared without regard to case, after Unicode
// normalization and by simple case folding: "crm-7" is "CRM-7"; "é" is "É", whether the
// accent is a character of its own or not; and "ß" is not "ss". Domains of addresses are compared
// by the rules of IDNA. The IDs of groups are compared exactly. Users keep the spelling
// that was given. Texts that could be mistaken for others are invalid: invisible,
// unassigned and compatibility characters, white space at the ends, and placeholders
// such as "undefined" and "null", see [Policy]. Look-alikes of other scripts are different
// IDs. A user's own ID never becomes another's external ID.
//
// # Writing
//
// [Tenant.Update] changes a user depending on its state: it reads, calls a function with an
// [Edit], and writes. If somebody else has changed the user meanwhile, it starts again. If
// the function changes nothing, nothing is written: the user gets no new version and the feed
// no change. If a write is invalid nothing is written, and an [InvalidError] lists everything
// that is invalid in it.
//
// A write fails in one of two ways. After any error but ErrUnknown it did not happen.
// After ErrUnknown, which a lost connection or an ended context causes, it may have
// happened. Upsert and Ensure can then be repeated: they converge to one user. Any call can be
// repeated if its context has an idempotency key, see [Idempotent].
//
// # Inside your transaction
//
// On SQLite and PostgreSQL, [Manager.On] makes a Manager inside a transaction that the host
// has begun, so that users and the host's own tables change together. A call that is refused
// leaves the transaction as it was. After [ErrAborted] only a rollback is left. Until the
// commit, a write through another Manager waits for the transaction: do not wait for it inside.
//
// # Versions and conditions
//
// Every write gives a user, group or webhook another [Version]. All calls that write one, except
// Link and Unlink, take [Condition] values, which must hold at the moment of the write:
// [IfVersion] keeps a caller from overwriting changes it has not seen, [IfAbsent] from
// overwriting anything, and [IfUser] calls a function to decide.
//
// # Provisional users
//
// A user made with [Spec].ExpiresIn is deleted at its deadline, unless [Tenant.Associate]
// is called before, or Ensure or Upsert without ExpiresIn. From its deadline on it does not
// exist for any call, and its external ID, accounts and address are free.
//
// # Sensitive values
//
// [Spec].Sensitive and [Edit.SetSensitive] write values that only [Tenant.RevealSensitive]
// shows again, in the host's own program. Each lives for [SensitiveTTL]. They
// are sealed (AES-256-GCM) under keys of the [Keyring] in [Options], bound to the
// tenant, environment, user, key and deadline they were written for, and deleted with
// the user. Package keyfile has a Keyring that destroys its keys: then copies of the store
// become unreadable too, at most an hour after a value's deadline, if [Manager.Run] or
// [Manager.Sweep] runs.
//
// # Groups
//
// A [Group] has an external ID and a token. Users belong to the groups that they name.
// [Tenant.Groups] is the handle: [Groups.Create] and [Groups.Rotate] return a new token,
// [Groups.Authenticate] returns the group of a token, and [Groups.Reveal] shows the token
// again. Tokens have 256 bits; they are found by their hash.
//
// # Changes
//
// [Tenant.Changes] is a feed of every write, in order and exactly once, with its actor and
// the names of the fields, never their values. A reader keeps the [Position] that it has
// reached; [Tenant.Follow] waits for what comes next. If the store is put back to an earlier
// state, or the changes that follow were trimmed, the reader gets ErrTrimmed. Nothing is
// trimmed unless [Options].Retain says so.
//
// # Webhooks
//
// A [Webhook] is an endpoint of a tenant that is told of changes. [Tenant.Webhooks] is the
// handle. [Manager.Deliver] delivers, in as many processes as call it, and package
// enduser/webhook sends. Every event is delivered at least once, those of one user in order.
//
// # Schema and policy
//
// A [Schema] belongs to a tenant and says by what its users are found. A [Policy] belongs
// to a handle and says what may be written through it. A change of either takes no field and
// no index term from users that exist.
//
// # Unreadable users
//
// A user, group or webhook that is damaged, or that only a newer program can read, is an
// [UnreadableError]. Lists and iterators name it and go on, and Delete deletes it. Writes
// keep what a newer program has added to a user, or fail with ErrNewer.
//
// # Errors
//
// The variables whose names begin with Err are for [errors.Is]; [InvalidError],
// [ConflictError] and [UnreadableError] are for [errors.As]. If a context ended before
// anything was sent, the error is the context's. No error text carries personal data.
package enduser

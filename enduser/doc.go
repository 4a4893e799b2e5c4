// Package enduser keeps a registry of end users: the users of your customers.
//
//	users := enduser.New(st, nil) // st is a store.Store: store/memory, store/sqlite, store/redis
//	acme := users.Tenant("acme")
//	u, outcome, err := acme.Upsert(ctx, enduser.Spec{ExternalID: "crm-7", Name: "Ann"})
//
// A [Manager] keeps the users of many tenants, each with two environments that share
// nothing. A [Tenant] is a handle on one of them, so that no call can forget whose users
// they are. [Tenant.Get], [Tenant.Update], [Tenant.Delete], [Tenant.List] and
// [Tenant.All] do what their names say.
//
// # Identity
//
// A user has an ID, made by the Manager, and may have an external ID: the one by
// which the tenant's own systems know it. [Tenant.Upsert], [Tenant.Ensure] and
// [Tenant.Create] take the external ID and differ in what they do when there is
// such a user: merge, leave it alone, refuse. However many callers do that at
// once, in however many processes, there is one user, and one of them created it.
// A user can also be found by linked accounts and by e-mail address.
//
// External IDs and e-mail addresses are compared without regard to case, by
// simple case folding of canonically equivalent text: "crm-7" is "CRM-7", "é" is
// "É" however it is composed, and "ß" is not "ss". Domains of addresses are compared as
// IDNA has them. The IDs of groups are compared exactly. The spelling that was given is
// kept. What could be mistaken for something else is not allowed: invisible,
// unassigned and compatibility characters, white space at the ends, and placeholders
// such as "undefined" and "null", see [Policy]. Look-alikes of other scripts are different
// IDs. A user's own ID never becomes another's external ID.
//
// # Writing
//
// [Tenant.Update] is the one way to change a user by what it is: it reads, calls
// a function with an [Edit] and writes if nobody else did meanwhile, or begins again. A
// write that changes nothing is not one: no new version, no change in the feed.
// Everything that is wrong with a write is reported together, as an
// [InvalidError]; nothing is written then.
//
// A write fails in one of two ways. It did not happen: any error but ErrUnknown.
// It may have happened: ErrUnknown, after a lost connection or an ended context.
// Upsert and Ensure can then be repeated: they converge to one user.
//
// # Versions and conditions
//
// Every write gives a user or group another [Version]. All calls that write take a
// [Condition], which holds at the moment of the write: [IfVersion] keeps a caller from
// writing over what it has not seen, [IfAbsent] from writing over anything, [IfUser] asks
// a function.
//
// # Provisional users
//
// A user made with [Spec].ExpiresIn does not stay unless [Tenant.Associate] is
// called in time, or Ensure or Upsert by somebody who gives no ExpiresIn. From its deadline
// on it does not exist for any call, and its external ID, accounts and address are free;
// [Manager.Run] sweeps up behind.
//
// # Sensitive values
//
// [Spec].Sensitive and [Edit.SetSensitive] write values that nothing shows again but
// [Tenant.RevealSensitive], in the host's own program: each for [SensitiveTTL]. They
// are sealed (AES-256-GCM) under keys of the [Keyring] in [Options], bound to the
// tenant, environment, user, key and deadline they were written for, and deleted with
// the user, whatever deletes it. With the Keyring of package keyfile, which destroys its
// keys, copies of the store cannot be read any more either: the key of a value is gone at
// most an hour after the value, where [Manager.Run] or Sweep runs.
//
// # Groups
//
// A [Group] has an ID that the tenant's systems know, and a token. Users belong to
// the groups that they name. [Tenant.Groups] is the handle: [Groups.Create] and
// [Groups.Rotate] return a new token, [Groups.Authenticate] says whose a token is, and
// [Groups.Reveal] shows it again. Tokens have 256 bits; they are found by their hash.
//
// # Changes
//
// [Tenant.Changes] is a feed of everything that was written, in order and exactly
// once, with who did it and the names of the fields: never their values. A reader keeps
// the [Position] that it has reached. If the store is put back to an earlier state, or
// what follows was trimmed, the reader is told: ErrTrimmed.
//
// # Schema and policy
//
// A [Schema] is a tenant's: by what its users are found. A [Policy] is a handle's: what
// may be written through it. Both validate or index what a write sets, and take nothing
// from users that are there.
//
// # What cannot be read
//
// A user or group that is damaged, or that only a newer program can read, is an
// [UnreadableError]. Lists and walks name it and go on, and Delete deletes it. What a newer
// program has added to a user is kept by writes of this one, or they fail with ErrNewer.
//
// # Errors
//
// The variables whose names begin with Err are for [errors.Is]; [InvalidError],
// [ConflictError] and [UnreadableError] for [errors.As]. A context that ended before
// anything was sent is that context's error. No error text carries personal data.
package enduser

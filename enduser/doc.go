// Package enduser keeps a registry of end users: the users of your customers.
//
// A [Manager] keeps them in a [store.Store], for many tenants, each with two
// environments that share nothing. A host reaches a tenant's users through a
// handle, so that no call can forget whose they are:
//
//	users := enduser.New(st, nil)
//	acme := users.Tenant("acme").As("key_42")
//	u, outcome, err := acme.Upsert(ctx, enduser.Spec{ExternalID: "crm-7", Name: "Ann"})
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
// "É" however it is composed, and "ß" is not "ss". The spelling that was given is
// kept. What could be mistaken for something else is not admitted: invisible,
// unassigned and compatibility characters, and white space at the ends.
// Look-alikes of other scripts are different IDs.
//
// # Writing
//
// [Tenant.Update] is the one way to change a user by what it is: it reads, calls
// a function and writes if nobody else did meanwhile, or begins again. A write
// that changes nothing is not one: no new revision, no change in the feed.
// Everything that is wrong with a write is reported together, as an
// [InvalidError]; nothing is written then.
//
// A write fails in one of two ways. It did not happen: any error but ErrUnknown.
// It may have happened: ErrUnknown, after a lost connection or an ended context.
// Upsert and Ensure can then be repeated: they converge to one user.
//
// # Provisional users
//
// A user made with [Spec].ExpiresIn does not stay unless [Tenant.Associate] is
// called in time. From its deadline on it does not exist for any call, and its
// external ID, accounts and address are free; [Manager.Run] sweeps up behind.
//
// # Sensitive values
//
// [Spec].Sensitive and [User.SetSensitive] write values that nothing shows again but
// [Tenant.RevealSensitive], in the host's own program: each for [SensitiveTTL]. They
// are sealed (AES-256-GCM) under keys of the [Keyring] in [Options], bound to the
// tenant, environment, user, key and deadline they were written for, and kept beside
// the user, not in it. They are deleted with the user, whatever deletes it. With the
// Keyring of package keyfile, which destroys its keys, copies of the store cannot be
// read any more either: the key of a value is gone at most an hour after the value,
// where [Manager.Run] or Sweep runs.
//
// # Groups
//
// A [Group] has an ID that the tenant's systems know, and a token. Users belong to
// the groups that they name. [Tenant.RotateGroupToken] replaces the token, and
// [Tenant.AuthenticateGroup] says whose a token is. Tokens have 256 bits; they are
// found by their hash, and sealed for those who have to show them again.
//
// # Changes
//
// [Tenant.Changes] is a feed of everything that was written, in order and exactly
// once, with who did it and the names of the fields: never their values.
//
// # Errors
//
// ErrNotFound, ErrInvalid, ErrConflict, ErrAmbiguous, ErrContended, ErrTrimmed,
// ErrUnavailable, ErrUnknown, ErrCorrupt, ErrNoKeyring and ErrNoKey are for
// [errors.Is]; [InvalidError] and [ConflictError] for [errors.As]. A context that ended before anything was
// sent is that context's error. No error text carries personal data.
package enduser

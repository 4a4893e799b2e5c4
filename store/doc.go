// Package store defines the record contract: what a database has to promise so
// that Rollbook can keep its data in it.
//
// A store keeps opaque, versioned documents, called records, for many tenants.
// It knows nothing of users, groups or secrets: those are package enduser's. A
// record has an ID, a kind, unique keys by which it can be fetched, index terms
// by which it can be listed, a time from which on it is due, and a body of bytes.
// Seven methods read and write records; see [Store].
//
// The backends are store/memory, store/sqlite, store/redis, and store/postgres, which is a
// module of its own.
// Anybody may write another: this page and the conformance kit in
// store/storetest are all that is needed. A store that passes storetest.Run is a
// store; there are no exceptions to ask for.
//
// # The rules
//
// Every rule is checked by storetest under the number it has here.
//
// Rule 1: writes are atomic and conditional. [Store.Apply] does all of its ops
// or none. An op with Old set holds if the record with that ID exists and its
// stored revision equals Old.Revision; an op with Old nil (a create) holds if no
// record has that ID; an op made by [Remove] holds if some record has that ID. If an
// op does not hold the whole batch is refused with a [StaleError] for the first op
// that failed. Preconditions on other records and keys ([Batch.Require]) are checked
// first, in their order, against the state before the batch. The error is that of the
// first one that fails: a StaleError, or for a key that had to be free a [TakenError]
// with its holder. Then come the ops, and last the keys: a batch that is both stale and
// taken is stale. All of Old, not only its revision, must be as the store returned it. A
// store may refuse a batch in which it is not with ErrInvalid, and must not let it damage the
// indexes. A write that would change the stored record's kind is always ErrInvalid, unless
// something else in the batch is stale: then a store may return either error.
//
// Rule 2: a unique key has at most one holder in a tenant, whatever the kinds of
// the records. The keys of all Old records of a batch are released before the
// keys of its New records are claimed, so that keys can move between records in
// one batch. A key that another record holds, or that two ops of the batch
// claim, refuses the batch with a [TakenError]. The error names the first op that
// has a taken key and the first such key in the order of New.Unique. It carries the
// record that holds the key, so that get-or-create is one call. For a key claimed
// twice in the batch the holder is the earlier op's New.
//
// Rule 3: revisions ascend. Each tenant counts its own from 1. The ops of a
// batch take the next revisions in order, one each, and Apply returns the last;
// a refused batch takes none. A record's Created is the revision of the op that
// created it and never changes; its Revision is that of the op that wrote it
// last. The values of both in Op.New are ignored. [Importer] keeps the revisions of
// another store, and the tenant then counts on from the highest. After [Dropper] a tenant
// begins at 1 again.
//
// Rule 4: [Store.List] is ordered by Created. Walking page by page, from each page's
// Next to the page that has none, in either direction, never repeats a record and
// never misses one that existed and matched from the walk's beginning to its end,
// whatever else is written meanwhile. A record that is imported has its place by its
// Created, and so perhaps before records that were there.
//
// Rule 5: the feed that [Store.Changes] reads has every op that was applied with a Note
// exactly once, under its revision, in the order of Seq. Ops without a Note (nil; an empty
// Note is a Note) have no entry. An entry carries no payload but the Note, so that
// erasing a record erases it from history too. An entry never becomes readable after one
// with a higher Seq: a reader that continues from the last Seq it saw misses nothing.
// [Store.Trim] through R keeps the newest entry at or before R and forgets, for good, all
// entries before that one. If there is no entry at or before R it forgets nothing. A read of
// the entries after a place returns a [TrimmedError] if one of them was forgotten, and only
// then; Through is the last entry that was forgotten. So a feed that ever had an entry still
// has one, and a reader that has read that entry is never refused. Import appends
// the entries of another store, and nothing of its own, and counts as trimmed what the other
// store had forgotten.
//
// Rule 6: a store has no clock and makes no IDs. Nothing happens to a record whose Due
// has passed: it stays as it is, fetchable, listed and holding its keys, until a caller
// replaces or deletes it. [Store.Due] finds such records across tenants, and shares each
// page between the tenants, so that one tenant with many due records cannot keep the
// others waiting. For a single tenant it walks all that this tenant has due.
//
// Rule 7: a read sees every write that was acknowledged before the read began,
// through whichever handle either was made. Get, Apply and Changes of one tenant
// are linearizable.
//
// Rule 8: nothing is shared with the caller. A store keeps copies of its arguments and
// returns copies of its records. A record is read as it was written, Unique and Index in
// their order; a nil and an empty slice are the same.
//
// Rule 9: strings are valid UTF-8 and are compared byte by byte: no case
// folding, no normalization, no trimming. Any rune is allowed in any place,
// NUL, braces and line ends included; tenant, ID and kind are not empty. The
// limits are the constants of this package. A call outside of them is refused with
// ErrInvalid before anything is written or read. [Check] and its kin validate calls, one
// function for each method, and every store calls them first.
//
// Rule 10: a write ends in one of three ways. It was done: Apply returned no
// error. It may have been done: the error is [ErrUnknown]. It was not done: any
// other error, and nothing was written. A store that retries by itself, or whose
// transport does, must not turn a success into ErrStale: the second attempt has to
// return what the first one did. A write that is ErrUnknown may still be on its
// way: a reader that does not find it can find it later. A second write with the same
// precondition settles it. Creating again never makes a second record: if the first
// create was done, the second is ErrStale (the ID exists). But it brings back a record
// that was deleted meanwhile, so a layer above must not do it unasked. Trim, Import and
// Drop can be repeated.
//
// Rule 11: a store is safe for concurrent use. A context that has ended before a
// call is honored: the call returns its error, which is not ErrUnknown, and does
// nothing. A write whose context ends after it was sent is ErrUnknown (which then
// wraps the context's error too), unless the store knows better. Contexts bound
// waiting; they never undo a write.
//
// Rule 12: [Store.Tenants] walks every tenant that was ever written to, until it is
// dropped, in an order that is the store's own and does not change. A tenant exists from
// its first successful Apply or Import on. The place of a walk is a tenant's name: a walk
// of Tenants or Due goes on behind it, even if that tenant was dropped meanwhile, and
// misses none that was there throughout. Nothing that is read or written under one tenant's
// name can be seen or counted under another's, except in Tenants and Due, which
// name the tenant of each item.
//
// Rule 13: reads are bounded, in items (the limit), in bytes ([MaxPageData]) and in
// work ([Query].Budget). A page that ends early says where to go on (Next), which is always
// further than where it began. Only a page without Next shows that nothing is left. The same
// holds for each tenant in a page of Due, which may have a Next and no record. The first item
// of a page is never left out for its size. Long reads of one tenant do not hold up the
// others: each tenant has its turn between steps, and a step is at most a page.
//
// Rule 14: a damaged record does not block the others. A record that the store cannot
// read is named, by its ID, in every page of List and Due that would have had it. It does
// not count towards the page's limit or its tenant's share, and the walk goes on. These
// calls return a [DamagedError] and change nothing: Get of it, a write over it, a create of
// its ID, and a write that claims, or requires to be free, a unique key which it may
// hold. If a batch requires that it is at a revision, or that no record has its ID, the
// batch is stale. A store need not
// read the body of the record that it writes over: if only the body was damaged, after
// Old was read, the write may be done. [Remove] deletes a damaged record.
// Then its unique keys are free: a key is free if its holder does not exist, or exists
// and does not list the key. Index entries that the record left behind are skipped,
// and may be removed at any later time. A damaged entry of the feed keeps its place in
// the page, with [Change].Damaged set. Any other damage, such as to the list of tenants,
// is ErrUnavailable.
//
// # Optional interfaces
//
// A store may implement more. Callers find an optional interface with [As], also inside
// wrappers, and do without where it is missing. storetest tests those that are implemented.
//
//   - [Waiter] tells when a feed has grown. [Wait] polls without it.
//   - [Counter] counts. [Count] lists without it.
//   - [Confirmer] is for reads that could be lost. [Confirm] does nothing without it.
//   - [Scrubber] purges what was deleted from the store's own files.
//   - [Importer] takes over the records and feed of another store. [Copy] needs it.
//   - [Dropper] forgets a tenant. Without it a tenant's name stays, and the newest entry
//     of its feed.
//   - [KindLister] lists the kinds of a tenant's records, for callers that have to find
//     all of them. [Kinds] reports that it is missing.
//   - [Verifier] checks whether what the store holds fits together, and mends indexes.
//
// Every backend of this module takes an [Observer], which gets calls, groups and retries.
//
// # Inside a transaction
//
// A backend on a database with transactions may offer a store that reads and writes inside
// a transaction that the host has begun, and that the host commits or rolls back. By
// convention that is a method In of the backend, and the store it returns is a [Joined].
// The rules hold with these differences:
//
//   - Calls see what the transaction has written, and nobody else does before the commit. A
//     write is done when the transaction commits, and a revision, version or position that
//     was read inside is good from then on. After a rollback it belongs to a history that is lost.
//   - One call at a time. A second one waits for the first.
//   - A refusal (ErrStale, ErrTaken, ErrInvalid, ErrDamaged, ErrNotFound, ErrTrimmed) leaves
//     the transaction as it was, and so does a context that has ended before the call. After
//     any other error the transaction can only be rolled back: that call and all later ones
//     return [ErrAborted], as do calls after the transaction has ended. ErrUnknown does not
//     occur: what has not been committed was not written.
//   - [Wait] returns [ErrInTransaction] at once, and no optional interface but [Counter]
//     is implemented.
//
// storetest.RunIn checks this.
//
// # Closing
//
// Store has no Close. The code that opens a backend closes it: backends return
// concrete types with the methods they need.
package store

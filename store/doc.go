// Package store defines the record contract: what a database has to promise so
// that Rollbook can keep its data in it.
//
// A store keeps opaque, versioned documents, called records, for many tenants.
// It knows nothing of users, groups or secrets: those are package enduser's. A
// record has an ID, a kind, unique keys by which it can be fetched, index terms
// by which it can be listed, a time at which somebody should look at it, and a
// body of bytes. Seven methods read and write them; see [Store].
//
// The backends of this module are store/memory, store/sqlite and store/redis.
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
// record has that ID; one made by [Remove] holds if some record has that ID. If an
// op does not hold the whole batch is refused with a [StaleError] for the first op
// that failed. What the batch requires beside its ops ([Batch.Require]) is held
// against the state before the batch and comes first, in its order: the error is
// that of the first requirement that fails, a StaleError, or for a key that had to be
// free a [TakenError] with its holder. Then come the ops, and last the keys: a batch
// that is both stale and taken is stale. Old must otherwise be the record that the
// store returned; a store may refuse another with ErrInvalid, and never lets a false
// one damage its indexes. A write that would change the stored record's kind is
// always ErrInvalid, unless something else in the batch is stale: then a store may say
// either.
//
// Rule 2: a unique key has at most one holder in a tenant, whatever the kinds of
// the records. The keys of all Old records of a batch are released before the
// keys of its New records are claimed, so that keys can move between records in
// one batch. A key that another record holds, or that two ops of the batch
// claim, refuses the batch with a [TakenError]. It speaks of the first op that
// has a taken key, of the first such key in the order of New.Unique, and carries
// the record that holds it, so that get-or-create is one call. For a key claimed
// twice in the batch the holder is the earlier op's New.
//
// Rule 3: revisions ascend. Each tenant counts its own from 1. The ops of a
// batch take the next revisions in order, one each, and Apply returns the last;
// a refused batch takes none. A record's Created is the revision of the op that
// created it and never changes; its Revision is that of the op that wrote it
// last. The values of both in Op.New are ignored.
//
// Rule 4: [Store.List] is ordered by Created. Walking page by page, from each page's
// Next to the page that has none, in either direction, never repeats a record and
// never misses one that existed and matched from the walk's beginning to its end,
// whatever else is written meanwhile.
//
// Rule 5: [Store.Changes] holds every op that was applied with a Note exactly
// once, under its revision, in the order of Seq, and nothing of ops that had none
// (nil; an empty Note is a Note). It carries no payload but the Note, so that
// erasing a record erases it from history too. A committed entry never appears
// behind one that was already readable: a reader that continues from the last
// Seq it saw misses nothing. [Store.Trim] through R forgets, for good, the entries
// before the newest one at or before R, and nothing if there is none. Reading after a
// place is a [TrimmedError] exactly if an entry after it was forgotten; its Through is
// the last one that was. So a feed that had an entry has one, and who has read that one
// is never refused.
//
// Rule 6: a store has no clock and makes no IDs. Due only says when somebody
// should look at a record: a record whose Due has passed stays as it is,
// fetchable, listed and holding its keys, until somebody replaces or deletes it.
// [Store.Due] finds such records across tenants, and shares each page between
// the tenants, so that one tenant with much to do cannot keep the others
// waiting; asked for one tenant alone, it walks all that this tenant has due.
//
// Rule 7: a read sees every write that was acknowledged before the read began,
// through whichever handle either was made. Get, Apply and Changes of one tenant
// are linearizable.
//
// Rule 8: nothing is shared with the caller. A store keeps copies of what it is
// given and returns copies of what it keeps. What is read equals what was
// written, Unique and Index in their order; a nil and an empty slice are the
// same.
//
// Rule 9: strings are valid UTF-8 and are compared byte by byte: no case
// folding, no normalisation, no trimming. Any rune is allowed in any place,
// NUL, braces and line ends included; tenant, ID and kind are not empty. The
// limits are the constants of this package. What is outside is refused with
// ErrInvalid before anything is written or read: [Check] and its kin do it, one
// for each method, and every store calls them first.
//
// Rule 10: a write ends in one of three ways. It was done: Apply returned no
// error. It may have been done: the error is [ErrUnknown]. It was not done: any
// other error, and nothing was written. A store that retries by itself, or whose
// transport does, must not turn a success into ErrStale: the second try has to
// return what the first one did. A write that is ErrUnknown may still be on its
// way: a reader who does not find it can find it later. What settles it is a
// second write with the same precondition. Creating again never makes a second record:
// a create that was done is then ErrStale (the ID exists). But it brings back a record
// that somebody has deleted meanwhile, so a layer above must not do it unasked. Trim can
// be repeated.
//
// Rule 11: a store is safe for concurrent use. A context that has ended before a
// call is honored: the call returns its error, which is not ErrUnknown, and does
// nothing. A write whose context ends after it was sent is ErrUnknown (which then
// wraps the context's error too), unless the store knows better. Contexts bound
// waiting; they never undo a write.
//
// Rule 12: [Store.Tenants] walks every tenant that was ever written to, in an
// order that is the store's own and does not change; a tenant exists from its
// first successful Apply on. Nothing that is read or written under one tenant's
// name can be seen or counted under another's, but for Tenants and Due, which
// say whose each item is.
//
// Rule 13: reads are bounded, in items (the limit), in bytes ([MaxPageData]) and in
// work ([Query].Budget). A page that ends early says where to go on, and has come
// further than where it began; only a page that has nothing to go on to shows that
// there is nothing else. The same holds for a tenant in a page of Due, which may have
// no record yet and more to come. The first item of a page is never left out for its
// size. Long reads of one tenant do not hold up the others: between steps, of at most a
// page, each tenant has its turn.
//
// Rule 14: what is damaged does not stand in the way. A record that the store cannot
// read is named, by its ID, in every page of List and Due that would have had it, and
// does not use up the page's limit nor its tenant's share; the walk goes on. Get of it,
// a write over it, a create of its ID too, and a write that claims or requires to be
// free a unique key which it may hold, are a [DamagedError], and change nothing; a
// requirement on its revision, or that there is none, is stale. A store need not read the
// body of what it writes over: if no more than that was damaged, after Old was read, the
// write may be done. [Remove] deletes it.
// Then its unique keys are free: a key is free if its holder does not exist, or exists
// and does not list the key. Entries of indexes that it has left behind are passed over,
// and may be removed at any later time. An entry of the feed that cannot be read has its
// place in the page, with [Change].Damaged set. What else is damaged, such as the list
// of tenants, is ErrUnavailable.
//
// # Optional interfaces
//
// A store may implement [Waiter], [Scrubber], [Counter] and [Confirmer]. Callers find
// them with [As], which looks through wrappers, and do without where they are missing:
// [Wait] polls, [Count] lists, [Confirm] has nothing to do. What is implemented is tested
// by storetest. Every backend of this module takes an [Observer], which is told of calls,
// groups and retries.
//
// # Closing
//
// Store has no Close. Who opens something closes it: the backends return
// concrete types with the methods they need.
package store

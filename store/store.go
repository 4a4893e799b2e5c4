package store

import (
	"context"
	"time"
)

// Revision counts the writes of one tenant: 1, 2, 3, … . It is a record's
// version, its place in lists, and a place in the change feed. Zero is before
// everything. A store that goes back in time, by a restore or a failover, gives the
// same numbers again to other writes: a caller that keeps one outside has to notice.
type Revision int64

// Key is a unique key or an index term of a record: a name space and a value in
// it. Kind "" is reserved for the record's own ID; see [ID].
type Key struct {
	Kind  string
	Value string
}

// ID returns the key that names a record by its ID.
func ID(id string) Key { return Key{Value: id} }

// Record is one document of a tenant.
type Record struct {
	ID   string // chosen by the caller; one record per tenant has it, whatever its kind
	Kind string // "user", "group", …; does not change

	Created  Revision // revision of its creation: the order of lists
	Revision Revision // revision of its last write: the version

	Unique []Key // Get finds the record by each of them; no other record of the tenant holds one
	Index  []Key // List selects by them

	// Due is the time from which on [Store.Due] finds the record. Zero: never. It is a
	// whole number of milliseconds, later than the Unix epoch and before the year
	// 10000, and is returned in UTC.
	Due time.Time

	Data []byte // the body; opaque
}

// Op is one write of a batch: a create (Old nil), a replacement, or a deletion
// (New nil). [Create], [Replace], [Delete] and [Remove] make them.
type Op struct {
	Old *Record // the record as the store returned it; see also [Remove]
	New *Record // the record to write; Created and Revision are ignored

	// Note is the op's entry in the change feed. Nil: no entry.
	Note []byte
}

// Create returns the op that writes a record whose ID is not in use.
func Create(r Record, note []byte) Op { return Op{New: &r, Note: note} }

// Replace returns the op that writes r over old. ID and Kind stay the same.
func Replace(old, r Record, note []byte) Op { return Op{Old: &old, New: &r, Note: note} }

// Delete returns the op that deletes old.
func Delete(old Record, note []byte) Op { return Op{Old: &old, Note: note} }

// Remove returns the op that deletes the record with an ID, whatever its revision and
// even if it is damaged (rule 14). Apply returns ErrStale if there is none, and
// ErrInvalid if the record can be read and has another kind. The change feed has the
// kind that is given here.
func Remove(id, kind string, note []byte) Op {
	return Op{Old: &Record{ID: id, Kind: kind}, Note: note}
}

// Batch is the ops that one call of Apply writes, all or nothing.
type Batch struct {
	Ops []Op // at least one; each about another ID

	// Require are preconditions that write nothing. They are checked against the state
	// before the batch, in their order, before anything else.
	Require []Require
}

// Ops returns a batch of ops that requires nothing else.
func Ops(ops ...Op) Batch { return Batch{Ops: ops} }

// Require is a precondition of a batch on a record or key that the batch need not write.
// [RequireAt], [RequireNone] and [RequireFree] make them.
type Require struct {
	// ID is the ID of a record that must be at Revision, or, with Revision 0, an ID
	// that no record may have. If the precondition fails, the batch is stale.
	ID       string
	Revision Revision

	// Free, with ID "", is a unique key that no record may hold. If one does, the
	// batch is refused with a [TakenError] that has it.
	Free Key
}

// RequireAt requires that a record is still at the revision that the store returned.
func RequireAt(r Record) Require { return Require{ID: r.ID, Revision: r.Revision} }

// RequireNone requires that no record has an ID.
func RequireNone(id string) Require { return Require{ID: id} }

// RequireFree requires that no record holds a unique key.
func RequireFree(key Key) Require { return Require{Free: key} }

// Query selects the records that [Store.List] returns.
type Query struct {
	Kind  string // required
	Match []Key  // index terms that the record must have, all of them

	After  Revision // only records created after this one; 0: from the first
	Before Revision // only records created before this one; 0: to the last
	Desc   bool     // newest first

	// NotDueBefore skips records whose Due is earlier. Zero: none is skipped.
	// Records without Due are never skipped.
	NotDueBefore time.Time

	Limit int // records of the page: 1 to MaxLimit; 0: DefaultLimit

	// Budget bounds the work: the page ends after so many index entries, whether they
	// matched or not. 1 to MaxBudget; 0: DefaultBudget.
	Budget int
}

// Page is a part of a list.
type Page struct {
	Records []Record // in the order of the list

	// Damaged are the IDs of damaged records that belong, or may belong, to this part
	// of the list (rule 14). They do not count towards the limit.
	Damaged []string

	// Next is where to go on: the After, or with Desc the Before, of the next call.
	// Zero: nothing is left. A page may be short, or empty, and have a Next; only a
	// page without Next is the last.
	Next Revision
}

// ChangeType says what an op did to its record.
type ChangeType uint8

// The types of a change.
const (
	Created ChangeType = iota + 1
	Updated
	Deleted
)

// String returns "created", "updated" or "deleted".
func (t ChangeType) String() string {
	switch t {
	case Created:
		return "created"
	case Updated:
		return "updated"
	case Deleted:
		return "deleted"
	default:
		return "unknown"
	}
}

// Type returns whether the op creates, updates or deletes its record.
func (op Op) Type() ChangeType {
	switch {
	case op.Old == nil:
		return Created
	case op.New == nil:
		return Deleted
	default:
		return Updated
	}
}

// Change is an entry of a tenant's change feed.
type Change struct {
	// Seq is the entry's place in the feed, for After, Before, Trim and Wait. It
	// equals Revision in every store so far; a store may number its feed by itself.
	Seq Revision

	Revision Revision // of the record after the op
	Type     ChangeType
	Kind     string // of the record
	ID       string // of the record
	Note     []byte // as given with the op

	// Damaged: the entry cannot be read, and only Seq is known (rule 14).
	Damaged bool
}

// ChangeQuery selects the entries that [Store.Changes] returns.
type ChangeQuery struct {
	After  Revision // only entries after this one; 0: from the oldest
	Before Revision // only entries before this one; 0: to the newest
	Desc   bool     // newest first
	Limit  int      // entries of the page: 1 to MaxLimit; 0: DefaultLimit
}

// ChangePage is a part of a change feed.
type ChangePage struct {
	Changes []Change

	// Next is where to go on: the After, or with Desc the Before, of the next call.
	// Zero: there is nothing more now.
	Next Revision

	// Trimmed is the last entry that Trim has forgotten; 0: none.
	Trimmed Revision
}

// DueQuery selects the records that [Store.Due] returns.
type DueQuery struct {
	Kinds  []string  // only these kinds; none: every kind
	Before time.Time // required: only records whose Due is earlier
	Limit  int       // records of the page: 1 to MaxLimit; 0: DefaultLimit

	// After is a tenant that Tenants, or a page of Due, has named: only tenants after
	// it in the store's order. It may have been dropped since. "": from the first. With
	// Tenant it must be "".
	After string

	// Tenant selects the records of one tenant; "": of all. With Tenant, From is where
	// to go on, the [DueTenant].Next of an earlier call; "": from the earliest.
	Tenant string
	From   string
}

// DuePage is a part of the due records of one tenant or of several.
type DuePage struct {
	Tenants []DueTenant // in the store's order

	// Next is where to go on: the After of the next call. "": no later tenant has
	// anything due.
	Next string
}

// DueTenant is a part of the due records of a tenant.
type DueTenant struct {
	Tenant  string
	Records []Record // by Due, the earliest first
	Damaged []string // IDs of damaged records that may be due; see [Page]

	// Next is where to go on inside the tenant: the From of a call with that Tenant,
	// and with the same Kinds and Before. "": nothing more is due. It is opaque, at
	// most MaxPlace bytes long, and stays good when records come and go.
	Next string
}

// TenantQuery selects the tenants that [Store.Tenants] returns.
type TenantQuery struct {
	After string // a tenant that an earlier call returned, dropped or not; "": from the first
	Limit int    // 1 to MaxLimit; 0: DefaultLimit
}

// TenantPage is a part of the list of tenants.
type TenantPage struct {
	Names []string
	Next  string // where to go on: the After of the next call. "": there are no more
}

// Store keeps the records of many tenants. The package comment has the rules
// that every implementation obeys; the comments here say what each method
// returns. Errors are those of rules 9, 10, 11 and 14, and those that a method names.
type Store interface {
	// Get returns the record that has the ID, or holds the unique key. It returns
	// ErrNotFound if there is none.
	Get(ctx context.Context, tenant string, key Key) (Record, error)

	// Apply writes a batch, all or nothing, and returns the revision of the last op.
	// It returns ErrStale if a precondition fails, and ErrTaken if another record
	// holds a unique key.
	Apply(ctx context.Context, tenant string, b Batch) (Revision, error)

	// List returns a page of records, ordered by Created.
	List(ctx context.Context, tenant string, q Query) (Page, error)

	// Changes returns a page of the feed, ordered by Seq. It returns ErrTrimmed if an
	// entry after ChangeQuery.After was forgotten. With Desc and no After it never does,
	// since such a query needs no particular entry.
	Changes(ctx context.Context, tenant string, q ChangeQuery) (ChangePage, error)

	// Trim forgets the entries of the feed before the newest one at or before a
	// revision; if there is none it forgets nothing. So a feed that ever had an entry
	// still has one, and a reader that has read up to the revision is never refused. A
	// tenant that does not exist has no feed.
	Trim(ctx context.Context, tenant string, through Revision) error

	// Due returns records that are due. A page of all tenants has the first tenants that
	// have something due, at most Limit of them. If there are T such tenants, the page has the
	// earliest Limit/T records of each, rounded down, or all if there are fewer. So no tenant
	// keeps another waiting. The caller deletes the records, or gives them a later Due, and
	// then calls again. A DueQuery.After that no call has named may be refused as ErrInvalid,
	// and so may a From that is not of an earlier call.
	Due(ctx context.Context, q DueQuery) (DuePage, error)

	// Tenants returns the names of tenants, in an order of the store's own. An After
	// that no call has named may be refused as ErrInvalid.
	Tenants(ctx context.Context, q TenantQuery) (TenantPage, error)
}

package store

import (
	"context"
	"time"
)

// Revision counts the writes of one tenant: 1, 2, 3, … . It is a record's
// version, its place in lists, and a position in the change feed. Zero is before
// everything.
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
	Kind string // what it is: "user", "group", …; does not change

	Created  Revision // revision of its creation: the order of lists
	Revision Revision // revision of its last write: the version

	Unique []Key // Get finds the record by each of them; no other record of the tenant holds one
	Index  []Key // List selects by them

	// Due is when somebody should look at the record: [Store.Due] finds it from
	// then on. Zero: never. It is a whole number of milliseconds, later than the
	// Unix epoch and before the year 10000, and is returned in UTC.
	Due time.Time

	Data []byte // the body; opaque
}

// Op is one write of a batch: a create (Old nil), a replacement, or a deletion
// (New nil). [Create], [Replace] and [Delete] make them.
type Op struct {
	Old *Record // the record as the store returned it
	New *Record // the record as it shall be; Created and Revision are ignored

	// Note is the op's entry in the change feed. Nil: no entry.
	Note []byte
}

// Create returns the op that writes a record whose ID is not in use.
func Create(r Record, note []byte) Op { return Op{New: &r, Note: note} }

// Replace returns the op that writes r over old. ID and Kind stay the same.
func Replace(old, r Record, note []byte) Op { return Op{Old: &old, New: &r, Note: note} }

// Delete returns the op that deletes old.
func Delete(old Record, note []byte) Op { return Op{Old: &old, Note: note} }

// Query selects the records that [Store.List] returns.
type Query struct {
	Kind  string // required
	Match []Key  // index terms that the record must have, all of them

	After  Revision // only records created after this one; 0: from the first
	Before Revision // only records created before this one; 0: to the last
	Desc   bool     // newest first

	// NotDueBefore leaves out records whose Due is earlier. Zero: none is left
	// out. Records without Due are never left out.
	NotDueBefore time.Time

	Limit int // 1 to MaxLimit; 0: DefaultLimit
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

// Type returns what the op does.
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
	Revision Revision // of the op
	Type     ChangeType
	Kind     string // of the record
	ID       string // of the record
	Note     []byte // as given with the op
}

// DueQuery selects the records that [Store.Due] returns.
type DueQuery struct {
	Kinds  []string  // only these kinds; none: every kind
	Before time.Time // required: only records whose Due is earlier
	After  string    // only tenants after this one in the store's order; "": from the first
	Limit  int       // 1 to MaxLimit; 0: DefaultLimit
}

// DueRecord is a record that is due, and its tenant.
type DueRecord struct {
	Tenant string
	Record Record
}

// Store keeps the records of many tenants. The package comment has the rules
// that every implementation obeys; the comments here say what each method
// returns. All errors are those of rule 10 and 11, and where it says so one of
// ErrNotFound, ErrStale, ErrTaken and ErrTrimmed.
type Store interface {
	// Get returns the record that has the ID, or holds the unique key.
	// ErrNotFound if there is none.
	Get(ctx context.Context, tenant string, key Key) (Record, error)

	// Apply writes a batch of at least one op, all or nothing, and returns the
	// revision of the last. An ID occurs at most once in a batch. ErrStale if a
	// precondition fails, ErrTaken if a unique key is held elsewhere.
	Apply(ctx context.Context, tenant string, ops ...Op) (Revision, error)

	// List returns a page of records, ordered by Created.
	List(ctx context.Context, tenant string, q Query) ([]Record, error)

	// Changes returns the entries of the feed after a revision, oldest first.
	// Limit is 1 to MaxLimit; 0: DefaultLimit. ErrTrimmed if the feed was trimmed
	// through a later revision.
	Changes(ctx context.Context, tenant string, after Revision, limit int) ([]Change, error)

	// Trim forgets the feed up to a revision, that one included. A revision
	// beyond the tenant's last means the last; one already trimmed changes
	// nothing, and neither does a tenant that does not exist.
	Trim(ctx context.Context, tenant string, through Revision) error

	// Due returns records that are due, of many tenants, grouped by tenant in the
	// order of Tenants and by Due inside a tenant. The T tenants of a page are the
	// first that have something due, at most Limit, and each gives its earliest
	// due records: Limit/T of them, rounded down, or all if it has fewer. So a page
	// may be short while more is due: what was returned is to be deleted or given a
	// later Due, and then asked for again. An empty page means that no tenant after
	// DueQuery.After has anything due. After is a tenant that an earlier call
	// returned; another may be refused as ErrInvalid.
	Due(ctx context.Context, q DueQuery) ([]DueRecord, error)

	// Tenants returns the names of tenants, in an order of the store's own. After
	// is a tenant that an earlier call returned, "" for the first page; another
	// may be refused as ErrInvalid. Limit is 1 to MaxLimit; 0: DefaultLimit. A
	// page shorter than its limit is the last.
	Tenants(ctx context.Context, after string, limit int) ([]string, error)
}

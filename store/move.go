package store

import (
	"context"
	"iter"
	"strconv"
)

// Importer is implemented by stores that can take over the records and feed of another
// store as they are, with their revisions. Callers use [Copy].
type Importer interface {
	// Import writes a part of what another store has of a tenant, all or nothing. Unlike
	// Apply it keeps revisions, and writes no entries of its own into the feed:
	//
	//   - A record must be new, or equal to the one with its ID, Created and Revision
	//     included; then nothing is written for it. Else Import returns ErrStale, and for a
	//     unique key that another record holds ErrTaken. The Op of these errors is the index
	//     in Part.Records. Revisions are taken as given: if another record of the tenant has
	//     the same Created, a store may return ErrStale. Records may come in any order.
	//   - An entry must be later than all that the tenant's feed has or had, or equal to the
	//     one with its Seq. Else Import returns ErrStale with Op and Require -1.
	//   - If Part.Trimmed is later than what the tenant has forgotten, the tenant forgets all
	//     entries through there, whether it had them or not.
	//   - The tenant exists from then on. Its last revision is the highest of the one that it
	//     had and all in the part.
	//
	// Records are checked first, then entries, then unique keys, and the error is that of
	// the first that is refused. So a part can be written again, after ErrUnknown or in a
	// copy that is taken up again. Other errors are those of Apply. Waiters are woken.
	Import(ctx context.Context, tenant string, p Part) error
}

// Part is a part of a tenant's records and feed, as a store has returned them; see
// [Importer]. It has at least one record or entry, at most MaxLimit of either, and at most
// MaxBatch bytes of bodies and notes.
type Part struct {
	Records []Record // with their Created and Revision
	Changes []Change // in the order of Seq, none of them Damaged

	// Trimmed is the last entry that the other store has forgotten; 0: none. Every entry of
	// the part is later, and there must be one.
	Trimmed Revision
}

// Dropper is implemented by stores that can forget a tenant.
type Dropper interface {
	// Drop forgets a tenant that has no records: its feed, the mark of what was trimmed, its
	// revisions, its name, and what removed records have left behind. If it has a record,
	// even a damaged one, Drop returns ErrStale, with Op and Require -1, and nothing is
	// forgotten. A tenant that does not exist is not an error.
	//
	// A tenant that is written to afterwards is new: its revisions begin at 1. Callers that
	// wait for the feed go on waiting, as for any tenant that does not exist. Drop is a
	// write: it may return ErrUnknown, and can be repeated.
	Drop(ctx context.Context, tenant string) error
}

// KindLister is implemented by stores that can say of which kinds a tenant has records. Callers
// use [Kinds].
type KindLister interface {
	// Kinds returns the first MaxLimit kinds after a kind ("": from the first), sorted by
	// their bytes, of which the tenant has records. There may be kinds among them of which
	// it has had some. If there are fewer than MaxLimit, no later kind exists.
	Kinds(ctx context.Context, tenant, after string) ([]string, error)
}

// Kinds returns all kinds of which a tenant has, or has had, records. It reports false if the
// store is no [KindLister].
func Kinds(ctx context.Context, s Store, tenant string) (kinds []string, ok bool, err error) {
	l, ok := As[KindLister](s)
	if !ok {
		return nil, false, nil
	}
	for after := ""; ; {
		page, err := l.Kinds(ctx, tenant, after)
		if err != nil {
			return nil, true, err
		}
		if kinds = append(kinds, page...); len(page) < MaxLimit {
			return kinds, true, nil
		}
		after = page[len(page)-1]
	}
}

// Verifier is implemented by stores that can check whether all that they hold fits together.
type Verifier interface {
	// Verify reads all records, index entries and feeds, and yields a Finding for everything
	// that is damaged. An error ends it and is yielded last. Reads are in steps, between
	// which others have their turns. What is written meanwhile is not a finding. What Remove
	// of a damaged record has left behind may be among the findings, as stray.
	Verify(ctx context.Context, opts VerifyOptions) iter.Seq2[Finding, error]
}

// VerifyOptions are the settings of Verify. The zero value checks everything and changes
// nothing.
type VerifyOptions struct {
	Tenant string // only this tenant; "": all

	// Mend puts right what follows from the records: index entries, revisions, the list of
	// tenants. Records and entries of the feed that cannot be read stay as they are.
	Mend bool

	// Progress is called from time to time with how many records have been checked; nil: nobody
	// asks. A store may count a record twice, and need not call it. Verify waits for it.
	Progress func(records int)
}

// Finding is something damaged that Verify has found.
type Finding struct {
	Damage Damage
	Tenant string
	ID     string   // of the record, if it is about one
	Seq    Revision // of the entry of the feed, if it is about one
	Mended bool
}

// Damage is a kind of damage.
type Damage uint8

// The kinds of damage.
const (
	DamagedRecord    Damage = iota + 1 // a record cannot be read; Remove deletes it
	DamagedChange                      // an entry of the feed cannot be read; Trim forgets it in time
	MissingKey                         // a record is not found by one of its unique keys
	StrayKey                           // a unique key leads to a record that does not exist or does not list it
	MissingTerm                        // a record is not listed by its kind or one of its index terms
	StrayTerm                          // an index term leads to a record that does not exist or does not have it
	WrongDue                           // a record with a Due is not found by it, or one is found by a Due that it does not have
	LowRevision                        // a record or entry is later than the tenant's last revision
	MissingTenant                      // a tenant has records or a feed and is not in the list of tenants
	DamagedStructure                   // the database itself is damaged: below its tables
)

// String returns the name of the damage, such as "missing key".
func (d Damage) String() string {
	switch d {
	case DamagedRecord:
		return "damaged record"
	case DamagedChange:
		return "damaged change"
	case MissingKey:
		return "missing key"
	case StrayKey:
		return "stray key"
	case MissingTerm:
		return "missing term"
	case StrayTerm:
		return "stray term"
	case WrongDue:
		return "wrong due"
	case LowRevision:
		return "low revision"
	case MissingTenant:
		return "missing tenant"
	case DamagedStructure:
		return "damaged structure"
	default:
		return "damage " + strconv.Itoa(int(d))
	}
}

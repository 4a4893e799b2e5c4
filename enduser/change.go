package enduser

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

// ChangeType is what happened to a user or group.
type ChangeType string

// The types of a change.
const (
	ChangeCreated    ChangeType = "created"
	ChangeUpdated    ChangeType = "updated"
	ChangeAssociated ChangeType = "associated" // a provisional user became permanent
	ChangeDeleted    ChangeType = "deleted"
	ChangeExpired    ChangeType = "expired"    // a provisional user was deleted after its deadline
	ChangeUnreadable ChangeType = "unreadable" // the entry is damaged: something changed
)

// Change is an entry of the change feed of a tenant's environment. It never has values, old
// or new, so that deleting a user leaves nothing of it behind.
type Change struct {
	Position Position // the entry's place in the feed
	Revision int64    // of what changed, after it; later changes have higher ones
	Type     ChangeType
	Kind     string    // what changed: "user", "group" or "webhook"
	ID       string    // its ID
	Actor    string    // who did it; see [Tenant.As]
	At       time.Time // by the clock of the Manager that wrote

	// Fields names what an update changed: "email", "metadata.plan".
	Fields []string

	// ExternalID is the external ID that a deleted or expired user or group had. It is only
	// kept where the tenant's [Schema] says so.
	ExternalID string
}

// ChangeQuery selects a page of changes.
type ChangeQuery struct {
	// After selects the changes that follow a position, oldest first. Zero means from the
	// oldest one that is kept.
	After Position

	// Desc returns the newest changes first. Before then selects those that are older than a
	// position. After must be zero.
	Desc   bool
	Before Position

	// Kinds selects what changed: "user", "group", "webhook". None means all kinds.
	Kinds []string

	// Fields selects the updates that changed one of these fields, or something in one:
	// "metadata" selects "metadata.plan". It selects of updates alone: who was created or
	// deleted has changed altogether. None means all updates.
	Fields []string

	Limit int // 1 to 1,000; 0 means 100
}

// ChangePage is a part of the feed.
type ChangePage struct {
	Changes []Change

	// Position is that of the last change that was looked at, whether it was selected or
	// not: the After, or with Desc the Before, of the next call. It is also set in an empty
	// page.
	Position Position

	// More reports whether there may be more changes to read now.
	More bool

	// Trimmed reports whether there were older changes than those of the page, and all of
	// them were trimmed. Pages after a position do not report it.
	Trimmed bool
}

// defaultChanges is the size of a page of changes where a query says none.
const defaultChanges = store.DefaultLimit

// Changes returns changes of the feed, which has every successful write exactly once, in the
// order in which they happened. It returns ErrTrimmed if the change at the After position, or
// one after it, was trimmed, or if the position is of a history that the store has lost. Then
// take [Tenant.Latest], read all users, and follow the feed from that position.
//
// It reads on until a change is selected, or the end of the feed is reached. If the context
// ends before, the page that comes with the error has the Position that was reached.
func (t Tenant) Changes(ctx context.Context, q ChangeQuery) (ChangePage, error) {
	f, err := t.feed()
	if err != nil {
		return ChangePage{}, err
	}
	if err := f.check(q); err != nil {
		return ChangePage{}, err
	}
	q.Limit = cmp.Or(q.Limit, defaultChanges)
	for trimmed := false; ; {
		page, err := f.next(ctx, q)
		if err != nil {
			return ChangePage{Position: cmp.Or(q.After, q.Before)}, err
		}
		page.Trimmed = page.Trimmed || trimmed
		if len(page.Changes) > 0 || !page.More {
			return page, nil
		}
		if trimmed = page.Trimmed; q.Desc {
			q.Before = page.Position
		} else {
			q.After = page.Position
		}
	}
}

// next returns the selected changes in a page of the store.
func (f feed) next(ctx context.Context, q ChangeQuery) (ChangePage, error) {
	switch {
	case q.Desc:
		return f.newest(ctx, q)
	case q.After.IsZero():
		return f.oldest(ctx, q)
	default:
		return f.after(ctx, q)
	}
}

// feed reads the changes of one environment.
type feed struct {
	store store.Store
	name  string // the tenant's name in the store
	scope scope
}

func (t Tenant) feed() (feed, error) {
	c, err := t.begin()
	if err != nil {
		return feed{}, err
	}
	return t.feedOf(c.name), nil
}

// feedOf returns the feed of the tenant's name in the store.
func (t Tenant) feedOf(name string) feed {
	return feed{store: t.m.store, name: name, scope: scopeOf("changes", name)}
}

func (f feed) check(q ChangeQuery) error {
	var v violations
	for _, p := range []Position{q.After, q.Before} {
		if !p.IsZero() && p.scope != f.scope {
			return badPosition()
		}
	}
	if q.Limit < 0 || q.Limit > store.MaxLimit {
		v.add(Field{Name: "limit"}, CodeValue, "must be between 1 and 1,000")
	}
	if (q.Desc && !q.After.IsZero()) || (!q.Desc && !q.Before.IsZero()) {
		v.add(Field{Name: "position"}, CodeValue, "must be After, or Before with Desc")
	}
	for i, k := range q.Kinds {
		if k != kindUser && k != kindGroup && k != kindWebhook {
			v.add(Field{Name: "kinds", Item: i + 1}, CodeValue, "must be user, group or webhook")
		}
	}
	if len(q.Fields) > maxChangeFields {
		v.add(Field{Name: "fields"}, CodeValue, "must be at most 100")
	}
	return v.err()
}

const maxChangeFields = 100 // in a query

// passes reports whether a query selects a change.
func (q *ChangeQuery) passes(c *Change) bool {
	if len(q.Kinds) > 0 && c.Kind != "" && !slices.Contains(q.Kinds, c.Kind) { // "": it is damaged
		return false
	}
	if len(q.Fields) == 0 || c.Type != ChangeUpdated {
		return true
	}
	return slices.ContainsFunc(c.Fields, func(changed string) bool {
		return slices.ContainsFunc(q.Fields, func(field string) bool {
			rest, in := strings.CutPrefix(changed, field)
			return in && (rest == "" || rest[0] == '.')
		})
	})
}

// perRead is how many entries are read at once.
func (q *ChangeQuery) perRead() int {
	if len(q.Kinds)+len(q.Fields) > 0 {
		return store.MaxLimit
	}
	return q.Limit
}

// read returns a page of the store with at least one entry, unless there is none.
func (f feed) read(ctx context.Context, q store.ChangeQuery) (store.ChangePage, error) {
	for {
		page, err := f.store.Changes(ctx, f.name, q)
		if err != nil || len(page.Changes) > 0 || page.Next == 0 {
			return page, translate("read changes", err)
		}
		if q.Desc {
			q.Before = page.Next
		} else {
			q.After = page.Next
		}
	}
}

// newest reads backwards.
func (f feed) newest(ctx context.Context, q ChangeQuery) (ChangePage, error) {
	if q.Before == f.origin() { // nothing is older
		return ChangePage{Changes: []Change{}, Position: q.Before}, nil
	}
	page, err := f.read(ctx, store.ChangeQuery{Before: store.Revision(q.Before.revision), Desc: true, Limit: q.perRead()})
	if err != nil {
		return ChangePage{}, err
	}
	out := f.page(page, &q, cmp.Or(q.Before, f.origin()))
	out.Trimmed = !out.More && page.Trimmed > 0
	return out, nil
}

// oldest reads from the oldest entry that is kept. It starts again if entries are trimmed
// meanwhile.
func (f feed) oldest(ctx context.Context, q ChangeQuery) (ChangePage, error) {
	after := store.Revision(0)
	for {
		page, err := f.read(ctx, store.ChangeQuery{After: after, Limit: q.perRead()})
		if trimmed, ok := errors.AsType[*store.TrimmedError](err); ok && trimmed.Through > after {
			after = trimmed.Through
			continue
		}
		if err != nil {
			return ChangePage{}, err
		}
		out := f.page(page, &q, f.origin())
		out.Trimmed = after > 0
		return out, nil
	}
}

// after reads on from a position. It also reads the position's own entry, which shows that
// the store still has the history of the position.
func (f feed) after(ctx context.Context, q ChangeQuery) (ChangePage, error) {
	if q.After == f.origin() {
		page, err := f.read(ctx, store.ChangeQuery{Limit: q.perRead()})
		return f.page(page, &q, q.After), err
	}
	own := store.Revision(q.After.revision)
	page, err := f.read(ctx, store.ChangeQuery{After: own - 1, Limit: min(q.perRead()+1, store.MaxLimit)})
	if err != nil {
		return ChangePage{}, err
	}
	if len(page.Changes) == 0 || f.position(&page.Changes[0]) != q.After {
		return ChangePage{}, lostHistory()
	}
	if page.Changes = page.Changes[1:]; len(page.Changes) == 0 && page.Next != 0 {
		if page, err = f.read(ctx, store.ChangeQuery{After: page.Next, Limit: q.perRead()}); err != nil {
			return ChangePage{}, err
		}
	}
	return f.page(page, &q, q.After), nil
}

// lostHistory is the error for a position that the store's feed does not have.
func lostHistory() error {
	return fmt.Errorf("%w: the position is of a history that was lost", ErrTrimmed)
}

// origin is the position of an empty feed.
func (f feed) origin() Position { return Position{scope: f.scope} }

func (f feed) position(e *store.Change) Position {
	var c Change
	return f.scan(e, &c)
}

// scan reads an entry into c and returns its position.
func (f feed) scan(e *store.Change, c *Change) Position {
	*c = Change{Revision: int64(e.Revision), Kind: e.Kind, ID: e.ID}
	stamp, err := c.scan(string(e.Note))
	if err != nil || e.Damaged {
		*c = Change{Revision: int64(e.Revision), Kind: e.Kind, ID: e.ID, Type: ChangeUnreadable}
		stamp = 0
	}
	c.Position = Position{scope: f.scope, revision: int64(e.Seq), stamp: stamp}
	return c.Position
}

// page returns the changes that a query selects in a page of the store, at most as many as
// its limit. The position is at until a change is looked at.
func (f feed) page(in store.ChangePage, q *ChangeQuery, at Position) ChangePage {
	out := ChangePage{Changes: make([]Change, 0, min(len(in.Changes), q.Limit)), Position: at, More: in.Next != 0}
	for i := range in.Changes {
		if len(out.Changes) == q.Limit {
			out.More = true
			break
		}
		var c Change
		if out.Position = f.scan(&in.Changes[i], &c); q.passes(&c) {
			out.Changes = append(out.Changes, c)
		}
	}
	return out
}

// Latest returns the position of the newest change: reading after it returns the changes
// from now on. To miss nothing, call Latest first, then read all users, then follow the feed
// from that position.
func (t Tenant) Latest(ctx context.Context) (Position, error) {
	page, err := t.Changes(ctx, ChangeQuery{Desc: true, Limit: 1})
	return page.Position, err
}

package enduser

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/rollbook-go/rollbook/internal/jsontext"
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
	Kind     string    // what changed: "user" or "group"
	ID       string    // its ID
	Actor    string    // who did it; see [Tenant.As]
	At       time.Time // by the clock of the Manager that wrote

	// Fields names what an update changed: "email", "metadata.plan".
	Fields []string
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

	Limit int // 1 to 1,000; 0 means 100
}

// ChangePage is a part of the feed.
type ChangePage struct {
	Changes []Change

	// Position is that of the last change of the page: the After, or with Desc the Before,
	// of the next call. It is also set in an empty page.
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
func (t Tenant) Changes(ctx context.Context, q ChangeQuery) (ChangePage, error) {
	f, err := t.feed()
	if err != nil {
		return ChangePage{}, err
	}
	if err := f.check(q); err != nil {
		return ChangePage{}, err
	}
	q.Limit = cmp.Or(q.Limit, defaultChanges)
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
	return feed{store: t.m.store, name: c.name, scope: scopeOf("changes", c.name)}, nil
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
	return v.err()
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
	page, err := f.read(ctx, store.ChangeQuery{Before: store.Revision(q.Before.revision), Desc: true, Limit: q.Limit})
	if err != nil {
		return ChangePage{}, err
	}
	out := f.page(page, cmp.Or(q.Before, f.origin()))
	out.Trimmed = page.Next == 0 && page.Trimmed > 0
	return out, nil
}

// oldest reads from the oldest entry that is kept. It starts again if entries are trimmed
// meanwhile.
func (f feed) oldest(ctx context.Context, q ChangeQuery) (ChangePage, error) {
	after := store.Revision(0)
	for {
		page, err := f.read(ctx, store.ChangeQuery{After: after, Limit: q.Limit})
		if trimmed, ok := errors.AsType[*store.TrimmedError](err); ok && trimmed.Through > after {
			after = trimmed.Through
			continue
		}
		if err != nil {
			return ChangePage{}, err
		}
		out := f.page(page, f.origin())
		out.Trimmed = after > 0
		return out, nil
	}
}

// after reads on from a position. It also reads the position's own entry, which shows that
// the store still has the history of the position.
func (f feed) after(ctx context.Context, q ChangeQuery) (ChangePage, error) {
	if q.After == f.origin() {
		page, err := f.read(ctx, store.ChangeQuery{Limit: q.Limit})
		return f.page(page, q.After), err
	}
	own := store.Revision(q.After.revision)
	page, err := f.read(ctx, store.ChangeQuery{After: own - 1, Limit: min(q.Limit+1, store.MaxLimit)})
	if err != nil {
		return ChangePage{}, err
	}
	if len(page.Changes) == 0 || f.position(&page.Changes[0]) != q.After {
		return ChangePage{}, lostHistory()
	}
	if page.Changes = page.Changes[1:]; len(page.Changes) == 0 && page.Next != 0 {
		if page, err = f.read(ctx, store.ChangeQuery{After: page.Next, Limit: q.Limit}); err != nil {
			return ChangePage{}, err
		}
	}
	return f.page(page, q.After), nil
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

// page turns a page of the store into one of changes. An empty page has the position at.
func (f feed) page(in store.ChangePage, at Position) ChangePage {
	out := ChangePage{Changes: make([]Change, len(in.Changes)), Position: at, More: in.Next != 0}
	for i := range in.Changes {
		out.Position = f.scan(&in.Changes[i], &out.Changes[i])
	}
	return out
}

// rereadAfter is how long a wait lasts before the feed is read again: if the store went back
// in time, it may take long to grow beyond the position.
const rereadAfter = 30 * time.Second

// WaitChanges waits until [Tenant.Changes] after a position may return changes or
// ErrTrimmed, and returns nil. It returns the context's error if that ends first, and
// ErrInTransaction at once inside a transaction of the host.
func (t Tenant) WaitChanges(ctx context.Context, after Position) error {
	f, err := t.feed()
	if err != nil {
		return err
	}
	if store.InTransaction(f.store) {
		return translate("wait for changes", store.ErrInTransaction)
	}
	for {
		page, err := t.Changes(ctx, ChangeQuery{After: after, Limit: 1})
		if errors.Is(err, ErrTrimmed) || len(page.Changes) > 0 {
			return nil
		}
		if err != nil {
			return err
		}
		err = f.wait(ctx, after)
		if ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
			return translate("wait for changes", err)
		}
	}
}

func (f feed) wait(ctx context.Context, after Position) error {
	ctx, cancel := context.WithTimeout(ctx, rereadAfter)
	defer cancel()
	return store.Wait(ctx, f.store, f.name, store.Revision(after.revision), 0)
}

// TrimChanges deletes the changes before a position for good. It keeps the
// change at the position, so that a reader who is there can go on. It returns ErrTrimmed,
// and trims nothing, if the position is of a history that was lost.
func (t Tenant) TrimChanges(ctx context.Context, through Position) error {
	f, err := t.feed()
	if err != nil {
		return err
	}
	if err := f.check(ChangeQuery{After: through}); err != nil {
		return err
	}
	if through.IsZero() || through == f.origin() {
		return nil
	}
	switch _, err := f.after(ctx, ChangeQuery{After: through, Limit: 1}); {
	case errors.Is(err, store.ErrTrimmed): // it was trimmed already
		return nil
	case err != nil:
		return err
	}
	return translate("trim changes", f.store.Trim(ctx, f.name, store.Revision(through.revision)))
}

// Latest returns the position of the newest change: reading after it returns the changes
// from now on. To miss nothing, call Latest first, then read all users, then follow the feed
// from that position.
func (t Tenant) Latest(ctx context.Context) (Position, error) {
	page, err := t.Changes(ctx, ChangeQuery{Desc: true, Limit: 1})
	return page.Position, err
}

// PositionAt returns a position before all changes at a time or later, for
// [ChangeQuery].After. It is right if the clocks of all Managers that wrote are at most a
// minute off. Changes from up to four minutes before that time may follow it. It returns
// ErrTrimmed if changes of that time were trimmed, or may have been.
func (t Tenant) PositionAt(ctx context.Context, at time.Time) (Position, error) {
	f, err := t.feed()
	if err != nil {
		return Position{}, err
	}
	// A change stamped two minutes before at was written at least a minute before it by the
	// true time, and so were all changes in front of it.
	const twice = 2 * time.Minute
	first, err := t.Changes(ctx, ChangeQuery{Limit: 1})
	if err != nil {
		return Position{}, err
	}
	last, err := t.Latest(ctx)
	if err != nil {
		return Position{}, err
	}
	early := func(c *Change) bool { return c.Type != ChangeUnreadable && c.At.Before(at.Add(-twice)) }
	if len(first.Changes) == 0 || !early(&first.Changes[0]) {
		if first.Trimmed {
			return Position{}, fmt.Errorf("%w: changes of that time were trimmed", ErrTrimmed)
		}
		return f.origin(), nil
	}
	// The change at low is early; those after high are not.
	found := first.Changes[0].Position
	for low, high := found.revision, last.revision; low < high; {
		middle := low + (high-low)/2
		page, err := f.read(ctx, store.ChangeQuery{After: store.Revision(middle), Limit: 1})
		if err != nil {
			return Position{}, err
		}
		var c Change
		if len(page.Changes) > 0 {
			f.scan(&page.Changes[0], &c)
		}
		if p := c.Position; p.revision > 0 && p.revision <= high && early(&c) {
			low, found = p.revision, p
		} else {
			high = middle
		}
	}
	return found, nil
}

// note returns the note of a change for the store's feed.
func (w *writer) note(kind ChangeType, fields []string) []byte {
	b := make([]byte, 0, 128)
	b = append(b, `{"type":"`...)
	b = append(b, kind...)
	b = append(b, `","at":`...)
	b = strconv.AppendInt(b, w.now.UnixMilli(), 10)
	b = appendStamp(b, w.stamp)
	b = appendText(b, "actor", w.actor)
	if len(fields) > 0 {
		b = jsontext.AppendList(appendName(b, "fields"), fields, jsontext.AppendString)
	}
	return append(b, '}')
}

// scan reads a note.
func (c *Change) scan(note string) (stamp, error) {
	var s stamp
	p := jsontext.NewScanner(note)
	err := p.Object(func(name string) (err error) {
		switch name {
		case "type":
			var text string
			text, err = p.String()
			c.Type = ChangeType(text)
		case "at":
			c.At, err = scanTime(&p)
		case "stamp":
			s, err = scanStamp(&p)
		case "actor":
			c.Actor, err = p.String()
		case "fields":
			err = p.Array(func() error {
				field, err := p.String()
				c.Fields = append(c.Fields, field)
				return err
			})
		default: // a newer program's; a note is never written back
			_, err = p.Raw()
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	return s, p.End()
}

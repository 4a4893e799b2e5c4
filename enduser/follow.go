package enduser

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

// Follow iterates over the changes that a query selects, oldest first, and waits for more. It
// begins after q.After: a [Position] that a reader has kept, [Tenant.Latest] for the changes
// from now on, or [Tenant.PositionAt] for those from a time on. q.Limit is how many changes it
// reads at once.
//
// It never ends by itself. It yields one error, and then ends: the context's; ErrTrimmed, as
// [Tenant.Changes] does; that of a store which failed; ErrInTransaction at once inside a
// transaction of the host. To go on, call it again with the Position of the last change that
// was handled. A reader who selects few changes of many may find that position trimmed, and
// should read with Changes, whose pages say how far they have looked.
//
// A change of another process is seen at once if the store has a [store.Waiter], otherwise
// within 250 ms.
func (t Tenant) Follow(ctx context.Context, q ChangeQuery) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		if err := t.follow(ctx, q, func(c Change) bool { return yield(c, nil) }); err != nil {
			yield(Change{}, err)
		}
	}
}

// follow returns nil if yield has ended it.
func (t Tenant) follow(ctx context.Context, q ChangeQuery, yield func(Change) bool) error {
	f, err := t.waitingFeed()
	if err != nil {
		return err
	}
	if q.Desc {
		return invalidField(Field{Name: "desc"}, CodeValue, "must be false: what follows is newer")
	}
	for {
		page, err := t.Changes(ctx, q)
		if err != nil {
			return err
		}
		for _, c := range page.Changes {
			if !yield(c) {
				return nil
			}
		}
		if q.After = page.Position; page.More {
			continue
		}
		if err := f.wait(ctx, q.After); err != nil {
			return err
		}
	}
}

// WaitChanges waits until [Tenant.Changes] after a position may return changes or
// ErrTrimmed, and returns nil. It returns the context's error if that ends first, and
// ErrInTransaction at once inside a transaction of the host.
func (t Tenant) WaitChanges(ctx context.Context, after Position) error {
	f, err := t.waitingFeed()
	if err != nil {
		return err
	}
	for {
		page, err := t.Changes(ctx, ChangeQuery{After: after, Limit: 1})
		if errors.Is(err, ErrTrimmed) || len(page.Changes) > 0 {
			return nil
		}
		if err != nil {
			return err
		}
		if err := f.wait(ctx, after); err != nil {
			return err
		}
	}
}

// waitingFeed returns the feed for a call that waits.
func (t Tenant) waitingFeed() (feed, error) {
	f, err := t.feed()
	if err == nil && store.InTransaction(f.store) {
		err = translate("wait for changes", store.ErrInTransaction)
	}
	return f, err
}

// rereadAfter is how long a wait lasts before the feed is read again: if the store went back
// in time, it may take long to grow beyond the position.
const rereadAfter = 30 * time.Second

// wait returns nil when it is time to read the feed after a position again.
func (f feed) wait(ctx context.Context, after Position) error {
	short, cancel := context.WithTimeout(ctx, rereadAfter)
	defer cancel()
	err := store.Wait(short, f.store, f.name, store.Revision(after.revision), 0)
	if ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return translate("wait for changes", err)
}

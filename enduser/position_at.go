package enduser

import (
	"context"
	"fmt"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

// PositionAt returns a position before all changes at a time or later, for
// [ChangeQuery].After. It is right if the clocks of all Managers that wrote are at most a
// minute off. Changes from up to four minutes before that time may follow it. It returns
// ErrTrimmed if changes of that time were trimmed, or may have been.
func (t Tenant) PositionAt(ctx context.Context, at time.Time) (Position, error) {
	f, err := t.feed()
	if err != nil {
		return Position{}, err
	}
	first, err := t.Changes(ctx, ChangeQuery{Limit: 1})
	if err != nil {
		return Position{}, err
	}
	if len(first.Changes) == 0 || !first.Changes[0].before(at) {
		if first.Trimmed {
			return Position{}, fmt.Errorf("%w: changes of that time were trimmed", ErrTrimmed)
		}
		return f.origin(), nil
	}
	return f.lastBefore(ctx, first.Changes[0].Position, at)
}

// before reports whether a change, and all in front of it, were written before a time, also
// by clocks that are a minute off: one that is stamped two minutes before was written at least
// a minute before by the true time.
func (c *Change) before(at time.Time) bool {
	return c.Type != ChangeUnreadable && c.At.Before(at.Add(-2*time.Minute))
}

// lastBefore returns the position of the last change before a time, by halving. The change
// at found is before it.
func (f feed) lastBefore(ctx context.Context, found Position, at time.Time) (Position, error) {
	newest, err := f.newest(ctx, ChangeQuery{Limit: 1})
	if err != nil {
		return Position{}, err
	}
	for low, high := found.revision, newest.Position.revision; low < high; {
		middle := low + (high-low)/2
		page, err := f.read(ctx, store.ChangeQuery{After: store.Revision(middle), Limit: 1})
		if err != nil {
			return Position{}, err
		}
		var c Change
		if len(page.Changes) > 0 {
			f.scan(&page.Changes[0], &c)
		}
		if p := c.Position; p.revision > 0 && p.revision <= high && c.before(at) {
			low, found = p.revision, p
		} else {
			high = middle
		}
	}
	return found, nil
}

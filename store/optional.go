package store

import (
	"context"
	"errors"
	"time"
)

// Waiter is implemented by stores that can tell when a tenant's feed has grown.
// Use [Wait], which polls where it is missing.
type Waiter interface {
	// Wait returns nil when Changes after that place has something to return,
	// an entry or ErrTrimmed, whichever handle or process wrote it. It returns
	// the context's error if that ends first, and ErrInvalid for a tenant or
	// revision that Changes would refuse. It may wake without a reason.
	Wait(ctx context.Context, tenant string, after Revision) error
}

// Scrubber is implemented by stores that keep copies of deleted data for a while
// (a log, free pages) and can purge them on request.
type Scrubber interface {
	// Scrub returns when what was deleted or overwritten before the call is
	// physically gone from the store's own files. Backups and replicas' files
	// are out of its reach. It may take long and is safe to repeat.
	Scrub(ctx context.Context) error
}

// Counter is implemented by stores that count faster than by listing. Use [Count],
// which lists where it is missing.
type Counter interface {
	// Count returns how many records a query selects: what List returns in all pages.
	// It ends when it has looked at CountQuery.Cap entries.
	Count(ctx context.Context, tenant string, q CountQuery) (Counted, error)
}

// CountQuery selects the records that [Counter] counts; see [Query].
type CountQuery struct {
	Kind          string // required
	Match         []Key
	After, Before Revision
	NotDueBefore  time.Time // zero: what is due and was not deleted yet is counted too
	Cap           int       // 1 to MaxCount; 0: DefaultCount
}

// Counted is the result of a count. If it is not exact there are at least N: the cap
// ended it. Records that cannot be read are not counted.
type Counted struct {
	N     int
	Exact bool
}

// Confirmer is implemented by stores whose reads may show what could still be lost,
// although they acknowledge no write that could: one that waits for replicas before it
// acknowledges, and reads where it wrote. Use [Confirm].
type Confirmer interface {
	// Confirm returns nil when what reads of the tenant have shown before the call is as
	// safe as an acknowledged write. ErrUnavailable if that cannot be had in time.
	// It writes nothing.
	Confirm(ctx context.Context, tenant string) error
}

// As returns s as the optional interface T, or the first store inside it that is
// one. A store that wraps another shows it with a method Unwrap() Store.
func As[T any](s Store) (T, bool) {
	for s != nil {
		if t, ok := s.(T); ok {
			return t, true
		}
		w, ok := s.(interface{ Unwrap() Store })
		if !ok {
			break
		}
		s = w.Unwrap()
	}
	var none T
	return none, false
}

// Wait returns nil when the feed of a tenant may have something after a
// revision; see [Waiter]. Where the store has no Waiter it asks the feed every
// poll; zero means every 250 ms.
func Wait(ctx context.Context, s Store, tenant string, after Revision, poll time.Duration) error {
	if w, ok := As[Waiter](s); ok {
		return w.Wait(ctx, tenant, after)
	}
	if poll <= 0 {
		poll = 250 * time.Millisecond
	}
	ticker := time.NewTicker(poll)
	defer ticker.Stop()
	q := ChangeQuery{After: after, Limit: 1}
	for {
		page, err := s.Changes(ctx, tenant, q)
		switch {
		case errors.Is(err, ErrTrimmed) || len(page.Changes) > 0:
			return nil
		case err != nil:
			return err
		case page.Next != 0:
			q.After = page.Next
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

// Confirm is for whoever answers for good by what it has only read, without a write that
// the store acknowledged or refused; see [Confirmer]. Where the store is none nothing is
// to be done.
func Confirm(ctx context.Context, s Store, tenant string) error {
	if c, ok := As[Confirmer](s); ok {
		return c.Confirm(ctx, tenant)
	}
	return nil
}

// Count counts the records that a query selects; see [Counter]. Where the store has no
// Counter it lists them.
func Count(ctx context.Context, s Store, tenant string, q CountQuery) (Counted, error) {
	q, err := CheckCount(tenant, q)
	if err != nil {
		return Counted{}, err
	}
	if c, ok := As[Counter](s); ok {
		return c.Count(ctx, tenant, q)
	}
	list := Query{Kind: q.Kind, Match: q.Match, After: q.After, Before: q.Before, NotDueBefore: q.NotDueBefore}
	n := 0
	for looked := 0; looked < q.Cap; {
		// A store does not say how many entries it looked at: they were no more than the
		// budget, nor than the places that the page came further.
		list.Limit, list.Budget = min(q.Cap-looked, MaxLimit), min(q.Cap-looked, MaxLimit)
		page, err := s.List(ctx, tenant, list)
		if err != nil {
			return Counted{}, err
		}
		n += len(page.Records)
		if page.Next == 0 {
			return Counted{N: n, Exact: true}, nil
		}
		looked += int(min(Revision(list.Budget), page.Next-list.After))
		list.After = page.Next
	}
	return Counted{N: n}, nil
}

package store

import (
	"context"
	"errors"
	"time"
)

// Waiter is implemented by stores that can tell when a tenant's feed has grown.
// Callers use [Wait], which polls if the store has no Waiter.
type Waiter interface {
	// Wait returns nil when Changes after that place has something to return,
	// an entry or ErrTrimmed, whichever handle or process wrote it. It may wake
	// without a reason. It returns the context's error if that ends first, and
	// ErrInvalid for a tenant or revision that Changes would refuse.
	Wait(ctx context.Context, tenant string, after Revision) error
}

// Scrubber is implemented by stores that keep copies of deleted data for a while
// (a log, free pages) and can purge them on request.
type Scrubber interface {
	// Scrub removes all data that was deleted or overwritten before the call from
	// the store's own files. It does not reach backups or the files of replicas. It
	// may take long and is safe to repeat.
	Scrub(ctx context.Context) error
}

// Counter is implemented by stores that count faster than by listing. Callers use
// [Count], which lists if the store has no Counter.
type Counter interface {
	// Count returns how many records a query selects: as many as List returns in all
	// pages together. It ends after CountQuery.Cap index entries.
	Count(ctx context.Context, tenant string, q CountQuery) (Counted, error)
}

// CountQuery selects the records that [Counter] counts; see [Query].
type CountQuery struct {
	Kind          string // required
	Match         []Key
	After, Before Revision
	NotDueBefore  time.Time // zero: records that are due count too
	Cap           int       // 1 to MaxCount; 0: DefaultCount
}

// Counted is the result of a count. If it is not exact, the cap ended the count and
// there are at least N records. Damaged records are not counted.
type Counted struct {
	N     int
	Exact bool
}

// Confirmer is implemented by stores whose reads may show writes that could still be
// lost, although acknowledged writes cannot: a store that acknowledges after its replicas
// have a write, but reads from the primary. Callers use [Confirm].
type Confirmer interface {
	// Confirm returns nil when all that reads of the tenant have shown before the call
	// is as safe as an acknowledged write. It writes nothing. It returns
	// ErrUnavailable if that does not happen in time.
	Confirm(ctx context.Context, tenant string) error
}

// Joined is implemented by stores that read and write inside a transaction of the host;
// see "Inside a transaction" in the package comment. Callers use [InTransaction].
type Joined interface {
	Store

	// Joined does nothing. It tells such a store from others.
	Joined()
}

// InTransaction reports whether a store reads and writes inside a transaction of the host.
func InTransaction(s Store) bool {
	_, ok := As[Joined](s)
	return ok
}

// As returns s, or the first store inside it, that implements the optional interface T.
// A store that wraps another shows it with a method Unwrap() Store.
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
// revision; see [Waiter]. If the store has no Waiter, it reads the feed once every
// poll; zero means 250 ms. Inside a transaction of the host it returns ErrInTransaction at
// once: nothing that others write would show before the transaction ends.
func Wait(ctx context.Context, s Store, tenant string, after Revision, poll time.Duration) error {
	if InTransaction(s) {
		return ErrInTransaction
	}
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

// Confirm makes sure that earlier reads of a tenant cannot be lost; see [Confirmer]. Call
// it before an answer that rests on reads alone, without a write that the store
// acknowledged or refused. If the store has no Confirmer it does nothing.
func Confirm(ctx context.Context, s Store, tenant string) error {
	if c, ok := As[Confirmer](s); ok {
		return c.Confirm(ctx, tenant)
	}
	return nil
}

// Count counts the records that a query selects; see [Counter]. If the store has no
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
		// A store does not say how many entries it has read: no more than the budget, and
		// no more than the places that the page came further.
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

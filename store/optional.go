package store

import (
	"context"
	"errors"
	"time"
)

// Waiter is implemented by stores that can tell when a tenant's feed has grown.
// Use [Wait], which polls where it is missing.
type Waiter interface {
	// Wait returns nil when Changes after that revision has something to return,
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
	for {
		changes, err := s.Changes(ctx, tenant, after, 1)
		switch {
		case errors.Is(err, ErrTrimmed) || len(changes) > 0:
			return nil
		case err != nil:
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

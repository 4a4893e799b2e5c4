package redis

import (
	"context"
	"errors"
	"time"
)

// The pause before a call is repeated grows from minPause to maxPause.
const (
	minPause = 5 * time.Millisecond
	maxPause = 100 * time.Millisecond
)

// bound returns the context of attempts that begin now.
func (s *Store) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, max(s.retryFor, 0)+s.readTimeout)
}

// repeat calls attempt until it succeeds, fails for good, or time is up. No attempt begins
// later than RetryFor after the first, and the context of all of them ends one ReadTimeout
// after that. So a call ends in time whatever the server does, wherever it waits.
func (s *Store) repeat(ctx context.Context, method string, attempt func(ctx context.Context, n int) error) error {
	begun := time.Now() //nolint:forbidigo // how long a call takes is not in any record
	bounded, cancel := s.bound(ctx)
	defer cancel()
	pause := minPause
	for n := 0; ; n++ {
		err := attempt(bounded, n)
		switch {
		case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
			return errNoAnswer // the deadline is not the caller's
		case err == nil || bounded.Err() != nil || s.retryFor < 0 || !passing(err):
			return err
		}
		if s.cluster != nil {
			// go-redis does not look for a new master when one refuses connections.
			s.cluster.ReloadState(ctx)
		}
		if time.Since(begun)+pause >= s.retryFor || !sleep(bounded, pause) {
			return err
		}
		pause = min(2*pause, maxPause)
		s.retried(method, err)
	}
}

// sleep waits, and reports whether the time passed before the context ended.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

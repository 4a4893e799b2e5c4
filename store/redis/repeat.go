package redis

import (
	"context"
	"errors"
	"sync"
	"time"
)

// The pause before a call is repeated grows from minPause to maxPause.
const (
	minPause = 5 * time.Millisecond
	maxPause = 100 * time.Millisecond
)

// bounded is a context that ends with its parent, or at a time. It sets a timer when Done is
// called: most calls have their answer without that.
type bounded struct {
	context.Context // the parent
	until           time.Time

	mu     sync.Mutex
	ended  bool
	timed  context.Context //nolint:containedctx // this is a context
	cancel context.CancelFunc
}

// bound returns the context of attempts that begin now. The caller calls end.
func (s *Store) bound(ctx context.Context) *bounded {
	//nolint:forbidigo // how long a call takes is not in any record
	return &bounded{Context: ctx, until: time.Now().Add(max(s.retryFor, 0) + s.readTimeout)}
}

func (b *bounded) Deadline() (time.Time, bool) {
	if parent, ok := b.Context.Deadline(); ok && parent.Before(b.until) {
		return parent, true
	}
	return b.until, true
}

func (b *bounded) Done() <-chan struct{} { return b.timer().Done() }

func (b *bounded) Err() error { return b.timer().Err() }

func (b *bounded) timer() context.Context {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.timed == nil {
		b.timed, b.cancel = context.WithDeadline(b.Context, b.until)
		if b.ended {
			b.cancel()
		}
	}
	return b.timed
}

// end ends the context, for those who may still have it.
func (b *bounded) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ended = true
	if b.cancel != nil {
		b.cancel()
	}
}

// doneLater is ctx.Done() for somebody who comes back after lateAfter and calls that then.
func doneLater(ctx context.Context) <-chan struct{} {
	if b, ok := ctx.(*bounded); ok && time.Until(b.until) > 2*lateAfter {
		return b.Context.Done()
	}
	return ctx.Done()
}

// repeat calls attempt until it succeeds, fails for good, or time is up. No attempt begins
// later than RetryFor after the first, and the context of all of them ends one ReadTimeout
// after that. So a call ends in time whatever the server does, wherever it waits.
func (s *Store) repeat(ctx context.Context, method string, attempt func(ctx context.Context, n int) error) error {
	begun := time.Now() //nolint:forbidigo // how long a call takes is not in any record
	bounded := s.bound(ctx)
	defer bounded.end()
	pause := minPause
	for n := 0; ; n++ {
		err := attempt(bounded, n) //nolint:contextcheck // bounded has ctx inside
		if err == nil {
			return nil
		}
		switch {
		case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
			return errNoAnswer // the deadline is not the caller's
		case bounded.Err() != nil || s.retryFor < 0 || !passing(err):
			return err
		}
		if s.cluster != nil {
			// go-redis does not look for a new master when one refuses connections.
			s.cluster.ReloadState(ctx)
		}
		if time.Since(begun)+pause >= s.retryFor || !sleep(bounded, pause) { //nolint:contextcheck // as above
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

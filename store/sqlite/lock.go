package sqlite

import (
	"context"
	"time"
)

// lockWait is how long to wait for a lock that another connection holds. SQLite
// itself waits only for the few milliseconds of its busy_timeout, in which it does not
// notice that a context ends.
type lockWait time.Duration

// retry calls f until it does not fail for a lock, ctx ends or the time is over.
// Before each attempt except the first it calls again, unless that is nil.
func (w lockWait) retry(ctx context.Context, again func(error), f func() error) error {
	err := f()
	if !isBusy(err) {
		return err
	}
	over := time.NewTimer(time.Duration(w))
	defer over.Stop()
	for pause := 500 * time.Microsecond; ; pause = min(2*pause, 8*time.Millisecond) {
		select {
		case <-over.C:
			return err
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
		if again != nil {
			again(err)
		}
		if err = f(); !isBusy(err) {
			return err
		}
	}
}

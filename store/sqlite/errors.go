package sqlite

import (
	"context"
	"errors"
	"fmt"
	"time"

	"modernc.org/sqlite"

	"github.com/rollbook-go/rollbook/store"
)

// Primary result codes of SQLite, the lowest byte of a code.
const (
	codeBusy       = 5
	codeConstraint = 19
)

var errClosed = fmt.Errorf("%w: sqlite: the store is closed", store.ErrUnavailable)

// primaryCode returns the primary result code of an error of SQLite, else 0. The
// texts of its messages are not stable; the codes are.
func primaryCode(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code() & 0xff
	}
	return 0
}

func isBusy(err error) bool { return primaryCode(err) == codeBusy }

// unavailable says that a call failed and that nothing was written.
func unavailable(err error) error {
	if errors.Is(err, store.ErrUnavailable) {
		return err
	}
	return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
}

// unknown says that a write may have happened.
func unknown(err error) error { return fmt.Errorf("%w: %w", store.ErrUnknown, err) }

// lockWait is how long to wait for a lock that another connection holds. SQLite
// itself waits only for the few milliseconds of its busy_timeout, in which it is
// deaf to contexts.
type lockWait time.Duration

// retry calls f until it is not refused for a lock, ctx ends or the time is over.
// Before each attempt but the first it calls again, if that is not nil.
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

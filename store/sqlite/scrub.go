package sqlite

import (
	"context"
	"errors"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

// Scrub implements [store.Scrubber]. Deleted and overwritten data is zeroed in
// the pages that held it (secure_delete), and Scrub moves these pages from the
// log into the database and empties the log.
//
// It needs a moment in which no connection, of any process, reads an older state.
// It tries until ctx ends, and then returns the context's error. Writes and reads
// go on meanwhile.
func (s *Store) Scrub(ctx context.Context) error {
	c := s.observe("Scrub")
	err := s.scrub(ctx)
	c.end(store.CallInfo{}, err)
	return err
}

func (s *Store) scrub(ctx context.Context) error {
	pause := 2 * time.Millisecond
	for {
		err := s.checkpoint(ctx)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case !errors.Is(err, errReading) && !isBusy(err):
			return unavailable(err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.closed:
			return errClosed
		case <-time.After(pause):
		}
		s.observeRetry("Scrub", err)
		pause = min(2*pause, 100*time.Millisecond)
	}
}

func (s *Store) checkpoint(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.usable(); err != nil {
		return err
	}
	if !s.writer.start() {
		return errClosed
	}
	c := &checkpoint{done: make(chan error, 1)}
	select {
	case s.writer.checkpoints <- c:
		return <-c.done
	case <-ctx.Done():
		return ctx.Err()
	case <-s.closed:
		return errClosed
	}
}

package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

// Scrub implements [store.Scrubber]. Deleted and overwritten data is zeroed in
// the pages that held it (secure_delete), and Scrub moves these pages from the
// log into the database and empties the log.
//
// It needs a moment in which no connection, of any process, reads an older state. It
// retries until there is one or ctx ends, and then returns the context's error. Writes
// and reads go on meanwhile.
func (s *Store) Scrub(ctx context.Context) error {
	c := s.observer.BeginCall("Scrub")
	err := s.scrub(ctx)
	c.End(store.CallInfo{}, err)
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
		s.observer.Retried("Scrub", err)
		pause = min(2*pause, 100*time.Millisecond)
	}
}

// checkpoint has the writer empty the log once.
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

// checkpoint asks the writer to empty the log.
type checkpoint struct{ done chan error }

var errReading = errors.New("the log is in use")

// checkpoint moves the log into the database and truncates it. It runs between
// transactions and returns errReading if a reader needs the log. Only a new mark is in
// the log then, which shows that it belongs to the database.
func (w *writer) checkpoint() error {
	if err := w.open(); err != nil {
		return err
	}
	if err := w.store.checkFiles(); err != nil {
		return err
	}
	return w.session.do(func() error {
		row := make([]driver.Value, 3) // busy, frames in the log, frames moved
		if _, err := w.session.row(`PRAGMA wal_checkpoint(TRUNCATE)`, row); err != nil {
			return err
		}
		if busy, ok := row[0].(int64); !ok || busy != 0 {
			return errReading
		}
		_, _ = w.session.exec(sqlMark) // without a mark, Open can tell less about the log
		return nil
	})
}

package sqlite

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// How often reads check the files and the version of the schema. The writer checks both
// in every transaction.
const (
	filesEvery  = 10 * time.Millisecond
	schemaEvery = time.Second
)

// usable returns the error of every call once the store is closed or lost.
func (s *Store) usable() error {
	if s.isClosed() {
		return errClosed
	}
	if lost := s.lost.Load(); lost != nil {
		return unavailable(*lost)
	}
	return nil
}

// checkFiles checks that the files are those that were opened.
func (s *Store) checkFiles() error { return s.losing(s.files.check()) }

// losing returns the error, and makes every later call fail with it if it lasts until
// the store is opened again.
func (s *Store) losing(err error) error {
	if !errors.Is(err, ErrReplaced) && !errors.Is(err, ErrNewerSchema) {
		return err
	}
	if s.lost.CompareAndSwap(nil, &err) {
		s.opts.Logger.Error("sqlite: the store must be closed and opened again", "path", s.files.path, "error", err)
	}
	return err
}

// checkRead checks, now and then or always, that what was just read came from the file
// at the path, in a schema that is known.
func (s *Store) checkRead(ctx context.Context, always bool) error {
	at := time.Since(s.opened)
	if s.filesAt.due(at, filesEvery, always) {
		if err := s.checkFiles(); err != nil {
			return err
		}
	}
	if !s.schemaAt.due(at, schemaEvery, always) {
		return nil
	}
	var version int64
	if err := s.reads.row(ctx, sqlNeeds, []any{&version}); err != nil {
		return nil //nolint:nilerr // the call has its own error if the file is unreadable
	}
	return s.losing(checkVersion(version, s.schema))
}

// pace says when something is to be done again.
type pace struct{ next atomic.Int64 }

func (p *pace) due(at, every time.Duration, always bool) bool {
	next := p.next.Load()
	return always || int64(at) >= next && p.next.CompareAndSwap(next, int64(at+every))
}

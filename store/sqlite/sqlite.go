package sqlite

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/internal/backend"
)

var (
	_ store.Store      = (*Store)(nil)
	_ store.Waiter     = (*Store)(nil)
	_ store.Scrubber   = (*Store)(nil)
	_ store.Counter    = (*Store)(nil)
	_ store.Importer   = (*Store)(nil)
	_ store.Dropper    = (*Store)(nil)
	_ store.KindLister = (*Store)(nil)
	_ store.Verifier   = (*Store)(nil)
)

// Store keeps records in a SQLite file. It is a [store.Store] and all that the optional
// interfaces below say, and is safe for concurrent use.
type Store struct {
	opts     Options
	wait     lockWait
	observer backend.Observer
	owned    bool // the pools are ours to close

	writer *writer
	reads  *reader
	bell   bell

	lookFirst backend.LookFirst
	updating  atomic.Int32 // calls that replace a record

	files  *files
	schema int                   // the version that this package knows
	lost   atomic.Pointer[error] // why every call fails until the store is opened again

	opened   time.Time
	filesAt  pace // of reads that check the files
	schemaAt pace // of reads that check the schema

	closing  sync.Once
	closed   chan struct{}
	closeErr error
}

// Close ends the store. A transaction that is being written is finished and
// answered first. Writes that have not begun fail with ErrUnavailable, as does
// every later call. Pools given to New stay open. Close may be called again and
// then returns what it returned first.
func (s *Store) Close() error {
	s.closing.Do(func() {
		close(s.closed)
		s.writer.close()
		s.closeErr = s.reads.close()
		if s.owned {
			s.closeErr = errors.Join(s.closeErr, s.reads.db.Close(), s.writer.db.Close())
		}
	})
	return s.closeErr
}

func (s *Store) isClosed() bool {
	select {
	case <-s.closed:
		return true
	default:
		return false
	}
}

package postgres

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rollbook-go/rollbook/internal/fair"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/internal/backend"
)

var (
	_ store.Store      = (*Store)(nil)
	_ store.Waiter     = (*Store)(nil)
	_ store.Counter    = (*Store)(nil)
	_ store.Importer   = (*Store)(nil)
	_ store.Dropper    = (*Store)(nil)
	_ store.KindLister = (*Store)(nil)
	_ store.Verifier   = (*Store)(nil)
)

// Store keeps records in a schema of a PostgreSQL database. It is a [store.Store],
// [store.Waiter], [store.Counter], [store.Importer], [store.Dropper], [store.KindLister] and
// [store.Verifier], and is safe for concurrent use.
type Store struct {
	opts     Options
	observer backend.Observer
	pool     *pgxpool.Pool
	owned    bool // the pool is ours to close
	size     int  // of the pool

	texts   *statements
	unnamed atomic.Bool // statements are not prepared: the servers behind connections change
	known   int         // the version of the schema that this package knows
	turns   *fair.Turns // of reads
	queue   *queue      // of writes
	watch   *watch

	forgotten pace // of errors about names of statements

	looks     looks // reads before writes
	lookFirst backend.LookFirst

	lost     atomic.Pointer[error] // why every call fails until the store is opened again
	opened   time.Time
	schemaAt pace // of reads that check the schema

	closing  sync.Once
	closed   <-chan struct{}
	patience func() (context.Context, context.CancelFunc) // a context until Close, or until patience ends
	end      context.CancelFunc
}

// Close ends the store. A transaction that is being written is finished and answered
// first. Writes that have not begun fail with ErrUnavailable, as does every later call. A
// pool given to New stays open. Close may be called again.
func (s *Store) Close() error {
	s.closing.Do(func() {
		s.end()
		s.queue.close()
		s.watch.close()
		if s.owned {
			s.pool.Close()
		}
	})
	return nil
}

func (s *Store) isClosed() bool {
	select {
	case <-s.closed:
		return true
	default:
		return false
	}
}

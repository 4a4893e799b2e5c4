package postgres

import (
	"context"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rollbook-go/rollbook/store"
)

var (
	_ store.Store   = (*Store)(nil)
	_ store.Waiter  = (*Store)(nil)
	_ store.Counter = (*Store)(nil)
)

// Store keeps records in a schema of a PostgreSQL database. It is a [store.Store],
// [store.Waiter] and [store.Counter], and is safe for concurrent use.
type Store struct {
	opts     Options
	observer store.Observer
	pool     *pgxpool.Pool
	owned    bool // the pool is ours to close
	closed   chan struct{}
}

// Open opens a store with a pool of its own. The DSN is a URL or a list of settings, as
// pgx takes them; pool_max_conns is the size of the pool.
func Open(ctx context.Context, dsn string, opts *Options) (*Store, error) {
	panic("TODO")
}

// New opens a store on a pool of the host, which stays the host's to close.
func New(ctx context.Context, pool *pgxpool.Pool, opts *Options) (*Store, error) {
	panic("TODO")
}

// Close ends the store. A transaction that is being written is finished and answered
// first. Writes that have not begun fail with ErrUnavailable, as does every later call. A
// pool given to New stays open. Close may be called again.
func (s *Store) Close() error { return nil }

package postgres

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rollbook-go/rollbook/internal/fair"
	"github.com/rollbook-go/rollbook/store/internal/backend"
)

// Open opens a store with a pool of its own, and makes or migrates the schema. The DSN is
// a URL or a list of settings, as pgx takes them; pool_max_conns is the size of the pool,
// by default 4 or the number of CPUs. Connections are made to servers that can be written to,
// unless the DSN has target_session_attrs.
func Open(ctx context.Context, dsn string, opts *Options) (*Store, error) {
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	if config.ConnConfig.ValidateConnect == nil && !strings.Contains(dsn, "target_session_attrs") {
		config.ConnConfig.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	s, err := New(ctx, pool, opts)
	if err != nil {
		pool.Close()
		return nil, err
	}
	s.owned = true
	return s, nil
}

// New opens a store on a pool of the host, and makes or migrates the schema. The pool stays
// the host's to close. The store uses it for one call or transaction at a time, and changes
// no setting of its connections.
func New(ctx context.Context, pool *pgxpool.Pool, opts *Options) (*Store, error) {
	o, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	steps, err := backend.Migrations(migrations)
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	config := pool.Config()
	size := int(config.MaxConns)
	writers := max(min(o.Writers, size/2), 1)
	s := &Store{
		opts:   o,
		pool:   pool,
		size:   size,
		texts:  newStatements(o.Schema),
		known:  len(steps),
		opened: now(),
		turns:  fair.New(size - writers),
	}
	open, end := context.WithCancel(context.WithoutCancel(ctx))
	s.closed, s.end = open.Done(), end
	s.patience = func() (context.Context, context.CancelFunc) { return context.WithTimeout(open, patience) }
	if o.Observer != nil {
		s.observer = backend.Observer(*o.Observer)
	}
	// Other modes are for poolers that give a connection another server for each transaction.
	s.unnamed.Store(config.ConnConfig.DefaultQueryExecMode != pgx.QueryExecModeCacheStatement)
	s.queue = newQueue(s, writers)
	s.watch = newWatch(s)
	if err := s.prepare(ctx, steps); err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	return s, nil
}

// prepare checks the server and migrates the schema.
func (s *Store) prepare(ctx context.Context, steps []backend.Migration) error {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	if !s.opts.AllowUnsafe {
		if err := checkSettings(ctx, conn.Conn()); err != nil {
			return err
		}
	}
	return migrate(ctx, conn.Conn(), s.opts.Schema, s.texts, steps)
}

// checkSettings returns a SettingError if a setting may lose acknowledged writes.
func checkSettings(ctx context.Context, conn *pgx.Conn) error {
	for _, name := range []string{"fsync", "full_page_writes", "synchronous_commit"} {
		row, err := values(ctx, conn, "SELECT current_setting('"+name+"')")
		if err != nil {
			return err
		}
		if row[0] == "off" {
			return &SettingError{Setting: name, Value: row[0]}
		}
	}
	return nil
}

// session returns a session on a connection of the pool.
func (s *Store) session(conn *pgx.Conn) session {
	return session{conn: conn, texts: s.texts, named: !s.unnamed.Load()}
}

func now() time.Time {
	return time.Now() //nolint:forbidigo // no record holds how long something takes
}

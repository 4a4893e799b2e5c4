package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"sync"

	"github.com/rollbook-go/rollbook/internal/fair"
	"github.com/rollbook-go/rollbook/store"
)

// reader is the pool that reads, with its prepared statements. Turns bound the
// steps that read at once and share them between the tenants. A call that waits for its
// turn holds no connection and notices that its context ends.
type reader struct {
	db    *sql.DB
	owned bool
	turns *fair.Turns

	mu     sync.RWMutex
	stmts  map[string]*sql.Stmt // by their text; a fixed number
	closed bool
}

func newReader(db *sql.DB, o Options, owned bool) *reader {
	return &reader{db: db, owned: owned, turns: fair.New(o.Readers), stmts: make(map[string]*sql.Stmt)}
}

// statement returns a prepared statement, which stays prepared until close.
func (r *reader) statement(ctx context.Context, query string) (*sql.Stmt, error) {
	r.mu.RLock()
	st, closed := r.stmts[query], r.closed
	r.mu.RUnlock()
	switch {
	case closed:
		return nil, errClosed
	case st != nil:
		return st, nil
	}
	st, err := r.db.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if other := r.stmts[query]; other != nil || r.closed {
		_ = st.Close() // another call has prepared it meanwhile
		if r.closed {
			return nil, errClosed
		}
		return other, nil
	}
	r.stmts[query] = st
	return st, nil
}

func (r *reader) query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	st, err := r.statement(ctx, query)
	if err != nil {
		return nil, err
	}
	return st.QueryContext(ctx, args...)
}

// row reads the first row into dest, or returns sql.ErrNoRows.
func (r *reader) row(ctx context.Context, query string, dest []any, args ...any) error {
	st, err := r.statement(ctx, query)
	if err != nil {
		return err
	}
	return st.QueryRowContext(ctx, args...).Scan(dest...)
}

// point returns the context for the look-up of a row, or for a step, which take long only
// where they wait for a connection. If the pool is ours, a turn is a connection: they do
// without the context and spare the two goroutines with which database/sql and the driver
// watch it.
func (r *reader) point(ctx context.Context) context.Context {
	if r.owned {
		return context.WithoutCancel(ctx)
	}
	return ctx
}

func (r *reader) close() error {
	r.mu.Lock()
	r.closed = true
	stmts := r.stmts
	r.stmts = nil
	r.mu.Unlock()
	var errs []error
	for _, st := range stmts {
		errs = append(errs, st.Close())
	}
	return errors.Join(errs...)
}

// readTurn describes a step that reads.
type readTurn struct {
	method string
	tenant string // "": all tenants
	long   bool   // it may take a while
}

func (r *reader) take(ctx context.Context, t readTurn) (done func(), err error) {
	if t.long {
		return r.turns.Long(ctx, t.tenant)
	}
	return r.turns.Quick(ctx, t.tenant)
}

// read calls f when it is its turn, and again while another process holds a lock, and
// returns errors of the contract. It drops what f returns beside an error: a page is
// whole or empty.
func read[T any](ctx context.Context, s source, t readTurn, f func(context.Context) (T, error)) (T, error) {
	if s.tx != nil {
		return joined(ctx, s.tx, f)
	}
	var none, result T
	if err := ctx.Err(); err != nil {
		return none, err
	}
	if err := s.usable(); err != nil {
		return none, err
	}
	done, err := s.reads.take(ctx, t)
	if err != nil {
		return none, err
	}
	defer done()
	if err := s.usable(); err != nil {
		return none, err
	}
	var again func(error)
	if s.observer.Retry != nil {
		again = func(err error) { s.observer.Retried(t.method, err) }
	}
	err = s.wait.retry(ctx, again, func() (err error) {
		result, err = f(ctx)
		return err
	})
	ok := err == nil || answered(err)
	if lost := s.checkRead(ctx, !ok); lost != nil {
		return none, unavailable(lost)
	}
	switch {
	case err == nil:
		return result, nil
	case ok:
		return none, err
	case ctx.Err() != nil:
		return none, ctx.Err()
	case s.isClosed():
		return none, errClosed
	}
	return none, unavailable(err)
}

// answered reports whether an error is the answer to a read, and no failure.
func answered(err error) bool {
	return errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrTrimmed) ||
		errors.Is(err, store.ErrInvalid) || errors.Is(err, store.ErrDamaged)
}

package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// patience bounds how long a writer waits for the server. It never waits for another
// transaction, so that only a server or network that has stopped takes so long.
const patience = 30 * time.Second

// attempts is how often a group is written that was rolled back by no fault of its own.
const attempts = 8

var errNoConnection = fmt.Errorf("no connection of the pool for %v", patience)

// writer writes groups. Its transactions do not have the context of a caller: pgx would
// close the connection when that ends, and with it all calls of the group would fail.
type writer struct {
	store *Store
}

// connect returns a connection of the pool. Close does not wait for one that others hold.
func (w *writer) connect() (*pgxpool.Conn, error) {
	ctx, cancel := w.store.patience()
	defer cancel()
	conn, err := w.store.pool.Acquire(ctx)
	if errors.Is(err, context.DeadlineExceeded) { // ours, not a caller's
		err = errNoConnection
	}
	return conn, err
}

const sqlLock = `SELECT rollbook.lock_1($1::int8, $2::bytea)::text`

// lock returns a connection with a transaction that has locked a tenant. It waits for the lock
// for a second or so.
func (w *writer) lock(tenant string) (*pgxpool.Conn, error) {
	conn, err := w.connect()
	if err != nil {
		return nil, err
	}
	ctx, cancel := w.store.patience()
	defer cancel()
	// A stricter level would not see what those have written for whom it has waited.
	if err = run(ctx, conn.Conn(), "BEGIN ISOLATION LEVEL READ COMMITTED"); err == nil {
		var a args
		a.int8(lockOf(w.store.opts.Schema, tenant))
		a.bytea(tenant)
		_, err = w.store.session(conn.Conn()).row(ctx, sqlLock, &a, func(*reply) {})
	}
	if err != nil {
		if e := pgError(err); e != nil {
			w.store.forgetNames(e)
		}
		spoiled(context.Background(), conn, err)
		rollback(conn)
		return nil, err
	}
	return conn, nil
}

// rollback gives a connection back, without its transaction.
func rollback(conn *pgxpool.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_ = run(ctx, conn.Conn(), "ROLLBACK") // if it fails, the pool closes the connection
	conn.Release()
}

// write writes a group and answers its calls, unless their tenants were held. It takes a
// connection, or the reason why there is none, and gives it back. A transaction that
// the connection is in becomes that of the group.
func (w *writer) write(group []*part, conn *pgxpool.Conn, err error) {
	g := w.store.observer.BeginGroup(countCalls(group))
	for attempt := 1; ; attempt++ {
		var t *transaction
		result := notCommitted
		if err == nil {
			t, result, err = w.once(conn, group)
			conn.Release()
		}
		if result == notCommitted && attempt < attempts && w.again(err) {
			w.store.observer.Retried("", err)
			change(group, taken, waiting) // their callers can leave again
			conn, err = w.connect()
			change(group, waiting, taken)
			if g.Calls = countCalls(group); g.Calls > 0 {
				continue
			}
			if err == nil {
				conn.Release()
			}
			return
		}
		if result != committed {
			g.End(err)
			w.fail(group, result, err)
			return
		}
		if g.Calls -= t.held(); g.Calls > 0 {
			g.End(nil)
		}
		w.answer(group, t)
		return
	}
}

// again reports whether a transaction that was not committed may succeed now.
func (w *writer) again(err error) bool {
	if w.store.isClosed() {
		return false
	}
	if e := pgError(err); e != nil && !fatal(e) {
		return conflicting(e) || w.store.forgetNames(e)
	}
	return errors.As(err, new(unsent))
}

// fail answers the calls of a group that was not committed, or may not have been.
func (w *writer) fail(group []*part, result outcome, err error) {
	s := w.store
	if result == notCommitted && w.alone(group, err) {
		return
	}
	s.opts.Logger.Warn("postgres: a transaction failed", "error", err, "calls", countCalls(group), "unknown", result == uncertain)
	if result == notCommitted {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		err = s.failed(ctx, err)
	} else {
		err = unknown(err)
	}
	for _, p := range group {
		for _, c := range p.calls {
			c.done <- answer{err: err}
		}
	}
}

// alone writes each call of a group in a transaction of its own, so that one that meets a
// damaged index or a bound of the server does not make the others fail. It reports false
// if the error is not of that kind.
func (w *writer) alone(group []*part, err error) bool {
	e := pgError(err)
	if e == nil || fatal(e) || countCalls(group) == 1 || w.store.isClosed() {
		return false
	}
	switch e.Code[:2] {
	case "22", "23", "54", "XX": // data, constraints, limits, damage
	default:
		return false
	}
	w.store.observer.Retried("", err)
	for _, p := range group {
		calls := p.calls
		p.calls = nil
		for _, c := range calls {
			one := &part{line: p.line, calls: []*call{c}}
			conn, err := w.connect()
			w.write([]*part{one}, conn, err)
			if one.held {
				p.held = true
				p.calls = append(p.calls, c)
			}
		}
	}
	return true
}

// once writes a group in one transaction.
func (w *writer) once(conn *pgxpool.Conn, group []*part) (*transaction, outcome, error) {
	t, err := w.build(conn, group)
	if err != nil {
		return nil, notCommitted, err
	}
	finished, err := w.send(conn, t)
	spoiled(context.Background(), conn, err)
	return t, outcomeOf(err, finished), err
}

// change changes the state of calls, and removes those from the group whose callers have left.
func change(group []*part, from, to uint32) {
	for _, p := range group {
		p.calls = slices.DeleteFunc(p.calls, func(c *call) bool { return !c.state.CompareAndSwap(from, to) })
	}
}

func countCalls(group []*part) int {
	n := 0
	for _, p := range group {
		n += len(p.calls)
	}
	return n
}

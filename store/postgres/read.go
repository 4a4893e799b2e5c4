package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rollbook-go/rollbook/store"
)

// source is where a call reads: the pool, or a transaction of the host.
type source interface {
	// step calls f with a session when it is the call's turn, and returns an error of
	// the contract. f may be called again after it has failed.
	step(ctx context.Context, t readTurn, f func(context.Context, session) error) error
}

// readTurn describes a step that reads.
type readTurn struct {
	method string
	tenant string // "": all tenants
	long   bool   // it may take a while
}

// step implements source. Each step has a connection of the pool in a turn of its own. If the
// connection turns out to be lost, as all are after the server was restarted, the step runs
// again on another.
func (s *Store) step(ctx context.Context, t readTurn, f func(context.Context, session) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.usable(); err != nil {
		return err
	}
	take := s.turns.Quick
	if t.long {
		take = s.turns.Long
	}
	done, err := take(ctx, t.tenant)
	if err != nil {
		return err
	}
	defer done()
	for attempts := s.size; ; attempts-- {
		if err := s.usable(); err != nil {
			return err
		}
		sent, err := s.stepOnce(ctx, f)
		switch {
		case err == nil || answered(err):
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case !sent || attempts == 0 || !s.again(err):
			return s.failed(ctx, err)
		}
		s.observer.Retried(t.method, err)
	}
}

// stepOnce calls f on a connection of the pool, and reports whether it got one.
func (s *Store) stepOnce(ctx context.Context, f func(context.Context, session) error) (sent bool, err error) {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return false, err
	}
	defer conn.Release()
	c := s.session(conn.Conn())
	err = f(ctx, c)
	spoiled(context.WithoutCancel(ctx), conn, err)
	if err == nil || answered(err) {
		if newer := s.checkSchemaNow(ctx, c); newer != nil {
			return true, newer
		}
	}
	return true, err
}

// answered reports whether an error of a step is an answer of the contract.
func answered(err error) bool {
	return errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrTrimmed) ||
		errors.Is(err, store.ErrInvalid) || errors.Is(err, store.ErrDamaged)
}

// again reports whether a step that has failed may succeed on another connection.
func (s *Store) again(err error) bool {
	e := pgError(err)
	return e == nil || fatal(e) || conflicting(e) || s.forgetNames(e)
}

// forgetNames reports whether the error is about the name of a statement. Such an error is
// due to a pooler that gives a connection another server for each transaction: from then on
// statements have no names. Or a host has told its connection to forget them (DISCARD ALL):
// that does not happen twice in a second, and the connection is closed (see spoiled).
func (s *Store) forgetNames(e *pgconn.PgError) bool {
	switch e.Code {
	case codeNoStatement:
		if s.forgotten.due(time.Since(s.opened), forgetsAgain) {
			return true
		}
	case codeStatementExists:
	default:
		return false
	}
	s.unnamed.Store(true)
	return true
}

// forgetsAgain is how soon the name of a statement is unknown again behind a pooler.
const forgetsAgain = time.Second

// spoiled closes a connection that is of no more use after an error: its server was the
// primary once, or does not have the statements that were prepared.
func spoiled(ctx context.Context, conn *pgxpool.Conn, err error) {
	if e := pgError(err); e != nil && (e.Code == codeReadOnly || e.Code == codeNoStatement) {
		_ = conn.Conn().Close(ctx)
	}
}

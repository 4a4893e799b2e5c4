package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
)

// source is where a read finds its rows: in the readers' pool or, if tx is set, in a
// transaction of the host. It is a struct and not an interface so that arguments do not
// escape.
type source struct {
	*Store
	tx *Tx
}

func (s *Store) pool() source { return source{Store: s} }

func (s source) query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if s.tx != nil {
		return s.tx.query(query, args...)
	}
	return s.reads.query(ctx, query, args...)
}

// row reads the first row into dest, or returns sql.ErrNoRows.
func (s source) row(ctx context.Context, query string, dest []any, args ...any) error {
	if s.tx != nil {
		return s.tx.queryRow(query, dest, args...)
	}
	return s.reads.row(ctx, query, dest, args...)
}

// point returns the context for the look-up of one row; see reader.
func (s source) point(ctx context.Context) context.Context {
	if s.tx != nil {
		return ctx
	}
	return s.reads.point(ctx)
}

// statements runs the statements of a transaction: of the writer's or, if tx is set, of
// one of the host.
type statements struct {
	session *session
	tx      *Tx
}

func (s statements) exec(query string, args ...driver.Value) (driver.Result, error) {
	if s.tx != nil {
		return s.tx.exec(query, args...)
	}
	return s.session.exec(query, args...)
}

// mark gives the database a new mark.
func (s statements) mark() error {
	if s.tx != nil {
		return s.tx.leaveMark()
	}
	_, err := s.session.exec(sqlMark)
	return err
}

// row reads the first row of the result into dest, and reports whether there is one.
func (s statements) row(query string, dest []driver.Value, args ...driver.Value) (found bool, err error) {
	if s.tx != nil {
		return s.tx.row(query, dest, args...)
	}
	return s.session.row(query, dest, args...)
}

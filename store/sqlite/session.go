package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
)

const (
	sqlBegin    = `BEGIN IMMEDIATE`
	sqlCommit   = `COMMIT`
	sqlRollback = `ROLLBACK`
)

// session is the connection that writes, with its prepared statements. It calls the
// driver itself: database/sql may run a statement again when the driver calls a
// connection bad, which inside a transaction would be a statement too many. The session
// keeps the *sql.Conn for its whole life, so that no other code uses the driver's
// connection. Only do, drop and close touch it.
type session struct {
	conn  *sql.Conn
	raw   driver.ConnPrepareContext // while do runs
	stmts map[string]driver.Stmt    // by their text
	known *known                    // what committed transactions have read
	args  []driver.NamedValue
}

func newSession(ctx context.Context, db *sql.DB, sync Sync) (*session, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := verify(ctx, conn, sync, roleWriter); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return &session{conn: conn, stmts: map[string]driver.Stmt{}, known: newKnown()}, nil
}

// do calls f, which may use exec and row.
func (s *session) do(f func() error) error {
	return s.conn.Raw(func(dc any) error {
		raw, ok := dc.(driver.ConnPrepareContext)
		if !ok {
			return fmt.Errorf("the driver's connection, a %T, is not a driver.ConnPrepareContext", dc)
		}
		s.raw = raw
		defer func() { s.raw = nil }()
		return f()
	})
}

// drop closes the connection, and ends a transaction that is open on it.
func (s *session) drop() {
	// ErrBadConn makes the pool throw the connection away.
	_ = s.conn.Raw(func(any) error {
		s.closeStatements()
		return driver.ErrBadConn
	})
	_ = s.conn.Close()
}

// close gives the connection back to its pool.
func (s *session) close() {
	_ = s.conn.Raw(func(any) error {
		s.closeStatements()
		return nil
	})
	_ = s.conn.Close()
}

func (s *session) closeStatements() {
	for _, st := range s.stmts {
		_ = st.Close()
	}
	clear(s.stmts)
}

// statement returns a prepared statement. All run on a context that never ends: a caller
// that leaves must not interrupt the transaction of others.
func (s *session) statement(query string) (driver.Stmt, error) {
	if st, ok := s.stmts[query]; ok {
		return st, nil
	}
	st, err := s.raw.PrepareContext(context.Background(), query)
	if err != nil {
		return nil, err
	}
	s.stmts[query] = st
	return st, nil
}

func (s *session) bind(args []driver.Value) []driver.NamedValue {
	s.args = s.args[:0]
	for i, v := range args {
		s.args = append(s.args, driver.NamedValue{Ordinal: i + 1, Value: v})
	}
	return s.args
}

func (s *session) exec(query string, args ...driver.Value) (driver.Result, error) {
	st, err := s.statement(query)
	if err != nil {
		return nil, err
	}
	x, ok := st.(driver.StmtExecContext)
	if !ok {
		return nil, fmt.Errorf("the driver's statement, a %T, is not a driver.StmtExecContext", st)
	}
	return x.ExecContext(context.Background(), s.bind(args))
}

// row reads the first row of the result into dest, and reports whether there is one.
func (s *session) row(query string, dest []driver.Value, args ...driver.Value) (found bool, err error) {
	st, err := s.statement(query)
	if err != nil {
		return false, err
	}
	x, ok := st.(driver.StmtQueryContext)
	if !ok {
		return false, fmt.Errorf("the driver's statement, a %T, is not a driver.StmtQueryContext", st)
	}
	rows, err := x.QueryContext(context.Background(), s.bind(args))
	if err != nil {
		return false, err
	}
	switch err = rows.Next(dest); {
	case err == nil:
		return true, rows.Close()
	case errors.Is(err, io.EOF):
		return false, rows.Close()
	default:
		_ = rows.Close()
		return false, err
	}
}

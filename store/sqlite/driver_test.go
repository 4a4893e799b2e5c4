package sqlite_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"modernc.org/sqlite"
)

// fault is what goes wrong at a statement of the writer.
type fault int

const (
	none         fault = iota
	constraint         // the statement violates a constraint: the transaction stays open
	full               // the file may not grow: SQLite ends the transaction
	interrupted        // the statement is interrupted while it writes: likewise
	ioError            // an error before the statement had any effect
	ioRolledBack       // an error that ended the transaction
	ioAfter            // the statement was executed, its answer is lost
	busy               // the error of a lock, without effect
	busyAfter          // the error of a lock although it was executed
	leaves             // nothing fails, but a caller's context ends
	faults
)

func (f fault) String() string {
	return [...]string{
		"none", "constraint", "full", "interrupted", "I/O error", "I/O error with rollback",
		"I/O error after", "busy", "busy after", "caller leaves",
	}[f]
}

// atCommit stands for the number of COMMIT.
const atCommit = -2

var errIO = errors.New("disk I/O error (injected)")

// faultyDriver opens connections that fail at a chosen statement, once, and
// watches that nothing but ROLLBACK follows on that connection.
type faultyDriver struct {
	driver.Connector
	path string

	mu       sync.Mutex
	open     int           // connections on which a transaction is open
	ended    *sync.Cond    // one is open no longer
	counting bool          // from the next BEGIN on
	began    chan struct{} // BEGIN waits for it
	count    int
	at       int // the statement that fails, counted from 0; BEGIN is not counted; or atCommit
	kind     fault
	leave    func()
	sins     []string
}

func newFaultyPool(t testing.TB, dsn, path string) (*sql.DB, *faultyDriver) {
	t.Helper()
	connector, err := sqlite.NewConnector(dsn)
	if err != nil {
		t.Fatal(err)
	}
	d := &faultyDriver{Connector: connector, path: path}
	d.ended = sync.NewCond(&d.mu)
	db := sql.OpenDB(d)
	t.Cleanup(func() { _ = db.Close() })
	return db, d
}

// arm makes the next transaction wait for the channel, if there is one, and its statement at
// fail. A transaction that the writer has begun ends first: it could take a part of the calls.
func (d *faultyDriver) arm(at int, kind fault, leave func(), began chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for began != nil && d.open > 0 {
		d.ended.Wait()
	}
	d.counting, d.began, d.count, d.at, d.kind, d.leave = true, began, 0, at, kind, leave
}

// disarm returns the number of statements since BEGIN, COMMIT included, and what
// should not have happened.
func (d *faultyDriver) disarm() (statements int, sins []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	sins, d.sins = d.sins, nil
	d.counting, d.kind, d.began = false, none, nil
	return d.count, sins
}

func (d *faultyDriver) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := d.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &faultyConn{Conn: c, d: d}, nil
}

type faultyConn struct {
	driver.Conn
	d      *faultyDriver
	failed bool // nothing but ROLLBACK may follow
	open   bool // a transaction
}

// end takes note that no transaction is open on the connection.
func (c *faultyConn) end() {
	c.d.mu.Lock()
	defer c.d.mu.Unlock()
	if c.open {
		c.open = false
		c.d.open--
		c.d.ended.Broadcast()
	}
}

func (c *faultyConn) Close() error {
	c.end()
	return c.Conn.Close()
}

func (c *faultyConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	st, err := c.Conn.(driver.ConnPrepareContext).PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	return &faultyStmt{Stmt: st, c: c, query: query}, nil
}

type faultyStmt struct {
	driver.Stmt
	c     *faultyConn
	query string
}

func (s *faultyStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	kind := s.c.begin(s.query)
	if err := s.c.before(kind); err != nil {
		return nil, err
	}
	r, err := s.Stmt.(driver.StmtExecContext).ExecContext(ctx, args)
	switch {
	case s.query == "ROLLBACK", s.query == "COMMIT" && err == nil, s.query == "BEGIN IMMEDIATE" && err != nil:
		s.c.end()
	}
	if err == nil {
		err = s.c.after(kind)
	}
	return r, err
}

func (s *faultyStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	kind := s.c.begin(s.query)
	if err := s.c.before(kind); err != nil {
		return nil, err
	}
	rows, err := s.Stmt.(driver.StmtQueryContext).QueryContext(ctx, args)
	if err == nil {
		if err = s.c.after(kind); err != nil {
			return nil, errors.Join(err, rows.Close())
		}
	}
	return rows, err
}

// begin counts a statement and returns the fault that it shall have.
func (c *faultyConn) begin(query string) fault {
	c.d.mu.Lock()
	defer c.d.mu.Unlock()
	if c.failed && query != "ROLLBACK" {
		c.d.sins = append(c.d.sins, "after a failure: "+query)
	}
	if query == "BEGIN IMMEDIATE" {
		if began := c.d.began; began != nil {
			c.d.mu.Unlock()
			<-began
			c.d.mu.Lock()
		}
		c.open = true
		c.d.open++
		return none
	}
	if !c.d.counting {
		return none
	}
	kind := none
	if c.d.count == c.d.at || c.d.at == atCommit && query == "COMMIT" {
		kind = c.d.kind
		c.d.kind = none // once
	}
	c.d.count++
	switch kind {
	case none, constraint: // a constraint leaves the transaction and the connection as they are
	case leaves:
		c.d.leave()
	default:
		c.failed = true
	}
	return kind
}

func (c *faultyConn) before(kind fault) error {
	switch kind {
	case constraint:
		return c.mustFail(context.Background(), `INSERT INTO rollbook_tenant (n, name, revision)
			SELECT n, name, revision FROM rollbook_tenant LIMIT 1`)
	case full:
		// As many pages as there are; SQLite raises lower bounds to that.
		if err := c.run(context.Background(), `PRAGMA max_page_count = 1`); err != nil {
			return err
		}
		return c.mustFail(context.Background(), fill+` LIMIT 1000`)
	case interrupted:
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		defer cancel()
		err := c.run(ctx, fill+` LIMIT 20000`)
		// If the interrupt came before the first step, SQLite forgets it; if the time was up before
		// the statement began, it is not executed. Otherwise the transaction has ended, and this fails.
		_ = c.run(context.Background(), `ROLLBACK`)
		if err == nil {
			err = errIO
		}
		return err
	case ioError:
		return errIO
	case ioRolledBack:
		return errors.Join(errIO, c.run(context.Background(), `ROLLBACK`))
	case busy:
		return c.d.busyError()
	default:
		return nil
	}
}

// fill writes until its limit, or until something stops it.
const fill = `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
	INSERT INTO rollbook_change SELECT i - (1 << 60), zeroblob(2000) FROM n`

func (c *faultyConn) after(kind fault) error {
	switch kind {
	case ioAfter:
		return errIO
	case busyAfter:
		return c.d.busyError()
	default:
		return nil
	}
}

func (c *faultyConn) run(ctx context.Context, query string) error {
	st, err := c.Conn.(driver.ConnPrepareContext).PrepareContext(ctx, query)
	if err != nil {
		return err
	}
	_, err = st.(driver.StmtExecContext).ExecContext(ctx, nil)
	return errors.Join(err, st.Close())
}

func (c *faultyConn) mustFail(ctx context.Context, query string) error {
	err := c.run(ctx, query)
	if err == nil {
		c.d.mu.Lock()
		defer c.d.mu.Unlock()
		c.d.sins = append(c.d.sins, "a fault that did not happen: "+query)
	}
	return err
}

// busyError is what SQLite says when two connections want to write: its errors
// cannot be made by hand.
func (d *faultyDriver) busyError() error {
	var conns [2]driver.Conn
	defer func() {
		for _, c := range conns {
			if c != nil {
				_ = c.Close()
			}
		}
	}()
	var err error
	for i := range conns {
		if conns[i], err = (&sqlite.Driver{}).Open("file:" + d.path + ".busy"); err != nil {
			return err
		}
		c := faultyConn{Conn: conns[i]}
		if err = c.run(context.Background(), `BEGIN IMMEDIATE`); err != nil {
			break
		}
	}
	var e *sqlite.Error
	if !errors.As(err, &e) || e.Code() != 5 {
		return fmt.Errorf("not SQLITE_BUSY: %w", err)
	}
	return err
}

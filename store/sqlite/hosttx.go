package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

// longTx is how long a transaction of the host, or a wait for the lock of the file, may
// last before it is logged.
const longTx = 100 * time.Millisecond

// sqlJoin describes the connection of a host's transaction. It is one statement because it
// runs in every transaction.
const sqlJoin = `SELECT d.file, synchronous, foreign_keys, secure_delete, trusted_schema, (` + sqlNeeds + `),
		(SELECT count(*) FROM temp.sqlite_schema WHERE name = 'rollbook_doom')
	FROM pragma_database_list d, pragma_synchronous, pragma_foreign_keys, pragma_secure_delete, pragma_trusted_schema
	WHERE d.name = 'main'`

const sqlFile = `SELECT file FROM pragma_database_list WHERE name = 'main'`

// sqlDoom makes a COMMIT fail, whatever is done after it: a deferred foreign key is
// violated. It is gone after the rollback.
const sqlDoom = `CREATE TEMP TABLE rollbook_doom (n INTEGER PRIMARY KEY,
		other INTEGER REFERENCES rollbook_doom (n) DEFERRABLE INITIALLY DEFERRED);
	INSERT INTO temp.rollbook_doom VALUES (1, 2)`

var errEnded = errors.New("SQLite has rolled the transaction back: an earlier statement failed")

var errDoomed = errors.New("an earlier call in the transaction failed")

// joined reads inside a host's transaction; see read.
func joined[T any](ctx context.Context, tx *Tx, f func(context.Context) (T, error)) (T, error) {
	var none T
	if err := tx.enter(ctx); err != nil {
		return none, err
	}
	defer tx.leave()
	result, err := f(context.WithoutCancel(ctx)) // an error would end the transaction
	switch {
	case err == nil:
		return result, nil
	case answered(err):
		return none, err
	}
	return none, tx.abort(err)
}

// write runs a task of the writer.
func (tx *Tx) write(ctx context.Context, t task) (store.Revision, error) {
	if err := tx.enter(ctx); err != nil {
		return 0, err
	}
	defer tx.leave()
	if tx.settings != nil {
		return 0, tx.settings
	}
	if err := tx.checkOpen(); err != nil {
		return 0, tx.abort(err)
	}
	w := newTransaction(statements{tx: tx}, newKnown())
	rev, refused, failed := t.run(w)
	if failed == nil && refused == nil {
		failed = w.finish() //nolint:contextcheck // its statements run on the context of tx
	}
	if failed != nil {
		return 0, tx.abort(failed)
	}
	return rev, refused
}

// leaveMark gives the database a new mark, once in a transaction, whichever Tx write in it, and
// returns ErrReplaced if the transaction is not of the file that the store reads. A pool of the
// host that is older than the store may have another file open, which was at the path before:
// what it commits is lost. The transaction has the lock to write. So, if the file is the same,
// the mark that the store reads is the one that the transaction began with.
func (tx *Tx) leaveMark() error {
	committed := tx.committed
	if committed == nil {
		ctx, cancel := context.WithTimeout(tx.ctx, tx.store.opts.LockTimeout) // a pool of the host may be used up
		defer cancel()
		if err := tx.store.reads.row(tx.store.reads.point(ctx), sqlReadMark, []any{&committed}); err != nil {
			return fmt.Errorf("cannot read beside the transaction: %w", err)
		}
	}
	result, err := tx.exec(sqlMarkOnce, committed)
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil {
		return err
	} else if n == 0 && tx.committed == nil { // another Tx was first, or it is another file
		var before []byte
		if err := tx.queryRow(sqlReadBefore, []any{&before}); err != nil {
			return err
		}
		if !bytes.Equal(before, committed) {
			return fmt.Errorf("%w in the host's pool, which must be opened again", ErrReplaced)
		}
	}
	tx.committed = committed
	return nil
}

// enter begins a call, which leave ends.
func (tx *Tx) enter(ctx context.Context) (err error) {
	tx.mu.Lock()
	defer func() {
		if err != nil {
			tx.mu.Unlock()
		}
	}()
	if tx.aborted != nil {
		return tx.aborted
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	// An interrupted statement would end the transaction. All are short.
	tx.ctx = context.WithoutCancel(ctx)
	if err := tx.store.usable(); err != nil {
		return tx.abort(err)
	}
	if err := tx.store.checkFiles(); err != nil {
		return tx.abort(err)
	}
	return tx.join()
}

func (tx *Tx) leave() {
	tx.ctx = nil
	took := time.Since(tx.since)
	if took > longTx && !tx.logged {
		tx.logged = true
		tx.store.opts.Logger.Warn("sqlite: a long transaction of the host may hold up all other writes", slog.Duration("for", took))
	}
	tx.mu.Unlock()
}

// join checks, in the first call, whether the store can work in the transaction.
func (tx *Tx) join() error {
	if tx.joined {
		return nil
	}
	var file string
	var synchronous, foreignKeys, secureDelete, trustedSchema, doomed int
	var version int64
	err := tx.queryRow(sqlJoin, []any{&file, &synchronous, &foreignKeys, &secureDelete, &trustedSchema, &version, &doomed})
	if primaryCode(err) == codeError { // no such table
		if e := tx.queryRow(sqlFile, []any{&file}); e == nil && !tx.store.files.is(file) {
			err = nil
		}
	}
	switch {
	case err != nil:
		return tx.abort(err)
	case !tx.store.files.is(file):
		return &store.InvalidError{Op: -1, What: "transaction", Why: "of another database than the store"}
	case doomed > 0:
		return tx.abort(errDoomed)
	}
	if err := tx.store.losing(checkVersion(version, tx.store.schema)); err != nil {
		return tx.abort(unavailable(err))
	}
	if foreignKeys != 1 {
		return errUnforced
	}
	tx.joined = true
	for _, setting := range []struct {
		name string
		ok   bool
		want string
	}{
		{"secure_delete", secureDelete == 1, "1"},
		{"synchronous", synchronous >= tx.store.opts.Sync.pragma(), tx.store.opts.Sync.String()},
		{"trusted_schema", trustedSchema == 0, "0"},
	} {
		if !setting.ok {
			tx.settings = wrongSetting(setting.name, setting.want)
			break
		}
	}
	return nil
}

func wrongSetting(name, want string) error {
	why := name + " of its connection is not " + want + ": open its pool by sqlite.DSN"
	return &store.InvalidError{Op: -1, What: "transaction", Why: why}
}

// errUnforced refuses every call, even one that reads: without foreign keys an error could not
// keep the host from committing.
var errUnforced = wrongSetting("foreign_keys", "1")

// checkOpen returns an error if the transaction is no longer open. An interrupted statement
// of the host, or an I/O error, ends it silently, and what runs next would be a transaction
// of its own. SQLite tells by refusing a second BEGIN, which changes nothing.
func (tx *Tx) checkOpen() error {
	_, err := tx.tx.ExecContext(tx.ctx, `BEGIN`)
	switch {
	case err == nil:
		return errEnded
	case primaryCode(err) == codeError:
		return nil
	}
	return err
}

// abort makes sure that the transaction can only be rolled back, and returns the error of
// this call and all later ones.
func (tx *Tx) abort(cause error) error {
	if tx.aborted != nil {
		return tx.aborted
	}
	var enforced bool
	unread := tx.tx.QueryRowContext(tx.ctx, `PRAGMA foreign_keys`).Scan(&enforced)
	if unread == nil && !enforced && !tx.joined {
		return errUnforced // the store has done nothing in the transaction
	}
	advice := ""
	if isBusy(cause) {
		advice = "a transaction that writes has to begin with BEGIN IMMEDIATE (_txlock=immediate): "
	}
	tx.aborted = fmt.Errorf("%w: sqlite: %s%w", store.ErrAborted, advice, cause)
	if errors.Is(cause, sql.ErrTxDone) || errors.Is(cause, errDoomed) {
		return tx.aborted
	}
	// Another transaction collects what the host runs until it rolls back. In this one, which
	// SQLite may have ended already, the host could roll back to a savepoint and commit the rest.
	if _, err := tx.tx.ExecContext(tx.ctx, `ROLLBACK; BEGIN`); err != nil {
		_, _ = tx.tx.ExecContext(tx.ctx, `BEGIN`) // refused if the transaction is still open
	}
	if _, err := tx.tx.ExecContext(tx.ctx, sqlDoom); err != nil || unread == nil && !enforced {
		_, _ = tx.tx.ExecContext(tx.ctx, sqlRollback)
	}
	return tx.aborted
}

// statement returns a prepared statement from the second use of a query on, else nil. Most
// transactions write one user, for which a statement would cost more than it spares.
func (tx *Tx) statement(query string) (*sql.Stmt, error) {
	st, again := tx.stmts[query]
	if !again {
		if tx.stmts == nil {
			tx.stmts = make(map[string]*sql.Stmt)
		}
		tx.stmts[query] = nil
	}
	if !again || st != nil {
		return st, nil
	}
	st, err := tx.tx.PrepareContext(tx.ctx, query) // which the end of the transaction closes
	tx.stmts[query] = st
	return st, err
}

func (tx *Tx) query(query string, args ...any) (*sql.Rows, error) {
	switch st, err := tx.statement(query); {
	case err != nil:
		return nil, err
	case st != nil:
		return st.QueryContext(tx.ctx, args...)
	}
	return tx.tx.QueryContext(tx.ctx, query, args...)
}

func (tx *Tx) queryRow(query string, dest []any, args ...any) error {
	switch st, err := tx.statement(query); {
	case err != nil:
		return err
	case st != nil:
		return st.QueryRowContext(tx.ctx, args...).Scan(dest...)
	}
	return tx.tx.QueryRowContext(tx.ctx, query, args...).Scan(dest...)
}

// bind returns the arguments of a statement. They are copied so that those of the writer,
// which take the same way, do not escape.
func (tx *Tx) bind(args []driver.Value) []any {
	tx.args = tx.args[:0]
	for _, v := range args {
		tx.args = append(tx.args, v)
	}
	return tx.args
}

func (tx *Tx) exec(query string, args ...driver.Value) (driver.Result, error) {
	switch st, err := tx.statement(query); {
	case err != nil:
		return nil, err
	case st != nil:
		return st.ExecContext(tx.ctx, tx.bind(args)...)
	}
	return tx.tx.ExecContext(tx.ctx, query, tx.bind(args)...)
}

// row is session.row.
func (tx *Tx) row(query string, dest []driver.Value, args ...driver.Value) (found bool, err error) {
	to := make([]any, len(dest))
	for i := range dest {
		to[i] = new(any)
	}
	err = tx.queryRow(query, to, tx.bind(args)...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	for i := range dest {
		dest[i] = *to[i].(*any)
	}
	return err == nil, err
}

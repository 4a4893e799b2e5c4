package sqlite_test

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"

	"github.com/rollbook-go/rollbook/internal/testing/hosttx"
	"github.com/rollbook-go/rollbook/internal/testing/size"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/sqlite"
)

// TestHostTransactions runs histories of a host's transactions that commit, roll back, fail
// half way or are killed. See package hosttx for what must hold.
func TestHostTransactions(t *testing.T) {
	t.Parallel()
	path := file(t)
	db := hostDatabase{open(t, path, nil), hostPool(t, path, "")}
	_, err := db.pool.ExecContext(t.Context(), `CREATE TABLE host (name TEXT PRIMARY KEY, value TEXT NOT NULL)`)
	must(t, err)
	hosttx.Run(t, db, rand.Uint64(), size.Pick(t, 60, 1000, 5000), func(job hosttx.Job) *exec.Cmd {
		cmd := self("host")
		cmd.Env = append(cmd.Env, pathVariable+"="+path, jobVariable+"="+job.String())
		return cmd
	})
	checkIndexes(t, path)
	checkFile(t, path)
}

const jobVariable = "ROLLBOOK_SQLITE_TEST_JOB"

// workAsHost is the process that is killed.
func workAsHost() error {
	path := os.Getenv(pathVariable)
	job, err := hosttx.ParseJob(os.Getenv(jobVariable))
	if err != nil {
		return err
	}
	st, err := sqlite.Open(context.Background(), path, &sqlite.Options{Sync: sqlite.Sync(job.First % 2)})
	if err != nil {
		return err
	}
	pool, err := openHostPool(path, "")
	if err != nil {
		return err
	}
	return hosttx.Work(context.Background(), hostDatabase{st, pool}, job, os.Stdout)
}

// hostDatabase is a file with a store and a table of the host.
type hostDatabase struct {
	store *sqlite.Store
	pool  *sql.DB
}

func (d hostDatabase) Store() store.Store { return d.store }

func (d hostDatabase) Begin(ctx context.Context) (hosttx.Tx, error) {
	tx, err := d.pool.BeginTx(ctx, nil)
	return hostTx{d.store, tx}, err
}

func (d hostDatabase) Rows(ctx context.Context) (map[string]string, error) {
	all := make(map[string]string)
	rows, err := d.pool.QueryContext(ctx, `SELECT name, value FROM host`)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // rows.Err reports failures
	for rows.Next() {
		var name, value string
		if err := rows.Scan(&name, &value); err != nil {
			return nil, err
		}
		all[name] = value
	}
	return all, rows.Err()
}

type hostTx struct {
	store *sqlite.Store
	tx    *sql.Tx
}

// Store returns another Tx each time: there may be several on one transaction.
func (h hostTx) Store() store.Store { return h.store.In(h.tx) }

func (h hostTx) Put(ctx context.Context, name, value string) error {
	_, err := h.tx.ExecContext(ctx, `INSERT OR REPLACE INTO host VALUES (?, ?)`, name, value)
	return err
}

func (h hostTx) Delete(ctx context.Context, name string) error {
	result, err := h.tx.ExecContext(ctx, `DELETE FROM host WHERE name = ?`, name)
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); n != 1 || err != nil {
		return fmt.Errorf("%d rows deleted: %w", n, err)
	}
	return nil
}

func (h hostTx) Fail(ctx context.Context) error {
	_, err := h.tx.ExecContext(ctx, `INSERT INTO host VALUES ('x', NULL)`)
	return err
}

func (h hostTx) Commit(context.Context) error   { return h.tx.Commit() }
func (h hostTx) Rollback(context.Context) error { return h.tx.Rollback() }

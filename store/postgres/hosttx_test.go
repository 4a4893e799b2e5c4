package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rollbook-go/rollbook/internal/testing/hosttx"
	"github.com/rollbook-go/rollbook/internal/testing/pgtest"
	"github.com/rollbook-go/rollbook/internal/testing/size"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/postgres"
)

const (
	roleVariable   = "ROLLBOOK_POSTGRES_TEST_ROLE"
	dsnVariable    = "ROLLBOOK_POSTGRES_TEST_DSN"
	schemaVariable = "ROLLBOOK_POSTGRES_TEST_SCHEMA"
	jobVariable    = "ROLLBOOK_POSTGRES_TEST_JOB"
)

// roles are what the test binary does when it starts itself again, to be killed.
var roles = map[string]func() error{"host": workAsHost}

// self returns a command that runs the test binary in a role.
func (h home) self(role string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), roleVariable+"="+role, dsnVariable+"="+h.dsn, schemaVariable+"="+h.schema)
	cmd.Stderr = os.Stderr
	return cmd
}

// TestHostTransactions runs histories of a host's transactions that commit, roll back, fail
// half way or are killed. See package hosttx for what must hold.
func TestHostTransactions(t *testing.T) {
	hostTransactions(t, newHome(t), size.Pick(t, 60, 1000, 5000))
}

func TestHostTransactionsBouncer(t *testing.T) {
	size.Need(t, size.Long)
	pgtest.Require(t)
	hostTransactions(t, newHome(t).through(pgtest.Shared(t).Bouncer(t, 4)), size.Pick(t, 0, 200, 1000))
}

func hostTransactions(t *testing.T, h home, histories int) {
	t.Helper()
	db := hostDatabase{h, h.open(t, nil), h.pool(t)}
	_, err := h.admin.Exec(t.Context(), h.in(`CREATE TABLE rollbook.host (name text PRIMARY KEY, value text NOT NULL)`))
	must(t, err)
	hosttx.Run(t, db, rand.Uint64(), histories, func(job hosttx.Job) *exec.Cmd {
		cmd := h.self("host")
		cmd.Env = append(cmd.Env, jobVariable+"="+job.String())
		return cmd
	})
	must(t, h.inconsistencies())
}

// workAsHost is the process that is killed. Its transactions and its store share a pool.
func workAsHost() error {
	ctx := context.Background()
	h := home{dsn: os.Getenv(dsnVariable), schema: os.Getenv(schemaVariable)}
	job, err := hosttx.ParseJob(os.Getenv(jobVariable))
	if err != nil {
		return err
	}
	pool, err := pgxpool.New(ctx, h.dsn+"&application_name="+hostName)
	if err != nil {
		return err
	}
	s, err := postgres.New(ctx, pool, &postgres.Options{Schema: h.schema})
	if err != nil {
		return err
	}
	return hosttx.Work(ctx, hostDatabase{h, s, pool}, job, os.Stdout)
}

// hostDatabase is a home with a table of the host.
type hostDatabase struct {
	home  home
	store *postgres.Store
	pool  *pgxpool.Pool
}

func (d hostDatabase) Store() store.Store { return d.store }

func (d hostDatabase) Begin(ctx context.Context) (hosttx.Tx, error) {
	tx, err := d.pool.Begin(ctx)
	return hostTx{d, tx}, err
}

// hostName is what the processes that are killed call themselves.
const hostName = "rollbook-test-host"

// Rows waits until no transaction of a process that was killed is under way: its COMMIT may be.
func (d hostDatabase) Rows(ctx context.Context) (map[string]string, error) {
	for under := 1; under > 0; {
		if err := d.home.admin.QueryRow(ctx, `SELECT count(*) FROM pg_stat_activity
			WHERE application_name = $1 AND state <> 'idle'`, hostName).Scan(&under); err != nil {
			return nil, err
		}
	}
	rows, err := d.pool.Query(ctx, d.home.in(`SELECT name, value FROM rollbook.host`))
	if err != nil {
		return nil, err
	}
	all := make(map[string]string)
	var name, value string
	_, err = pgx.ForEachRow(rows, []any{&name, &value}, func() error {
		all[name] = value
		return nil
	})
	return all, err
}

type hostTx struct {
	db hostDatabase
	tx pgx.Tx
}

// Store returns another Tx each time: there may be several on one transaction.
func (h hostTx) Store() store.Store { return h.db.store.In(h.tx) }

func (h hostTx) exec(ctx context.Context, statement string, args ...any) (int64, error) {
	tag, err := h.tx.Exec(ctx, h.db.home.in(statement), args...)
	if e, ok := errors.AsType[*pgconn.PgError](err); ok && e.Code == deadlock {
		err = fmt.Errorf("%w: %w", hosttx.ErrVictim, err)
	}
	return tag.RowsAffected(), err
}

// deadlock is PostgreSQL's code of a deadlock.
const deadlock = "40P01"

func (h hostTx) Put(ctx context.Context, name, value string) error {
	_, err := h.exec(ctx, `INSERT INTO rollbook.host VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = $2`, name, value)
	return err
}

func (h hostTx) Delete(ctx context.Context, name string) error {
	n, err := h.exec(ctx, `DELETE FROM rollbook.host WHERE name = $1`, name)
	if err == nil && n != 1 {
		err = fmt.Errorf("%d rows deleted", n)
	}
	return err
}

func (h hostTx) Fail(ctx context.Context) error {
	_, err := h.exec(ctx, `INSERT INTO rollbook.host VALUES ('x', NULL)`)
	return err
}

func (h hostTx) Commit(ctx context.Context) error   { return h.tx.Commit(ctx) }
func (h hostTx) Rollback(ctx context.Context) error { return h.tx.Rollback(ctx) }

package delivery

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"testing"

	goredis "github.com/redis/go-redis/v9"

	"github.com/rollbook-go/rollbook/internal/testing/redistest"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
	redisstore "github.com/rollbook-go/rollbook/store/redis"
	"github.com/rollbook-go/rollbook/store/sqlite"
)

// kind is a kind of store that several processes can open.
type kind struct {
	name  string
	setup func(*testing.T) (address string) // makes an empty one
	open  func(ctx context.Context, address string) (*place, error)
}

// place is a store, as one process has it.
type place struct {
	store store.Store
	begin func(context.Context) (*hostTx, error) // nil: the host has no transactions in it
	close func() error
}

// hostTx is a transaction of the host.
type hostTx struct {
	store            store.Store // inside
	commit, rollback func(context.Context) error
}

// kinds are those on which the tests run.
func kinds() []kind {
	if k := others(); len(k) > 0 {
		return k
	}
	return []kind{inSQLite(), {"redis", setupRedis, openRedis}}
}

func inSQLite() kind {
	return kind{"sqlite", func(t *testing.T) string { t.Helper(); return filepath.Join(t.TempDir(), "users.db") }, openSQLite}
}

// each runs a test on every kind of store.
func each(t *testing.T, test func(*testing.T, kind)) {
	t.Helper()
	for _, k := range kinds() {
		t.Run(k.name, func(t *testing.T) { test(t, k) })
	}
}

func openSQLite(ctx context.Context, path string) (*place, error) {
	st, err := sqlite.Open(ctx, path, &sqlite.Options{Sync: sqlite.Normal}) // a kill must not matter
	if err != nil {
		return nil, err
	}
	dsn, err := sqlite.DSN(path, nil)
	if err != nil {
		return nil, err
	}
	pool, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, err
	}
	return &place{
		store: st,
		begin: func(ctx context.Context) (*hostTx, error) {
			tx, err := pool.BeginTx(ctx, nil)
			if err != nil {
				return nil, err
			}
			return &hostTx{
				st.In(tx),
				func(context.Context) error { return tx.Commit() },
				func(context.Context) error { return tx.Rollback() },
			}, nil
		},
		close: func() error { return errors.Join(pool.Close(), st.Close()) },
	}, nil
}

// setupRedis starts a server that keeps what it has acknowledged.
func setupRedis(t *testing.T) string {
	t.Helper()
	redistest.Require(t)
	return redistest.Server(t, "--appendonly", "yes", "--appendfsync", "always").Addr
}

func openRedis(_ context.Context, addr string) (*place, error) {
	client := redisstore.NewClient(&goredis.UniversalOptions{Addrs: []string{addr}})
	st, err := redisstore.New(client, nil)
	if err != nil {
		return nil, errors.Join(err, client.Close())
	}
	return &place{store: st, close: client.Close}, nil
}

// inMemory is a store that only this process has.
func inMemory() kind {
	st := memory.New(nil)
	return kind{
		"memory",
		func(*testing.T) string { return "" },
		func(context.Context, string) (*place, error) {
			return &place{store: st, close: func() error { return nil }}, nil
		},
	}
}

package bench_test

import (
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	goredis "github.com/redis/go-redis/v9"

	"github.com/rollbook-go/rollbook/internal/testing/pgtest"
	"github.com/rollbook-go/rollbook/internal/testing/redistest"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/postgres"
	"github.com/rollbook-go/rollbook/store/redis"
	"github.com/rollbook-go/rollbook/store/sqlite"
)

// openSQLite opens a new file with synchronous=FULL.
func openSQLite(b *testing.B) store.Store {
	b.Helper()
	st, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "users.db"), nil)
	return opened(b, st, err)
}

// openRedis starts a server that keeps nothing on disk.
func openRedis(b *testing.B) store.Store {
	b.Helper()
	client := redis.NewClient(&goredis.UniversalOptions{Addrs: []string{redistest.Server(b).Addr}})
	b.Cleanup(func() { _ = client.Close() })
	st, err := redis.New(client, nil)
	if err != nil {
		b.Fatal(err)
	}
	return st
}

// openPostgres opens a store on a new database.
func openPostgres(b *testing.B) store.Store {
	b.Helper()
	st, err := postgres.New(b.Context(), newPool(b), nil)
	return opened(b, st, err)
}

// newPool returns 16 connections to a new database, on a server with fsync on.
func newPool(b *testing.B) *pgxpool.Pool {
	b.Helper()
	config, err := pgxpool.ParseConfig(pgtest.Database(b))
	if err != nil {
		b.Fatal(err)
	}
	config.MaxConns = 16
	pool, err := pgxpool.NewWithConfig(b.Context(), config)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(pool.Close)
	return pool
}

// closer is a store that is closed at the end.
type closer interface {
	store.Store
	Close() error
}

func opened(b *testing.B, st closer, err error) store.Store {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = st.Close() })
	return st
}

// Package backends opens empty stores of every kind, for tests that must hold on all of them.
// A store is closed at the end of the test that opens it.
package backends

import (
	"context"
	"crypto/rand"
	"path/filepath"
	"testing"

	"github.com/alicebob/miniredis/v2"
	goredis "github.com/redis/go-redis/v9"

	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
	redisstore "github.com/rollbook-go/rollbook/store/redis"
	sqlitestore "github.com/rollbook-go/rollbook/store/sqlite"
	"github.com/rollbook-go/rollbook/store/storetest"
)

// Memory returns a store in memory.
func Memory(testing.TB) store.Store { return memory.New(nil) }

// Stingy returns a store that returns as little at a time as the contract allows.
func Stingy(testing.TB) store.Store { return storetest.Stingy(memory.New(nil)) }

// SQLite returns a store in a file of its own.
func SQLite(tb testing.TB) store.Store {
	tb.Helper()
	return OpenSQLite(tb, filepath.Join(tb.TempDir(), "users.db"))
}

// OpenSQLite opens the store in a file. It does not wait for the disk: what survives a power
// cut is tested in the store's own package.
func OpenSQLite(tb testing.TB, path string) *sqlitestore.Store {
	tb.Helper()
	st, err := sqlitestore.Open(context.Background(), path, &sqlitestore.Options{Sync: sqlitestore.Normal})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := st.Close(); err != nil {
			tb.Error(err)
		}
	})
	return st
}

// Miniredis returns a store on a Redis server inside this process.
func Miniredis(tb testing.TB) store.Store {
	tb.Helper()
	return OpenRedis(tb, miniredis.RunT(tb).Addr(), redisstore.DefaultPrefix)
}

// Redis returns a store on a Redis server that others may use, too, under a prefix of its
// own.
func Redis(tb testing.TB, addr string) store.Store {
	tb.Helper()
	return OpenRedis(tb, addr, "test-"+rand.Text()+":")
}

// OpenRedis opens the store on a Redis server under a prefix.
func OpenRedis(tb testing.TB, addr, prefix string) *redisstore.Store {
	tb.Helper()
	client := redisstore.NewClient(&goredis.UniversalOptions{Addrs: []string{addr}})
	tb.Cleanup(func() {
		if err := client.Close(); err != nil {
			tb.Error(err)
		}
	})
	st, err := redisstore.New(client, &redisstore.Options{Prefix: prefix})
	if err != nil {
		tb.Fatal(err)
	}
	return st
}

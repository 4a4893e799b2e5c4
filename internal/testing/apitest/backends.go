package apitest

import (
	"context"
	"crypto/rand"
	"path/filepath"
	"testing"

	"github.com/alicebob/miniredis/v2"
	goredis "github.com/redis/go-redis/v9"

	"github.com/rollbook-go/rollbook/internal/testing/redistest"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
	redisstore "github.com/rollbook-go/rollbook/store/redis"
	sqlitestore "github.com/rollbook-go/rollbook/store/sqlite"
	"github.com/rollbook-go/rollbook/store/storetest"
)

// Backends runs a test on every backend. Open returns an empty store, which is closed at the
// end of the test that it is given. The stores on real Redis share one server.
func Backends(t *testing.T, test func(t *testing.T, open func(testing.TB) store.Store)) {
	t.Helper()
	t.Run("memory", func(t *testing.T) {
		test(t, func(testing.TB) store.Store { return memory.New(nil) })
	})
	t.Run("stingy", func(t *testing.T) { test(t, stingy) })
	t.Run("sqlite", func(t *testing.T) { test(t, SQLite) })
	t.Run("miniredis", func(t *testing.T) {
		test(t, onRedis(miniredis.RunT(t).Addr()))
	})
	t.Run("redis", func(t *testing.T) {
		test(t, onRedis(redistest.Server(t).Addr))
	})
}

// embedded opens an empty store of each kind that needs no server.
var embedded = map[string]func(testing.TB) store.Store{
	"memory": func(testing.TB) store.Store { return memory.New(nil) },
	"stingy": stingy,
	"sqlite": SQLite,
}

// Embedded runs a test in parallel over an empty store of each kind that needs no server.
func Embedded(t *testing.T, test func(t *testing.T, st store.Store)) {
	t.Helper()
	for name, open := range embedded {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

// stingy returns an empty store that returns as little at a time as the contract allows.
func stingy(testing.TB) store.Store { return storetest.Stingy(memory.New(nil)) }

// SQLite returns an empty store in a file.
func SQLite(tb testing.TB) store.Store {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "users.db")
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

// onRedis returns a function that opens stores on one server, each with its own prefix.
func onRedis(addr string) func(testing.TB) store.Store {
	return func(tb testing.TB) store.Store {
		tb.Helper()
		client := redisstore.NewClient(&goredis.UniversalOptions{Addrs: []string{addr}})
		tb.Cleanup(func() {
			if err := client.Close(); err != nil {
				tb.Error(err)
			}
		})
		st, err := redisstore.New(client, &redisstore.Options{Prefix: "golden-" + rand.Text() + ":"})
		if err != nil {
			tb.Fatal(err)
		}
		return st
	}
}

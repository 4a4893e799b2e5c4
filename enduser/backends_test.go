package enduser_test

import (
	"context"
	"crypto/rand"
	"os"
	"path/filepath"
	"sync"
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

// shared is the Redis server of this test binary. The first test that needs it
// starts it; each test has a prefix of its own.
var shared struct {
	sync.Mutex
	server *redistest.Process
}

func TestMain(m *testing.M) {
	code := m.Run()
	shared.Lock()
	defer shared.Unlock()
	if shared.server != nil {
		shared.server.Close()
	}
	os.Exit(code)
}

// backend is a kind of store; open returns an empty one that ends with the test.
type backend struct {
	name string
	open func(testing.TB) store.Store
}

func backends() []backend {
	return []backend{
		{"memory", onMemory},
		{"sqlite", onSQLite},
		{"miniredis", onMiniredis},
		{"redis", onRedis},
		{"stingy", func(testing.TB) store.Store { return storetest.Stingy(memory.New(nil)) }},
	}
}

// each runs a test on every backend.
func each(t *testing.T, test func(t *testing.T, st store.Store)) {
	t.Helper()
	for _, b := range backends() {
		t.Run(b.name, func(t *testing.T) { test(t, b.open(t)) })
	}
}

func onMemory(testing.TB) store.Store { return memory.New(nil) }

func onSQLite(tb testing.TB) store.Store {
	tb.Helper()
	return openSQLite(tb, filepath.Join(tb.TempDir(), "users.db"))
}

// openSQLite does not wait for the disk: what survives a power cut is tested in
// the store's own package.
func openSQLite(tb testing.TB, path string) *sqlitestore.Store {
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

func onMiniredis(tb testing.TB) store.Store {
	tb.Helper()
	return openRedis(tb, miniredis.RunT(tb).Addr(), redisstore.DefaultPrefix)
}

func onRedis(tb testing.TB) store.Store {
	tb.Helper()
	return openRedis(tb, redisServer(tb), "test-"+rand.Text()+":")
}

// redisServer returns the address of the shared server.
func redisServer(tb testing.TB) string {
	tb.Helper()
	redistest.Require(tb)
	shared.Lock()
	defer shared.Unlock()
	if shared.server == nil {
		p, err := redistest.Start()
		if err != nil {
			tb.Fatal(err)
		}
		shared.server = p
	}
	return shared.server.Addr
}

func openRedis(tb testing.TB, addr, prefix string) *redisstore.Store {
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

// Package apitest replays recorded exchanges of HTTP against the families of routes,
// on every backend. Tests alone use it.
package apitest

import (
	"context"
	"crypto/rand"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	goredis "github.com/redis/go-redis/v9"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/internal/testing/redistest"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
	redisstore "github.com/rollbook-go/rollbook/store/redis"
	sqlitestore "github.com/rollbook-go/rollbook/store/sqlite"
	"github.com/rollbook-go/rollbook/store/storetest"
)

// The credentials of a World.
const (
	Acme    = "acme-key-0001"
	Other   = "other-key-0001"   // another tenant
	Testing = "testing-key-0001" // acme's other environment
	Reader  = "reader-key-0001"  // acme's, ReadOnly
)

// Clock stands still until it is told to advance.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// Now returns the time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock on.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// World is what a handler is made from.
type World struct {
	Store store.Store
	Clock *Clock
	Users *enduser.Manager // on the Store and the Clock, with a Keyring
	Auth  httpapi.Authenticator
}

// NewWorld returns a World on a store, at a fixed time.
func NewWorld(tb testing.TB, st store.Store) *World {
	tb.Helper()
	tokens, err := httpapi.NewTokens(map[string]httpapi.Principal{
		Acme:    {Tenant: "acme", Actor: "crm"},
		Other:   {Tenant: "other", Actor: "crm"},
		Testing: {Tenant: "acme", Environment: enduser.Testing, Actor: "crm"},
		Reader:  {Tenant: "acme", Actor: "reader", ReadOnly: true},
	})
	if err != nil {
		tb.Fatal(err)
	}
	var secret [32]byte
	_, _ = rand.Read(secret[:]) // never fails: crypto/rand
	key, err := enduser.NewKey("k1", secret)
	if err != nil {
		tb.Fatal(err)
	}
	clock := &Clock{now: time.Date(2026, 1, 28, 10, 43, 43, 0, time.UTC)}
	users := enduser.New(st, &enduser.Options{Now: clock.Now, Keyring: enduser.NewKeyring(key)})
	return &World{Store: st, Clock: clock, Users: users, Auth: tokens.Authenticate}
}

// Handler makes the handler that is tested.
type Handler func(tb testing.TB, w *World) http.Handler

// Backends runs a test on every backend. Open returns an empty store, which ends
// with the test that it is given; the real Redis is one server for all of them.
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

// stingy returns an empty store that gives as little at a time as it may.
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

// onRedis returns how to open stores on one server, each with a prefix of its own.
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

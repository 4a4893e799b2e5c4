package apitest

import (
	"testing"

	"github.com/alicebob/miniredis/v2"

	"github.com/rollbook-go/rollbook/internal/testing/backends"
	"github.com/rollbook-go/rollbook/internal/testing/redistest"
	"github.com/rollbook-go/rollbook/store"
)

// Backends runs a test on every backend. Open returns an empty store, which is closed at the
// end of the test that it is given. The stores on real Redis share one server.
func Backends(t *testing.T, test func(t *testing.T, open func(testing.TB) store.Store)) {
	t.Helper()
	if others := backends.Others(); len(others) > 0 {
		for _, b := range others {
			t.Run(b.Name, func(t *testing.T) { test(t, b.Open) })
		}
		return
	}
	t.Run("memory", func(t *testing.T) { test(t, backends.Memory) })
	t.Run("stingy", func(t *testing.T) { test(t, backends.Stingy) })
	t.Run("sqlite", func(t *testing.T) { test(t, backends.SQLite) })
	t.Run("miniredis", func(t *testing.T) { test(t, onRedis(miniredis.RunT(t).Addr())) })
	t.Run("redis", func(t *testing.T) { test(t, onRedis(redistest.Server(t).Addr)) })
}

// embedded are the kinds of stores that need no server.
func embedded() []backends.Kind {
	if others := backends.Others(); len(others) > 0 {
		return others
	}
	return []backends.Kind{
		{Name: "memory", Open: backends.Memory},
		{Name: "stingy", Open: backends.Stingy},
		{Name: "sqlite", Open: backends.SQLite},
	}
}

// Embedded runs a test in parallel over an empty store of each kind that needs no server.
func Embedded(t *testing.T, test func(t *testing.T, st store.Store)) {
	t.Helper()
	for _, b := range embedded() {
		t.Run(b.Name, func(t *testing.T) {
			t.Parallel()
			test(t, b.Open(t))
		})
	}
}

// onRedis returns a function that opens stores on one server, each with its own prefix.
func onRedis(addr string) func(testing.TB) store.Store {
	return func(tb testing.TB) store.Store {
		tb.Helper()
		return backends.Redis(tb, addr)
	}
}

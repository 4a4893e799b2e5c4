package enduser_test

import (
	"os"
	"sync"
	"testing"

	"github.com/rollbook-go/rollbook/internal/testing/backends"
	"github.com/rollbook-go/rollbook/internal/testing/redistest"
	"github.com/rollbook-go/rollbook/store"
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

func allBackends() (all []backend) {
	for _, other := range backends.Others() {
		all = append(all, backend{other.Name, other.Open})
	}
	if len(all) > 0 {
		return all
	}
	return []backend{
		{"memory", backends.Memory},
		{"sqlite", backends.SQLite},
		{"miniredis", backends.Miniredis},
		{"redis", onRedis},
		{"stingy", backends.Stingy},
	}
}

// each runs a test on every backend.
func each(t *testing.T, test func(t *testing.T, st store.Store)) {
	t.Helper()
	for _, b := range allBackends() {
		t.Run(b.name, func(t *testing.T) { test(t, b.open(t)) })
	}
}

func onRedis(tb testing.TB) store.Store {
	tb.Helper()
	return backends.Redis(tb, redisServer(tb))
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

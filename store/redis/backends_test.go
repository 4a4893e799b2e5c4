package redis_test

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"sync"
	"testing"

	"github.com/alicebob/miniredis/v2"
	goredis "github.com/redis/go-redis/v9"

	"github.com/rollbook-go/rollbook/internal/testing/redistest"
	"github.com/rollbook-go/rollbook/store"
	redisstore "github.com/rollbook-go/rollbook/store/redis"
	"github.com/rollbook-go/rollbook/store/storetest"
)

// The real server and the Cluster are started by the first test that needs them
// and shared by all that do not break them: each test, and each place of a test,
// has a prefix of its own.
var shared struct {
	mu      sync.Mutex
	server  *redistest.Process
	cluster *redistest.Group
}

func TestMain(m *testing.M) {
	code := m.Run()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.server != nil {
		shared.server.Close()
	}
	if shared.cluster != nil {
		shared.cluster.Close()
	}
	os.Exit(code)
}

// backend is something to run a store on.
type backend struct {
	name string
	real bool
	dial func() goredis.UniversalClient
}

func onMini(tb testing.TB) backend {
	tb.Helper()
	m := miniredis.RunT(tb)
	return backend{name: "miniredis", dial: func() goredis.UniversalClient {
		return redisstore.NewClient(&goredis.UniversalOptions{Addrs: []string{m.Addr()}})
	}}
}

func onServer(tb testing.TB) backend {
	tb.Helper()
	redistest.Require(tb)
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.server == nil {
		p, err := redistest.Start("--appendonly", "yes", "--appendfsync", "everysec")
		if err != nil {
			tb.Fatal(err)
		}
		shared.server = p
	}
	return on(shared.server)
}

func on(p *redistest.Process) backend {
	return backend{name: "server", real: true, dial: func() goredis.UniversalClient {
		return redisstore.NewClient(&goredis.UniversalOptions{Addrs: []string{p.Addr}})
	}}
}

func onCluster(tb testing.TB) backend {
	tb.Helper()
	redistest.Require(tb)
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.cluster == nil {
		g, err := redistest.StartCluster()
		if err != nil {
			tb.Fatal(err)
		}
		shared.cluster = g
	}
	return onGroup(shared.cluster)
}

func onGroup(g *redistest.Group) backend {
	return backend{name: "cluster", real: true, dial: func() goredis.UniversalClient {
		return redisstore.NewClient(&goredis.UniversalOptions{Addrs: g.Addrs()})
	}}
}

// everywhere runs a test on each backend.
func everywhere(t *testing.T, test func(t *testing.T, b backend)) {
	t.Helper()
	for name, start := range map[string]func(testing.TB) backend{
		"miniredis": onMini, "server": onServer, "cluster": onCluster,
	} {
		t.Run(name, func(t *testing.T) { test(t, start(t)) })
	}
}

// client dials a client that is closed with the test.
func (b backend) client(tb testing.TB) goredis.UniversalClient {
	tb.Helper()
	c := b.dial()
	tb.Cleanup(func() { _ = c.Close() })
	return c
}

// open makes a store on a client of its own.
func (b backend) open(tb testing.TB, opts *redisstore.Options) *redisstore.Store {
	tb.Helper()
	st, err := redisstore.New(b.client(tb), opts)
	if err != nil {
		tb.Fatal(err)
	}
	return st
}

// fresh opens a store with a prefix of its own and checks all its data at the end
// of the test.
func (b backend) fresh(tb testing.TB) *redisstore.Store {
	tb.Helper()
	prefix := newPrefix()
	tb.Cleanup(func() { b.check(tb, prefix) })
	return b.open(tb, &redisstore.Options{Prefix: prefix})
}

// check compares what is derived with the records.
func (b backend) check(tb testing.TB, prefix string) {
	tb.Helper()
	c := b.dial()
	defer func() { _ = c.Close() }()
	if err := redisstore.Inconsistencies(context.Background(), c, prefix); err != nil {
		tb.Error(err)
	}
}

// withoutScrub is a store where Scrub is of no use or not permitted.
type withoutScrub struct {
	store.Store
	store.Counter
	storetest.Damager
}

func newPrefix() string { return "test-" + rand.Text() + ":" }

// place is for the conformance kit: a prefix of its own, a client for each handle.
func (b backend) place() (storetest.Place, error) {
	prefix := newPrefix()
	var clients []goredis.UniversalClient
	return storetest.Place{
		Open: func() (store.Store, error) {
			c := b.dial()
			clients = append(clients, c)
			st, err := redisstore.New(c, &redisstore.Options{Prefix: prefix})
			if err != nil || b.real {
				return st, err
			}
			return withoutScrub{st, st, st}, nil // miniredis has no files
		},
		Close: func() error {
			c := b.dial()
			clients = append(clients, c)
			errs := []error{redisstore.Inconsistencies(context.Background(), c, prefix)}
			for _, c := range clients {
				errs = append(errs, c.Close())
			}
			return errors.Join(errs...)
		},
	}, nil
}

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
	"github.com/rollbook-go/rollbook/internal/testing/size"
	"github.com/rollbook-go/rollbook/store"
	redisstore "github.com/rollbook-go/rollbook/store/redis"
	"github.com/rollbook-go/rollbook/store/storetest"
)

// The first test that needs the real server or the Cluster starts it. All tests that do
// not break it share it: each test, and each place of a test, has a prefix of its own.
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

// backend is something to run a store on. On the shared ones tests connect as a user who
// has the rights that the package comment lists, and no others.
type backend struct {
	name  string
	addrs []string
	user  string // "": the default user, who may do everything
}

func onMini(tb testing.TB) backend {
	tb.Helper()
	return backend{name: "miniredis", addrs: []string{miniredis.RunT(tb).Addr()}}
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
		p.Do(tb, publishedACL(tb)...)
	}
	return on(shared.server).as("rollbook")
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
		for _, n := range g.Nodes {
			n.Do(tb, publishedACL(tb)...)
		}
	}
	return onGroup(shared.cluster).as("rollbook")
}

func on(p *redistest.Process) backend { return backend{name: "server", addrs: []string{p.Addr}} }

func onGroup(g *redistest.Group) backend { return backend{name: "cluster", addrs: g.Addrs()} }

// as returns the backend as another user, whose password is "password", sees it.
func (b backend) as(user string) backend {
	b.user = user
	return b
}

// everywhere runs a test on each backend. A quick run takes the real server, or miniredis
// on a machine that has no redis-server.
func everywhere(t *testing.T, test func(t *testing.T, b backend)) {
	t.Helper()
	for _, b := range []struct {
		name  string
		start func(testing.TB) backend
		quick bool
	}{
		{"miniredis", onMini, !redistest.Installed()},
		{"server", onServer, true},
		{"cluster", onCluster, false},
	} {
		t.Run(b.name, func(t *testing.T) {
			if !b.quick {
				size.Need(t, size.Long)
			}
			test(t, b.start(t))
		})
	}
}

// options completes the options of a client of the backend.
func (b backend) options(o goredis.UniversalOptions) *goredis.UniversalOptions {
	o.Addrs = b.addrs
	if b.user != "" {
		o.Username, o.Password = b.user, "password"
	}
	return &o
}

func (b backend) dial() goredis.UniversalClient {
	return redisstore.NewClient(b.options(goredis.UniversalOptions{}))
}

// client dials a client that is closed with the test.
func (b backend) client(tb testing.TB) goredis.UniversalClient {
	tb.Helper()
	return b.clientWith(tb, goredis.UniversalOptions{})
}

func (b backend) clientWith(tb testing.TB, o goredis.UniversalOptions) goredis.UniversalClient {
	tb.Helper()
	c := redisstore.NewClient(b.options(o))
	tb.Cleanup(func() { _ = c.Close() })
	return c
}

func newStore(tb testing.TB, c goredis.UniversalClient, opts *redisstore.Options) *redisstore.Store {
	tb.Helper()
	st, err := redisstore.New(c, opts)
	if err != nil {
		tb.Fatal(err)
	}
	return st
}

// open makes a store on a client of its own.
func (b backend) open(tb testing.TB, opts *redisstore.Options) *redisstore.Store {
	tb.Helper()
	return newStore(tb, b.client(tb), opts)
}

// prefix returns a prefix of the test's own. When the test ends, all data with the prefix
// is checked and removed.
func (b backend) prefix(tb testing.TB) string {
	tb.Helper()
	prefix := newPrefix()
	tb.Cleanup(func() { b.check(tb, prefix) })
	return prefix
}

// check compares everything that is derived with the records, and removes all.
func (b backend) check(tb testing.TB, prefix string) {
	tb.Helper()
	if err := b.clear(prefix); err != nil {
		tb.Error(err)
	}
}

func (b backend) clear(prefix string) error {
	c := b.as("").dial()
	return errors.Join(redisstore.Inconsistencies(context.Background(), c, prefix), c.Close())
}

// newPrefix returns a prefix that the published rights cover.
func newPrefix() string { return redisstore.DefaultPrefix + "test-" + rand.Text() + ":" }

// place is for the conformance kit: a prefix of its own, a client for each handle.
func (b backend) place() (storetest.Place, error) {
	prefix := newPrefix()
	var clients []goredis.UniversalClient
	open := func(b backend) (*redisstore.Store, error) {
		c := b.dial()
		clients = append(clients, c)
		return redisstore.New(c, &redisstore.Options{Prefix: prefix})
	}
	return storetest.Place{
		Open: func() (store.Store, error) {
			st, err := open(b)
			if err != nil {
				return nil, err
			}
			limited := withoutScrub{st, st, st, st, st, st, st}
			if b.name == "miniredis" { // which has no files
				return withVerify{limited, st, st}, nil
			}
			admin, err := open(b.as("")) // Scrub and Verify need more rights
			return withScrub{withVerify{limited, admin, admin}, admin}, err
		},
		Close: func() error {
			all, err := open(b.as(""))
			errs := []error{err}
			if err == nil {
				errs = append(errs, all.MendCorrupted(context.Background()), b.clear(prefix))
			}
			for _, c := range clients {
				errs = append(errs, c.Close())
			}
			return errors.Join(errs...)
		},
	}, nil
}

type withoutScrub struct {
	store.Store
	store.Counter
	store.Confirmer
	store.Importer
	store.Dropper
	store.KindLister
	storetest.Damager
}

type withVerify struct {
	withoutScrub
	store.Verifier
	storetest.Corrupter
}

type withScrub struct {
	withVerify
	store.Scrubber
}

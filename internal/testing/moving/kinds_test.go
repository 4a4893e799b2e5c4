package moving

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	goredis "github.com/redis/go-redis/v9"

	"github.com/rollbook-go/rollbook/internal/testing/redistest"
	"github.com/rollbook-go/rollbook/store"
	redisstore "github.com/rollbook-go/rollbook/store/redis"
	"github.com/rollbook-go/rollbook/store/sqlite"
)

// kind is a kind of store that several processes can open.
type kind struct {
	name  string
	setup func(*testing.T) (address string) // makes an empty one
	open  func(ctx context.Context, address string) (st store.Store, end func() error, err error)
}

// way is which stores the tenants go through, from one in memory.
func way() []kind {
	file := kind{"sqlite", func(t *testing.T) string { t.Helper(); return filepath.Join(t.TempDir(), "users.db") }, openSQLite}
	return append(append([]kind{file, {"cluster", setupCluster, openCluster}}, others()...), file)
}

func openSQLite(ctx context.Context, path string) (store.Store, func() error, error) {
	st, err := sqlite.Open(ctx, path, &sqlite.Options{Sync: sqlite.Normal}) // a kill must not matter
	if err != nil {
		return nil, nil, err
	}
	return st, st.Close, nil
}

func setupCluster(t *testing.T) string {
	t.Helper()
	return strings.Join(redistest.Cluster(t).Addrs(), " ")
}

func openCluster(_ context.Context, addrs string) (store.Store, func() error, error) {
	client := redisstore.NewClient(&goredis.UniversalOptions{Addrs: strings.Fields(addrs)})
	st, err := redisstore.New(client, nil)
	if err != nil {
		return nil, nil, errors.Join(err, client.Close())
	}
	return st, client.Close, nil
}

// place is a store that a test has set up.
type place struct {
	Kind, Address string
}

func (p place) open(ctx context.Context) (store.Store, func() error, error) {
	for _, k := range way() {
		if k.name == p.Kind {
			return k.open(ctx, p.Address)
		}
	}
	return nil, nil, errors.New("no such kind: " + p.Kind)
}

// opened opens the store of a place until the end of the test.
func (p place) opened(t *testing.T) (st store.Store, end func()) {
	t.Helper()
	st, closeIt, err := p.open(t.Context())
	must(t, err)
	return st, func() { must(t, closeIt()) }
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

package main

import (
	"crypto/rand"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/rollbook-go/rollbook/internal/testing/pgtest"
	"github.com/rollbook-go/rollbook/internal/testing/redistest"
)

// stores are the persistent backends, as values of -store.
func stores() []namedStore {
	return []namedStore{
		{"sqlite", func(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "users.db") }},
		{"redis", func(t *testing.T) string { return "redis://" + redistest.Server(t).Addr + "/3" }},
		{"postgres", func(t *testing.T) string { return pgtest.Database(t) }},
		{"cluster", func(t *testing.T) string {
			redistest.Require(t)
			if err := startCluster(); err != nil {
				t.Fatal(err)
			}
			return "redis-cluster://" + strings.Join(cluster.Addrs()[:2], "?addr=") + "&prefix=" + rand.Text() + ":"
		}},
	}
}

// cluster is shared by all tests, since it takes two seconds to start; nil if none needed it
// yet. TestMain closes it.
var (
	cluster      *redistest.Group
	startCluster = sync.OnceValue(func() (err error) {
		cluster, err = redistest.StartCluster()
		return err
	})
)

type namedStore struct {
	name string
	make func(t *testing.T) string
}

func TestStoresKeep(t *testing.T) {
	odd := namedStore{"a file with an odd name", func(t *testing.T) string {
		return "sqlite:" + filepath.Join(t.TempDir(), `us?rs #1%20&ü=:'".db`)
	}}
	for _, s := range append(stores(), odd) {
		t.Run(s.name, func(t *testing.T) {
			flags := []string{keyFlag, "-store", s.make(t)}
			first := start(t, flags...)
			made := mustMake(t, first.url, "crm-7", http.StatusCreated)
			if err := first.end(); err != nil {
				t.Fatal(err)
			}
			if path, ok := strings.CutPrefix(flags[2], "sqlite:"); ok {
				if _, err := os.Stat(path); err != nil {
					t.Error(err)
				}
			}
			if kept := mustMake(t, start(t, flags...).url, "CRM-7", http.StatusOK); kept != made {
				t.Errorf("made %+v, kept %+v", made, kept)
			}
		})
	}
}

func TestSyncNormal(t *testing.T) {
	s := start(t, keyFlag, "-sync", "normal", "-store", "sqlite:"+filepath.Join(t.TempDir(), "users.db"))
	mustMake(t, s.url, "crm-7", http.StatusCreated)
}

func TestMemoryForgets(t *testing.T) {
	for range 2 {
		s := start(t, keyFlag, "-store", "memory:")
		mustMake(t, s.url, "crm-7", http.StatusCreated)
		if err := s.end(); err != nil {
			t.Fatal(err)
		}
	}
}

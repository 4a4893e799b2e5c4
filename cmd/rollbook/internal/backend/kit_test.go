package backend_test

import (
	"bytes"
	"log/slog"
	"testing"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/backend"
	"github.com/rollbook-go/rollbook/internal/testing/pgtest"
	"github.com/rollbook-go/rollbook/internal/testing/redistest"
)

// stores returns a -store of each kind that other processes can open, too.
func stores(t *testing.T) map[string]func(*testing.T) string {
	t.Helper()
	return map[string]func(*testing.T) string{
		"sqlite": func(t *testing.T) string { return "sqlite:" + t.TempDir() + "/users.db" },
		"redis": func(t *testing.T) string {
			return "redis://" + redistest.Server(t, "--maxmemory-policy", "noeviction", "--appendonly", "yes").Addr
		},
		"postgres": func(t *testing.T) string { return pgtest.Database(t) },
	}
}

// logged is a log in memory.
func logged() (*slog.Logger, *bytes.Buffer) {
	text := new(bytes.Buffer)
	return slog.New(slog.NewTextHandler(text, nil)), text
}

func newStore(flag string) *backend.Store { return &backend.Store{Store: flag, Sync: "full"} }

// Package swapstore tests a host's own code, here signUp, on every store that it may run on.
// A test chooses its store by one word.
package swapstore

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"github.com/alicebob/miniredis/v2"
	goredis "github.com/redis/go-redis/v9"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
	redisstore "github.com/rollbook-go/rollbook/store/redis"
	sqlitestore "github.com/rollbook-go/rollbook/store/sqlite"
)

// signUp is the host's code. It uses the Manager and knows no store.
func signUp(ctx context.Context, users *enduser.Manager, customer, externalID, email string) (enduser.User, error) {
	return users.Tenant(customer).With(enduser.Policy{UniqueEmail: true}).
		Create(ctx, enduser.Spec{ExternalID: externalID, Email: email})
}

func TestSignUpInMemory(t *testing.T) { testSignUp(t, inMemory(t)) }
func TestSignUpOnSQLite(t *testing.T) { testSignUp(t, onSQLite(t)) }
func TestSignUpOnRedis(t *testing.T)  { testSignUp(t, onRedis(t)) }

func testSignUp(t *testing.T, st store.Store) {
	users := enduser.New(st, nil)
	ann, err := signUp(t.Context(), users, "acme", "crm-7", "ann@example.com")
	if err != nil {
		t.Fatal(err)
	}
	_, err = signUp(t.Context(), users, "acme", "crm-8", "Ann@Example.com")
	conflict, ok := errors.AsType[*enduser.ConflictError](err)
	if !ok || conflict.Field != "email" || conflict.HolderID != ann.ID {
		t.Errorf("a second user with the address: %v", err)
	}
	if _, err := signUp(t.Context(), users, "umbrella", "crm-7", "ann@example.com"); err != nil {
		t.Errorf("another customer's user: %v", err)
	}
}

func inMemory(*testing.T) store.Store { return memory.New(nil) }

func onSQLite(t *testing.T) store.Store {
	st, err := sqlitestore.Open(t.Context(), filepath.Join(t.TempDir(), "users.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	return st
}

// onRedis uses a server inside the test. A client of a real server, of Sentinel or of a
// Cluster works as well.
func onRedis(t *testing.T) store.Store {
	client := redisstore.NewClient(&goredis.UniversalOptions{Addrs: []string{miniredis.RunT(t).Addr()}})
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	st, err := redisstore.New(client, nil)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

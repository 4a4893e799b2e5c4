package redis_test

import (
	"testing"

	goredis "github.com/redis/go-redis/v9"

	"github.com/rollbook-go/rollbook/internal/testing/redistest"
	"github.com/rollbook-go/rollbook/store"
	redisstore "github.com/rollbook-go/rollbook/store/redis"
)

// However often dialing has failed, the first call after a server is back succeeds.
func TestDialsAreNotCounted(t *testing.T) {
	server := redistest.Server(t, "--appendonly", "yes", "--appendfsync", "always")
	st := newStore(t, on(server).clientWith(t, goredis.UniversalOptions{PoolSize: 2}), &redisstore.Options{RetryFor: -1})
	put(t, st, "tenant", store.Create(user("id"), nil))
	server.Kill()
	for range 50 {
		_, err := st.Get(t.Context(), "tenant", store.ID("id"))
		wantError(t, err, store.ErrUnavailable)
	}
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	if _, err := st.Get(t.Context(), "tenant", store.ID("id")); err != nil {
		t.Errorf("the server is back: %v", err)
	}
}

// If a server refuses the user of a connection, nothing is known of records.
func TestRefusedConnection(t *testing.T) {
	server := redistest.Server(t)
	server.Set(t, "requirepass", "right")
	for _, password := range []string{"wrong", ""} {
		// After a long command Redis closes a connection that is not authenticated.
		for _, method := range []string{"Get", "Apply", "List", "Due"} {
			client := on(server).clientWith(t, goredis.UniversalOptions{Password: password})
			wantUnavailable(t, newStore(t, client, nil), method)
		}
	}
}

package redis_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/rollbook-go/rollbook/internal/testing/redistest"
	"github.com/rollbook-go/rollbook/store"
	redisstore "github.com/rollbook-go/rollbook/store/redis"
)

// While a server hangs, every call ends in time, however many there are: the bound holds for
// all the waiting of a call together. The test gives each twice the bound, so that it fails
// only if a call takes much too long.
func TestHungServer(t *testing.T) {
	server := redistest.Server(t)
	const retryFor, readTimeout = 400 * time.Millisecond, 200 * time.Millisecond
	client := on(server).clientWith(t, goredis.UniversalOptions{ReadTimeout: readTimeout})
	st := newStore(t, client, &redisstore.Options{RetryFor: retryFor})
	large := user("large")
	large.Data = make([]byte, store.MaxData)
	large.Due = time.UnixMilli(1)
	for _, r := range []store.Record{user("known"), large} {
		put(t, st, "tenant", store.Create(r, []byte("note")))
	}
	if err := server.Pause(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Resume() }()
	ctx, cancel := context.WithTimeout(t.Context(), 2*(retryFor+readTimeout)+patience/10)
	defer cancel()
	var wg sync.WaitGroup
	for name, call := range everyCall(st) {
		for n := range 40 {
			wg.Go(func() {
				err := call(ctx, n)
				if !errors.Is(err, store.ErrUnavailable) && !errors.Is(err, store.ErrUnknown) || errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%s: %v, want that the server did not answer", name, err)
				}
			})
		}
	}
	wg.Wait()
}

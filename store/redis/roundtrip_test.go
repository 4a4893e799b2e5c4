package redis_test

import (
	"context"
	"net"
	"sync/atomic"
	"testing"

	goredis "github.com/redis/go-redis/v9"

	"github.com/rollbook-go/rollbook/store"
	redisstore "github.com/rollbook-go/rollbook/store/redis"
)

// tripCounter counts what a client sends and waits for.
type tripCounter struct{ trips atomic.Int64 }

func (c *tripCounter) DialHook(next goredis.DialHook) goredis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

func (c *tripCounter) ProcessHook(next goredis.ProcessHook) goredis.ProcessHook {
	return func(ctx context.Context, cmd goredis.Cmder) error {
		c.trips.Add(1)
		return next(ctx, cmd)
	}
}

func (c *tripCounter) ProcessPipelineHook(next goredis.ProcessPipelineHook) goredis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []goredis.Cmder) error {
		c.trips.Add(1)
		return next(ctx, cmds)
	}
}

func TestRoundTrips(t *testing.T) {
	b := onServer(t)
	client := b.client(t)
	st := newStore(t, client, &redisstore.Options{Prefix: b.prefix(t)})
	email := store.Key{Kind: "email", Value: "ann@example.com"}
	ann := store.Record{ID: "1", Kind: "user", Unique: []store.Key{email}, Data: []byte("ann")}
	// The server learns the scripts, the client connects.
	put(t, st, "other", store.Create(ann, nil))
	if _, err := st.Get(t.Context(), "other", email); err != nil {
		t.Fatal(err)
	}
	if _, err := st.Changes(t.Context(), "other", store.ChangeQuery{}); err != nil {
		t.Fatal(err)
	}
	var counter tripCounter
	client.AddHook(&counter)
	known := ann
	known.ID = "2"
	for _, step := range []struct {
		name string
		want int64
		call func() error
	}{
		{"upsert of a new user", 1, func() error {
			_, err := st.Apply(t.Context(), "tenant", store.Ops(store.Create(ann, []byte("note"))))
			return err
		}},
		{"ensure of a known user", 1, func() error {
			_, err := st.Apply(t.Context(), "tenant", store.Ops(store.Create(known, []byte("note"))))
			holder := wantTaken(t, err)
			if string(holder.Data) != "ann" || holder.ID != "1" || holder.Revision != 1 {
				t.Errorf("the holder is %+v", holder)
			}
			return nil
		}},
		{"get by ID", 1, func() error { _, err := st.Get(t.Context(), "tenant", store.ID("1")); return err }},
		{"get by key", 1, func() error { _, err := st.Get(t.Context(), "tenant", email); return err }},
		{"changes", 1, func() error { _, err := st.Changes(t.Context(), "tenant", store.ChangeQuery{}); return err }},
		{"changes again", 1, func() error {
			page, err := st.Changes(t.Context(), "tenant", store.ChangeQuery{Desc: true, Limit: 1})
			if err == nil && len(page.Changes) != 1 {
				t.Errorf("the feed has %+v", page)
			}
			return err
		}},
		{"count", 3, func() error {
			_, err := st.Count(t.Context(), "tenant", store.CountQuery{Kind: "user"})
			return err
		}},
		{"remove", 3, func() error {
			_, err := st.Apply(t.Context(), "tenant", store.Ops(store.Remove("3", "user", nil)))
			wantError(t, err, store.ErrStale)
			return nil
		}},
		{"page", 3, func() error { _, err := st.List(t.Context(), "tenant", store.Query{Kind: "user"}); return err }},
	} {
		before := counter.trips.Load()
		if err := step.call(); err != nil {
			t.Errorf("%s: %v", step.name, err)
		}
		if got := counter.trips.Load() - before; got != step.want {
			t.Errorf("%s: %d round trips, want %d", step.name, got, step.want)
		}
	}
}

package redis_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"github.com/rollbook-go/rollbook/internal/testing/redistest"
	"github.com/rollbook-go/rollbook/store"
	redisstore "github.com/rollbook-go/rollbook/store/redis"
)

func TestContextEndsBeforeAndAfterSending(t *testing.T) {
	server := redistest.Server(t)
	st := on(server).open(t, nil)
	put(t, st, "tenant", store.Create(user("0"), nil))
	if err := server.Pause(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	apply := func(id string) chan error {
		done := make(chan error, 1)
		go func() {
			_, err := st.Apply(ctx, "tenant", store.Ops(store.Create(user(id), nil)))
			done <- err
		}()
		return done
	}
	var sent []chan error
	for pipelines := 1; ; pipelines++ { // until the lane is full
		done := apply("sent" + string(rune('a'+pipelines)))
		redistest.Until(t, "a write is on its way or waits", func() bool {
			p, q := st.InFlight()
			return p+q >= pipelines
		})
		if _, q := st.InFlight(); q > 0 {
			cancel()
			err := <-done
			wantError(t, err, context.Canceled)
			if errors.Is(err, store.ErrUnknown) {
				t.Errorf("a write that was not sent is unknown: %v", err)
			}
			break
		}
		sent = append(sent, done)
	}
	for _, done := range sent {
		wantError(t, <-done, store.ErrUnknown, context.Canceled)
	}
	if err := server.Resume(); err != nil {
		t.Fatal(err)
	}
	page, err := st.List(t.Context(), "tenant", store.Query{Kind: "user"})
	if err != nil || len(page.Records) > 1+len(sent) {
		t.Errorf("%d records, %v; want at most %d: the one that waited was not sent", len(page.Records), err, 1+len(sent))
	}
	_, err = st.Apply(ctx, "tenant", store.Ops(store.Create(user("late"), nil)))
	if !errors.Is(err, context.Canceled) || errors.Is(err, store.ErrUnknown) {
		t.Errorf("after the context's end: %v", err)
	}
}

func TestUnreachable(t *testing.T) {
	ports, err := redistest.FreePorts(1)
	if err != nil {
		t.Fatal(err)
	}
	st := backend{addrs: []string{fmt.Sprint("127.0.0.1:", ports[0])}}.open(t, &redisstore.Options{RetryFor: 20 * time.Millisecond})
	for method := range everyCall(st) {
		wantUnavailable(t, st, method)
	}
	wantError(t, st.CheckServer(t.Context()), store.ErrUnavailable)
}

// A write that a server refuses before it runs the script is unavailable, not unknown.
func TestRefusals(t *testing.T) {
	for _, reply := range []string{
		"OOM command not allowed when used memory > 'maxmemory'.", "LOADING Redis is loading the dataset in memory",
		"READONLY You can't write against a read only replica.", "NOAUTH Authentication required.",
		"CLUSTERDOWN The cluster is down", "MISCONF Redis is configured to save RDB snapshots",
	} {
		m := miniredis.RunT(t)
		st := backend{addrs: []string{m.Addr()}}.open(t, &redisstore.Options{RetryFor: -1})
		if _, err := st.Tenants(t.Context(), store.TenantQuery{}); err != nil { // connected
			t.Fatal(err)
		}
		m.SetError(reply)
		_, err := st.Apply(t.Context(), "tenant", store.Ops(store.Create(user("id"), nil)))
		wantError(t, err, store.ErrUnavailable)
		m.SetError("ERR something else")
		_, err = st.Apply(t.Context(), "tenant", store.Ops(store.Create(user("id"), nil)))
		wantError(t, err, store.ErrUnknown)
	}
}

func TestScriptsAreForgotten(t *testing.T) {
	server := redistest.Server(t)
	b := on(server)
	st := b.open(t, nil)
	for i := range 20 {
		server.Do(t, "script", "flush")
		id := strings.Repeat("x", i+1)
		r := user(id)
		r.Unique = []store.Key{{Kind: "email", Value: id}}
		var wg sync.WaitGroup
		for tenant := range 8 {
			wg.Go(func() {
				rev, err := st.Apply(t.Context(), string(rune('a'+tenant)), store.Ops(store.Create(r, nil)))
				if err != nil || rev != store.Revision(i+1) {
					t.Errorf("revision %d, %v; want %d", rev, err, i+1)
				}
			})
		}
		wg.Wait()
		if _, err := st.Get(t.Context(), "a", r.Unique[0]); err != nil {
			t.Error(err)
		}
		if err := st.Trim(t.Context(), "a", 1); err != nil {
			t.Error(err)
		}
	}
	b.check(t, redisstore.DefaultPrefix)
}

func TestNothingIsLeftRunning(t *testing.T) {
	for _, b := range []backend{onServer(t), onCluster(t)} {
		before := runtime.NumGoroutine()
		client := b.dial()
		prefix := newPrefix()
		st := newStore(t, client, &redisstore.Options{Prefix: prefix})
		var wg sync.WaitGroup
		for i := range 64 {
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*time.Millisecond)
				defer cancel()
				for n := 0; ctx.Err() == nil; n++ {
					_, _ = st.Apply(ctx, "tenant", store.Ops(store.Create(user(strings.Repeat("i", n%50+1)), nil)))
					_, _ = st.Get(ctx, "tenant", store.ID("i"))
				}
			})
		}
		wg.Wait()
		_ = client.Close()
		redistest.Until(t, "goroutines end", func() bool { return runtime.NumGoroutine() <= before })
		b.check(t, prefix)
	}
}

func TestDamagedCounter(t *testing.T) {
	everywhere(t, func(t *testing.T, b backend) {
		prefix := newPrefix()
		st := b.open(t, &redisstore.Options{Prefix: prefix})
		put(t, st, "acme", store.Create(user("id"), nil))
		// The layout is part of the format.
		if err := b.client(t).HSet(t.Context(), prefix+"{527}:r:acme", "", "000000000000000x").Err(); err != nil {
			t.Fatal(err)
		}
		_, err := st.Apply(t.Context(), "acme", store.Ops(store.Create(user("other"), nil)))
		wantError(t, err, store.ErrUnavailable)
	})
}

package redis

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	osexec "os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/rollbook-go/rollbook/internal/testing/ratios"
	"github.com/rollbook-go/rollbook/internal/testing/redistest"
	"github.com/rollbook-go/rollbook/store"
)

const (
	benchCallers = 64
	benchWrites  = 400 // of each caller and pass
	benchDepth   = 16  // requests that redis-benchmark sends at a time
)

// BenchmarkCoalesced compares Apply by 64 callers with two other ways of running the same
// script with the same arguments:
//
//   - x-pooled: EVALSHA over a pool of as many connections as callers. Half of the writes
//     are new users, half are rewrites.
//   - x-redis-benchmark: redis-benchmark -P 16, with as many requests under way as there
//     are callers. All writes are new users.
//
// It also reports how many round trips an upsert of a new user and an Ensure of a known one
// take.
func BenchmarkCoalesced(b *testing.B) {
	tool, err := osexec.LookPath("redis-benchmark")
	if err != nil {
		b.Skip(err)
	}
	server := redistest.Server(b)
	client := NewClient(&goredis.UniversalOptions{Addrs: []string{server.Addr}, PoolSize: benchCallers})
	defer func() { _ = client.Close() }()
	st, err := New(client, nil)
	if err != nil {
		b.Fatal(err)
	}
	pooled := func(ctx context.Context, tenant string, op store.Op) (store.Revision, error) {
		w, err := benchWrite(st, tenant, op)
		if err != nil {
			return 0, err
		}
		cmd := goredis.NewCmd(ctx, w.args...)
		if err := client.Process(ctx, cmd); err != nil {
			return 0, err
		}
		return w.plan.outcome(cmd.Val())
	}
	coalesced := func(ctx context.Context, tenant string, op store.Op) (store.Revision, error) {
		return st.Apply(ctx, tenant, store.Ops(op))
	}
	benchPass(b, 0.5, coalesced) // the server learns the script
	for b.Loop() {
		var r ratios.Set
		for range ratios.Passes(b) {
			server.Do(b, "flushall")
			slow := benchPass(b, 0.5, pooled)
			r.Add("x-pooled", benchPass(b, 0.5, coalesced)/slow)
			server.Do(b, "flushall")
			best := benchTool(b, tool, server.Addr, st)
			ours := benchPass(b, 0, coalesced)
			r.Add("x-redis-benchmark", ours/best)
			r.Add("writes/s", ours)
		}
		upsert, ensure := benchTrips(b, client, st)
		r.Add("round-trips-upsert", upsert)
		r.Add("round-trips-ensure", ensure)
		r.Report(b)
	}
}

// benchWrite returns the command of an op.
func benchWrite(s *Store, tenant string, op store.Op) (*write, error) {
	sp := s.space(tenant)
	p, err := newPlan(sp, store.Ops(op), known{}, newNonce())
	if err != nil {
		return nil, err
	}
	return s.newWrite(sp, p), nil
}

// benchPass returns writes per second. A part of them are rewrites.
func benchPass(b *testing.B, rewrites float64, apply func(context.Context, string, store.Op) (store.Revision, error)) float64 {
	b.Helper()
	var wg sync.WaitGroup
	var failed atomic.Pointer[error]
	data := make([]byte, 600)
	again := int(rewrites * benchWrites)
	start := time.Now()
	for c := range benchCallers {
		wg.Go(func() {
			tenant := fmt.Sprintf("tenant-%d", c%16)
			for i := range benchWrites - again {
				r := benchUser(data)
				rev, err := apply(b.Context(), tenant, store.Create(r, []byte("{}")))
				if err == nil && i < again {
					old := r
					old.Created, old.Revision = rev, rev
					_, err = apply(b.Context(), tenant, store.Replace(old, r, []byte("{}")))
				}
				if err != nil {
					failed.Store(&err)
					return
				}
			}
		})
	}
	wg.Wait()
	if err := failed.Load(); err != nil {
		b.Fatal(*err)
	}
	return benchCallers * benchWrites / time.Since(start).Seconds()
}

func benchUser(data []byte) store.Record {
	id := rand.Text()
	return store.Record{
		ID: id, Kind: "user",
		Unique: []store.Key{{Kind: "external", Value: id}},
		Index:  []store.Key{{Kind: "status", Value: "active"}},
		Data:   data,
	}
}

// benchTool returns the creates per second of redis-benchmark. It replaces __rand_int__ by
// 12 digits; so every create has an ID of its own, a nonce and a unique key.
func benchTool(b *testing.B, tool, addr string, s *Store) float64 {
	b.Helper()
	const random = "__rand_int__"
	r := benchUser(make([]byte, 600))
	w, err := benchWrite(s, "tenant-0", store.Create(r, []byte("{}")))
	if err != nil {
		b.Fatal(err)
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		b.Fatal(err)
	}
	args := []string{
		"-h", host, "-p", port, "-c", strconv.Itoa(benchCallers / benchDepth), "-P", strconv.Itoa(benchDepth),
		"-n", strconv.Itoa(benchCallers * benchWrites), "-r", "1000000000", "-q",
	}
	for _, a := range texts(w.args) {
		a = strings.ReplaceAll(strings.ToValidUTF8(a, "x"), "\x00", "x") // what it cannot send; nobody reads it
		a = strings.ReplaceAll(a, r.ID, strings.Repeat("x", len(r.ID)-12)+random)
		args = append(args, a)
	}
	args[len(args)-len(w.args)+w.repetition-1] = "nonc" + random
	out, err := osexec.CommandContext(b.Context(), tool, args...).Output()
	if err != nil {
		b.Fatal(err)
	}
	text, _, ok := strings.Cut(string(out), " requests per second")
	perSecond, err := strconv.ParseFloat(text[strings.LastIndexAny(text, " ")+1:], 64)
	if !ok || err != nil {
		b.Fatalf("redis-benchmark: %s", out)
	}
	return perSecond
}

// benchTrips returns the round trips of an upsert of a new user, and of an Ensure of it.
func benchTrips(b *testing.B, client goredis.UniversalClient, s *Store) (upsert, ensure float64) {
	b.Helper()
	trips := 0
	client.AddHook(tripHook{&trips})
	r := benchUser(nil)
	if _, err := s.Apply(b.Context(), "tenant-0", store.Ops(store.Create(r, nil))); err != nil {
		b.Fatal(err)
	}
	first := trips
	r.ID = "another"
	if _, err := s.Apply(b.Context(), "tenant-0", store.Ops(store.Create(r, nil))); err == nil {
		b.Fatal("one key has two holders")
	}
	return float64(first), float64(trips - first)
}

// tripHook counts what a client sends and waits for. It is not for concurrent calls.
type tripHook struct{ trips *int }

func (tripHook) DialHook(next goredis.DialHook) goredis.DialHook { return next }

func (h tripHook) ProcessHook(next goredis.ProcessHook) goredis.ProcessHook {
	return func(ctx context.Context, cmd goredis.Cmder) error {
		*h.trips++
		return next(ctx, cmd)
	}
}

func (h tripHook) ProcessPipelineHook(next goredis.ProcessPipelineHook) goredis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []goredis.Cmder) error {
		*h.trips++
		return next(ctx, cmds)
	}
}

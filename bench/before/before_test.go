package before_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/redistest"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
	"github.com/rollbook-go/rollbook/store/redis"
	"github.com/rollbook-go/rollbook/store/sqlite"
)

const (
	callers = 64
	length  = 2 * time.Second
)

func openSQLite(b *testing.B) store.Store {
	b.Helper()
	st, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "users.db"), nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = st.Close() })
	return st
}

func openRedis(b *testing.B) store.Store {
	b.Helper()
	client := redis.NewClient(&goredis.UniversalOptions{Addrs: []string{redistest.Server(b).Addr}})
	b.Cleanup(func() { _ = client.Close() })
	st, err := redis.New(client, nil)
	if err != nil {
		b.Fatal(err)
	}
	return st
}

// person describes the nth user, of about 600 bytes: one unique key and four index terms.
func person(n int64) enduser.Spec {
	first := []string{"Ann", "Bob", "Cleo", "Dana", "Émile", "Fay", "Gus", "Hana"}[n%8]
	last := []string{"Lee", "Ünal", "Okafor", "Smith", "Jones"}[n/8%5]
	return enduser.Spec{
		ExternalID: fmt.Sprintf("crm-%08d", n), Name: first + " " + last, Email: fmt.Sprintf("user%d@example.com", n),
		Language: "en-GB", Groups: []string{fmt.Sprint("group-", n/100)},
		Metadata: enduser.Metadata{"plan": enduser.String("pro"), "note": enduser.String(strings.Repeat("n", 300))},
	}
}

// each calls a function with 1, 2, 3 and so on from all callers until one returns false,
// and returns the seconds that took.
func each(b *testing.B, f func(n int64) (bool, error)) float64 {
	b.Helper()
	var last atomic.Int64
	var wg sync.WaitGroup
	begin := time.Now()
	for range callers {
		wg.Go(func() {
			for {
				more, err := f(last.Add(1))
				if err != nil {
					b.Error(err)
				}
				if !more || err != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	if b.Failed() {
		b.FailNow()
	}
	return time.Since(begin).Seconds()
}

// BenchmarkNew upserts users that are all new.
func BenchmarkNew(b *testing.B) {
	for name, open := range map[string]func(*testing.B) store.Store{"sqlite": openSQLite, "redis": openRedis} {
		b.Run(name, func(b *testing.B) {
			acme := enduser.New(open(b), nil).Tenant("acme")
			var made atomic.Int64
			for b.Loop() {
				begin := time.Now()
				took := each(b, func(n int64) (bool, error) {
					_, outcome, err := acme.Upsert(b.Context(), person(n))
					if err == nil && outcome != enduser.Created {
						err = fmt.Errorf("outcome %v", outcome)
					}
					made.Add(1)
					return time.Since(begin) < length, err
				})
				b.ReportMetric(float64(made.Load())/took, "users/s")
			}
		})
	}
}

// BenchmarkCPU reports the processor time that a new user costs SQLite with
// synchronous=FULL: what a Manager writes is recorded, and then written by 64 callers.
func BenchmarkCPU(b *testing.B) {
	for name, schema := range map[string]enduser.Schema{"names": {}, "no-names": {NoNameIndex: true}} {
		b.Run(name, func(b *testing.B) {
			const users = 30_000
			written := record(b, users, schema)
			st := openSQLite(b)
			for b.Loop() {
				runtime.GC()
				before := processorTime(b)
				each(b, func(n int64) (bool, error) {
					if n > users {
						return false, nil
					}
					_, err := st.Apply(b.Context(), "acme", written[n-1])
					return true, err
				})
				b.ReportMetric((processorTime(b)-before)*1e6/users, "cpu-µs/user")
			}
		})
	}
}

// recorder keeps the batches that are applied.
type recorder struct {
	store.Store
	batches []store.Batch
}

func (r *recorder) Apply(ctx context.Context, tenant string, batch store.Batch) (store.Revision, error) {
	r.batches = append(r.batches, batch)
	return r.Store.Apply(ctx, tenant, batch)
}

// record returns what a Manager writes for so many new users.
func record(b *testing.B, users int64, schema enduser.Schema) []store.Batch {
	b.Helper()
	r := &recorder{Store: memory.New(nil)}
	acme := enduser.New(r, &enduser.Options{Schema: func(string) enduser.Schema { return schema }}).Tenant("acme")
	for n := range users {
		if _, err := acme.Create(b.Context(), person(n+1)); err != nil {
			b.Fatal(err)
		}
	}
	return r.batches
}

func processorTime(b *testing.B) float64 {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}

// BenchmarkList reads pages of 50 from the middle of 2,000 users, on SQLite, one caller.
func BenchmarkList(b *testing.B) {
	acme := enduser.New(openSQLite(b), nil).Tenant("acme")
	each(b, func(n int64) (bool, error) {
		_, err := acme.Create(b.Context(), person(n))
		return n < 2000, err
	})
	half, err := acme.List(b.Context(), enduser.Query{Limit: 500})
	if err != nil {
		b.Fatal(err)
	}
	page := func() {
		p, err := acme.List(b.Context(), enduser.Query{Limit: 50, After: half.Next})
		if err == nil && len(p.Users) != 50 {
			err = errors.New("a short page")
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		pages := 0
		for begin := time.Now(); time.Since(begin) < length/4; pages++ { // warm
			page()
		}
		pages = 0
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		begin := time.Now()
		for ; time.Since(begin) < length; pages++ {
			page()
		}
		took := time.Since(begin)
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(took.Microseconds())/float64(pages), "µs/page")
		b.ReportMetric(float64(after.Mallocs-before.Mallocs)/float64(50*pages), "allocs/user")
	}
	b.ReportMetric(0, "ns/op")
}

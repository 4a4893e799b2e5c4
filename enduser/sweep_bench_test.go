package enduser_test

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/internal/testing/ratios"
	"github.com/rollbook-go/rollbook/store"
	sqlitestore "github.com/rollbook-go/rollbook/store/sqlite"
)

// slowDisk is a store whose writes wait for a disk that takes a time for each commit, and
// share a commit if they were made before it began.
type slowDisk struct {
	store.Store
	commit time.Duration

	mu   sync.Mutex
	busy bool
	next chan struct{} // closed when what was written before is on the disk; nil: nothing was
}

func (d *slowDisk) Unwrap() store.Store { return d.Store }

func (d *slowDisk) Apply(ctx context.Context, tenant string, b store.Batch) (store.Revision, error) {
	rev, err := d.Store.Apply(ctx, tenant, b)
	if err == nil {
		<-d.written()
	}
	return rev, err
}

func (d *slowDisk) written() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.next == nil {
		d.next = make(chan struct{})
	}
	if !d.busy {
		d.busy = true
		go d.commits()
	}
	return d.next
}

func (d *slowDisk) commits() {
	for {
		d.mu.Lock()
		done := d.next
		d.next, d.busy = nil, done != nil
		d.mu.Unlock()
		if done == nil {
			return
		}
		<-time.After(d.commit)
		close(done)
	}
}

// BenchmarkSweep compares a sweep of 10,000 users with 64 callers that make them
// (x-creating).
func BenchmarkSweep(b *testing.B) {
	list := append(allBackends()[:4:4], backend{"sqlite-full", func(tb testing.TB) store.Store {
		tb.Helper()
		st := must(sqlitestore.Open(context.Background(), filepath.Join(tb.TempDir(), "users.db"), nil))(tb)
		tb.Cleanup(func() { _ = st.Close() })
		return st
	}})
	for _, on := range list {
		for _, tenants := range []int{1, 100, 10000} {
			for _, fsync := range []time.Duration{0, 5 * time.Millisecond} {
				b.Run(fmt.Sprintf("%s/tenants=%d/fsync=%v", on.name, tenants, fsync), func(b *testing.B) {
					benchmarkSweep(b, &slowDisk{Store: on.open(b), commit: fsync}, tenants)
				})
			}
		}
	}
}

func benchmarkSweep(b *testing.B, st store.Store, tenants int) {
	b.Helper()
	ctx, w := b.Context(), newWorld(st)
	const users = 10000
	pass := func() (creating, sweeping time.Duration) {
		begun := time.Now()
		var next atomic.Int64
		at(func(int) {
			for i := next.Add(1); i <= users; i = next.Add(1) {
				s := person(int(i))
				s.ExpiresIn = time.Hour
				if _, err := w.users.Tenant(fmt.Sprint("t", i%int64(tenants))).Create(ctx, s); err != nil {
					b.Error(err)
				}
			}
		})
		creating = time.Since(begun)
		w.Advance(time.Hour)
		begun = time.Now()
		if n, err := w.users.Sweep(ctx); n != users || err != nil {
			b.Fatalf("swept %d: %v", n, err)
		}
		return creating, time.Since(begun)
	}
	var r ratios.Set
	for b.Loop() {
		for range ratios.Passes(b) {
			creating, sweeping := pass()
			r.Add("x-creating", float64(creating)/float64(sweeping))
			r.Add("created/s", users/creating.Seconds())
			r.Add("s/sweep", sweeping.Seconds())
		}
	}
	r.Report(b)
}

package memory

import (
	"context"
	"errors"
	"runtime"
	"strconv"
	"testing"
	"weak"

	"github.com/rollbook-go/rollbook/store"
)

// The garbage collector frees all that a dropped tenant had, and the store does not keep
// its name.
func TestDropLeavesNothing(t *testing.T) {
	s := New(nil)
	ctx := t.Context()
	for i := range 3 * chunkSize { // neighbors in the list of names
		apply(t, s, "tenant "+strconv.Itoa(i), store.Create(store.Record{ID: "a", Kind: "user"}, nil))
	}
	const name = "tenant 1000 that leaves"
	apply(t, s, name, store.Create(store.Record{ID: "a", Kind: "user", Due: store.FromMillis(1)}, []byte("note")))
	sh := s.shard(name)
	left := weak.Make(sh.tenants[name])
	waiting, cancel := context.WithCancel(ctx)
	done := make(chan error)
	go func() { done <- s.Wait(waiting, name, 9) }()
	apply(t, s, name, store.Remove("a", "user", []byte("note")))
	if err := s.Drop(ctx, name); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("Wait: %v", err)
	}
	runtime.GC()
	if left.Value() != nil {
		t.Error("the tenant is still in memory")
	}
	if len(sh.waiting) > 0 || s.names.len() != 3*chunkSize {
		t.Errorf("%d bells and %d names are left", len(sh.waiting), s.names.len())
	}
}

func apply(t *testing.T, s *Store, tenant string, ops ...store.Op) {
	t.Helper()
	if _, err := s.Apply(t.Context(), tenant, store.Ops(ops...)); err != nil {
		t.Fatal(err)
	}
}

// fading is a context that ends when it is checked for the n-th time.
type fading struct {
	context.Context
	left int
}

func (f *fading) Err() error {
	if f.left--; f.left < 0 {
		return context.Canceled
	}
	return nil
}

// Verify gives its lock back, and looks at its context, after every stride of entries.
func TestVerifyPauses(t *testing.T) {
	s := New(nil)
	const records = 4 * stride
	for i := 0; i < records; {
		var ops []store.Op
		for ; len(ops) < store.MaxOps; i++ {
			r := store.Record{
				ID: strconv.Itoa(i), Kind: "user", Due: store.FromMillis(int64(i + 1)),
				Unique: []store.Key{{Kind: "k", Value: strconv.Itoa(i)}}, Index: []store.Key{{Kind: "t", Value: "all"}},
			}
			ops = append(ops, store.Create(r, []byte{}))
		}
		apply(t, s, "acme", ops...)
	}
	// Records, unique keys, the kind's two lists, the term's and the feed, 4 strides each, and
	// twice beside them.
	const checks = 6*4 + 2
	for _, mend := range []bool{false, true} {
		for n := 1; n <= checks; n++ {
			ctx := &fading{Context: t.Context(), left: n}
			var last error
			for f, err := range s.Verify(ctx, store.VerifyOptions{Mend: mend}) {
				if last = err; err == nil {
					t.Fatalf("found %+v", f)
				}
			}
			if want := n < checks; errors.Is(last, context.Canceled) != want {
				t.Errorf("mend %v, a context that ends after %d checks: error %v, want one: %v", mend, n, last, want)
			}
			if !s.shard("acme").mu.TryLock() {
				t.Fatal("the lock is still held")
			}
			s.shard("acme").mu.Unlock()
		}
	}
}

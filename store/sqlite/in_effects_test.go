package sqlite_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/size"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/sqlite"
)

// TestInWaiters: a host's commit wakes those that wait, here and in another process.
func TestInWaiters(t *testing.T) {
	path := file(t)
	st := open(t, path, nil)
	there, err := startProcess(t).open(path)
	must(t, err)
	db := hostPool(t, path, "")
	for i := range 4 {
		var wg sync.WaitGroup
		for _, w := range []store.Store{st, there} {
			wg.Go(func() {
				if err := store.Wait(t.Context(), w, "t", store.Revision(i), 0); err != nil {
					t.Error(err)
				}
			})
		}
		tx := begin(t, db)
		apply(t, st.In(tx), "t", store.Create(user(fmt.Sprint(i)), []byte("note")))
		must(t, tx.Commit())
		wg.Wait()
	}
	must(t, there.close())
}

// TestInHoldsUp: other writes wait for the host's transaction, as long as LockTimeout. Both
// are logged once.
func TestInHoldsUp(t *testing.T) {
	path := file(t)
	var log syncBuffer
	st := open(t, path, &sqlite.Options{
		Sync: sqlite.Normal, LockTimeout: time.Second, Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	tx := begin(t, hostPool(t, path, ""))
	in := st.In(tx)
	apply(t, in, "t", store.Create(user("a"), nil))
	_, err := st.Apply(t.Context(), "t", store.Ops(store.Create(user("b"), nil)))
	if !isUnavailable(err, store.ErrUnavailable) {
		t.Errorf("a write beside the transaction: %v", err)
	}
	_, err = st.Get(t.Context(), "t", store.ID("a"))
	if !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a read beside the transaction: %v", err)
	}
	in.Age(time.Second)
	for range 2 {
		_, err = in.Get(t.Context(), "t", store.ID("a"))
		must(t, err)
	}
	must(t, tx.Commit())
	apply(t, st, "t", store.Create(user("b"), nil))
	for _, line := range []string{"a long transaction of the host", "waits for the lock of the file"} {
		if n := strings.Count(log.String(), line); n != 1 {
			t.Errorf("%d lines with %q in the log:\n%s", n, line, log.String())
		}
	}
}

// TestInObserver: calls inside are observed, without a group of their own.
func TestInObserver(t *testing.T) {
	path := file(t)
	var calls []string
	st := open(t, path, &sqlite.Options{Sync: sqlite.Normal, Observer: &store.Observer{
		Call:  func(c store.CallInfo) { calls = append(calls, c.Method) },
		Group: func(store.GroupInfo) { calls = append(calls, "group") },
	}})
	tx := begin(t, hostPool(t, path, ""))
	for call, err := range callsIn(t.Context(), st.In(tx)) {
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: %v", call, err)
		}
	}
	slices.Sort(calls)
	if want := []string{"Apply", "Changes", "Count", "Due", "Get", "List", "Tenants", "Trim"}; !slices.Equal(calls, want) {
		t.Errorf("observed: %q, want %q", calls, want)
	}
}

// TestInLog: a transaction of the host gives the log one mark, however often the store is
// written through, so that it is known as the database's own, and as no other's.
func TestInLog(t *testing.T) {
	path, before := file(t), file(t)
	st := open(t, path, nil)
	apply(t, st, "t", store.Create(user("a"), nil))
	must(t, st.Scrub(t.Context()))
	copyFile(t, path, before)
	apply(t, st, "t", store.Create(user("b"), nil))
	execRaw(t, path, `PRAGMA wal_checkpoint(TRUNCATE)`) // the log begins with the next transaction
	db := hostPool(t, path, "&_pragma=wal_autocheckpoint(0)")
	for i := range 3 {
		tx := begin(t, db)
		for j := range 3 {
			apply(t, st.In(tx), "t", store.Create(user(fmt.Sprintf("%d-%d", i, j)), nil))
		}
		must(t, tx.Commit())
		left := file(t)
		copyFile(t, path, left)
		copyFile(t, path+"-wal", left+"-wal")
		s, err := sqlite.Open(t.Context(), left, nil)
		if err != nil {
			t.Fatalf("after %d transactions: %v", i+1, err)
		}
		if got := users(t, s); len(got) != 2+3*(i+1) {
			t.Errorf("users: %q", got)
		}
		must(t, s.Close())
		stale := file(t)
		copyFile(t, before, stale)
		copyFile(t, path+"-wal", stale+"-wal")
		if _, err := sqlite.Open(t.Context(), stale, nil); !errors.Is(err, sqlite.ErrStaleLog) {
			t.Errorf("an older file with the log: %v", err)
		}
	}
}

// TestInCosts: a Manager in a transaction is cheap enough for every request.
func TestInCosts(t *testing.T) {
	if size.Race {
		t.Skip("the race detector allocates")
	}
	path := file(t)
	st := open(t, path, nil)
	manager := enduser.New(st, nil)
	tx := begin(t, hostPool(t, path, ""))
	var acme enduser.Tenant
	n := testing.AllocsPerRun(100, func() { acme = manager.On(st.In(tx)).Tenant("acme") })
	if n > 5 {
		t.Errorf("%v allocations, want at most 5", n)
	}
	t.Logf("%v allocations for %v", n, acme.Name())
}

// syncBuffer is a buffer for a logger.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// endsAt is a context that ends after it was asked so many times whether it has.
type endsAt struct {
	context.Context
	left int
}

func (c *endsAt) Err() error {
	if c.left--; c.left < 0 {
		return context.Canceled
	}
	return nil
}

// TestInEndsMeanwhile: a call inside whose context ends while it runs is done, or nothing of
// it is, and the transaction goes on.
func TestInEndsMeanwhile(t *testing.T) {
	const entries = 2100 // more than two steps of a trim
	path := file(t)
	st := open(t, path, &sqlite.Options{Sync: sqlite.Normal})
	var ops []store.Op
	for i := range entries {
		ops = append(ops, store.Create(user(fmt.Sprint(i)), []byte("note")))
	}
	create(t, st, "t", ops)
	db := hostPool(t, path, "")
	for left := range 4 {
		tx := begin(t, db)
		in := st.In(tx)
		trim := in.Trim(&endsAt{t.Context(), left}, "t", entries)
		page, err := in.Changes(t.Context(), "t", store.ChangeQuery{Desc: true, Limit: 1})
		must(t, err)
		if want := store.Revision(entries - 1); trim == nil && page.Trimmed != want || trim != nil && page.Trimmed != 0 {
			t.Errorf("Trim: %v, but it is trimmed through %d", trim, page.Trimmed)
		}
		_, list := in.List(&endsAt{t.Context(), left}, "t", store.Query{Kind: "user", Limit: 1000})
		_, due := in.Due(&endsAt{t.Context(), left}, store.DueQuery{Before: store.FromMillis(1)})
		_, count := in.Count(&endsAt{t.Context(), left}, "t", store.CountQuery{Kind: "user"})
		for call, err := range map[string]error{"Trim": trim, "List": list, "Due": due, "Count": count} {
			if err != nil && (!errors.Is(err, context.Canceled) || errors.Is(err, store.ErrAborted)) {
				t.Errorf("%s: %v", call, err)
			}
		}
		apply(t, in, "t", store.Create(user(fmt.Sprint("more ", left)), nil))
		must(t, tx.Rollback())
	}
}

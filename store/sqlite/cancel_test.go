package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/sqlite"
)

// TestCancel ends the contexts of creates at random moments. What fails without
// ErrUnknown must not be there; a create that is repeated until it is done was
// done once; and a call right after a canceled one never suffers from it.
func TestCancel(t *testing.T) {
	const callers = 4
	path := file(t)
	s := open(t, path, nil)
	var wg sync.WaitGroup
	outcomes := make([]struct{ done, absent, unknown, unknownDone int }, callers)
	for caller := range callers {
		wg.Go(func() {
			o := &outcomes[caller]
			for i := range times(3000, 300) / callers {
				id := fmt.Sprint(caller, "-", i)
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rand.IntN(600))*time.Microsecond)
				create := store.Create(store.Record{
					ID: id, Kind: "user", Unique: []store.Key{{Kind: "external", Value: id}},
				}, []byte(id))
				_, err := s.Apply(ctx, "t", store.Ops(create))
				cancel()
				_, found := s.Get(t.Context(), "t", store.ID(id))
				if found != nil && !errors.Is(found, store.ErrNotFound) {
					t.Errorf("the call after a canceled one: %v", found)
				}
				switch {
				case err == nil:
					o.done++
					if found != nil {
						t.Errorf("done and absent")
					}
				case !errors.Is(err, context.DeadlineExceeded):
					t.Errorf("canceled: %v", err)
				case errors.Is(err, store.ErrUnknown):
					o.unknown++
				default:
					o.absent++
					if found == nil {
						t.Errorf("failed but committed: %v", err)
					}
				}
				if err == nil {
					continue
				}
				switch _, again := s.Apply(t.Context(), "t", store.Ops(create)); {
				case again == nil:
				case errors.Is(again, store.ErrStale) && errors.Is(err, store.ErrUnknown):
					o.unknownDone++
				default:
					t.Errorf("%v, and repeated: %v", err, again)
				}
			}
		})
	}
	wg.Wait()
	t.Logf("%+v", outcomes)

	feed := readFeed(t, s, "t", nil)
	seen := make(map[string]bool)
	for _, c := range feed {
		if c.Type != store.Created || seen[c.ID] {
			t.Errorf("%v %s: not one creation", c.Type, c.ID)
		}
		seen[c.ID] = true
	}
	if want := times(3000, 300); len(feed) != want {
		t.Errorf("%d entries in the feed, want %d", len(feed), want)
	}
	checkFile(t, path)
}

// TestReadCancelled ends the contexts of reads at random moments: each returns
// the context's error or the whole page.
func TestReadCancelled(t *testing.T) {
	s := open(t, file(t), nil)
	var ops []store.Op
	for i := range 100 {
		ops = append(ops, store.Create(store.Record{
			ID: fmt.Sprint(i), Kind: "user", Data: make([]byte, 2000), Due: store.FromMillis(1),
		}, []byte("note")))
	}
	if _, err := s.Apply(t.Context(), "t", store.Ops(ops...)); err != nil {
		t.Fatal(err)
	}
	for range times(1000, 100) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rand.IntN(1000))*time.Microsecond)
		page, err := s.List(ctx, "t", store.Query{Kind: "user"})
		whole(t, len(page.Records), err)
		due, err := s.Due(ctx, store.DueQuery{Before: store.FromMillis(2)})
		found := 0
		for _, tenant := range due.Tenants {
			found += len(tenant.Records)
		}
		whole(t, found, err)
		changes, err := s.Changes(ctx, "t", store.ChangeQuery{})
		whole(t, len(changes.Changes), err)
		cancel()
		if _, err := s.Get(t.Context(), "t", store.ID("7")); err != nil {
			t.Fatalf("the call after a canceled one: %v", err)
		}
	}
}

func whole(t *testing.T, n int, err error) {
	t.Helper()
	if errors.Is(err, context.DeadlineExceeded) && n == 0 || err == nil && n == 100 {
		return
	}
	t.Errorf("%d items of 100, %v", n, err)
}

// TestContention has 8 callers read and write one record, half of them through
// another store.
func TestContention(t *testing.T) {
	path := file(t)
	stores := []*sqlite.Store{open(t, path, nil), open(t, path, nil)}
	if _, err := stores[0].Apply(t.Context(), "t", store.Ops(store.Create(store.Record{ID: "n", Kind: "counter"}, nil))); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for caller := range 8 {
		wg.Go(func() {
			s := stores[caller%2]
			for done := 0; done < 50; {
				old, err := s.Get(t.Context(), "t", store.ID("n"))
				if err != nil {
					t.Error(err)
					return
				}
				r := old
				r.Data = append(r.Data, byte(caller))
				switch _, err = s.Apply(t.Context(), "t", store.Ops(store.Replace(old, r, nil))); {
				case err == nil:
					done++
				case !errors.Is(err, store.ErrStale):
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	r, err := stores[0].Get(t.Context(), "t", store.ID("n"))
	if err != nil || r.Revision != 401 || len(r.Data) != 400 {
		t.Errorf("revision %d with %d bytes after 400 writes, %v", r.Revision, len(r.Data), err)
	}
}

// TestLocked holds the lock of the file elsewhere. A caller whose context ends
// leaves at once and has written nothing; one that waits is served when the lock
// is free; and LockTimeout ends the waiting of those without a deadline.
func TestLocked(t *testing.T) {
	path := file(t)
	patient := open(t, path, nil)
	hasty := open(t, path, &sqlite.Options{LockTimeout: 50 * time.Millisecond})
	create := func(id string) store.Op { return store.Create(store.Record{ID: id, Kind: "user"}, nil) }

	db := rawOpen(t, path)
	defer db.Close()
	locker, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer locker.Close()
	execute(t, locker, `BEGIN IMMEDIATE`)

	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := patient.Apply(ctx, "t", store.Ops(create("left"))); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, store.ErrUnknown) {
		t.Errorf("with a deadline: %v", err)
	}
	if _, err := hasty.Apply(t.Context(), "t", store.Ops(create("hasty"))); !errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrUnknown) {
		t.Errorf("after LockTimeout: %v", err)
	}
	if _, err := patient.Get(t.Context(), "t", store.ID("left")); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a read does not wait: %v", err)
	}
	waited := make(chan error, 1)
	go func() {
		_, err := patient.Apply(t.Context(), "t", store.Ops(create("waited")))
		waited <- err
	}()
	eventually(t, "the write waits", func() bool { return patient.Queued() == 1 })
	execute(t, locker, `ROLLBACK`)
	if err := <-waited; err != nil {
		t.Errorf("when the lock is free: %v", err)
	}
	page, err := patient.List(t.Context(), "t", store.Query{Kind: "user"})
	if err != nil || len(page.Records) != 1 || page.Records[0].ID != "waited" {
		t.Errorf("what was written: %v, %v", page, err)
	}
}

func execute(t *testing.T, conn *sql.Conn, query string) {
	t.Helper()
	if _, err := conn.ExecContext(t.Context(), query); err != nil {
		t.Fatal(err)
	}
}
